"""What NumPy's users call."""

from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import scipy.spatial.distance
import scipy.special
import sklearn.metrics
from sklearn.metrics import mean_squared_error

import multiloss as ml
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
)

IN_A_FILE = 1_000_000_000  # elements
MOST_ROWS = 10_000  # of scikit-learn, whose call takes seconds beyond


def workloads(*, quick: bool) -> Iterator[Workload]:
    """Yield the mean squared error and its gradient, and then the other losses."""
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
    for each in options(quick=quick):
        for work, calls in _options(each).items():
            size, limit = each.prediction.size, ONE_LINER if ONE_LINER in calls else None
            yield Workload("NumPy", work, "float64", size, calls, limit)
    yield from family("NumPy", FAMILY, np.asarray, quick=quick)
    yield from _classification(quick=quick)
    if not quick:
        yield _masked()
        yield from _in_a_file()


def _masked() -> Workload:
    """Return many elements under a mask without a pattern."""
    y, t, where = masked_operands()
    calls: dict[str, Call] = {
        OURS: partial(ml.mse, y, t, where=where),
        "np.mean(where=)": lambda: np.mean((y - t) ** 2, where=where),
    }
    return Workload("NumPy", "forward, masked", "float32", y.size, calls)


def _in_a_file() -> Iterator[Workload]:
    """Yield what does not fit in most memories, as arrays in files."""
    rng = np.random.default_rng(0)
    with TemporaryDirectory() as folder:
        arrays = []
        for name in ("prediction", "target"):
            array: Any = np.memmap(f"{folder}/{name}", "float32", "w+", shape=IN_A_FILE)
            array.reshape(-1, 1_000_000)[:] = rng.standard_normal(1_000_000, dtype="float32")
            arrays.append(array)
        y, t = arrays
        calls: dict[str, Call] = {
            OURS: partial(ml.mse, y, t),
            ONE_LINER: partial(_one_liner, y, t),
            "np.dot(y, t)": partial(np.dot, y, t),
        }
        work = "forward, in a file"
        yield Workload("NumPy", work, "float32", IN_A_FILE, calls, limit="np.dot(y, t)")


def _classification(*, quick: bool) -> Iterator[Workload]:
    for each in classification(quick=quick):
        y, t = each.prediction, each.target
        calls: dict[str, Call]
        if each.loss == "cross_entropy":
            calls = {
                OURS: partial(ml.cross_entropy, y, t),
                "np.log(np.exp(y - max).sum())": partial(_cross_entropy, y, t),
            }
            probability, classes = scipy.special.softmax(y.astype(float), -1), y.shape[-1]
        else:
            calls = {
                OURS: partial(ml.binary_cross_entropy, y, t),
                "np.log1p(np.exp(-np.abs(y)))": partial(_binary_cross_entropy, y, t),
            }
            probability, classes = scipy.special.expit(y.astype(float)), 2
        yield Workload("NumPy", f"forward, {each.case}", "float32", y.size, calls, loss=each.loss)
        if len(t) <= MOST_ROWS:
            ours = getattr(ml, each.loss)
            calls = {
                OURS: partial(ours, probability, t, from_logits=False),
                "sklearn": partial(sklearn.metrics.log_loss, t, probability, labels=range(classes)),
            }
            work = f"forward of probabilities, {each.case}"
            yield Workload("NumPy", work, "float64", y.size, calls, loss=each.loss)


def _cross_entropy(y: Any, t: Any) -> Any:
    highest = y.max(-1, keepdims=True)
    logarithm = np.log(np.exp(y - highest).sum(-1, keepdims=True)) + highest
    return np.mean(logarithm[:, 0] - y[np.arange(len(t)), t])


def _binary_cross_entropy(y: Any, t: Any) -> Any:
    return np.mean(np.maximum(y, 0) - y * t + np.log1p(np.exp(-np.abs(y))))


ONE_LINER = "np.mean((y - t)**2)"


def _options(given: Optional) -> dict[str, dict[str, Call]]:
    y, t, weight, where, columns = given
    whole = np.rint(10 * t).astype(np.int64)
    rows = y.reshape(-1, columns), t.reshape(-1, columns)
    return {
        "forward, weighted": {
            OURS: partial(ml.mse, y, t, weight=weight),
            "np.average": lambda: np.average((y - t) ** 2, weights=weight),
        },
        "forward, masked": {
            OURS: partial(ml.mse, y, t, where=where),
            "np.mean(where=)": lambda: np.mean((y - t) ** 2, where=where),
        },
        "forward, integer target": {
            OURS: partial(ml.mse, y, whole),
            "by hand": lambda: np.mean((y - whole) ** 2),
        },
        "forward, one axis": {
            OURS: partial(ml.mse, *rows, axis=1),
            "np.mean(axis=1)": lambda: np.mean((rows[0] - rows[1]) ** 2, axis=1),
        },
        "forward, none": {
            OURS: partial(ml.mse, y, t, reduction="none"),
            "(y - t)**2": lambda: (y - t) ** 2,
            ONE_LINER: partial(_one_liner, y, t),
        },
    }


