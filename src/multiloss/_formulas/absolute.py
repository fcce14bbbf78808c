"""Losses made of the absolute value of the residual."""

from multiloss._formulas.formula import (
    AT_LEAST_ONE,
    FRACTION,
    NOT_NEGATIVE,
    Formula,
    ParameterSpec,
    sign,
    stretched,
)
from multiloss._typing import OPTION_NAMES, Array, Namespace, Parameter


# value = |y - t|
# slope = sign(y - t), which is 0 at the kink
def _absolute_error(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.abs(prediction - target)


def _absolute_error_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return sign(xp, prediction - target)


absolute_error = Formula("mae", _absolute_error, _absolute_error_slope)


# value = |y - t|^p
# slope = p |y - t|^(p-1) sign(y - t)
#
# Where the residual is 0, the second derivative is infinite for p < 2; it is taken as 0 there, as
# the first one is at the kink of p = 1.
def _absolute_power(xp: Namespace, prediction: Array, target: Array, p: Parameter) -> Array:
    residual = prediction - target
    if _is_smooth(p):
        return xp.abs(residual) ** p
    is_kink, distance = _safe_distance(xp, residual, p)
    return xp.where(is_kink, 0.0 * residual, distance**p)


def _absolute_power_slope(xp: Namespace, prediction: Array, target: Array, p: Parameter) -> Array:
    residual = prediction - target
    distance = xp.abs(residual) if _is_smooth(p) else _safe_distance(xp, residual, p)[1]
    return p * distance ** (p - 1) * sign(xp, residual)


def _is_smooth(p: Parameter) -> bool:
    return isinstance(p, float) and p >= 2  # noqa: PLR2004  as above


def _safe_distance(xp: Namespace, residual: Array, p: Parameter) -> tuple[Array, Array]:
    """Return where the second derivative is infinite, and |y - t|, which is 1 there."""
    is_kink = (residual == 0) & (p < 2)  # noqa: PLR2004  as above
    return is_kink, xp.where(is_kink, 1.0, xp.abs(residual))


norm_of_error = Formula(
    "minkowski",
    _absolute_power,
    _absolute_power_slope,
    parameters=(ParameterSpec("p", AT_LEAST_ONE),),
    is_norm=True,
)


# value = max(|y - t| - ε, 0)
# slope = sign(y - t) beyond ε, and 0 within and at both kinks
#
# As the distance from the nearest point of [-ε, ε], of which all derivatives are right.
def _distance_to_tube(xp: Namespace, prediction: Array, target: Array, epsilon: Parameter) -> Array:
    residual = prediction - target
    return residual - xp.clip(residual, -epsilon, epsilon)


def _epsilon_insensitive_error(
    xp: Namespace, prediction: Array, target: Array, epsilon: Parameter
) -> Array:
    return xp.abs(_distance_to_tube(xp, prediction, target, epsilon))


def _epsilon_insensitive_slope(
    xp: Namespace, prediction: Array, target: Array, epsilon: Parameter
) -> Array:
    return sign(xp, _distance_to_tube(xp, prediction, target, epsilon))


epsilon_insensitive_error = Formula(
    "epsilon_insensitive",
    _epsilon_insensitive_error,
    _epsilon_insensitive_slope,
    parameters=(ParameterSpec("epsilon", NOT_NEGATIVE),),
)


#           (1 - q) |y - t|   where y > t
# value  =        q |y - t|   elsewhere
# slope  =  1 - q, -q, and 0 at the kink
#
# From |y - t|, whose derivative at the kink is 0 here; that of max(q r, (q - 1) r) is either end.
def _pinball_error(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    residual = prediction - target
    distance = xp.abs(residual)
    return xp.where(residual > 0, (1 - q) * distance, q * distance)


def _pinball_slope(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    residual = prediction - target
    direction = sign(xp, residual)
    return xp.where(residual > 0, (1 - q) * direction, q * direction)


pinball_error = Formula(
    "pinball", _pinball_error, _pinball_slope, parameters=(ParameterSpec("q", FRACTION),)
)


# value = |y - t| / max(|t|, ε)
# slope = sign(y - t) / max(|t|, ε)
def _relative_error(xp: Namespace, prediction: Array, target: Array, eps: Parameter) -> Array:
    return xp.abs(prediction - target) / xp.clip(xp.abs(target), eps, None)


def _relative_error_slope(xp: Namespace, prediction: Array, target: Array, eps: Parameter) -> Array:
    return sign(xp, prediction - target) / xp.clip(xp.abs(target), eps, None)


relative_error = Formula(
    "mape",
    _relative_error,
    _relative_error_slope,
    parameters=(ParameterSpec("eps", NOT_NEGATIVE),),
)


# m     = (|y| + |t|) / 2, and at least ε / 2
# value = |y - t| / m
# slope = sign(y - t) (|t| + sign(y) t) / (2 m²), or sign(y - t) / m where m is ε / 2
#
# The halves are added, since the sum may overflow. The slope is that of a quotient after everything
# that cancels has been crossed out: with t on the other side of zero the value is constant.
def _mean_magnitude(xp: Namespace, prediction: Array, target: Array) -> Array:
    return 0.5 * xp.abs(prediction) + 0.5 * xp.abs(target)


def _symmetric_relative_error(
    xp: Namespace, prediction: Array, target: Array, eps: Parameter
) -> Array:
    magnitude = xp.clip(_mean_magnitude(xp, prediction, target), 0.5 * eps, None)
    return xp.abs(prediction - target) / magnitude


def _symmetric_relative_error_slope(
    xp: Namespace, prediction: Array, target: Array, eps: Parameter
) -> Array:
    magnitude = _mean_magnitude(xp, prediction, target)
    clipped = xp.clip(magnitude, 0.5 * eps, None)
    shared = 0.5 * xp.abs(target) + 0.5 * sign(xp, prediction) * target
    share = xp.where(magnitude > 0.5 * eps, shared / clipped, 1.0)
    return sign(xp, prediction - target) * share / clipped


symmetric_relative_error = Formula(
    "smape",
    _symmetric_relative_error,
    _symmetric_relative_error_slope,
    parameters=(ParameterSpec("eps", NOT_NEGATIVE),),
)


# value = |t|, by which wmape divides
def _absolute_target(xp: Namespace, prediction: Array, target: Array) -> Array:
    return stretched(xp, xp.abs(target), prediction)


absolute_target = Formula(
    "wmape",
    _absolute_target,
    options=tuple(each for each in OPTION_NAMES if each != "reduction"),
)
