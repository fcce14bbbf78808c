"""What holds for every loss, on every engine, whatever its formula.

These are held against the definition. What needs none is a law of multiloss.testing.check_loss,
which test_check_loss.py runs for every loss.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library
from losses import KINDS, LOSSES, PREDICTION, TARGET, elements, every, expected

pytestmark = pytest.mark.family

# Every number is exact in float32, so the only rounding is that of the loss.
WEIGHT = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0], [0.25, 1.0, 1.0], [2.0, 2.0, 4.0]])
MASK = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=bool)

MEANS = {name: loss for name, loss in LOSSES.items() if loss.reduction == "mean"}
AVERAGES = {name: loss for name, loss in MEANS.items() if loss.exponent == 1.0}


def close(engine: Library, result: Any, reference: Any, name: str = "mse") -> None:
    """Check the engine, the shape and the values, to a few units in the last place."""
    if engine.array_type is not np.ndarray:
        assert isinstance(result, engine.array_type)
    reference = np.asarray(reference, dtype=float)
    assert tuple(result.shape) == reference.shape
    ulps = LOSSES[name].ulps
    # Terms of both signs cancel in the likelihoods.
    largest = np.max(np.abs(reference), initial=1.0, where=np.isfinite(reference))
    absolute = 0.0 if LOSSES[name].best is None else ulps * engine.eps(result) * largest
    np.testing.assert_allclose(
        engine.numpy(result),
        reference,
        rtol=ulps * engine.eps(result),
        atol=absolute,
        equal_nan=True,
    )


def operands(engine: Library, name: str) -> tuple[Any, Any]:
    prediction, target = LOSSES[name].operands()
    return engine.array(prediction), engine.array(target)


@every(LOSSES)
def test_definition(engine: Library, name: str) -> None:
    result = LOSSES[name].function(*operands(engine, name))
    close(engine, result, expected(name)[0], name)


@every(LOSSES)
def test_gradient_is_the_slope_of_the_definition(engine: Library, name: str) -> None:
    value, gradient = ml.value_and_grad(LOSSES[name].function)(*operands(engine, name))
    close(engine, value, expected(name)[0], name)
    close(engine, gradient, expected(name)[1], name)


@every(LOSSES)
def test_every_dtype_has_the_same_loss_of_the_same_numbers(engine: Library, name: str) -> None:
    loss = LOSSES[name]
    whole = tuple(np.ceil(each) for each in loss.operands())
    reference = engine.numpy(loss.function(*map(engine.array, whole)))
    for dtype in engine.dtypes:
        result = loss.function(*(engine.array(each, dtype) for each in whole))
        assert engine.eps(result) <= np.finfo(np.float32).eps
        rtol = loss.ulps * engine.eps(result)
        np.testing.assert_allclose(engine.numpy(result), reference, rtol=rtol, err_msg=dtype)


@every(MEANS)
@pytest.mark.parametrize("axis", [None, 0, (0, 1), ()], ids=str)
def test_single_precision_along_axes(engine: Library, name: str, axis: Any) -> None:
    single = [engine.array(each, "float32") for each in LOSSES[name].operands()]
    options = {"reduction": "none"} if axis == () else {"axis": axis}
    value, gradient = ml.value_and_grad(LOSSES[name].function)(*single, **options)
    reference, slopes = expected(name, axis=axis)
    assert engine.dtype_name(value) == engine.dtype_name(gradient) == "float32"
    rtol = LOSSES[name].ulps * engine.eps(value)
    np.testing.assert_allclose(engine.numpy(value), reference, rtol=rtol, atol=rtol)
    # The root of zero has no derivative, and here a gradient of zero.
    found = np.where(np.isfinite(slopes), engine.numpy(gradient), 0.0)
    np.testing.assert_allclose(found, np.nan_to_num(slopes, nan=0, posinf=0), rtol=rtol, atol=rtol)


@every(AVERAGES)
def test_numbers_without_axes(engine: Library, name: str) -> None:
    pairs = zip(*(each.ravel() for each in LOSSES[name].operands()), strict=True)
    references = zip(elements(name).ravel(), elements(name, 1).ravel(), strict=True)
    for (y, t), (value, slope) in zip(pairs, references, strict=True):
        found = ml.value_and_grad(LOSSES[name].function)(engine.array(y), engine.array(t))
        # A single element has no others that make up for its rounding.
        rtol = 4 * LOSSES[name].ulps * engine.eps(found[0])
        for result, reference in zip(found, (value, slope), strict=True):
            assert tuple(result.shape) == ()
            np.testing.assert_allclose(engine.numpy(result), reference, rtol=rtol, atol=rtol)


@every(LOSSES)
def test_perfect_prediction_has_no_loss_and_no_gradient(engine: Library, name: str) -> None:
    loss = LOSSES[name]
    _, target = loss.operands()
    best = loss.best_prediction(target)
    value, gradient = ml.value_and_grad(loss.function)(engine.array(best), engine.array(target))
    if loss.best is None:
        close(engine, value, 0.0)
    # The best prediction of a likelihood is rounded, and so is its gradient.
    tolerance = 0.0 if loss.best is None else 16 * engine.eps(value)
    np.testing.assert_allclose(engine.numpy(gradient), np.zeros(target.shape), atol=tolerance)


@every(LOSSES)
@pytest.mark.parametrize("direction", [-1, 1])
def test_moving_away_from_the_best_never_lowers_the_loss(
    engine: Library, name: str, direction: int
) -> None:
    loss = LOSSES[name]
    _, target = loss.operands()
    best = loss.best_prediction(target)
    # A prediction that has to be positive stays so.
    if np.all(best > 0):
        away = [best * 1.5 ** (direction * k) for k in range(4)]
    else:
        away = [best + direction * k / 2 for k in range(4)]
    values = [
        float(engine.numpy(loss.function(engine.array(each), engine.array(target))))
        for each in away
    ]
    assert all(near <= far for near, far in pairwise(values))
    assert values[0] < values[-1]


@every(LOSSES)
def test_weights_multiply(engine: Library, name: str) -> None:
    value, gradient = ml.value_and_grad(LOSSES[name].function)(
        *operands(engine, name), weight=engine.array(WEIGHT)
    )
    close(engine, value, expected(name, WEIGHT)[0], name)
    close(engine, gradient, expected(name, WEIGHT)[1], name)


@every(AVERAGES)
def test_sum_is_total_weight_times_mean(engine: Library, name: str) -> None:
    weight = engine.array(WEIGHT)
    function = AVERAGES[name].function
    total = function(*operands(engine, name), weight=weight, reduction="sum")
    mean = function(*operands(engine, name), weight=weight)
    close(engine, total, WEIGHT.sum() * engine.numpy(mean), name)


@every(LOSSES)
def test_order_of_elements_does_not_matter(engine: Library, name: str) -> None:
    prediction, target = LOSSES[name].operands()
    there = LOSSES[name].function(engine.array(prediction), engine.array(target))
    back = LOSSES[name].function(engine.array(prediction[::-1]), engine.array(target[::-1]))
    close(engine, back, engine.numpy(there), name)


@every(LOSSES)
@pytest.mark.parametrize("poison", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize("poisoned", ["prediction", "target", "weight"])
def test_masked_elements_reach_neither_value_nor_gradient(
    engine: Library, name: str, poison: float, poisoned: str
) -> None:
    prediction, target = LOSSES[name].operands()
    arrays = {"prediction": prediction, "target": target, "weight": WEIGHT}
    arrays[poisoned] = np.where(MASK, arrays[poisoned], poison)
    value, gradient = ml.value_and_grad(LOSSES[name].function)(
        **{role: engine.array(array) for role, array in arrays.items()},
        where=engine.array(MASK, "bool"),
    )
    close(engine, value, expected(name, WEIGHT * MASK)[0], name)
    close(engine, gradient, expected(name, WEIGHT * MASK)[1], name)


@every(LOSSES)
def test_nan_propagates(engine: Library, name: str) -> None:
    prediction, target = engine.array([1.0, np.nan]), engine.array([1.0, 0.5])
    for y, t in ((prediction, target), (target, prediction)):
        value, gradient = ml.value_and_grad(LOSSES[name].function)(y, t)
        assert np.isnan(engine.numpy(value))
        assert np.isnan(engine.numpy(gradient)[1])


# From here on, what the losses of a kind share.


@every(KINDS)
@pytest.mark.parametrize("axis", [0, -1, (0,), (1, 0), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True], ids=["", "keepdims"])
def test_axis_and_keepdims_follow_the_standard(
    engine: Library, name: str, axis: Any, keepdims: bool
) -> None:
    result = KINDS[name].function(*operands(engine, name), axis=axis, keepdims=keepdims)
    close(engine, result, expected(name, axis=axis, keepdims=keepdims)[0], name)


@every(KINDS)
@pytest.mark.parametrize("axis", [0, -1, (1, 0)], ids=str)
def test_axis_with_weights_equals_slice_by_slice(engine: Library, name: str, axis: Any) -> None:
    weight = WEIGHT[:, :1] + 1
    result, gradient = ml.value_and_grad(KINDS[name].function)(
        *operands(engine, name), weight=engine.array(weight), axis=axis
    )
    close(engine, result, expected(name, weight, axis)[0], name)
    close(engine, gradient, expected(name, weight, axis)[1], name)


@every({name: loss for name, loss in KINDS.items() if loss.reduction == "mean"})
def test_no_reduction_gives_the_elements(engine: Library, name: str) -> None:
    options = {"weight": engine.array(WEIGHT), "where": engine.array(MASK, "bool")}
    result = KINDS[name].function(*operands(engine, name), reduction="none", **options)
    weighted = np.where(MASK, WEIGHT * elements(name), 0.0)
    close(engine, result, weighted if name != "rmse" else np.sqrt(weighted), name)


@pytest.mark.parametrize("function", [ml.mse, ml.msle], ids=["mse", "msle"])
def test_half_halves_value_and_gradient(engine: Library, function: Any) -> None:
    both = engine.array(np.abs(PREDICTION)), engine.array(np.abs(TARGET))
    whole, whole_gradient = ml.value_and_grad(function)(*both)
    half, half_gradient = ml.value_and_grad(function)(*both, half=True)
    close(engine, half, engine.numpy(whole) / 2)
    close(engine, half_gradient, engine.numpy(whole_gradient) / 2)


@every(KINDS)
def test_mask_and_weights_of_size_one_stretch(engine: Library, name: str) -> None:
    result = KINDS[name].function(
        *operands(engine, name),
        weight=engine.array(WEIGHT[:1]),
        where=engine.array(MASK[:, :1], "bool"),
    )
    close(engine, result, expected(name, WEIGHT[:1] * MASK[:, :1])[0], name)


@every({name: loss for name, loss in KINDS.items() if loss.reduction == "mean"})
@pytest.mark.parametrize("empty", [float("nan"), 0.0, -1.0], ids=str)
def test_mean_of_nothing(engine: Library, name: str, empty: float) -> None:
    function = ml.value_and_grad(KINDS[name].function)
    nothing = engine.array(np.zeros((0, 3)))
    value, gradient = function(nothing, nothing, empty=empty)
    close(engine, value, empty)
    close(engine, gradient, np.zeros((0, 3)))
    value, gradient = function(
        *operands(engine, name), where=engine.array(MASK, "bool"), axis=1, empty=empty
    )
    some_value, some_gradient = expected(name, MASK, axis=1)
    counts = MASK.sum(axis=1)
    close(engine, value, np.where(counts == 0, empty, some_value), name)
    close(engine, gradient, np.where(counts[:, None] == 0, 0.0, some_gradient), name)


@every({name: KINDS[name] for name in ("mse", "rmse")})
def test_weights_that_sum_to_zero_are_a_mean_of_nothing(engine: Library, name: str) -> None:
    value, gradient = ml.value_and_grad(KINDS[name].function)(
        engine.array([1.0, 2.0]),
        engine.array([0.0, 0.0]),
        weight=engine.array([1.0, -1.0]),
        empty=7.0,
    )
    close(engine, value, 7.0)
    close(engine, gradient, [0.0, 0.0])


@every({name: KINDS[name] for name in ("mse", "rmse", "mae")})
def test_gradient_of_a_mean_of_nothing_is_zero_beside_nan(engine: Library, name: str) -> None:
    prediction = engine.array([[np.nan, 1.0], [2.0, 1.0]])
    weight = engine.array([[0.0, 1.0], [0.0, 1.0]])
    zeros = engine.array(np.zeros((2, 2)))
    value, gradient = ml.value_and_grad(KINDS[name].function)(
        prediction, zeros, weight=weight, axis=0, empty=0.0
    )
    close(engine, value, [0.0, 1.0])
    assert np.all(engine.numpy(gradient)[:, 0] == 0.0)


@every({name: KINDS[name] for name in ("mse", "mae", "huber")})
def test_weights_that_cancel_are_nothing(engine: Library, name: str) -> None:
    # 4 - 1 over 1 - 1 in the first column.
    prediction = engine.array([[2.0, 1.0], [1.0, 1.0]])
    weight = engine.array([[1.0, 1.0], [-1.0, 1.0]])
    zeros = engine.array(np.zeros((2, 2)))
    differentiated = ml.value_and_grad(KINDS[name].function)
    value, gradient = differentiated(prediction, zeros, weight=weight, axis=0)
    assert np.isnan(engine.numpy(value)).tolist() == [True, False]
    assert np.all(engine.numpy(gradient)[:, 0] == 0.0)
    column, zero = prediction[:, 0], zeros[:, 0]
    value, gradient = differentiated(column, zero, weight=weight[:, 0])
    assert np.isnan(engine.numpy(value))
    assert np.all(engine.numpy(gradient) == 0.0)
    value, _ = differentiated(column, zero, weight=weight[:, 0], empty=7.0)
    close(engine, value, 7.0)


def test_sum_of_nothing_is_zero(engine: Library) -> None:
    nothing = engine.array(np.zeros((3, 0)))
    close(engine, ml.sse(nothing, nothing), 0.0)
    close(engine, ml.sse(nothing, nothing, axis=1), np.zeros(3))
    close(engine, ml.mse(nothing, nothing, reduction="sum"), 0.0)
    close(engine, ml.minkowski(nothing, nothing), 0.0)


@every({name: KINDS[name] for name in ("mse", "sse", "rmse", "mae", "huber")})
def test_inf_propagates(engine: Library, name: str) -> None:
    prediction = engine.array([1.0, np.inf])
    close(engine, KINDS[name].function(prediction, engine.array([1.0, 0.0])), np.inf)
    assert np.isnan(engine.numpy(KINDS[name].function(prediction, prediction)))
