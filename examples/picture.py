"""The picture of the demo: three loss curves, and one handwritten five with its prediction."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

import multiloss as ml
from digits import Digits, Training, predict

mpl.use("Agg")

import matplotlib.pyplot as plt

FIVE = 5
# Solid below dashed below dotted, so that three curves which coincide can all be seen.
STYLES: dict[str, Any] = {
    "NumPy": {"color": "#4c78a8", "linewidth": 6.0, "alpha": 0.5},
    "PyTorch": {"color": "#e45756", "linewidth": 3.0, "linestyle": (0, (5, 3))},
    "JAX": {"color": "#222222", "linewidth": 1.5, "linestyle": (0, (1, 2))},
}


def draw(trainings: dict[str, Training], digits: Digits, path: Path) -> None:
    """Write the picture to ``path``."""
    figure, (curves, image, bars) = plt.subplots(
        1, 3, figsize=(13, 4.2), width_ratios=[1.5, 0.9, 1.5], layout="constrained"
    )
    _draw_curves(curves, trainings)
    row = int(np.flatnonzero(digits.test_targets[:, FIVE])[0])
    image.imshow(digits.test_images[row].reshape(8, 8), cmap="gray_r")
    image.set(title="A handwritten 5 of the test set", xticks=[], yticks=[])
    probabilities = predict(trainings["NumPy"].network, digits.test_images[row : row + 1])[0]
    _draw_prediction(bars, probabilities, digits.test_targets[row])
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _draw_curves(axes: Axes, trainings: dict[str, Training]) -> None:
    for name, training in trainings.items():
        epochs = range(1, len(training.losses) + 1)
        axes.plot(epochs, training.losses, label=name, **STYLES[name])
    axes.set(
        title="The same training on three engines",
        xlabel="epoch",
        ylabel="training loss (MSE)",
        yscale="log",
    )
    axes.grid(visible=True, which="both", alpha=0.25)
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
