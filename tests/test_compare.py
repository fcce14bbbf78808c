"""The command compare: which of two predictions is better, and how sure that is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from multiloss.__main__ import main
from on_disk import (
    LABELS,
    OTHER,
    PREDICTION,
    ROWS,
    TARGET,
    VECTORS,
    WEIGHT,
    message_of,
    write_files,
)

NEEDS = "peers"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_files(folder)
    better = VECTORS[0].copy()
    better[np.arange(ROWS), LABELS] += 0.1
    np.save(folder / "better.npy", better)
    return folder


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a hundred rows at a time."""
    monkeypatch.setattr("multiloss._files.rows._BATCH_BYTES", 8 * 100)


@pytest.fixture
def compare(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    monkeypatch.chdir(folder)

    def compare(*arguments: str) -> Any:
        main(["compare", *arguments, "--json"])
        (found,) = json.loads(capsys.readouterr().out).values()
        return found

    return compare


# A mean of differences d lies, as a normal distribution has it, in mean ± 1.96 s / √n; of a ratio
# of two means d is the difference of a - loss · b, over the mean of b.
def interval(loss: str) -> tuple[float, float, float]:
    """Return the difference of the losses, and the ends of its interval."""
    one, other = (each - TARGET for each in (PREDICTION, OTHER))
    weight = np.ones(ROWS)
    if loss == "mse, weighted":
        weight = WEIGHT
    terms = (np.abs(one), np.abs(other)) if loss == "wmape" else (one**2, other**2)
    if loss == "wmape":
        weight = np.abs(TARGET)
        ratios = [each.mean() / weight.mean() for each in terms]
    else:
        ratios = [np.average(each, weights=weight) for each in terms]
        terms = (weight * terms[0], weight * terms[1])
    influences = [(t - r * weight) / weight.mean() for t, r in zip(terms, ratios, strict=True)]
    if loss == "sse":
        influences, ratios = [[each * ROWS / 2 for each in pair] for pair in (influences, ratios)]
    if loss == "rmse":
        influences = [each / (2 * r**0.5) for each, r in zip(influences, ratios, strict=True)]
        ratios = [each**0.5 for each in ratios]
    margin = 1.96 * (influences[0] - influences[1]).std() / ROWS**0.5
    difference = ratios[0] - ratios[1]
    return difference, difference - margin, difference + margin


@pytest.mark.parametrize("bins", [2**13, 300], ids=["of rows", "of bins"])
@pytest.mark.parametrize("loss", ["mse", "rmse", "wmape", "mse, weighted", "sse"])
def test_interval(compare: Any, monkeypatch: pytest.MonkeyPatch, loss: str, bins: int) -> None:
    monkeypatch.setattr("multiloss._files.bootstrap._BINS", bins)
    name, _, is_weighted = loss.partition(", ")
    columns = ("--a-column", "y", "--b-column", "z", "--target-column", "t")
    weight = ("--weight-column", "w") if is_weighted else ()
    files = ("all.npz", "all.parquet", "--target", "all.csv")
    found = compare(*files, *columns, *weight, "--loss", name)
    difference, low, high = interval(loss)
    margin = (high - low) / 2
    assert found["rows"] == ROWS
    assert found["A"] - found["B"] == pytest.approx(found["difference"]) == difference
    np.testing.assert_allclose(found["interval"], [low, high], atol=0.2 * margin)
    assert found["better"] == "A"


def test_the_second_is_better(compare: Any) -> None:
    assert compare("z.npy", "y.npy", "--target", "t.npy")["better"] == "B"


def test_neither_is_better(compare: Any) -> None:
    found = compare("y.npy", "y.npy", "--target", "t.npy", "--loss", "rmse")
    assert found["interval"] == [0.0, 0.0]
    assert found["better"] is None


def test_the_order_of_rows_means_nothing(
    compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neighbours cancel: 1 beside 0, and 0 beside 1.001; the means of both are as good as equal.
    monkeypatch.setattr("multiloss._files.bootstrap._BINS", 1000)
    is_odd = np.arange(100_000) % 2 == 1
    arrays = {"a": np.where(is_odd, 1.0, 0.0), "b": np.where(is_odd, 0.0, 1.001)}
    for name, each in {**arrays, "t": np.zeros(len(is_odd))}.items():
        np.save(tmp_path / f"{name}.npy", each)
    files = [str(tmp_path / f"{name}.npy") for name in "abt"]
    found = compare(files[0], files[1], "--target", files[2])
    margin = 1.96 * (arrays["a"] ** 2 - arrays["b"] ** 2).std() / len(is_odd) ** 0.5
    low, high = found["interval"]
    assert (high - low) / 2 == pytest.approx(margin, rel=0.15)
    assert found["better"] is None


def test_as_many_rows_are_drawn_as_there_are(
    compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The difference of the sums is that of one row, 1/2 - 2, times the rows, as good as surely.
    monkeypatch.setattr("multiloss._files.bootstrap._BINS", 300)
    for name, value in (("a", 1.0), ("b", 2.0), ("t", 0.0)):
        np.save(tmp_path / f"{name}.npy", np.full(ROWS, value))
    files = [str(tmp_path / f"{name}.npy") for name in "abt"]
    found = compare(files[0], files[1], "--target", files[2], "--loss", "sse")
    assert found["interval"] == pytest.approx([-1.5 * ROWS] * 2)


@pytest.mark.parametrize(("count", "better"), [(19, None), (20, "A")])
def test_few_rows_show_nothing(
    compare: Any, tmp_path: Path, count: int, better: str | None
) -> None:
    for name, value in (("a", 1.0), ("b", 2.0), ("t", 0.0)):
        np.save(tmp_path / f"{name}.npy", np.full(count, value))
    files = [str(tmp_path / f"{name}.npy") for name in "abt"]
    found = compare(files[0], files[1], "--target", files[2])
    assert (found["interval"], found["better"]) == ([-3.0, -3.0], better)


def test_weights_that_are_mostly_zero(compare: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", t=TARGET, w=np.arange(ROWS) < 1)
    one = ("--target-column", "t", "--weight-column", "w")
    found = compare("y.npy", "z.npy", "--target", str(tmp_path / "t.npz"), *one)
    errors = [float(abs(each[0] - TARGET[0])) ** 2 for each in (PREDICTION, OTHER)]
    assert [found["A"], found["B"]] == pytest.approx(errors)
    assert found["interval"] == pytest.approx([errors[0] - errors[1]] * 2)
    assert found["better"] is None  # of one row


def test_infinity_shows_nothing(compare: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "inf.npy", np.where(np.arange(ROWS) == 3, np.inf, PREDICTION))
    found = compare(str(tmp_path / "inf.npy"), "y.npy", "--target", "t.npy")
    assert (found["A"], found["interval"], found["better"]) == (None, [None, None], None)


def test_nan_is_kept(compare: Any) -> None:
    found = compare("nan.npy", "y.npy", "--target", "t.npy", "--nan", "keep")
    assert found["A"] is None
    assert (found["interval"], found["better"]) == ([None, None], None)


def test_distributions(compare: Any, tmp_path: Path) -> None:
    target = np.exp(VECTORS[1]) / np.exp(VECTORS[1]).sum(axis=1, keepdims=True)
    np.save(tmp_path / "t.npy", target)
    target_file = str(tmp_path / "t.npy")
    found = compare("scores.npy", "better.npy", "--target", target_file, "--loss", "kl_divergence")
    assert found["A"] == pytest.approx(ml.kl_divergence(VECTORS[0], target), rel=1e-14)


def test_vectors_of_classes(compare: Any) -> None:
    found = compare("scores.npy", "better.npy", "--target", "labels.npy", "--loss", "cross_entropy")
    assert found["A"] == pytest.approx(ml.cross_entropy(VECTORS[0], LABELS), rel=1e-14)
    assert found["better"] == "B"


def test_a_table_for_people(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    main(["compare", "y.npy", "z.npy", "--target", "t.npy", "--loss", "huber(delta=2)"])
    printed = capsys.readouterr().out
    assert "1,000 rows" in printed
    (row,) = [line for line in printed.splitlines() if line.startswith("│")]
    name, a, b, difference, low, high, better = (cell.strip() for cell in row.strip("│").split("│"))
    assert (name, better) == ("huber(delta=2)", "A")
    assert float(a) == pytest.approx(ml.huber(PREDICTION, TARGET, delta=2), rel=1e-5)
    assert float(b) == pytest.approx(ml.huber(OTHER, TARGET, delta=2), rel=1e-5)
    assert float(difference) == pytest.approx(float(a) - float(b), rel=5e-3)
    assert float(low) < float(difference) < float(high)


# What is called, and how the message begins.
MISTAKES = {
    "y.npy z.npy --target all.csv": "all.csv has the columns 'y', 'z', 't', 'w', 'g'; name one w",
    "all.npz z.npy --target t.npy": "all.npz has the columns 'y', 'z', 't', 'w'; name one with -",
    "nan.npy z.npy --target t.npy": "row 17 of nan.npy is nan as the prediction; pass --nan skip",
    "z.npy nan.npy --target t.npy": "row 17 of nan.npy is nan as the other prediction; pass --nan",
    "y.npy scores.npy --target t.npy": "rows of the predictions have the shape () and (4,), and th",
    "none.npy z.npy --target t.npy": "there is no file none.npy",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes(
    arguments: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    message = message_of(["compare", *arguments.split()], capsys)
    assert message.startswith(MISTAKES[arguments])
