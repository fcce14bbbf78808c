"""The same rows in files of every kind, and files that are wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest
import safetensors.numpy
import zarr

from multiloss.__main__ import main

ROWS = 1000
_RNG = np.random.default_rng(0)
TARGET = _RNG.normal(size=ROWS)
PREDICTION = TARGET + _RNG.normal(size=ROWS)
OTHER = TARGET + 1.3 * _RNG.normal(size=ROWS)
WEIGHT = _RNG.random(ROWS)
GROUP = _RNG.choice(["north", "south"], size=ROWS)
VECTORS = _RNG.normal(size=(2, ROWS, 4))
LABELS = _RNG.integers(4, size=ROWS)
NAN_ROWS = (17, 600)

_ARRAYS: dict[str, Any] = {"y": PREDICTION, "z": OTHER, "t": TARGET, "w": WEIGHT}
_TABLE = pa.table({**_ARRAYS, "g": GROUP.tolist()})


def _write_safetensors(path: Path) -> None:
    safetensors.numpy.save_file(_ARRAYS, path)


def _write_zarr(path: Path) -> None:
    group: Any = zarr.open_group(path, mode="w")
    for name, each in _ARRAYS.items():
        group.create_array(name, data=each, chunks=(77,))


def _write_arrow(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, _TABLE.schema) as writer:
        writer.write_table(_TABLE, max_chunksize=44)


def _write_stream(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, _TABLE.schema) as writer:
        writer.write_table(_TABLE, max_chunksize=44)


# Files with the columns y, z, t and w, those of tables with g too.
WRITERS: dict[str, Callable[[Path], Any]] = {
    "all.npz": lambda path: np.savez(path, **_ARRAYS),
    "compressed.npz": lambda path: np.savez_compressed(path, **_ARRAYS),
    "all.safetensors": _write_safetensors,
    "all.zarr": _write_zarr,
    "all.csv": lambda path: pyarrow.csv.write_csv(_TABLE, path),
    "all.parquet": lambda path: pyarrow.parquet.write_table(_TABLE, path, row_group_size=33),
    "all.arrow": _write_arrow,
    "stream.arrow": _write_stream,
    "all.feather": lambda path: pyarrow.feather.write_feather(_TABLE, path),
}


def message_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a wrong call ends with, and nothing else."""
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    name, _, message = printed.err.partition(": ")
    assert name == "multiloss"
    assert printed.err.count("\n") == 1
    return message


def write_files(folder: Path) -> None:
    """Write right files into a folder."""
    with_nan = np.where(np.isin(range(ROWS), NAN_ROWS), np.nan, PREDICTION)
    arrays = {"y": PREDICTION, "z": OTHER, "t": TARGET, "w": WEIGHT, "nan": with_nan}
    vectors = {"scores": VECTORS[0], "vectors": VECTORS[1], "labels": LABELS}
    for name, each in {**arrays, **vectors}.items():
        np.save(folder / f"{name}.npy", each)
    for name, write in WRITERS.items():
        write(folder / name)


def write_wrong_files(folder: Path) -> None:
    """Write files that cannot be scored into a folder that has the right ones."""
    np.save(folder / "short.npy", TARGET[:-1])
    np.save(folder / "objects.npy", np.array([None, 1]), allow_pickle=True)
    by_columns = np.asfortranarray(np.ones((3, 2)))
    np.savez(folder / "by_columns.npz", y=by_columns, t=by_columns)
    np.save(folder / "number.npy", np.array(1.0))
    np.save(folder / "empty.npy", np.zeros(0))
    np.save(folder / "all_nan.npy", np.full(ROWS, np.nan))
    np.savez(folder / "uneven.npz", y=PREDICTION, t=TARGET[:-200])
    np.savez(folder / "nothing.npz")
    safetensors.numpy.save_file({"y": np.array(1.0), "t": TARGET}, folder / "number.safetensors")
    for suffix in ("npz", "parquet", "arrow", "safetensors"):
        (folder / f"broken.{suffix}").write_bytes((folder / f"all.{suffix}").read_bytes()[:-9])
    np.save(folder / "one_column.npy", TARGET[:, None])
    twice = pa.table([pa.array(TARGET)] * 3, ["y", "y", "t"])
    pyarrow.parquet.write_table(twice, folder / "twice.parquet")
    np.savez(folder / "groups.npz", y=TARGET, t=TARGET, g=VECTORS[0])
    (folder / "folder.png").mkdir()
    stream = (folder / "stream.arrow").read_bytes()
    (folder / "two_streams.arrow").write_bytes(stream + stream)
    ends = [k for k in range(8, len(stream), 8) if stream[k : k + 4] == b"\xff\xff\xff\xff"]
    (folder / "broken_stream.arrow").write_bytes(stream[: ends[9]])  # after a whole batch
    (folder / "broken.npy").write_bytes((folder / "y.npy").read_bytes()[:-9])
    (folder / "text.npy").write_text("1, 2, 3")
    (folder / "text.csv").write_text("y,t\n1,0\nmany,0\n")
    (folder / "late.csv").write_text("y,t\n" + "1,0\n" * 400_000 + "many,0\n")
    (folder / "ragged.csv").write_text("y,t\n1,0\n1\n")
    (folder / "nothing.csv").write_text("")
    (folder / "notes.txt").write_text("1")
