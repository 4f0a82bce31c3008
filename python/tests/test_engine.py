"""The engine by named arrays: held against finite differences, NumPy, and the program."""

import inspect
import os
import subprocess
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import maml
from conftest import conv, regression, seconds_after_ctrl_c, small


def numpy_conv(model, params, x):
    """The network of conftest.conv in NumPy, in PyTorch's layouts."""
    w, b = params["conv1.weight"], params["conv1.bias"]
    n, height, width, _ = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = np.zeros((n, height, width, w.shape[0]))
    for i in range(3):
        for j in range(3):
            y += np.einsum("nhwc,oc->nhwo", padded[:, i:i + height, j:j + width], w[:, :, i, j])
    y = np.tanh(y + b).transpose(0, 3, 1, 2).reshape(n, -1)  # C, H, W
    return y @ params["linear1.weight"].T + params["linear1.bias"]


def cross_entropy(outputs, y):
    outputs = outputs - outputs.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(outputs).sum(1)) - outputs[np.arange(len(y)), y]))


def test_layouts_are_pytorchs(rng):
    model = conv()
    params = {k: rng.normal(size=v.shape) for k, v in model.init(0).items()}
    assert model.shapes == {"conv1.weight": (3, 2, 3, 3), "conv1.bias": (3,), "linear1.weight": (4, 90),
                            "linear1.bias": (4,)}
    x, y = rng.random((7, 6, 5, 2)), rng.integers(0, 4, 7)
    assert maml.loss(model, params, x, y) == pytest.approx(cross_entropy(numpy_conv(model, params, x), y), rel=1e-12)


def directional(f, params, v, h=1e-5):
    up = {k: params[k] + h * v[k] for k in params}
    down = {k: params[k] - h * v[k] for k in params}
    a, b = f(up), f(down)
    return {k: (a[k] - b[k]) / (2 * h) for k in a} if isinstance(a, dict) else (a - b) / (2 * h)


def dot(a, b):
    return sum(float(np.vdot(a[k], b[k])) for k in a)


@pytest.mark.parametrize("make", [small, conv])
def test_gradient_and_hvp_against_differences(make, rng):
    model = make()
    params = {k: rng.normal(size=s) * 0.3 for k, s in model.shapes.items()}
    x = rng.random((6, *model.input))
    y = rng.integers(0, 4, 6) if model.is_classifier else rng.normal(size=(6, 2))
    v = {k: rng.normal(size=s) for k, s in model.shapes.items()}
    g = maml.gradient(model, params, x, y)
    assert dot(g, v) == pytest.approx(directional(lambda p: maml.loss(model, p, x, y), params, v), rel=1e-7)
    hv = maml.hvp(model, params, x, y, v)
    near = directional(lambda p: maml.gradient(model, p, x, y), params, v)
    for name in hv:
        np.testing.assert_allclose(hv[name], near[name], rtol=1e-6, atol=1e-8)
        assert hv[name].dtype == np.float64 and hv[name].shape == model.shapes[name]


@pytest.mark.parametrize("make", [small, conv])
def test_float32_has_the_values_of_float64(make, rng):
    model = make()
    params, v = ({k: rng.normal(size=s) * 0.3 for k, s in model.shapes.items()} for _ in range(2))
    x = rng.random((6, *model.input))
    y = rng.integers(0, 4, 6) if model.is_classifier else rng.normal(size=(6, 2))
    single = {k: value.astype("f4") for k, value in params.items()}
    assert maml.loss(model, single, x, y) == pytest.approx(maml.loss(model, params, x, y), rel=1e-6)
    for given, wanted in ((maml.gradient(model, single, x, y), maml.gradient(model, params, x, y)),
                          (maml.hvp(model, single, x, y, v), maml.hvp(model, params, x, y, v))):
        for name in wanted:
            assert given[name].dtype == np.float32 and given[name].shape == model.shapes[name]
            np.testing.assert_allclose(given[name], wanted[name], rtol=1e-4, atol=1e-6)


