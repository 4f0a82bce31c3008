#!/usr/bin/env python3
"""Meta-gradients by JAX in float64, for tests/diff/golden_test.cpp: NAME.toml in, NAME.safetensors out.

    python3 -m venv venv && venv/bin/pip install -r tests/golden/requirements.txt
    venv/bin/python tests/golden/make_golden.py            # every case; or name some

The inner loop is unrolled in plain Python and differentiated by jax.grad (reverse over reverse). Nothing is shared with
the library but the config and the layouts at the border: PyTorch's for parameters, N, H, W, C for images.
"""

import pathlib
import sys
import tomllib
from fnmatch import fnmatchcase

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import save_file

jax.config.update("jax_enable_x64", True)
FOLDER = pathlib.Path(__file__).parent

PREFIX = {"conv2d": "conv", "batch_norm": "norm", "layer_norm": "norm"}
ACTIVATION = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "gelu": lambda x: jax.nn.gelu(x, approximate=True),
}


def parse(text):
    kind, *words = text.split()
    arguments = [int(word) for word in words if "=" not in word]
    return kind, arguments, dict(word.split("=") for word in words if "=" in word)


def layer(text, name, shape, rng, parameters):
    """(function of (parameters, x, statistics rows), output shape); adds its random parameters."""
    kind, arguments, keys = parse(text)

    def new(part, extents, scale, centre=0.0):
        parameters[f"{name}.{part}"] = centre + scale * rng.standard_normal(extents)

    if kind == "linear":
        fan_in, fan_out = shape[0], arguments[0]
        new("weight", (fan_out, fan_in), fan_in**-0.5)
        new("bias", (fan_out,), 0.3)
        return lambda p, x, _: x @ p[f"{name}.weight"].T + p[f"{name}.bias"], (fan_out,)
    if kind == "conv2d":
        size, stride = int(keys.get("kernel", 3)), int(keys.get("stride", 1))
        padding = keys.get("padding", "same").upper()
        new("weight", (arguments[0], shape[2], size, size), (shape[2] * size * size) ** -0.5)
        new("bias", (arguments[0],), 0.3)

        def conv(p, x, _):
            weight = jnp.transpose(p[f"{name}.weight"], (2, 3, 1, 0))
            layout = ("NHWC", "HWIO", "NHWC")
            y = jax.lax.conv_general_dilated(x, weight, (stride, stride), padding, dimension_numbers=layout)
            return y + p[f"{name}.bias"]

        return conv, jax.eval_shape(lambda x: conv(parameters, x, 0), jnp.zeros((1, *shape))).shape[1:]
    if kind == "batch_norm":
        epsilon, gamma = float(keys.get("epsilon", 1e-3)), keys.get("gamma", "true") == "true"
        if gamma:
            new("weight", (shape[-1],), 0.2, 1.0)
        new("bias", (shape[-1],), 0.3)

        def batch_norm(p, x, rows):
            axes = tuple(range(x.ndim - 1))
            mean, variance = jnp.mean(x[:rows], axes), jnp.var(x[:rows], axes)
            y = (x - mean) / jnp.sqrt(variance + epsilon)
            return (y * p[f"{name}.weight"] if gamma else y) + p[f"{name}.bias"]

        return batch_norm, shape
    if kind == "layer_norm":
        epsilon = float(keys.get("epsilon", 1e-5))
        new("weight", shape, 0.2, 1.0)
        new("bias", shape, 0.3)

        def layer_norm(p, x, _):
            mean, variance = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
            return (x - mean) / jnp.sqrt(variance + epsilon) * p[f"{name}.weight"] + p[f"{name}.bias"]

        return layer_norm, shape
    if kind == "max_pool":
        window = arguments[0]
        height, width, channels = shape[0] // window, shape[1] // window, shape[2]

        def max_pool(_, x, __):
            x = x[:, : height * window, : width * window]
            return x.reshape(-1, height, window, width, window, channels).max((2, 4))

        return max_pool, (height, width, channels)
    if kind == "flatten":  # to C, H, W: the order in which PyTorch's linear layer takes its inputs
        return lambda _, x, __: jnp.transpose(x, (0, 3, 1, 2)).reshape(x.shape[0], -1), (int(np.prod(shape)),)
    return lambda _, x, __: ACTIVATION[kind](x), shape


