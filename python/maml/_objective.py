from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _arrays, _maml, _options
from ._maml import Error

Arrays = dict[str, np.ndarray]


class Objective:
    """A network of another framework, by functions of named NumPy arrays. Goes wherever a maml.Model goes: MetaLearner,
    meta_gradient, Adaptation, loss, gradient, hvp.

        maml.Objective.from_jax(apply, params, input=[12, 3], outputs=1)       # apply(params, x) -> outputs
        maml.Objective.from_torch(module, input=[12, 3], outputs=5, loss="cross_entropy")
        maml.Objective(params, loss, gradient, hvp, input=[3], outputs=2)      # by hand

    params: initial arrays by name; shapes are theirs. Of one task's batch, with x (rows, ..input) and y
    (rows, targets), or of a classifier (rows,) whole numbers from 0:
      loss(params, x, y): a number;
      gradient(params, x, y): arrays by name; or (loss, arrays), which saves a call of loss;
      hvp(params, x, y, v): H v, the derivative of gradient along v, by name. None: algorithms of the first order only
        (fomaml, reptile);
      predict(params, x): outputs (rows, outputs). None: adapted models predict nothing, and what is measured beside
        the loss is the loss itself; else accuracy, or the mean squared error of what predict gives.
    Arrays come as float32 (in training) or float64 (dtype="float64"), and are the function's own to keep. The functions
    must depend on their arguments alone: no dropout, no counters. They are called with the GIL, from worker threads too
    (threads=1, MetaLearner's default for objectives: from the calling thread alone).

    outputs: values a row; a classifier's classes. targets: values of y a row (None: outputs). classifier: y is labels.
    name: stands in messages and in a saved config.
    """

    def __init__(self, params: _arrays.Params, loss: Callable[[Arrays, np.ndarray, np.ndarray], float],
                 gradient: Callable[[Arrays, np.ndarray, np.ndarray], Any],
                 hvp: Callable[[Arrays, np.ndarray, np.ndarray, Arrays], Mapping[str, Any]] | None = None,
                 predict: Callable[[Arrays, np.ndarray], Any] | None = None, *, input: Sequence[int], outputs: int = 1,
                 targets: int | None = None, classifier: bool = False, name: str = "objective"):
        arrays = _arrays.border(params)
        self.name = _arrays.text(name, "name")
        self.input: tuple[int, ...] = tuple(_arrays.extents(input, f"{name}.input"))
        """Extents of one input."""
        self.outputs = _arrays.number(outputs, f"{name}.outputs", 1)
        """Values the network gives for one input."""
        self.targets = (1 if classifier else self.outputs if targets is None
                        else _arrays.number(targets, f"{name}.targets", 1))
        """Values of y a row (1 for labels)."""
        self.is_classifier = bool(classifier)
        self.shapes: dict[str, tuple[int, ...]] = {key: value.shape for key, value in arrays.items()}
        """Names and shapes of the parameters."""
        for what, function in (("loss", loss), ("gradient", gradient), ("hvp", hvp), ("predict", predict)):
            if not callable(function) and not (function is None and what in ("hvp", "predict")):
                raise Error(f"[{name}.{what}] is a {type(function).__name__}, but must be a function")
        calls = _Calls(name, self.shapes, loss, gradient, hvp, predict, self.is_classifier, self.outputs)
        metric = "loss" if predict is None else "accuracy" if classifier else "mse"
        if metric == "mse" and self.targets != self.outputs:
            metric, calls.measures_loss = "loss", True
        self._own = _maml.Model.of_calls(name, calls, arrays, list(self.input), self.outputs, self.targets,
                                         self.is_classifier, metric, hvp is not None, predict is not None)
        self._options = _options.make({"model_input": list(self.input), "model_layers": [f"objective {name}"],
                                       "model_loss": self.loss})

    @property
    def loss(self) -> str:
        """cross_entropy for a classifier, else mse: what y is like; the loss itself is the function's."""
        return self._own.loss

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self._own.size

    def init(self, seed: int = 0, dtype: Any = "float32") -> Arrays:
        """The initial arrays, whatever the seed."""
        return _arrays.initial(self._own, seed, dtype)

    def __repr__(self) -> str:
        return f"maml.Objective({self.name!r}, input={list(self.input)}, {self.size} parameters)"

    @classmethod
    def from_jax(cls, apply: Callable[[Any, Any], Any], params: Any, *, input: Sequence[int], outputs: int = 1,
                 loss: Any = "mse", targets: int | None = None, classifier: bool | None = None,
                 name: str = "jax") -> "Objective":
        """Of a JAX function apply(params, x) -> outputs (rows, outputs). params: any pytree of arrays; names are the
        keys on the way to a leaf, joined by dots. loss: "mse", "cross_entropy", or a function of (outputs, y). The
        gradient is jit(value_and_grad), hvp is jit(jvp of grad): compiled once for each shape of x."""
        from . import _jax
        return _jax.objective(cls, apply, params, input=input, outputs=outputs, loss=loss, targets=targets,
                              classifier=_is_classifier(loss, classifier), name=name)

    @classmethod
    def from_torch(cls, module: Any, *, input: Sequence[int], outputs: int = 1, loss: Any = "mse",
                   targets: int | None = None, classifier: bool | None = None, name: str = "torch") -> "Objective":
        """Of a PyTorch module: module(x) -> outputs (rows, outputs), x (rows, ..input). Parameters are those with
        requires_grad; the module itself is left as it is, and computes on the device it is on. loss: "mse",
        "cross_entropy", or a function of (outputs, y). hvp is double backward: attention runs in its plain math form
        and recurrent cells unfused, since the fused ones have no second derivative. Dropout must be off. One call at a
        time."""
        from . import _torch
        return _torch.objective(cls, module, input=input, outputs=outputs, loss=loss, targets=targets,
                                classifier=_is_classifier(loss, classifier), name=name)


