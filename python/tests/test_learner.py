"""MetaLearner: every kind of tasks, against the engine's own gradients, its files, and the program."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import maml
from conftest import regressor, seconds_after_ctrl_c, sine


ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Runs the program in tmp_path, where the test is too: what it printed."""
    if "MAML" not in os.environ:
        pytest.skip("MAML does not name the program")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: subprocess.run([os.environ["MAML"], *arguments], text=True, capture_output=True,
                                             check=True).stdout


def classes(rng, count=8, rows=12):
    """Points around a centre a class, labelled by words."""
    centres = rng.normal(size=(count, 4)) * 3
    x = np.concatenate([c + 0.3 * rng.normal(size=(rows, 4)) for c in centres])
    return x, np.repeat([f"class {i}" for i in range(count)], rows)


def classifier(**options):
    model = maml.Model(input=[4], layers=["linear 16", "relu", "linear 3"], loss="cross_entropy")
    sizes = {"data_shots": 2, "data_query_shots": 4, "data_tasks": 4}
    return maml.MetaLearner(model, **{"inner_lr": 0.1, **sizes, **options})


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_a_step_is_the_meta_gradient_s():
    tasks = [sine(np.random.default_rng(i)) for i in range(6)]
    learner = regressor(outer_optimiser="sgd", outer_lr=0.1, inner_steps=3, data_tasks=6)
    start = learner.params
    wanted = maml.meta_gradient(learner.model, start, [t[0] for t in tasks], [t[1] for t in tasks], inner_lr=0.01,
                                inner_steps=3)
    seen = []
    learner.fit(tasks, iterations=1, callback=seen.append)
    assert seen[0].loss == pytest.approx(wanted.loss, rel=1e-6)
    assert (seen[0].iteration, seen[0].iterations, seen[0].metric) == (1, 1, "mse")
    for name, value in learner.params.items():
        np.testing.assert_allclose(value, start[name] - 0.1 * wanted.gradient[name], rtol=1e-4, atol=1e-6)


def test_learns_the_sinusoid_from_a_callable_and_threads_do_not_matter():
    learners = [regressor(threads=n, outer_lr=0.003, data_tasks=10).fit(sine, iterations=300) for n in (1, 3)]
    assert same(learners[0].params, learners[1].params)
    learner = learners[0]
    assert len(learner.history) == 3 and learner.history[-1].loss < 0.8 * learner.history[0].loss
    score = learner.score(sine, steps=5, count=50)
    assert score.metric == "mse" and score.by_step.shape == (6,) and score.mean == score.by_step[5] < score.by_step[0]
    assert score.ci95 > 0
    assert learner.score(sine, steps=5, count=50).mean == score.mean
    assert learner.score(sine, steps=5, count=50, seed=1).mean != score.mean


def test_a_preset_brings_model_and_tasks():
    learner = maml.MetaLearner("sinusoid-10shot", data_tasks=5).fit(iterations=30)
    assert learner.iteration == 30 and learner.model.shapes["linear1.weight"] == (40, 1)
    other = regressor(data_tasks=5).fit("sinusoid-10shot", iterations=5)
    assert 'domain = "sinusoid"' in other.config and "tasks = 5  #" in other.config
    assert learner.score(steps=1, count=20).mean > 0


def test_a_preset_s_layers_may_be_other_ones():
    learner = maml.MetaLearner("sinusoid-10shot", model_layers=["linear 8", "tanh", "linear 1"])
    assert learner.model.shapes == {name: value.shape for name, value in learner.params.items()}
    assert learner.model.shapes["linear1.weight"] == (8, 1)
    x = np.linspace(-1, 1, 5)[:, None]
    assert learner.fit(iterations=2).adapt(x, x).predict(x).shape == (5, 1)
    with pytest.raises(maml.Error, match=r"\[model_layers\] stands beside a model"):
        maml.MetaLearner(learner.model, model_layers=["linear 1"])