def test_meta_gradient_against_differences(rng):
    model, (support, query) = small(), regression(rng)
    params = {k: rng.normal(size=s) for k, s in model.shapes.items()}
    run = lambda p: maml.meta_gradient(model, p, support, query, inner_lr=0.1, inner_steps=3)
    result = run(params)
    v = {k: rng.normal(size=s) for k, s in model.shapes.items()}
    assert dot(result.gradient, v) == pytest.approx(directional(lambda p: run(p).loss, params, v), rel=1e-6)
    assert result.loss == pytest.approx(result.losses.mean(), rel=1e-14)
    single = maml.meta_gradient(model, params, support, query, inner_lr=0.1, inner_steps=3, dtype="float32")
    assert single.gradient["linear1.weight"].dtype == np.float32
    np.testing.assert_allclose(single.gradient["linear1.weight"], result.gradient["linear1.weight"], rtol=1e-3,
                               atol=1e-5)


def test_threads_do_not_matter(rng):
    model, (support, query) = small(), regression(rng, tasks=9)
    params = model.init(3)
    runs = [maml.meta_gradient(model, params, support, query, threads=n) for n in (1, 2, 5)]
    for run in runs[1:]:
        assert all((run.gradient[k] == runs[0].gradient[k]).all() for k in params)


def test_inner_alpha_is_inner_lr(rng):
    model, (support, query) = small(), regression(rng)
    run = lambda **options: maml.meta_gradient(model, model.init(0), support, query, **options).loss
    assert run(inner_alpha=0.2) == run(inner_lr=0.2) != run() == run(inner_lr=0.01)


def test_unequal_numbers_of_rows(rng):
    model, params = small(), small().init(0, "float64")
    sets = [[(rng.normal(size=(n, 3)), rng.normal(size=(n, 2))) for n in rows] for rows in ((3, 7, 4), (5, 2, 9))]
    whole = maml.meta_gradient(model, params, *sets, inner_steps=2)
    alone = [maml.meta_gradient(model, params, [s], [q], inner_steps=2) for s, q in zip(*sets)]
    np.testing.assert_array_equal(whole.losses, [a.loss for a in alone])
    np.testing.assert_allclose(whole.gradient["linear2.bias"], np.mean([a.gradient["linear2.bias"] for a in alone], 0),
                               rtol=1e-12)


def test_adaptation_is_the_meta_gradient(rng):
    model, (support, query) = small(), regression(rng)
    params = model.init(0, "float64")
    adaptation = maml.Adaptation(model, support, query, inner_lr=0.1, inner_steps=4, dtype="float64")
    adaptation.run(params)
    losses, v = adaptation.query()
    back = adaptation.vjp(v)
    whole = maml.meta_gradient(model, params, support, query, inner_lr=0.1, inner_steps=4)
    np.testing.assert_allclose(losses, whole.losses, rtol=1e-14)
    for name in params:
        np.testing.assert_allclose(back[name].mean(0), whole.gradient[name], rtol=1e-11, atol=1e-14)
    u = {k: rng.normal(size=x.shape) for k, x in v.items()}
    assert dot(back, u) == pytest.approx(dot(v, adaptation.jvp(u)), rel=1e-11)
    step = {k: params[k] - 0.1 * maml.gradient(model, params, support[0][1], support[1][1])[k] for k in params}
    for name in params:
        np.testing.assert_allclose(adaptation.theta(1)[name][1], step[name], rtol=1e-12, atol=1e-15)
    with pytest.raises(maml.Error, match="steps 0 to 4"):
        adaptation.theta(5)


def test_learned_rates_have_gradients(rng):
    model, (support, query) = small(), regression(rng)
    params = model.init(0, "float64")
    sgd = maml.meta_gradient(model, params, support, query, algorithm="meta_sgd")
    assert sgd.gradient["alpha.linear1.weight"].shape == (5, 3)
    one = maml.meta_gradient(model, params, support, query, inner_learned="number-step", inner_steps=2)
    assert one.gradient["alpha"].shape == (2,)


