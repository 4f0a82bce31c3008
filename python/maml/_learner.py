import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from . import _arrays, _maml, _options, _tasks
from ._engine import own_of
from ._maml import Error
from ._model import Model
from ._objective import Objective
from ._progress import Bar, Progress

_TRAINING, _TESTING = 0, 1  # purposes of generators
_WHERE = ("data_domain", "data_file", "data_licence", "data_preparation")  # what a name given to fit or score says


class Score(NamedTuple):
    """What MetaLearner.score returns."""

    metric: str
    """mse, accuracy (0 to 1) or loss."""
    mean: float
    """Of the query metric over the tasks, after all inner steps."""
    ci95: float
    """Half the width of its 95 % interval."""
    by_step: np.ndarray
    """The mean after 0, 1, .. inner steps, (steps + 1,)."""
    ci95_by_step: np.ndarray


def _labels(y: Any, rows: int) -> np.ndarray:
    """Class labels of any kind, one a row."""
    labels = _arrays.array(y, "y")
    if labels.shape != (rows,):
        raise Error(f"[y] has shape {_arrays.shape_text(labels.shape)}, but the model wants "
                    f"{_arrays.shape_text((rows,))}: one label a row")
    return labels


class AdaptedModel:
    """A model adapted to one task; MetaLearner.adapt makes it. May be used by many threads at once."""

    def __init__(self, model: Model | Objective, own: Any, classes: np.ndarray | None, columns: Any):
        self.model = model
        self.classes = classes
        """A classifier's class labels, in the order of `probabilities`; None for regression."""
        self._own = own
        self._columns = columns

    @property
    def params(self) -> dict[str, np.ndarray]:
        """Adapted parameters by name, as model.init() has them."""
        return self._own.parameters

    @property
    def steps(self) -> int:
        """Inner steps made."""
        return self._own.steps

    def outputs(self, x: Any) -> np.ndarray:
        """The model's outputs, (rows, outputs) float32, for x (rows, ..input); of a model that learned from a table
        float64, both in the table's own units."""
        outputs = self._own.outputs(_arrays.engine_inputs(self.model, x, "x", self._columns))
        return outputs if self._columns is None else self._columns.restored(outputs)

    def probabilities(self, x: Any) -> np.ndarray:
        """Of each class, (rows, classes) float64; a row adds up to 1."""
        return self._own.probabilities(_arrays.engine_inputs(self.model, x, "x", self._columns))

    def predict(self, x: Any) -> np.ndarray:
        """Outputs (rows, outputs), or, of a classifier, one of `classes` a row, (rows,)."""
        if self.classes is None:
            return self.outputs(x)
        return self.classes[self.probabilities(x).argmax(1)]

    def score(self, x: Any, y: Any) -> float:
        """Accuracy (0 to 1), or the mean squared error, in the units of `predict`."""
        if self.classes is not None:
            predicted = self.predict(x)
            return float(np.mean(predicted == _labels(y, len(predicted))))
        outputs = self.outputs(x)
        y = _arrays.targets(self.model, y, len(outputs), "y", np.dtype("f8"))
        if y.shape != outputs.shape:
            raise Error(f"[y] has {y.shape[1]} values a row, but the model gives {outputs.shape[1]}")
        return float(np.mean((outputs - y) ** 2))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file that ends in .safetensors, of a maml.Model; weights have PyTorch's names and layouts. The
        program, from `make build`, reads it: `maml info` and `maml export`; `maml adapt`, where the model learned from
        packed pictures; `maml predict`, where it learned from a table."""
        name = os.fspath(path)
        if isinstance(self.model, Objective):
            raise Error(f"[{name}] could not be read again: the functions of {self.model.name} are in no file (keep "
                        "params, its adapted parameters)")
        if not name.endswith(".safetensors"):
            raise Error(f"[{name}] could not be read again (call it something.safetensors)")
        names = [] if self.classes is None else [str(name) for name in self.classes]
        self._own.save(name, names)


class MetaLearner:
    """Meta-training, adaptation and evaluation of one model.

        learner = maml.MetaLearner(model, inner_lr=0.01, inner_steps=1)
        learner.fit(tasks, iterations=10000)
        adapted = learner.adapt(x, y, steps=10)
        adapted.predict(x_new)

    model: a maml.Model, a maml.Objective, or a preset's name (what is not given here is then as the preset says, and
    `fit` needs no tasks). algorithm: a row of maml.algorithms(). inner_lr: the inner rate, or a table of patterns of
    parameters, {"*": 0.01, "norm*": 0}. inner_steps: in training. Further keywords are the keys of a config with `_`
    for the dot: outer_lr (or outer_rate), data_tasks (tasks of a meta-batch, 25), data_ways, data_shots,
    data_query_shots, inner_learned="layer", outer_schedule="cosine", train_memory_mib, seed, threads, ..;
    maml.options() lists them. None: as the preset says, or without one the key's default, of inner_lr 0.01.
    A learner takes one call at a time; others are refused meanwhile, but for iteration and config.
    """

    def __init__(self, model: Model | Objective | str, algorithm: str | None = None, *, inner_lr: Any = None,
                 inner_steps: int | None = None, **options: Any):
        keywords = {"algorithm": algorithm, "inner_lr": inner_lr, "inner_steps": inner_steps, **options}
        if isinstance(model, str):
            own = _maml.Learner(_options.apply(_maml.Options.preset(model), keywords), None)
            model = Model._of_options(own.options)
        else:
            own_of(model, ", or a preset's name")
            for keyword, value in options.items():
                if keyword.startswith("model_") and value is not None:
                    raise Error(f"[{keyword}] stands beside a model, which says so itself (make the model with it)")
            base = _maml.Options()
            base.take_model(model._options)
            _options.apply(base, {"inner_lr": 0.01, "data_domain": "given"})
            if model.is_classifier:
                _options.apply(base, {"data_ways": model.outputs})
            own = _maml.Learner(_options.apply(base, keywords), self._foreign(model))
        self._start(model, own, keywords)

    @staticmethod
    def _foreign(model: Model | Objective | None) -> Any:
        return model._own if isinstance(model, Objective) else None

    def _start(self, model: Model | Objective, own: Any, keywords: Mapping[str, Any]) -> None:
        self.model: Model | Objective = model
        self.history: list[Progress] = []
        """Means of every train.log_every (100) iterations of `fit`."""
        self._own = own
        self._keywords = dict(keywords)
        self._iterations: int = own.options.iterations
        self._ahead: _tasks.Ahead | None = None  # of the fit that a Ctrl-C ended
        self._yielded: _tasks.Yielded | None = None  # an iterator, and what a fit has left of it

    @property
    def params(self) -> dict[str, np.ndarray]:
        """The initial parameters that adaptation starts from, by name; learned inner rates too, as alpha.NAME (or
        alpha). A copy; may be set."""
        return self._own.parameters

    @params.setter
    def params(self, params: _arrays.Params) -> None:
        self._own.parameters = _arrays.border(params)

    @property
    def iteration(self) -> int:
        """Meta-iterations done."""
        return self._own.iteration

    @property
    def config(self) -> str:
        """All options, as config.toml."""
        return self._own.options.toml()

    def _data(self, tasks: Any) -> tuple[Any, bool]:
        """Options whose [data] is that of these tasks, and whether the engine draws them itself."""
        options = self._own.options
        if tasks is None:
            if options.domain == "given":
                raise Error("[tasks] is missing (the model is no preset's, which would bring them)")
            return options, True
        if not isinstance(tasks, (str, os.PathLike)):
            return _options.apply(options, {"data_domain": "given"}), False
        name, was = os.fspath(tasks), options.copy()
        if name in _maml.presets():
            options.take_data(_maml.Options.preset(name))
        else:
            try:
                options.take_pack(name)
            except Error as error:
                raise Error(f"{error}{_options.did_you_mean(name, _maml.presets())}") from None
        if self.iteration:
            options.keep_learned(was)
        of_data = {key: value for key, value in self._keywords.items() if key.startswith("data_") and key not in _WHERE}
        return _options.apply(options, of_data), True

    def fit(self, tasks: Any = None, *, iterations: int | None = None,
            callback: Callable[[Progress], Any] | None = None, progress: bool | None = None) -> "MetaLearner":
        """Meta-trains for so many more iterations, with which the schedule of outer rates ends. None: as many as the
        keyword `iterations` says, or the preset, or of a loaded learner its run (train.iterations); else 10000. Returns
        the learner.

        tasks:
          a preset's name, or the file of a packed data set, of pictures or of a table (the program from `make build`
            writes one: `maml data import`): drawn by the engine. A learner that has trained keeps its data_tasks,
            whatever the preset's are;
          None: those of the learner's preset, its loaded run or its last fit, where the engine draws them;
          (x, y): rows with class labels (any values): a task draws data_ways classes (the model's outputs), and of each
            data_shots rows to adapt to and data_query_shots to be judged by;
          [(x, y), ..]: points of one regression task each, as many as you have: data_shots are drawn to adapt to,
            data_query_shots of the others (or fewer) to be judged by;
          [((support x, support y), (query x, query y)), ..]: tasks that are split already;
          a callable: task = tasks(rng), a task as in the list, made of a numpy.random.Generator that depends on the
            seed, the iteration and the task alone;
          an iterator of such tasks; where it ends, so does the fit, after its last whole meta-batch.
        x is (rows, ..input), y (rows,) labels from 0 or (rows, targets). Numbers of rows may differ from task to task.
        Of a model that has learned from a table x and y are in the table's own units.
        A callable or iterator is called from one thread at a time, in order, a batch ahead of the training. What was
        drawn of an iterator and not trained on, since the callback or Ctrl-C stopped the fit, comes first in the
        learner's next fit or score of the same iterator.

        callback: gets a Progress after each iteration; returns True to stop. progress: a bar (tqdm's);
        None: in terminals and notebooks. Ctrl-C leaves the learner at its last whole iteration; fit again to go on.
        """
        options, by_engine = self._data(tasks)
        total = self._iterations if iterations is None else _arrays.number(iterations, "iterations")
        if callback is not None and not callable(callback):
            raise Error(f"[callback] is {callback!r}, but must be a function")
        end = self.iteration + total
        source = None if by_engine else self._source(tasks, options)
        self._own.begin(options, end, by_engine)
        bar = Bar(progress, self.iteration, end)
        rows = _Rows(self.history, options.log_every)

        def report(count: int, done: tuple[float, float, float, float]) -> bool:
            now = Progress(self.iteration, end, *done[:3], self.metric, done[3])
            rows.add(count, now)
            bar.advance(count, now)
            return callback is not None and bool(callback(now))

        try:
            if source is None:
                self._fit_domain(end, rows, report, every=callback is not None)
            else:
                self._fit_source(source, options, end, report)
        finally:
            rows.close()
            bar.close()
        return self

    def _fit_domain(self, end: int, rows: "_Rows", report: Callable[..., bool], every: bool) -> None:
        count = 1
        while self.iteration < end:
            count = min(count, end - self.iteration, rows.left)
            start = time.monotonic()
            done = self._own.run(count)
            if report(count, done):
                return
            if not every:
                count = 2 * count if time.monotonic() - start < 0.05 else max(1, count // 2)

    def _fit_source(self, source: _tasks.Source, options: Any, end: int, report: Callable[..., bool]) -> None:
        def batch(iteration: int, stops: Callable[[], bool]) -> _tasks.Batch:
            drawn = source.draw(_tasks.Streams(options.seed, _TRAINING, iteration), options.tasks, stops)
            is_whole = len(drawn) == options.tasks
            return _tasks.Batch(drawn, _tasks.own(self.model, drawn, columns) if is_whole else None)

        columns, start = self._own.columns, self.iteration
        ahead, waits = _tasks.Ahead(source, batch, start, end), True
        try:
            while self.iteration < end:
                tasks = ahead.take()
                if tasks is None:
                    if self.iteration == start:
                        raise Error(f"[tasks] has ended before the {options.tasks} tasks of one meta-batch "
                                    "(data_tasks)")
                    return
                self._own.take_tasks(tasks)
                done = self._own.run(1)
                ahead.used()
                if report(1, done):
                    return
        except KeyboardInterrupt:
            waits = False  # for the task being made: the next call does
            raise
        finally:
            ahead.stop()
            self._ahead = ahead
            if waits:
                self._finish_tasks()

    def _finish_tasks(self) -> None:
        """Waits for a task that is still being made for a fit that a Ctrl-C ended."""
        if self._ahead is None:
            return
        source = self._ahead.source
        self._ahead.finish()
        self._ahead = None
        if isinstance(source, _tasks.Yielded):
            self._yielded = source if source.left else None

    def _source(self, tasks: Any, options: Any) -> _tasks.Source:
        self._finish_tasks()
        if self._yielded is not None and self._yielded.tasks is tasks:
            return self._yielded
        return _tasks.source_of(self.model, tasks, _tasks.Sizes(options.ways, options.shots, options.query_shots))

    @property
    def metric(self) -> str:
        """What is measured beside the loss: mse, accuracy (0 to 1) or loss."""
        return self.model._own.metric

    def score(self, tasks: Any = None, *, steps: int | None = None, count: int | None = None,
              seed: int | None = None, protocol: str = "own") -> Score:
        """Adapts to tasks that are judged on their query data after every inner step.

        tasks: as for `fit`; None: test tasks of the preset. A list of split tasks is judged as it is; of others `count`
        (eval.tasks, 600) are drawn with `seed` (eval.seed). steps: inner steps (None: as in training; those beyond use
        the last rates). protocol: of tasks that the engine draws: own, paper, strict, .. (`maml eval --help`). The mse
        of a model that learned from a table is of standardised targets.
        """
        options, by_engine = self._data(tasks)
        steps = options.inner_steps if steps is None else _arrays.number(steps, "steps")
        count = None if count is None else _arrays.number(count, "count", 1)
        seed = None if seed is None else _arrays.number(seed, "seed", most=_arrays.MOST_SEED)
        given = None
        if not by_engine:
            source = self._source(tasks, options)
            if source.count is not None and count is None:
                drawn = source.all()
            else:
                count = options.eval_tasks if count is None else count
                of_tasks = options.eval_seed if seed is None else seed
                drawn = source.draw(_tasks.Streams(of_tasks, _TESTING, 0), count)
            if not drawn:
                raise Error("[tasks] has no task to judge")
            count = len(drawn)
            given = _tasks.own(self.model, drawn, self._own.columns)
        protocol = _arrays.text(protocol, "protocol")
        metric, means, halves = self._own.evaluate(given, options, protocol, steps, count, seed)
        return Score(metric, float(means[-1]), float(halves[-1]), means, halves)

    def adapt(self, x: Any, y: Any, *, steps: int | None = None) -> AdaptedModel:
        """Adapts to a support set of any size: x (rows, ..input), y (rows,) class labels of any kind, or
        (rows, targets). steps: inner steps (None: as in training). Classes count alike, however many rows each has.
        A model that learned from a table takes x and y in the table's own units, and predicts in them."""
        steps = None if steps is None else _arrays.number(steps, "steps")
        columns, classes = self._own.columns, None
        x = _arrays.engine_inputs(self.model, x, "x", columns)
        if self.model.is_classifier:
            classes, place = np.unique(_labels(y, len(x)), return_inverse=True)
            values = place.astype("f4")
        else:
            values = _arrays.engine_targets(self.model, y, len(x), "y", columns)
        return AdaptedModel(self.model, self._own.adapt(x, np.ascontiguousarray(values), steps), classes, columns)

    def predict(self, x: Any, y: Any, x_new: Any, *, steps: int | None = None) -> np.ndarray:
        """adapt(x, y, steps=steps).predict(x_new)."""
        return self.adapt(x, y, steps=steps).predict(x_new)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes a run folder for `load`: config.toml and checkpoint.safetensors (weights, learned rates, the state of
        the optimiser). Of a maml.Model the program, from `make build`, reads it: `maml info` and `maml export`;
        `maml eval`, where the tasks are those of a preset or a pack; `maml adapt`, where they are those of a pack."""
        self._own.save(os.fspath(path), bool(overwrite))

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: Objective | None = None, *, best: bool = True) -> "MetaLearner":
        """The learner of a run folder, written by `save` or by `maml train`; `fit` goes on from there, without tasks on
        those of the run, where the engine draws them. Keywords are as the run's config says. model: the objective,
        where it was one. best: the weights of the best validation, where the run had any; without the state of the
        optimiser, so to go on as the run would have, take best=False."""
        if model is not None and not isinstance(model, Objective):
            raise Error(f"[model] is {model!r}, but must be the run's maml.Objective")
        name = os.fspath(path)
        config = os.path.join(name, "config.toml")
        if not os.path.isfile(config):
            raise Error(f"[{name}] is no run: it has no config.toml (name a folder that save, or maml train, wrote)")
        options = _maml.Options.load(config)
        objective = next((layer for layer in options.layers if layer.startswith("objective ")), None)
        if (objective is None) != (model is None):
            whose = (f"the {objective}, whose functions are not in the folder (give it as model=)" if objective
                     else "a maml.Model (leave model= out)")
            raise Error(f"[{name}] is of {whose}")
        learner = cls.__new__(cls)
        own = _maml.Learner.load(name, cls._foreign(model), bool(best))
        learner._start(model if model is not None else Model._of_options(own.options), own, {})
        return learner

    def __repr__(self) -> str:
        return (f"maml.MetaLearner({self.model!r}, algorithm={self._own.options.algorithm!r}, "
                f"iteration={self.iteration})")


class _Rows:
    """Means over so many iterations."""

    def __init__(self, history: list[Progress], every: int):
        self._history, self._every = history, every
        self._count, self._sums = 0, np.zeros(3)
        self._last: Progress | None = None

    @property
    def left(self) -> int:
        return self._every - self._count

    def add(self, count: int, now: Progress) -> None:
        self._sums += count * np.array([now.loss, now.before, now.after])
        self._count += count
        self._last = now
        if self._count >= self._every:
            self.close()

    def close(self) -> None:
        if self._last is not None and self._count:
            loss, before, after = (float(value) for value in self._sums / self._count)
            self._history.append(self._last._replace(loss=loss, before=before, after=after))
        self._count, self._sums = 0, np.zeros(3)
