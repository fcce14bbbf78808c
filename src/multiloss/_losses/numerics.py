"""What several losses compute with: logarithms and exponentials that keep their digits."""

import math
from typing import Any

from multiloss._core.combinations import is_one
from multiloss._core.namespaces import is_constant, is_eager, without_derivative
from multiloss._planning.shapes import broadcast_shape
from multiloss._typing import Array, Namespace, Parameter


def broadcast_with(xp: Namespace, array: Array, other: Array) -> Array:
    """Return an array in the shape that it has together with another."""
    if array.shape == other.shape:
        return array
    shape = broadcast_shape(array.shape, other.shape)
    if shape is not None and all(isinstance(size, int) for size in shape):
        # Not every broadcast_arrays() takes as many axes as an array may have.
        full = xp.broadcast_to(array, shape)
    else:
        full = xp.broadcast_arrays(array, other)[0]
    return 1.0 * full  # no view, since what runs a formula may write to its result


def guarded(xp: Namespace, condition: Array, first: Array | float, second: Array | float) -> Array:
    """Return where(condition, first, second) of an array and a number that is dropped later.

    Autodiff looks into what a later where() drops, and zero times an infinite derivative is not a
    number. Where nothing is differentiated, it is the array alone.
    """
    if is_constant(xp):
        # Not by isinstance(): NumPy's float64 is a float.
        array: Array = second if type(first) is float else first
        return array
    return xp.where(condition, first, second)


def log_ratio(xp: Namespace, difference: Array, smaller: Array) -> Array:
    """Return log(b / a), given b - a and the smaller of a and b.

    A logarithm of a quotient near one loses digits, and the difference of two logarithms more.
    With the smaller one below the line, log1p() has an argument that is never negative:

        b >= a:   log1p((b - a) / a)
        b <  a:  -log1p((a - b) / b)
    """
    # Of an array, since compilers do not trace a function of two numbers; and a constant, since
    # PyTorch cannot differentiate copysign() of DTensors.
    signed = without_derivative(xp, difference)
    direction = xp.copysign(xp.ones_like(signed), signed)
    return direction * xp.log1p(direction * difference / smaller)


# The square of anything beyond is so large that to add one does not change it, in single and in
# double precision, and the square of the bound itself overflows in neither.
_FAR = 2.0**60


def in_units(array: Array, scale: Parameter) -> Array:
    """Return an array divided by a scale, which mostly is one."""
    return array if is_one(scale) else array / scale


def split_far(xp: Namespace, residual: Array, scale: Parameter) -> tuple[Array, Array, Array]:
    """Return r and z = r / scale, for where z² cannot overflow, and where it may.

    The residual is guarded before the division, so that its derivative cannot overflow either.
    """
    ratio = in_units(residual, scale)
    far = xp.abs(ratio) > _FAR
    if is_constant(xp):
        return residual, ratio, far
    near = xp.where(far, 0.0, residual)
    return near, in_units(near, scale), far


def log1p_square(xp: Namespace, residual: Array, scale: Parameter) -> Array:
    """Return log(1 + z²) for z = residual / scale; where z² overflows, 2 (log |r| - log scale)."""
    _, near, far = split_far(xp, residual, scale)
    distant = xp.log(guarded(xp, far, xp.abs(residual), 1.0)) - log_of(xp, scale, residual)
    return xp.where(far, 2.0 * distant, xp.log1p(near * near))


# Functions of the standard take arrays.
def log_of(xp: Namespace, parameter: Parameter, other: Array) -> Parameter:
    """Return the logarithm of a parameter, which may be zero, and meets another array."""
    if not isinstance(parameter, float):
        return xp.log(parameter)
    if hasattr(xp, "log_of_number"):
        return xp.log_of_number(parameter, other)
    return math.log(parameter) if parameter else -math.inf


def sqrt_of(xp: Namespace, parameter: Parameter) -> Parameter:
    """Return the square root of a parameter."""
    return math.sqrt(parameter) if isinstance(parameter, float) else xp.sqrt(parameter)


def where_parameter(xp: Namespace, condition: Any, first: Any, second: Any) -> Any:
    """Return where(), of a condition on a parameter, which may be a number."""
    if isinstance(condition, bool):
        return first if condition else second
    return xp.where(condition, first, second)


