"""Networks of other frameworks: the sweep, algorithms, training and evaluation on them, against the framework's own
meta-gradient."""

import threading

import numpy as np
import pytest

import maml
from conftest import regression, small
from peers import peer

SEQUENCE = [6, 3]  # time steps, features


def by_hand(hvp=True, model=None, **more):
    """A model of ours as an objective: everything about it is known."""
    model = model or small()

    def gradient(params, x, y):
        return maml.loss(model, params, x, y), maml.gradient(model, params, x, y)
    return maml.Objective(model.init(0), lambda p, x, y: maml.loss(model, p, x, y), gradient,
                          (lambda p, x, y, v: maml.hvp(model, p, x, y, v)) if hvp else None, input=model.input,
                          outputs=model.outputs, name="small", **more)


@pytest.mark.parametrize("algorithm", ["maml", "fomaml", "reptile", "meta_sgd"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_objective_is_its_model(rng, algorithm, dtype):
    model, objective, (support, query) = small(), by_hand(), regression(rng)
    params = model.init(4, dtype)
    options = {"inner_lr": 0.1, "inner_steps": 3, "algorithm": algorithm, "threads": 2}
    wanted = maml.meta_gradient(model, params, support, query, **options)
    given = maml.meta_gradient(objective, params, support, query, **options)
    assert given.loss == pytest.approx(wanted.loss, rel=1e-6)
    for name in wanted.gradient:
        rtol, atol = (1e-4, 1e-5) if dtype == "float32" else (1e-12, 1e-14)
        np.testing.assert_allclose(given.gradient[name], wanted.gradient[name], rtol=rtol, atol=atol)


def test_adaptation_and_calls(rng):
    model, objective, (support, query) = small(), by_hand(), regression(rng)
    params = objective.init(dtype="float64")
    x, y = support[0][0], support[1][0]
    assert maml.loss(objective, params, x, y) == pytest.approx(maml.loss(model, params, x, y), rel=1e-14)
    np.testing.assert_allclose(maml.gradient(objective, params, x, y)["linear2.weight"],
                               maml.gradient(model, params, x, y)["linear2.weight"], rtol=1e-12)
    np.testing.assert_allclose(maml.hvp(objective, params, x, y, params)["linear2.weight"],
                               maml.hvp(model, params, x, y, params)["linear2.weight"], rtol=1e-12)
    adaptation = maml.Adaptation(objective, support, query, inner_lr=0.1, inner_steps=2, dtype="float64")
    adaptation.run(params)
    other = maml.Adaptation(model, support, query, inner_lr=0.1, inner_steps=2, dtype="float64")
    other.run(params)
    np.testing.assert_allclose(adaptation.query()[0], other.query()[0], rtol=1e-12)


def test_without_hvp_second_order_is_refused_by_name(rng):
    objective, (support, query) = by_hand(hvp=False), regression(rng)
    params = objective.init(dtype="float64")
    with pytest.raises(maml.Error, match=r"\[small\].*maml needs.*hvp.*fomaml or reptile"):
        maml.meta_gradient(objective, params, support, query)
    with pytest.raises(maml.Error, match=r"\[small\].*maml needs"):
        maml.MetaLearner(objective)
    with pytest.raises(maml.Error, match="hvp"):
        maml.hvp(objective, params, support[0][0], support[1][0], params)
    first = maml.meta_gradient(objective, params, support, query, algorithm="fomaml")
    wanted = maml.meta_gradient(small(), params, support, query, algorithm="fomaml")
    np.testing.assert_allclose(first.gradient["linear1.bias"], wanted.gradient["linear1.bias"], rtol=1e-12)
    maml.MetaLearner(objective, algorithm="reptile")


def test_it_trains_saves_loads_and_predicts(rng, tmp_path):
    model = small()
    tasks = [((rng.normal(size=(4, 3)), rng.normal(size=(4, 2))), (rng.normal(size=(5, 3)), rng.normal(size=(5, 2))))
             for _ in range(5)]
    predict = lambda params, x: np.tanh(x @ params["linear1.weight"].T + params["linear1.bias"]) \
        @ params["linear2.weight"].T + params["linear2.bias"]
    options = {"inner_lr": 0.1, "data_tasks": 5, "inner_learned": "layer"}
    learner = maml.MetaLearner(by_hand(predict=predict), **options).fit(tasks, iterations=4)
    plain = maml.MetaLearner(model, **options).fit(tasks, iterations=4)
    for name, value in plain.params.items():
        np.testing.assert_allclose(learner.params[name], value, rtol=1e-3, atol=1e-5)
    assert learner.score(tasks).mean == pytest.approx(plain.score(tasks).mean, rel=1e-4)
    assert learner.score(tasks).metric == "mse"
    (x, y), (new, _) = tasks[0]
    np.testing.assert_allclose(learner.adapt(x, y).predict(new), plain.adapt(x, y).predict(new), rtol=1e-3, atol=1e-5)
    with pytest.raises(maml.Error, match="functions of small are in no file"):
        learner.adapt(x, y).save(tmp_path / "adapted.safetensors")
    check_saved(learner, by_hand(predict=predict), tasks, (x, y), tmp_path / "run")
    with pytest.raises(maml.Error, match="objective small.*model="):
        maml.MetaLearner.load(tmp_path / "run")


def sines(rng):
    x = rng.uniform(-5, 5, (20, 1)).astype("f4")
    y = np.sin(x + rng.uniform(0, 3)).astype("f4")
    return (x[:10], y[:10]), (x[10:], y[10:])


def check_saved(learner, fresh, tasks, support, folder):
    """What is saved and loaded with an objective made afresh goes on and answers to the bit as what was saved."""
    learner.save(folder)
    loaded = maml.MetaLearner.load(folder, fresh)
    x, _ = support
    given, wanted = (one.adapt(*support, steps=3).predict(x) for one in (loaded, learner))
    np.testing.assert_array_equal(given, wanted)
    for one in (learner, loaded):
        one.fit(tasks, iterations=2)
    assert loaded.iteration == learner.iteration
    for name, value in learner.params.items():
        np.testing.assert_array_equal(loaded.params[name], value)


@pytest.mark.parametrize("change, message", [
    ({"gradient": lambda p, x, y: {"linear1.weight": p["linear1.weight"]}}, "small.gradient.*linear1.bias"),
    ({"gradient": lambda p, x, y: {k: v.ravel() for k, v in p.items()}}, r"small.gradient.*\(15,\).*\(5, 3\)"),
    ({"gradient": lambda p, x, y: 3}, "small.gradient.*int"),
    ({"loss": lambda p, x, y: x}, r"small.loss.*shape \(4, 3\)"),
    ({"hvp": lambda p, x, y, v: None}, "small.hvp.*NoneType"),
    ({"gradient": lambda p, x, y: {**p, "linear3.bias": 0}}, r"small.gradient\] gave linear3.bias, which is no parameter"),
])
def test_what_functions_give_is_checked(rng, change, message):
    model = small()
    functions = {"loss": lambda p, x, y: maml.loss(model, p, x, y),
                 "gradient": lambda p, x, y: maml.gradient(model, p, x, y),
                 "hvp": lambda p, x, y, v: maml.hvp(model, p, x, y, v), **change}
    objective = maml.Objective(model.init(0), **functions, input=[3], outputs=2, name="small")
    with pytest.raises(maml.Error, match=message):
        maml.meta_gradient(objective, objective.init(), *regression(rng))


def test_outputs_without_their_last_extent_are_refused(rng):
    # They would meet y (rows, 1) as rows x rows.
    params = {"w": np.ones((3,))}
    flat = lambda p, x: x @ p["w"]
    functions = {"loss": lambda p, x, y: float(np.mean((flat(p, x) - y[:, 0]) ** 2)),
                 "gradient": lambda p, x, y: {"w": 2 * (flat(p, x) - y[:, 0]) @ x / len(x)}}
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 1))
    by_hand = maml.Objective(params, **functions, predict=flat, input=[3], name="line")
    learner = maml.MetaLearner(by_hand, "fomaml", data_tasks=1)
    with pytest.raises(maml.Error, match=r"\[line.predict\] gave outputs of shape \(4,\).*\(rows, outputs\): \(4, 1\)"):
        learner.fit([((x, y), (x, y))], iterations=1)
    with pytest.raises(maml.Error, match="line.predict"):
        learner.adapt(x, y).predict(x)


