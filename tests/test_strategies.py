"""However an engine runs a formula, whole, in blocks, in one node or compiled: same value."""

import math
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library, strategies_of
from multiloss._engines import engine_of
from multiloss._strategies.blocks import split

pytestmark = [pytest.mark.slow, pytest.mark.family]

# Beyond every size from which on an engine changes its strategy, and no multiple of any block.
RNG = np.random.default_rng(0)
LARGE = (1031, 1033)
PREDICTION, TARGET = RNG.standard_normal(LARGE), RNG.standard_normal(LARGE)

LAYOUTS: dict[str, Any] = {
    "contiguous": lambda a: a,
    "transposed": lambda a: a.T,
    "strided": lambda a: a[::2, ::3],
    "3-d": lambda a: a[:1030].reshape(103, 10, 1033),
    "column": lambda a: a.reshape(-1, 1),
    "row": lambda a: a.reshape(1, -1),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "mean": {},
    "half sum": {"reduction": "sum", "half": True},
    "none": {"reduction": "none"},
    "keepdims": {"keepdims": True},
    "leading axis": {"axis": 0},
    "trailing axis": {"axis": -1, "keepdims": True},
    "all axes": {"axis": (0, 1)},
}
layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
options = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def by_definition(prediction: Any, target: Any, options: Any, arrays: Any) -> tuple[Any, Any]:
    """Return value and gradient, in NumPy's double precision and with whole arrays."""
    where = arrays.get("where", np.True_)
    weight = np.ones(prediction.shape) * arrays.get("weight", 1.0) * where
    residual = np.where(where, prediction.astype(float) - target.astype(float), 0.0)
    scale = 0.5 if options.get("half") else 1.0
    terms, slopes = scale * weight * residual**2, scale * weight * 2 * residual
    if options.get("reduction") == "none":
        return terms, slopes
    axis, keepdims = options.get("axis"), options.get("keepdims", False)
    value = terms.sum(axis=axis, keepdims=keepdims)
    if options.get("reduction") == "sum":
        return value, slopes
    total = weight.sum(axis=axis, keepdims=True)
    safe = np.where(total == 0, 1.0, total)
    value = np.where(total == 0, np.nan, value.reshape(total.shape) / safe).reshape(value.shape)
    return value, slopes / safe


def large_strategies(engine: Library, options: Any, arrays: Any = ()) -> set[str]:
    """Return the strategies that a large loss without a gradient may have."""
    if engine.name.startswith("jax"):
        return {"compiled"}
    if engine.is_on_device:
        return {"kernel", "whole on a device"}
    if options.get("reduction") != "none":
        return {"blocks"}
    return {"whole" if engine.name == "torch" else "blocks" if arrays else "squares"}


def check(engine: Library, prediction: Any, target: Any, options: Any, **arrays: Any) -> None:
    chosen = {**options, **{role: engine.asarray(array) for role, array in arrays.items()}}
    with strategies_of(engine) as used:
        alone = ml.mse(prediction, target, **chosen)
    if prediction.shape != LAYOUTS["strided"](PREDICTION).shape:
        assert set(used) <= large_strategies(engine, options, arrays)
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target, **chosen)
    expected = by_definition(engine.numpy(prediction), engine.numpy(target), options, arrays)
    for result, reference in ((alone, expected[0]), (value, expected[0]), (gradient, expected[1])):
        assert tuple(result.shape) == reference.shape
        # A residual of float32 operands is off by half a unit of the larger operand.
        eps = engine.eps(result)
        np.testing.assert_allclose(
            engine.numpy(result),
            reference,
            rtol=400 * eps,
            atol=4 * eps * np.nanmax(np.abs(reference)),
        )


@layouts
@options
def test_large_arrays(tuned_engine: Library, layout: Any, options: Any) -> None:
    prediction, target = (layout(tuned_engine.array(each)) for each in (PREDICTION, TARGET))
    check(tuned_engine, prediction, target, options)