def test_options_are_the_keywords():
    listed = {option.keyword: option for option in maml.options()}
    assert listed["inner_steps"] == ("inner_steps", "inner.steps", "whole number", "1", "inner steps in training")
    assert {"outer_step_every", "data_test_ways", "train_memory_mib"} <= set(listed)
    assert all(f"{option.key.split('.')[1]} = " in regressor().config for option in listed.values())


def test_chunks_and_callbacks_do_not_matter():
    a = maml.MetaLearner("sinusoid-10shot", data_tasks=4).fit(iterations=25)
    b = maml.MetaLearner("sinusoid-10shot", data_tasks=4).fit(iterations=25, callback=lambda now: None)
    assert same(a.params, b.params)
    assert a.history[-1].loss == pytest.approx(b.history[-1].loss, rel=1e-12)


def test_class_labels(rng):
    x, y = classes(rng)
    learner = classifier(inner_steps=2).fit((x, y), iterations=60)
    score = learner.score((x, y), count=40, steps=3)
    assert score.metric == "accuracy" and score.mean > 0.8 > score.by_step[0]
    rows = np.flatnonzero(np.isin(y, ["class 1", "class 5", "class 6"]))
    adapted = learner.adapt(x[rows], y[rows], steps=5)
    assert list(adapted.classes) == ["class 1", "class 5", "class 6"]
    assert adapted.score(x[rows], y[rows]) > 0.9
    for labels in (y[rows][:, None], y[rows][:1]):
        with pytest.raises(maml.Error, match=r"\[y\] has shape .*\(36,\): one label a row"):
            adapted.score(x[rows], labels)
    assert set(adapted.predict(x[rows[:3]])) <= set(adapted.classes)
    np.testing.assert_allclose(adapted.probabilities(x[:4]).sum(1), 1, rtol=1e-6)
    assert (learner.predict(x[rows], y[rows], x[rows], steps=5) == adapted.predict(x[rows])).all()


def test_series_of_unequal_length(rng):
    series = []
    for n in (11, 14, 30, 12):
        x = rng.uniform(-5, 5, (n, 1))
        series.append((x, np.sin(x[:, 0] + n)))
    learner = regressor(data_shots=10, data_query_shots=5).fit(series, iterations=20)
    assert learner.iteration == 20
    assert learner.score(series, count=8, steps=2).by_step.shape == (3,)
    with pytest.raises(maml.Error, match=r"tasks\[1\].*10 points.*data_shots"):
        learner.fit([series[0], (series[1][0][:10], series[1][1][:10])], iterations=1)


def test_the_order_of_a_series_and_its_rows_are_independent():
    from maml._tasks import Series, Sizes, Streams
    points = [(np.arange(8.0)[:, None], np.full(8, float(i))) for i in range(8)]
    source, places, rows = Series(points, Sizes(1, 4, 4)), [], []
    for iteration in range(400):
        (x, y), _ = source.draw(Streams(0, 0, iteration), 8)[0]
        places.append(y[0])
        rows.append(x[0, 0])
    assert sorted(y[0] for (_, y), _ in source.draw(Streams(0, 0, 0), 8)) == list(range(8))
    assert np.mean(np.equal(places, rows)) < 0.25  # 1/8, were they independent


def test_unequal_tasks_are_judged_one_by_one():
    rng = np.random.default_rng(0)
    tasks = [(sine(rng)[0], sine(rng, 10 + n)[1]) for n in (3, 9, 5)]
    learner = regressor()
    whole = learner.score(tasks, steps=2)
    alone = [learner.score([task], steps=2).mean for task in tasks]
    assert whole.mean == pytest.approx(np.mean(alone), rel=1e-6)
    losses = maml.meta_gradient(learner.model, learner.params, [t[0] for t in tasks], [t[1] for t in tasks],
                                inner_lr=0.01, inner_steps=2).losses
    np.testing.assert_allclose(losses, alone, rtol=1e-6)


