"""Losses that grow slower than the square of a large residual."""

from multiloss._formulas.formula import (
    BELOW_INFINITY,
    FINITE_POSITIVE,
    POSITIVE,
    Formula,
    ParameterSpec,
    expm1,
    expm1_ratio,
    log1p_square,
    sign,
    split_far,
)
from multiloss._typing import Array, Namespace, Parameter

_SQRT2 = 2**0.5
_LOG2 = 0.6931471805599453


# r = y - t, and c = r clipped to [-δ, δ]
#
#           r² / 2          where |r| <= δ
# value  =  δ (|r| - δ/2)   elsewhere        =  c (r - c/2)
# slope  =  c
#
# One expression for both branches, without |r|, whose second derivative at 0 would be missing.
def _clipped_residual(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    return xp.clip(prediction - target, -delta, delta)


def _huber_error(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    residual = prediction - target
    clipped = xp.clip(residual, -delta, delta)
    return clipped * (residual - 0.5 * clipped)


huber_error = Formula(
    "huber", _huber_error, _clipped_residual, parameters=(ParameterSpec("delta", POSITIVE),)
)


# c = r / β clipped to [-1, 1]
#
# value = that of Huber, divided by β  =  c (r - β c/2)
# slope = c
def _smooth_absolute_error(
    xp: Namespace, prediction: Array, target: Array, beta: Parameter
) -> Array:
    residual = prediction - target
    clipped = xp.clip(residual / beta, -1.0, 1.0)
    return clipped * (residual - 0.5 * beta * clipped)


def _clipped_ratio(xp: Namespace, prediction: Array, target: Array, beta: Parameter) -> Array:
    return xp.clip((prediction - target) / beta, -1.0, 1.0)


smooth_absolute_error = Formula(
    "smooth_l1",
    _smooth_absolute_error,
    _clipped_ratio,
    parameters=(ParameterSpec("beta", FINITE_POSITIVE),),
)


# z = (y - t) / δ
#
# value = δ² (sqrt(1 + z²) - 1)  =  r² / (1 + sqrt(1 + z²))
# slope = r / sqrt(1 + z²)
#
# The second form of the value neither cancels nor asks for the digits of a tiny z. Where z² would
# overflow, the limits δ |r| and ±δ.
def _pseudo_huber_error(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    residual = prediction - target
    near, ratio, far = split_far(xp, residual, delta)
    value = near * (near / (1 + xp.sqrt(1 + ratio * ratio)))
    return xp.where(far, delta * xp.abs(residual), value)


def _pseudo_huber_slope(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    residual = prediction - target
    _, ratio, far = split_far(xp, residual, delta)
    return xp.where(far, delta * sign(xp, residual), residual / xp.sqrt(1 + ratio * ratio))


pseudo_huber_error = Formula(
    "pseudo_huber",
    _pseudo_huber_error,
    _pseudo_huber_slope,
    parameters=(ParameterSpec("delta", FINITE_POSITIVE),),
)


# value = log(cosh(r))  =  log1p(2 sinh²(r/2))
# slope = tanh(r)
#
# cosh(r) is 1 for small residuals and overflows for large ones. The second form keeps every digit
# of the former; beyond 20 the value is |r| - log 2, from which it differs by exp(-40).
_LOG_COSH_IS_LINEAR = 20.0


def _log_cosh_error(xp: Namespace, prediction: Array, target: Array) -> Array:
    residual = prediction - target
    distance = xp.abs(residual)
    linear = distance > _LOG_COSH_IS_LINEAR
    half_sine = xp.sinh(0.5 * xp.where(linear, 0.0, residual))
    return xp.where(linear, distance - _LOG2, xp.log1p(2 * half_sine * half_sine))


def _log_cosh_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.tanh(prediction - target)


log_cosh_error = Formula("log_cosh", _log_cosh_error, _log_cosh_slope)


# z = (y - t) / scale
#
# value = log(1 + z²/2)
# slope = z / (1 + z²/2) / scale
def _cauchy_error(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    return log1p_square(xp, prediction - target, _SQRT2 * scale)


def _cauchy_slope(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    residual = prediction - target
    _, near, far = split_far(xp, residual, scale)
    # Where z² would overflow, and perhaps z too, the limit 2/r.
    return xp.where(far, 2 / xp.where(far, residual, 1.0), near / (1 + 0.5 * near * near) / scale)


_SCALE = ParameterSpec("scale", FINITE_POSITIVE)
cauchy_error = Formula("cauchy", _cauchy_error, _cauchy_slope, parameters=(_SCALE,))


# value = 2 z² / (z² + 4)  =  2 - 8 / (z² + 4)
# slope = 16 z / (z² + 4)² / scale
#
# The second form where it is the one whose derivative does not cancel.
def _geman_mcclure_error(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    _, ratio, far = split_far(xp, prediction - target, scale)
    square = ratio**2
    reciprocal = 1 / (square + 4)
    near = xp.where(square > 4, 2 - 8 * reciprocal, 2 * square * reciprocal)  # noqa: PLR2004
    return xp.where(far, 2.0, near)


def _geman_mcclure_slope(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    residual = prediction - target
    _, near, far = split_far(xp, residual, scale)
    distant = xp.where(far, residual, 1.0) / scale
    reciprocal = 1 / (near * near + 4)
    # In an order in which neither the square of z² + 4 nor the cube of z overflows.
    return (
        16 * xp.where(far, 1 / distant / distant / distant, near * reciprocal * reciprocal) / scale
    )


geman_mcclure_error = Formula(
    "geman_mcclure", _geman_mcclure_error, _geman_mcclure_slope, parameters=(_SCALE,)
)


# value = 1 - exp(-z²/2)
# slope = z exp(-z²/2) / scale
#
# Where z² would overflow, the limits 1 and 0.
def _welsch_error(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    _, near, far = split_far(xp, prediction - target, scale)
    return xp.where(far, 1.0, -expm1(xp, -0.5 * near * near))


def _welsch_slope(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    _, near, _ = split_far(xp, prediction - target, scale)
    return near * xp.exp(-0.5 * near * near) / scale


welsch_error = Formula("welsch", _welsch_error, _welsch_slope, parameters=(_SCALE,))


# c = r clipped to [-scale, scale], and s = (c / scale)²
#
# value = scale²/6 (1 - (1 - s)³)  =  c²/6 (3 + s (s - 3))
# slope = c (1 - s)²
def _tukey_error(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    clipped = xp.clip(prediction - target, -scale, scale)
    square = (clipped / scale) ** 2
    return clipped * clipped * ((3 + square * (square - 3)) / 6)


def _tukey_slope(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    clipped = xp.clip(prediction - target, -scale, scale)
    ratio = clipped / scale
    return clipped * ((1 - ratio) * (1 + ratio)) ** 2


tukey_error = Formula("tukey_biweight", _tukey_error, _tukey_slope, parameters=(_SCALE,))


# z = (y - t) / scale, and b = |α - 2|
#
#           z²/2                             where α = 2
# value  =  log(1 + z²/2)                    where α = 0
#           1 - exp(-z²/2)                   where α = -∞
#           b/α ((1 + z²/b)^(α/2) - 1)       elsewhere
# slope  =  z (1 + z²/b)^(α/2 - 1) / scale
#
# With l = log(1 + z²/b) the last line of the value is b/2 (exp(c l) - 1)/c for c = α/2, which is
# the second one where α = 0, and keeps its digits nearby. The slope is a power of the root instead,
# (z / sqrt(1 + z²/b)) exp((α - 1)/2 l), of which no factor overflows before the product.
def _barron_error(
    xp: Namespace, prediction: Array, target: Array, alpha: Array, scale: Parameter
) -> Array:
    residual = prediction - target
    shape, width, square, welsch = _barron_shape(xp, alpha)
    logarithm = log1p_square(xp, residual, scale * xp.sqrt(width))
    general = 0.5 * width * expm1_ratio(xp, 0.5 * shape, logarithm)
    # Each branch without the numbers of another, whose square may overflow.
    ratio = xp.where(square, residual, 0.0) / scale
    result = xp.where(square, 0.5 * ratio * ratio, general)
    return xp.where(welsch, _welsch_error(xp, xp.where(welsch, residual, 0.0), 0.0, scale), result)


def _barron_slope(
    xp: Namespace, prediction: Array, target: Array, alpha: Array, scale: Parameter
) -> Array:
    residual = prediction - target
    shape, width, square, welsch = _barron_shape(xp, alpha)
    root = xp.sqrt(width)
    # z / sqrt(1 + z²/b), at most sqrt(b), times a power of the size of the slope itself.
    _, near, far = split_far(xp, residual, scale * root)
    bounded = root * xp.where(far, sign(xp, residual), near / xp.sqrt(1 + near * near))
    logarithm = log1p_square(xp, residual, scale * root)
    # As the square of its root, since the power may vanish where the quotient does not.
    power = xp.exp(0.25 * (shape - 1) * logarithm)
    general = bounded * power / scale * power
    result = xp.where(square, residual / scale / scale, general)
    return xp.where(welsch, _welsch_slope(xp, residual, 0.0, scale), result)


def _barron_shape(xp: Namespace, alpha: Array) -> tuple[Array, Array, Array, Array]:
    """Return α and b, made safe for the general branch, and where α is 2 or -∞."""
    square, welsch = alpha == 2, alpha == -xp.inf  # noqa: PLR2004  as above
    shape = xp.where(square | welsch, 0.0, alpha)
    return shape, xp.abs(shape - 2), square, welsch


barron_error = Formula(
    "barron",
    _barron_error,
    _barron_slope,
    parameters=(ParameterSpec("alpha", BELOW_INFINITY, is_array=True), _SCALE),
)
