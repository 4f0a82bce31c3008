"""Objectives of PyTorch modules."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import _arrays
from ._maml import Error

# A functional call puts its parameters into the module for so long, and flags of torch are the process's.
_LOCK = threading.RLock()


@contextlib.contextmanager
def _twice_differentiable(torch: Any) -> Iterator[None]:
    """Attention by its plain math form, recurrent cells unfused."""
    with contextlib.ExitStack() as stack:
        try:
            from torch.nn.attention import SDPBackend, sdpa_kernel
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        except ImportError:  # before PyTorch 2.3
            stack.enter_context(torch.backends.cuda.sdp_kernel(enable_flash=False, enable_mem_efficient=False))
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
        yield


def _require_no_dropout(module: Any, name: str) -> None:
    for key, part in module.named_modules():
        if not part.training:
            continue
        kind = type(part).__name__
        rate = getattr(part, "p", 0) if "Dropout" in kind else getattr(part, "dropout", 0)
        if isinstance(rate, float) and rate > 0:
            raise Error(f"[{name}] has dropout {rate} in {key or kind}, so that two calls differ (call module.eval(), "
                        "or set it to 0)")


def objective(make: Any, module: Any, *, loss: Any, name: str, **sizes: Any) -> Any:
    try:
        import torch
    except ImportError as error:
        raise Error(f"[{name}] needs torch, which cannot be imported: {error}") from None
    if not isinstance(module, torch.nn.Module):
        raise Error(f"[{name}] is of a {type(module).__name__}, but must be of a torch.nn.Module")
    learned = {key: value for key, value in module.named_parameters() if value.requires_grad}
    if not learned:
        raise Error(f"[{name}] has no parameter with requires_grad")
    device = next(iter(learned.values())).device
    judge = loss if callable(loss) else {"mse": torch.nn.functional.mse_loss,
                                         "cross_entropy": torch.nn.functional.cross_entropy}[loss]

    def tensors(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        return {key: torch.from_numpy(np.ascontiguousarray(value)).to(device) for key, value in arrays.items()}

    def outputs_of(theta: dict[str, Any], x: Any) -> Any:
        # Buffers and frozen parameters in the precision at hand; copies, so that a call changes no running statistics.
        kind = next(iter(theta.values())).dtype
        rest = {key: value.detach().to(kind, copy=True) if value.is_floating_point() else value.detach().clone()
                for key, value in [*module.named_buffers(), *module.named_parameters()] if key not in learned}
        outputs = torch.func.functional_call(module, {**rest, **theta}, (x,))
        return _arrays.require_outputs(outputs, len(x), sizes["outputs"], name)

    def loss_of(theta: dict[str, Any], x: np.ndarray, y: np.ndarray) -> Any:
        batch = tensors({"x": x, "y": y})
        return judge(outputs_of(theta, batch["x"]), batch["y"])

    def gradients(of: Any, theta: dict[str, Any], **options: Any) -> list[Any]:
        if not of.requires_grad:
            return [torch.zeros_like(value) for value in theta.values()]
        found = torch.autograd.grad(of, list(theta.values()), allow_unused=True, **options)
        return [torch.zeros_like(at) if value is None else value for at, value in zip(theta.values(), found)]

    def leaves(theta: dict[str, np.ndarray]) -> dict[str, Any]:
        return {key: value.requires_grad_() for key, value in tensors(theta).items()}

    def named(values: list[Any]) -> dict[str, np.ndarray]:
        return {key: value.detach().cpu().numpy() for key, value in zip(learned, values)}

    def call_loss(theta: Any, x: Any, y: Any) -> float:
        with _LOCK, _twice_differentiable(torch), torch.no_grad():
            return float(loss_of(tensors(theta), x, y))

    def call_gradient(theta: Any, x: Any, y: Any) -> Any:
        with _LOCK, _twice_differentiable(torch), torch.enable_grad():
            _require_no_dropout(module, name)
            at = leaves(theta)
            value = loss_of(at, x, y)
            return float(value.detach()), named(gradients(value, at))

    def call_hvp(theta: Any, x: Any, y: Any, v: Any) -> Any:
        with _LOCK, _twice_differentiable(torch), torch.enable_grad():
            at, direction = leaves(theta), tensors(v)
            gradient = gradients(loss_of(at, x, y), at, create_graph=True)
            along = sum((g * direction[key]).sum() for key, g in zip(at, gradient))
            return named(gradients(along, at))

    def call_outputs(theta: Any, x: Any) -> np.ndarray:
        with _LOCK, _twice_differentiable(torch), torch.no_grad():
            return outputs_of(tensors(theta), tensors({"x": x})["x"]).cpu().numpy()

    _require_no_dropout(module, name)
    initial = {key: value.detach().cpu().numpy() for key, value in learned.items()}
    return make(initial, call_loss, call_gradient, call_hvp, call_outputs, name=name, **sizes)
