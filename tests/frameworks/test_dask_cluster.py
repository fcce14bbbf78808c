"""Dask on a cluster: two worker processes, and more data than either may hold."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.distributed import Client, LocalCluster

import multiloss as ml

NEEDS = "frameworks"

CHUNKS, SIZE = 32, 2**21  # of 16 MiB: two arrays of half a GiB
MEMORY = 400 * 2**20  # of a worker
LOSSES = ("mse", "rmse", "wmape", "huber(delta=0.5)", "0.5 * mse + mae")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    options = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": MEMORY}
    with LocalCluster(**options, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client


def numbers(chunk: int, seed: int) -> Any:
    return np.random.default_rng([seed, chunk]).normal(size=SIZE)


class Part:
    """The numbers of a chunk, made by a worker, which writes down that it did."""

    def __init__(self, folder: Path, seed: int, deadly: int | None) -> None:
        self.folder, self.seed, self.deadly = folder, seed, deadly

    def __call__(self, block_info: Any = None) -> Any:
        (chunk,) = block_info[None]["chunk-location"]
        with (self.folder / str(self.seed)).open("a") as log:
            log.write(f"{chunk}\n")
        died = self.folder / "died"
        if chunk == self.deadly and not died.exists():
            died.touch()
            os._exit(1)
        return numbers(chunk, self.seed)


def chunked(folder: Path, seed: int, *, deadly: int | None = None) -> Any:
    """Return an array whose numbers no process has yet."""
    make: Any = da.map_blocks
    return make(
        Part(folder, seed, deadly), chunks=((SIZE,) * CHUNKS,), dtype=float, name=f"{folder}{seed}"
    )


def reads(folder: Path, seed: int) -> list[int]:
    return sorted(map(int, (folder / str(seed)).read_text().split()))


@pytest.fixture(scope="module")
def whole() -> tuple[Any, Any]:
    return tuple(np.concatenate([numbers(k, seed) for k in range(CHUNKS)]) for seed in (0, 1))  # type: ignore[return-value]


def assert_same(result: Any, expected: Any) -> None:
    assert abs(float(result) - float(expected)) <= 4 * np.spacing(abs(float(expected)))


@pytest.mark.parametrize("loss", LOSSES)
def test_more_data_than_memory(client: Any, whole: Any, loss: str, tmp_path: Path) -> None:
    assert whole[0].nbytes + whole[1].nbytes > MEMORY
    value = ml.get(loss)(chunked(tmp_path, 0), chunked(tmp_path, 1))
    assert list(tmp_path.iterdir()) == []
    result = client.compute(value).result()
    assert_same(result, ml.get(loss)(*whole))
    assert reads(tmp_path, 0) == reads(tmp_path, 1) == list(range(CHUNKS))


def test_a_worker_that_dies(client: Any, whole: Any, tmp_path: Path) -> None:
    value = ml.mse(chunked(tmp_path, 0, deadly=CHUNKS // 2), chunked(tmp_path, 1))
    result = client.compute(value).result()
    assert (tmp_path / "died").exists()
    assert set(reads(tmp_path, 0)) == set(range(CHUNKS))
    assert len(reads(tmp_path, 0)) > CHUNKS
    assert_same(result, ml.mse(*whole))


def test_xarray(client: Any, whole: Any, tmp_path: Path) -> None:
    prediction, target = (xr.DataArray(chunked(tmp_path, seed), dims="time") for seed in (0, 1))
    value = ml.rmse(prediction, target)
    assert list(tmp_path.iterdir()) == []
    assert_same(client.compute(value).result(), ml.rmse(*whole))


def test_parts_of_futures(client: Any, whole: Any) -> None:
    def part(chunk: int) -> ml.Partial:
        return ml.partial(ml.rmse, numbers(chunk, 0), numbers(chunk, 1))

    parts = client.gather(client.map(part, range(CHUNKS)))
    total: Any = sum(parts)
    assert_same(total.result(), ml.rmse(*whole))
