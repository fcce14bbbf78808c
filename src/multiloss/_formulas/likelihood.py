"""Losses that are likelihoods, and deviances: twice the distance from the best likelihood.

For the deviances the residual is taken first. The terms of the textbook cancel near a perfect
prediction, down to no digit at all.
"""

import math

from multiloss._formulas.formula import (
    NOT_NEGATIVE,
    Domain,
    Formula,
    ParameterOf,
    expm1_ratio,
    log_ratio,
)
from multiloss._typing import Array, Namespace, Parameter

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


def _or_nan(xp: Namespace, valid: Array, values: Array, prediction: Array) -> Array:
    """Return NaN where a value is not valid, of which the gradient is NaN too."""
    one_or_zero = xp.astype(valid, prediction.dtype)
    return xp.where(valid, values, prediction * (one_or_zero / one_or_zero))


# value = exp(y) - t y
# slope = exp(y) - t
def _poisson_of_log(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.exp(prediction) - target * prediction


def _poisson_of_log_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.exp(prediction) - target


# value = y - t log(y), where 0 log(0) is 0
# slope = 1 - t / y     =  (y - t) / y
def _safe_rate(xp: Namespace, prediction: Array, target: Array) -> Array:
    """Return the rate, with a one in the place of a zero that is right."""
    return xp.where((target == 0) & (prediction == 0), 1.0, prediction)


def _poisson(xp: Namespace, prediction: Array, target: Array) -> Array:
    rate = _safe_rate(xp, prediction, target)
    logarithm = xp.log(xp.where(rate >= 0, rate, 1.0))
    return _or_nan(xp, rate >= 0, prediction - target * logarithm, prediction)


def _poisson_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    rate = _safe_rate(xp, prediction, target)
    return xp.where(prediction >= 0, (rate - target) / rate, xp.nan)


# value = t log(t) - t + log(2 π t) / 2   where t > 1
#         0                               elsewhere
#
# Stirling's approximation of log(t!), which does not depend on the prediction.
def _stirling(xp: Namespace, target: Array) -> Array:
    large = target > 1
    safe = xp.where(large, target, 1.0)
    log = xp.log(safe)
    return xp.where(large, safe * (log - 1) + (0.5 * log + _HALF_LOG_2_PI), 0.0)


def _full_poisson_of_log(xp: Namespace, prediction: Array, target: Array) -> Array:
    return _poisson_of_log(xp, prediction, target) + _stirling(xp, target)


def _full_poisson(xp: Namespace, prediction: Array, target: Array) -> Array:
    return _poisson(xp, prediction, target) + _stirling(xp, target)


poisson_of_log = Formula("poisson_nll", _poisson_of_log, _poisson_of_log_slope)
full_poisson_of_log = Formula("poisson_nll", _full_poisson_of_log, _poisson_of_log_slope)
poisson = Formula("poisson_nll", _poisson, _poisson_slope)
full_poisson = Formula("poisson_nll", _full_poisson, _poisson_slope)


# v     = the variance, and at least ε
# value = (log(v) + (y - t)² / v) / 2
# slope = (y - t) / v
def _gaussian(
    xp: Namespace, prediction: Array, target: Array, variance: Array, eps: Parameter
) -> Array:
    residual = prediction - target
    clipped = xp.clip(variance, min=eps)
    return 0.5 * (xp.log(clipped) + residual / clipped * residual)


def _full_gaussian(
    xp: Namespace, prediction: Array, target: Array, variance: Array, eps: Parameter
) -> Array:
    return _gaussian(xp, prediction, target, variance, eps) + _HALF_LOG_2_PI


def _gaussian_slope(
    xp: Namespace, prediction: Array, target: Array, variance: Array, eps: Parameter
) -> Array:
    return (prediction - target) / xp.clip(variance, min=eps)


_GAUSSIAN_PARAMETERS = (
    ParameterOf("variance", NOT_NEGATIVE, is_array=True),
    ParameterOf("eps", NOT_NEGATIVE),
)
gaussian = Formula("gaussian_nll", _gaussian, _gaussian_slope, parameters=_GAUSSIAN_PARAMETERS)
full_gaussian = gaussian._replace(value=_full_gaussian)


# With x = (b - a) / a, which has every digit of the residual:
#
# b/a - 1 - log(b/a)  =  x - log(1 + x)
#                     =  u (x - 2 u² (1/3 + u²/5 + …))    where u = x / (2 + x) is small
#
# The logarithm is 2 atanh(u), whose series begins with what cancels. Elsewhere it is that of the
# quotient of the square roots, which neither overflows nor underflows.
_SERIES_BELOW = 0.2  # the first term left out is below 2⁻⁵³ of the sum
_SERIES_TERMS = 12


def _series(xp: Namespace, first: Array, second: Array) -> tuple[Array, Array]:
    """Return where b/a is near one, and b/a - 1 - log(b/a) there."""
    x = (second - first) / first
    u = x / (2 + x)
    near = xp.abs(u) < _SERIES_BELOW
    u, x = xp.where(near, u, 0.0), xp.where(near, x, 0.0)
    square = u * u
    series = 1 / (2 * _SERIES_TERMS + 1)
    for k in range(_SERIES_TERMS - 1, 0, -1):
        series = series * square + 1 / (2 * k + 1)
    return near, u * (x - 2 * square * series)


def _log_of_quotient(xp: Namespace, first: Array, second: Array) -> Array:
    """Return log(b/a) of positive numbers."""
    return 2 * xp.log(xp.sqrt(second) / xp.sqrt(first))


# value = 2 (t log(t/y) - t + y)   =  2 t (y/t - 1 - log(y/t)),  and 2 y where t = 0
# slope = 2 (y - t) / y
def _poisson_deviance(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction >= 0) & (target >= 0)
    general = valid & (target > 0)
    y, t = xp.where(general, prediction, 1.0), xp.where(general, target, 1.0)
    near, series = _series(xp, t, y)
    far = (y - t) - t * _log_of_quotient(xp, t, xp.where(near, t, y))
    result = xp.where(general, xp.where(near, t * series, far), prediction)
    return _or_nan(xp, valid, 2 * result, prediction)


def _poisson_deviance_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction >= 0) & (target >= 0)
    rate = _safe_rate(xp, prediction, target)
    return xp.where(valid, (rate - target) / rate, xp.nan)


