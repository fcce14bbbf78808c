"""Training in NumPy, which has no autodiff: closed-form gradient, back-propagation by hand."""

import numpy as np

import multiloss as ml
from digits import (
    EPOCHS,
    LEARNING_RATES,
    Callback,
    Digits,
    FloatArray,
    Labels,
    Network,
    Objective,
    Training,
    one_hot,
)


def train(
    digits: Digits, network: Network, objective: Objective, after_epoch: Callback
) -> Training:
    """Train on the batches of every epoch."""
    training = Training(network)
    for epoch in range(EPOCHS):
        losses = []
        for images, labels in digits.batches(epoch):
            loss, network = _step(network, objective, images, labels)
            losses.append(loss)
        training.note(losses, network, digits)
        after_epoch()
    return training


def _step(
    network: Network, objective: Objective, images: FloatArray, labels: Labels
) -> tuple[float, Network]:
    hidden = np.tanh(images @ network.hidden_weight + network.hidden_bias)
    logits = hidden @ network.output_weight + network.output_bias

    if objective == "mse":
        loss, gradient = _squared_error(logits, labels)
    else:
        loss, gradient = ml.value_and_grad(ml.cross_entropy)(logits, labels)

    # Backwards through the output layer, tanh and the hidden layer.
    hidden_gradient = (gradient @ network.output_weight.T) * (1.0 - hidden * hidden)
    gradients = (
        images.T @ hidden_gradient,
        hidden_gradient.sum(axis=0),
        hidden.T @ gradient,
        gradient.sum(axis=0),
    )
    rate = LEARNING_RATES[objective]
    stepped = (
        parameter - rate * each
        for parameter, each in zip(network.parameters, gradients, strict=True)
    )
    return float(loss), Network(*stepped)


def _squared_error(logits: FloatArray, labels: Labels) -> tuple[float, FloatArray]:
    """Return the loss of the softmax, and its gradient with respect to the logits."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    loss, gradient = ml.value_and_grad(ml.mse)(probabilities, one_hot(labels))
    gradient = probabilities * (gradient - np.sum(gradient * probabilities, axis=1, keepdims=True))
    return float(loss), gradient
