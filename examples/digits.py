"""Handwritten digits and the network that learns them, the same for every engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

FloatArray = npt.NDArray[np.float64]

EPOCHS = 40
BATCH_SIZE = 32
LEARNING_RATE = 5.0  # large, since the mean over ten classes divides each gradient by ten


@dataclass(frozen=True)
class Digits:
    """Images as rows of 64 grey values in [0, 1], and their classes as one-hot rows."""

    train_images: FloatArray
    train_targets: FloatArray
    test_images: FloatArray
    test_targets: FloatArray

    def batches(self, epoch: int) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield the training data in an order that depends on nothing but the epoch."""
        order = np.random.default_rng(epoch).permutation(len(self.train_images))
        for start in range(0, len(order), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            yield self.train_images[rows], self.train_targets[rows]


@dataclass(frozen=True)
class Network:
    """A hidden layer with tanh and an output layer with softmax."""

    hidden_weight: Any
    hidden_bias: Any
    output_weight: Any
    output_bias: Any

    @property
    def parameters(self) -> tuple[Any, Any, Any, Any]:
        """The four arrays, in the order of the constructor."""
        return self.hidden_weight, self.hidden_bias, self.output_weight, self.output_bias


@dataclass(frozen=True)
class Training:
    """What a training leaves behind."""

    losses: list[float]  # the mean loss of the batches of each epoch
    network: Network  # NumPy arrays


Callback = Callable[[], None]  # called after every epoch


def load() -> Digits:
    """Return the digits that scikit-learn ships, a quarter of them for testing."""
    bunch = load_digits()
    images, classes = bunch.data / 16.0, bunch.target
    targets = np.eye(10)[classes]
    order = np.random.default_rng(0).permutation(len(images))
    test, train = np.split(order, [len(order) // 4])
    return Digits(images[train], targets[train], images[test], targets[test])


def initial_network() -> Network:
    """Return the weights that every training starts from."""
    rng = np.random.default_rng(0)
    return Network(
        rng.normal(0.0, 1 / 8, (64, 48)),
        np.zeros(48),
        rng.normal(0.0, 1 / 7, (48, 10)),
        np.zeros(10),
    )


def predict(network: Network, images: FloatArray) -> FloatArray:
    """Return the probabilities of the ten classes, in NumPy."""
    hidden = np.tanh(images @ network.hidden_weight + network.hidden_bias)
    logits = hidden @ network.output_weight + network.output_bias
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def accuracy(network: Network, digits: Digits) -> float:
    """Return the share of test images that get the right class."""
    probabilities = predict(network, digits.test_images)
    return float(np.mean(probabilities.argmax(axis=1) == digits.test_targets.argmax(axis=1)))