poisson_deviance = Formula(
    "poisson_deviance", _poisson_deviance, _poisson_deviance_slope, slope_scale=2.0
)


# value = 2 (log(y/t) + t/y - 1)  =  2 (t/y - 1 - log(t/y))
# slope = 2 (y - t) / y²
def _gamma_deviance(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target > 0)
    y, t = xp.where(valid, prediction, 1.0), xp.where(valid, target, 1.0)
    near, series = _series(xp, y, t)
    far = (t - y) / y - _log_of_quotient(xp, y, xp.where(near, y, t))
    return _or_nan(xp, valid, 2 * xp.where(near, series, far), prediction)


def _gamma_deviance_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target > 0)
    safe = xp.where(valid, prediction, 1.0)
    return xp.where(valid, (prediction - target) / safe / safe, xp.nan)


gamma_deviance = Formula("gamma_deviance", _gamma_deviance, _gamma_deviance_slope, slope_scale=2.0)


# With l = log(y/t), and e(c) = (exp(c l) - 1) / c, which is l where c = 0:
#
# value = 2 ∫ (s - t) s^-p ds from t to y
#       = 2 (y^(2-p)/(2-p) - t y^(1-p)/(1-p) + t^(2-p)/((1-p)(2-p)))   where p is not 1 or 2
#       = 2 t^(2-p) (e(2-p) - e(1-p))                                  where t > 0, for every p
#       = (y - t)²                                                     where p = 0, of any sign
# slope = 2 (y - t) y^-p
#
# The difference of the two e is the series Σ l^k/k! ((2-p)^(k-1) - (1-p)^(k-1)) from k = 2 on,
# where l is small.
# Where t is not positive, the last term of the second line is left out: it is 0 there.
_POWER = Domain(
    "a finite number of at most 0 or at least 1",
    lambda value: ((value <= 0) | (value >= 1)) & (value > -math.inf) & (value < math.inf),
)
_TWEEDIE_TERMS = 14


