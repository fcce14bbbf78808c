"""PyTorch's tensors that are spread over processes."""

from collections.abc import Mapping
from typing import Any

import torch


def is_distributed(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor is a DTensor."""
    # By name, since most who import torch have no use for its distributed part.
    return type(tensor).__name__ == "DTensor"


def replicated(tensor: torch.Tensor, like: Any) -> torch.Tensor:
    """Return what every process holds, where another tensor is spread."""
    from torch.distributed.tensor import DTensor, Replicate

    mesh = like.device_mesh
    return DTensor.from_local(tensor, mesh, [Replicate()] * mesh.ndim, run_check=False)


def check_distribution(operands: Mapping[str, Any]) -> None:
    """Raise TypeError if some operands are spread over processes, and others are not."""
    tensors = {role: each for role, each in operands.items() if isinstance(each, torch.Tensor)}
    distributed = [role for role, each in tensors.items() if is_distributed(each)]
    # A 0-d tensor is a number, the same in all processes.
    local = [role for role, each in tensors.items() if each.ndim and not is_distributed(each)]
    if distributed and local:
        raise TypeError(
            f"{distributed[0]} is a DTensor and {local[0]} a tensor of one process; pass "
            f"{local[0]} to distribute_tensor() first"
        )