def test_an_iterator_is_asked_in_order_and_may_end():
    count = 0

    def tasks(until):
        nonlocal count
        rng = np.random.default_rng(0)
        for _ in range(until):
            count += 1
            yield sine(rng)
    learner = regressor().fit(tasks(6 * 4 + 2), iterations=100)
    assert learner.iteration == 4 and count == 26
    rng = np.random.default_rng(0)
    listed = [[sine(rng) for _ in range(6)] for _ in range(4)]
    by_hand = regressor()
    for batch in listed:
        by_hand.fit(iter(batch), iterations=1)
    assert same(by_hand.params, learner.params)
    with pytest.raises(maml.Error, match="ended before the 6 tasks"):
        regressor().fit(tasks(5), iterations=3)


class Watched:
    """Tasks that take so many seconds: how many are being made now, and were at most."""

    def __init__(self, seconds):
        self.seconds, self.inside, self.most = seconds, 0, 0

    def __call__(self, rng):
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(self.seconds)
        self.inside -= 1
        return sine(rng)


def test_a_callable_is_called_by_one_thread_at_a_time():
    tasks = Watched(0.0005)
    regressor(threads=4).fit(tasks, iterations=10)
    assert tasks.most == 1


def test_an_exception_of_the_tasks_comes_through():
    def tasks(rng):
        if rng.integers(20) == 0:
            raise RuntimeError("no more sensors")
        return sine(rng)
    learner = regressor()
    with pytest.raises(RuntimeError, match="no more sensors"):
        learner.fit(tasks, iterations=100)
    learner.fit(sine, iterations=1)


def test_ctrl_c_leaves_a_whole_iteration():
    learner = regressor()
    assert seconds_after_ctrl_c(lambda: learner.fit("sinusoid-10shot", iterations=10_000_000), 0.5) < 2
    done = learner.iteration
    assert 0 < done
    assert same(regressor().fit("sinusoid-10shot", iterations=done).params, learner.params)
    long = regressor(inner_steps=100_000, inner_lr=1e-6)  # ended within its first iteration
    before = long.params
    assert seconds_after_ctrl_c(lambda: long.fit("sinusoid-10shot", iterations=1), 0.3) < 2
    assert long.iteration == 0 and same(before, long.params)


@pytest.mark.parametrize("kind", ["iterator", "callable"])
def test_ctrl_c_waits_for_no_slow_tasks(kind):
    made = 0

    def slow(rng):
        nonlocal made
        made += 1
        time.sleep(0.3)
        return sine(rng)
    tasks = (slow(np.random.default_rng(i)) for i in range(1000)) if kind == "iterator" else slow
    learner = regressor(data_tasks=100)
    assert seconds_after_ctrl_c(lambda: learner.fit(tasks, iterations=3), 0.4) < 0.2
    until = made
    time.sleep(0.7)
    assert made == until
    assert learner.fit(sine, iterations=1).iteration == 1


@pytest.mark.parametrize("kind", ["iterator", "callable"])
@pytest.mark.parametrize("call", [lambda l, tasks: l.fit(tasks, iterations=1), lambda l, tasks: l.score(tasks, count=2)])
def test_after_ctrl_c_the_next_call_waits_for_the_task_being_made(kind, call):
    slow = Watched(0.3)
    tasks = (slow(np.random.default_rng(i)) for i in itertools.count()) if kind == "iterator" else slow
    learner = regressor(data_tasks=2)
    assert seconds_after_ctrl_c(lambda: learner.fit(tasks, iterations=100), 0.75) < 0.2
    assert slow.inside == 1
    call(learner, tasks)
    assert (slow.inside, slow.most) == (0, 1)


def sines(pause=0.0):
    rng = np.random.default_rng(0)
    while True:
        time.sleep(pause)
        yield sine(rng)


