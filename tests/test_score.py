"""The command score: files of every kind in one pass, and what is wrong with them."""

import datetime as dt
import decimal
import inspect
import json
import math
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib.image
import ml_dtypes
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import safetensors.numpy
import zarr.storage

import multiloss as ml
from multiloss.__main__ import main
from multiloss._files import picture, tables
from multiloss._files.opening import open_source
from on_disk import (
    GROUP,
    LABELS,
    NAN_ROWS,
    PREDICTION,
    ROWS,
    TARGET,
    VECTORS,
    WEIGHT,
    WRITERS,
    message_of,
    write_files,
    write_wrong_files,
)

NEEDS = "peers"

YT = ("--prediction", "y", "--target", "t")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_files(folder)
    return folder


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a hundred rows at a time."""
    monkeypatch.setattr("multiloss._files.rows._BATCH_BYTES", 8 * 100)


@pytest.fixture
def score(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(folder)

    def score(*arguments: str) -> Any:
        main(["score", *arguments, "--json"])
        return json.loads(capsys.readouterr().out)

    return score


@pytest.mark.parametrize("name", WRITERS)
def test_files_of_every_kind(score: Any, name: str) -> None:
    whole = ml.mse(PREDICTION, TARGET, weight=WEIGHT)
    expected = {"rows": ROWS, "losses": {"mse": pytest.approx(whole, rel=1e-15)}}
    assert score(name, *YT, "--weight", "w") == expected


@pytest.mark.parametrize("name", ["all.csv", "all.parquet", "all.arrow", "stream.arrow"])
def test_no_other_columns_are_read(score: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    arrays, read = tables._arrays, set()  # noqa: SLF001  what is read comes by here

    def noted(table: Any, roles: Any) -> Any:
        read.update(table.schema.names)
        return arrays(table, roles)

    monkeypatch.setattr(tables, "_arrays", noted)
    score(name, *YT)
    assert read == {"y", "t"}


def test_two_files_of_different_kinds(score: Any) -> None:
    found = score("y.npy", "all.parquet", "--target", "t", "--weight", "w")
    whole = ml.mse(PREDICTION, TARGET, weight=WEIGHT)
    assert found["losses"] == {"mse": pytest.approx(whole, rel=1e-15)}


LOSSES = ("mse", "rmse", "huber(delta=2)", "wmape", "mse + 0.5 * mae")


def test_several_losses_by_group(score: Any) -> None:
    given = [part for loss in LOSSES for part in ("--loss", loss)]
    found = score("all.csv", *YT, "--group", "g", *given)
    assert list(found["groups"]) == ["north", "south"]
    for name, each in found["groups"].items():
        chosen = name == GROUP
        assert each["rows"] == chosen.sum()
        for loss in LOSSES:
            whole = ml.get(loss)(PREDICTION[chosen], TARGET[chosen])
            assert each["losses"][loss] == pytest.approx(whole, rel=1e-14)
    for loss in LOSSES:
        assert found["losses"][loss] == pytest.approx(ml.get(loss)(PREDICTION, TARGET), rel=1e-14)


@pytest.mark.parametrize(
    ("loss", "files"),
    [
        ("cross_entropy", ("scores.npy", "labels.npy")),
        ("kl_divergence", ("scores.npy", "distributions.npy")),
        ("mse", ("scores.npy", "vectors.npy")),
    ],
)
def test_weights_are_those_of_rows(
    score: Any, folder: Path, loss: str, files: tuple[str, str]
) -> None:
    distributions = np.exp(VECTORS[1]) / np.exp(VECTORS[1]).sum(axis=1, keepdims=True)
    targets: dict[str, Any] = {"labels": LABELS, "vectors": VECTORS[1]}
    target = targets.get(files[1].removesuffix(".npy"), distributions)
    np.savez(folder / "weighted.npz", t=target, w=WEIGHT)
    found = score(files[0], "weighted.npz", "--target", "t", "--weight", "w", "--loss", loss)
    weight = WEIGHT[:, None] if loss == "mse" else WEIGHT
    whole = ml.get(loss)(VECTORS[0], target, weight=weight)
    assert found["losses"] == {loss: pytest.approx(whole, rel=1e-14)}


# Each with the numbers that it stands for.
COLUMNS: dict[str, tuple[Any, list[float]]] = {
    "integers": (pa.array([3, 0, -1]), [3, 0, -1]),
    "bool": (pa.array([True, False, True]), [1, 0, 1]),
    "float16": (pa.array(np.array([1.5, 2.5, 3.5], np.float16)), [1.5, 2.5, 3.5]),
    "decimals": (pa.array([decimal.Decimal("0.25"), decimal.Decimal("1.50")]), [0.25, 1.5]),
    "dictionary": (pa.array([2.0, 3.0, 2.0]).dictionary_encode(), [2, 3, 2]),
    "long integers and missing": (pa.array([2**53 + 1, None]), [2.0**53, math.nan]),
    "integers and missing": (pa.array([3, None, -1]), [3, math.nan, -1]),
    "bool and missing": (pa.array([True, None, False]), [1, math.nan, 0]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_numbers(score: Any, tmp_path: Path, name: str) -> None:
    column, numbers = COLUMNS[name]
    table = pa.table({"y": column, "t": [0.0] * len(column)})
    pyarrow.parquet.write_table(table, tmp_path / "table.parquet")
    found = score(str(tmp_path / "table.parquet"), *YT, "--nan", "skip")
    kept = [each for each in numbers if not math.isnan(each)]
    squares = sum(each * each for each in kept) / len(kept)
    assert found == {"rows": len(kept), "losses": {"mse": pytest.approx(squares)}}


def test_lists_of_equal_length_are_vectors(score: Any, tmp_path: Path) -> None:
    vectors = [pa.FixedSizeListArray.from_arrays(each.ravel(), 4) for each in VECTORS]
    table = pa.table(dict(zip("yt", vectors, strict=True)))
    pyarrow.parquet.write_table(table, tmp_path / "vectors.parquet")
    found = score(str(tmp_path / "vectors.parquet"), *YT)
    assert found["losses"]["mse"] == pytest.approx(ml.mse(*VECTORS), rel=1e-15)


def test_lists_of_lists_are_matrices(score: Any, tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(2, 50, 3, 2))
    matrices = [
        pa.FixedSizeListArray.from_arrays(
            pa.FixedSizeListArray.from_arrays(pa.array(each.ravel()), 2), 3
        )
        for each in numbers
    ]
    table = pa.table(dict(zip("yt", matrices, strict=True)))
    with pa.ipc.new_file(str(tmp_path / "matrices.arrow"), table.schema) as writer:
        writer.write_table(table)
    path = str(tmp_path / "matrices.arrow")
    assert open_source(path).row_bytes == {"y": 3 * 2 * 8, "t": 3 * 2 * 8}
    assert score(path, *YT)["losses"]["mse"] == pytest.approx(ml.mse(*numbers), rel=1e-15)


def test_missing_lists_are_nan(score: Any, tmp_path: Path) -> None:
    kind = pa.list_(pa.float64(), 2)
    y = pa.array([[1.0, 2.0], None, [3.0, 5.0]], kind)
    t = pa.array([None, [9.0, 9.0], [1.0, 2.0]], kind)
    pyarrow.parquet.write_table(pa.table({"y": y, "t": t}), tmp_path / "lists.parquet")
    found = score(str(tmp_path / "lists.parquet"), *YT, "--nan", "skip")
    assert found == {"rows": 1, "losses": {"mse": (2**2 + 3**2) / 2}}


def test_parts_of_lists() -> None:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(8.0)), 2)
    assert tables._numbers(lists.slice(1, 2)).tolist() == [[2.0, 3.0], [4.0, 5.0]]  # noqa: SLF001  no file has one


def test_each_chunk_is_read_once(score: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    get = zarr.storage.LocalStore.get

    async def counted(store: Any, key: str, *arguments: Any, **options: Any) -> Any:
        read.append(key)
        return await get(store, key, *arguments, **options)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)
    score("all.zarr", *YT)
    chunks = [key for key in read if "/c/" in key]
    assert len(chunks) == len(set(chunks)) == 2 * math.ceil(ROWS / 77)


def test_labels_of_tables(score: Any, tmp_path: Path) -> None:
    # As floats, since one is missing.
    labels = pa.array([*LABELS[:-1].tolist(), None])
    pyarrow.parquet.write_table(pa.table({"t": labels}), tmp_path / "labels.parquet")
    pyarrow.csv.write_csv(pa.table({"t": labels}), tmp_path / "labels.csv")
    whole = ml.cross_entropy(VECTORS[0, :-1], LABELS[:-1])
    for suffix in ("parquet", "csv"):
        file = str(tmp_path / f"labels.{suffix}")
        found = score("scores.npy", file, "--loss", "cross_entropy", "--nan", "skip")
        assert found == {"rows": ROWS - 1, "losses": {"cross_entropy": pytest.approx(whole)}}


def test_blank_lines_of_one_column_are_missing(score: Any, tmp_path: Path) -> None:
    (tmp_path / "y.csv").write_text("y\n1\n\n3\n4\n")
    (tmp_path / "t.csv").write_text("t\n1\n2\n\n6\n")
    found = score(str(tmp_path / "y.csv"), str(tmp_path / "t.csv"), "--nan", "skip")
    assert found == {"rows": 2, "losses": {"mse": (0 + 2**2) / 2}}


def test_text_of_several_lines(score: Any, tmp_path: Path) -> None:
    # Text of other lengths, so that blocks of 1 MiB end anywhere; its second line looks like a row.
    texts = ["z" * (k * 7919 % 57 + 3) for k in range(60_000)]
    rows = "".join(f'1,0,"{each}\n1000,0,7"\n' for each in texts)
    (tmp_path / "lines.csv").write_text(f"y,t,c\n{rows}")
    assert score(str(tmp_path / "lines.csv"), *YT) == {"rows": 60_000, "losses": {"mse": 1.0}}


def test_a_first_block_without_numbers(score: Any, tmp_path: Path) -> None:
    (tmp_path / "late.csv").write_text("y\n" + "\n" * 2**21 + "1.5\n")
    np.save(tmp_path / "t.npy", np.zeros(2**21 + 1))
    found = score(str(tmp_path / "late.csv"), str(tmp_path / "t.npy"), "--nan", "skip")
    assert found == {"rows": 1, "losses": {"mse": 1.5**2}}


def test_streams_of_old_releases(score: Any, tmp_path: Path) -> None:
    table = pa.table({"y": [1.0, 3.0], "t": [0.0, 0.0]})
    options = pa.ipc.IpcWriteOptions(use_legacy_format=True)
    with pa.ipc.new_stream(str(tmp_path / "old.arrow"), table.schema, options=options) as writer:
        writer.write_table(table)
    assert score(str(tmp_path / "old.arrow"), *YT)["losses"] == {"mse": (1 + 3**2) / 2}


def test_arrays_that_nobody_asked_for(score: Any, tmp_path: Path) -> None:
    arrays = {"y": TARGET + 1, "t": TARGET, "epoch": np.array(3)}
    np.savez(tmp_path / "more.npz", **arrays, objects=np.array([None]))  # type: ignore[arg-type]  # as numpy has it
    safetensors.numpy.save_file(arrays, tmp_path / "more.safetensors")
    for suffix in ("npz", "safetensors"):
        found = score(str(tmp_path / f"more.{suffix}"), *YT)
        assert found["losses"]["mse"] == pytest.approx(1.0)


def test_arrays_by_columns(score: Any, tmp_path: Path) -> None:
    # As pandas gives them.
    np.save(tmp_path / "y.npy", np.asfortranarray(VECTORS[0]))
    found = score(str(tmp_path / "y.npy"), "vectors.npy")
    assert found["losses"]["mse"] == pytest.approx(ml.mse(*VECTORS), rel=1e-15)


def test_bfloat16(score: Any, tmp_path: Path) -> None:
    numbers = np.array([1.5, -2.0, 0.25])  # exact in eight bits
    arrays = {"y": numbers.astype(ml_dtypes.bfloat16), "t": np.zeros(3)}
    safetensors.numpy.save_file(arrays, tmp_path / "half.safetensors")
    found = score(str(tmp_path / "half.safetensors"), *YT)
    assert found["losses"]["mse"] == pytest.approx(np.mean(numbers**2))


def test_whole_numbers_of_a_csv_may_be_floats_later(score: Any, tmp_path: Path) -> None:
    (tmp_path / "late.csv").write_text("y,t\n" + "1,0\n" * 400_000 + "2.5,0\n")
    found = score(str(tmp_path / "late.csv"), *YT, "--loss", "sse")
    assert found["losses"] == {"sse": (400_000 + 2.5**2) / 2}


@pytest.mark.parametrize("name", ["all.npz", "all.csv", "all.parquet"])
def test_a_column_may_have_two_roles(score: Any, name: str) -> None:
    found = score(name, *YT, "--weight", "w", "--group", "w")
    assert len(found["groups"]) == ROWS


DAY = dt.date(2024, 1, 2)
# Groups as they stand in a file, and as they are shown, in order.
GROUPS: dict[str, tuple[list[Any], list[str]]] = {
    "integers": ([10, 9, 10], ["9", "10"]),
    "floats": ([1.0, 1.5, 1.0], ["1", "1.5"]),
    "text like numbers": (["v1.0", "v1", "v1"], ["v1", "v1.0"]),
    "dates": ([DAY, DAY, dt.date(2023, 1, 2)], ["2023-01-02", "2024-01-02"]),
    "text and numbers": (["nan", "NA", "2"], ["2", "NA", "nan"]),
    "missing text": (["a", None, "b"], ["a", "b", "missing"]),
    "missing integers": ([2, None, 2], ["2", "missing"]),
    "text of digits": (["01", "1", "1"], ["01", "1"]),
    "long integers": ([2**53 + 1, 2**53, None], [f"{2**53}", f"{2**53 + 1}", "missing"]),
    "bool": ([True, False, True], ["false", "true"]),
}


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_names_of_groups(score: Any, tmp_path: Path, name: str, suffix: str) -> None:
    groups, names = GROUPS[name]
    table = pa.table({"y": [1.0, 2.0, 3.0], "t": [0.0, 0.0, 0.0], "g": groups})
    path = tmp_path / f"table.{suffix}"
    write: Any = pyarrow.csv.write_csv if suffix == "csv" else pyarrow.parquet.write_table
    write(table, path)
    found = score(str(path), *YT, "--group", "g")
    assert list(found["groups"]) == names


# Groups as they stand in an array, and as they are shown.
GROUPS_OF_ARRAYS: dict[str, tuple[Any, list[str]]] = {
    "bool": (np.array([True, False, True]), ["false", "true"]),
    "floats": (np.array([0.1, np.nan, 2], np.float32), ["0.1", "2", "missing"]),
    "close floats": (np.array([0.1 + 0.2, 0.3, 0.3]), ["0.3", "0.30000000000000004"]),
    "zeros": (np.array([0.0, -0.0, 1.0]), ["0", "1"]),
    "text": (np.array(["b", "", "a"]), ["a", "b", "missing"]),
    "bytes": (np.array([b"b", b"a", b"a"]), ["a", "b"]),
    "days": (np.array(["2024-01-02", "NaT", "NaT"], "M8[D]"), ["2024-01-02", "missing"]),
}


@pytest.mark.parametrize("name", GROUPS_OF_ARRAYS)
def test_names_of_groups_of_arrays(
    score: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("multiloss._files.rows._BATCH_BYTES", 1)  # row by row
    groups, names = GROUPS_OF_ARRAYS[name]
    np.savez(tmp_path / "all.npz", y=np.ones(3), t=np.zeros(3), g=groups)
    found = score(str(tmp_path / "all.npz"), *YT, "--group", "g")
    assert list(found["groups"]) == names


def test_text_of_zarr(score: Any, tmp_path: Path) -> None:
    group: Any = zarr.open_group(tmp_path / "all.zarr", mode="w")
    for name in "yt":
        group.create_array(name, data=np.ones(3))
    group.create_array("g", shape=(3,), dtype=str)[:] = np.array(["b", "", "a"], object)
    found = score(str(tmp_path / "all.zarr"), *YT, "--group", "g")
    assert list(found["groups"]) == ["a", "b", "missing"]


def test_a_table_for_people(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    main(["score", "all.csv", *YT, "--group", "g", "--loss", "rmse"])
    printed = capsys.readouterr()
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in printed.out.splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        [name, f"{chosen.sum():,}", f"{ml.rmse(PREDICTION[chosen], TARGET[chosen]):.8g}"]
        for name, chosen in [
            ("north", GROUP == "north"),
            ("south", GROUP == "south"),
            ("all", np.ones(ROWS, dtype=bool)),
        ]
    ]
    assert printed.err == ""  # no bar, where there is no terminal


def test_numbers_of_a_table_are_never_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    groups = ["a name of many short words", "another one"]
    table = pa.table({"y": [1.0, 3.0], "t": [1 / 3, 2 / 3], "g": groups})
    pyarrow.parquet.write_table(table, tmp_path / "table.parquet")
    losses = [part for loss in LOSSES for part in ("--loss", loss)]
    main(["score", str(tmp_path / "table.parquet"), *YT, "--group", "g", *losses])
    printed = capsys.readouterr().out
    for loss in LOSSES:
        assert f" {ml.get(loss)([1.0, 3.0], [1 / 3, 2 / 3]):.8g} " in printed


def test_a_bar_on_a_terminal(folder: Path) -> None:
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "multiloss", "score", "y.npy", "t.npy", "--json"]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=end, cwd=folder)  # noqa: S603  a command of the test
    os.close(end)
    assert json.loads(run.stdout)["rows"] == ROWS
    assert b"1000/1000" in os.read(terminal, 10_000)
    os.close(terminal)


KEPT = np.delete(np.arange(ROWS), NAN_ROWS)


@pytest.mark.parametrize(
    ("policy", "rows", "mse"),
    [
        ("skip", ROWS - 2, pytest.approx(ml.mse(PREDICTION[KEPT], TARGET[KEPT]), rel=1e-15)),
        ("keep", ROWS, None),
    ],
)
def test_rows_with_nan(score: Any, policy: str, rows: int, mse: Any) -> None:
    found = score("nan.npy", "t.npy", "--nan", policy)
    assert found == {"rows": rows, "losses": {"mse": mse}}


def test_infinities_of_both_signs_are_no_nan(score: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "inf.npy", np.array([np.inf, -np.inf, 1.0]))
    np.save(tmp_path / "zeros.npy", np.zeros(3))
    assert score(str(tmp_path / "inf.npy"), str(tmp_path / "zeros.npy"))["rows"] == 3


def test_wide_rows_are_read_one_by_one(score: Any, tmp_path: Path) -> None:
    wide = np.random.default_rng(0).normal(size=(2, 7, 500))  # 4,000 bytes a row, of 800 a batch
    for name, each in zip("yt", wide, strict=True):
        np.save(tmp_path / f"{name}.npy", each)
    found = score(str(tmp_path / "y.npy"), str(tmp_path / "t.npy"))
    assert found == {"rows": 7, "losses": {"mse": pytest.approx(ml.mse(*wide), rel=1e-15)}}


def write_zeros(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    """Write zeros that take no space on the disk."""
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + np.dtype(dtype).itemsize * math.prod(shape))


def peak_memory(*arguments: str, folder: Path) -> float:
    """Return the most MiB that a process had which scored files."""
    code = (
        "import resource, sys; from multiloss.__main__ import main\n"
        "main(['score', *sys.argv[1:], '--json'])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    command = [sys.executable, "-c", code, *arguments]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)  # noqa: S603  ditto
    in_bytes = 1 if sys.platform == "darwin" else 2**10
    return int(run.stdout.splitlines()[-1]) * in_bytes / 2**20


@pytest.mark.parametrize("row", [(), (2**13,)], ids=["numbers", "wide rows"])
def test_memory_does_not_grow_with_the_files(tmp_path: Path, row: tuple[int, ...]) -> None:
    most = []
    for count in (2**21, 2**26):  # 16 MiB and 512 MiB
        write_zeros(tmp_path / "y.npy", (count // math.prod(row), *row), "<f4")
        write_zeros(tmp_path / "t.npy", (count // math.prod(row), *row), "<f4")
        most.append(peak_memory("y.npy", "t.npy", "--loss", "huber", folder=tmp_path))
    assert most[1] < most[0] + 20


def test_memory_does_not_grow_with_groups_of_rows(tmp_path: Path) -> None:
    schema = pa.schema({"y": pa.float64(), "t": pa.float64()})
    most = []
    for count in (1, 150):  # 1 MiB and 150 MiB
        with pyarrow.parquet.ParquetWriter(tmp_path / "y.parquet", schema) as writer:
            for seed in range(count):
                numbers = pa.array(np.random.default_rng(seed).random(2**16))
                writer.write_table(pa.table({"y": numbers, "t": numbers}))
        most.append(peak_memory("y.parquet", *YT, folder=tmp_path))
    assert most[1] < most[0] + 60


BLUE = [0.12, 0.47, 0.71]  # the first colour, of points and bars
ORANGE = [1.0, 0.5, 0.05]  # of the medians


def has_colour(panel: Any, colour: list[float], *, within: float) -> bool:
    return bool(np.any(np.all(np.abs(panel[..., :3] - colour) < within, axis=-1)))


def test_plot(score: Any, tmp_path: Path) -> None:
    path = tmp_path / "residuals.png"
    score("all.parquet", *YT, "--group", "g", "--plot", str(path))
    pixels = matplotlib.image.imread(path)
    assert pixels.shape == (484, 1650, 4)
    points, bars, boxes = (pixels[:, k : k + 550] for k in (0, 550, 1100))
    assert has_colour(points, BLUE, within=0.3)
    assert has_colour(bars, BLUE, within=0.02)
    assert has_colour(boxes, ORANGE, within=0.3)
    score("all.parquet", *YT, "--plot", str(path))
    assert matplotlib.image.imread(path).shape == (484, 1100, 4)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_plot_of_what_is_hard_to_draw(score: Any, tmp_path: Path, suffix: str) -> None:
    # Residuals that are as good as equal, what TeX would read, a name without an end, infinity.
    groups = ["$a_$", "x" * 100, "猫"] * 7
    target = np.linspace(0.0, 1.0, len(groups))
    prediction = np.where(target == 1.0, np.inf, target + 0.1)
    columns: dict[str, Any] = {"y": prediction, "t": target, "g": groups}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "hard.parquet")
    path = tmp_path / f"residuals.{suffix}"
    score(str(tmp_path / "hard.parquet"), *YT, "--group", "g", "--plot", str(path))
    assert path.read_bytes()[:5] in {b"%PDF-", b"<?xml"}


def test_bars_of_equal_residuals_have_a_width() -> None:
    ends = picture._bins(np.full(21, 0.1))  # noqa: SLF001  a picture does not say
    assert ends[0] < 0.1 < ends[-1]
    assert np.all(np.diff(ends) > 0.01)


@pytest.fixture
def sampled(score: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what is drawn of files."""

    def sampled(*arguments: str) -> Any:
        drawn: list[Any] = []
        monkeypatch.setattr("multiloss._files.command.draw", lambda each, _: drawn.append(each))
        score(*arguments, "--plot", str(tmp_path / "residuals.png"))
        return drawn[0]

    return sampled


