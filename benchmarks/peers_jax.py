"""What JAX's users call."""

import os
from collections.abc import Iterator
from functools import partial
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"

import jax
import jax.numpy as jnp
import keras
import optax

import multiloss as ml
from workload import OURS, Family, Workload, classification, family, operands


def workloads(*, quick: bool) -> Iterator[Workload]:
    """Yield the mean squared error and its gradient, and then the other losses."""
    dot = "jnp.dot(y, t)"
    works: dict[str, dict[str, Any]] = {
        "eager forward": {OURS: ml.mse, "optax": _optax, "keras": _keras},
        "jitted forward": {
            OURS: jax.jit(ml.mse),
            "jnp.mean((y - t)**2)": jax.jit(_one_liner),
            "optax": jax.jit(_optax),
            dot: jax.jit(jnp.dot),
        },
        "jitted both": {
            OURS: jax.jit(jax.value_and_grad(ml.mse)),
            "jnp.mean((y - t)**2)": jax.jit(jax.value_and_grad(_one_liner)),
        },
    }
    for dtype, size, y_host, t_host in operands(quick=quick):
        y, t = jnp.asarray(y_host), jnp.asarray(t_host)
        for work, losses in works.items():
            calls = {name: partial(_wait, loss, y, t) for name, loss in losses.items()}
            limit = dot if dot in calls else None
            yield Workload("JAX", work, dtype, size, calls, limit)
    yield from family("JAX", FAMILY, jnp.asarray, quick=quick)
    yield from _classification(quick=quick)


def _classification(*, quick: bool) -> Iterator[Workload]:
    losses: Family = {
        "cross_entropy": {
            OURS: ml.cross_entropy,
            "optax": lambda y, t: optax.softmax_cross_entropy_with_integer_labels(y, t).mean(),
        },
        "binary_cross_entropy": {
            OURS: ml.binary_cross_entropy,
            "optax": lambda y, t: optax.sigmoid_binary_cross_entropy(y, t).mean(),
        },
    }
    works: dict[str, Any] = {
        "eager forward": lambda loss: loss,
        "jitted forward": jax.jit,
        "jitted both": lambda loss: jax.jit(jax.value_and_grad(loss)),
    }
    for each in classification(quick=quick):
        y, t = jnp.asarray(each.prediction), jnp.asarray(each.target)
        for work, transform in works.items():
            calls = {
                name: partial(_wait, transform(loss), y, t)
                for name, loss in losses[each.loss].items()
            }
            case = f"{work}, {each.case}"
            yield Workload("JAX", case, "float32", y.size, calls, loss=each.loss)


def _one_liner(y: Any, t: Any) -> Any:
    return jnp.mean((y - t) ** 2)


def _optax(y: Any, t: Any) -> Any:
    return optax.squared_error(y, t).mean()


def _keras(y: Any, t: Any) -> Any:
    return keras.ops.mean(keras.losses.mean_squared_error(t, y))


def _wait(loss: Any, y: Any, t: Any) -> Any:
    wait: Any = jax.block_until_ready
    return wait(loss(y, t))


_FUNCTIONS: Family = {
    "mae": {OURS: ml.mae, "keras": lambda y, t: keras.losses.mean_absolute_error(t, y)},
    "mape": {
        OURS: ml.mape,
        "keras": lambda y, t: keras.losses.mean_absolute_percentage_error(t, y),
    },
    "msle": {
        OURS: ml.msle,
        "keras": lambda y, t: keras.losses.mean_squared_logarithmic_error(t, y),
    },
    "huber": {OURS: ml.huber, "optax": lambda y, t: optax.huber_loss(y, t).mean()},
    "log_cosh": {OURS: ml.log_cosh, "optax": lambda y, t: optax.log_cosh(y, t).mean()},
    "poisson_nll": {
        OURS: partial(ml.poisson_nll, log_input=False),
        "keras": lambda y, t: keras.losses.poisson(t, y),
    },
    "cosine_distance": {OURS: ml.cosine_distance, "optax": optax.cosine_distance},
}
# Each call waits for its result.
FAMILY: Family = {
    loss: {name: partial(_wait, function) for name, function in functions.items()}
    for loss, functions in _FUNCTIONS.items()
}