@pytest.mark.parametrize("layout", ["transposed", "3-d"])
@options
@pytest.mark.parametrize("expanded", [None, 0, -1], ids=["", "leading", "trailing"])
def test_large_weighted_and_masked_arrays(
    tuned_engine: Library, layout: str, options: Any, expanded: int | None
) -> None:
    operands = (LAYOUTS[layout](tuned_engine.array(each)) for each in (PREDICTION, TARGET))
    prediction, target = operands
    shape = list(prediction.shape)
    if expanded is not None:
        shape[expanded] = 1
    weight = RNG.random(shape).astype(tuned_engine.dtype_name(prediction)) + 0.5
    check(tuned_engine, prediction, target, options, weight=weight, where=RNG.random(shape) < 0.7)


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int32"])
@options
def test_large_arrays_that_are_converted(tuned_engine: Library, dtype: str, options: Any) -> None:
    prediction = tuned_engine.array(RNG.integers(0, 250, LARGE), dtype)
    target = tuned_engine.array(RNG.integers(0, 250, LARGE), "uint8")
    chosen = {**options, "where": tuned_engine.asarray(TARGET > 0)}
    expected, slopes = by_definition(
        tuned_engine.numpy(prediction), tuned_engine.numpy(target), options, {"where": TARGET > 0}
    )
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target, **chosen)
    np.testing.assert_allclose(tuned_engine.numpy(value), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tuned_engine.numpy(gradient), slopes, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@options
def test_large_complex_arrays(tuned_engine: Library, options: Any, weighted: bool) -> None:
    dtype = "complex128" if tuned_engine.has_float64 else "complex64"
    prediction = tuned_engine.array(PREDICTION + 1j * TARGET, dtype)
    target = tuned_engine.array(TARGET - 2j, dtype)
    residual = PREDICTION + 1j * TARGET - (TARGET - 2j)
    arrays: dict[str, Any] = {"where": TARGET > 0} if weighted else {}
    expected, _ = by_definition(np.abs(residual), np.zeros(LARGE), options, arrays)
    chosen = {**options, **{role: tuned_engine.asarray(each) for role, each in arrays.items()}}
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target, **chosen)
    for result in (value, ml.mse(prediction, target, **chosen)):
        np.testing.assert_allclose(tuned_engine.numpy(result), expected, rtol=1e-4, atol=1e-12)
    assert tuned_engine.dtype_name(gradient) == dtype


@pytest.mark.parametrize("size", [10, 10_000, 2_000_000])
def test_dtype_of_the_result_is_not_that_of_empty(tuned_engine: Library, size: int) -> None:
    nothing = tuned_engine.array(np.zeros(size), "float32")
    empty = tuned_engine.array(3.0)
    value = ml.mse(nothing, nothing, weight=nothing, empty=empty)
    assert float(tuned_engine.numpy(value)) == 3.0
    assert tuned_engine.dtype_name(value) == "float32"


@pytest.mark.parametrize("target", [0.5, "column", "row"])
def test_large_broadcasting(tuned_engine: Library, target: Any) -> None:
    prediction = tuned_engine.array(PREDICTION)
    wide: Any = target
    if target == "column":
        wide, target = TARGET[:, :1], tuned_engine.array(TARGET[:, :1])
    elif target == "row":
        wide, target = TARGET[0], tuned_engine.array(TARGET[0])
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target, broadcast=True)
    np.testing.assert_allclose(
        tuned_engine.numpy(value), np.mean((PREDICTION - wide) ** 2), rtol=1e-5
    )
    np.testing.assert_allclose(
        tuned_engine.numpy(gradient),
        2 * (PREDICTION - wide) / PREDICTION.size,
        rtol=1e-4,
        atol=1e-9,
    )


