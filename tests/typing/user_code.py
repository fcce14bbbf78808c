"""What users write; the type checker reads it and nothing runs it."""

from typing import assert_type

import jax
import numpy as np
import numpy.typing as npt
import torch

import multiloss as ml
from multiloss.torch import MSELoss, SSELoss


def in_numpy(prediction: npt.NDArray[np.float64], target: list[float]) -> float:
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target, half=True)
    assert_type(gradient, npt.NDArray[np.float64])
    return float(value) + float(ml.sse(prediction, target))


def in_torch(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    loss = ml.mse(prediction, target, where=target.isfinite(), axis=(0, 1), empty=0.0)
    assert_type(loss, torch.Tensor)
    return loss


def module_in_torch(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    criteria: list[torch.nn.Module] = [MSELoss(), SSELoss(reduction="none")]
    losses: list[torch.Tensor] = [each(prediction, target) for each in criteria]
    return torch.stack(losses)


def transformed(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return torch.func.vmap(ml.mse)(prediction, target) + torch.compile(ml.mse)(prediction, target)


@jax.jit
def in_jax(prediction: jax.Array, target: jax.Array) -> jax.Array:
    return ml.mse(prediction, target, weight=target, reduction="sum")


def mistakes(prediction: torch.Tensor) -> None:
    ml.mse(prediction, prediction, reduction="avg")  # type: ignore[arg-type]  # no such reduction
    ml.mse(prediction, prediction, None)  # type: ignore[arg-type, call-arg]  # options are keywords
    ml.sse(prediction, prediction, empty=0.0)  # type: ignore[call-arg]  # a sum has no such option
