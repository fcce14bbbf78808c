"""Show what multiloss is for: ``make demo``, or ``python examples/demo.py``.

The four values of the tutorial on every engine; then the same network, trained on
handwritten digits by three engines that call the same losses: the squared error of the
softmax, as in the tutorial, and the cross-entropy.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import multiloss as ml
import train_jax
import train_numpy
import train_torch
from digits import (
    EPOCHS,
    LEARNING_RATES,
    Callback,
    Digits,
    Network,
    Objective,
    Training,
    initial_network,
    load,
)
from picture import Trainings, draw
from tutorial import RIGHT, TARGET, WRONG

PICTURE = Path("demo.png")

ENGINES: dict[str, Callable[[list[float]], Any]] = {
    "NumPy": np.asarray,
    "PyTorch": lambda data: torch.tensor(data, dtype=torch.float64),
    "JAX": jnp.asarray,
}
TRAIN: dict[str, Callable[[Digits, Network, Objective, Callback], Training]] = {
    "NumPy": train_numpy.train,
    "PyTorch": train_torch.train,
    "JAX": train_jax.train,
}


def reference_table() -> Table:
    """Return the table of the four values of the tutorial."""
    table = Table(
        title="The values of the tutorial, in double precision", box=SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("")
    for name in ENGINES:
        table.add_column(name)
    with jax.enable_x64(True):
        for row, loss, prediction in (
            ("MSE right", ml.mse, RIGHT),
            ("SSE right", ml.sse, RIGHT),
            ("MSE wrong", ml.mse, WRONG),
            ("SSE wrong", ml.sse, WRONG),
        ):
            values = [loss(asarray(prediction), asarray(TARGET)) for asarray in ENGINES.values()]
            table.add_row(row, *(repr(float(value)) for value in values))
    return table


def train_all(digits: Digits, console: Console) -> Trainings:
    """Train for each objective on each engine, under a progress bar each."""
    columns = (
        TextColumn("{task.description:22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    trainings: Trainings = {}
    with Progress(*columns, console=console) as bars:
        for objective in LEARNING_RATES:
            trainings[objective] = {}
            for name, train in TRAIN.items():
                task = bars.add_task(f"{objective}, {name}", total=EPOCHS)
                advance = partial(bars.advance, task)
                trainings[objective][name] = train(digits, initial_network(), objective, advance)
    return trainings


def largest_deviation(training: Training, other: Training) -> float:
    """Return the largest relative difference of two loss curves over the epochs."""
    return float(np.max(np.abs(np.divide(training.losses, other.losses) - 1.0)))


def summary_table(trainings: Trainings) -> Table:
    """Return the table of the results of the trainings."""
    table = Table(
        title=f"Training on handwritten digits, {EPOCHS} epochs", box=SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("loss")
    table.add_column("engine")
    for heading in ("first loss", "last loss", "deviation from NumPy", "test accuracy"):
        table.add_column(heading, justify="right")
    for objective, of_engines in trainings.items():
        for name, training in of_engines.items():
            table.add_row(
                objective,
                name,
                f"{training.losses[0]:.6f}",
                f"{training.losses[-1]:.6f}",
                f"{largest_deviation(training, of_engines['NumPy']):.1e}",
                f"{training.accuracies[-1]:.1%}",
            )
    return table


def main() -> None:
    """Print the tables and write the picture."""
    console = Console()
    console.print(reference_table())
    digits = load()
    trainings = train_all(digits, console)
    console.print(summary_table(trainings))
    draw(trainings, digits, PICTURE)
    console.print(f"The learning curves and a predicted digit are drawn in {PICTURE.resolve()}")


if __name__ == "__main__":
    main()
