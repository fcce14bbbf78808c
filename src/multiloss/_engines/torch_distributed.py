"""PyTorch's tensors that are spread over processes."""

import math
from collections.abc import Callable, Mapping
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


def with_whole_vectors(tensor: Any) -> Any:
    """Return a tensor whose last axis is not spread over processes."""
    return _gathered(tensor, lambda axis, _: axis == tensor.ndim - 1)


def with_full_shards(tensor: Any) -> Any:
    """Return a tensor of which each process has elements: there is no maximum of none."""

    def has_empty_shards(axis: int, processes: int) -> bool:
        size: int = tensor.shape[axis]
        return -(-size // processes) * (processes - 1) >= size

    return _gathered(tensor, has_empty_shards)


def _gathered(tensor: Any, is_gathered: Callable[[int, int], bool]) -> Any:
    """Return a tensor that is whole along some of the axes along which it is spread."""
    if not is_distributed(tensor):
        return tensor
    from torch.distributed.tensor import Replicate

    mesh, placements = tensor.device_mesh, list(tensor.placements)
    for axis in {each.dim for each in placements if each.is_shard()}:
        spread = [k for k, each in enumerate(placements) if each.is_shard(axis)]
        if is_gathered(axis, math.prod([mesh.size(k) for k in spread])):
            for k in spread:
                placements[k] = Replicate()
    return tensor.redistribute(placements=placements)