def test_what_a_stopped_fit_has_drawn_of_an_iterator_comes_next():
    learner, tasks = regressor(), sines()
    learner.fit(tasks, iterations=100, callback=lambda now: now.iteration == 4).fit(tasks, iterations=5)
    assert same(learner.params, regressor().fit(sines(), iterations=9).params)
    learner.fit(tasks, iterations=100, callback=lambda now: now.iteration == 11)
    rng = np.random.default_rng(0)
    listed = [sine(rng) for _ in range(11 * 6 + 10)]
    assert learner.score(tasks, count=10).mean == learner.score(listed[-10:]).mean


def test_what_a_ctrl_c_has_left_of_an_iterator_comes_next():
    learner, tasks = regressor(), sines(0.005)
    assert seconds_after_ctrl_c(lambda: learner.fit(tasks, iterations=1000), 0.5) < 0.5
    done = learner.iteration
    assert done > 0
    learner.fit(tasks, iterations=3)
    assert same(learner.params, regressor().fit(sines(), iterations=done + 3).params)


def test_ctrl_c_ends_a_score():
    learner = maml.MetaLearner("sinusoid-10shot", threads=1)
    for size in ({"count": 1_000_000, "steps": 10}, {"count": 1, "steps": 1_000_000}):
        assert seconds_after_ctrl_c(lambda: learner.score(**size), 0.3) < 2
    assert learner.score(count=5, steps=1).mean > 0


def test_ctrl_c_ends_an_adapt_between_two_steps(rng):
    learner, (x, y) = regressor(), sine(rng)[0]
    assert seconds_after_ctrl_c(lambda: learner.adapt(x, y, steps=1_000_000), 0.3) < 2
    assert learner.adapt(x, y, steps=1).steps == 1


def test_a_callback_stops():
    learner = regressor()
    learner.fit(sine, iterations=100, callback=lambda now: now.iteration == 7)
    assert learner.iteration == 7


@pytest.mark.parametrize("algorithm", ["maml", "meta_sgd"])
def test_saved_and_loaded_it_goes_on_to_the_same_bits(tmp_path, algorithm):
    whole = regressor(algorithm=algorithm).fit(sine, iterations=12)
    half = regressor(algorithm=algorithm).fit(sine, iterations=7)
    half.save(tmp_path / "run")
    loaded = maml.MetaLearner.load(tmp_path / "run")
    assert loaded.iteration == 7 and same(loaded.params, half.params) and loaded.model.shapes == half.model.shapes
    loaded.fit(sine, iterations=5)
    assert same(loaded.params, whole.params)
    assert ("alpha.linear1.weight" in whole.params) == (algorithm == "meta_sgd")
    with pytest.raises(maml.Error, match="holds a run already"):
        loaded.save(tmp_path / "run")
    (tmp_path / "run" / "saved.safetensors.tmp").mkdir()  # so that nothing can be written
    with pytest.raises(maml.Error, match="saved.safetensors"):
        loaded.save(tmp_path / "run", overwrite=True)
    assert same(maml.MetaLearner.load(tmp_path / "run").params, half.params)
    (tmp_path / "run" / "saved.safetensors.tmp").rmdir()
    loaded.save(tmp_path / "run", overwrite=True)
    assert same(maml.MetaLearner.load(tmp_path / "run").params, whole.params)
    assert not (tmp_path / "run" / "saved.safetensors").exists()
    with pytest.raises(maml.Error, match="is no run"):
        maml.MetaLearner.load(tmp_path)


def test_a_loaded_learner_goes_on_with_its_preset_to_the_same_bits(tmp_path):
    whole = maml.MetaLearner("sinusoid-10shot", data_tasks=5).fit(iterations=7)
    half = maml.MetaLearner("sinusoid-10shot", data_tasks=5).fit(iterations=4)
    half.save(tmp_path / "run")
    for tasks in (None, "sinusoid-10shot"):
        loaded = maml.MetaLearner.load(tmp_path / "run").fit(tasks, iterations=3)
        assert same(loaded.params, whole.params)
    load = lambda: maml.MetaLearner.load(tmp_path / "run")
    assert load().score("sinusoid-5shot", count=20).mean == half.score("sinusoid-5shot", count=20).mean
    assert load().score("sinusoid-5shot", count=20).mean != load().score("sinusoid-10shot", count=20).mean
    assert load().fit().iteration == 4 + 4  # as many as the run had
    assert regressor(iterations=3).fit(sine).iteration == 3