def _tweedie_deviance(xp: Namespace, prediction: Array, target: Array, power: Array) -> Array:
    general = (prediction > 0) & (target > 0)
    safe_prediction = xp.where(prediction > 0, prediction, 1.0)
    safe_target = xp.where(general, target, 1.0)
    ratio = _log_of_ratio(xp, xp.where(general, prediction, 1.0), safe_target)
    result = safe_target ** (2 - power) * _tweedie_difference(xp, 1 - power, ratio)
    at_zero = _tweedie_without_target(xp, safe_prediction, target, power)
    result = xp.where(general, result, at_zero)
    result = _or_nan(xp, _is_tweedie(prediction, target, power), 2 * result, prediction)
    residual = prediction - target
    return xp.where(power == 0, residual * residual, result)


def _tweedie_slope(xp: Namespace, prediction: Array, target: Array, power: Array) -> Array:
    safe = xp.where(prediction > 0, prediction, 1.0)
    residual = prediction - target
    powers = safe ** (-power)
    # One that overflows meets a zero at a perfect prediction.
    powers = xp.where((residual == 0) & (powers == xp.inf), 1.0, powers)
    slope = xp.where(_is_tweedie(prediction, target, power), residual * powers, xp.nan)
    return xp.where(power == 0, residual, slope)


def _is_tweedie(prediction: Array, target: Array, power: Array) -> Array:
    """Tell where there is a deviance: of positive predictions, and of targets by the power."""
    is_zero = (target == 0) & (power < 2)  # noqa: PLR2004  as above
    return (prediction > 0) & ((target > 0) | is_zero | ((target < 0) & (power < 0)))


def _log_of_ratio(xp: Namespace, prediction: Array, target: Array) -> Array:
    smaller = xp.where(prediction < target, prediction, target)
    return log_ratio(xp, prediction - target, smaller)


def _tweedie_difference(xp: Namespace, lower: Array, ratio: Array) -> Array:
    """Return e(c + 1) - e(c) for the lower of the two c."""
    upper = lower + 1
    near = xp.abs(ratio) * (1 + xp.abs(lower)) < 0.5  # noqa: PLR2004  where the series converges fast
    small = xp.where(near, ratio, 0.0)
    differences, low, high = [], lower, upper
    for _ in range(_TWEEDIE_TERMS):
        differences.append(high - low)
        low, high = low * lower, high * upper
    series = differences.pop()
    while differences:
        series = series * small / (len(differences) + 2) + differences.pop()
    large = xp.where(near, 1.0, ratio)
    return xp.where(
        near,
        0.5 * small * small * series,
        expm1_ratio(xp, upper, large) - expm1_ratio(xp, lower, large),
    )


def _tweedie_without_target(xp: Namespace, prediction: Array, target: Array, power: Array) -> Array:
    lower, upper = 1 - power, 2 - power
    # The one power where there is a target below zero is itself below zero.
    shift = xp.where(target < 0, target, 0.0)
    lower = xp.where(power < 0, lower, 1.0)
    upper = xp.where(upper == 0, 1.0, upper)
    return prediction**upper / upper - shift * prediction**lower / lower


tweedie_deviance = Formula(
    "tweedie_deviance",
    _tweedie_deviance,
    _tweedie_slope,
    slope_scale=2.0,
    parameters=(ParameterOf("power", _POWER, is_array=True),),
)
