"""Where a MetaLearner's tasks come from: whatever the user has, as batches of tasks for the engine."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import numpy as np

from . import _arrays
from ._maml import Error
from ._objective import Objective

Set = tuple[Any, Any]
"""x (rows, ..input), y (rows,) labels or (rows, targets)."""
Task = tuple[Set, Set]
"""Support set and query set."""

_ORDER = 1  # tells the generator of an order from that of a task


class Sizes(NamedTuple):
    """[data] of a config: how large tasks are."""

    ways: int
    shots: int
    query_shots: int


class Streams:
    """Independent random numbers for the tasks of one batch, and for their order, by seed, purpose and iteration."""

    def __init__(self, seed: int, purpose: int, iteration: int):
        self._entropy = seed, purpose, iteration

    def task(self, i: int) -> np.random.Generator:
        """Of task i."""
        return np.random.default_rng([*self._entropy, i])

    def shuffled(self, count: int, size: int) -> np.ndarray:
        """So many numbers below `size`: all of them once, in a random order, then once again, .."""
        turns = [np.random.default_rng([*self._entropy, turn, _ORDER]) for turn in range(-(-count // size))]
        return np.concatenate([rng.permutation(size) for rng in turns])[:count]


class Source:
    """Draws tasks. A task is a function of its generator alone, but for what an iterator yields."""

    count: int | None = None
    """Tasks there are, where each is judged once by score; None: as many as one likes."""

    def draw(self, streams: Streams, count: int, stops: Callable[[], bool] = lambda: False) -> list[Task]:
        """Fewer tasks than `count` where an iterator has ended, or once `stops` says so, which is asked before each."""
        return [self.task(streams.task(i), i) for i in range(count) if not stops()]

    def task(self, rng: np.random.Generator, i: int) -> Task:
        raise NotImplementedError

    def all(self) -> list[Task]:
        raise NotImplementedError

    def put_back(self, tasks: list[Task]) -> None:
        """Tasks that were drawn last and not used: an iterator would not yield them again."""


def _rows(x: Any, y: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    x, y = _arrays.array(x, f"{name}.x"), _arrays.array(y, f"{name}.y")
    if x.ndim < 1 or y.ndim < 1 or len(x) != len(y):
        raise Error(f"[{name}] has x of shape {_arrays.shape_text(x.shape)} and y of shape "
                    f"{_arrays.shape_text(y.shape)}, but wants as many rows of both")
    for part, values in (("x", x), ("y", y)):
        _arrays.require_finite(values, f"{name}.{part}")
    return x, y


class Labelled(Source):
    """Rows with class labels: a task draws classes, and of each so many rows to adapt to and to be judged by."""

    def __init__(self, x: Any, y: Any, sizes: Sizes):
        self.x, y = _rows(x, y, "tasks")
        if y.ndim != 1:
            raise Error(f"[tasks.y] has shape {_arrays.shape_text(y.shape)}, but wants one class label a row")
        self.sizes = sizes
        names, place = np.unique(y, return_inverse=True)
        self.rows = [np.flatnonzero(place == i) for i in range(len(names))]
        if len(names) < sizes.ways:
            raise Error(f"[tasks.y] has {len(names)} classes, but a task draws {sizes.ways} (data_ways)")
        least = sizes.shots + sizes.query_shots
        for name, rows in zip(names.tolist(), self.rows):
            if len(rows) < least:
                raise Error(f"[tasks.y] has {len(rows)} rows of class {name!r}, but a task draws {least} (data_shots "
                            f"{sizes.shots} + data_query_shots {sizes.query_shots})")

    def task(self, rng: np.random.Generator, i: int) -> Task:
        ways, shots, query = self.sizes
        classes = rng.choice(len(self.rows), ways, replace=False)
        rows = np.stack([rng.choice(self.rows[c], shots + query, replace=False) for c in classes])
        support, judged = rows[:, :shots].T.ravel(), rows[:, shots:].T.ravel()
        labels = np.arange(ways)
        return (self.x[support], np.tile(labels, shots)), (self.x[judged], np.tile(labels, query))


class Series(Source):
    """One set of points a task: so many of them are drawn to adapt to, others to be judged by."""

    def __init__(self, series: list[Set], sizes: Sizes):
        self.series = [_rows(x, y, f"tasks[{i}]") for i, (x, y) in enumerate(series)]
        self.sizes = sizes
        for i, (x, _) in enumerate(self.series):
            if len(x) <= sizes.shots:
                raise Error(f"[tasks[{i}]] has {len(x)} points, but {sizes.shots} are drawn to adapt to (data_shots), "
                            "and at least one is needed to be judged by")

    def draw(self, streams: Streams, count: int, stops: Callable[[], bool] = lambda: False) -> list[Task]:
        self.order = streams.shuffled(count, len(self.series))
        return super().draw(streams, count, stops)

    def task(self, rng: np.random.Generator, i: int) -> Task:
        x, y = self.series[self.order[i]]
        rows = rng.permutation(len(x))[:self.sizes.shots + self.sizes.query_shots]
        support, judged = rows[:self.sizes.shots], rows[self.sizes.shots:]
        return (x[support], y[support]), (x[judged], y[judged])


class Listed(Source):
    """Tasks that are split already."""

    def __init__(self, tasks: list[Task]):
        for i, task in enumerate(tasks):
            for part, (x, y) in zip(("support", "query"), task):
                _rows(x, y, f"tasks[{i}].{part}")
        self.tasks = tasks
        self.count = len(tasks)

    def draw(self, streams: Streams, count: int, stops: Callable[[], bool] = lambda: False) -> list[Task]:
        return [self.tasks[i] for i in streams.shuffled(count, len(self.tasks))]

    def all(self) -> list[Task]:
        return self.tasks


class Made(Source):
    """A callable that makes a task of a generator."""

    def __init__(self, make: Callable[[np.random.Generator], Task]):
        self.make = make

    def task(self, rng: np.random.Generator, i: int) -> Task:
        return checked(self.make(rng), "tasks(rng)")


class Yielded(Source):
    """An iterator, asked by one thread at a time and in order."""

    def __init__(self, tasks: Iterator[Task]):
        self.tasks = tasks
        self.left: list[Task] = []
        """Come before what it yields next."""

    def draw(self, streams: Streams, count: int, stops: Callable[[], bool] = lambda: False) -> list[Task]:
        drawn, self.left = self.left[:count], self.left[count:]
        while len(drawn) < count and not stops():
            try:
                drawn.append(checked(next(self.tasks), "tasks"))
            except StopIteration:
                break
        return drawn

    def put_back(self, tasks: list[Task]) -> None:
        self.left = tasks + self.left


class Batch(NamedTuple):
    tasks: list[Task]
    own: Any
    """The engine's; None where there are too few tasks for a whole batch."""