def test_parameters_of_jax_of_one_name_are_refused():
    peer("jax")
    params = {"a.b": np.ones(3, "f4"), "a": {"b": np.ones(3, "f4")}}
    with pytest.raises(maml.Error, match="two parameters whose path is a.b"):
        maml.Objective.from_jax(lambda p, x: x @ p["a.b"][:, None] + x @ p["a"]["b"][:, None], params, input=[3])


def test_outputs_of_jax_without_their_last_extent_are_refused(rng):
    peer("jax")
    objective = maml.Objective.from_jax(lambda p, x: x @ p["w"], {"w": np.ones(3, "f4")}, input=[3])
    with pytest.raises(maml.Error, match=r"\[jax.apply\] gave outputs of shape \(4,\).*\(4, 1\)"):
        maml.gradient(objective, objective.init(), rng.normal(size=(4, 3)), rng.normal(size=(4, 1)))


@pytest.mark.torch
def test_outputs_of_torch_without_their_last_extent_are_refused(rng):
    torch = peer("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0))
    objective = maml.Objective.from_torch(module, input=[3])
    with pytest.raises(maml.Error, match=r"\[torch\] gave outputs of shape \(4,\).*\(4, 1\)"):
        maml.gradient(objective, objective.init(), rng.normal(size=(4, 3)), rng.normal(size=(4, 1)))


def test_initial_arrays_are_the_objective_s_own():
    params = {"w": np.ones((2, 3)), "b": 0.5}
    objective = maml.Objective(params, lambda p, x, y: 0.0, lambda p, x, y: p, input=[3], outputs=2)
    params["w"][:] = 7
    for dtype in ("float32", "float64"):
        init = objective.init(3, dtype)
        assert (init["w"] == 1).all() and init["w"].shape == (2, 3) and init["w"].dtype == dtype
        assert init["b"].shape == () and init["b"] == 0.5


def test_one_call_at_a_time():
    inside, go_on = threading.Event(), threading.Event()

    def gradient(params, x, y):
        inside.set()
        assert go_on.wait(60)
        return {key: 0 * value for key, value in params.items()}
    objective = maml.Objective({"w": np.ones(3)}, lambda p, x, y: 0.0, gradient, input=[3], name="slow")
    task = (np.zeros((4, 3)), np.zeros((4, 1)))
    learner = maml.MetaLearner(objective, "fomaml", data_tasks=1, threads=1)
    adaptation = maml.Adaptation(objective, [task], [task], algorithm="fomaml")
    for call, others in [
            (lambda: learner.fit([(task, task)], iterations=1),
             [lambda: learner.params, lambda: learner.score([(task, task)]), lambda: learner.adapt(*task),
              lambda: learner.fit([(task, task)], iterations=1)]),
            (lambda: adaptation.run(objective.init()), [lambda: adaptation.run(objective.init()), adaptation.query])]:
        inside.clear(), go_on.clear()
        thread = threading.Thread(target=call)
        thread.start()
        assert inside.wait(60)
        assert learner.iteration in (0, 1) and "fomaml" in learner.config
        for other in others:
            with pytest.raises(maml.Error, match="in use by another call"):
                other()
        go_on.set()
        thread.join()
    assert learner.iteration == 1 and learner.adapt(*task).params["w"].shape == (3,)


def test_exceptions_of_functions_come_through_from_every_thread(rng):
    def gradient(params, x, y):
        raise ZeroDivisionError("in the network")
    objective = maml.Objective(small().init(0), lambda p, x, y: 0.0, gradient, input=[3], outputs=2)
    for threads in (1, 3):
        with pytest.raises(ZeroDivisionError, match="in the network"):
            maml.meta_gradient(objective, objective.init(), *regression(rng), algorithm="fomaml", threads=threads)


def sequences(rng, labels, tasks=2):
    """Tasks of sequences, support and query."""
    sets = []
    for rows in (6, 5):
        x = rng.normal(size=(tasks, rows, *SEQUENCE))
        y = rng.integers(0, 3, (tasks, rows)) if labels else np.sin(x[..., 0].sum(-1, keepdims=True))
        sets.append((x, y))
    return sets


def closeness(a, b):
    a, b = (np.concatenate([np.ravel(v[k]) for k in sorted(v)]) for v in (a, b))
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def require_slope(objective, params, support, query, gradient, rng):
    """Every part of a meta-gradient counts, and it is the slope of the meta-loss along a direction."""
    assert all(np.abs(g).max() > 1e-9 for g in gradient.values())
    v = {k: rng.normal(size=g.shape) for k, g in gradient.items()}
    loss = lambda h: maml.meta_gradient(objective, {k: params[k] + h * v[k] for k in params}, support, query,
                                        inner_lr=0.1, inner_steps=3).loss
    slope = sum(float(np.vdot(gradient[k], v[k])) for k in v)
    assert slope == pytest.approx((loss(1e-5) - loss(-1e-5)) / 2e-5, rel=1e-5, abs=1e-7)


def jax_networks(jax, jnp):
    def lstm(params, x):
        def cell(carry, at):
            h, c = carry
            gates = at @ params["in"] + h @ params["hidden"] + params["bias"]
            i, f, g, o = jnp.split(gates, 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), None
        zeros = jnp.zeros((x.shape[0], 5), x.dtype)
        (h, _), _ = jax.lax.scan(cell, (zeros, zeros), jnp.swapaxes(x, 0, 1))
        return h @ params["out"]["weight"] + params["out"]["bias"]

    def transformer(params, x):
        h = x @ params["embed"] + params["place"]
        for block in params["blocks"]:
            q, k, v = (h @ block[name] for name in "qkv")
            h = h + jax.nn.softmax(q @ jnp.swapaxes(k, 1, 2) / np.sqrt(8)) @ v
            h = h + jax.nn.gelu(h @ block["up"]) @ block["down"]
        return h.mean(1) @ params["out"]["weight"] + params["out"]["bias"]

    rng = np.random.default_rng(5)
    of = lambda *shape: (rng.normal(size=shape) * 0.4).astype("f4")
    out = lambda n, outputs: {"weight": of(n, outputs), "bias": of(outputs)}
    yield "lstm", lstm, {"in": of(3, 20), "hidden": of(5, 20), "bias": of(20), "out": out(5, 1)}, 1, "mse"
    block = lambda: {"q": of(8, 8), "k": of(8, 8), "v": of(8, 8), "up": of(8, 12), "down": of(12, 8)}
    yield "transformer", transformer, {"embed": of(3, 8), "place": of(6, 8), "blocks": [block(), block()],
                                       "out": out(8, 3)}, 3, "cross_entropy"


def test_jax_against_its_own_meta_gradient(rng):
    jax = peer("jax")
    import jax.numpy as jnp
    enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    for name, apply, params, outputs, loss in jax_networks(jax, jnp):
        labels = loss == "cross_entropy"
        support, query = sequences(rng, labels)
        objective = maml.Objective.from_jax(apply, params, input=SEQUENCE, outputs=outputs, loss=loss, name=name)
        if name == "transformer":
            assert "blocks.1.up" in objective.shapes
        flat = objective.init(dtype="float64")
        given = maml.meta_gradient(objective, flat, support, query, inner_lr=0.1, inner_steps=3)

        leaves, tree = jax.tree_util.tree_flatten(params)

        def judge(theta, x, y):
            out = apply(theta, x)
            if labels:
                return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], 1))
            return jnp.mean((out - y) ** 2)

        def meta_loss(theta):
            total = 0.0
            for (sx, sy), (qx, qy) in zip(zip(*support), zip(*query)):
                adapted = theta
                for _ in range(3):
                    step = jax.grad(judge)(adapted, sx, sy)
                    adapted = jax.tree_util.tree_map(lambda p, g: p - 0.1 * g, adapted, step)
                total = total + judge(adapted, qx, qy) / len(support[0])
            return total
        with enable_x64(True):
            start = jax.tree_util.tree_unflatten(tree, [jnp.asarray(v, jnp.float64) for v in leaves])
            value, gradient = jax.value_and_grad(meta_loss)(start)
            wanted = dict(zip(flat, map(np.asarray, jax.tree_util.tree_leaves(gradient))))
        assert given.loss == pytest.approx(float(value), rel=1e-9)
        assert closeness(given.gradient, wanted) < 1e-10, name
        require_slope(objective, flat, support, query, given.gradient, rng)
        single = maml.meta_gradient(objective, objective.init(), support, query, inner_lr=0.1, inner_steps=3)
        assert closeness(single.gradient, wanted) < 1e-4, name


