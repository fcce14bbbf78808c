"""Loops of PyTorch, with the modules of torch.nn and with ours: every step has the same loss."""

import os
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

import multiloss as ml
import multiloss.torch as ours

NEEDS = "frameworks"

STEPS = 20
DATA = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
TARGET = DATA @ torch.linspace(-1, 1, 5)[:, None] + 0.3
LABELS = (DATA.abs().argmax(1) % 3).long()


def network(outputs: int) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, outputs))


def trained(model: Any, step: Callable[[Any, Any], Tensor]) -> list[float]:
    """Return the losses of the steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = step(model, optimizer)
        losses.append(loss.item())
    return losses


def falls_alike(found: list[float], reference: list[float], rtol: float = 1e-5) -> None:
    assert found[-1] < 0.95 * found[0]
    assert found == pytest.approx(reference, rel=rtol)


CRITERIA = {
    "MSELoss": (1, TARGET),
    "L1Loss": (1, TARGET),
    "SmoothL1Loss": (1, TARGET),
    "HuberLoss": (1, TARGET),
    "CrossEntropyLoss": (3, LABELS),
    "BCEWithLogitsLoss": (1, (TARGET > 0).float()),
}


@pytest.mark.parametrize("name", CRITERIA)
def test_one_import_changes(name: str) -> None:
    outputs, target = CRITERIA[name]

    def losses(home: Any) -> list[float]:
        criterion = getattr(home, name)()

        def step(model: Any, optimizer: Any) -> Tensor:
            loss: Tensor = criterion(model(DATA), target)
            loss.backward()  # type: ignore[no-untyped-call]  # as PyTorch ships it
            optimizer.step()
            return loss

        return trained(network(outputs), step)

    falls_alike(losses(ours), losses(nn))


def test_mixed_precision_and_accumulated_gradients() -> None:
    def losses(home: Any) -> list[float]:
        criterion, scaler = home.MSELoss(), torch.amp.GradScaler("cpu")

        def step(model: Any, optimizer: Any) -> Tensor:
            total = torch.zeros(())
            for part in range(4):
                rows = slice(16 * part, 16 * part + 16)
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    loss = criterion(model(DATA[rows]).float(), TARGET[rows]) / 4
                scaler.scale(loss).backward()
                total += loss.detach()
            scaler.step(optimizer)
            scaler.update()
            return total

        return trained(network(1), step)

    falls_alike(losses(ours), losses(nn))


def test_a_model_and_its_loss_are_compiled_together() -> None:
    def losses(loss: Any) -> list[float]:
        def forward(model: Any, data: Tensor, target: Tensor) -> Tensor:
            result: Tensor = loss(model(data), target)
            return result

        compiled = torch.compile(forward, fullgraph=True, backend="aot_eager")

        def step(model: Any, optimizer: Any) -> Tensor:
            result: Any = compiled(model, DATA, TARGET)
            result.backward()
            optimizer.step()
            return cast(Tensor, result)

        return trained(network(1), step)

    falls_alike(losses(ml.huber), losses(nn.functional.huber_loss))
    falls_alike(losses(ours.HuberLoss()), losses(nn.HuberLoss()))


def _train_in_parallel(rank: int, file: str, name: str, home: str, queue: Any) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2
    )
    model = nn.parallel.DistributedDataParallel(network(1))
    criterion = getattr({"ours": ours, "torch": nn}[home], name)()
    rows = slice(32 * rank, 32 * rank + 32)

    def step(model: Any, optimizer: Any) -> Tensor:
        loss: Tensor = criterion(model(DATA[rows]), TARGET[rows])
        loss.backward()  # type: ignore[no-untyped-call]  # as PyTorch ships it
        optimizer.step()
        return loss

    losses = trained(model, step)
    if not rank:
        queue.put(losses)
    torch.distributed.destroy_process_group()


def test_two_processes(tmp_path: Any) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    results = []
    for home in ("ours", "torch"):
        context = torch.multiprocessing.get_context("spawn")
        queue = context.SimpleQueue()
        arguments = (str(tmp_path / home), "MSELoss", home, queue)
        multiprocessing: Any = torch.multiprocessing
        multiprocessing.spawn(_train_in_parallel, arguments, nprocs=2)
        results.append(queue.get())
    falls_alike(*results)
