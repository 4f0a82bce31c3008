from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from . import _arrays, _maml, _options
from ._maml import Error
from ._model import Model
from ._objective import Objective


def own_of(model: Model | Objective, or_else: str = "") -> Any:
    """The engine's model. or_else: what may stand in its place too, for the message."""
    if not isinstance(model, (Model, Objective)):
        raise Error(f"[model] is {model!r}, but must be a maml.Model or a maml.Objective{or_else}")
    return model._own


def _batch_call(name: str, model: Model | Objective, params: _arrays.Params, x: Any, y: Any, weights: Any, dtype: Any,
                *further: Any) -> Any:
    """A function of the engine that takes one batch."""
    own, kind = own_of(model), _arrays.dtype_of(params, dtype)
    return _arrays.call(name, kind)(own, _arrays.border(params), *_arrays.batch(model, x, y, weights, kind), *further)


def _shots(shots: Any) -> int | None:
    return None if shots is None else _arrays.number(shots, "shots", 1)


def _means(threads: Any, memory_mib: Any) -> tuple[int, int]:
    """Threads and bytes."""
    return _arrays.number(threads, "threads"), _arrays.number(memory_mib, "memory_mib", 1, 2**43) << 20


class MetaGradient(NamedTuple):
    """What meta_gradient returns."""

    loss: float
    """Mean over the tasks of the query loss after adaptation."""
    losses: np.ndarray
    """That of each task, (tasks,)."""
    gradient: dict[str, np.ndarray]
    """Mean over the tasks of the gradient, by parameter name; where rates are learned also alpha.NAME (or alpha)."""


def loss(model: Model | Objective, params: _arrays.Params, x: Any, y: Any, *, weights: Any = None,
         shots: int | None = None, dtype: Any = None) -> float:
    """The loss of one batch. x: (rows, ..input), images H, W, C in [0, 1]; y: (rows,) whole numbers from 0 for
    cross_entropy, else (rows, targets). weights: (rows,) what each row's loss is multiplied by before the mean over the
    rows (advantages of a policy gradient; what makes classes count alike); mse takes none. shots: what the
    normalisation sum/shots divides by, the support rows of one class. None: as of a support set, the batch's own rows
    over its classes, or all its rows of regression; so a query batch wants them. dtype: float32 or float64; None: that
    of the parameters."""
    return float(_batch_call("loss", model, params, x, y, weights, dtype, _shots(shots)))


def gradient(model: Model | Objective, params: _arrays.Params, x: Any, y: Any, *, weights: Any = None,
             shots: int | None = None, dtype: Any = None) -> dict[str, np.ndarray]:
    """The gradient of `loss` by every parameter, by name."""
    return _batch_call("gradient", model, params, x, y, weights, dtype, _shots(shots))


def hvp(model: Model | Objective, params: _arrays.Params, x: Any, y: Any, v: _arrays.Params, *, weights: Any = None,
        shots: int | None = None, dtype: Any = None) -> dict[str, np.ndarray]:
    """H v: the Hessian of `loss` times v (named arrays, as params), exact."""
    return _batch_call("hvp", model, params, x, y, weights, dtype, _arrays.border(v, "v"), _shots(shots))


def _inner(inner_lr: Any, inner_steps: Any, algorithm: str, keywords: Mapping[str, Any]) -> Any:
    for keyword in keywords:
        if keyword in ("data_ways", "data_shots"):
            raise Error(f"[{keyword}] is counted in the support set of each task (leave it out)")
        if not keyword.startswith("inner_"):
            raise Error(f"[{keyword}] is no option of an inner loop (those begin with inner_: the keys of [inner])")
    return _options.apply(_options.make({"inner_lr": 0.01}), {
        "algorithm": algorithm, "inner_lr": inner_lr, "inner_steps": inner_steps, **keywords})


