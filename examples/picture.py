"""The picture of the demo: learning curves, and one handwritten five with its prediction."""

from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

import multiloss as ml
from digits import Digits, Objective, Training, one_hot, predict

mpl.use("Agg")

import matplotlib.pyplot as plt

FIVE = 5
COLORS = ("#4c78a8", "#e45756")
# Solid below dashed below dotted, so that three curves which coincide can all be seen.
STYLES: dict[str, Any] = {
    "NumPy": {"color": "#4c78a8", "linewidth": 6.0, "alpha": 0.5},
    "PyTorch": {"color": "#e45756", "linewidth": 3.0, "linestyle": (0, (5, 3))},
    "JAX": {"color": "#222222", "linewidth": 1.5, "linestyle": (0, (1, 2))},
}


# By objective and engine.
Trainings: TypeAlias = dict[Objective, dict[str, Training]]


def draw(trainings: Trainings, digits: Digits, path: Path) -> None:
    """Write the picture to ``path``."""
    figure, ((losses, accuracies), (image, bars)) = plt.subplots(
        2, 2, figsize=(11, 8), layout="constrained"
    )
    _draw_losses(losses, trainings)
    _draw_accuracies(accuracies, trainings)
    row = int(np.flatnonzero(digits.test_labels == FIVE)[0])
    image.imshow(digits.test_images[row].reshape(8, 8), cmap="gray_r")
    image.set(title="A handwritten 5 of the test set", xticks=[], yticks=[])
    network = trainings["mse"]["NumPy"].network
    probabilities = predict(network, digits.test_images[row : row + 1])[0]
    _draw_prediction(bars, probabilities, one_hot(digits.test_labels[row : row + 1])[0])
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _draw_losses(axes: Axes, trainings: Trainings) -> None:
    for objective, of_engines in trainings.items():
        for name, training in of_engines.items():
            epochs = range(1, len(training.losses) + 1)
            label = name if objective == "mse" else None
            axes.plot(epochs, training.losses, label=label, **STYLES[name])
        axes.annotate(
            objective,
            (len(epochs), training.losses[-1]),
            (0, 12),
            ha="right",
            textcoords="offset points",
        )
    axes.set(
        title="The same trainings on three engines",
        xlabel="epoch",
        ylabel="training loss",
        yscale="log",
    )
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.legend()


def _draw_accuracies(axes: Axes, trainings: Trainings) -> None:
    for color, (objective, of_engines) in zip(COLORS, trainings.items(), strict=True):
        accuracies = of_engines["NumPy"].accuracies
        axes.plot(range(1, len(accuracies) + 1), accuracies, label=objective, color=color)
    axes.set(title="What each loss reaches", xlabel="epoch", ylabel="test accuracy")
    axes.grid(visible=True, alpha=0.25)
    axes.legend()


def _draw_prediction(axes: Axes, probabilities: np.ndarray, target: np.ndarray) -> None:
    mse, sse = float(ml.mse(probabilities, target)), float(ml.sse(probabilities, target))
    colors = ["#e45756" if digit == FIVE else "#4c78a8" for digit in range(10)]
    bars = axes.bar(range(10), probabilities, color=colors)
    axes.bar_label(bars, fmt="%.3f", fontsize=8, padding=2)
    axes.set(
        title=f"Its prediction: MSE {mse:.2e}, SSE {sse:.2e}",
        xlabel="digit",
        ylabel="predicted probability",
        xticks=range(10),
        ylim=(0.0, 1.12),
    )
