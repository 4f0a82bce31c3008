"""higher 0.2.1, as its own MAML example uses it: innerloop_ctx and a differentiable SGD, tasks in a loop. The optimiser
has the adapted parameters only. Second order alone."""

import peer
from torch_peer import TorchSystem

FORMS = ["loop"]


class HigherPeer(TorchSystem):
    def __init__(self, w, form, dtype, threads):
        import higher

        if w.algorithm != "maml":
            raise ValueError(f"{w.name}: higher is measured on second-order workloads alone")
        super().__init__(w, dtype, threads)
        self.higher = higher

    def gradient(self, batch):
        module = self.net.module
        adapted = [p for name, p in module.named_parameters() if self.w.adapts(self.net.border(name))]
        inner = self.torch.optim.SGD(adapted, lr=self.w.alpha)
        for support_x, support_y, query_x, query_y in zip(*batch):
            with self.higher.innerloop_ctx(module, inner, copy_initial_weights=False) as (fast, optimiser):
                for _ in range(self.w.steps):
                    optimiser.step(self.net.loss(fast(support_x), support_y, self.w.loss_scale()[0]))
                loss = self.net.loss(fast(query_x), query_y, self.w.loss_scale()[1])
                (loss / self.w.tasks).backward()


if __name__ == "__main__":
    peer.main(HigherPeer, FORMS)
