"""Checkpointing and hooks on what PyTorch keeps for the backward pass."""

from functools import partial
from typing import Any

import pytest
import torch
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.utils.checkpoint import checkpoint

from class_losses import VECTORS
from losses import FUNCTIONS, domain_of

NEEDS = "engines"

# Few operators; one node of the graph; one node that computes in blocks.
SIZES = {"small": (4, 3), "node": (100, 100), "blocks": (1100, 1000)}
UNWEIGHTED = ("cross_entropy", "cross_entropy-labels", "brier", "multiclass_hinge")
CALLS = [
    pytest.param(
        name,
        size,
        id=f"{name}-{size}",
        marks=pytest.mark.exhaustive if size == "blocks" and name not in {"mse", "huber"} else (),
    )
    for name in (*FUNCTIONS, *UNWEIGHTED)
    for size in SIZES
]
calls = pytest.mark.parametrize(("name", "size"), CALLS)


def operands(name: str, size: str) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    both = torch.randn((2, *SIZES[size]), dtype=torch.float64, generator=generator)
    return tuple(both.abs() + 0.125 if domain_of(name) == "positive" else both)


def weighted(name: str, target: torch.Tensor, prediction: torch.Tensor) -> torch.Tensor:
    if name in VECTORS:
        # The rows are the vectors.
        label = (target[:, 0].abs() * 2).long().clamp(max=2)
        share = target.softmax(-1)
        target = label if VECTORS[name].targets == "labels" else share
        loss: torch.Tensor = VECTORS[name].function(
            prediction * 1.0, target, class_axis=-1, weight=share[:, 0] + 0.5
        )
        return loss
    loss = FUNCTIONS[name](prediction * 1.0, target, weight=target.abs() + 0.5)
    return loss.sum()


def gradient(loss: Any, prediction: torch.Tensor) -> torch.Tensor:
    leaf = prediction.clone().requires_grad_()
    loss(leaf).backward()
    assert leaf.grad is not None
    return leaf.grad


@calls
def test_checkpointing(name: str, size: str) -> None:
    prediction, target = operands(name, size)
    loss = partial(weighted, name, target)
    checked = gradient(lambda y: checkpoint(loss, y, use_reentrant=False), prediction)
    torch.testing.assert_close(checked, gradient(loss, prediction))


@calls
def test_saved_tensors_are_unpacked_once(name: str, size: str) -> None:
    prediction, target = operands(name, size)
    loss = partial(weighted, name, target)
    unpacked: list[int] = []

    def pack(tensor: torch.Tensor) -> tuple[int, torch.Tensor]:
        unpacked.append(0)
        return len(unpacked) - 1, tensor

    def unpack(packed: tuple[int, torch.Tensor]) -> torch.Tensor:
        number, tensor = packed
        unpacked[number] += 1
        return tensor

    with saved_tensors_hooks(pack, unpack):
        hooked = gradient(loss, prediction)
    torch.testing.assert_close(hooked, gradient(loss, prediction))
    assert unpacked
    assert max(unpacked) == 1


@calls
def test_saving_on_the_host(name: str, size: str) -> None:
    prediction, target = operands(name, size)
    loss = partial(weighted, name, target)
    with save_on_cpu():
        saved = gradient(loss, prediction)
    torch.testing.assert_close(saved, gradient(loss, prediction))
