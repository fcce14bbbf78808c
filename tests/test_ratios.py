"""wmape and cosine_distance, which are no sums over elements."""

from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library

pytestmark = pytest.mark.family

RNG = np.random.default_rng(0)
PREDICTION, TARGET = RNG.standard_normal((2, 4, 3)).astype(np.float32).astype(float)
WEIGHT = RNG.random((4, 3)).astype(np.float32).astype(float)
MASK = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 1]], dtype=bool)


def _wmape(y: Any, t: Any, weight: Any, axis: Any) -> Any:
    return (weight * abs(y - t)).sum(axis) / (weight * abs(t)).sum(axis)


def _cosine_distance(y: Any, t: Any, weight: Any, axis: Any) -> Any:
    lengths = (weight * y * y).sum(axis) * (weight * t * t).sum(axis)
    return 1 - (weight * y * t).sum(axis) / np.sqrt(lengths)


FUNCTIONS = {"wmape": (ml.wmape, _wmape), "cosine": (ml.cosine_distance, _cosine_distance)}
functions = pytest.mark.parametrize(("function", "definition"), FUNCTIONS.values(), ids=FUNCTIONS)
axes = pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)], ids=str)


def differences(definition: Any, y: Any, t: Any, weight: Any, axis: Any) -> Any:
    """Return the gradient of the sum by central differences in extended precision."""
    gradient = np.zeros(y.shape)
    step = np.longdouble(2.0**-20)
    for index in np.ndindex(y.shape):
        shift = np.zeros(y.shape, np.longdouble)
        shift[index] = step
        ahead, behind = (np.sum(definition(y + each, t, weight, axis)) for each in (shift, -shift))
        gradient[index] = (ahead - behind) / (2 * step)
    return gradient


@functions
@axes
@pytest.mark.parametrize("keepdims", [False, True], ids=["", "keepdims"])
def test_definition_and_gradient(
    engine: Library, function: Any, definition: Any, axis: Any, keepdims: bool
) -> None:
    weight = WEIGHT * MASK
    value, gradient = ml.value_and_grad(function)(
        engine.array(PREDICTION),
        engine.array(TARGET),
        weight=engine.array(WEIGHT),
        where=engine.array(MASK, "bool"),
        axis=axis,
        keepdims=keepdims,
    )
    expected = definition(PREDICTION, TARGET, weight, axis)
    shape = np.sum(PREDICTION, axis=axis, keepdims=keepdims).shape
    assert tuple(value.shape) == shape
    tolerance = 64 * engine.eps(value)
    found = engine.numpy(value).reshape(np.shape(expected))
    np.testing.assert_allclose(found, expected, rtol=tolerance)
    slopes = differences(definition, PREDICTION, TARGET, weight, axis)
    np.testing.assert_allclose(engine.numpy(gradient), slopes, rtol=1e-5, atol=1e-6)


@functions
def test_perfect_prediction(engine: Library, function: Any, definition: Any) -> None:
    del definition
    value, gradient = ml.value_and_grad(function)(engine.array(TARGET), engine.array(TARGET))
    # XLA fuses a product and a difference, whose rounding errors differ then.
    eps = engine.eps(value)
    zeros = np.zeros(tuple(value.shape)), np.zeros(TARGET.shape)
    np.testing.assert_allclose(engine.numpy(value), zeros[0], atol=16 * eps**2)
    np.testing.assert_allclose(engine.numpy(gradient), zeros[1], atol=2 * eps)


@functions
@pytest.mark.parametrize("poison", [np.nan, np.inf], ids=str)
def test_masked_elements_do_not_leak(
    engine: Library, function: Any, definition: Any, poison: float
) -> None:
    prediction, target = (np.where(MASK, each, poison) for each in (PREDICTION, TARGET))
    value, gradient = ml.value_and_grad(function)(
        engine.array(prediction), engine.array(target), where=engine.array(MASK, "bool"), axis=1
    )
    expected = definition(PREDICTION, TARGET, 1.0 * MASK, 1)
    np.testing.assert_allclose(engine.numpy(value), expected, rtol=64 * engine.eps(value))
    assert np.all(engine.numpy(gradient)[~MASK] == 0)
    assert np.all(np.isfinite(engine.numpy(gradient)))


