"""What PyTorch's users call."""

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
import torchmetrics.functional as torchmetrics
from torch.nn import functional
from torch.nn.functional import mse_loss
from torchmetrics.functional import mean_squared_error

import multiloss as ml
from by_hand_torch import PAIRS, Pair, with_options
from multiloss.torch import MSELoss
from timing import Call
from workload import (
    OURS,
    Family,
    Optional,
    Workload,
    classification,
    family,
    masked_operands,
    operands,
    options,
    positive,
)


def workloads(*, quick: bool) -> Iterator[Workload]:
    """Yield the mean squared error and its back-propagation, and then the other losses."""
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
    for each in options(quick=quick):
        for work, calls in _options(each).items():
            yield Workload("PyTorch", work, "float32", each.prediction.size, calls)
    yield from family("PyTorch", FAMILY, torch.from_numpy, quick=quick)
    yield from _by_hand(quick=quick)
    yield from _half(quick=quick)
    yield from _classification(quick=quick)


def _by_hand(*, quick: bool) -> Iterator[Workload]:
    for y_host, t_host in positive(quick=quick):
        y, t = torch.tensor(y_host, requires_grad=True), torch.from_numpy(t_host)
        for loss, pair in PAIRS.items():
            if loss != "mse" and not pair.has_labels:  # which are measured elsewhere
                yield _both(loss, pair, y, t)
    if not quick:
        y, t, where = map(torch.from_numpy, masked_operands())
        pair = with_options(torch.ones_like(y), where)["mse, masked"]
        yield _both("mse", pair, y.requires_grad_(), t, ", masked")


def _both(loss: str, pair: Pair, y: Any, t: Any, option: str = "") -> Workload:
    calls: dict[str, Call] = {
        OURS: partial(_backward, pair.ours, y, t),
        "by hand or F": partial(_backward, pair.by_hand, y, t),
    }
    return Workload(
        "PyTorch", f"forward + backward{option}", "float32", y.numel(), calls, loss=loss
    )


def _half(*, quick: bool) -> Iterator[Workload]:
    size = 1000 if quick else 786_432
    for dtype in (torch.bfloat16, torch.float16):
        y, t = torch.rand(size, dtype=dtype, requires_grad=True), torch.rand(size, dtype=dtype)
        calls: dict[str, Call] = {
            OURS: partial(_backward, ml.mse, y, t),
            "F.mse_loss": partial(_backward, mse_loss, y, t),
        }
        yield Workload(
            "PyTorch", "forward + backward", str(dtype).removeprefix("torch."), size, calls
        )


def _classification(*, quick: bool) -> Iterator[Workload]:
    losses: Family = {
        "cross_entropy": {
            OURS: ml.cross_entropy,
            "F.cross_entropy": functional.cross_entropy,
        },
        "binary_cross_entropy": {
            OURS: ml.binary_cross_entropy,
            "F.binary_cross_entropy_with_logits": functional.binary_cross_entropy_with_logits,
        },
    }
    for each in classification(quick=quick):
        y, t = torch.from_numpy(each.prediction), torch.from_numpy(each.target)
        calls: dict[str, Call]
        calls = {name: partial(loss, y, t) for name, loss in losses[each.loss].items()}
        work, size = f"forward, {each.case}", y.numel()
        yield Workload("PyTorch", work, "float32", size, calls, loss=each.loss)
        y = y.clone().requires_grad_()
        calls = {name: partial(_backward, loss, y, t) for name, loss in losses[each.loss].items()}
        work = f"forward + backward, {each.case}"
        yield Workload("PyTorch", work, "float32", size, calls, loss=each.loss)


