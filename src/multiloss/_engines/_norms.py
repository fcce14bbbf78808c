"""Losses that are norms: (Σ w |r|^p / Σ w)^(1/p), or the root of the sum alone.

The powers overflow and underflow long before the norm does, so the residuals are measured in a
unit of about the size of the largest. An eager way may go without the unit and check the result.
"""

from functools import lru_cache

from multiloss._formulas.formula import Formula, slope_of
from multiloss._formulas.squared import squared_error
from multiloss._reduction import (
    NAN,
    Reduction,
    as_dtype_of,
    drop_axes,
    or_empty,
    reduce_slopes,
    reduce_values,
)
from multiloss._selection import Selected
from multiloss._typing import Array, DType, Namespace, Parameter

# The logarithm of a power that overflows in no dtype.
_LARGEST_LOG2 = 60.0


def norm(xp: Namespace, formula: Formula, selected: Selected, reduction: Reduction) -> Array:
    """Return the loss."""
    return _norm(xp, formula, selected, reduction)[0]


def norm_and_grad(
    xp: Namespace, formula: Formula, selected: Selected, reduction: Reduction
) -> tuple[Array, Array]:
    """Return the loss, and its gradient in the shape of the loss before the reduction."""
    value, residual, mean = _norm(xp, formula, selected, reduction)
    power = _power_of_residual(formula)
    prediction, target, parameters, weight = selected
    slopes = slope_of(power)(xp, residual, 0.0, *parameters)
    gradient = reduce_slopes(xp, slopes, weight, reduction, power.slope_scale)
    factor = root_slope(xp, mean, exponent_of(parameters))
    gradient = gradient * as_dtype_of(xp, factor, gradient)
    if formula.residual_slope is not None:
        gradient = gradient * formula.residual_slope(xp, prediction, target)
    return value, gradient


def exponent_of(parameters: tuple[Parameter, ...]) -> Parameter:
    """Return p: the only parameter that a norm may have, or else 2."""
    return parameters[0] if parameters else 2.0


def root(xp: Namespace, mean: Array, exponent: Parameter) -> Array:
    """Return the p-th root of a mean, of which the gradient is zero where it is zero."""
    nothing = mean == 0
    return xp.where(nothing, mean, bare_root(xp, xp.where(nothing, 1.0, mean), exponent))


def bare_root(xp: Namespace, mean: Array, exponent: Parameter) -> Array:
    """Return the p-th root of a mean that is not zero."""
    return xp.sqrt(mean) if _is_two(exponent) else mean ** (1 / exponent)


def _is_two(exponent: Parameter) -> bool:
    return isinstance(exponent, float) and exponent == 2.0  # noqa: PLR2004  as its name says


def root_if_safe(xp: Namespace, mean: Array, exponent: Parameter) -> Array | None:
    """Return the p-th root of an eager mean, unless powers may have overflowed or vanished.

    The powers that count for something are all between the square roots of the smallest and of the
    largest number, if the norm is. None for an exponent that is an array, and may be tracked.
    """
    if not isinstance(exponent, float):
        return None
    result = bare_root(xp, mean, exponent)
    low, high = _safe_range(xp, result.dtype, exponent)
    if result.ndim == 0:
        is_safe = low < float(result) < high
    else:
        is_safe = bool(xp.all((result > low) & (result < high)))
    return result if is_safe else None


@lru_cache
def _safe_range(xp: Namespace, dtype: DType, exponent: float) -> tuple[float, float]:
    limits = xp.finfo(dtype)
    half = 0.5 / exponent
    return float(limits.smallest_normal) ** half, float(limits.max) ** half


def root_slope(xp: Namespace, mean: Array, exponent: Parameter) -> Array:
    """Return the derivative of the p-th root, and zero where the mean is zero."""
    nothing = mean == 0
    safe = xp.where(nothing, 1.0, mean)
    return xp.where(nothing, 0.0, safe ** (1 / exponent - 1) / exponent)


