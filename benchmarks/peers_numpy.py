"""What NumPy's users call."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import mean_squared_error

import multiloss as ml
from workload import OURS, Workload, operands


def workloads(*, quick: bool) -> Iterator[Workload]:
    """Yield the mean squared error, and its gradient."""
    for dtype, size, y, t in operands(quick=quick):
        yield Workload(
            "NumPy",
            "forward",
            dtype,
            size,
            {
                OURS: partial(ml.mse, y, t),
                "np.mean((y - t)**2)": partial(_one_liner, y, t),
                "sklearn": partial(mean_squared_error, t, y),
                "np.dot(y, t)": partial(np.dot, y, t),
            },
            limit="np.dot(y, t)",
        )
        yield Workload(
            "NumPy",
            "forward + gradient",
            dtype,
            size,
            {OURS: partial(ml.value_and_grad(ml.mse), y, t), "by hand": partial(_by_hand, y, t)},
        )


def _one_liner(y: Any, t: Any) -> Any:
    return np.mean((y - t) ** 2)


def _by_hand(y: Any, t: Any) -> tuple[Any, Any]:
    residual = y - t
    return np.mean(residual**2), 2 * residual / residual.size