def _options(given: Optional) -> dict[str, dict[str, Call]]:
    weight, where = torch.tensor(given.weight).float(), torch.tensor(given.where)
    y, t = torch.tensor(given.prediction).float(), torch.tensor(given.target).float()
    matrix = y.reshape(-1, given.columns).requires_grad_(), t.reshape(-1, given.columns)
    y = y.requires_grad_()
    works: dict[str, dict[str, Any]] = {
        "weighted": {
            OURS: partial(ml.mse, weight=weight),
            "by hand": lambda y, t: ((y - t) ** 2 * weight).sum() / weight.sum(),
        },
        "masked": {
            OURS: partial(ml.mse, where=where),
            "((y - t)**2)[mask].mean()": lambda y, t: ((y - t) ** 2)[where].mean(),
            "torch.where": lambda y, t: (torch.where(where, y - t, 0) ** 2).sum() / where.sum(),
        },
        "one axis": {
            OURS: partial(ml.mse, axis=1),
            "mean(1)": lambda y, t: ((y - t) ** 2).mean(1),
        },
        "none": {
            OURS: partial(ml.mse, reduction="none"),
            "F.mse_loss": partial(mse_loss, reduction="none"),
        },
        "module": {OURS: MSELoss(), "nn.MSELoss": torch.nn.MSELoss()},
    }
    operands = {
        "one axis": (*matrix, torch.ones(len(matrix[0]))),
        "none": (y, t, torch.ones(len(y))),
    }
    return {
        f"forward + backward, {work}": {
            name: partial(_backward, loss, *operands.get(work, (y, t)))
            for name, loss in losses.items()
        }
        for work, losses in works.items()
    }


FAMILY: Family = {
    "rmse": {
        OURS: ml.rmse,
        "torchmetrics": partial(torchmetrics.mean_squared_error, squared=False),
    },
    "msle": {OURS: ml.msle, "torchmetrics": torchmetrics.mean_squared_log_error},
    "mae": {
        OURS: ml.mae,
        "F.l1_loss": functional.l1_loss,
        "torchmetrics": torchmetrics.mean_absolute_error,
    },
    "mape": {OURS: ml.mape, "torchmetrics": torchmetrics.mean_absolute_percentage_error},
    "smape": {
        OURS: ml.smape,
        "torchmetrics": torchmetrics.symmetric_mean_absolute_percentage_error,
    },
    "wmape": {
        OURS: ml.wmape,
        "torchmetrics": torchmetrics.weighted_mean_absolute_percentage_error,
    },
    "minkowski": {
        OURS: partial(ml.minkowski, p=3),
        "torchmetrics": partial(torchmetrics.minkowski_distance, p=3),
    },
    "huber": {OURS: ml.huber, "F.huber_loss": functional.huber_loss},
    "smooth_l1": {OURS: ml.smooth_l1, "F.smooth_l1_loss": functional.smooth_l1_loss},
    "log_cosh": {OURS: ml.log_cosh, "torchmetrics": torchmetrics.log_cosh_error},
    "poisson_nll": {OURS: ml.poisson_nll, "F.poisson_nll_loss": functional.poisson_nll_loss},
    "gaussian_nll": {
        OURS: lambda y, t: ml.gaussian_nll(y, t, variance=t),
        "F.gaussian_nll_loss": lambda y, t: functional.gaussian_nll_loss(y, t, t),
    },
    "poisson_deviance": {
        OURS: ml.poisson_deviance,
        "torchmetrics": partial(torchmetrics.tweedie_deviance_score, power=1.0),
    },
    "gamma_deviance": {
        OURS: ml.gamma_deviance,
        "torchmetrics": partial(torchmetrics.tweedie_deviance_score, power=2.0),
    },
    "tweedie_deviance": {
        OURS: partial(ml.tweedie_deviance, power=1.5),
        "torchmetrics": partial(torchmetrics.tweedie_deviance_score, power=1.5),
    },
    "cosine_distance": {
        OURS: ml.cosine_distance,
        "1 - F.cosine_similarity": lambda y, t: 1 - functional.cosine_similarity(y, t, dim=-1),
    },
}


def _one_liner(y: Any, t: Any) -> Any:
    return torch.mean((y - t) ** 2)


def _keras(y: Any, t: Any) -> Any:
    return keras.ops.mean(keras.losses.mean_squared_error(t, y))


def _backward(loss: Any, y: Any, t: Any, gradient: Any = None) -> None:
    y.grad = None
    loss(y, t).backward(gradient)
