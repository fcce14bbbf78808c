"""Training in JAX: one jitted step over a tuple of parameters."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import multiloss as ml
from digits import EPOCHS, LEARNING_RATE, Callback, Digits, Network, Training


def train(digits: Digits, network: Network, after_epoch: Callback) -> Training:
    """Train on the batches of every epoch."""
    losses = []
    with jax.enable_x64(True):
        parameters = tuple(map(jnp.asarray, network.parameters))
        for epoch in range(EPOCHS):
            total = 0.0
            batches = list(digits.batches(epoch))
            for images, targets in batches:
                loss, parameters = _step(parameters, images, targets)
                total += float(loss)
            losses.append(total / len(batches))
            after_epoch()
    return Training(losses, Network(*map(np.asarray, parameters)))


@jax.jit
def _step(parameters: tuple[jax.Array, ...], images: Any, targets: Any) -> Any:
    loss, gradients = jax.value_and_grad(_loss)(parameters, images, targets)
    return loss, jax.tree.map(lambda p, g: p - LEARNING_RATE * g, parameters, gradients)


def _loss(parameters: tuple[jax.Array, ...], images: jax.Array, targets: jax.Array) -> jax.Array:
    hidden_weight, hidden_bias, output_weight, output_bias = parameters
    hidden = jnp.tanh(images @ hidden_weight + hidden_bias)
    probabilities = jax.nn.softmax(hidden @ output_weight + output_bias, axis=1)
    return ml.mse(probabilities, targets)
