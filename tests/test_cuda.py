"""PyTorch on CUDA: the same numbers as on the CPU, without waiting, in a graph, and under autocast.

The laws run there too: ``make test-cuda``.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

import multiloss as ml
from class_losses import LOSSES as CLASS_LOSSES
from losses import FUNCTIONS, domain_of

NEEDS = "engines"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")

SIZE = 1000
WEIGHT = np.random.default_rng(2).random(SIZE)
WHERE = WEIGHT > 0.25


def operands_of(name: str) -> tuple[Any, Any]:
    """Return prediction and target in NumPy."""
    rng = np.random.default_rng(0)
    if name in CLASS_LOSSES:
        prediction, target = CLASS_LOSSES[name].operands()
        return np.tile(prediction, (250, 1)), np.tile(target, (250, *[1] * (target.ndim - 1)))
    prediction, target = rng.standard_normal((2, SIZE))
    if domain_of(name) == "positive":
        return np.abs(prediction) + 0.125, np.abs(target) + 0.125
    return prediction, target


def tensors(name: str, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    prediction, target = (torch.tensor(each, device="cuda") for each in operands_of(name))
    return prediction.to(dtype), target.to(dtype) if target.is_floating_point() else target


ROWS: dict[str, Callable[..., Any]] = {
    **FUNCTIONS,
    **{name: row.function for name, row in CLASS_LOSSES.items()},
}


def loss_on(device: str, name: str) -> Callable[..., Any]:
    """Return a loss whose parameters that are arrays are tensors of the device."""
    function = ROWS[name]
    given = getattr(function, "keywords", {})
    arrays = {
        key: torch.tensor(each, device=device)
        for key, each in given.items()
        if isinstance(each, list | np.ndarray)
    }
    return partial(function, **arrays)


every = pytest.mark.parametrize("name", ROWS)


def value_and_gradient(
    name: str, prediction: torch.Tensor, target: torch.Tensor, **options: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    prediction = prediction.detach().clone().requires_grad_()
    loss = loss_on(prediction.device.type, name)
    value = loss(prediction, target, **options)
    value.sum().backward()
    assert prediction.grad is not None
    return value.detach(), prediction.grad


def check(found: Any, reference: Any, rtol: float) -> None:
    for one, other in zip(found, reference, strict=True):
        assert one.device.type == "cuda"
        torch.testing.assert_close(one.cpu(), other.cpu(), rtol=rtol, atol=rtol)


@every
@pytest.mark.parametrize(
    ("dtype", "rtol"),
    [
        pytest.param(torch.float64, 1e-12, id="float64"),
        pytest.param(torch.float32, 1e-5, id="float32"),
        pytest.param(torch.float16, 1e-3, id="float16"),
        pytest.param(torch.bfloat16, 1e-2, id="bfloat16"),
    ],
)
def test_as_on_the_cpu(name: str, dtype: torch.dtype, rtol: float) -> None:
    prediction, target = tensors(name, dtype)
    on_cpu = prediction.cpu(), target.cpu()
    check(
        value_and_gradient(name, prediction, target), value_and_gradient(name, *on_cpu), rtol=rtol
    )
    check(
        ml.value_and_grad(loss_on("cuda", name))(prediction, target),
        ml.value_and_grad(loss_on("cpu", name))(*on_cpu),
        rtol=rtol,
    )


@every
def test_weights_and_masks_as_on_the_cpu(name: str) -> None:
    prediction, target = tensors(name)
    is_vector = name in CLASS_LOSSES and CLASS_LOSSES[name].is_vector
    shape = prediction.shape[:-1] if is_vector else prediction.shape
    column = [1] * (len(shape) - 1)
    options = {
        role: torch.tensor(each, device="cuda").reshape(-1, *column).expand(shape)
        for role, each in {"weight": WEIGHT, "where": WHERE}.items()
    }
    host = {role: each.cpu() for role, each in options.items()}
    check(
        value_and_gradient(name, prediction, target, **options),
        value_and_gradient(name, prediction.cpu(), target.cpu(), **host),
        rtol=1e-12,
    )


@contextmanager
def no_synchronization() -> Iterator[None]:
    torch.cuda.synchronize()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the mode is a prototype
            torch.cuda.set_sync_debug_mode("error")
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_look_at_a_number_is_seen() -> None:
    with no_synchronization(), pytest.raises(RuntimeError, match="synchroniz"):
        torch.zeros(1, device="cuda").item()


@every
def test_nothing_waits_for_the_device(name: str) -> None:
    prediction, target = tensors(name, torch.float32)
    loss, leaf = loss_on("cuda", name), prediction.clone().requires_grad_()
    with no_synchronization():
        loss(leaf, target).backward()
        _, second = ml.value_and_grad(loss)(prediction, target)
    first = leaf.grad
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


@every
def test_a_graph_of_it_runs_again(name: str) -> None:
    prediction, target = tensors(name, torch.float32)
    loss, leaf = loss_on("cuda", name), prediction.clone().requires_grad_()
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # as torch ships it
    with torch.cuda.stream(stream):
        for _ in range(2):
            loss(leaf, target).backward()
    torch.cuda.current_stream().wait_stream(stream)
    leaf.grad = None
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = loss(leaf, target)
        value.backward()
    with torch.no_grad():
        leaf.copy_(prediction.flip(0))
    graph.replay()
    expected = value_and_gradient(name, prediction.flip(0), target)
    torch.testing.assert_close((value.detach(), leaf.grad), expected, rtol=1e-5, atol=1e-6)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
def test_autocast_changes_nothing(name: str, dtype: torch.dtype) -> None:
    prediction, target = tensors(name, torch.float32)
    expected = value_and_gradient(name, prediction, target)
    with torch.autocast("cuda", dtype=dtype):
        found = value_and_gradient(name, prediction, target)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("name", ["mse", "huber", "log_cosh", "cross_entropy"])
def test_compiled(name: str) -> None:
    prediction, target = tensors(name, torch.float32)
    leaf = prediction.clone().requires_grad_()
    value = torch.compile(loss_on("cuda", name), fullgraph=True)(leaf, target)
    value.backward()
    expected = value_and_gradient(name, prediction, target)
    torch.testing.assert_close((value.detach(), leaf.grad), expected, rtol=1e-5, atol=1e-6)


def test_a_large_loss_keeps_nothing_but_the_operands() -> None:
    prediction, target = torch.rand(2, 10**7, device="cuda")
    prediction.requires_grad_()
    before = torch.cuda.memory_allocated()
    value = ml.log_cosh(prediction, target)
    assert torch.cuda.memory_allocated() - before < 10**5
    assert value.isfinite()


def test_host_data_goes_to_the_device() -> None:
    prediction = torch.tensor([1.0, 2.0], device="cuda")
    for target in ([0.0, 0.0], np.zeros(2), 0.0):
        value = ml.mse(prediction, target)
        assert value.device == prediction.device
        assert value.item() == 2.5  # (1 + 4) / 2


def test_tensors_of_two_devices() -> None:
    with pytest.raises(ValueError, match="device"):
        ml.mse(torch.zeros(2, device="cuda"), torch.zeros(2))
