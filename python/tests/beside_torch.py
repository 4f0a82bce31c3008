"""maml and torch in one process, imported in the order given: both compute.

    beside_torch.py FIRST SECOND
"""
import importlib
import sys

for name in sys.argv[1:]:
    importlib.import_module(name)

import maml  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

model = maml.Model(input=[1], layers=["linear 8", "relu", "linear 1"])
x = np.ones((2, 5, 1), "f4")
assert np.isfinite(maml.meta_gradient(model, model.init(0), (x, x), (x, x)).loss)
assert (torch.ones(64, 64) @ torch.ones(64, 64) == 64).all()