def test_large_sums_in_single_precision_stay_accurate(tuned_engine: Library) -> None:
    # 2²⁵ times 0.1²; one running sum in float32 would stop growing at 2²⁴ times an element.
    size = 2**25 if tuned_engine.array_type is np.ndarray else 2**22
    prediction = tuned_engine.array(np.full((size // 2, 2), 0.1), "float32")
    zeros = tuned_engine.array(np.zeros((size // 2, 2)), "float32")
    square = float(np.float32(0.1)) ** 2
    np.testing.assert_allclose(
        float(tuned_engine.numpy(ml.mse(prediction, zeros))), square, rtol=1e-5
    )
    by_column = tuned_engine.numpy(ml.mse(prediction, zeros, axis=0))
    np.testing.assert_allclose(by_column, [square, square], rtol=1e-5)


@contextmanager
def whole_arrays_in_numpy() -> Iterator[None]:
    """Let NumPy take the last of its strategies, for every size."""
    engine: Any = engine_of("prediction", TARGET)
    losses = [module for name, module in sys.modules.items() if "multiloss._losses." in name]
    plans = [
        each.plans for module in losses for each in vars(module).values() if hasattr(each, "plans")
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "strategies", engine.strategies[-1:])
        for each in plans:
            each.clear()
        yield
    for each in plans:
        each.clear()


FAMILY: dict[str, tuple[Any, dict[str, Any]]] = {
    "rmse": (ml.rmse, {}),
    "rmse by column": (ml.rmse, {"axis": 0}),
    "minkowski": (ml.minkowski, {"p": 3.0}),
    "mae": (ml.mae, {}),
    "huber": (ml.huber, {"delta": 0.5}),
    "msle": (ml.msle, {}),
    "poisson_deviance": (ml.poisson_deviance, {}),
    "barron": (ml.barron, {"alpha": np.linspace(-2, 2, 1033).reshape(1, -1)}),
    "gaussian_nll": (ml.gaussian_nll, {"variance": np.abs(TARGET) + 0.5}),
}


@pytest.mark.parametrize(("loss", "options"), FAMILY.values(), ids=FAMILY)
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_the_family_in_blocks(
    tuned_engine: Library,
    loss: Any,
    options: Any,
    weighted: bool,
) -> None:
    operands: dict[str, Any] = {
        "prediction": np.abs(PREDICTION) + 0.5,
        "target": np.abs(TARGET) + 0.5,
    }
    if weighted:
        operands |= {"weight": np.abs(TARGET[:, :1]), "where": PREDICTION > -1.0}
    parameters = {key: each for key, each in options.items() if isinstance(each, np.ndarray)}
    rest = {key: each for key, each in options.items() if key not in parameters}

    def run(asarray: Any) -> Any:
        arrays = {key: asarray(each) for key, each in {**operands, **parameters}.items()}
        return ml.value_and_grad(loss)(**arrays, **rest), loss(**arrays, **rest)

    with whole_arrays_in_numpy():
        (value, gradient), alone = run(np.asarray)
    with strategies_of(tuned_engine) as used:
        (ours, slopes), ours_alone = run(lambda array: tuned_engine.array(array, str(array.dtype)))
    # The one of a norm is that of its root.
    assert used[-1] in large_strategies(tuned_engine, options)
    rtol = 100 * tuned_engine.eps(ours)
    for result, reference in ((ours, value), (ours_alone, alone), (slopes, gradient)):
        expected = np.asarray(reference)
        np.testing.assert_allclose(
            tuned_engine.numpy(result), expected, rtol=rtol, atol=rtol * np.abs(expected).max()
        )


MEMORY: dict[str, tuple[Any, dict[str, Any]]] = {
    "contiguous": (lambda a: a, {}),
    "float16": (lambda a: a.astype(np.float16), {}),
    "integers": (lambda a: a.astype(np.int8), {}),
    "strided": (lambda a: a[:, ::2], {}),
    "transposed": (lambda a: a.T, {}),
    "weighted": (lambda a: a, {"weight": np.ones((1, 2000), np.float32)}),
    "masked": (lambda a: a.astype(np.float16), {"where": np.ones((4000, 1), dtype=bool)}),
    "leading axis": (lambda a: a, {"axis": 0}),
    "trailing axis": (lambda a: a, {"axis": 1}),
}


@pytest.mark.parametrize(("make", "options"), MEMORY.values(), ids=MEMORY)
def test_numpy_needs_eight_mebibytes_beside_large_operands(make: Any, options: Any) -> None:
    prediction = make(np.ones((4000, 2000), np.float32))
    target = make(np.zeros((4000, 2000), np.float32))
    ml.mse(prediction, target, **options)
    tracemalloc.start()
    value = ml.mse(prediction, target, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.all(value == 1.0)
    assert peak < 2**23


def test_numpy_needs_at_most_five_temporaries_below() -> None:
    prediction, target = np.ones((2, 2**20), np.float16)
    options: Any = {"weight": target, "where": np.ones(2**20, dtype=bool)}
    ml.mse(prediction, target, **options)
    tracemalloc.start()
    ml.mse(prediction, target, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20.5 * 2**20


def test_numpy_reads_large_files_block_by_block(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", PREDICTION)
    prediction = np.load(tmp_path / "y.npy", mmap_mode="r")
    expected = math.fsum((PREDICTION**2).ravel()) / PREDICTION.size
    assert ml.mse(prediction, 0.0) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4), (1, 9), (9, 1), (2, 1, 5)], ids=str)
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_blocks_cover_every_element_once(shape: tuple[int, ...], limit: int) -> None:
    counts = np.zeros(shape, dtype=int)
    for index in split(shape, limit):
        assert counts[index].size <= limit
        counts[index] += 1
    assert np.all(counts == 1)