@pytest.mark.parametrize("learned, name, shape", [
    ("number", "alpha", (1,)), ("number-step", "alpha", (3,)), ("layer-step", "alpha.linear2.weight", (3,)),
    ("element", "alpha.linear1.weight", (5, 3)), ("element-step", "alpha.linear1.weight", (3, 5, 3))])
def test_learned_rates_stand_in_params(rng, learned, name, shape):
    model, (support, query) = small(), regression(rng)
    run = lambda p: maml.meta_gradient(model, p, support, query, inner_lr=0.1, inner_steps=3, inner_learned=learned)
    params = model.init(0, "float64")
    plain = run(params)
    rates = {key: np.full(value.shape, 0.1) for key, value in plain.gradient.items() if key.startswith("alpha")}
    assert plain.gradient[name].shape == shape
    assert run({**params, **rates}).loss == plain.loss
    assert run({**params, name: rates[name]}).loss == plain.loss
    v = {key: rng.normal(size=value.shape) * (key == name) for key, value in {**params, **rates}.items()}
    near = directional(lambda p: run(p).loss, {**params, **rates}, v)
    assert dot({name: plain.gradient[name]}, v) == pytest.approx(near, rel=1e-6)

    adaptation = maml.Adaptation(model, support, query, inner_lr=0.1, inner_steps=3, inner_learned=learned,
                                 dtype="float64")
    moved = {**params, **{key: value + 0.02 * v[key] for key, value in rates.items()}}
    adaptation.run(moved)
    wanted = run(moved)
    losses, back = adaptation.query()
    np.testing.assert_allclose(losses, wanted.losses, rtol=1e-13)
    assert losses[0] != pytest.approx(plain.losses[0], rel=1e-9)
    whole = adaptation.vjp(back)
    assert whole[name].shape == (3, *shape)
    for key in (name, "linear1.bias"):
        np.testing.assert_allclose(whole[key].mean(0), wanted.gradient[key], rtol=1e-10, atol=1e-13)
    with pytest.raises(maml.Error, match="alpha.linear9"):
        run({**params, "alpha.linear9": [0.1]})
    with pytest.raises(maml.Error, match=name):
        run({**params, name: np.zeros((7, 7))})


def test_weights_of_rows(rng):
    model = conv()
    params = {k: rng.normal(size=s) * 0.3 for k, s in model.shapes.items()}
    x, y = rng.random((2, 6, 6, 5, 2)), rng.integers(0, 4, (2, 6))
    w = rng.random((2, 6))
    alone = [maml.loss(model, params, x[0, i:i + 1], y[0, i:i + 1]) for i in range(6)]
    assert maml.loss(model, params, x[0], y[0], weights=w[0]) == pytest.approx(np.mean(w[0] * alone), rel=1e-12)
    g = [maml.gradient(model, params, x[i], y[i], weights=w[i]) for i in range(2)]
    step = [{k: params[k] - 0.1 * g[i][k] for k in params} for i in range(2)]
    wanted = [maml.loss(model, step[i], x[1 - i], y[1 - i], weights=w[1 - i]) for i in range(2)]
    options = {"inner_lr": 0.1, "support_weights": w, "query_weights": w[::-1]}
    given = maml.meta_gradient(model, params, (x, y), (x[::-1], y[::-1]), **options)
    np.testing.assert_allclose(given.losses, wanted, rtol=1e-12)
    listed = maml.meta_gradient(model, params, list(zip(x, y)), list(zip(x[::-1], y[::-1])), **options)
    np.testing.assert_allclose(listed.gradient["conv1.bias"], given.gradient["conv1.bias"], rtol=1e-12)
    only = maml.meta_gradient(model, params, (x, y), (x, y), query_weights=np.ones((2, 6)), inner_lr=0.1)
    assert only.loss == maml.meta_gradient(model, params, (x, y), (x, y), inner_lr=0.1).loss
    adaptation = maml.Adaptation(model, (x, y), (x[::-1], y[::-1]), dtype="float64", **options)
    adaptation.run(params)
    np.testing.assert_allclose(adaptation.query()[0], wanted, rtol=1e-12)
    with pytest.raises(maml.Error, match=r"support_weights.*\(5,\).*\(6,\)"):
        maml.meta_gradient(model, params, (x, y), (x, y), support_weights=w[:, :5])
    with pytest.raises(maml.Error, match="weight"):
        maml.loss(small(), small().init(0), np.zeros((2, 3)), np.zeros((2, 2)), weights=[1, 2])


