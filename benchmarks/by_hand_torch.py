"""Losses of PyTorch as its users call them, or write them by hand, beside ours."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.nn import functional

import multiloss as ml


class Pair(NamedTuple):
    """A loss of ours, and the same from PyTorch's functions: of prediction and target."""

    ours: Callable[[Any, Any], Any]
    by_hand: Callable[[Any, Any], Any]
    keeps_digits: bool = False  # that the other loses
    has_labels: bool = False  # of classes, for scores of vectors


PAIRS: dict[str, Pair] = {
    "mse": Pair(ml.mse, functional.mse_loss),
    "mae": Pair(ml.mae, functional.l1_loss),
    "huber": Pair(ml.huber, functional.huber_loss),
    "smooth_l1": Pair(ml.smooth_l1, functional.smooth_l1_loss),
    "rmse": Pair(ml.rmse, lambda y, t: functional.mse_loss(y, t).sqrt(), keeps_digits=True),
    "msle": Pair(
        ml.msle, lambda y, t: ((torch.log1p(y) - torch.log1p(t)) ** 2).mean(), keeps_digits=True
    ),
    "rmsle": Pair(
        ml.rmsle,
        lambda y, t: ((torch.log1p(y) - torch.log1p(t)) ** 2).mean().sqrt(),
        keeps_digits=True,
    ),
    "expectile": Pair(
        partial(ml.expectile, q=0.8),
        lambda y, t: (torch.where(y > t, 0.2, 0.8) * (y - t) ** 2).mean(),
    ),
    "pinball": Pair(
        partial(ml.pinball, q=0.8),
        lambda y, t: torch.maximum(0.8 * (t - y), -0.2 * (t - y)).mean(),
    ),
    "mape": Pair(ml.mape, lambda y, t: ((y - t).abs() / t.abs().clamp(min=1e-7)).mean()),
    "smape": Pair(
        ml.smape,
        lambda y, t: ((y - t).abs() / ((y.abs() + t.abs()) / 2).clamp(min=1e-7)).mean(),
    ),
    "wmape": Pair(ml.wmape, lambda y, t: (y - t).abs().sum() / t.abs().sum()),
    "minkowski": Pair(
        partial(ml.minkowski, p=3),
        lambda y, t: ((y - t).abs() ** 3).sum() ** (1 / 3),
        keeps_digits=True,
    ),
    "epsilon_insensitive": Pair(
        partial(ml.epsilon_insensitive, epsilon=0.5),
        lambda y, t: functional.relu((y - t).abs() - 0.5).mean(),
    ),
    "pseudo_huber": Pair(
        ml.pseudo_huber, lambda y, t: (torch.sqrt(1 + (y - t) ** 2) - 1).mean(), keeps_digits=True
    ),
    "log_cosh": Pair(
        ml.log_cosh,
        lambda y, t: ((y - t) + functional.softplus(-2 * (y - t)) - math.log(2)).mean(),
        keeps_digits=True,
    ),
    "cauchy": Pair(
        ml.cauchy, lambda y, t: torch.log1p(0.5 * (y - t) ** 2).mean(), keeps_digits=True
    ),
    "geman_mcclure": Pair(
        ml.geman_mcclure,
        lambda y, t: (2 * (y - t) ** 2 / ((y - t) ** 2 + 4)).mean(),
        keeps_digits=True,
    ),
    "welsch": Pair(
        ml.welsch, lambda y, t: (1 - torch.exp(-0.5 * (y - t) ** 2)).mean(), keeps_digits=True
    ),
    "tukey_biweight": Pair(
        ml.tukey_biweight,
        lambda y, t: (1 - (1 - ((y - t) / 4.685).clamp(-1, 1) ** 2) ** 3).mean(),
        keeps_digits=True,
    ),
    "barron": Pair(
        partial(ml.barron, alpha=1.5),
        lambda y, t: (0.5 / 1.5 * (((y - t) ** 2 / 0.5 + 1) ** 0.75 - 1)).mean(),
        keeps_digits=True,
    ),
    "poisson_nll": Pair(ml.poisson_nll, functional.poisson_nll_loss),
    "poisson_nll of rates": Pair(
        partial(ml.poisson_nll, log_input=False),
        partial(functional.poisson_nll_loss, log_input=False),
    ),
    "gaussian_nll": Pair(
        partial(ml.gaussian_nll, variance=0.5),
        lambda y, t: (0.5 * ((y - t) ** 2 / 0.5 + math.log(0.5))).mean(),
    ),
    "poisson_deviance": Pair(
        ml.poisson_deviance,
        lambda y, t: (2 * (torch.xlogy(t, t / y) - t + y)).mean(),
        keeps_digits=True,
    ),
    "gamma_deviance": Pair(
        ml.gamma_deviance,
        lambda y, t: (2 * (torch.log(y / t) + t / y - 1)).mean(),
        keeps_digits=True,
    ),
    "tweedie_deviance": Pair(
        partial(ml.tweedie_deviance, power=1.5),
        lambda y, t: (4 * (y**0.5 + t * y**-0.5 - 2 * t**0.5)).mean(),
        keeps_digits=True,
    ),
    "cosine_distance": Pair(
        ml.cosine_distance,
        lambda y, t: 1 - functional.cosine_similarity(y, t, dim=-1),
        keeps_digits=True,
    ),
    "binary_cross_entropy": Pair(
        ml.binary_cross_entropy, functional.binary_cross_entropy_with_logits, keeps_digits=True
    ),
    "hinge": Pair(ml.hinge, lambda y, t: functional.relu(1 - t * y).mean()),
    "squared_hinge": Pair(ml.squared_hinge, lambda y, t: (functional.relu(1 - t * y) ** 2).mean()),
    "logistic": Pair(ml.logistic, functional.soft_margin_loss, keeps_digits=True),
    "cross_entropy": Pair(
        ml.cross_entropy, functional.cross_entropy, keeps_digits=True, has_labels=True
    ),
}


def with_options(weight: Any, where: Any) -> dict[str, Pair]:
    """Return ``mse`` with options, beside what is written for them."""
    return {
        "mse, weighted": Pair(
            partial(ml.mse, weight=weight),
            lambda y, t: ((y - t) ** 2 * weight).sum() / weight.sum(),
        ),
        "mse, masked": Pair(
            partial(ml.mse, where=where),
            lambda y, t: (torch.where(where, y - t, 0) ** 2).sum() / where.sum(),
        ),
        "mse, none": Pair(
            partial(ml.mse, reduction="none"), partial(functional.mse_loss, reduction="none")
        ),
    }
