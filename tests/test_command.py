"""The command: python -m multiloss list, and show."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

import multiloss as ml
from class_losses import VECTORS
from losses import FUNCTIONS, OF_VECTORS
from multiloss.__main__ import (
    definition,
    evaluated,
    main,
    peers,
    signature,
    what_is_drawn,
)
from multiloss._registry import losses

NEEDS = "peers"


def test_what_is_a_loss() -> None:
    # So that every law is one over all of them.
    assert set(losses()) == {name.partition("-")[0] for name in FUNCTIONS} | set(OF_VECTORS)
    assert {name.partition("-")[0] for name in VECTORS} == set(OF_VECTORS)
    assert not {"value_and_grad", "make_loss", "__version__"} & set(losses())


@pytest.mark.parametrize("loss", losses())
def test_every_docstring_has_what_the_list_shows(loss: str) -> None:
    function = losses()[loss]
    assert definition(function)[-1] == "."
    text = inspect.getdoc(function) or ""
    assert ("Same definition: none of the peers" in text) != bool(peers(function))
    for section in ("Parameters", "Returns", "Raises", "Notes", "Examples", ".. math::"):
        assert section in text
    parameters = set(inspect.signature(function).parameters)
    parameters -= {"prediction", "target"}
    for parameter in parameters:
        assert re.search(rf"^{parameter} : ", text, re.MULTILINE)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list"])
    printed = capsys.readouterr().out
    assert "tukey_biweight" in printed
    assert "kornia" in printed


def test_signature() -> None:
    assert signature("barron", ml.barron) == "barron(alpha=1, scale=1)"
    assert signature("gaussian_nll", ml.gaussian_nll).startswith(
        "gaussian_nll(variance, full=False"
    )
    assert signature("mse", ml.mse) == "mse"
    assert peers(ml.huber) == [
        "torch.nn.functional.huber_loss",
        "optax.huber_loss",
        "keras.losses.huber",
    ]


def test_show_draws_value_and_slope(tmp_path: Path) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    main(["show", "huber", "pinball(q=0.8)", "gaussian_nll(variance=2)", "--png", str(one)])
    main(["show", "huber(delta=0.5)", "wmape", "cosine_distance", "--png", str(two)])
    pictures = [matplotlib.image.imread(path) for path in (one, two)]
    assert pictures[0].shape == (462, 1100, 4)
    assert np.any(pictures[0] != pictures[1])
    # The first colour of the cycle is in both panels.
    blue = np.all(np.abs(pictures[0][..., :3] - [0.12, 0.47, 0.71]) < 0.02, axis=-1)
    assert np.any(blue[:, :550])
    assert np.any(blue[:, 550:])


def test_losses_of_classes_are_drawn_against_the_score_of_the_right_class() -> None:
    # Of two classes, log(1 + exp(-y)), at y = -3.
    for loss in (ml.cross_entropy, ml.binary_cross_entropy, ml.logistic):
        value, slope = evaluated(ml.get(loss))
        assert value[0] == pytest.approx(np.log1p(np.exp(3)))
        assert slope[0] == pytest.approx(-1 / (1 + np.exp(-3)))
    assert what_is_drawn([*map(ml.get, ("hinge", "focal", "dice"))]) == "score of the right class"
    assert what_is_drawn([*map(ml.get, ("hinge", "mse"))]) == "prediction, for a target of 1"


def test_every_loss_is_drawn(tmp_path: Path) -> None:
    needed = {"gaussian_nll": "(variance=1)"}
    for name in losses():
        main(["show", name + needed.get(name, ""), "--png", str(tmp_path / "one.png")])
        assert (tmp_path / "one.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cross_entropy(class_axis=0)"], "class_axis does not change the curve of one element; "),
        (["hubert"], "there is no loss 'hubert'; did you mean huber? There are barron, "),
        (["huber(0.5)"], "'huber(0.5)' is no loss"),
        (["huber(delta=x)"], "'huber(delta=x)' is no loss"),
        (["value_and_grad"], "there is no loss 'value_and_grad'; there are barron, "),
        (["gaussian_nll"], "gaussian_nll needs variance; write 'gaussian_nll(variance=1.0)'"),
        (["huber(delta=-1)"], "delta=-1.0 is out of bounds; pass a positive number"),
        (["huber(beta=1)"], "huber has no option beta; did you mean delta? It has delta, weight"),
        ([f"huber(delta={'9' * 400})"], "delta is an integer beyond the largest float; pass a "),
        ([f"huber(delta={'(' * 5000}1{')' * 5000})"], "'huber(delta=...)))))))))))))' is no loss"),
        ([f"huber(delta={'-' * 5000}1)"], "'huber(delta=...-----------1)' is no loss"),
        (["huber(**{})"], "'huber(**{})' is no loss"),
        (["huber(where=[[False]])"], "where does not change the curve of one element; leave it"),
        (["mse(axis=0)"], "axis does not change the curve of one element; leave it out of 'mse("),
        (["huber(delta=[1, 2])"], "delta is not a number; write it as delta=1 in 'huber("),
    ],
    ids=str,
)
def test_mistakes(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["show", *arguments, "--png", str(tmp_path / "none.png")])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"multiloss: {message}")
    assert error.count("\n") == 1


def test_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file, message in (
        (str(tmp_path / "none" / "x.png"), "No such file or directory"),
        (str(tmp_path), "Is a directory"),
        ("", "--png needs the name of a file, got an empty one"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["show", "huber", "--png", file])
        assert stopped.value.code == 2
        error = capsys.readouterr().err
        assert error.startswith("multiloss: ")
        assert message in error
        assert error.count("\n") == 1


def run_as_a_module(*arguments: str, **options: Any) -> Any:
    command = [sys.executable, "-m", "multiloss", *arguments]
    return subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, **options)  # noqa: S603  a command of the test


def test_output_that_cannot_be_written() -> None:
    with Path(os.devnull).open() as read_only:
        run = run_as_a_module("list", stdout=read_only)
    assert run.returncode == 2
    assert run.stderr == "multiloss: [Errno 9] Bad file descriptor\n"


def test_mistake_is_found_before_the_display_is_looked_for() -> None:
    run = run_as_a_module("show", "hubr", stdout=subprocess.PIPE, env={"PATH": ""})
    assert run.returncode == 2
    assert run.stderr.startswith("multiloss: there is no loss 'hubr'; did you mean huber? ")
    without_display = {"PATH": "", "MPLBACKEND": "agg"}
    run = run_as_a_module("show", "huber", stdout=subprocess.PIPE, env=without_display)
    assert run.stderr == "multiloss: there is no display for a window; pass --png FILE\n"


def test_as_a_module() -> None:
    command = [sys.executable, "-m", "multiloss", "list"]
    run = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  a command of the test
    assert "tukey_biweight" in run.stdout
