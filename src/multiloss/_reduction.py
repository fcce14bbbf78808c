"""From the losses of the elements to the result: mean, sum or none, with weights, over axes.

Every result is made of two sums, Σ w·l and Σ w, which meet in one division at the very end. Sums
over parts of the elements can be added up.
"""

import math
from typing import Any, NamedTuple, TypeAlias, get_args

from multiloss._numbers import as_float
from multiloss._typing import Array, Axis, Namespace, ReductionName, Shape

_NAMES: tuple[ReductionName, ...] = get_args(ReductionName)

# The one NaN that is passed on, so that options which are equal compare as equal.
NAN = math.nan

Axes: TypeAlias = tuple[int, ...] | None


class Reduction(NamedTuple):
    """How the losses of the elements become the result."""

    name: ReductionName
    axis: Axes  # not negative; None stands for all of them
    keepdims: bool
    scale: float  # multiplies the sum, not ``empty``
    empty: Any  # the mean of nothing: a number or a 0-d array

    def ending(self, empty: Any, *, keepdims: bool) -> "Reduction":
        """Return the reduction with another end, field by field as in Operands.changed()."""
        return Reduction(self.name, self.axis, keepdims, self.scale, empty)


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
        # As a plain float: a subclass may have a dtype, which would take part in promotion.
        # Compared with itself, since a compiler that traces numbers does not follow math.isnan().
        return NAN if empty != empty else as_float("empty", empty) + 0.0  # noqa: PLR0124
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
    axis, keepdims = reduction.axis, reduction.keepdims
    weighted_sum = xp.sum(values, axis=axis, keepdims=keepdims)
    if reduction.name == "sum":
        return _scaled(weighted_sum, reduction.scale)
    total = total_weight(xp, values, weight, axis, keepdims=keepdims)
    return finish(xp, weighted_sum, total, reduction)


def reduce_slopes(
    xp: Namespace, slopes: Array, weight: Array | None, reduction: Reduction, slope_scale: float
) -> Array:
    """Return the gradient of the result (of the sum of its elements), given the slopes."""
    if weight is not None:
        # Slopes may be complex where weights are not.
        weight = as_dtype_of(xp, weight, slopes)
        slopes = slopes * weight
    if reduction.name == "mean":
        total = total_weight(xp, slopes, weight, reduction.axis, keepdims=True)
        slopes = quotient(xp, slopes, total, 0.0)
    # After the division, which the largest residuals have to pass before they are doubled.
    return _scaled(slopes, slope_scale * reduction.scale)


def finish(xp: Namespace, weighted_sum: Array, total: Array | int, reduction: Reduction) -> Array:
    """Return the result, given Σ w·l and, for a mean, Σ w."""
    weighted_sum = _scaled(weighted_sum, reduction.scale)
    if reduction.name == "mean":
        return quotient(xp, weighted_sum, total, reduction.empty)
    return weighted_sum


def or_empty(
    xp: Namespace, mean: Array, values: Array, weight: Array | None, reduction: Reduction
) -> Array:
    """Return a mean that kept its axes, with ``empty`` where it is one of nothing."""
    total = total_weight(xp, values, weight, reduction.axis, keepdims=True)
    if isinstance(total, int):
        if reduction.empty is NAN or total:
            return mean
        return as_dtype_of(xp, xp.zeros_like(mean) + reduction.empty, mean)
    return as_dtype_of(xp, xp.where(total == 0, reduction.empty, mean), mean)


def drop_axes(xp: Namespace, kept: Array, reduction: Reduction) -> Array:
    """Return a result that kept its axes without those that the caller does not want."""
    if reduction.name == "none" or reduction.keepdims:
        return kept
    axis = tuple(range(kept.ndim)) if reduction.axis is None else reduction.axis
    return xp.squeeze(kept, axis=axis)


def slope_factor(xp: Namespace, total: Array | int, reduction: Reduction) -> Array | float:
    """Return what a weighted slope is multiplied with in the gradient, given Σ w of a mean."""
    if reduction.name != "mean":
        return reduction.scale
    return quotient(xp, reduction.scale, total, 0.0)


def total_weight(
    xp: Namespace, values: Array, weight: Array | None, axis: Axes, *, keepdims: bool
) -> Array | int:
    """Return Σ w, as a whole number where it is a count that the shape tells."""
    # A lazy engine may have nan, None or a symbol where it does not know the size yet.
    if not all(isinstance(size, int) for size in values.shape):
        ones = xp.ones_like(values)
        return xp.sum(ones if weight is None else weight * ones, axis=axis, keepdims=keepdims)
    if weight is not None:
        return stretched_sum(xp, weight, values.shape, axis, keepdims=keepdims)
    return count(values.shape, axis)


def stretched_sum(
    xp: Namespace, weight: Array, shape: Shape, axis: Axes, *, keepdims: bool
) -> Array:
    """Return the sum of weights as if they were stretched to a shape.

    They are multiplied instead: faster, and exact, where some engines lose digits in repeated
    terms.
    """
    axes = range(len(shape)) if axis is None else axis
    stretch = math.prod([shape[each] for each in axes if weight.shape[each] == 1])
    total = xp.sum(weight, axis=axis, keepdims=keepdims)
    return total if stretch == 1 else total * stretch


def count(shape: Shape, axis: Axes) -> int:
    """Return how many elements are reduced to one."""
    return math.prod(shape if axis is None else [shape[each] for each in axis])


def _scaled(array: Array, scale: float) -> Array:
    return array if scale == 1.0 else scale * array


def quotient(
    xp: Namespace, numerator: Array | float, total: Array | int, empty: Any
) -> Array | float:
    """Return numerator / total, and ``empty`` where the total is zero."""
    if isinstance(total, int):
        # A sum of nothing is 0, and 0 / 0 is NaN without asking whether the count is 0, which a
        # compiler may not know. To add to the sum keeps it in the graph of an autodiff engine.
        if empty is NAN or total:
            return numerator / total
        return as_dtype_of(xp, numerator + empty, numerator)
    nothing = total == 0
    # Both branches of where() are differentiated: the dropped one must not divide by zero.
    quotient = numerator / xp.where(nothing, 1.0, total)
    return as_dtype_of(xp, xp.where(nothing, empty, quotient), quotient)


def as_dtype_of(xp: Namespace, array: Array, other: Array) -> Array:
    """Return an array in the dtype of another."""
    return array if array.dtype == other.dtype else xp.astype(array, other.dtype)
