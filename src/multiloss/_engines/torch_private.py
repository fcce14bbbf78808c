"""What PyTorch has no public name for. Each name is used here and nowhere else."""

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.fx import _symbolic_trace

# The fused kernels of losses. The functions of torch.nn.functional call these too, after they have
# broadcast the operands, which takes half as long as the kernel.
KERNELS: dict[str | None, Callable[..., Any]] = {
    name: getattr(torch._C._nn, kernel)  # noqa: SLF001
    for name, kernel in {
        "mse": "mse_loss",
        "mae": "l1_loss",
        "huber": "huber_loss",
        "smooth_l1": "smooth_l1_loss",
    }.items()
}
NONE, MEAN, SUM = 0, 1, 2  # the reductions, as the kernels count them

_is_functorch_active = torch._C._are_functorch_transforms_active  # noqa: SLF001
_is_jit_tracing: Any = torch.jit.is_tracing  # type: ignore[attr-defined]  # documented all the same
_functorch: Any = torch._C._functorch  # noqa: SLF001


def is_transformed() -> bool:
    """Tell whether torch.func or forward-mode differentiation is at work."""
    return _is_functorch_active() or forward_ad._current_level >= 0  # noqa: SLF001


def is_symbolically_traced() -> bool:
    """Tell whether torch.fx traces, whose proxies stand for tensors."""
    return bool(_symbolic_trace._is_fx_tracing_flag)  # noqa: SLF001


def is_traced() -> bool:
    """Tell whether a function is being compiled, exported or traced."""
    return torch.compiler.is_compiling() or _is_jit_tracing()


def is_batched(tensor: torch.Tensor) -> bool:
    """Tell whether a gradient comes in a batch, as in torch.vmap and with is_grads_batched=True."""
    is_legacy = _functorch.is_legacy_batchedtensor(tensor)
    return bool(_functorch.is_batchedtensor(tensor) or is_legacy)
