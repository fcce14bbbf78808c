"""Arrays of xarray, Blosc2 and MLX."""

from typing import Any

import blosc2
import dask.array
import mlx.core as mx
import numpy as np
import pytest
import xarray

import multiloss as ml

NEEDS = "frameworks"

NUMBERS = np.arange(6.0).reshape(2, 3)


def labelled(numbers: Any = NUMBERS, **coordinates: Any) -> Any:
    coordinates = coordinates or {"x": [10, 20], "y": ["a", "b", "c"]}
    return xarray.DataArray(numbers, dims=("x", "y"), coords=coordinates)


def test_axes_in_another_order() -> None:
    square = xarray.DataArray(np.arange(4.0).reshape(2, 2), dims=("x", "y"))
    with pytest.raises(ValueError, match=r"pass target.transpose\('x', 'y'\)"):
        ml.mse(square, square.T)
    assert ml.mse(square, square.T.transpose("x", "y")) == 0.0


def test_labels_in_another_order() -> None:
    array = labelled()
    turned = array.isel(y=[2, 0, 1])
    with pytest.raises(ValueError, match=r"pass target.reindex_like\(prediction\)"):
        ml.mse(array, turned)
    assert ml.mse(array, turned.reindex_like(array)) == 0.0
    with pytest.raises(ValueError, match=r"pass weight.reindex_like\(prediction\)"):
        ml.mse(array, NUMBERS, weight=turned)


def test_axes_that_broadcast_are_the_last_ones_by_name() -> None:
    square = xarray.DataArray(np.arange(9.0).reshape(3, 3), dims=("x", "y"))
    with pytest.raises(ValueError, match=r"pass target.broadcast_like\(prediction\)"):
        ml.mse(square, square.mean("y"), broadcast=True)
    rows = square.mean("y").broadcast_like(square)
    # ((-1)² + 0 + 1²) / 3 in each row
    assert ml.mse(square, rows) == pytest.approx(2 / 3)
    assert ml.mse(square, square.mean("x"), broadcast=True) == pytest.approx(6.0)


def test_a_dataset_is_no_array() -> None:
    with pytest.raises(TypeError, match=r"prediction \(Dataset\) cannot be read as an array"):
        ml.mse(xarray.Dataset({"data": ("x", [1.0])}), [1.0])


def test_other_labels_are_paired_by_position() -> None:
    assert ml.mse(labelled(), labelled(x=[1, 2], y=[3, 4, 5])) == 0.0
    assert ml.mse(labelled(), xarray.DataArray(NUMBERS)) == 0.0


def test_what_is_lazy_stays_so() -> None:
    read = []

    def block(numbers: Any) -> Any:
        read.append(numbers)
        return numbers

    from_array: Any = dask.array.from_array
    lazy = from_array(NUMBERS, chunks=2).map_blocks(block, meta=np.zeros((0, 0)))
    result: Any = ml.mse(labelled(lazy), labelled() + 1)
    assert isinstance(result, dask.array.Array)
    assert not read
    compute: Any = result.compute
    assert compute(scheduler="sync") == 1.0


def test_blosc2_says_what_to_do() -> None:
    compressed: Any = blosc2.asarray(NUMBERS)
    with pytest.raises(TypeError, match=r"compressed array of blosc2; pass prediction\[:\]"):
        ml.mse(compressed, NUMBERS)
    assert ml.mse(compressed[:], NUMBERS) == 0.0


def test_mlx_says_what_to_do() -> None:
    array = mx.array([1.0, 2.0])
    with pytest.raises(TypeError, match=r"array of mlx.core, .*; pass numpy.asarray\(prediction\)"):
        ml.mse(array, array)
    assert ml.mse(np.asarray(array), np.asarray(array)) == 0.0