@pytest.mark.parametrize("dtype", ["uint8", "bool"])
def test_residuals_of_integers_do_not_wrap(sampled: Any, tmp_path: Path, dtype: str) -> None:
    np.savez(tmp_path / "all.npz", y=np.zeros(9, dtype), t=np.ones(9, dtype))
    sample = sampled(str(tmp_path / "all.npz"), *YT)
    assert (sample.column("prediction") - sample.column("target")).tolist() == [-1.0] * 9


def test_plot_of_many_rows_keeps_some(sampled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiloss._files.sample._KEPT", 300)
    sample = sampled("all.parquet", *YT)
    kept = np.isin(PREDICTION, sample.column("prediction"))
    assert kept.sum() == 300 == len(sample.column("group"))
    # As likely from each half: 150 of them, with a standard deviation of 7.
    assert 120 < kept[: ROWS // 2].sum() < 180


@pytest.fixture(scope="module")
def wrong_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    write_files(folder)
    write_wrong_files(folder)
    return folder


# What is called, and how the message begins.
MISTAKES = {
    "y.npy": "y.npy is one file; name a second one with the targets, or two columns of it",
    "none.npy t.npy": "there is no file none.npy",
    "notes.txt t.npy": "notes.txt ends in .txt; what can be read ends in .arrow, .csv, .feather",
    "short.npy t.npy": "short.npy has 999 rows and t.npy has more; give both the same rows",
    "t.npy short.npy": "short.npy has 999 rows and t.npy has more; give both the same rows",
    "uneven.npz YT": "uneven.npz:t has 800 rows and uneven.npz:y has more; give both the same",
    "objects.npy t.npy": "objects.npy cannot be read: it holds objects of Python, which may run",
    "by_columns.npz YT": "by_columns.npz cannot be read: it is stored by columns; save numpy.as",
    "one_column.npy t.npy": "rows of the predictions have the shape (1,), and those of the targets",
    "y.npy labels.npy --loss brier": "brier is a loss of vectors, and a row of the predictions is",
    "twice.parquet YT": "twice.parquet cannot be read: it has several columns 'y'; rename all but",
    "groups.npz YT --group g": "column 'g' of groups.npz holds several groups in a row; name anot",
    "number.npy t.npy": "number.npy is one number; save an array of them",
    "number.safetensors YT": "number.safetensors:y is one number; save an array of them",
    "empty.npy empty.npy": "empty.npy has no rows; give it one for each target",
    "nothing.npz YT": "nothing.npz has no columns; save at least one",
    "text.npy t.npy": "text.npy cannot be read: ",
    "broken.npy t.npy": "broken.npy ends after 8,119 of 8,128 bytes; copy it again",
    "broken.npz YT": "broken.npz cannot be read: ",
    "broken.parquet YT": "broken.parquet cannot be read: ",
    "broken.arrow YT": "broken.arrow cannot be read: ",
    "two_streams.arrow YT": "two_streams.arrow cannot be read: it goes on after the end of its",
    "broken_stream.arrow YT": "broken_stream.arrow cannot be read: it ends before its end is marke",
    "broken.safetensors YT": "broken.safetensors cannot be read: ",
    "text.csv YT": "column 'y' of text.csv holds text, not numbers; name another one",
    "late.csv YT": "late.csv cannot be read: In CSV column #0: CSV conversion error to double",
    "ragged.csv YT": "ragged.csv cannot be read: ",
    "nothing.csv YT": "nothing.csv cannot be read: ",
    "all.csv t.npy": "all.csv has the columns 'y', 'z', 't', 'w', 'g'; name one with --prediction",
    "all.csv --prediction x --target t": "all.csv has no column 'x', but the columns 'y', 'z'",
    "all.csv --prediction g --target t": "column 'g' of all.csv holds text, not numbers; name an",
    "y.npy t.npy --weight w": "t.npy has no column 'w', but the columns 'array'",
    "nan.npy t.npy": "row 17 of nan.npy is nan as the prediction; pass --nan skip to leave such",
    "all_nan.npy t.npy --nan skip": "all_nan.npy has 1,000 rows, each with nan; pass --nan keep",
    "y.npy t.npy --loss hubr": "there is no loss 'hubr'; did you mean huber",
    "y.npy t.npy --loss mse(axis=0)": "axis is not for files; leave it out of 'mse(axis=0)'",
    "scores.npy vectors.npy --loss mse+brier": "mse + brier adds losses of elements and of vectors",
    "y.npy t.npy --loss gaussian_nll": "gaussian_nll needs variance; write 'gaussian_nll(variance",
    "y.npy t.npy --loss cosine_distance": "cosine_distance of a part depends on the other parts",
    "y.npy t.npy --plot r.xyz": "--plot cannot write 'r.xyz'; name a .png, .pdf or .svg file",
    "y.npy t.npy --plot folder.png": "--plot cannot write 'folder.png'; name a .png, .pdf or .svg",
    "y.npy t.npy --plot no/r.png": "--plot finds no folder no; make it first",
    "scores.npy vectors.npy --plot r.png": "--plot draws one number in each row, not vectors",
    "all_nan.npy t.npy --nan keep --plot r.png": "--plot draws finite numbers, and there are none",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes(
    arguments: str,
    wrong_files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(wrong_files)
    before = sorted(wrong_files.iterdir())
    message = message_of(["score", *arguments.replace("YT", " ".join(YT)).split()], capsys)
    assert message.startswith(MISTAKES[arguments])
    assert sorted(wrong_files.iterdir()) == before


@pytest.mark.usefixtures("score")  # in its folder
@pytest.mark.parametrize(
    ("package", "arguments", "message"),
    [
        ("rich", "y.npy t.npy", "a table needs rich; pip install 'multiloss[show]'"),
        ("pyarrow", "all.csv YT", "all.csv needs pyarrow; pip install 'multiloss[files]'"),
        ("safetensors", "all.safetensors YT", "all.safetensors needs safetensors; pip install"),
        ("zarr", "all.zarr YT", "all.zarr needs zarr; pip install 'multiloss[files]'"),
        ("matplotlib", "y.npy t.npy --plot r.png", "--plot needs matplotlib; pip install"),
    ],
)
def test_a_package_is_missing(
    package: str,
    arguments: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (package, *[each for each in sys.modules if each.startswith(f"{package}.")]):
        monkeypatch.setitem(sys.modules, name, None)
    found = message_of(["score", *arguments.replace("YT", " ".join(YT)).split()], capsys)
    assert found.startswith(message)


def test_json_of_arrays_needs_no_package(score: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # where a bar would be shown
    for name in ("rich", "pyarrow", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    assert score("y.npy", "t.npy")["rows"] == ROWS


# Reads slowly, and says when it has begun.
SLOW = """
import sys, time
from multiloss._files import arrays
from multiloss.__main__ import main

rows_of = arrays._rows_of

def slowly(*arguments):
    for each in rows_of(*arguments):
        print("reading", flush=True)
        time.sleep(0.1)
        yield each

arrays._rows_of = slowly
main(sys.argv[1:])
"""


def test_it_stops_when_it_is_interrupted(tmp_path: Path) -> None:
    write_zeros(tmp_path / "y.npy", (2**28,), "<f8")
    command = [sys.executable, "-c", SLOW, "score", "y.npy", "y.npy", "--plot", "residuals.png"]
    process = subprocess.Popen(  # noqa: S603  ditto
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "multiloss: interrupted\n")
    assert set(out.splitlines()) <= {"reading"}
    assert [each.name for each in tmp_path.iterdir()] == ["y.npy"]


PAGE = Path(__file__).parent.parent / "docs" / "files.md"


@pytest.mark.parametrize("output", ["--json", "--loss=mse"], ids=["JSON", "table"])
def test_nobody_reads_the_output(folder: Path, output: str) -> None:
    command = [sys.executable, "-m", "multiloss", "score", "y.npy", "t.npy", output]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(  # noqa: S603  ditto
            command, check=False, stdout=full, stderr=subprocess.PIPE, cwd=folder, env=environment
        )
    assert run.returncode == 2
    assert run.stderr == b"multiloss: [Errno 28] No space left on device\n"


def test_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PAGE.read_text("utf-8")
    blocks = [inspect.cleandoc(each) for each in re.findall(r"(?:^ {4}.*\n)+", page, re.MULTILINE)]
    table, *printed = blocks
    (tmp_path / "houses.csv").write_text(f"{table}\n")
    houses = pyarrow.csv.read_csv(tmp_path / "houses.csv")
    pyarrow.parquet.write_table(houses, tmp_path / "targets.parquet")
    np.save(tmp_path / "predictions.npy", houses["forecast"].to_numpy())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    outputs = []
    for command in re.findall(r"^```sh\nmultiloss (.*)\n```$", page, re.MULTILINE):
        main(shlex.split(command))
        lines = capsys.readouterr().out.splitlines()
        outputs.append(inspect.cleandoc("\n".join(line.rstrip() for line in lines)))
    of_score, _, of_files, of_compare = outputs
    assert [of_score, of_compare] == printed
    # The residuals are -1/2, 1/2, 1/2 and 0.
    assert json.loads(of_files)["losses"] == {"rmse": pytest.approx(0.1875**0.5)}
    assert (tmp_path / "residuals.png").exists()


def test_the_command_is_installed(folder: Path) -> None:
    command = [str(Path(sys.executable).parent / "multiloss"), "score", "y.npy", "t.npy", "--json"]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)  # noqa: S603  ditto
    assert json.loads(run.stdout)["rows"] == ROWS