@functions
@pytest.mark.parametrize("shape", [(1, 3), (4, 1), (3,)], ids=str)
def test_broadcast_prediction(engine: Library, function: Any, definition: Any, shape: Any) -> None:
    prediction = RNG.standard_normal(shape)
    value, gradient = ml.value_and_grad(function)(
        engine.array(prediction), engine.array(TARGET), axis=1, broadcast=True
    )
    full = np.broadcast_to(prediction, TARGET.shape)
    expected = definition(full, TARGET, np.ones(TARGET.shape), 1)
    np.testing.assert_allclose(engine.numpy(value), expected, rtol=1e-5)
    slopes = differences(definition, full, TARGET, np.ones(TARGET.shape), 1)
    kept = (1, *shape) if len(shape) == 1 else shape
    expanded = tuple(k for k in range(2) if kept[k] == 1)
    summed = np.sum(slopes, axis=expanded, keepdims=True).reshape(shape)
    np.testing.assert_allclose(engine.numpy(gradient), summed, rtol=1e-4, atol=1e-5)


@functions
def test_inputs_are_never_modified(engine: Library, function: Any, definition: Any) -> None:
    del definition
    arrays = engine.array(PREDICTION), engine.array(TARGET), engine.array(WEIGHT)
    function(arrays[0], arrays[1], weight=arrays[2])
    ml.value_and_grad(function)(arrays[0], arrays[1], weight=arrays[2])
    for array, before in zip(arrays, (PREDICTION, TARGET, WEIGHT), strict=True):
        np.testing.assert_array_equal(engine.numpy(array), before)


@functions
@pytest.mark.parametrize("dtype", ["int64", "float16", "float32"])
def test_weights_of_every_dtype(
    engine: Library, function: Any, definition: Any, dtype: str
) -> None:
    if dtype not in engine.dtypes:
        dtype = "float32"
    weight = engine.array([[1, 2, 3]], dtype)
    value = function(engine.array(PREDICTION), engine.array(TARGET), weight=weight, axis=1)
    expected = definition(PREDICTION, TARGET, np.array([[1.0, 2.0, 3.0]]), 1)
    np.testing.assert_allclose(engine.numpy(value), expected, rtol=1e-5)


@pytest.mark.parametrize("empty", [np.nan, 0.0, -1.0], ids=str)
def test_share_of_nothing(engine: Library, empty: float) -> None:
    target = engine.array([[0.0, 0.0], [1.0, 3.0]])
    prediction = engine.array([[1.0, 2.0], [2.0, 3.0]])
    value, gradient = ml.value_and_grad(ml.wmape)(prediction, target, axis=1, empty=empty)
    np.testing.assert_array_equal(engine.numpy(value), [empty, 0.25])
    np.testing.assert_array_equal(engine.numpy(gradient), [[0.0, 0.0], [0.25, 0.0]])


def test_vectors_of_zeros_have_no_direction(engine: Library) -> None:
    prediction = engine.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]])
    target = engine.array([[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]])
    value, gradient = ml.value_and_grad(ml.cosine_distance)(prediction, target)
    np.testing.assert_array_equal(engine.numpy(value), np.ones(3))
    np.testing.assert_array_equal(engine.numpy(gradient), np.zeros((3, 2)))


def test_there_is_no_reduction() -> None:
    functions: tuple[Any, ...] = (ml.wmape, ml.cosine_distance)
    for function in functions:
        with pytest.raises(TypeError, match="has no option reduction; it has "):
            function([1.0], [1.0], reduction="sum")


