"""From the losses of the elements to the result: mean, sum or none, with weights, over axes.

Every result is made of two sums, Σ w·l and Σ w, which meet in one division at the very end.
"""

import math
from typing import Any, NamedTuple, get_args

from multiloss._typing import Array, Axis, Namespace, ReductionName

_NAMES: tuple[ReductionName, ...] = get_args(ReductionName)


class Reduction(NamedTuple):
    """How the losses of the elements become the result."""

    name: ReductionName
    axis: tuple[int, ...] | None  # not negative; None stands for all of them
    keepdims: bool
    scale: float  # multiplies the sum, not ``empty``
    empty: Any  # the mean of nothing: a number or a 0-d array


def checked_name(name: object, axis: Axis = None) -> ReductionName:
    """Return the name of a reduction, or raise ValueError if there is none of this name."""
    if not (isinstance(name, str) and name in _NAMES):
        allowed = ", ".join(map(repr, _NAMES))
        raise ValueError(f"reduction={name!r} is unknown; the reductions are {allowed}")
    if name == "none" and axis is not None:
        raise ValueError(f"reduction='none' reduces over no axis; leave out axis={axis!r}")
    return name


def checked_empty(empty: Any) -> Any:
    """Return the value of a mean of nothing, or raise ValueError if it is no number.

    An array or a traced value is taken as it is.
    """
    if isinstance(empty, (int, float)):
        return float(empty)  # a subclass may have a dtype, which would take part in promotion
    if not hasattr(empty, "dtype"):
        raise ValueError(f"empty={empty!r} is not a number; pass one, such as 0.0 or nan")
    return empty


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


def _quotient(xp: Namespace, numerator: Array, total: Array | int, empty: Any) -> Array:
    """Return numerator / total, and ``empty`` where the total is zero."""
    if isinstance(total, int):
        # A sum of nothing is 0, and 0 / 0 is NaN without asking whether the count is 0, which a
        # compiler may not know. To add to the sum keeps it in the graph of an autodiff engine.
        is_nan = isinstance(empty, float) and math.isnan(empty)
        return numerator / total if is_nan or total else numerator + empty
    nothing = total == 0
    # Both branches of where() are differentiated: the dropped one must not divide by zero.
    return xp.where(nothing, empty, numerator / xp.where(nothing, 1.0, total))