def expm1(xp: Namespace, array: Array) -> Array:
    """Return exp(x) - 1.

    Engines take the derivative of xp.expm1() from its result plus one, of which nothing is left far
    below zero. There the difference is as good.
    """
    if is_constant(xp):
        return xp.expm1(array)
    low = array < -0.5  # noqa: PLR2004  where neither form cancels
    return xp.where(low, xp.exp(xp.where(low, array, 0.0)) - 1, xp.expm1(xp.where(low, 0.0, array)))


def expm1_ratio(xp: Namespace, factor: Parameter, array: Array) -> Array:
    """Return (exp(c x) - 1) / c, which is x where c is zero.

    For an array c by a series where c x is small, so that it has a derivative with respect to c.
    """
    if isinstance(factor, float):
        return expm1(xp, factor * array) / factor if factor else array
    product = factor * array
    small = xp.abs(product) < 1e-3  # noqa: PLR2004  the first term left out is below 2⁻⁵³
    near = guarded(xp, small, product, 0.0)
    series = array * (1 + near / 2 * (1 + near / 3 * (1 + near / 4 * (1 + near / 5))))
    safe = guarded(xp, small, 1.0, factor)
    return xp.where(small, series, expm1(xp, guarded(xp, small, 0.0, product)) / safe)


_EXPONENTIAL_TERMS = {32: 8, 64: 14}  # the first term left out is below half a unit of the sum
_MOST_EXPONENTIAL_TERMS = 25  # of extended precision, whichever it is


def exponential_series(xp: Namespace, factor: Array | float, array: Array) -> Array:
    """Return 2/x² ((exp((c + 1) x) - 1) / (c + 1) - (exp(c x) - 1) / c) where x is small.

    That is the sum of 2 x^(k-2)/k! ((c + 1)^(k-1) - c^(k-1)) from k = 2 on.
    """
    differences, low, high = [], factor, factor + 1
    for _ in range(_EXPONENTIAL_TERMS.get(xp.finfo(array.dtype).bits, _MOST_EXPONENTIAL_TERMS)):
        differences.append(high - low)
        low, high = low * factor, high * (factor + 1)
    series = differences.pop()
    while differences:
        series = series * array / (len(differences) + 2) + differences.pop()
    return series


def expm1_minus(xp: Namespace, array: Array) -> Array:
    """Return exp(x) - 1 - x, also where the three cancel."""
    near = xp.abs(array) < 0.5  # noqa: PLR2004  where the series converges fast
    small, large = guarded(xp, near, array, 0.0), guarded(xp, near, 1.0, array)
    series = 0.5 * small * small * exponential_series(xp, 0.0, small)
    return xp.where(near, series, expm1(xp, large) - large)


def times_or_zero(xp: Namespace, factor: Array, array: Array) -> Array:
    """Return a x, which is zero where a is zero and x infinite."""
    if is_eager(xp):
        product = factor * array
        if xp.all_numbers(product):
            return product
    nothing = (factor == 0) & (xp.abs(array) == xp.inf)
    return xp.where(nothing, 0.0, factor * guarded(xp, nothing, 0.0, array))


def ratio_or_zero(xp: Namespace, array: Array, divisor: Array) -> Array:
    """Return a / x, which is zero where both are zero."""
    nothing = (array == 0) & (divisor == 0)
    return array / xp.where(nothing, 1.0, divisor)


def times_log(xp: Namespace, factor: Array, array: Array) -> Array:
    """Return a log(x), which is zero where both are zero."""
    nothing = (factor == 0) & (array == 0)
    return factor * xp.log(xp.where(nothing, 1.0, array))


def modulating_factor(xp: Namespace, complement: Array, gamma: Parameter) -> Array:
    """Return q^γ; a constant where q vanishes, since the derivative there may be infinite."""
    nothing = complement < xp.finfo(complement.dtype).smallest_normal
    power = guarded(xp, nothing, 1.0, complement) ** gamma
    return xp.where(nothing, xp.zeros_like(complement) ** gamma, power)


def step(xp: Namespace, array: Array) -> Array:
    """Return 1 for positive numbers, NaN for NaN, and 0 for others."""
    return xp.sign(xp.clip(array, 0.0, None))