@functions
@axes
@pytest.mark.slow
def test_large_arrays(tuned_engine: Library, function: Any, definition: Any, axis: Any) -> None:
    prediction, target = RNG.standard_normal((2, 1500, 800)) + 0.25
    options: dict[str, Any] = {"axis": axis}
    value, gradient = ml.value_and_grad(function)(
        tuned_engine.array(prediction), tuned_engine.array(target), **options
    )
    alone = function(tuned_engine.array(prediction), tuned_engine.array(target), **options)
    expected = definition(prediction, target, np.ones(prediction.shape), axis)
    for result in (value, alone):
        np.testing.assert_allclose(tuned_engine.numpy(result), expected, rtol=1e-4)
    # Along the gradient the loss changes by the square of its length.
    slope = tuned_engine.numpy(gradient).astype(float)
    step = 1e-4 / np.sqrt(np.sum(slope**2))
    ahead = np.sum(definition(prediction + step * slope, target, np.ones(prediction.shape), axis))
    behind = np.sum(definition(prediction - step * slope, target, np.ones(prediction.shape), axis))
    assert (ahead - behind) / (2 * step) == pytest.approx(np.sum(slope**2), rel=1e-3)


@pytest.mark.parametrize("role", ["where", "weight"])
def test_short_vectors_beside_elements_that_do_not_count(engine: Library, role: str) -> None:
    # Divided by the length, the square of an element that does not count overflows.
    prediction, target = engine.array([1e-25, 2e-25, 3.0]), engine.array([1.0, 2.5, 3.0])
    counts = engine.asarray(np.array([True, True, False]))
    options = {role: counts if role == "where" else engine.array([1.0, 1.0, 0.0])}
    value, gradient = ml.value_and_grad(ml.cosine_distance)(prediction, target, **options)
    # 1 - (1 + 2 * 2.5) / (sqrt(5) sqrt(7.25))
    assert float(engine.numpy(value)) == pytest.approx(0.0034542423, rel=1e-6)
    assert np.all(np.isfinite(engine.numpy(gradient)))
    assert engine.numpy(gradient)[2] == 0.0


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200], ids=str)
def test_many_vectors_as_each_alone(tuned_engine: Library, scale: float) -> None:
    # In blocks where an engine has them, for which a vector of zeros has no length to divide by.
    if not tuned_engine.has_float64:
        scale = scale**0.1
    rng = np.random.default_rng(0)
    y, t = (scale * rng.standard_normal((50_000, 3)) for _ in range(2))
    y[7] = 0.0
    prediction, target = tuned_engine.array(y), tuned_engine.array(t)
    value, gradient = ml.value_and_grad(ml.cosine_distance)(prediction, target)
    few, few_slopes = ml.value_and_grad(ml.cosine_distance)(prediction[:20], target[:20])
    eps = tuned_engine.eps(value)
    for many, alone in ((value, few), (gradient, few_slopes)):
        expected = tuned_engine.numpy(alone)
        np.testing.assert_allclose(tuned_engine.numpy(many)[:20], expected, rtol=100 * eps)
    assert tuned_engine.numpy(value)[7] == 1.0
    result = tuned_engine.numpy(ml.cosine_distance(prediction, target))
    np.testing.assert_allclose(result, tuned_engine.numpy(value), rtol=100 * eps)


def test_share_of_what_overflows_is_not_a_number(engine: Library) -> None:
    large = engine.array([3e38, 3e38], "float32")
    value, gradient = ml.value_and_grad(ml.wmape)(0.5 * large, large)
    assert np.isnan(float(engine.numpy(value)))
    assert np.all(np.isnan(engine.numpy(gradient)))


def test_mask_in_single_precision(engine: Library) -> None:
    prediction = engine.array([[3.0, 4.0, 5.0]], "float32")
    target = engine.array([[4.0, 3.0, 7.0]], "float32")
    for where, expected in (([[1, 1, 0]], 0.04), ([[0, 0, 0]], 1.0)):  # 1 - 24 / 25; no direction
        selected = engine.asarray(np.array(where, dtype=bool))
        value = ml.cosine_distance(prediction, target, where=selected)
        assert float(engine.numpy(value)[0]) == pytest.approx(expected, rel=1e-6)
