"""Arguments on their way into the engine, checked: numbers, texts, and arrays, which are brought to one type and to C
order and copied only where they are not."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _maml
from ._maml import Error

Params = Mapping[str, Any]
_F4, _F8 = np.dtype("f4"), np.dtype("f8")
MOST_SEED = 2**64 - 1


def number(value: Any, name: str, least: int = 0, most: int = 2**31 - 1) -> int:
    """A whole number of any kind, NumPy's too."""
    try:
        whole = operator.index(value)
    except TypeError:
        raise Error(f"[{name}] is {value!r}, but must be a whole number") from None
    if not least <= whole <= most:
        raise Error(f"[{name}] is {whole}, but must be {least} or above"
                    + (f", and {most} at most" if whole > most else ""))
    return whole


def text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Error(f"[{name}] is {value!r}, but must be a text")
    return value


def items(value: Any, name: str, what: str) -> list[Any]:
    """A list's items; what: stands for them in messages."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise Error(f"[{name}] is {value!r}, but must be a list of {what}")
    return list(value)


def extents(value: Any, name: str) -> list[int]:
    """Of one input."""
    found = [number(n, name, 1) for n in items(value, name, "extents: [n], or [height, width, channels]")]
    if not found:
        raise Error(f"[{name}] is empty, but must be [n], or [height, width, channels]")
    return found


def array(value: Any, name: str) -> np.ndarray:
    """As NumPy takes it."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:  # ragged rows, say
        raise Error(f"[{name}] is no array: {error}") from None


def _require_named(params: Params, name: str) -> None:
    if not isinstance(params, Mapping):
        raise Error(f"[{name}] is a {type(params).__name__}, but must be named arrays (as model.init() gives)")


def dtype_of(params: Params, dtype: Any) -> np.dtype:
    """float64 where asked for, or where any parameter is; else float32."""
    _require_named(params, "params")
    if dtype is None:
        return np.dtype("f8" if any(array(value, str(key)).dtype == np.float64 for key, value in params.items())
                        else "f4")
    try:
        wanted = np.dtype(dtype)
    except TypeError:
        wanted = None
    if wanted not in (np.dtype("f4"), np.dtype("f8")):
        raise Error(f"[dtype] is {dtype!r}, but must be float32 or float64")
    return wanted


def suffix(dtype: np.dtype) -> str:
    return "f64" if dtype == np.float64 else "f32"


def call(name: str, dtype: np.dtype) -> Any:
    return getattr(_maml, f"{name}_{suffix(dtype)}")


def border(params: Params, name: str = "params") -> dict[str, np.ndarray]:
    """Named arrays as the engine takes them over the border."""
    _require_named(params, name)
    result = {}
    for key, value in params.items():
        found = array(value, str(key))
        if found.dtype.kind in "OSUMmc":
            raise Error(f"[{key}] is of type {found.dtype}, but parameters are real numbers")
        result[str(key)] = np.asarray(found, np.float64, order="C")
    return result


def initial(own: Any, seed: Any, dtype: Any) -> dict[str, np.ndarray]:
    """Initial parameters of the engine's model."""
    return getattr(own, f"init_{suffix(dtype_of({}, dtype))}")(number(seed, "seed", most=MOST_SEED))


