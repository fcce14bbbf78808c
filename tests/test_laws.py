"""What holds for every loss, on every engine, whatever its formula."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Engine
from losses import LOSSES, Loss

losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
means = pytest.mark.parametrize(
    "loss",
    [pytest.param(each, id=name) for name, each in LOSSES.items() if each.reduction == "mean"],
)

# Every number is exact in float32, so the only rounding is that of the loss.
PREDICTION = np.array([[0.5, -1.25, 3.0], [2.0, 0.0, -0.75], [1.5, 4.0, -2.0], [0.25, 1.0, 8.0]])
TARGET = np.array([[1.0, -1.0, 2.5], [2.0, -3.0, 0.75], [-1.5, 4.5, 0.0], [0.125, 1.0, -8.0]])
WEIGHT = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0], [0.25, 1.0, 1.0], [2.0, 2.0, 4.0]])
MASK = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=bool)


def exact(
    loss: Loss, prediction: Any, target: Any, weight: Any | None = None, reduction: str = ""
) -> Fraction:
    """Return the loss of flat operands by its definition, in rational arithmetic."""
    weights = [Fraction(1)] * len(prediction) if weight is None else [*map(Fraction, weight)]
    terms = [
        w * loss.value(Fraction(y), Fraction(t))
        for w, y, t in zip(weights, prediction, target, strict=True)
    ]
    total = sum(weights) if (reduction or loss.reduction) == "mean" else 1
    return loss.scale * sum(terms) / total


def elements(loss: Loss) -> Any:
    """Return the losses of the elements by the definition, in rational arithmetic."""
    return _by_element(loss, loss.value)


def slopes(loss: Loss) -> Any:
    """Return the slopes of the elements by the definition, in rational arithmetic."""
    return _by_element(loss, loss.slope)


def _by_element(loss: Loss, function: Any) -> Any:
    values = [
        float(loss.scale * function(Fraction(y), Fraction(t)))
        for y, t in zip(PREDICTION.ravel(), TARGET.ravel(), strict=True)
    ]
    return np.reshape(values, PREDICTION.shape)


def close(engine: Engine, result: Any, expected: Any) -> None:
    """Check the engine, the shape and the values, to a few units in the last place."""
    if engine.array_type is not np.ndarray:
        assert isinstance(result, engine.array_type)
    expected = np.asarray(expected, dtype=float)
    assert tuple(result.shape) == expected.shape
    np.testing.assert_allclose(
        engine.numpy(result), expected, rtol=8 * engine.eps(result), atol=0, equal_nan=True
    )


@losses
def test_definition(engine: Engine, loss: Loss) -> None:
    result = loss.function(engine.array(PREDICTION), engine.array(TARGET))
    close(engine, result, float(exact(loss, PREDICTION.ravel(), TARGET.ravel())))


@losses
def test_gradient_is_the_slope_of_the_definition(engine: Engine, loss: Loss) -> None:
    value, gradient = ml.value_and_grad(loss.function)(
        engine.array(PREDICTION), engine.array(TARGET)
    )
    close(engine, value, float(exact(loss, PREDICTION.ravel(), TARGET.ravel())))
    total = PREDICTION.size if loss.reduction == "mean" else 1
    close(engine, gradient, slopes(loss) / total)


@losses
def test_slope_of_the_table_is_the_difference_quotient_of_its_value(loss: Loss) -> None:
    # Guards the table itself: central differences in exact arithmetic, step 2⁻³⁰.
    step = Fraction(1, 2**30)
    for y, t in zip(map(Fraction, PREDICTION.ravel()), map(Fraction, TARGET.ravel()), strict=True):
        quotient = (loss.value(y + step, t) - loss.value(y - step, t)) / (2 * step)
        assert abs(quotient - loss.slope(y, t)) <= Fraction(1, 2**20)


@losses
def test_perfect_prediction_has_zero_loss_and_gradient(engine: Engine, loss: Loss) -> None:
    value, gradient = ml.value_and_grad(loss.function)(engine.array(TARGET), engine.array(TARGET))
    close(engine, value, 0.0)
    close(engine, gradient, np.zeros(TARGET.shape))


@losses
@pytest.mark.parametrize("step", [-0.5, 0.5])
def test_moving_away_from_the_target_never_lowers_the_loss(
    engine: Engine, loss: Loss, step: float
) -> None:
    values = [
        float(engine.numpy(loss.function(engine.array(TARGET + k * step), engine.array(TARGET))))
        for k in range(4)
    ]
    assert all(near < far for near, far in pairwise(values))


@losses
def test_weights_multiply(engine: Engine, loss: Loss) -> None:
    result = loss.function(
        engine.array(PREDICTION), engine.array(TARGET), weight=engine.array(WEIGHT)
    )
    close(engine, result, float(exact(loss, PREDICTION.ravel(), TARGET.ravel(), WEIGHT.ravel())))


@losses
def test_whole_weights_repeat_elements(engine: Engine, loss: Loss) -> None:
    counts = [2, 0, 1]
    weighted = loss.function(
        engine.array(PREDICTION[0]), engine.array(TARGET[0]), weight=engine.array(counts, "int64")
    )
    repeated = loss.function(
        engine.array(PREDICTION[0].repeat(counts)), engine.array(TARGET[0].repeat(counts))
    )
    close(engine, weighted, engine.numpy(repeated))


@losses
def test_weighted_gradient(engine: Engine, loss: Loss) -> None:
    _, gradient = ml.value_and_grad(loss.function)(
        engine.array(PREDICTION), engine.array(TARGET), weight=engine.array(WEIGHT)
    )
    total = WEIGHT.sum() if loss.reduction == "mean" else 1.0
    close(engine, gradient, WEIGHT * slopes(loss) / total)


@means
def test_sum_is_total_weight_times_mean(engine: Engine, loss: Loss) -> None:
    operands = engine.array(PREDICTION), engine.array(TARGET)
    weight = engine.array(WEIGHT)
    total = loss.function(*operands, weight=weight, reduction="sum")
    mean = loss.function(*operands, weight=weight)
    close(engine, total, WEIGHT.sum() * engine.numpy(mean))


@losses
def test_order_of_elements_does_not_matter(engine: Engine, loss: Loss) -> None:
    there = loss.function(engine.array(PREDICTION), engine.array(TARGET))
    back = loss.function(engine.array(PREDICTION[::-1]), engine.array(TARGET[::-1]))
    close(engine, back, engine.numpy(there))


@losses
@pytest.mark.parametrize("axis", [0, -1, (0,), (1, 0), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True], ids=["", "keepdims"])
def test_axis_and_keepdims_follow_the_standard(
    engine: Engine, loss: Loss, axis: Any, keepdims: bool
) -> None:
    result = loss.function(
        engine.array(PREDICTION), engine.array(TARGET), axis=axis, keepdims=keepdims
    )
    reduce = np.mean if loss.reduction == "mean" else np.sum
    close(engine, result, reduce(elements(loss), axis=axis, keepdims=keepdims))


@losses
@pytest.mark.parametrize("axis", [0, -1, (1, 0)], ids=str)
def test_axis_with_weights_equals_slice_by_slice(engine: Engine, loss: Loss, axis: Any) -> None:
    result, gradient = ml.value_and_grad(loss.function)(
        engine.array(PREDICTION),
        engine.array(TARGET),
        weight=engine.array(WEIGHT[:, :1] + 1),
        axis=axis,
    )
    weight = np.broadcast_to(WEIGHT[:, :1] + 1, PREDICTION.shape)
    totals = np.sum(weight, axis=axis, keepdims=True) if loss.reduction == "mean" else 1.0
    close(engine, result, np.sum(weight * elements(loss) / totals, axis=axis))
    close(engine, gradient, weight * slopes(loss) / totals)


@means
def test_no_reduction_gives_the_elements(engine: Engine, loss: Loss) -> None:
    options = {"weight": engine.array(WEIGHT), "where": engine.array(MASK, "bool")}
    result = loss.function(
        engine.array(PREDICTION), engine.array(TARGET), reduction="none", **options
    )
    close(engine, result, np.where(MASK, WEIGHT * elements(loss), 0.0))


@means
def test_half_halves_value_and_gradient(engine: Engine, loss: Loss) -> None:
    operands = engine.array(PREDICTION), engine.array(TARGET)
    whole, whole_gradient = ml.value_and_grad(loss.function)(*operands)
    half, half_gradient = ml.value_and_grad(loss.function)(*operands, half=True)
    close(engine, half, engine.numpy(whole) / 2)
    close(engine, half_gradient, engine.numpy(whole_gradient) / 2)


@losses
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("poisoned", ["prediction", "target", "weight"])
def test_masked_elements_reach_neither_value_nor_gradient(
    engine: Engine, loss: Loss, poison: float, poisoned: str
) -> None:
    arrays = {"prediction": PREDICTION, "target": TARGET, "weight": WEIGHT}
    arrays[poisoned] = np.where(MASK, arrays[poisoned], poison)
    value, gradient = ml.value_and_grad(loss.function)(
        **{role: engine.array(array) for role, array in arrays.items()},
        where=engine.array(MASK, "bool"),
    )
    kept = PREDICTION[MASK], TARGET[MASK], WEIGHT[MASK]
    close(engine, value, float(exact(loss, *kept)))
    total = WEIGHT[MASK].sum() if loss.reduction == "mean" else 1.0
    close(engine, gradient, np.where(MASK, slopes(loss) * WEIGHT / total, 0.0))


@losses
def test_mask_and_weights_of_size_one_stretch(engine: Engine, loss: Loss) -> None:
    result = loss.function(
        engine.array(PREDICTION),
        engine.array(TARGET),
        weight=engine.array(WEIGHT[:1]),
        where=engine.array(MASK[:, :1], "bool"),
    )
    weight = np.broadcast_to(WEIGHT[:1], PREDICTION.shape) * MASK[:, :1]
    expected = exact(loss, PREDICTION.ravel(), TARGET.ravel(), weight.ravel())
    close(engine, result, float(expected))


@means
@pytest.mark.parametrize("empty", [float("nan"), 0.0, -1.0], ids=str)
def test_mean_of_nothing(engine: Engine, loss: Loss, empty: float) -> None:
    nothing = engine.array(np.zeros((0, 3)))
    value, gradient = ml.value_and_grad(loss.function)(nothing, nothing, empty=empty)
    close(engine, value, empty)
    close(engine, gradient, np.zeros((0, 3)))
    value, gradient = ml.value_and_grad(loss.function)(
        engine.array(PREDICTION),
        engine.array(TARGET),
        where=engine.array(MASK, "bool"),
        axis=1,
        empty=empty,
    )
    counts = MASK.sum(axis=1)
    means = np.where(MASK, elements(loss), 0.0).sum(axis=1) / np.maximum(counts, 1)
    close(engine, value, np.where(counts == 0, empty, means))
    close(engine, gradient, np.where(MASK, slopes(loss), 0.0) / np.maximum(counts, 1)[:, None])


def test_weights_that_sum_to_zero_are_a_mean_of_nothing(engine: Engine) -> None:
    value, gradient = ml.value_and_grad(ml.mse)(
        engine.array([1.0, 2.0]),
        engine.array([0.0, 0.0]),
        weight=engine.array([1.0, -1.0]),
        empty=7.0,
    )
    close(engine, value, 7.0)
    close(engine, gradient, [0.0, 0.0])


def test_sum_of_nothing_is_zero(engine: Engine) -> None:
    nothing = engine.array(np.zeros((3, 0)))
    close(engine, ml.sse(nothing, nothing), 0.0)
    close(engine, ml.sse(nothing, nothing, axis=1), np.zeros(3))
    close(engine, ml.mse(nothing, nothing, reduction="sum"), 0.0)


@losses
@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
def test_nan_and_inf_propagate(engine: Engine, loss: Loss, bad: float) -> None:
    prediction = engine.array([1.0, bad])
    close(engine, loss.function(prediction, engine.array([1.0, 0.0])), bad)
    same = loss.function(prediction, prediction)
    assert np.isnan(engine.numpy(same))


@losses
def test_inputs_are_never_modified(engine: Engine, loss: Loss) -> None:
    arrays = {
        "prediction": engine.array(PREDICTION),
        "target": engine.array(TARGET),
        "weight": engine.array(WEIGHT),
        "where": engine.array(MASK, "bool"),
    }
    ml.value_and_grad(loss.function)(**arrays)
    for role, before in zip(arrays, (PREDICTION, TARGET, WEIGHT, MASK), strict=True):
        np.testing.assert_array_equal(engine.numpy(arrays[role]), before)
