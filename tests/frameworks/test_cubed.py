"""Cubed: plans whose tasks each fit the memory that is allowed, of data that do not."""

from pathlib import Path
from typing import Any

import cubed
import numpy as np
import pytest
import xarray as xr

import multiloss as ml
from calls import CALLS, IN_MORE_PASSES, assert_close

NEEDS = "frameworks"

CHUNKS, SIZE = 16, 2**20  # of 8 MiB


@pytest.fixture
def spec(tmp_path: Path) -> Any:
    # Less than one array, of 128 MiB.
    return cubed.Spec(
        work_dir=str(tmp_path / "work"), allowed_mem=100 * 2**20, reserved_mem=10 * 2**20
    )


class Part:
    """The numbers of a chunk, made when they are needed; a file says how often."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.log, self.seed = folder / str(seed), seed

    def __call__(self, _: Any, block_id: tuple[int, ...]) -> Any:
        with self.log.open("a") as log:
            log.write(f"{block_id[0]}\n")
        return numbers(block_id[0], self.seed)


def numbers(chunk: int, seed: int) -> Any:
    return np.random.default_rng([seed, chunk]).normal(size=SIZE)


def chunked(folder: Path, seed: int, spec: Any) -> Any:
    empty = cubed.array_api.empty(CHUNKS * SIZE, dtype=float, chunks=SIZE, spec=spec)
    return cubed.map_blocks(Part(folder, seed), empty, dtype=float, chunks=((SIZE,) * CHUNKS,))


def reads(folder: Path, seed: int) -> list[int]:
    return sorted(map(int, (folder / str(seed)).read_text().split()))


@pytest.fixture(scope="module")
def whole() -> tuple[Any, ...]:
    return tuple(np.concatenate([numbers(k, seed) for k in range(CHUNKS)]) for seed in (0, 1))


@pytest.mark.parametrize("loss", ["mse", "rmse", "wmape", "huber(delta=0.5)", "0.5 * mse + mae"])
def test_more_data_than_memory(spec: Any, whole: Any, loss: str, tmp_path: Path) -> None:
    assert whole[0].nbytes > spec.allowed_mem
    value = ml.get(loss)(chunked(tmp_path, 0, spec), chunked(tmp_path, 1, spec))
    assert not (tmp_path / "0").exists()
    assert_close(value.compute(), ml.get(loss)(*whole), loss)
    assert reads(tmp_path, 0) == reads(tmp_path, 1) == list(range(CHUNKS))


def test_chunks_beyond_the_memory_are_refused(whole: Any, tmp_path: Path) -> None:
    spec = cubed.Spec(work_dir=str(tmp_path), allowed_mem=30 * 2**20, reserved_mem=10 * 2**20)
    operands = [cubed.from_array(each, chunks=SIZE, spec=spec) for each in whole]
    with pytest.raises(ValueError, match="Projected blockwise memory"):
        ml.huber(*operands).compute()


@pytest.mark.parametrize("name", CALLS)
def test_every_loss(name: str, spec: Any) -> None:
    call = CALLS[name]

    def array(given: Any) -> Any:
        return cubed.from_array(given, chunks=(2, *given.shape[1:]), spec=spec)

    operands = array(call.prediction), array(call.target)
    for options in ({}, call.by_item):
        chunked_options = {key: array(each) for key, each in options.items()}
        value = call.function(*operands, **chunked_options)
        assert_close(value.compute(), call.function(call.prediction, call.target, **options), name)


@pytest.mark.parametrize("name", [name for name in CALLS if name not in IN_MORE_PASSES])
def test_one_task_for_each_chunk(name: str, spec: Any) -> None:
    counts = []
    more = 32
    for chunks in (more, 2 * more):
        call = CALLS[name].rows([0, 1, 2, 3] * (chunks // 2))
        operands = [
            cubed.from_array(each, chunks=(2, *each.shape[1:]), spec=spec)
            for each in (call.prediction, call.target)
        ]
        counts.append(call.function(*operands).plan().num_tasks)
    # And those that add them up, two at a time, in one more step.
    assert counts[1] - counts[0] <= 2 * more + 1


# Of mape with a bound, of classes with their indices, which Cubed makes with a specification.
@pytest.mark.parametrize("name", ["huber", "mape", "cross_entropy", "cross_entropy-labels"])
def test_gradients(name: str, spec: Any) -> None:
    call = CALLS[name]
    operands = [
        cubed.from_array(each, chunks=(2, *each.shape[1:]), spec=spec)
        for each in (call.prediction, call.target)
    ]
    value, gradient = ml.value_and_grad(call.function)(*operands)
    expected = ml.value_and_grad(call.function)(call.prediction, call.target)
    assert_close(value.compute(), expected[0], name)
    assert_close(gradient.compute(), expected[1], name)


def test_xarray(spec: Any, whole: Any, tmp_path: Path) -> None:
    prediction, target = (
        xr.DataArray(chunked(tmp_path, seed, spec), dims="time") for seed in (0, 1)
    )
    value = ml.rmse(prediction, target)
    assert not (tmp_path / "0").exists()
    assert_close(value.compute(), ml.rmse(*whole), "rmse")
