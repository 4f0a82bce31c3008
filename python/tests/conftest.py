import os
import signal
import threading
import time

import numpy as np
import pytest

import maml


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def seconds_after_ctrl_c(call, after):
    """Of which the call, ended by a Ctrl-C `after` seconds, took so many."""
    pressed = []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins without

    def press():
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)  # of the process, as a terminal's
    timer = threading.Timer(after, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        call()
    ended = time.monotonic()
    timer.join()
    return ended - pressed[0]


def small(loss="mse"):
    return maml.Model(input=[3], layers=["linear 5", "tanh", "linear 2"], loss=loss)


def conv():
    layers = ["conv2d 3 kernel=3 stride=1 padding=same", "tanh", "flatten", "linear 4"]
    return maml.Model(input=[6, 5, 2], layers=layers, loss="cross_entropy")


def regression(rng, tasks=3, rows=(4, 5), dtype="float64"):
    return tuple((rng.normal(size=(tasks, n, 3)).astype(dtype), rng.normal(size=(tasks, n, 2)).astype(dtype))
                 for n in rows)


def sine(rng, rows=20):
    """A task of the sinusoid, split in two."""
    a, phase = rng.uniform(0.1, 5), rng.uniform(0, np.pi)
    x = rng.uniform(-5, 5, (rows, 1)).astype("f4")
    y = (a * np.sin(x - phase)).astype("f4")
    return (x[:10], y[:10]), (x[10:], y[10:])


def regressor(**options):
    model = maml.Model(input=[1], layers=["linear 24", "relu", "linear 24", "relu", "linear 1"])
    return maml.MetaLearner(model, **{"inner_lr": 0.01, "data_tasks": 6, **options})
