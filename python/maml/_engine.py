from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from . import _arrays, _maml, _options
from ._maml import Error
from ._model import Model
from ._objective import Objective

MIB = 1 << 20


class MetaGradient(NamedTuple):
    """What meta_gradient returns."""

    loss: float
    """Mean over the tasks of the query loss after adaptation."""
    losses: np.ndarray
    """That of each task, (tasks,)."""
    gradient: dict[str, np.ndarray]
    """Mean over the tasks of the gradient, by parameter name; where rates are learned also alpha.NAME (or alpha)."""


def loss(model: Model | Objective, params: _arrays.Params, x: Any, y: Any, *, weights: Any = None, shots: int = 1,
         dtype: Any = None) -> float:
    """The loss of one batch. x: (rows, ..input), images H, W, C in [0, 1]; y: (rows,) whole numbers from 0 for
    cross_entropy, else (rows, targets). weights: (rows,) what each row's loss is multiplied by before the mean over the
    rows (advantages of a policy gradient; what makes classes count alike); mse takes none. shots: what the
    normalisation sum/shots divides by. dtype: float32 or float64; None: that of the parameters."""
    kind = _arrays.dtype_of(params, dtype)
    return float(_arrays.call("loss", kind)(model._own, _arrays.border(params),
                                            *_arrays.batch(model, x, y, weights, kind), shots))


def gradient(model: Model | Objective, params: _arrays.Params, x: Any, y: Any, *, weights: Any = None,
             shots: int = 1, dtype: Any = None) -> dict[str, np.ndarray]:
    """The gradient of `loss` by every parameter, by name."""
    kind = _arrays.dtype_of(params, dtype)
    return _arrays.call("gradient", kind)(model._own, _arrays.border(params),
                                          *_arrays.batch(model, x, y, weights, kind), shots)


def hvp(model: Model | Objective, params: _arrays.Params, x: Any, y: Any, v: _arrays.Params, *, weights: Any = None,
        shots: int = 1, dtype: Any = None) -> dict[str, np.ndarray]:
    """H v: the Hessian of `loss` times v (named arrays, as params), exact."""
    kind = _arrays.dtype_of(params, dtype)
    return _arrays.call("hvp", kind)(model._own, _arrays.border(params), *_arrays.batch(model, x, y, weights, kind),
                                     _arrays.border(v, "v"), shots)


def _inner(inner_lr: Any, inner_steps: Any, algorithm: str, keywords: Mapping[str, Any]) -> Any:
    for keyword in keywords:
        if not keyword.startswith("inner_") and keyword not in ("data_ways", "data_shots"):
            raise Error(f"[{keyword}] is no option of an inner loop (those begin with inner_: the keys of [inner])")
    return _options.make({"algorithm": algorithm, "inner_lr": inner_lr, "inner_steps": inner_steps, **keywords})


def meta_gradient(model: Model | Objective, params: _arrays.Params, support: Any, query: Any, *, inner_lr: Any = 0.01,
                  inner_steps: int = 1, algorithm: str = "maml", dtype: Any = None, threads: int = 0,
                  memory_mib: int = _maml.default_memory_mib, support_weights: Any = None, query_weights: Any = None,
                  **inner: Any) -> MetaGradient:
    """The gradient of the mean query loss after adaptation, by the initial parameters.

    support, query: a pair (x, y) of arrays whose first extent is the task: x (tasks, rows, ..input), y (tasks, rows)
    labels or (tasks, rows, targets); or a list with one pair (x, y) a task, then numbers of rows may differ.
    inner_lr: a rate, or a table of parameter patterns, {"*": 0.01, "norm*": 0}. Where rates are learned (inner_learned,
    or the algorithm meta_sgd), params may hold them under the names that the gradient has: alpha, or alpha.NAME.
    algorithm: a row of maml.algorithms(). dtype: float32 or float64; None: that of the parameters. threads: 0: all (of
    an Objective: the calling one); results do not depend on it. memory_mib: what the engine may hold. support_weights,
    query_weights: what each row's loss is multiplied by, (tasks, rows) or a list with (rows,) a task; None: 1. Further
    keywords are keys of a config's [inner]: inner_adapt=["*", "!norm*"], ..
    """
    kind = _arrays.dtype_of(params, dtype)
    options = _inner(inner_lr, inner_steps, algorithm, inner)
    return MetaGradient(*_arrays.call("meta_gradient", kind)(
        model._own, options, _arrays.border(params),
        _arrays.tasks(model, support, query, kind, support_weights, query_weights), threads, memory_mib * MIB))


class Adaptation:
    """theta_0 through the inner steps of several tasks, and the exact derivatives of that map, for an outer loop of
    one's own:

        adaptation = maml.Adaptation(model, support, query, inner_lr=0.01, inner_steps=5)
        adaptation.run(params)
        losses, v = adaptation.query()          # at theta_K
        gradient = adaptation.vjp(v)            # J^T v, J = d theta_K / d theta_0

    Arguments as for meta_gradient, but dtype is float32 unless it says float64. Named arrays of several tasks have the
    task as first extent: (tasks, ..shape). Tasks with unequal numbers of rows may stand in a list. Ctrl-C ends a call
    between two groups of tasks. One thread at a time may use it.
    """

    def __init__(self, model: Model | Objective, support: Any, query: Any, *, inner_lr: Any = 0.01,
                 inner_steps: int = 1, algorithm: str = "maml", dtype: Any = "float32", threads: int = 0,
                 memory_mib: int = _maml.default_memory_mib, support_weights: Any = None, query_weights: Any = None,
                 **inner: Any):
        kind = _arrays.dtype_of({}, dtype)
        tasks = _arrays.tasks(model, support, query, kind, support_weights, query_weights)
        self.model = model
        self.tasks: int = len(tasks)
        self._own = _arrays.call("Adaptation", kind)(
            model._own, _inner(inner_lr, inner_steps, algorithm, inner), tasks, threads, memory_mib * MIB)

    @property
    def steps(self) -> int:
        """Inner steps."""
        return self._own.steps

    def run(self, params: _arrays.Params) -> None:
        """Adapts all tasks from these parameters; at these rates, where params holds any (alpha, alpha.NAME)."""
        self._own.run(_arrays.border(params))

    def theta(self, step: int | None = None) -> dict[str, np.ndarray]:
        """Parameters of every task after so many inner steps; None: after all."""
        return self._own.theta(self.steps if step is None else step)

    def query(self, step: int | None = None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Query losses (tasks,) and their gradients by theta_k, by name, after so many inner steps; None: after all."""
        return self._own.query(self.steps if step is None else step)

    def vjp(self, v: _arrays.Params, *, first_order: bool = False) -> dict[str, np.ndarray]:
        """J^T v for every task; of learned rates too, as alpha.NAME (or alpha). first_order: without the Hessians."""
        return self._own.vjp(_arrays.border(v, "v"), first_order)

    def jvp(self, u: _arrays.Params) -> dict[str, np.ndarray]:
        """J u for every task."""
        return self._own.jvp(_arrays.border(u, "u"))
