"""Training in NumPy, which has no autodiff: closed-form gradient, back-propagation by hand."""

import numpy as np

import multiloss as ml
from digits import EPOCHS, LEARNING_RATE, Callback, Digits, FloatArray, Network, Training


def train(digits: Digits, network: Network, after_epoch: Callback) -> Training:
    """Train on the batches of every epoch."""
    losses = []
    for epoch in range(EPOCHS):
        total = 0.0
        batches = list(digits.batches(epoch))
        for images, targets in batches:
            loss, network = _step(network, images, targets)
            total += loss
        losses.append(total / len(batches))
        after_epoch()
    return Training(losses, network)


def _step(network: Network, images: FloatArray, targets: FloatArray) -> tuple[float, Network]:
    hidden = np.tanh(images @ network.hidden_weight + network.hidden_bias)
    logits = hidden @ network.output_weight + network.output_bias
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)

    loss, gradient = ml.value_and_grad(ml.mse)(probabilities, targets)

    # Backwards through softmax, the output layer, tanh and the hidden layer.
    gradient = probabilities * (gradient - np.sum(gradient * probabilities, axis=1, keepdims=True))
    hidden_gradient = (gradient @ network.output_weight.T) * (1.0 - hidden * hidden)
    gradients = (
        images.T @ hidden_gradient,
        hidden_gradient.sum(axis=0),
        hidden.T @ gradient,
        gradient.sum(axis=0),
    )
    stepped = (
        parameter - LEARNING_RATE * each
        for parameter, each in zip(network.parameters, gradients, strict=True)
    )
    return float(loss), Network(*stepped)
