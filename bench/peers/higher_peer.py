"""higher 0.2.1, as its own MAML example uses it: innerloop_ctx and a differentiable SGD, tasks in a loop. The optimiser
has the adapted parameters only. For ANIL the loop is about the last layer alone."""

import peer
from torch_peer import TorchSystem

FORMS = ["loop"]


class HigherPeer(TorchSystem):
    def __init__(self, w, form, dtype, threads):
        import higher

        super().__init__(w, dtype, threads)
        self.higher = higher
        self.second_order = w.algorithm != "fomaml"

    def inner_loop(self, second_order):
        whole = self.net.module.head if self.w.algorithm == "anil" else self.net.module
        adapted = [p for name, p in self.net.module.named_parameters() if self.w.adapts(self.net.border(name))]
        optimiser = self.torch.optim.SGD(adapted, lr=self.w.alpha)
        return self.higher.innerloop_ctx(whole, optimiser, copy_initial_weights=False, track_higher_grads=second_order)

    def gradient(self, batch):
        anil = self.w.algorithm == "anil"
        for support_x, support_y, query_x, query_y in zip(*batch):
            if anil:
                support_x, query_x = self.net.module.features(support_x), self.net.module.features(query_x)
            with self.inner_loop(self.second_order) as (fast, optimiser):
                for _ in range(self.w.steps):
                    optimiser.step(self.net.loss(fast(support_x), support_y, self.w.loss_scale()[0]))
                loss = self.net.loss(fast(query_x), query_y, self.w.loss_scale()[1]) / self.w.tasks
                if self.second_order:
                    loss.backward()
                    continue
                gradient = self.torch.autograd.grad(loss, list(fast.parameters()))
                for p, g in zip(self.net.module.parameters(), gradient):
                    p.grad = g if p.grad is None else p.grad + g

    def outputs(self, x, y, steps, rows):
        with self.inner_loop(False) as (fast, optimiser):
            for _ in range(steps):
                optimiser.step(self.net.loss(fast(x), y, self.w.loss_scale()[0]))
            with self.torch.no_grad():
                return fast(rows, len(x))


if __name__ == "__main__":
    peer.main(HigherPeer, FORMS)