class Ahead:
    """Batches of a source for iterations `start` to `end`, drawn in a thread of their own, each while the one before is
    trained on. draw: gives the batch of an iteration, fewer tasks once the function it gets says True."""

    def __init__(self, source: Source, draw: Callable[[int, Callable[[], bool]], Batch], start: int, end: int):
        self.source = source
        self._draw, self._iteration, self._end = draw, start, end
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="maml tasks")
        self._unused: list[Task] = []  # of the batch at hand
        self._next: Future[Batch] | None = None
        self._begin()

    def _begin(self) -> None:
        if self._iteration < self._end:
            self._next = self._pool.submit(self._draw, self._iteration, self._stopped.is_set)
        self._iteration += 1

    def take(self) -> Any:
        """The next whole batch; None: there is none."""
        assert self._next is not None
        batch = self._next.result()
        self._unused = batch.tasks
        self._next = None
        if batch.own is not None:
            self._begin()
        return batch.own

    def used(self) -> None:
        """The batch taken last has been trained on."""
        self._unused = []

    def stop(self) -> None:
        """The task being made is the last. Does not wait for it."""
        self._stopped.set()
        self._pool.shutdown(wait=False)

    def finish(self) -> None:
        """Waits for the last task, after `stop`; tasks that were not trained on go back to the source."""
        if self._next is not None:
            wait([self._next])
            if self._next.exception() is None:
                self._unused = self._unused + self._next.result().tasks
            self._next = None
        self.source.put_back(self._unused)
        self._unused = []


def _is_set(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


def _is_task(value: Any) -> bool:
    return _is_set(value) and all(_is_set(part) and isinstance(part, tuple) and _arrays.array(part[0], "tasks.x").ndim
                                  for part in value)


def checked(value: Any, name: str) -> Task:
    if not _is_task(value):
        raise Error(f"[{name}] gave a {type(value).__name__}, but a task is ((support x, support y), "
                    "(query x, query y))")
    return value


def source_of(model: Any, tasks: Any, sizes: Sizes) -> Source:
    """The source that `tasks` means; see MetaLearner.fit."""
    if isinstance(tasks, tuple) and len(tasks) == 2 and not _is_task(tasks):
        if not model.is_classifier:
            raise Error("[tasks] is one pair (x, y), which is rows with class labels, but the model is no classifier "
                        "(give a list with one pair a task)")
        return Labelled(*tasks, sizes)
    if isinstance(tasks, list):
        if not tasks:
            raise Error("[tasks] is empty")
        if all(map(_is_task, tasks)):
            return Listed(tasks)
        if all(map(_is_set, tasks)) and not model.is_classifier:
            return Series(tasks, sizes)
        raise Error("[tasks] is a list, but not of pairs (x, y), one a task, nor of tasks ((support x, support y), "
                    "(query x, query y))" + ("; a classifier wants the latter, or one pair of arrays" if
                                             model.is_classifier else ""))
    if callable(tasks):
        return Made(tasks)
    if hasattr(tasks, "__next__"):
        return Yielded(tasks)
    if hasattr(tasks, "__iter__") and not isinstance(tasks, (str, bytes, dict, np.ndarray)):
        return Yielded(iter(tasks))
    raise Error(f"[tasks] is a {type(tasks).__name__}, but must be a preset's name, a packed data set, a pair of "
                "arrays with class labels, a list with one pair (x, y) a task, or a callable or iterator of tasks")


def own(model: Any, drawn: list[Task], columns: Any) -> Any:
    """The engine's tasks, standardised where they are of a table (columns: its own, else None). Those of equal numbers
    of rows are stacked, so that a worker may take several at once. Classes of unequal size count alike, but to an
    Objective, whose loss takes no weights."""
    sets: list[Any] = []
    for part, name in enumerate(("support", "query")):
        pairs = [(_arrays.array(task[part][0], f"{name}.x"), _arrays.array(task[part][1], f"{name}.y"))
                 for task in drawn]
        if columns is not None:
            pairs = [_arrays.engine_examples(model, x, y, name, columns) for x, y in pairs]
        if len({x.shape for x, _ in pairs}) == 1 and len({y.shape for _, y in pairs}) == 1:
            sets.append((np.stack([x for x, _ in pairs]), np.stack([y for _, y in pairs])))
        else:
            sets.append(pairs)
    return _arrays.tasks(model, sets[0], sets[1], np.dtype("f4"), classes_alike=not isinstance(model, Objective))
