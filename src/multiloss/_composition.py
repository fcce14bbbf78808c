"""The losses that are no sum over elements: they run one formula after another."""

from typing import Any, NamedTuple, cast

from multiloss._engines import Engine
from multiloss._evaluation import Differentiated, ValueAndGradient, unknown_option
from multiloss._formulas.absolute import absolute_error, absolute_target
from multiloss._formulas.direction import (
    difference_of_directions,
    length_of_prediction,
    length_of_target,
)
from multiloss._formulas.formula import Formula
from multiloss._operands import admit
from multiloss._reduction import NAN, Reduction, as_dtype_of, checked_empty, drop_axes
from multiloss._selection import Operands, selected_weight
from multiloss._shapes import normalized_axis
from multiloss._typing import Array, ArrayT, Axis, Namespace, Operand

_OPTIONS = ("weight", "where", "axis", "keepdims", "broadcast")


def evaluate_share(
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
        raise TypeError(unknown_option("wmape", unknown, (*_OPTIONS, "empty")))
    empty = checked_empty(empty)
    run = _Run.of(prediction)
    engine, operands = admit(
        absolute_error, run.prediction, target, weight=weight, where=where, broadcast=broadcast
    )
    sum_over = _sum_over(axis, operands)
    total = engine.value(absolute_target, operands, sum_over)
    # A sum of errors, of which each element has the weight w / Σ w |t|.
    operands = operands._replace(weight=engine.compute(_shares, operands, total))
    result = run(engine, absolute_error, operands, sum_over)
    wanted = sum_over._replace(keepdims=keepdims)
    return cast(ArrayT, run.finished(engine, result, total == 0, empty, wanted))


def _shares(xp: Namespace, operands: Operands, total: Array) -> Array:
    weight = selected_weight(xp, operands)
    nothing = total == 0
    shares = (1.0 if weight is None else weight) / xp.where(nothing, 1.0, total)
    # A share of what has overflowed is not zero.
    return xp.where(nothing, 0.0, xp.where(total < xp.inf, shares, xp.nan))


def evaluate_angle(
    prediction: ArrayT,
    target: Operand,
    *,
    weight: Operand | None = None,
    where: Operand | None = None,
    axis: Axis = -1,
    keepdims: bool = False,
    broadcast: bool = False,
    **unknown: object,
) -> ArrayT:
    """Return 1 - cos(y, t) of vectors, and 1 where one of them is zero."""
    if unknown:
        raise TypeError(unknown_option("cosine_distance", unknown, _OPTIONS))
    formula = difference_of_directions
    run = _Run.of(prediction)
    engine, operands = admit(
        formula, run.prediction, target, weight=weight, where=where, broadcast=broadcast
    )
    sum_over = _sum_over(axis, operands)
    lengths = [
        engine.value(each, operands, sum_over) for each in (length_of_prediction, length_of_target)
    ]
    no_direction = (lengths[0] == 0) | (lengths[1] == 0)
    without = 1.0 + 0.0 * (lengths[0] + lengths[1])  # NaN if one of them is
    lengths = [engine.compute(_divisor, length, no_direction) for length in lengths]
    # A sum of squares, now that both lengths are known. Its gradient needs the sum itself.
    distance = engine.value(formula, operands._replace(parameters=(*lengths, 0.0)), sum_over)
    operands = operands._replace(parameters=(*lengths, distance))
    result = run(engine, formula, operands, sum_over) if run.is_differentiated else distance
    wanted = sum_over._replace(keepdims=keepdims)
    return cast(ArrayT, run.finished(engine, result, no_direction, without, wanted))


def _divisor(xp: Namespace, length: Array, no_direction: Array) -> Array:
    # Divided by infinity, both vectors are zero, and so is the gradient.
    return xp.where(no_direction, xp.inf, length)


def _sum_over(axis: Axis, operands: Operands) -> Reduction:
    axes = normalized_axis(axis, len(operands.shape))
    return Reduction("sum", axes, keepdims=True, scale=1.0, empty=NAN)


class _Run(NamedTuple):
    """How to run a formula: with its gradient, where value_and_grad() asks for it."""

    prediction: Operand
    is_differentiated: bool

    @classmethod
    def of(cls, prediction: Operand) -> "_Run":
        if isinstance(prediction, Differentiated):
            return cls(prediction.prediction, is_differentiated=True)
        return cls(prediction, is_differentiated=False)

    def __call__(
        self, engine: Engine, formula: Formula, operands: Operands, reduction: Reduction
    ) -> Any:
        way = engine.value_and_grad if self.is_differentiated else engine.value
        return way(formula, operands, reduction)

    def finished(
        self, engine: Engine, result: Any, exceptional: Array, instead: Any, reduction: Reduction
    ) -> Any:
        """Return the result with another value in some places, without the axes it has kept."""
        value, *gradient = result if self.is_differentiated else (result,)
        value = engine.compute(_finished, value, exceptional, instead, reduction)
        return ValueAndGradient(value, *gradient) if gradient else value


def _finished(
    xp: Namespace, value: Array, exceptional: Array, instead: Any, reduction: Reduction
) -> Array:
    result = as_dtype_of(xp, xp.where(exceptional, instead, value), value)
    return drop_axes(xp, result, reduction)
