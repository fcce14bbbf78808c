"""The demo, run in full: trainings that agree on every engine, and a picture."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

import demo
import digits
import picture

NEEDS = "peers"

pytestmark = pytest.mark.slow


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = digits.load()
    with (tmp_path / "out.txt").open("w") as stream:
        console = Console(file=stream, width=80)
        console.print(demo.reference_table())
        trainings = demo.train_all(data, console)
        console.print(demo.summary_table(trainings))
    assert list(trainings) == ["mse", "cross_entropy"]
    for of_engines in trainings.values():
        assert list(of_engines) == ["NumPy", "PyTorch", "JAX"]
        for training in of_engines.values():
            assert len(training.losses) == digits.EPOCHS
            assert demo.largest_deviation(training, of_engines["NumPy"]) < 1e-9
            assert training.accuracies == of_engines["NumPy"].accuracies
            assert training.accuracies[-1] == digits.accuracy(training.network, data) > 0.95
            assert training.losses[-1] < 0.05 * training.losses[0]
    out = (tmp_path / "out.txt").read_text()
    assert all(value in out for value in ("0.011500000000000003", "0.1315", "0.6575"))
    assert all(f"{name} " in out for name in (*trainings, *trainings["mse"]))
    monkeypatch.chdir(tmp_path)
    picture.draw(trainings, data, Path("demo.png"))
    pixels = matplotlib.image.imread("demo.png")
    assert pixels.shape[0] > 300
    # Not an empty sheet: the curves, the digit and the bars need many colours.
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 100
