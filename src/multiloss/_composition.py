"""The two losses that take more than one formula: they run one after another."""

from typing import Any, cast

from multiloss._engines._plain import sum_to_shape
from multiloss._evaluation import ValueAndGradient, unwrapped
from multiloss._formulas.absolute import absolute_error, absolute_target
from multiloss._formulas.direction import (
    difference_of_directions,
    length_of_prediction,
    length_of_target,
)
from multiloss._operands import admit, rounded_to
from multiloss._options import unknown_option
from multiloss._reduction import (
    NAN,
    Reduction,
    as_dtype_of,
    checked_empty,
    drop_axes,
    quotient,
)
from multiloss._selection import Operands
from multiloss._shapes import equal_shapes, normalized_axis
from multiloss._typing import Array, ArrayT, Axis, Namespace, Operand


def evaluate_wmape(
    prediction: ArrayT,
    target: Operand,
    *,
    weight: Operand | None = None,
    where: Operand | None = None,
    axis: Axis = None,
    keepdims: bool = False,
    broadcast: bool = False,
    empty: Operand = NAN,
    **unknown: object,
) -> ArrayT:
    """Return Σ w |y - t| / Σ w |t|, and ``empty`` where there is nothing below the line."""
    if unknown:
        raise TypeError(unknown_option(absolute_target, unknown))
    given, with_gradient = unwrapped(prediction)
    engine, operands = admit(
        absolute_error, given, target, weight=weight, where=where, broadcast=broadcast
    )
    reduction = _sum_over(axis, operands)
    total = engine.value(absolute_target, operands, reduction)
    empty = rounded_to(engine, "empty", checked_empty(empty), operands.real_dtype)
    share = reduction.ending(empty, keepdims=keepdims)
    if not with_gradient:
        errors = engine.value(absolute_error, operands, reduction)
        return cast(ArrayT, engine.compute(_share, errors, total, share))
    # In the shape and the dtype of the loss until it has been divided.
    full = operands.changed(
        prediction=engine.compute(_full_prediction, operands), gradient_dtype=operands.dtype
    )
    errors, slopes = engine.value_and_grad(absolute_error, full, reduction)
    value = engine.compute(_share, errors, total, share)
    gradient = engine.compute(_share_gradient, slopes, total, operands)
    return cast(ArrayT, ValueAndGradient(value, gradient))


def _full_prediction(xp: Namespace, operands: Operands) -> Array:
    """Return the prediction in the shape of the loss."""
    prediction, shape = operands.prediction, operands.shape
    if equal_shapes(prediction.shape, shape):
        return prediction
    return xp.broadcast_to(prediction, shape)


def _share(xp: Namespace, errors: Array, total: Array, reduction: Reduction) -> Array:
    share = quotient(xp, errors, total, reduction.empty)
    # A share of what has overflowed is not zero.
    share = xp.where(total < xp.inf, share, xp.nan)
    return drop_axes(xp, share, reduction)


def _share_gradient(xp: Namespace, slopes: Array, total: Array, operands: Operands) -> Array:
    gradient = quotient(xp, slopes, total, 0.0)
    gradient = xp.where(total < xp.inf, gradient, xp.nan)
    gradient = sum_to_shape(xp, gradient, operands.prediction.shape)
    # As an array: a 0-d result may be a scalar, which astype() refuses.
    return xp.astype(gradient[...], operands.gradient_dtype, copy=False)


def evaluate_cosine_distance(
    prediction: ArrayT,
    target: Operand,
    *,
    axis: Axis,
    weight: Operand | None = None,
    where: Operand | None = None,
    keepdims: bool = False,
    broadcast: bool = False,
    **unknown: object,
) -> ArrayT:
    """Return 1 - cos(y, t) of vectors, and 1 where one of them is zero."""
    if unknown:
        raise TypeError(unknown_option(difference_of_directions, unknown))
    given, with_gradient = unwrapped(prediction)
    formula = difference_of_directions
    engine, operands = admit(
        formula, given, target, weight=weight, where=where, broadcast=broadcast
    )
    reduction = _sum_over(axis, operands)
    lengths = [
        engine.value(each, operands, reduction) for each in (length_of_prediction, length_of_target)
    ]
    no_direction = (lengths[0] == 0) | (lengths[1] == 0)
    without = engine.compute(_without_direction, *lengths)
    lengths = [engine.compute(_divisor, length, no_direction) for length in lengths]
    # A sum of squares, now that both lengths are known. Its gradient needs the sum itself, in the
    # place of which the value, which does not look at it, gets a length.
    unused = lengths[0]
    value = engine.value(formula, operands.changed(parameters=(*lengths, unused)), reduction)
    gradient: list[Any] = []
    if with_gradient:
        operands = operands.changed(parameters=(*lengths, value))
        value, *gradient = engine.value_and_grad(formula, operands, reduction)
    reduction = reduction.ending(NAN, keepdims=keepdims)
    value = engine.compute(_replaced, value, no_direction, without, reduction)
    return cast(ArrayT, ValueAndGradient(value, *gradient) if gradient else value)


def _without_direction(_: Namespace, first: Array, second: Array) -> Array:
    """Return 1, the distance of a vector without a direction, and NaN if a length is."""
    return 1.0 + 0.0 * (first + second)


def _divisor(xp: Namespace, length: Array, no_direction: Array) -> Array:
    # Divided by infinity, both vectors are zero, and so is the gradient.
    return xp.where(no_direction, xp.inf, length)


def _sum_over(axis: Axis, operands: Operands) -> Reduction:
    axes = normalized_axis(axis, len(operands.shape))
    return Reduction("sum", axes, keepdims=True, scale=1.0, empty=NAN)


def _replaced(
    xp: Namespace, value: Array, exceptional: Array, instead: Any, reduction: Reduction
) -> Array:
    """Return a value with another in some places, without the axes that it has kept."""
    result = as_dtype_of(xp, xp.where(exceptional, instead, value), value)
    return drop_axes(xp, result, reduction)