def test_a_fit_that_is_refused_changes_nothing():
    learner = maml.MetaLearner("sinusoid-10shot", data_tasks=5).fit(iterations=2)
    before = learner.config
    with pytest.raises(maml.Error, match="data.file|model.input"):
        learner.fit("sensors", iterations=1)
    assert learner.config == before and learner.fit(iterations=1).iteration == 3


def test_a_table_s_own_units(rng, tmp_path):
    columns = {"data_inputs": ["hour", "temperature"], "data_targets": ["load"], "data_means": [1e6, 15, 120],
               "data_deviations": [7, 3, 40]}
    model = maml.Model(input=[2], layers=["linear 8", "tanh", "linear 1"])
    make = lambda **options: maml.MetaLearner(model, data_tasks=3, **options)

    def raw(rng):
        x = rng.normal((1e6, 15), (7, 3), (12, 2))
        y = 120 + 5 * (x[:, 0] - 1e6) + rng.normal(size=12)
        return (x[:5], y[:5]), (x[5:], y[5:])

    def standardised(rng):
        return tuple((((x - (1e6, 15)) / (7, 3)), (y - 120) / 40) for x, y in raw(rng))
    of_table, plain = make(**columns).fit(raw, iterations=5), make().fit(standardised, iterations=5)
    assert same(of_table.params, plain.params)
    assert of_table.score(raw, count=9).mean == plain.score(standardised, count=9).mean
    (x, y), (new, truth) = raw(np.random.default_rng(3))
    (sx, sy), (snew, _) = standardised(np.random.default_rng(3))
    of_table.save(tmp_path / "run")
    for learner in (of_table, maml.MetaLearner.load(tmp_path / "run")):
        adapted = learner.adapt(x, y, steps=3)
        predicted = adapted.predict(new)
        wanted = plain.adapt(sx, sy, steps=3).predict(snew).astype("f8") * 40 + 120
        np.testing.assert_allclose(predicted, wanted, rtol=1e-15)
        assert predicted.dtype == np.float64
        assert adapted.score(new, truth) == pytest.approx(np.mean((predicted[:, 0] - truth) ** 2))
    with pytest.raises(maml.Error, match=r"\[temperature\] is 1e\+300 in row 1, .*too far"):
        of_table.adapt([[1e6, 15], [1e6, 1e300]], [1, 2])
    with pytest.raises(maml.Error, match="2 inputs, 1 outputs.*1 inputs and 1 targets"):
        make(data_inputs=["a"], data_targets=["b"], data_means=[0, 0], data_deviations=[1, 1]).adapt(x, y)
    with pytest.raises(maml.Error, match="data.means.*before a fit"):
        maml.MetaLearner("sensors").adapt(x, y)


def test_params_may_be_set():
    learner = regressor(inner_learned="layer")
    params = learner.params
    params["linear1.bias"][:] = 3
    params["alpha.linear2.weight"][:] = 0.5
    learner.params = params
    assert (learner.params["linear1.bias"] == 3).all() and learner.params["alpha.linear2.weight"] == 0.5
    assert learner.params["alpha.linear1.weight"] == pytest.approx(0.01)
    with pytest.raises(maml.Error, match="alpha.linear7.weight.*no inner rate"):
        learner.params = {**params, "alpha.linear7.weight": [0.1]}


