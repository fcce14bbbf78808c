"""Handwritten digits and the network that learns them, the same for every engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

FloatArray = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

# What is minimized: the squared error of the probabilities, as in the tutorial, or the
# cross-entropy of the logits.
Objective: TypeAlias = Literal["mse", "cross_entropy"]

EPOCHS = 40
BATCH_SIZE = 32
# That of mse is large, since the mean over ten classes divides each gradient by ten.
LEARNING_RATES: dict[Objective, float] = {"mse": 5.0, "cross_entropy": 0.2}


@dataclass(frozen=True)
class Digits:
    """Images as rows of 64 grey values in [0, 1], and their classes."""

    train_images: FloatArray
    train_labels: Labels
    test_images: FloatArray
    test_labels: Labels

    def batches(self, epoch: int) -> Iterator[tuple[FloatArray, Labels]]:
        """Yield the training data in an order that depends on nothing but the epoch."""
        order = np.random.default_rng(epoch).permutation(len(self.train_images))
        for start in range(0, len(order), BATCH_SIZE):
            rows = order[start : start + BATCH_SIZE]
            yield self.train_images[rows], self.train_labels[rows]


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


@dataclass
class Training:
    """What a training leaves behind."""

    network: Network  # NumPy arrays
    losses: list[float] = field(default_factory=list)  # the mean of the batches of each epoch
    accuracies: list[float] = field(default_factory=list)  # on the test images, after each epoch

    def note(self, losses: list[float], network: Network, digits: Digits) -> None:
        """Note an epoch: the losses of its batches, and the network in NumPy arrays."""
        self.network = network
        self.losses.append(float(np.mean(losses)))
        self.accuracies.append(accuracy(network, digits))


Callback = Callable[[], None]  # called after every epoch


def load() -> Digits:
    """Return the digits that scikit-learn ships, a quarter of them for testing."""
    bunch = load_digits()
    images, labels = bunch.data / 16.0, bunch.target
    order = np.random.default_rng(0).permutation(len(images))
    test, train = np.split(order, [len(order) // 4])
    return Digits(images[train], labels[train], images[test], labels[test])


def one_hot(labels: Labels) -> FloatArray:
    """Return labels as rows with a one at the right class."""
    return np.eye(10)[labels]


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
    return float(np.mean(probabilities.argmax(axis=1) == digits.test_labels))