def _norm(
    xp: Namespace, formula: Formula, selected: Selected, reduction: Reduction
) -> tuple[Array, Array, Array]:
    """Return the loss; the residuals in a unit; and the mean of their powers, with all axes."""
    prediction, target, parameters, weight = selected
    residual = (
        prediction - target
        if formula.residual is None
        else formula.residual(xp, prediction, target)
    )
    exponent = exponent_of(parameters)
    largest = _largest(xp, residual, weight, reduction)
    unit = _power_of_two_above(xp, largest)
    if not _is_two(exponent):
        unit = unit * _as_constant(xp, largest / unit)
    if weight is not None:
        # The unit ignores what has no weight, whose power must not overflow then.
        beyond = xp.abs(residual) / unit > 2.0 ** (_LARGEST_LOG2 / exponent)
        residual = xp.where((weight == 0) & beyond, 0.0 * residual, residual)
    residual = residual / unit if _is_two(exponent) else _quotient(xp, residual, unit)
    values = _power_of_residual(formula).value(xp, residual, 0.0, *parameters)
    # A mean of nothing is zero until the end, so that it has a root and a gradient. The shape alone
    # makes it NaN where nothing else was asked for: a compiler may not know whether it is empty.
    empty = reduction.empty if weight is None and reduction.empty is NAN else 0.0
    mean = reduce_values(xp, values, weight, reduction.ending(empty, keepdims=True))
    result = unit * root(xp, mean, exponent)
    if reduction.name == "mean":
        result = or_empty(xp, result, values, weight, reduction)
    return drop_axes(xp, result, reduction), residual, mean


def _power_of_residual(formula: Formula) -> Formula:
    """Return the formula of |r|^p, to which the residual is the prediction, and zero the target."""
    return formula if formula.residual is None else squared_error


def _largest(xp: Namespace, residual: Array, weight: Array | None, reduction: Reduction) -> Array:
    """Return the largest absolute residual that has a weight, with all axes, or 1 in its place."""
    if xp.isdtype(residual.dtype, "complex floating"):
        residual = xp.maximum(xp.abs(xp.real(residual)), xp.abs(xp.imag(residual)))
    largest = xp.abs(residual)
    if weight is not None:
        largest = xp.where(weight == 0, 0.0, largest)
    if reduction.name != "none" and reduction.axis != ():
        if 0 in largest.shape:
            largest = xp.sum(largest, axis=reduction.axis, keepdims=True)
        else:
            largest = xp.max(largest, axis=reduction.axis, keepdims=True)
    return xp.where((largest > 0) & (largest < xp.inf), largest, 1.0)


def _quotient(xp: Namespace, residual: Array, largest: Array) -> Array:
    """Return the residuals divided by the largest, which may be the largest number there is.

    Its own quotient is exactly 1, so that no power of that vanishes or overflows.
    """
    # A compiler may multiply with the reciprocal, which must not be subnormal.
    shrink = xp.where(largest > 1, 0.25, xp.ones_like(largest))
    return residual * shrink / (largest * shrink)


def _as_constant(xp: Namespace, quotient: Array) -> Array:
    """Return a number between 1/4 and 4 as it is, as a constant to differentiation.

    Times this power of two it is an integer already, which ceil() gives back without a derivative.
    """
    scale = 8 / xp.finfo(quotient.dtype).eps
    return xp.ceil(quotient * scale) / scale


def _power_of_two_above(xp: Namespace, largest: Array) -> Array:
    """Return a unit by which the division is exact.

    The derivative of ceil() is zero. So is that of the norm with respect to the unit, but not for
    rounding.
    """
    # Neither the unit overflows, then, nor is its reciprocal subnormal.
    limit = 0.25 * xp.finfo(largest.dtype).max
    largest = xp.where(largest < limit, largest, limit)
    return 2.0 ** xp.ceil(xp.log2(largest))
