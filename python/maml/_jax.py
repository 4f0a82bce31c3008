"""Objectives of JAX functions."""

import contextlib
from typing import Any

import numpy as np

from . import _arrays
from ._maml import Error


def _name(path: Any) -> str:
    parts = [str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in path]
    return ".".join(parts) or "params"


def objective(make: Any, apply: Any, params: Any, *, loss: Any, name: str, **sizes: Any) -> Any:
    try:
        import jax
        import jax.numpy as jnp
    except ImportError as error:
        raise Error(f"[{name}] needs jax, which cannot be imported: {error}") from None

    # float64 wherever the engine asks for it, whatever jax_enable_x64 says.
    home: Any = jax if hasattr(jax, "enable_x64") else jax.experimental
    enable_x64 = home.enable_x64

    def precision(theta: dict[str, np.ndarray]) -> Any:
        is_double = any(value.dtype == np.float64 for value in theta.values())
        return enable_x64(True) if is_double else contextlib.nullcontext()

    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    names = [_name(path) for path, _ in leaves]
    if twice := [key for i, key in enumerate(names) if key in names[:i]]:
        raise Error(f"[{name}] has two parameters whose path is {twice[0]} (name them so that they differ when joined by "
                    "dots)")
    arrays = {key: np.asarray(value) for key, (_, value) in zip(names, leaves)}
    for key, value in arrays.items():
        if value.dtype.kind != "f":
            raise Error(f"[{name}] has the parameter {key} of type {value.dtype}, but parameters are floating point")

    def mse(outputs: Any, y: Any) -> Any:
        return jnp.mean((outputs - y) ** 2)

    def cross_entropy(outputs: Any, y: Any) -> Any:
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(outputs), y[:, None], 1))

    judge = loss if callable(loss) else {"mse": mse, "cross_entropy": cross_entropy}[loss]

    def outputs_of(flat: list[Any], x: Any) -> Any:
        outputs = apply(jax.tree_util.tree_unflatten(tree, flat), x)
        return _arrays.require_outputs(outputs, len(x), sizes["outputs"], f"{name}.apply")

    def loss_of(flat: list[Any], x: Any, y: Any) -> Any:
        return judge(outputs_of(flat, x), y)

    compiled_outputs, compiled_loss = jax.jit(outputs_of), jax.jit(loss_of)
    compiled_gradient = jax.jit(jax.value_and_grad(loss_of))
    compiled_hvp = jax.jit(lambda flat, x, y, v: jax.jvp(lambda at: jax.grad(loss_of)(at, x, y), (flat,), (v,))[1])

    def flat(theta: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [theta[key] for key in names]

    def named(result: list[Any]) -> dict[str, np.ndarray]:
        return {key: np.asarray(value) for key, value in zip(names, result)}

    def call_loss(theta: Any, x: Any, y: Any) -> float:
        with precision(theta):
            return float(compiled_loss(flat(theta), x, y))

    def call_gradient(theta: Any, x: Any, y: Any) -> Any:
        with precision(theta):
            value, gradient = compiled_gradient(flat(theta), x, y)
            return float(value), named(gradient)

    def call_hvp(theta: Any, x: Any, y: Any, v: Any) -> Any:
        with precision(theta):
            return named(compiled_hvp(flat(theta), x, y, flat(v)))

    def call_outputs(theta: Any, x: Any) -> np.ndarray:
        with precision(theta):
            return np.asarray(compiled_outputs(flat(theta), x))

    return make(arrays, call_loss, call_gradient, call_hvp, call_outputs, name=name, **sizes)