def test_adapted_parameters_are_gradient_steps(rng):
    learner = regressor()
    (x, y), (new, _) = sine(rng)
    step = {k: v - 0.01 * maml.gradient(learner.model, learner.params, x, y)[k] for k, v in learner.params.items()}
    adapted = learner.adapt(x, y)
    for name, value in adapted.params.items():
        np.testing.assert_allclose(value, step[name], rtol=1e-5, atol=1e-7)
    assert adapted.predict(new).shape == (10, 1) and adapted.classes is None
    assert adapted.score(x, y) == pytest.approx(maml.loss(learner.model, adapted.params, x, y), rel=1e-5)
    with pytest.raises(maml.Error, match="something.safetensors"):
        adapted.save("adapted.bin")
    before = adapted.predict(new)
    learner.fit(sine, iterations=3)  # an adapted model stays as it is
    assert (adapted.predict(new) == before).all()


@pytest.mark.skipif("MAML" not in os.environ, reason="MAML does not name the program")
def test_the_program_reads_it(rng, tmp_path):
    learner = maml.MetaLearner("sinusoid-10shot", data_tasks=5).fit(iterations=20)
    learner.save(tmp_path / "run")
    program = lambda *arguments: subprocess.run([os.environ["MAML"], *arguments], text=True, capture_output=True)
    evaluated = program("eval", tmp_path / "run", "--tasks", "40", "--steps", "2", "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    steps = json.loads(evaluated.stdout)["evaluations"][0]["steps"]
    np.testing.assert_allclose(learner.score(count=40, steps=2).by_step, [s["mean"] for s in steps], rtol=1e-6)
    regressor().fit(sine, iterations=1).save(tmp_path / "given")
    refused = program("eval", tmp_path / "given")
    assert refused.returncode != 0 and "data.domain" in refused.stderr and "MetaLearner" in refused.stderr
    trained = program("train", "sinusoid-10shot", "--out", tmp_path / "trained", "--set", "train.iterations=10",
                      "--quiet")
    assert trained.returncode == 0, trained.stderr
    assert maml.MetaLearner.load(tmp_path / "trained").fit(iterations=2).iteration == 12


def test_a_pack(tmp_path, program):
    subprocess.run([sys.executable, ROOT / "tests/e2e/draw_pictures.py"], check=True)
    program("data", "import", "images", "leaves", "--split", "6/2/2", "--quiet")
    model = maml.Model(input=[20, 20, 3], layers=["conv2d 4 stride=2", "batch_norm", "relu", "global_mean", "linear 2"],
                       loss="cross_entropy")
    learner = maml.MetaLearner(model, inner_lr=0.1, data_shots=1, data_query_shots=2, data_tasks=3)
    learner.fit("leaves.maml", iterations=4).save("run")
    evaluated = program("eval", "run", "--protocol", "own", "--tasks", "5", "--steps", "2", "--json")
    steps = json.loads(evaluated)["evaluations"][0]["steps"]
    np.testing.assert_allclose(learner.score("leaves.maml", count=5, steps=2).by_step, [s["mean"] for s in steps],
                               rtol=1e-6)
    assert same(maml.MetaLearner.load("run").params, learner.params)
    named = maml.MetaLearner(model, inner_lr=0.1, data_file="other.maml", data_shots=1, data_query_shots=2)
    named.params = learner.params  # a name given to score counts, not the constructor's
    assert named.score("leaves.maml", count=5, steps=2).mean == learner.score("leaves.maml", count=5, steps=2).mean
    with pytest.raises(maml.Error, match="other.maml"):
        named.score("other.maml")
    (tmp_path / "two").mkdir()
    for kind in ("kind0", "kind2"):
        shutil.copytree(f"leaves/tree0/{kind}", f"two/{kind}")
    answers = json.loads(program("adapt", "run", "--support", "two", "--query", "two", "--json"))
    assert len(answers["predictions"]) == 10


def test_a_packed_table(tmp_path, program):
    subprocess.run([sys.executable, ROOT / "examples/sensors/draw_sensors.py"], check=True)
    columns = ["--task", "sensor", "--inputs", "hour,temperature", "--targets", "load", "--quiet"]
    program("data", "import", "csv", "sensors.csv", *columns)
    read = lambda file, *names: np.column_stack([np.genfromtxt(file, delimiter=",", names=True)[n] for n in names])
    support, new = (read(file, "hour", "temperature") for file in ("mine.csv", "new.csv"))
    load = read("mine.csv", "load")

    # What the program trained adapts and predicts here as there.
    program("train", "sensors", "--set", "train.iterations=50", "--set", "train.validate_every=0", "--set",
            "eval.tasks=5", "--quiet", "--out", "there")
    program("adapt", "there", "--support", "mine.csv", "--out", "mine.safetensors")
    program("predict", "mine.safetensors", "new.csv", "--out", "there.csv")
    adapted = maml.MetaLearner.load("there").adapt(support, load)
    np.testing.assert_allclose(adapted.predict(new), read("there.csv", "predicted_load"), rtol=1e-6)
    adapted.save("here.safetensors")
    program("predict", "here.safetensors", "new.csv", "--out", "here.csv")
    np.testing.assert_allclose(adapted.predict(new), read("here.csv", "predicted_load"), rtol=1e-6)

    # What is trained here is read there.
    model = maml.Model(input=[2], layers=["linear 20", "tanh", "linear 1"])
    learner = maml.MetaLearner(model, inner_lr=0.05, data_query_shots=20, data_tasks=4)
    learner.fit("sensors.safetensors", iterations=30).save("run")
    evaluated = program("eval", "run", "--protocol", "own", "--tasks", "5", "--steps", "2", "--json")
    steps = json.loads(evaluated)["evaluations"][0]["steps"]
    np.testing.assert_allclose(learner.score("sensors.safetensors", count=5, steps=2).by_step,
                               [s["mean"] for s in steps], rtol=1e-6)
    program("adapt", "run", "--support", "mine.csv", "--steps", "3", "--out", "run.safetensors")
    program("predict", "run.safetensors", "new.csv", "--out", "run.csv")
    np.testing.assert_allclose(learner.adapt(support, load, steps=3).predict(new), read("run.csv", "predicted_load"),
                               rtol=1e-6)

    # Another pack is in the units that the model learned in; before it has learned, in its own.
    lines = Path("sensors.csv").read_text().splitlines()
    shifted = [lines[0], *(f"{line.rpartition(',')[0]},{float(line.rpartition(',')[2]) + 1000}" for line in lines[1:])]
    Path("shifted.csv").write_text("\n".join(shifted) + "\n")
    program("data", "import", "csv", "shifted.csv", *columns)
    of = lambda one, pack: one.score(f"{pack}.safetensors", count=20, steps=0).mean
    assert of(learner, "shifted") > 100 * of(learner, "sensors")
    fresh = maml.MetaLearner(model, data_query_shots=20)
    assert of(fresh, "shifted") == pytest.approx(of(fresh, "sensors"), rel=1e-3)
    program("data", "import", "csv", "sensors.csv", "--task", "sensor", "--inputs", "temperature,hour", "--targets",
            "load", "--quiet", "--out", "turned.safetensors")
    with pytest.raises(maml.Error, match="temperature, hour.*the model knows hour, temperature"):
        learner.fit("turned.safetensors", iterations=1)


@pytest.mark.parametrize("call, message", [
    (lambda l: l.fit(), "tasks.*missing"),
    (lambda l: l.fit([]), "tasks.*empty"),
    (lambda l: l.fit(3), "tasks.*int.*callable"),
    (lambda l: l.fit((np.zeros((4, 1)), np.zeros(4))), "no classifier"),
    (lambda l: l.fit(lambda rng: 1, iterations=1), r"tasks\(rng\).*int.*support x"),
    (lambda l: l.fit("no-such.maml", iterations=1), "no-such.maml"),
    (lambda l: l.fit("sinusoid-10sho", iterations=1), "there is no sinusoid-10sho.*did you mean sinusoid-10shot"),
    (lambda l: l.fit(lambda rng: ((np.zeros((2, 3)), np.zeros(2)), (np.zeros((2, 1)), np.zeros(2))), iterations=1),
     r"support.x.*shape \(2, 3\).*\(rows, 1\)"),
    (lambda l: l.fit(sine, iterations=-1), "iterations.*-1"),
    (lambda l: l.score(sine, count=0), "count.*0"),
    (lambda l: l.score(sine, count=5, steps=-1), "steps.*-1"),
    (lambda l: l.adapt(np.zeros((2, 2)), np.zeros(2)), r"\[x\].*\(2, 2\)"),
    (lambda l: maml.MetaLearner(l.model, iner_lr=3), "iner_lr.*did you mean inner_lr"),
    (lambda l: maml.MetaLearner(l.model, algorithm="mamml"), "maml"),
    (lambda l: maml.MetaLearner(l.model, inner_lr=0.2, inner_alpha=0.1), r"\[inner_alpha\] is inner_lr by another"),
    (lambda l: maml.MetaLearner(3), r"\[model\] is 3, .*maml.Model.*preset"),
    (lambda l: maml.MetaLearner(l.model, threads=[2]), "train.threads"),
    (lambda l: l.fit(sine, iterations=2.5), r"\[iterations\] is 2.5, .*whole number"),
    (lambda l: l.fit(sine, iterations=1, callback=3), r"\[callback\] is 3, .*function"),
    (lambda l: l.fit([(([[1], [1, 2]], [1, 2]), ([[1]], [1]))], iterations=1), r"\[tasks.x\] is no array"),
    (lambda l: l.score(sine, steps="a"), r"\[steps\] is 'a', .*whole number"),
    (lambda l: l.score(sine, count="3"), r"\[count\] is '3', .*whole number"),
    (lambda l: l.score(sine, seed=-1), r"\[seed\] is -1, .*0 or above"),
    (lambda l: l.score(sine, count=1, protocol=3), r"\[protocol\] is 3, .*text"),
    (lambda l: l.adapt([[1], [2, 3]], [1, 2]), r"\[x\] is no array"),
    (lambda l: l.adapt([[1], [2]], [1, 2], steps=1.5), r"\[steps\] is 1.5, .*whole number"),
    (lambda l: l.adapt([[1], [2]], [1, 2], steps=-1), r"\[steps\] is -1, .*0 or above"),
])
def test_errors_name_the_argument(call, message):
    with pytest.raises(maml.Error, match=message):
        call(regressor())


def test_classes_too_few_are_named(rng):
    x, y = classes(rng, rows=5)
    with pytest.raises(maml.Error, match="5 rows of class 'class 0'.*data_shots 2.*data_query_shots 4"):
        classifier().fit((x, y), iterations=1)
    with pytest.raises(maml.Error, match="8 classes.*data_ways"):
        model = maml.Model(input=[4], layers=["linear 9"], loss="cross_entropy")
        maml.MetaLearner(model, data_shots=1).fit((x, y), iterations=1)


def test_values_that_are_not_finite_are_refused_where_they_come_in(rng):
    x, y = classes(rng, rows=5)
    x[3, 1] = np.nan
    learner = classifier()
    good = np.flatnonzero(np.isfinite(x).all(1) & np.isin(y, np.unique(y)[:3]))
    adapted = learner.adapt(x[good], y[good])
    for call in (adapted.predict, adapted.outputs, adapted.probabilities, lambda rows: adapted.score(rows, y[:5])):
        with pytest.raises(maml.Error, match=r"query.x.*not finite"):
            call(x[:5])
    with pytest.raises(maml.Error, match=r"support.x.*not finite"):
        learner.adapt(x[:5], y[:5])
    tasks = [(x[:, :1], np.arange(float(len(x)))) for x in (np.ones((30, 1)), np.full((30, 1), np.inf))]
    with pytest.raises(maml.Error, match=r"\[tasks\[1\].x\] holds a value that is not finite in row 0 .mend it"):
        regressor().fit(tasks, iterations=5)


def test_divergence_is_an_error():
    with pytest.raises(maml.Error, match="ceased to be finite.*inner_lr"):
        regressor(inner_lr=1e4, inner_steps=5).fit(sine, iterations=50)
