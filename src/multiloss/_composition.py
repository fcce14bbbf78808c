"""The two losses that take more than one formula: they run one after another."""

from typing import Any, cast

from multiloss._evaluation import ValueAndGradient, unknown_option, unwrapped
from multiloss._formulas.absolute import absolute_error, absolute_target
from multiloss._formulas.direction import (
    difference_of_directions,
    length_of_prediction,
    length_of_target,
)
from multiloss._operands import admit
from multiloss._reduction import NAN, Reduction, as_dtype_of, checked_empty, drop_axes
from multiloss._selection import Operands, selected_weight
from multiloss._shapes import normalized_axis
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
        raise TypeError(unknown_option("wmape", unknown))
    empty = checked_empty(empty)
    given, with_gradient = unwrapped(prediction)
    engine, operands = admit(
        absolute_error, given, target, weight=weight, where=where, broadcast=broadcast
    )
    reduction = _sum_over(axis, operands)
    total = engine.value(absolute_target, operands, reduction)
    # A sum of errors, of which each element has the weight w / Σ w |t|.
    operands = operands._replace(weight=engine.compute(_shares, operands, total))
    way = engine.value_and_grad if with_gradient else engine.value
    result = way(absolute_error, operands, reduction)
    value, *gradient = result if with_gradient else (result,)
    reduction = reduction._replace(keepdims=keepdims)
    value = engine.compute(_replaced, value, total == 0, empty, reduction)
    return cast(ArrayT, ValueAndGradient(value, *gradient) if gradient else value)


def _shares(xp: Namespace, operands: Operands, total: Array) -> Array:
    weight = selected_weight(xp, operands)
    nothing = total == 0
    shares = (1.0 if weight is None else weight) / xp.where(nothing, 1.0, total)
    # A share of what has overflowed is not zero.
    return xp.where(nothing, 0.0, xp.where(total < xp.inf, shares, xp.nan))


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
        raise TypeError(unknown_option("cosine_distance", unknown))
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
    without = 1.0 + 0.0 * (lengths[0] + lengths[1])  # NaN if one of them is
    lengths = [engine.compute(_divisor, length, no_direction) for length in lengths]
    # A sum of squares, now that both lengths are known. Its gradient needs the sum itself.
    value = engine.value(formula, operands._replace(parameters=(*lengths, None)), reduction)
    gradient: list[Any] = []
    if with_gradient:
        operands = operands._replace(parameters=(*lengths, value))
        value, *gradient = engine.value_and_grad(formula, operands, reduction)
    reduction = reduction._replace(keepdims=keepdims)
    value = engine.compute(_replaced, value, no_direction, without, reduction)
    return cast(ArrayT, ValueAndGradient(value, *gradient) if gradient else value)


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
