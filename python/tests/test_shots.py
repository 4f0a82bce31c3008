"""What the normalisation sum/shots divides by, and classes of unequal size: one inner step is the same of gradient,
meta_gradient, Adaptation, adapt, fit and score, on tasks of the user's own."""

import numpy as np
import pytest

import maml

ROWS = [(1, 1, 1), (3, 3, 3), (1, 4, 2)]


def network(normalisation, loss="cross_entropy"):
    return maml.Model(input=[4], layers=["linear 6", "tanh", "linear 3"], loss=loss, normalisation=normalisation)


def labelled(rng, rows, centres):
    """So many rows of class 0, 1, .., in no order."""
    y = rng.permutation(np.repeat(np.arange(len(rows)), rows))
    return (centres[y] + rng.normal(size=(len(y), 4))).astype("f4"), y


def task_of(rng, rows, query=(20, 10, 15)):
    centres = 2 * rng.normal(size=(3, 4))
    return labelled(rng, rows, centres), labelled(rng, query, centres)


def shots_of(rows):
    return sum(rows) // len(rows)


def weights_of(y, rows, normalisation):
    """By hand: the loss is the mean, or the sum, of the classes' own means."""
    of_equal = sum(rows) / len(rows) if normalisation == "mean" else shots_of(rows)
    return np.array([of_equal / rows[label] for label in y])


def step(model, params, support, rate, **more):
    gradient = maml.gradient(model, params, *support, **more)
    return {name: value - rate * gradient[name] for name, value in params.items()}


