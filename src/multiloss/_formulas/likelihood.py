"""Negative log-likelihoods, and deviances: twice the distance from the best log-likelihood.

For the deviances the residual is taken first. The terms of the textbook cancel near a perfect
prediction, down to no digit at all.
"""

import math

from multiloss._formulas.formula import (
    NOT_NEGATIVE,
    Domain,
    Formula,
    ParameterSpec,
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
    ParameterSpec("variance", NOT_NEGATIVE, is_array=True),
    ParameterSpec("eps", NOT_NEGATIVE),
)
gaussian = Formula("gaussian_nll", _gaussian, _gaussian_slope, parameters=_GAUSSIAN_PARAMETERS)
full_gaussian = gaussian._replace(value=_full_gaussian)


# The deviances are made of b - a - a log(b/a), which cancels where b is near a. There, with
# u = (b - a) / (b + a), which has every digit of the residual, the logarithm is 2 atanh(u), whose
# series begins with what cancels:
#
#     u (b - a - 2 a u² (1/3 + u²/5 + u⁴/7 + …))
#
# Elsewhere it is that of the quotient of the square roots, which does not overflow.
_SERIES_BELOW = 0.2
_SERIES_TERMS = {32: 5, 64: 12}  # the first term left out is below half a unit of the sum


def _series(xp: Namespace, square: Array) -> Array:
    """Return 2 (1/3 + u²/5 + u⁴/7 + …), given u²."""
    terms = _SERIES_TERMS[xp.finfo(square.dtype).bits]
    series = 2 / (2 * terms + 1)
    for k in range(terms - 1, 0, -1):
        series = series * square + 2 / (2 * k + 1)
    return series


def _log_of_quotient(xp: Namespace, first: Array, second: Array) -> Array:
    """Return log(b/a), NaN where one of them is negative."""
    return 2 * xp.log(xp.sqrt(second) / xp.sqrt(first))


# value = 2 (y - t - t log(y/t)),  and 2 y where t = 0
# slope = 2 (y - t) / y
def _poisson_unit_deviance(xp: Namespace, prediction: Array, target: Array) -> Array:
    zero = (target == 0) & (prediction >= 0)
    safe = xp.where(zero, 1.0, target)
    residual = prediction - safe
    u = residual / (prediction + safe)
    square = u * u
    near = u * (residual - safe * (square * _series(xp, square)))
    far = residual - safe * _log_of_quotient(xp, safe, prediction)
    is_near = (xp.abs(u) < _SERIES_BELOW) & (safe > 0)
    return 2 * xp.where(zero, prediction, xp.where(is_near, near, far))


def _poisson_unit_deviance_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction >= 0) & (target >= 0)
    rate = _safe_rate(xp, prediction, target)
    return xp.where(valid, (rate - target) / rate, xp.nan)


poisson_unit_deviance = Formula(
    "poisson_deviance", _poisson_unit_deviance, _poisson_unit_deviance_slope, slope_scale=2.0
)


# value = 2 (t/y - 1 - log(t/y))
# slope = 2 (y - t) / y²
def _gamma_unit_deviance(xp: Namespace, prediction: Array, target: Array) -> Array:
    safe = xp.where(prediction == 0, xp.nan, prediction)
    residual = target - safe
    u = residual / (target + safe)
    square = u * u
    near = u * (residual / safe - square * _series(xp, square))
    far = residual / safe - _log_of_quotient(xp, safe, xp.where(target == 0, xp.nan, target))
    is_near = (xp.abs(u) < _SERIES_BELOW) & (safe > 0)
    return 2 * xp.where(is_near, near, far)


def _gamma_unit_deviance_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target > 0)
    safe = xp.where(valid, prediction, 1.0)
    return xp.where(valid, (prediction - target) / safe / safe, xp.nan)


gamma_unit_deviance = Formula(
    "gamma_deviance", _gamma_unit_deviance, _gamma_unit_deviance_slope, slope_scale=2.0
)


# With l = log(y/t), and e(c) = (exp(c l) - 1) / c, which is l where c = 0:
#
# value = 2 ∫ (s - t) s^-p ds from t to y
#       = 2 (y^(2-p)/(2-p) - t y^(1-p)/(1-p) + t^(2-p)/((1-p)(2-p)))   where p is not 1 or 2
#       = 2 t^(2-p) (e(2-p) - e(1-p))                                  where t > 0, for every p
#       = (y - t)²                                                     where p = 0, of any sign
# slope = 2 (y - t) y^-p
#
# Where l is small, the difference of the two e is Σ l^k/k! ((2-p)^(k-1) - (1-p)^(k-1)) from k = 2
# on. Where t is not positive, the last term of the second line is left out: it is 0 there.
_POWER = Domain(
    "a finite number of at most 0 or at least 1",
    lambda value: ((value <= 0) | (value >= 1)) & (value > -math.inf) & (value < math.inf),
)
_TWEEDIE_TERMS = {32: 8, 64: 14}


def _tweedie_unit_deviance(xp: Namespace, prediction: Array, target: Array, power: Array) -> Array:
    general = (prediction > 0) & (target > 0)
    safe_prediction = xp.where(prediction > 0, prediction, 1.0)
    safe_target = xp.where(general, target, 1.0)
    y = xp.where(general, prediction, 1.0)
    ratio = log_ratio(xp, y - safe_target, xp.minimum(y, safe_target))
    result = safe_target ** (2 - power) * _tweedie_difference(xp, 1 - power, ratio)
    at_zero = _tweedie_without_target(xp, safe_prediction, target, power)
    result = xp.where(general, result, at_zero)
    result = _or_nan(xp, _is_tweedie(prediction, target, power), 2 * result, prediction)
    residual = prediction - target
    return xp.where(power == 0, residual * residual, result)


def _tweedie_unit_deviance_slope(
    xp: Namespace, prediction: Array, target: Array, power: Array
) -> Array:
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


def _tweedie_difference(xp: Namespace, lower: Array, ratio: Array) -> Array:
    """Return e(c + 1) - e(c) for the lower of the two c."""
    upper = lower + 1
    near = xp.abs(ratio) * (1 + xp.abs(lower)) < 0.5  # noqa: PLR2004  where the series converges fast
    small = xp.where(near, ratio, 0.0)
    differences, low, high = [], lower, upper
    for _ in range(_TWEEDIE_TERMS[xp.finfo(ratio.dtype).bits]):
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


tweedie_unit_deviance = Formula(
    "tweedie_deviance",
    _tweedie_unit_deviance,
    _tweedie_unit_deviance_slope,
    slope_scale=2.0,
    parameters=(ParameterSpec("power", _POWER, is_array=True),),
)