def meta_gradient(model: Model | Objective, params: _arrays.Params, support: Any, query: Any, *, inner_lr: Any = None,
                  inner_steps: int = 1, algorithm: str = "maml", dtype: Any = None, threads: int = 0,
                  memory_mib: int = _maml.default_memory_mib, support_weights: Any = None, query_weights: Any = None,
                  **inner: Any) -> MetaGradient:
    """The gradient of the mean query loss after adaptation, by the initial parameters.

    support, query: a pair (x, y) of arrays whose first extent is the task: x (tasks, rows, ..input), y (tasks, rows)
    labels or (tasks, rows, targets); or a list with one pair (x, y) a task, then numbers of rows may differ.
    inner_lr: a rate (None: 0.01), or a table of parameter patterns, {"*": 0.01, "norm*": 0}. Where rates are learned
    (inner_learned, or the algorithm meta_sgd), params may hold them under the names that the gradient has: alpha, or
    alpha.NAME.
    algorithm: a row of maml.algorithms(). dtype: float32 or float64; None: that of the parameters. threads: 0: all (of
    an Objective: the calling one); results do not depend on it. memory_mib: what the engine may hold. support_weights,
    query_weights: what each row's loss is multiplied by, (tasks, rows) or a list with (rows,) a task; None: 1. The
    normalisation sum/shots divides support and query losses of a task by its support rows over its classes (of
    regression: by all its support rows). Further keywords are keys of a config's [inner]: inner_adapt=["*", "!norm*"],
    ..
    """
    own, kind = own_of(model), _arrays.dtype_of(params, dtype)
    options = _inner(inner_lr, inner_steps, algorithm, inner)
    return MetaGradient(*_arrays.call("meta_gradient", kind)(
        own, options, _arrays.border(params),
        _arrays.tasks(model, support, query, kind, support_weights, query_weights), *_means(threads, memory_mib)))


class Adaptation:
    """theta_0 through the inner steps of several tasks, and the exact derivatives of that map, for an outer loop of
    one's own:

        adaptation = maml.Adaptation(model, support, query, inner_lr=0.01, inner_steps=5)
        adaptation.run(params)
        losses, v = adaptation.query()          # at theta_K
        gradient = adaptation.vjp(v)            # J^T v, J = d theta_K / d theta_0

    Arguments as for meta_gradient, but dtype is float32 unless it says float64. Named arrays of several tasks have the
    task as first extent: (tasks, ..shape). Tasks with unequal numbers of rows may stand in a list. Ctrl-C ends a call
    between two inner steps. One thread at a time may use it.
    """

    def __init__(self, model: Model | Objective, support: Any, query: Any, *, inner_lr: Any = None,
                 inner_steps: int = 1, algorithm: str = "maml", dtype: Any = "float32", threads: int = 0,
                 memory_mib: int = _maml.default_memory_mib, support_weights: Any = None, query_weights: Any = None,
                 **inner: Any):
        own, kind = own_of(model), _arrays.dtype_of({}, dtype)
        tasks = _arrays.tasks(model, support, query, kind, support_weights, query_weights)
        self.model = model
        self.tasks: int = len(tasks)
        self._own = _arrays.call("Adaptation", kind)(
            own, _inner(inner_lr, inner_steps, algorithm, inner), tasks, *_means(threads, memory_mib))

    @property
    def steps(self) -> int:
        """Inner steps."""
        return self._own.steps

    def run(self, params: _arrays.Params) -> None:
        """Adapts all tasks from these parameters; at these rates, where params holds any (alpha, alpha.NAME)."""
        self._own.run(_arrays.border(params))

    def _step(self, step: int | None) -> int:
        return self.steps if step is None else _arrays.number(step, "step")

    def theta(self, step: int | None = None) -> dict[str, np.ndarray]:
        """Parameters of every task after so many inner steps; None: after all."""
        return self._own.theta(self._step(step))

    def query(self, step: int | None = None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Query losses (tasks,) and their gradients by theta_k, by name, after so many inner steps; None: after all."""
        return self._own.query(self._step(step))

    def vjp(self, v: _arrays.Params, *, first_order: bool = False) -> dict[str, np.ndarray]:
        """J^T v for every task; of learned rates too, as alpha.NAME (or alpha). first_order: without the Hessians."""
        return self._own.vjp(_arrays.border(v, "v"), bool(first_order))

    def jvp(self, u: _arrays.Params) -> dict[str, np.ndarray]:
        """J u for every task."""
        return self._own.jvp(_arrays.border(u, "u"))
