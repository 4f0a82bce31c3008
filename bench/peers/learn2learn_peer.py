"""learn2learn 0.2: its MAML class, as its examples use it (clone, adapt, backward), tasks in a loop. For ANIL the class
wraps the last layer alone, as in its example of that.

Its package pulls in environments and data sets that nothing here needs, and does not build with a current Cython; the
class itself is plain Python. So only that part of the package is imported."""

import importlib.machinery
import importlib.util
import sys
import types

import peer
from torch_peer import TorchSystem

FORMS = ["loop"]


def import_maml():
    """learn2learn.algorithms.maml without the rest of the package."""
    spec = importlib.machinery.PathFinder.find_spec("learn2learn")
    if spec is None:
        raise ImportError("learn2learn is not installed")
    for name, folders in (
        ("learn2learn", list(spec.submodule_search_locations)),
        ("learn2learn.algorithms", [f"{folder}/algorithms" for folder in spec.submodule_search_locations]),
    ):
        package = types.ModuleType(name)
        package.__path__ = folders
        sys.modules[name] = package
    from learn2learn.algorithms import maml

    return maml


class Learn2learnPeer(TorchSystem):
    def __init__(self, w, form, dtype, threads):
        super().__init__(w, dtype, threads)
        self.l2l, self.first_order = import_maml(), w.algorithm == "fomaml"

    def prepare(self, parameters):
        super().prepare(parameters)
        whole = self.net.module.head if self.w.algorithm == "anil" else self.net.module
        self.maml = self.l2l.MAML(whole, lr=self.w.alpha, first_order=self.first_order)

    def step(self, learner, loss, first_order):
        """learner.adapt(loss), but for parameters that are not adapted (the norms' biases): adapt knows of none."""
        names = [name for name, _ in learner.module.named_parameters()]
        if all(self.w.adapts(self.net.border(name)) for name in names if name.startswith("features")):
            learner.adapt(loss, first_order=first_order)
            return
        adapted = [p for n, p in learner.module.named_parameters() if self.w.adapts(self.net.border(n))]
        found = iter(self.torch.autograd.grad(loss, adapted, create_graph=not first_order))
        gradients = [next(found) if self.w.adapts(self.net.border(name)) else None for name in names]
        learner.module = self.l2l.maml_update(learner.module, learner.lr, gradients)

    def gradient(self, batch):
        anil = self.w.algorithm == "anil"
        for support_x, support_y, query_x, query_y in zip(*batch):
            if anil:
                support_x, query_x = self.net.module.features(support_x), self.net.module.features(query_x)
            learner = self.maml.clone()
            for _ in range(self.w.steps):
                loss = self.net.loss(learner(support_x), support_y, self.w.loss_scale()[0])
                self.step(learner, loss, self.first_order)
            loss = self.net.loss(learner(query_x), query_y, self.w.loss_scale()[1])
            (loss / self.w.tasks).backward()

    def outputs_function(self, steps):
        def outputs(x, y, rows):
            learner = self.maml.clone()
            for _ in range(steps):
                self.step(learner, self.net.loss(learner(x), y, self.w.loss_scale()[0]), first_order=True)
            with self.torch.no_grad():
                return learner(rows, len(x))

        return outputs


if __name__ == "__main__":
    peer.main(Learn2learnPeer, FORMS)
