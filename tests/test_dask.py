"""Dask: nothing is computed before it is asked for, and sizes may be unknown."""

import pickle
from collections.abc import Iterator
from typing import Any

import dask.array as da
import dask.local
import numpy as np
import pytest

import multiloss as ml
from calls import CALLS, IN_MORE_PASSES, assert_close

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


optimize: Any = dask.optimize  # type: ignore[attr-defined]  # documented all the same


class Counted:
    """A file of numbers, as Dask reads it, that counts how often it is read."""

    def __init__(self, data: Any) -> None:
        self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim
        self.reads = 0

    def __getitem__(self, index: Any) -> Any:
        part = self.data[index]
        self.reads += bool(part.size)  # Dask looks at an empty part first
        return part


CHUNKS = 16
# Dask adds up two chunks or more in a task; then come operators of few numbers.
MERGING_TASKS = CHUNKS - 1 + 16


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("options", [(), ("weight", "where")], ids=["plain", "weighted"])
def test_one_task_and_one_read_for_each_chunk(name: str, options: tuple[str, ...]) -> None:
    call = CALLS[name].rows([0, 1, 2, 3] * (CHUNKS // 2))
    by_item = {key: call.by_item[key] for key in options}
    files = [Counted(each) for each in (call.prediction, call.target, *by_item.values())]
    chunked = [da.from_array(each, chunks=(2, *each.shape[1:])) for each in files]  # type: ignore[no-untyped-call]
    value = call.function(*chunked[:2], **dict(zip(by_item, chunked[2:], strict=True)))
    (optimized,) = optimize(value)
    result = float(optimized.compute())
    assert [each.reads for each in files] == [CHUNKS] * len(files)
    if name not in IN_MORE_PASSES:
        assert len(optimized.__dask_graph__()) <= CHUNKS + MERGING_TASKS
    whole = float(call.function(call.prediction, call.target, **by_item))
    assert_close(result, whole, name)


@pytest.mark.parametrize("name", ["mse", "rmse", "wmape", "cross_entropy-labels", "dice"])
def test_unknown_sizes_in_one_task_for_each_chunk(name: str) -> None:
    call = CALLS[name].rows([0, 1, 2, 3] * (CHUNKS // 2))
    kept = np.arange(len(call.prediction)) % 3 != 0
    mask = array(kept)
    prediction, target = (
        da.from_array(each, chunks=(2, *each.shape[1:]))[mask]  # type: ignore[no-untyped-call]
        for each in (call.prediction, call.target)
    )
    value = call.function(prediction, target)
    (optimized,) = optimize(value)
    # The chunks of the mask, and those that it selects from, are tasks of their own.
    assert len(optimized.__dask_graph__()) <= 6 * CHUNKS + MERGING_TASKS
    whole = float(call.function(call.prediction[kept], call.target[kept]))
    assert_close(value.compute(), whole, name)


def test_classes_in_several_chunks() -> None:
    call = CALLS["cross_entropy"]
    operands = [da.from_array(each, chunks=(2, 1)) for each in (call.prediction, call.target)]  # type: ignore[no-untyped-call]
    whole = call.function(call.prediction, call.target)
    np.testing.assert_allclose(call.function(*operands).compute(), whole, rtol=1e-15)


@pytest.mark.parametrize("axis", [0, 1, (0, 1), -1])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("loss", ["mse", "rmse", "wmape", "sse"])
def test_axes_of_several_chunks(axis: Any, keepdims: bool, loss: str) -> None:
    prediction, target = CALLS["mse"].prediction, CALLS["mse"].target[:, :1]
    value = ml.get(loss, axis=axis, keepdims=keepdims, broadcast=True)
    expected = value(prediction, target)
    np.testing.assert_allclose(value(array(prediction), array(target)).compute(), expected)
    assert value(array(prediction), array(target)).shape == expected.shape


def test_large_chunks_go_by_blocks() -> None:
    prediction, target = np.random.default_rng(0).normal(size=(2, 2**19)).astype("float32")
    result = ml.mse(*[da.from_array(each, chunks=2**18) for each in (prediction, target)])  # type: ignore[no-untyped-call]
    assert result.dtype == "float32"
    whole = np.mean((prediction.astype(float) - target) ** 2)
    assert abs(float(result.compute()) - whole) <= 2 * np.spacing(np.float32(whole))


@pytest.mark.parametrize("loss", ["rmse", "0.5 * rmse + mae", "mse"])
def test_extended_precision_in_chunks(loss: str) -> None:
    prediction = np.arange(1, 13).astype("longdouble") / 3
    chunked: Any = da.from_array(prediction, chunks=4)  # type: ignore[no-untyped-call]
    whole = ml.get(loss)(prediction, 0.0)
    np.testing.assert_allclose(ml.get(loss)(chunked, 0.0).compute(), whole, rtol=1e-18)


def test_what_is_not_computed_yet_pickles() -> None:
    value = ml.huber(array([0.5, 3.0]), array([1.0, 1.0]))
    again = pickle.loads(pickle.dumps(value))  # noqa: S301  of our own making
    assert again.compute() == value.compute()
    part = ml.partial(ml.rmse, array([0.5, 3.0]), array([1.0, 1.0]))
    assert float(pickle.loads(pickle.dumps(part)).result()) == float(part.result())  # noqa: S301  ditto


def test_parts_along_an_axis_of_unknown_size() -> None:
    prediction = array(np.arange(12.0).reshape(4, 3))
    kept = prediction[prediction[:, 0] > 1]
    part = ml.partial(ml.mse, kept, 1.0, axis=1)
    expected = ml.mse(np.arange(3.0, 12.0).reshape(3, 3), 1.0, axis=1)
    np.testing.assert_allclose((part + part).result().compute(), expected)


def test_a_task_says_which_loss_it_is_of() -> None:
    value = ml.huber(array([0.5, 3.0]), array([1.0, 1.0]))
    assert any(str(name).startswith("multiloss-huber-") for name in value.__dask_graph__().layers)


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