def network(model, rng):
    """(outputs of (parameters, x, statistics rows), random parameters, number of outputs)"""
    parameters, counts, steps, shape = {}, {}, [], tuple(model["input"])
    for text in model["layers"]:
        prefix = PREFIX.get(parse(text)[0], parse(text)[0])
        counts[prefix] = counts.get(prefix, 0) + 1
        step, shape = layer(text, f"{prefix}{counts[prefix]}", shape, rng, parameters)
        steps.append(step)

    def outputs(p, x, rows):
        for step in steps:
            x = step(p, x, rows)
        return x

    return outputs, parameters, shape[0]


def match(name, patterns):
    """Whether the patterns take the name: read in order, a leading ! takes away."""
    taken = False
    for pattern in patterns:
        if fnmatchcase(name, pattern.removeprefix("!")):
            taken = not pattern.startswith("!")
    return taken


def make(case):
    config = tomllib.loads((FOLDER / f"{case}.toml").read_text())
    model, inner, data = config["model"], config["inner"], config["data"]
    rng = np.random.RandomState(config["train"]["seed"])
    outputs, parameters, classes = network(model, rng)
    steps, shots, ways = inner["steps"], data["shots"], data.get("ways", 1)
    coupled = any("mode=support" in text for text in model["layers"])

    def rows(count):
        x = rng.standard_normal((data["tasks"], count, *model["input"]))
        if model["loss"] == "cross_entropy":
            return x, rng.randint(classes, size=(data["tasks"], count))
        return x, rng.standard_normal((data["tasks"], count, classes))

    support, query = rows(ways * shots), rows(ways * data["query_shots"])

    def loss(p, x, y, before=None):
        """before: support rows that a coupled query batch begins with; they give statistics and are not judged."""
        judged = slice(0 if before is None else len(before), None)
        whole = x if before is None else jnp.concatenate([before, x])
        out = outputs(p, whole, len(x) if before is None else len(before))[judged]
        if model["loss"] == "cross_entropy":
            terms = jax.nn.logsumexp(out, 1) - jnp.take_along_axis(out, y[:, None], 1)[:, 0]
        else:
            terms = (out - y) ** 2
        return jnp.mean(terms) if model["normalisation"] == "mean" else jnp.sum(terms) / shots

    alpha, rates = inner["alpha"], {}
    for name in parameters:
        value = alpha if not isinstance(alpha, dict) else [a for k, a in alpha.items() if fnmatchcase(name, k)][-1]
        rates[name] = np.full(steps, value)
    if inner.get("learned", "no") == "layer-step":
        rates = {name: value * rng.uniform(0.5, 1.5, steps) for name, value in rates.items()}
    mask = {name: float(match(name, inner.get("adapt", ["*"]))) for name in parameters}
    weights = inner.get("step_weights", [0.0] * steps + [1.0])
    momentum = inner["momentum"] if inner.get("rule") == "momentum" else 0.0

    def meta_loss(theta, r, task):
        sx, sy, qx, qy = task

        def judge(p):
            return loss(p, qx, qy, sx if coupled else None)

        total, speed = 0.0, {name: jnp.zeros_like(value) for name, value in theta.items()}
        for k in range(steps):
            if weights[k]:
                total += weights[k] * judge(theta)
            gradient = jax.grad(loss)(theta, sx, sy)
            speed = {name: momentum * speed[name] + gradient[name] for name in theta}
            theta = {name: theta[name] - mask[name] * r[name][k] * speed[name] for name in theta}
        return total + weights[steps] * judge(theta)

    both = jax.jit(jax.value_and_grad(meta_loss, (0, 1)))
    results = [both(parameters, rates, task) for task in zip(*support, *query)]

    def mean(part):
        return {name: np.mean([result[1][part][name] for result in results], 0) for name in parameters}

    out = {"support.x": support[0], "support.y": support[1], "query.x": query[0], "query.y": query[1]}
    out |= parameters
    out["loss"] = np.array([result[0] for result in results])
    out |= {f"gradient.{name}": value for name, value in mean(0).items()}
    learned = inner.get("learned", "no")
    if learned == "layer":
        out |= {f"gradient.alpha.{name}": np.sum(value).reshape(1) for name, value in mean(1).items()}
    if learned == "layer-step":
        out |= {f"alpha.{name}": value for name, value in rates.items()}
        out |= {f"gradient.alpha.{name}": value for name, value in mean(1).items()}
    out = {name: np.ascontiguousarray(value) for name, value in out.items()}
    save_file(out, FOLDER / f"{case}.safetensors", {"made_by": f"jax {jax.__version__}, float64"})
    print(f"{case}: mean loss {out['loss'].mean():.6f}")


if __name__ == "__main__":
    for case in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.toml")):
        make(case)
