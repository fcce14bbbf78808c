"""From the losses of the elements to the result: mean, sum or none, with weights, over axes.

Every result is made of two sums, Σ w·l and Σ w, which meet in one division at the very end.
"""

import math
from typing import NamedTuple

from multiloss._typing import Array, Namespace, ReductionName


class Reduction(NamedTuple):
    """How the losses of the elements become the result."""

    name: ReductionName
    axis: tuple[int, ...] | None  # not negative; None stands for all of them
    keepdims: bool
    scale: float  # multiplies the result
    empty: float  # the mean of nothing


def reduce_values(
    xp: Namespace, values: Array, weight: Array | None, reduction: Reduction
) -> Array:
    """Return the result, given the losses of the elements."""
    if weight is not None:
        values = values * weight
    if reduction.name == "none":
        return _scaled(values, reduction.scale)
    weighted_sum = xp.sum(values, axis=reduction.axis, keepdims=reduction.keepdims)
    if reduction.name == "sum":
        return _scaled(weighted_sum, reduction.scale)
    total = _total_weight(xp, values, weight, reduction.axis, keepdims=reduction.keepdims)
    return _quotient(xp, _scaled(weighted_sum, reduction.scale), total, reduction.empty)


def reduce_slopes(
    xp: Namespace, slopes: Array, weight: Array | None, reduction: Reduction
) -> Array:
    """Return the gradient of the result (of the sum of its elements), given the slopes."""
    slopes = _scaled(slopes if weight is None else slopes * weight, reduction.scale)
    if reduction.name != "mean":
        return slopes
    total = _total_weight(xp, slopes, weight, reduction.axis, keepdims=True)
    return _quotient(xp, slopes, total, 0.0)


def _scaled(array: Array, scale: float) -> Array:
    return array if scale == 1.0 else scale * array


def _total_weight(
    xp: Namespace,
    values: Array,
    weight: Array | None,
    axis: tuple[int, ...] | None,
    *,
    keepdims: bool,
) -> Array | int:
    """Return Σ w, as a whole number where it is a count that the shape tells."""
    # A lazy engine may have nan, None or a symbol where it does not know the size yet.
    if not all(isinstance(size, int) for size in values.shape):
        ones = xp.ones_like(values)
        return xp.sum(ones if weight is None else weight * ones, axis=axis, keepdims=keepdims)
    if weight is not None:
        return xp.sum(xp.broadcast_to(weight, values.shape), axis=axis, keepdims=keepdims)
    return math.prod(values.shape if axis is None else [values.shape[each] for each in axis])


def _quotient(xp: Namespace, numerator: Array, total: Array | int, empty: float) -> Array:
    """Return numerator / total, and ``empty`` where the total is zero."""
    if isinstance(total, int):
        # A sum over no elements is 0, and adding to it keeps it in the graph of an autodiff engine.
        return numerator / total if total else numerator + empty
    nothing = total == 0
    # Both branches of where() are differentiated: the dropped one must not divide by zero.
    return xp.where(nothing, empty, numerator / xp.where(nothing, 1.0, total))