def test_a_jax_network_learns_and_is_saved(rng, tmp_path):
    jax = peer("jax")
    of = lambda *shape: (rng.normal(size=shape) * 0.4).astype("f4")
    params = {"in": of(1, 24), "bias": of(24), "out": of(24, 1)}
    apply = lambda p, x: jax.numpy.tanh(x @ p["in"] + p["bias"]) @ p["out"]
    objective = lambda: maml.Objective.from_jax(apply, params, input=[1])
    learner = maml.MetaLearner(objective(), inner_lr=0.05, outer_lr=0.01, data_tasks=4)
    start = learner.score(sines, count=20, steps=3).mean
    learner.fit(sines, iterations=40)
    assert learner.score(sines, count=20, steps=3).mean < 0.9 * start
    check_saved(learner, objective(), sines, sines(rng)[0], tmp_path / "run")


def torch_networks(torch):
    class Lstm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(3, 5, num_layers=2, batch_first=True)
            self.head = torch.nn.Linear(5, 1)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    class Transformer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Linear(3, 8)
            self.register_buffer("place", torch.randn(6, 8) * 0.3)
            layer = torch.nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation="gelu", batch_first=True)
            self.encoder = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = torch.nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.encoder(self.embed(x) + self.place).mean(1))

    torch.manual_seed(5)
    yield "lstm", Lstm(), 1, "mse"
    yield "transformer", Transformer(), 3, "cross_entropy"


