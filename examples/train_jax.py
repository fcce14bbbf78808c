"""Training in JAX: one jitted step over a tuple of parameters."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import multiloss as ml
from digits import EPOCHS, LEARNING_RATES, Callback, Digits, Network, Objective, Training


def train(
    digits: Digits, network: Network, objective: Objective, after_epoch: Callback
) -> Training:
    """Train on the batches of every epoch."""
    training = Training(network)
    with jax.enable_x64(True):
        parameters = tuple(map(jnp.asarray, network.parameters))
        for epoch in range(EPOCHS):
            losses = []
            for images, labels in digits.batches(epoch):
                loss, parameters = _step(objective, parameters, images, labels)
                losses.append(float(loss))
            training.note(losses, Network(*map(np.asarray, parameters)), digits)
            after_epoch()
    return training


@partial(jax.jit, static_argnums=0)
def _step(objective: Objective, parameters: tuple[jax.Array, ...], images: Any, labels: Any) -> Any:
    loss, gradients = jax.value_and_grad(_loss)(parameters, objective, images, labels)
    rate = LEARNING_RATES[objective]
    return loss, jax.tree.map(lambda p, g: p - rate * g, parameters, gradients)


def _loss(
    parameters: tuple[jax.Array, ...], objective: Objective, images: jax.Array, labels: jax.Array
) -> jax.Array:
    hidden_weight, hidden_bias, output_weight, output_bias = parameters
    hidden = jnp.tanh(images @ hidden_weight + hidden_bias)
    logits = hidden @ output_weight + output_bias
    if objective == "mse":
        return ml.mse(jax.nn.softmax(logits, axis=1), jax.nn.one_hot(labels, 10))
    return ml.cross_entropy(logits, labels)