def _sklearn(name: str, **parameters: Any) -> Any:
    function = getattr(sklearn.metrics, name)
    return lambda y, t: function(t, y, **parameters)


def _huber(y: Any, t: Any) -> Any:
    distance = np.abs(y - t)
    return np.mean(np.where(distance <= 1, 0.5 * distance**2, distance - 0.5))


def _pinball(y: Any, t: Any) -> Any:
    residual = t - y
    return np.mean(np.maximum(0.8 * residual, -0.2 * residual))


def _tweedie(y: Any, t: Any) -> Any:
    return np.mean(4 * (np.sqrt(y) + t / np.sqrt(y) - 2 * np.sqrt(t)))


BY_HAND = "by hand"
FAMILY: Family = {
    "rmse": {
        OURS: ml.rmse,
        "sklearn": _sklearn("root_mean_squared_error"),
        BY_HAND: lambda y, t: np.sqrt(np.mean((y - t) ** 2)),
    },
    "msle": {OURS: ml.msle, "sklearn": _sklearn("mean_squared_log_error")},
    "rmsle": {OURS: ml.rmsle, "sklearn": _sklearn("root_mean_squared_log_error")},
    "mae": {
        OURS: ml.mae,
        "sklearn": _sklearn("mean_absolute_error"),
        BY_HAND: lambda y, t: np.mean(np.abs(y - t)),
    },
    "mape": {
        OURS: ml.mape,
        "sklearn": _sklearn("mean_absolute_percentage_error"),
        BY_HAND: lambda y, t: np.mean(np.abs(y - t) / np.maximum(np.abs(t), 1e-7)),
    },
    "pinball": {
        OURS: partial(ml.pinball, q=0.8),
        "sklearn": _sklearn("mean_pinball_loss", alpha=0.8),
        BY_HAND: _pinball,
    },
    "expectile": {
        OURS: partial(ml.expectile, q=0.8),
        BY_HAND: lambda y, t: np.mean(np.where(y > t, 0.2, 0.8) * (y - t) ** 2),
    },
    "minkowski": {
        OURS: partial(ml.minkowski, p=3),
        "scipy": lambda y, t: scipy.spatial.distance.minkowski(y, t, 3),
    },
    "huber": {
        OURS: ml.huber,
        "scipy": lambda y, t: np.mean(scipy.special.huber(1.0, y - t)),
        BY_HAND: _huber,
    },
    "pseudo_huber": {
        OURS: ml.pseudo_huber,
        "scipy": lambda y, t: np.mean(scipy.special.pseudo_huber(1.0, y - t)),
    },
    "log_cosh": {OURS: ml.log_cosh, BY_HAND: lambda y, t: np.mean(np.log(np.cosh(y - t)))},
    "cauchy": {OURS: ml.cauchy, BY_HAND: lambda y, t: np.mean(np.log1p(0.5 * (y - t) ** 2))},
    "poisson_deviance": {
        OURS: ml.poisson_deviance,
        "sklearn": _sklearn("mean_poisson_deviance"),
        BY_HAND: lambda y, t: np.mean(2 * (t * np.log(t / y) - t + y)),
    },
    "gamma_deviance": {
        OURS: ml.gamma_deviance,
        "sklearn": _sklearn("mean_gamma_deviance"),
        BY_HAND: lambda y, t: np.mean(2 * (np.log(y / t) + t / y - 1)),
    },
    "tweedie_deviance": {
        OURS: partial(ml.tweedie_deviance, power=1.5),
        "sklearn": _sklearn("mean_tweedie_deviance", power=1.5),
        BY_HAND: _tweedie,
    },
    "cosine_distance": {
        OURS: ml.cosine_distance,
        "scipy": scipy.spatial.distance.cosine,
        BY_HAND: lambda y, t: 1 - y @ t / np.sqrt((y @ y) * (t @ t)),
    },
}


def _one_liner(y: Any, t: Any) -> Any:
    return np.mean((y - t) ** 2)


def _by_hand(y: Any, t: Any) -> tuple[Any, Any]:
    residual = y - t
    return np.mean(residual**2), 2 * residual / residual.size