@pytest.mark.torch
def test_torch_against_its_own_meta_gradient(rng):
    torch = peer("torch")
    for name, module, outputs, loss in torch_networks(torch):
        labels = loss == "cross_entropy"
        support, query = sequences(rng, labels)
        objective = maml.Objective.from_torch(module, input=SEQUENCE, outputs=outputs, loss=loss, name=name)
        given = maml.meta_gradient(objective, objective.init(dtype="float64"), support, query, inner_lr=0.1,
                                   inner_steps=3)

        judge = torch.nn.functional.cross_entropy if labels else torch.nn.functional.mse_loss
        double = module.double()
        start = {k: v.detach().clone().requires_grad_() for k, v in double.named_parameters()}
        of = lambda theta, x, y: judge(torch.func.functional_call(double, theta, (torch.tensor(x),)), torch.tensor(y))
        total = 0.0
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH), \
                torch.backends.mkldnn.flags(enabled=False):
            for (sx, sy), (qx, qy) in zip(zip(*support), zip(*query)):
                adapted = start
                for _ in range(3):
                    step = torch.autograd.grad(of(adapted, sx, sy), list(adapted.values()), create_graph=True)
                    adapted = {k: v - 0.1 * g for (k, v), g in zip(adapted.items(), step)}
                total = total + of(adapted, qx, qy) / len(support[0])
            wanted = dict(zip(start, [g.numpy() for g in torch.autograd.grad(total, list(start.values()))]))
        assert given.loss == pytest.approx(float(total), rel=1e-9)
        assert closeness(given.gradient, wanted) < 1e-10, name
        module.float()
        require_slope(objective, objective.init(dtype="float64"), support, query, given.gradient, rng)
        single = maml.meta_gradient(objective, objective.init(), support, query, inner_lr=0.1, inner_steps=3)
        assert closeness(single.gradient, wanted) < 1e-4, name


