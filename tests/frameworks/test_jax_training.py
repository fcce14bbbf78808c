"""Optax with flax and with equinox: every step has the loss of optax."""

from typing import Any

import equinox
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import multiloss as ml

NEEDS = "frameworks"

DATA = jax.random.normal(jax.random.key(0), (32, 4))
TRUTH = DATA.sum(1, keepdims=True)
LABELS = jnp.argmax(DATA, 1)
PAIRS = {
    "mse": (1, TRUTH, ml.mse, lambda y, t: optax.squared_error(y, t).mean()),
    "huber": (1, TRUTH, ml.huber, lambda y, t: optax.huber_loss(y, t).mean()),
    "cross_entropy": (
        4,
        LABELS,
        ml.cross_entropy,
        lambda y, t: optax.softmax_cross_entropy_with_integer_labels(y, t).mean(),
    ),
}


def steps(parameters: Any, loss: Any) -> list[float]:
    optimizer = optax.adam(0.05)
    state = optimizer.init(parameters)
    found = []

    @jax.jit
    def step(parameters: Any, state: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(parameters, updates), state, value

    for _ in range(20):
        parameters, state, value = step(parameters, state)
        found.append(float(value))
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_flax(name: str) -> None:
    outputs, truth, ours, theirs = PAIRS[name]
    model = flax.linen.Dense(outputs)
    parameters = model.init(jax.random.key(1), DATA)
    found, expected = (
        steps(parameters, lambda p, loss=loss: loss(model.apply(p, DATA), truth))
        for loss in (ours, theirs)
    )
    assert found[-1] < 0.8 * found[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("name", PAIRS)
def test_equinox(name: str) -> None:
    outputs, truth, ours, theirs = PAIRS[name]
    model = equinox.nn.Linear(4, outputs, key=jax.random.key(1))
    arrays, rest = equinox.partition(model, equinox.is_array)

    def loss_of(loss: Any) -> Any:
        return lambda arrays: loss(jax.vmap(equinox.combine(arrays, rest))(DATA), truth)

    found, expected = (steps(arrays, loss_of(loss)) for loss in (ours, theirs))
    assert found[-1] < 0.8 * found[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_loss_can_be_compiled() -> None:
    assert float(jax.jit(ml.get("mse"))(jnp.ones(2), jnp.zeros(2))) == 1.0


def test_a_loss_is_a_static_argument() -> None:
    compiled = 0

    def train(loss: Any, prediction: Any) -> Any:
        nonlocal compiled
        compiled += 1
        return loss(prediction, jnp.zeros(3))

    jitted = jax.jit(train, static_argnums=0)
    for _ in range(3):
        value = jitted(ml.get("huber", delta=2.0) + ml.get("mse"), jnp.ones(3))
    assert compiled == 1
    assert float(value) == pytest.approx(1.5)
