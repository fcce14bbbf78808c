"""Dask: nothing is computed before it is asked for, and sizes may be unknown."""

from collections.abc import Iterator
from typing import Any

import dask.array as da
import dask.local
import numpy as np
import pytest

import multiloss as ml

NEEDS = "engines"


@pytest.fixture(autouse=True)
def count() -> Iterator[list[int]]:
    """Count the computations."""
    computations: list[int] = []

    def get(graph: Any, keys: Any, **kwargs: Any) -> Any:
        computations.append(1)
        return dask.local.get_sync(graph, keys, **kwargs)

    with dask.config.set(scheduler=get):
        yield computations


def array(data: Any) -> Any:
    return da.from_array(np.asarray(data), chunks=2)  # type: ignore[no-untyped-call]


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weight": {"weight": [1.0, 2.0, 1.0]},
    "where": {"where": [True, False, True]},
    "axis": {"axis": 0, "keepdims": True},
    "none": {"reduction": "none"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_nothing_is_computed_until_asked(options: Any, count: list[int]) -> None:
    prediction, target = array([0.5, 3.0, 2.0]), array([1.0, 1.0, 1.0])
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target, **options)
    assert count == []
    expected = ml.value_and_grad(ml.mse)([0.5, 3.0, 2.0], [1.0, 1.0, 1.0], **options)
    np.testing.assert_allclose(value.compute(), expected[0])
    np.testing.assert_allclose(gradient.compute(), expected[1])
    assert len(count) == 2


@pytest.mark.parametrize("loss", [ml.mse, ml.sse])
def test_unknown_sizes(loss: Any, count: list[int]) -> None:
    prediction, target = array([0.5, 9.0, 3.0]), array([1.0, 9.0, 1.0])
    kept = prediction < 5
    prediction, target = prediction[kept], target[kept]
    assert np.isnan(prediction.shape[0])
    value, gradient = ml.value_and_grad(loss)(prediction, target)
    weighted = loss(prediction, target, weight=prediction)
    assert count == []
    assert value.compute() == 2.125
    np.testing.assert_allclose(gradient.compute(), [-0.5, 2.0])
    expected = (0.5 * 0.25 + 3.0 * 4.0) / (3.5 if loss is ml.mse else 2.0)
    np.testing.assert_allclose(weighted.compute(), expected)


def test_masked_chunks_are_refused() -> None:
    masked = da.ma.masked_array([1.0, 99.0], mask=[False, True])
    with pytest.raises(TypeError, match=r"prediction is a numpy.ma.MaskedArray"):
        ml.mse(masked, np.zeros(2))


@pytest.mark.parametrize("dtype", ["float16", "longdouble"])
def test_host_floats_of_other_widths(dtype: str) -> None:
    target = np.zeros(2, dtype) if dtype == "float16" else [0.0, 0.0]
    result = ml.mse(array(np.array([1.0, 2.0], dtype)), target)
    assert result.dtype == ("float32" if dtype == "float16" else dtype)
    assert result.compute() == 2.5


def test_mean_of_what_turns_out_to_be_nothing() -> None:
    prediction = array([0.5, 3.0])
    nothing = prediction[prediction > 5]
    assert np.isnan(ml.mse(nothing, nothing).compute())
    assert ml.mse(nothing, nothing, empty=0.0).compute() == 0.0
