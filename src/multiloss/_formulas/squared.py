"""Losses that are squares."""

from multiloss._formulas.formula import FRACTION, Formula, ParameterSpec, log_ratio
from multiloss._typing import OPTION_NAMES, Array, Namespace, Parameter

_WITH_HALF = (*OPTION_NAMES, "half")


# residual = y - t
# value    = |y - t|²
# slope    = 2 (y - t)
#
# For complex operands the modulus is squared from its two parts: abs() would take a root first,
# whose derivative at zero is not a number. The slope is then the direction of steepest ascent.
def _residual(xp: Namespace, prediction: Array, target: Array) -> Array:  # noqa: ARG001  as all
    return prediction - target


def _squared_error(xp: Namespace, prediction: Array, target: Array) -> Array:
    residual = _residual(xp, prediction, target)
    if xp.isdtype(residual.dtype, "complex floating"):
        real, imaginary = xp.real(residual), xp.imag(residual)
        return real * real + imaginary * imaginary
    return residual * residual


squared_error = Formula(
    "mse",
    _squared_error,
    _residual,
    slope_scale=2.0,
    residual=_residual,
    takes_complex=True,
    options=_WITH_HALF,
)
sum_of_squared_error = squared_error._replace(
    name="sse", options=tuple(each for each in _WITH_HALF if each not in {"reduction", "empty"})
)
root_of_squared_error = squared_error._replace(name="rmse", is_norm=True, options=OPTION_NAMES)
euclidean_norm = root_of_squared_error._replace(
    name="minkowski", takes_complex=False, options=("p", *OPTION_NAMES)
)


# residual = log(1 + y) - log(1 + t)
# value    = residual²
# slope    = 2 residual / (1 + y)
#
# Not a number where y < -1 or t < -1, also where both are: then 1 + y and 1 + t have a quotient.
def _log_residual(xp: Namespace, prediction: Array, target: Array) -> Array:
    smaller = 1 + xp.minimum(prediction, target)
    smaller = xp.where(smaller >= 0, smaller, xp.nan)
    return log_ratio(xp, prediction - target, smaller)


def _squared_log_error(xp: Namespace, prediction: Array, target: Array) -> Array:
    residual = _log_residual(xp, prediction, target)
    return residual * residual


def _log_residual_slope(xp: Namespace, prediction: Array, target: Array) -> Array:  # noqa: ARG001
    return 1 / (1 + prediction)


def _squared_log_error_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return _log_residual(xp, prediction, target) / (1 + prediction)


squared_log_error = Formula(
    "msle",
    _squared_log_error,
    _squared_log_error_slope,
    slope_scale=2.0,
    residual=_log_residual,
    residual_slope=_log_residual_slope,
    options=_WITH_HALF,
)
root_of_squared_log_error = squared_log_error._replace(
    name="rmsle", is_norm=True, options=OPTION_NAMES
)


#           (1 - q) (y - t)²   where y > t
# value  =        q (y - t)²   elsewhere
# slope  =  the same without the square, twice
#
# The value by way of the slope, so that a q of zero does not meet a square that overflows.
def _expectile_error(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    return _expectile_slope(xp, prediction, target, q) * (prediction - target)


def _expectile_slope(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    residual = prediction - target
    return xp.where(residual > 0, (1 - q) * residual, q * residual)


expectile_error = Formula(
    "expectile",
    _expectile_error,
    _expectile_slope,
    slope_scale=2.0,
    parameters=(ParameterSpec("q", FRACTION),),
)
