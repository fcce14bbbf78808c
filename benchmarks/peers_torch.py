"""What PyTorch's users call."""

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
from torch.nn.functional import mse_loss
from torchmetrics.functional import mean_squared_error

import multiloss as ml
from multiloss.torch import MSELoss
from timing import Call
from workload import OURS, Workload, operands


def workloads(*, quick: bool) -> Iterator[Workload]:
    """Yield the mean squared error, and its back-propagation, eager and compiled."""
    for dtype, size, y_host, t_host in operands(quick=quick):
        y, t = (torch.from_numpy(each.reshape(-1, 1)) for each in (y_host, t_host))
        yield Workload(
            "PyTorch",
            "forward",
            dtype,
            size,
            {
                OURS: partial(ml.mse, y, t),
                "F.mse_loss": partial(mse_loss, y, t),
                "torch.mean((y - t)**2)": partial(_one_liner, y, t),
                "torchmetrics": partial(mean_squared_error, y, t),
                "keras": partial(_keras, y, t),
                "torch.dot(y, t)": partial(torch.dot, y.ravel(), t.ravel()),
            },
            limit="torch.dot(y, t)",
        )
        y = y.clone().requires_grad_()
        losses = {
            OURS: ml.mse,
            "MSELoss of multiloss": MSELoss(),
            "F.mse_loss": mse_loss,
            "nn.MSELoss": torch.nn.MSELoss(),
            "torch.mean((y - t)**2)": _one_liner,
        }
        calls: dict[str, Call]
        calls = {name: partial(_backward, loss, y, t) for name, loss in losses.items()}
        yield Workload("PyTorch", "forward + backward", dtype, size, calls)
        if size in {1_000_000, 10_000_000}:
            compiled = {
                name: torch.compile(loss, fullgraph=True, dynamic=False)
                for name, loss in ((OURS, ml.mse), ("F.mse_loss", mse_loss))
            }
            calls = {name: partial(loss, y.detach(), t) for name, loss in compiled.items()}
            yield Workload("PyTorch", "compiled forward", dtype, size, calls)
            calls = {name: partial(_backward, loss, y, t) for name, loss in compiled.items()}
            yield Workload("PyTorch", "compiled both", dtype, size, calls)


def _one_liner(y: Any, t: Any) -> Any:
    return torch.mean((y - t) ** 2)


def _keras(y: Any, t: Any) -> Any:
    return keras.ops.mean(keras.losses.mean_squared_error(t, y))


def _backward(loss: Any, y: Any, t: Any) -> None:
    y.grad = None
    loss(y, t).backward()
