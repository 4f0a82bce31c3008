import numpy as np
import pytest

import maml


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def small(loss="mse"):
    return maml.Model(input=[3], layers=["linear 5", "tanh", "linear 2"], loss=loss)


def conv():
    layers = ["conv2d 3 kernel=3 stride=1 padding=same", "tanh", "flatten", "linear 4"]
    return maml.Model(input=[6, 5, 2], layers=layers, loss="cross_entropy")


def regression(rng, tasks=3, rows=(4, 5), dtype="float64"):
    return tuple((rng.normal(size=(tasks, n, 3)).astype(dtype), rng.normal(size=(tasks, n, 2)).astype(dtype))
                 for n in rows)
