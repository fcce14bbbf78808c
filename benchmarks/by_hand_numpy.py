"""Losses as they are written by hand in NumPy."""

from functools import partial
from typing import Any

import numpy as np

import multiloss as ml
from workload import OURS, Family

BY_HAND = "by hand"


def _huber(y: Any, t: Any) -> Any:
    distance = np.abs(y - t)
    return np.mean(np.where(distance <= 1, 0.5 * distance**2, distance - 0.5))


def _pinball(y: Any, t: Any) -> Any:
    residual = t - y
    return np.mean(np.maximum(0.8 * residual, -0.2 * residual))


def _tweedie(y: Any, t: Any) -> Any:
    return np.mean(4 * (np.sqrt(y) + t / np.sqrt(y) - 2 * np.sqrt(t)))


FAMILY_BY_HAND: Family = {
    "rmse": {OURS: ml.rmse, BY_HAND: lambda y, t: np.sqrt(np.mean((y - t) ** 2))},
    "mae": {OURS: ml.mae, BY_HAND: lambda y, t: np.mean(np.abs(y - t))},
    "huber": {OURS: ml.huber, BY_HAND: _huber},
    "mape": {
        OURS: ml.mape,
        BY_HAND: lambda y, t: np.mean(np.abs(y - t) / np.maximum(np.abs(t), 1e-7)),
    },
    "pinball": {OURS: partial(ml.pinball, q=0.8), BY_HAND: _pinball},
    "expectile": {
        OURS: partial(ml.expectile, q=0.8),
        BY_HAND: lambda y, t: np.mean(np.where(y > t, 0.2, 0.8) * (y - t) ** 2),
    },
    "log_cosh": {OURS: ml.log_cosh, BY_HAND: lambda y, t: np.mean(np.log(np.cosh(y - t)))},
    "cauchy": {OURS: ml.cauchy, BY_HAND: lambda y, t: np.mean(np.log1p(0.5 * (y - t) ** 2))},
    "poisson_deviance": {
        OURS: ml.poisson_deviance,
        BY_HAND: lambda y, t: np.mean(2 * (t * np.log(t / y) - t + y)),
    },
    "gamma_deviance": {
        OURS: ml.gamma_deviance,
        BY_HAND: lambda y, t: np.mean(2 * (np.log(y / t) + t / y - 1)),
    },
    "tweedie_deviance": {OURS: partial(ml.tweedie_deviance, power=1.5), BY_HAND: _tweedie},
    "cosine_distance": {
        OURS: ml.cosine_distance,
        BY_HAND: lambda y, t: 1 - y @ t / np.sqrt((y @ y) * (t @ t)),
    },
}


def masked(where: Any) -> Family:
    """Return ``mse`` of what a mask selects."""
    return {
        "mse": {
            OURS: partial(ml.mse, where=where),
            "np.mean(where=)": lambda y, t: np.mean((y - t) ** 2, where=where),
        }
    }
