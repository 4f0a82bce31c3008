"""What a type checker says of a program that uses maml: read by `mypy --strict` (scripts/test-python), never run."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import maml

x, y = np.zeros((2, 5, 1), "f4"), np.zeros((2, 5, 1), "f4")
model = maml.Model(input=[1], layers=["linear 40", "relu", "linear 1"])
params = model.init(seed=0)
at: NDArray[np.float32] = params["linear1.weight"]
result = maml.meta_gradient(model, params, (x, y), (x, y), inner_lr=0.01, inner_steps=5)
assert_type(result, maml.MetaGradient)
assert_type(maml.loss(model, params, x[0], y[0]), float)
learner = maml.MetaLearner(model, inner_lr=0.01).fit("sinusoid-10shot", iterations=1)
assert_type(learner, maml.MetaLearner)
adapted = learner.adapt(x[0], y[0], steps=3)
assert_type(adapted, maml.AdaptedModel)
assert_type(learner.score("sinusoid-10shot"), maml.Score)
assert_type(maml.__version__, str)
try:
    adapted.save("adapted.safetensors")
except maml.Error as error:
    assert_type(str(error), str)
learner.fit(iterations=None, callback=lambda progress: print(progress.iteration))
learner.adapt(x[0], steps=3)  # type: ignore[call-arg]
learner.fit(iterations="many")  # type: ignore[arg-type]
maml.Model(layers=40)  # type: ignore[arg-type]