def _is_classifier(loss: Any, given: bool | None) -> bool:
    if not callable(loss) and loss not in ("mse", "cross_entropy"):
        raise Error(f"[loss] is {loss!r}, but must be 'mse', 'cross_entropy', or a function of (outputs, y)")
    if given is not None and not callable(loss) and given != (loss == "cross_entropy"):
        raise Error(f"[classifier] is {given}, but the loss is {loss} (leave classifier out)")
    return loss == "cross_entropy" if given is None else bool(given)


class _Calls:
    """What the engine calls (bindings/objective.cpp): flat arrays of its type in and out."""

    def __init__(self, name: str, shapes: Mapping[str, tuple[int, ...]], loss: Any, gradient: Any, hvp: Any,
                 predict: Any, labels: bool, width: int):
        self.name, self.labels, self.width = name, labels, width
        self.measures_loss = predict is None
        self.loss_of, self.gradient_of, self.hvp_of, self.predict_of = loss, gradient, hvp, predict
        self.parts, at = [], 0
        for key, shape in shapes.items():
            size = int(np.prod(shape, dtype=int))
            self.parts.append((key, shape, slice(at, at + size)))
            at += size
        self.size = at

    def named(self, flat: np.ndarray) -> Arrays:
        return {key: flat[part].reshape(shape) for key, shape, part in self.parts}

    def flat(self, arrays: Any, what: str, dtype: Any) -> np.ndarray:
        if not isinstance(arrays, Mapping):
            raise Error(f"[{self.name}.{what}] gave a {type(arrays).__name__}, but must give arrays by name")
        result = np.empty(self.size, dtype)
        if unknown := arrays.keys() - {key for key, _, _ in self.parts}:
            raise Error(f"[{self.name}.{what}] gave {', '.join(sorted(map(str, unknown)))}, which is no parameter")
        for key, shape, part in self.parts:
            if key not in arrays:
                raise Error(f"[{self.name}.{what}] gave nothing for {key} (it gave {', '.join(map(str, arrays))})")
            value = np.asarray(arrays[key])
            if value.shape != shape:
                raise Error(f"[{self.name}.{what}] gave {key} of shape {_arrays.shape_text(value.shape)}, but the "
                            f"parameter is {_arrays.shape_text(shape)}")
            result[part] = value.ravel()
        return result

    def targets(self, y: np.ndarray) -> np.ndarray:
        return y[:, 0].astype(np.int64) if self.labels else y

    def number(self, value: Any) -> float:
        if np.ndim(value) != 0:
            raise Error(f"[{self.name}.loss] gave an array of shape {_arrays.shape_text(np.shape(value))}, but must "
                        "give one number (take the mean over the rows)")
        return float(value)

    def predicted(self, params: Arrays, x: np.ndarray) -> np.ndarray:
        outputs = np.asarray(self.predict_of(params, x))
        return _arrays.require_outputs(outputs, len(x), self.width, f"{self.name}.predict")

    def metric(self, params: Arrays, x: np.ndarray, y: np.ndarray, loss: float) -> float:
        if self.measures_loss:
            return loss
        outputs = self.predicted(params, x)
        return float(np.mean(outputs.argmax(1) == y) if self.labels else np.mean((outputs - y) ** 2))

    def evaluate(self, theta: np.ndarray, x: np.ndarray, y: np.ndarray, measures: bool) -> tuple[float, float]:
        params, y = self.named(theta), self.targets(y)
        loss = self.number(self.loss_of(params, x, y))
        return loss, self.metric(params, x, y, loss) if measures else 0.0

    def gradient(self, theta: np.ndarray, x: np.ndarray, y: np.ndarray,
                 measures: bool) -> tuple[float, float, np.ndarray]:
        params, y = self.named(theta), self.targets(y)
        result = self.gradient_of(params, x, y)
        if isinstance(result, tuple):
            loss, result = self.number(result[0]), result[1]
        else:
            loss = self.number(self.loss_of(params, x, y))
        return loss, self.metric(params, x, y, loss) if measures else 0.0, self.flat(result, "gradient", theta.dtype)

    def hvp(self, theta: np.ndarray, x: np.ndarray, y: np.ndarray, v: np.ndarray) -> np.ndarray:
        return self.flat(self.hvp_of(self.named(theta), x, self.targets(y), self.named(v)), "hvp", theta.dtype)

    def outputs(self, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(self.predicted(self.named(theta), x), theta.dtype)