def shape_text(shape: Sequence[int]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def require_outputs(outputs: Any, rows: int, width: int, name: str) -> Any:
    """The outputs, of any framework; name: of what gave them."""
    if tuple(np.shape(outputs)) != (rows, width):
        raise Error(f"[{name}] gave outputs of shape {shape_text(np.shape(outputs))}, but must give (rows, outputs): "
                    f"{shape_text((rows, width))}")
    return outputs


def inputs(model: Any, x: Any, name: str, dtype: np.dtype) -> np.ndarray:
    """Rows x the model's input."""
    x = array(x, name)
    if x.dtype.kind not in "fiu" or x.dtype == np.uint8:
        raise Error(f"[{name}] is of type {x.dtype}, but inputs are float32 or float64 (pixels: divide by 255)")
    if x.ndim < 1 or x.shape[1:] != tuple(model.input) or x.shape[0] < 1:
        raise Error(f"[{name}] has shape {shape_text(x.shape)}, but the model wants (rows, "
                    + ", ".join(map(str, model.input)) + ")")
    return np.asarray(x, dtype, order="C")


def targets(model: Any, y: Any, rows: int, name: str, dtype: np.dtype) -> np.ndarray:
    """One label a row, or rows x targets."""
    y = array(y, name)
    if model.is_classifier:
        if y.dtype.kind not in "iu":
            raise Error(f"[{name}] is of type {y.dtype}, but cross_entropy wants whole numbers as labels")
        if y.shape != (rows,):
            raise Error(f"[{name}] has shape {shape_text(y.shape)}, but the model wants {shape_text((rows,))}: one "
                        "label a row")
        if y.size and (y.min() < 0 or y.max() >= model.outputs):
            raise Error(f"[{name}] holds the label {y.min() if y.min() < 0 else y.max()}, but the model tells "
                        f"{model.outputs} classes apart (labels count from 0)")
        return np.asarray(y, dtype, order="C")
    if y.dtype.kind not in "fiu":
        raise Error(f"[{name}] is of type {y.dtype}, but targets are float32 or float64")
    wanted = (rows, model.targets)
    if y.shape != wanted and not (model.targets == 1 and y.shape == (rows,)):
        raise Error(f"[{name}] has shape {shape_text(y.shape)}, but the model wants {shape_text(wanted)}")
    return np.asarray(y, dtype, order="C").reshape(wanted)


def _is_finite(values: Any) -> bool:
    """Whether these are an array whose sum is finite, as that of finite numbers alone may be; takes no memory."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "iuf":
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum()))


def require_finite(values: np.ndarray, name: str, where: str = "") -> None:
    """Rows of numbers. where: begins the place."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int((~np.isfinite(values)).reshape(len(values), -1).any(1).argmax())
        raise Error(f"[{name}] holds a value that is not finite in {where}row {row} (mend it, or leave the row out)")


def examples(model: Any, x: Any, y: Any, name: str, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    x = inputs(model, x, f"{name}.x", dtype)
    return x, targets(model, y, len(x), f"{name}.y", dtype)


def engine_inputs(model: Any, x: Any, name: str, columns: Any) -> np.ndarray:
    """x as the engine adapts and predicts, float32. columns: of the table whose units x has, or None."""
    if columns is None:
        return inputs(model, x, name, _F4)
    return columns.inputs(inputs(model, x, name, _F8))


def engine_targets(model: Any, y: Any, rows: int, name: str, columns: Any) -> np.ndarray:
    if columns is None:
        return targets(model, y, rows, name, _F4)
    return columns.targets(targets(model, y, rows, name, _F8))


def engine_examples(model: Any, x: Any, y: Any, name: str, columns: Any) -> tuple[np.ndarray, np.ndarray]:
    x = engine_inputs(model, x, f"{name}.x", columns)
    return x, engine_targets(model, y, len(x), f"{name}.y", columns)


def row_weights(weights: Any, rows: int, name: str, dtype: np.dtype) -> np.ndarray:
    w = array(weights, name)
    if w.dtype.kind not in "fiu" or w.shape != (rows,):
        raise Error(f"[{name}] has shape {shape_text(w.shape)} and type {w.dtype}, but must be a number a row, "
                    f"{shape_text((rows,))}")
    return np.asarray(w, dtype, order="C")


def batch(model: Any, x: Any, y: Any, weights: Any, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, Any]:
    """x, y and weights of one batch for the engine."""
    x, y = examples(model, x, y, "batch", dtype)
    for part, values in (("batch.x", x), ("batch.y", y)):
        require_finite(values, part)
    return x, y, None if weights is None else row_weights(weights, len(x), "weights", dtype)


def _pairs(sets: Any, name: str) -> list[tuple[Any, Any]]:
    """(x, y) of every task: from a pair of arrays tasks x rows x .., or a list with one pair a task."""
    if isinstance(sets, tuple) and len(sets) == 2 and not isinstance(sets[0], tuple):
        # The whole arrays at once, so that the rows of one task are views that lie at equal distances.
        x, y = array(sets[0], f"{name}.x"), array(sets[1], f"{name}.y")
        if x.ndim < 2 or y.ndim < 2:
            raise Error(f"[{name}] has arrays of shapes {shape_text(x.shape)} and {shape_text(y.shape)}, but wants "
                        "tasks x rows x .. (or a list with one (x, y) a task)")
        if len(x) != len(y):
            raise Error(f"[{name}.y] has {len(y)} tasks, but {name}.x has {len(x)}")
        return list(zip(x, y))
    problem = Error(f"[{name}] must be a tuple (x, y) of arrays, tasks first, or a list with one pair (x, y) a "
                    "task")
    if isinstance(sets, (str, bytes, Mapping)) or not hasattr(sets, "__iter__"):
        raise problem
    # An array of two entries would come apart like a pair: [x, y] of two tasks, say.
    pairs = [tuple(entry) if isinstance(entry, (tuple, list)) else () for entry in sets]
    if not all(len(pair) == 2 for pair in pairs):
        raise problem
    return pairs


def _whole(sets: Any, name: str, dtype: np.dtype) -> Any:
    if isinstance(sets, tuple) and len(sets) == 2 and not isinstance(sets[0], tuple):
        x, y = array(sets[0], f"{name}.x"), array(sets[1], f"{name}.y")
        if x.dtype.kind in "fiu" and x.dtype != np.uint8:
            x = np.asarray(x, dtype, order="C")
        if y.dtype.kind == "f":
            y = np.asarray(y, dtype, order="C")
        return x, y
    return sets


def _class_weights(model: Any, supports: list[np.ndarray], dtype: np.dtype) -> Any:
    """Weights of support rows that make classes count alike; None where they have as many rows in every task. supports:
    labels."""
    found = [call("class_weights", dtype)(model._own, labels) for labels in supports]
    if all(weights is None for weights in found):
        return None
    return [np.ones(len(labels), dtype) if weights is None else weights for labels, weights in zip(supports, found)]


def tasks(model: Any, support: Any, query: Any, dtype: np.dtype, support_weights: Any = None,
          query_weights: Any = None, *, classes_alike: bool = False) -> Any:
    """The engine's tasks. Labels become floats in one array for all tasks; nothing else is copied, but weights.
    classes_alike: of a classifier, weighs support rows so that classes count alike, as `adapt` does."""
    arrived = {name: _whole(given, name, dtype) for name, given in (("support", support), ("query", query))}
    sets = {name: _pairs(given, name) for name, given in arrived.items()}
    count = len(sets["support"])
    if len(sets["query"]) != count:
        raise Error(f"[query] has {len(sets['query'])} tasks, but support has {count}")
    if count == 0:
        raise Error("[support] has no tasks")
    arrays: list[list[np.ndarray]] = [[] for _ in range(count)]
    for name, pairs in sets.items():
        made = [examples(model, x, y, name, dtype) for x, y in pairs]
        if not (isinstance(arrived[name], tuple) and all(map(_is_finite, arrived[name]))):  # many small tasks: at once
            for i, (x, y) in enumerate(made):
                require_finite(x, f"{name}.x", f"task {i}, ")
                require_finite(y, f"{name}.y", f"task {i}, ")
        if model.is_classifier and len({len(y) for _, y in made}) == 1:
            whole = np.stack([y for _, y in made])
            made = [(x, y) for (x, _), y in zip(made, whole)]
        for of_task, (x, y) in zip(arrays, made):
            of_task += [x, y]
    if classes_alike and model.is_classifier:
        support_weights = _class_weights(model, [of_task[1] for of_task in arrays], dtype)
    if support_weights is not None or query_weights is not None:
        for name, given, at in (("support", support_weights, 0), ("query", query_weights, 2)):
            rows = [len(of_task[at]) for of_task in arrays]
            if given is not None:
                given = items(given, f"{name}_weights", "lists: of each task, a number a row")
                if len(given) != count:
                    raise Error(f"[{name}_weights] has {len(given)} tasks, but support has {count}")
            weights = [np.ones(n, dtype) if given is None else row_weights(given[i], n, f"{name}_weights", dtype)
                       for i, n in enumerate(rows)]
            if len(set(rows)) == 1:
                weights = list(np.stack(weights))
            for of_task, w in zip(arrays, weights):
                of_task.append(w)
    return call("Tasks", dtype)(arrays)
