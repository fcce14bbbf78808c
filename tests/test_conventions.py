"""What happens where the peers disagree: a row of the README's table each."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library

HALVES = ("float16", "bfloat16")


def check(engine: Library, result: Any, expected: Any, dtype: str) -> None:
    if dtype == "float64" and not engine.has_float64:
        dtype = "float32"
    assert engine.dtype_name(result) == dtype
    np.testing.assert_allclose(engine.numpy(result), expected, rtol=1e-6)


def without_halves(engine: Library, dtype: str = "float16") -> pytest.MarkDecorator:
    """Expect a failure where the engine has no such dtype, which the standard does not know."""
    lacks = engine.name in {"strict", "strictest"} or (engine.name, dtype) == ("dask", "bfloat16")
    return pytest.mark.xfail(lacks, reason=f"{engine.name} has no {dtype}", strict=True)


def test_unsigned_integers_do_not_wrap(engine: Library) -> None:
    # (0 - 16)² + (250 - 0)² = 256 + 62500, halved.
    result = ml.sse(engine.array([0, 250], "uint8"), engine.array([16, 0], "uint8"))
    check(engine, result, 31378.0, engine.default_float)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16"])
def test_narrow_integers_meet_in_the_default_float(engine: Library, dtype: str) -> None:
    result = ml.mse(engine.array([1, 0], dtype), engine.array([0, 0], dtype))
    check(engine, result, 0.5, engine.default_float)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64"])
def test_wide_integers_meet_in_float64_where_there_is_one(engine: Library, dtype: str) -> None:
    if not engine.has_float64 and dtype == "int64":
        dtype = "int32"
    # Neighbours that float32 cannot tell apart.
    prediction = engine.array([2**24 + 1], dtype)
    target = engine.array([2**24], dtype)
    check(engine, ml.mse(prediction, target), 1.0 if engine.has_float64 else 0.0, "float64")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("integer", ["bool", "uint8", "int64"])
def test_integers_follow_the_other_operands_float(
    engine: Library, dtype: str, integer: str
) -> None:
    if not engine.has_float64 and integer == "int64":
        integer = "int32"
    floats, integers = engine.array([0.5, 1.0], dtype), engine.array([1, 0], integer)
    check(engine, ml.mse(floats, integers), 0.625, dtype)
    check(engine, ml.mse(integers, floats), 0.625, dtype)


def test_integers_do_not_pass_through_half_precision(
    engine: Library, request: pytest.FixtureRequest
) -> None:
    request.applymarker(without_halves(engine))
    # 70000 is beyond float16.
    result = ml.mse(engine.array([1.0], "float16"), engine.array([70000], "int32"))
    check(engine, result, 69999.0**2, "float32")


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision_does_not_overflow(
    engine: Library, dtype: str, request: pytest.FixtureRequest
) -> None:
    request.applymarker(without_halves(engine, dtype))
    prediction = engine.array([300.0, 0.0], dtype)
    value, gradient = ml.value_and_grad(ml.mse)(prediction, engine.array([0.0, 300.0], dtype))
    check(engine, value, 90000.0, "float32")
    assert engine.dtype_name(gradient) == dtype
    np.testing.assert_array_equal(np.asarray(engine.numpy(gradient), dtype=float), [300.0, -300.0])


def test_half_precision_accumulates_in_single(
    engine: Library, request: pytest.FixtureRequest
) -> None:
    request.applymarker(without_halves(engine))
    # 4096 times 10² is beyond float16.
    tens, zeros = (engine.array(np.full(4096, k), "float16") for k in (10, 0))
    check(engine, ml.sse(tens, zeros, half=False), 409600.0, "float32")


def test_mixed_floats_are_promoted(engine: Library) -> None:
    single, double = engine.array([0.5], "float32"), engine.array([0.25])
    check(engine, ml.mse(single, double), 0.0625, "float64")
    check(engine, ml.mse(double, single), 0.0625, "float64")
    _, gradient = ml.value_and_grad(ml.mse)(single, double)
    check(engine, gradient, [0.5], "float32")


def test_weights_are_promoted_too(engine: Library) -> None:
    single = engine.array([0.5, 0.5], "float32")
    check(engine, ml.sse(single, single, weight=engine.array([1.0, 1.0])), 0.0, "float64")
    check(engine, ml.sse(single, single, weight=engine.array([1, 1], "int32")), 0.0, "float32")


@pytest.mark.parametrize(("dtype", "real"), [("complex64", "float32"), ("complex128", "float64")])
def test_complex_residuals_are_squared_in_modulus(engine: Library, dtype: str, real: str) -> None:
    if not engine.has_float64:
        dtype, real = "complex64", "float32"
    prediction, target = engine.array([3 + 1j, 0], dtype), engine.array([0, -1j], dtype)
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target)
    check(engine, value, 5.5, real)  # (|3 + i|² + |i|²) / 2
    check(engine, gradient, [3 + 1j, 1j], dtype)
    value, gradient = ml.value_and_grad(ml.mse)(engine.array([3.0, 0.0], real), target)
    check(engine, value, 5.0, real)
    check(engine, gradient, [3.0, 0.0], real)


@pytest.mark.parametrize(
    ("data", "dtype", "complex_target", "expected"),
    [
        ([1, 2], "int32", False, "float64"),
        ([1, 2], "int8", False, "default"),
        ([1, 2], "int32", True, "float64"),
        ([1, 2], "float32", True, "float32"),
        ([1, 2], "complex64", False, "complex64"),
    ],
    ids=str,
)
def test_gradient_has_the_dtype_of_a_float_prediction(
    engine: Library, data: Any, dtype: str, complex_target: bool, expected: str
) -> None:
    target = engine.array([1j, 0], "complex128" if engine.has_float64 else "complex64")
    if not complex_target:
        target = engine.array([0, 0], "int8")
    _, gradient = ml.value_and_grad(ml.sse)(engine.array(data, dtype), target)
    check(engine, gradient, data, engine.default_float if expected == "default" else expected)


def test_gradient_of_host_data_is_that_of_an_array(engine: Library) -> None:
    target = engine.array([1j, 0], "complex64")
    _, gradient = ml.value_and_grad(ml.sse)([1.0, 2.0], target)
    check(engine, gradient, [1.0, 2.0], "float32")
    half: Any = np.array([1.0, 2.0], np.float16)
    _, gradient = ml.value_and_grad(ml.sse)(half, engine.array([0.0, 0.0], "float32"))
    has_half = engine.name not in {"strict", "strictest", "dask"}
    check(engine, gradient, [1.0, 2.0], "float16" if has_half else "float32")


def test_python_numbers_are_allowed_as_target(engine: Library) -> None:
    prediction = engine.array([[0.5, 1.5]], "float32")
    check(engine, ml.mse(prediction, 1), 0.25, "float32")
    check(engine, ml.mse(prediction, 0.5), 0.5, "float32")
    check(engine, ml.mse(prediction, 1j), (0.25 + 2.25) / 2 + 1.0, "float32")


def test_array_without_axes_is_a_target_for_all(engine: Library) -> None:
    prediction = engine.array([[0.5, 1.5]], "float32")
    one = engine.array(1.0, "float32")
    value, gradient = ml.value_and_grad(ml.mse)(prediction, one)
    check(engine, value, 0.25, "float32")
    check(engine, gradient, [[-0.5, 0.5]], "float32")
    check(engine, ml.huber(prediction, one, delta=0.25, axis=1), [0.09375], "float32")
    check(engine, ml.wmape(prediction, one), 0.5, "float32")
    check(engine, ml.mse(prediction, np.float32(1.0)), 0.25, "float32")
    # cos of (1, 3) and (1, 1)
    check(engine, ml.cosine_distance(prediction, one), [1 - 4 / 20**0.5], "float32")


def test_number_beyond_the_dtype_of_the_operands(engine: Library) -> None:
    three, zero = engine.array([3.0], "float32"), engine.array([0.0], "float32")
    # As the largest number of the dtype.
    check(engine, ml.huber(three, zero, delta=1e300), 4.5, "float32")
    check(engine, ml.tukey_biweight(three, zero, scale=1e300), 4.5, "float32")
    check(engine, ml.pseudo_huber(three, zero, delta=1e300), 4.5, "float32")
    check(engine, ml.epsilon_insensitive(three, zero, epsilon=1e300), 0.0, "float32")
    for loss in (ml.mape, ml.smape):
        value = loss(three, zero, eps=1e300)
        assert 0.0 <= float(engine.numpy(value)) < 1e-37
    # ½ log of the largest number
    check(engine, ml.gaussian_nll(three, zero, variance=1e300), 44.3614195, "float32")
    check(engine, ml.gaussian_nll(three, zero, variance=1.0, eps=1e300), 44.3614195, "float32")
    # As the smallest normal one, by which zero can be divided: a residual of 0 has the loss 0.
    for loss in (
        partial(ml.smooth_l1, beta=1e-50),
        partial(ml.quantile_huber, delta=1e-50),
        partial(ml.pseudo_huber, delta=1e-50),
        partial(ml.tukey_biweight, scale=1e-50),
        partial(ml.barron, scale=1e-50),
    ):
        value, gradient = ml.value_and_grad(loss)(three, three)
        check(engine, value, 0.0, "float32")
        check(engine, gradient, [0.0], "float32")
    check(engine, ml.smooth_l1(three, zero, beta=1e-50), 3.0, "float32")
    # Data is rounded instead.
    check(engine, ml.mse(three, 1e300), np.inf, "float32")
    check(engine, ml.mse(three, -(10**300)), np.inf, "float32")
    check(engine, ml.mae(three, 2**70), 2.0**70, "float32")
    nothing = engine.array([0], "bool")
    losses: tuple[Any, ...] = (ml.mse, ml.wmape)
    for each in losses:
        check(engine, each(three, zero, where=nothing, empty=1e300), np.inf, "float32")


def test_lists_take_the_dtype_of_the_array_they_meet(engine: Library) -> None:
    check(engine, ml.mse(engine.array([0.5, 1.5], "float32"), [1, 1]), 0.25, "float32")
    check(engine, ml.mse([1.0, 1.0], engine.array([0.5, 1.5], "float32")), 0.25, "float32")
    # Read in double precision first: 0.1 is not rounded to float32 on the way.
    check(engine, ml.mse(engine.array([0.1]), [0.1]), 0.0, "float64")


def test_host_data_follows_the_one_engine(engine: Library) -> None:
    value, gradient = ml.value_and_grad(ml.mse)(
        engine.array([[0.5], [3.0], [9.0]], "float32"),
        np.ones((3, 1), dtype=np.float32),
        weight=[[1], [1], [5]],
        where=np.array([[True], [True], [False]]),
    )
    check(engine, value, 2.125, "float32")
    check(engine, gradient, [[-0.5], [2.0], [0.0]], "float32")
    if engine.array_type is not np.ndarray:
        assert isinstance(value, engine.array_type)


@pytest.mark.parametrize("dtype", [">f8", ">i4", ">f4"])
def test_host_data_of_foreign_byte_order(engine: Library, dtype: str) -> None:
    result = ml.mse(engine.array([0.5, 1.5]), np.array([1, 1], dtype=dtype))
    check(engine, result, 0.25, "float64")


def test_wide_host_integers_do_not_wrap(engine: Library) -> None:
    # An engine without 64-bit integers would read 2³² as 0.
    result = ml.mse(engine.array([0.0], "float32"), np.array([2**32]))
    check(engine, result, 2.0**64, "float32")


def test_broadcasting_is_for_those_who_ask(engine: Library) -> None:
    column, row = engine.array([[1.0], [2.0]]), engine.array([[1.0, 3.0, 5.0]])
    value, gradient = ml.value_and_grad(ml.mse)(column, row, broadcast=True)
    pairs = np.array([[1.0], [2.0]]) - np.array([[1.0, 3.0, 5.0]])
    check(engine, value, np.mean(pairs**2), "float64")
    check(engine, gradient, 2 * pairs.sum(axis=1, keepdims=True) / 6, "float64")


def test_gradient_of_a_broadcast_prediction_has_its_shape(engine: Library) -> None:
    target = np.array([[0.0, 5.0, 1.0], [7.0, 2.0, 2.5]])
    _, gradient = ml.value_and_grad(ml.sse)(
        engine.array([1.0, 2.0, 3.0]), engine.array(target), broadcast=True
    )
    check(engine, gradient, (np.array([1.0, 2.0, 3.0]) - target).sum(axis=0), "float64")


def test_result_stays_in_the_engine(engine: Library) -> None:
    result = ml.mse(engine.array([1.0]), engine.array([3.0]))
    assert tuple(result.shape) == ()
    expected = np.float64 if engine.array_type is np.ndarray else engine.array_type
    assert isinstance(result, expected)