@pytest.mark.torch
def test_a_torch_network_learns_and_is_saved(rng, tmp_path):
    torch = peer("torch")
    torch.manual_seed(0)
    network = lambda: torch.nn.Sequential(torch.nn.Linear(1, 24), torch.nn.Tanh(), torch.nn.Linear(24, 1))
    module = network()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    objective = maml.Objective.from_torch(module, input=[1])
    assert list(objective.shapes) == ["0.weight", "0.bias", "2.weight", "2.bias"]

    learner = maml.MetaLearner(objective, inner_lr=0.05, outer_lr=0.01, data_tasks=4)
    start = learner.score(sines, count=20, steps=3).mean
    learner.fit(sines, iterations=40)
    assert learner.score(sines, count=20, steps=3).mean < 0.9 * start
    assert all((module.state_dict()[k] == v).all() for k, v in before.items())
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.copy_(torch.from_numpy(learner.params[name]))
    x = np.linspace(-5, 5, 7, dtype="f4")[:, None]
    wanted = module(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(learner.adapt(x, np.sin(x), steps=0).predict(x), wanted, rtol=1e-4, atol=1e-5)
    check_saved(learner, maml.Objective.from_torch(network(), input=[1]), sines, sines(rng)[0], tmp_path / "run")


def sequence_task(labels):
    """Tasks of sequences: three classes, in an order of the task's own, or the size of a wave."""
    def task(rng):
        order, size, sets = rng.permutation(3), rng.uniform(0.5, 2), []
        for _ in range(2):
            kind = rng.permutation(np.repeat(np.arange(3), 4))
            x = rng.normal(size=(12, *SEQUENCE)) + 2 * np.eye(3)[kind][:, None]
            sets.append((x.astype("f4"), order[kind] if labels else size * np.sin(x[:, :, 0].mean(1))))
        return tuple(sets)
    return task


@pytest.mark.torch
@pytest.mark.parametrize("which", ["lstm", "transformer"])
def test_a_torch_network_of_sequences_learns_and_is_saved(rng, tmp_path, request, which):
    torch = peer("torch")
    request.addfinalizer(lambda of=torch.get_num_threads(): torch.set_num_threads(of))
    torch.set_num_threads(1)  # arrays this small gain nothing by more, and wait long on a busy machine

    def objective():
        name, module, outputs, loss = next(network for network in torch_networks(torch) if network[0] == which)
        return maml.Objective.from_torch(module, input=SEQUENCE, outputs=outputs, loss=loss, name=name)
    learner = maml.MetaLearner(objective(), inner_lr=0.05, outer_lr=0.01, data_tasks=4)
    tasks = sequence_task(learner.model.is_classifier)
    before = learner.score(tasks, count=10, steps=3)
    after = learner.fit(tasks, iterations=20).score(tasks, count=10, steps=3)
    assert after.mean > before.mean + 0.1 if before.metric == "accuracy" else after.mean < 0.9 * before.mean
    check_saved(learner, objective(), tasks, tasks(rng)[0], tmp_path / "run")


@pytest.mark.torch
def test_torch_refusals():
    torch = peer("torch")
    with pytest.raises(maml.Error, match="dropout 0.5 in 1"):
        maml.Objective.from_torch(torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Dropout(0.5)), input=[1])
    with pytest.raises(maml.Error, match="loss.*'huber'"):
        maml.Objective.from_torch(torch.nn.Linear(1, 1), input=[1], loss="huber")
    with pytest.raises(maml.Error, match="requires_grad"):
        maml.Objective.from_torch(torch.nn.Tanh(), input=[1])