def close(given, wanted, tolerance=1e-5):
    for name, value in wanted.items():
        np.testing.assert_allclose(given[name], value, rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("normalisation", ["mean", "sum/shots"])
@pytest.mark.parametrize("rows", ROWS[:2])
def test_an_inner_step_of_equal_classes(rng, normalisation, rows):
    model, (support, query) = network(normalisation), task_of(rng, rows)
    learner = maml.MetaLearner(model, inner_lr=0.3)
    params = learner.params
    wanted = step(model, params, support, 0.3, shots=rows[0])
    adaptation = maml.Adaptation(model, [support], [query], inner_lr=0.3)
    adaptation.run(params)
    close({name: value[0] for name, value in adaptation.theta().items()}, wanted)
    close(step(model, params, support, 0.3), wanted)
    close(learner.adapt(*support).params, wanted)
    result = maml.meta_gradient(model, params, [support], [query], inner_lr=0.3)
    assert result.loss == pytest.approx(maml.loss(model, wanted, *query, shots=rows[0]), rel=1e-5)
    assert result.loss == pytest.approx(adaptation.query()[0][0], rel=1e-5)
    rate = {"mean": 1, "sum/shots": 1 / 3}[normalisation]  # three ways: three times the mean
    close(step(network("mean"), params, support, 0.3 / rate), wanted)


@pytest.mark.parametrize("normalisation", ["mean", "sum/shots"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_inner_step_of_regression(rng, normalisation, dtype):
    model = network(normalisation, "mse")
    support, query = [(rng.normal(size=(n, 4)), rng.normal(size=(n, 3))) for n in (5, 8)]
    learner = maml.MetaLearner(model, inner_lr=0.02)
    params = {name: value.astype(dtype) for name, value in learner.params.items()}
    wanted = step(model, params, support, 0.02, shots=5)
    close(learner.adapt(*support).params, wanted)
    result = maml.meta_gradient(model, params, [support], [query], inner_lr=0.02)
    assert result.loss == pytest.approx(maml.loss(model, wanted, *query, shots=5), rel=1e-5)


def test_an_inner_step_of_a_preset_s_model(rng):
    model = maml.Model.preset("omniglot-5way-1shot")
    x, y = rng.random((2, 5, 28, 28, 1)).astype("f4"), np.tile(np.arange(5), (2, 1))
    learner = maml.MetaLearner(model, inner_lr=0.4)
    adaptation = maml.Adaptation(model, (x, y), (x, y), inner_lr=0.4)
    adaptation.run(learner.params)
    close({name: value[1] for name, value in adaptation.theta().items()}, learner.adapt(x[1], y[1]).params, 1e-3)
    close(step(model, learner.params, (x[1], y[1]), 0.4, shots=1), learner.adapt(x[1], y[1]).params, 1e-3)


def given(kind, tasks):
    made = iter(tasks)
    return {"list": tasks, "iterator": made, "callable": lambda rng: next(made)}[kind]


@pytest.mark.parametrize("kind", ["list", "callable", "iterator"])
@pytest.mark.parametrize("normalisation", ["mean", "sum/shots"])
@pytest.mark.parametrize("rows", [*ROWS, None])
def test_a_step_of_fit(rng, kind, normalisation, rows):
    model, all_rows = network(normalisation), [rows or ROWS[i] for i in range(3)]
    tasks = [task_of(rng, of_task) for of_task in all_rows]
    learner = maml.MetaLearner(model, inner_lr=0.3, data_tasks=3, outer_optimiser="sgd", outer_lr=0.1)
    start, losses = learner.params, []
    weights = [weights_of(support[1], of_task, normalisation) for (support, _), of_task in zip(tasks, all_rows)]
    for (support, query), of_task, w in zip(tasks, all_rows, weights):
        shots = shots_of(of_task)
        adapted = step(model, start, support, 0.3, shots=shots, weights=w)
        close(learner.adapt(*support).params, adapted)
        losses.append(maml.loss(model, adapted, *query, shots=shots))
    wanted = maml.meta_gradient(model, start, *zip(*tasks), inner_lr=0.3, support_weights=weights)
    np.testing.assert_allclose(wanted.losses, losses, rtol=1e-5)
    seen = []
    learner.fit(given(kind, tasks), iterations=1, callback=seen.append)
    assert seen[0].loss == pytest.approx(np.mean(losses), rel=1e-5)
    close(learner.params, {name: value - 0.1 * wanted.gradient[name] for name, value in start.items()}, 1e-4)


@pytest.mark.parametrize("kind", ["list", "callable", "iterator"])
@pytest.mark.parametrize("normalisation", ["mean", "sum/shots"])
@pytest.mark.parametrize("rows", [*ROWS, None])
def test_a_score_is_that_of_adapt(rng, kind, normalisation, rows):
    tasks = [task_of(rng, rows or ROWS[i % 3], query=(60, 50, 40)) for i in range(6)]
    learner = maml.MetaLearner(network(normalisation), inner_lr=0.3)
    wanted = np.mean([learner.adapt(*support, steps=2).score(*query) for support, query in tasks])
    assert learner.score(given(kind, tasks), count=6, steps=2).mean == pytest.approx(wanted, abs=1e-6)


def test_a_step_of_fit_on_unequal_support_sizes(rng):
    for normalisation in ("mean", "sum/shots"):
        model = network(normalisation, "mse")
        set_of = lambda n: (rng.normal(size=(n, 4)), rng.normal(size=(n, 3)))
        tasks = [(set_of(n), set_of(6)) for n in (3, 8, 5)]
        learner = maml.MetaLearner(model, inner_lr=0.05, data_tasks=3, outer_optimiser="sgd", outer_lr=0.1)
        start, seen = learner.params, []
        wanted = maml.meta_gradient(model, start, *zip(*tasks), inner_lr=0.05)
        learner.fit(tasks, iterations=1, callback=seen.append)
        assert seen[0].loss == pytest.approx(wanted.loss, rel=1e-5)
        close(learner.params, {name: value - 0.1 * wanted.gradient[name] for name, value in start.items()}, 1e-4)


def test_tasks_of_as_many_rows_but_other_shots(rng):
    tasks = [task_of(rng, rows) for rows in ((2, 2, 2), (3, 3), (2, 2, 2), (3, 3))]
    model = network("sum/shots")
    params = model.init(0)
    whole = maml.meta_gradient(model, params, *zip(*tasks), inner_lr=0.3, threads=1)
    alone = [maml.meta_gradient(model, params, [support], [query], inner_lr=0.3).loss for support, query in tasks]
    np.testing.assert_allclose(whole.losses, alone, rtol=1e-6)


def test_labels_and_drawn_shots_agree(rng):
    x, y = labelled(rng, (12, 12, 12, 12), 2 * rng.normal(size=(4, 4)))
    learner = maml.MetaLearner(network("sum/shots"), inner_lr=0.3, data_shots=2, data_query_shots=3, data_tasks=1)
    from maml._tasks import Labelled, Sizes, Streams
    (support, query), = Labelled(x, y, Sizes(3, 2, 3)).draw(Streams(0, 0, 0), 1)
    adapted, seen = step(learner.model, learner.params, support, 0.3, shots=2), []
    wanted = maml.loss(learner.model, adapted, *query, shots=2)
    learner.fit((x, y), iterations=1, callback=seen.append)
    assert seen[0].loss == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("keyword", ["data_shots", "data_ways"])
def test_shots_are_no_keyword_where_they_are_counted(rng, keyword):
    support, query = task_of(rng, (2, 2, 2))
    model = network("sum/shots")
    for call in (lambda **more: maml.meta_gradient(model, model.init(0), [support], [query], **more),
                 lambda **more: maml.Adaptation(model, [support], [query], **more)):
        with pytest.raises(maml.Error, match=rf"\[{keyword}\] is counted in the support set"):
            call(**{keyword: 2})