def test_adaptations_do_not_depend_on_threads(rng):
    model = small()
    params = model.init(1)
    support, query = regression(rng, tasks=9, dtype="float32")
    unequal = [[(rng.normal(size=(n, 3)), rng.normal(size=(n, 2))) for n in rows] for rows in ((3, 7, 4), (5, 2, 9))]
    for sets in ((support, query), unequal):
        runs = []
        for threads in (1, 2, 5):
            adaptation = maml.Adaptation(model, *sets, inner_lr=0.1, inner_steps=3, threads=threads)
            adaptation.run(params)
            losses, v = adaptation.query()
            runs.append({"losses": losses, **adaptation.theta(2), **{"v." + k: x for k, x in adaptation.vjp(v).items()},
                         **{"j." + k: x for k, x in adaptation.jvp(v).items()}})
        for run in runs[1:]:
            assert all((run[key] == runs[0][key]).all() for key in runs[0])


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_a_meta_gradient_between_two_steps(rng, threads):
    model, (support, query) = small(), regression(rng, tasks=threads)
    run = lambda: maml.meta_gradient(model, model.init(0), support, query, inner_steps=1_000_000, threads=threads,
                                     memory_mib=64)
    assert seconds_after_ctrl_c(run, 0.3) < 2


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_ends_an_adaptation_between_two_steps(rng, threads):
    model, (support, query) = small(), regression(rng, tasks=2, dtype="float32")
    params, steps = model.init(0), 300_000
    adaptation = maml.Adaptation(model, support, query, inner_steps=steps, threads=threads)
    assert seconds_after_ctrl_c(lambda: adaptation.run(params), 0.1) < 2
    with pytest.raises(maml.Error, match="has not run yet"):
        adaptation.query()
    adaptation.run(params)
    v = adaptation.query()[1]
    middle, back = adaptation.theta(steps // 2 + 3), adaptation.vjp(v)
    assert seconds_after_ctrl_c(lambda: adaptation.vjp(v), 0.1) < 2
    for before, after in ((middle, adaptation.theta(steps // 2 + 3)), (back, adaptation.vjp(v))):
        assert all(np.array_equal(before[name], after[name]) for name in params)


@pytest.mark.skipif("MAML" not in os.environ, reason="MAML does not name the program")
def test_the_program_says_the_same(rng, tmp_path):
    from safetensors_file import read, write
    model, (support, query) = small(), regression(rng)
    params = model.init(0, "float64")
    (tmp_path / "m.toml").write_text('[model]\ninput = [3]\nlayers = ["linear 5", "tanh", "linear 2"]\n'
                                     '[inner]\nsteps = 2\nalpha = 0.1\n[data]\ndomain = "sinusoid"\n')
    assert maml.Model((tmp_path / "m.toml").read_text()).shapes == model.shapes
    write(tmp_path / "p.safetensors", params)
    write(tmp_path / "t.safetensors", {"support.x": support[0], "support.y": support[1], "query.x": query[0],
                                       "query.y": query[1]})
    subprocess.run([os.environ["MAML"], "meta-gradient", tmp_path / "m.toml", "--params", tmp_path / "p.safetensors",
                    "--tasks", tmp_path / "t.safetensors", "--double", "--out", tmp_path / "g.safetensors"], check=True)
    there = read(tmp_path / "g.safetensors")
    here = maml.meta_gradient(model, params, support, query, inner_lr=0.1, inner_steps=2)
    np.testing.assert_allclose(here.losses, there["loss"], rtol=1e-14)
    for name in params:
        np.testing.assert_allclose(here.gradient[name], there["gradient." + name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("call", [
    lambda m, p, x, y: maml.loss(m, p, x[0], y[0]),
    lambda m, p, x, y: maml.gradient(m, p, x[0], y[0]),
    lambda m, p, x, y: maml.hvp(m, p, x[0], y[0], p),
    lambda m, p, x, y: maml.meta_gradient(m, p, (x, y), (x, y)),
    lambda m, p, x, y: maml.meta_gradient(m, p, list(zip(x, y)), list(zip(x, y))),
    lambda m, p, x, y: maml.Adaptation(m, (x, y), (x, y)).run(p),
])
def test_arrays_are_not_copied(rng, call):
    model = small()
    params = model.init(0)

    def copied(dtype):
        """The most bytes that NumPy held at once, beside those of the arrays."""
        x, y = rng.normal(size=(2, 10_000, 3)).astype(dtype), rng.normal(size=(2, 10_000, 2)).astype(dtype)
        tracemalloc.start()
        call(model, params, x, y)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most / (4 * 10_000)
    copied("f4")  # what is made once
    assert copied("f4") < 1
    assert copied("f8") > 3


def test_the_engine_copies_no_arrays():
    model = maml.Model(input=[20000], layers=["linear 1"])
    params, x, y = model.init(0), np.ones((2, 500, 20000), "f4"), np.zeros((2, 500, 1), "f4")  # x: 80 MB

    def resident(field):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(field))

    for call in (lambda: maml.gradient(model, params, x[0], y[0]), lambda: maml.Adaptation(model, (x, y), (x, y)).run(params),
                 lambda: maml.meta_gradient(model, params, (x, y), (x, y), inner_lr=1e-9)):
        call()
        Path("/proc/self/clear_refs").write_text("5")  # the most begins anew
        before = resident("VmRSS")
        call()
        assert resident("VmHWM") - before < 16


@pytest.mark.parametrize("call", ["loss", "gradient", "hvp", "meta_gradient", "Adaptation", "vjp", "jvp", "fit", "score",
                                  "adapt", "predict"])
def test_the_gil_is_released(rng, call):
    model = maml.Model(input=[200], layers=["linear 400", "tanh", "linear 400", "tanh", "linear 1"])
    x, y = rng.normal(size=(4, 200, 200)).astype("f4"), rng.normal(size=(4, 200, 1)).astype("f4")
    params, count, done = model.init(0), [0], threading.Event()
    tasks = [((a, b), (a, b)) for a, b in zip(x, y)]
    learner = maml.MetaLearner(model, inner_lr=1e-6, inner_steps=5, data_tasks=4, threads=1)
    adaptation = maml.Adaptation(model, (x, y), (x, y), inner_steps=20, threads=1)
    many = np.repeat(x[0], 100, 0), np.repeat(y[0], 100, 0)
    adaptation.run(params)
    stacked = {key: np.stack([value] * 4) for key, value in params.items()}
    adapted = learner.adapt(x[0], y[0])
    run = {"loss": lambda: maml.loss(model, params, *many),
           "gradient": lambda: maml.gradient(model, params, *many),
           "hvp": lambda: maml.hvp(model, params, *many, params),
           "vjp": lambda: adaptation.vjp(stacked),
           "jvp": lambda: adaptation.jvp(stacked),
           "predict": lambda: adapted.predict(many[0]),
           "meta_gradient": lambda: maml.meta_gradient(model, params, (x, y), (x, y), inner_steps=5, threads=1),
           "Adaptation": lambda: adaptation.run(params),
           "fit": lambda: learner.fit(tasks, iterations=2),
           "score": lambda: learner.score(tasks, steps=20),
           "adapt": lambda: learner.adapt(x[0], y[0], steps=80)}[call]

    def tick():
        while not done.wait(0.001):
            count[0] += 1
    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    before = count[0]
    run()
    during = count[0] - before
    done.set()
    thread.join()
    assert during > 5


def test_all_that_is_public_has_a_docstring():
    public = {name: getattr(maml, name) for name in maml.__all__ if name != "__version__"}
    for name, thing in list(public.items()):
        if inspect.isclass(thing):
            public |= {f"{name}.{key}": member for key, member in vars(thing).items()
                       if key[0] != "_" and (callable(member) or isinstance(member, (property, classmethod)))}
    assert len(public) > 40 and [name for name, thing in public.items() if not inspect.getdoc(thing)] == []


X, Y = np.zeros((4, 3)), np.zeros((4, 2))
ONE_NAN = np.where(np.arange(12).reshape(4, 3) == 7, np.nan, 0)
SETS = 2 * ((np.zeros((2, 4, 3)), np.zeros((2, 4, 2))),)


@pytest.mark.parametrize("call, message", [
    (lambda m, p: maml.loss(m, p, np.zeros((4, 2)), np.zeros((4, 2))), r"batch.x.*shape \(4, 2\).*\(rows, 3\)"),
    (lambda m, p: maml.loss(m, p, np.zeros((4, 3)), np.zeros((3, 2))), r"batch.y.*shape \(3, 2\).*\(4, 2\)"),
    (lambda m, p: maml.loss(m, {"linear1.weight": p["linear1.weight"]}, np.zeros((4, 3)), np.zeros((4, 2))),
     r"linear1.bias.*missing"),
    (lambda m, p: maml.loss(m, {**p, "linear1.bias": np.zeros(6)}, np.zeros((4, 3)), np.zeros((4, 2))),
     r"linear1.bias.*\(6\).*\(5\)"),
    (lambda m, p: maml.loss(m, p, np.zeros((4, 3)), np.zeros((4, 2)), dtype="int8"), "dtype.*float32 or float64"),
    (lambda m, p: maml.meta_gradient(m, p, (np.zeros((2, 4, 3)), np.zeros((2, 4, 2))),
                                     (np.zeros((3, 4, 3)), np.zeros((3, 4, 2)))), "3 tasks, but support has 2"),
    (lambda m, p: maml.meta_gradient(m, p, [], []), "no tasks"),
    (lambda m, p: maml.loss(m, [1, 2], np.zeros((4, 3)), np.zeros((4, 2))), r"\[params\] is a list.*named arrays"),
    (lambda m, p: maml.meta_gradient(m, p, *SETS, algorithm="mamml"), "maml"),
    (lambda m, p: maml.Model(input=[3], layers=["liner 5"]), "linear"),
    (lambda m, p: maml.Model(layers=["linear 5"]), "model.input"),
    (lambda m, p: maml.Model(input=[-3], layers=["linear 5"]), r"\[model.input\] is -3.*1 or above"),
    (lambda m, p: maml.Model(input=3, layers=["linear 5"]), r"\[model.input\] is 3, .*list of extents"),
    (lambda m, p: maml.Model(input=[], layers=["linear 5"]), r"\[model.input\] is empty"),
    (lambda m, p: maml.Model(input=[3], layers="linear 1"), r"\[model.layers\] is 'linear 1', .*list of texts"),
    (lambda m, p: maml.Model(input=[3], layers=[1]), r"\[model.layers\] is 1, .*text"),
    (lambda m, p: maml.Model(input=[3], layers=["linear 5"], loss=3), r"\[loss\] is 3, .*text"),
    (lambda m, p: maml.Model(3), r"\[text\] is 3, .*text"),
    (lambda m, p: maml.Model.preset(3), r"\[preset\] is 3, .*text"),
    (lambda m, p: m.init(-1), r"\[seed\] is -1, .*0 or above"),
    (lambda m, p: m.init(2**64), r"\[seed\] is 18446744073709551616, .*18446744073709551615 at most"),
    (lambda m, p: m.init("a"), r"\[seed\] is 'a', .*whole number"),
    (lambda m, p: maml.loss("a", p, X, Y), r"\[model\] is 'a', .*maml.Model"),
    (lambda m, p: maml.loss(m, {**p, "linear1.bias": "text"}, X, Y), r"\[linear1.bias\] is of type <U4"),
    (lambda m, p: maml.loss(m, {**p, "linear1.bias": [[1], [1, 2]]}, X, Y), r"\[linear1.bias\] is no array"),
    (lambda m, p: maml.loss(m, p, [[1, 2, 3], [1, 2]], Y), r"\[batch.x\] is no array"),
    (lambda m, p: maml.loss(m, p, X, [[1], [1, 2]]), r"\[batch.y\] is no array"),
    (lambda m, p: maml.loss(m, p, X, Y, shots=-1), r"\[shots\] is -1, .*1 or above"),
    (lambda m, p: maml.gradient(m, p, X, Y, shots=0), r"\[shots\] is 0, .*1 or above"),
    (lambda m, p: maml.hvp(m, p, X, Y, "v"), r"\[v\] is a str.*named arrays"),
    (lambda m, p: maml.meta_gradient(None, p, *SETS), r"\[model\] is None"),
    (lambda m, p: maml.meta_gradient(m, p, *SETS, threads="2"), r"\[threads\] is '2', .*whole number"),
    (lambda m, p: maml.meta_gradient(m, p, *SETS, threads=-1), r"\[threads\] is -1, .*0 or above"),
    (lambda m, p: maml.meta_gradient(m, p, *SETS, memory_mib=-1), r"\[memory_mib\] is -1, .*1 or above"),
    (lambda m, p: maml.meta_gradient(m, p, *SETS, inner_lr=object()), r"\[inner_lr\] is <object"),
    (lambda m, p: maml.meta_gradient(m, p, *SETS, inner_lr=0.1, inner_alpha=0.1), r"\[inner_alpha\] is inner_lr by"),
    (lambda m, p: maml.meta_gradient(m, p, *SETS, support_weights=3), r"\[support_weights\] is 3, .*list"),
    (lambda m, p: maml.meta_gradient(m, p, ([[1, 2], [1]], Y), SETS[1]), r"\[support.x\] is no array"),
    (lambda m, p: maml.meta_gradient(m, p, [SETS[0][0], SETS[0][1]], SETS[1]), r"\[support\] must be a tuple \(x, y\) of arrays"),
    (lambda m, p: maml.meta_gradient(m, p, SETS[0], [(X, Y), (ONE_NAN, Y)]),
     r"\[query.x\] holds a value that is not finite in task 1, row 2 "),
    (lambda m, p: maml.gradient(m, p, X, np.full((4, 2), np.inf)), r"\[batch.y\] .*not finite in row 0 "),
    (lambda m, p: maml.Adaptation(m, *SETS, threads=1.5), r"\[threads\] is 1.5, .*whole number"),
    (lambda m, p: maml.Adaptation(3, *SETS), r"\[model\] is 3"),
    (lambda m, p: maml.Adaptation(m, *SETS).theta("a"), r"\[step\] is 'a', .*whole number"),
])
def test_errors_name_the_argument(call, message):
    model = small()
    with pytest.raises(maml.Error, match=message) as raised:
        call(model, model.init(0))
    assert isinstance(raised.value, ValueError)


def test_labels_are_checked(rng):
    model = conv()
    x = rng.random((2, 6, 5, 2))
    with pytest.raises(maml.Error, match="label 4.*4 classes"):
        maml.loss(model, model.init(0), x, np.array([0, 4]))
    with pytest.raises(maml.Error, match="whole numbers"):
        maml.loss(model, model.init(0), x, np.array([0.0, 1.0]))
