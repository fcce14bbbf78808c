"""The loss between two directions."""

from multiloss._formulas.formula import Formula, stretched
from multiloss._typing import Array, Namespace, Parameter


# The squares of one operand alone, in the shape that both have together.
def _prediction(xp: Namespace, prediction: Array, target: Array) -> Array:
    return stretched(xp, 1.0 * prediction, target)


def _target(xp: Namespace, prediction: Array, target: Array) -> Array:
    return stretched(xp, 1.0 * target, prediction)


def _squared_prediction(xp: Namespace, prediction: Array, target: Array) -> Array:
    return _prediction(xp, prediction, target) ** 2


def _squared_target(xp: Namespace, prediction: Array, target: Array) -> Array:
    return _target(xp, prediction, target) ** 2


length_of_prediction = Formula(
    "cosine_distance", _squared_prediction, residual=_prediction, is_norm=True
)
length_of_target = Formula("cosine_distance", _squared_target, residual=_target, is_norm=True)


# û     = y / |y|, v̂ = t / |t|, d = Σ w |û - v̂|² / 2
#
# value = |û - v̂|² / 2, whose weighted sum d is 1 - cos(y, t)
# slope = (û - v̂ - d û) / |y|
#
# The difference of unit vectors keeps the digits that 1 - cos loses where they are nearly equal.
# The slope is that of the sum d: a change of one y changes |y| for all elements.
def _difference(
    prediction: Array, target: Array, prediction_length: Array, target_length: Array
) -> Array:
    return prediction / prediction_length - target / target_length


def _half_squared_difference(  # noqa: PLR0917  parameters are positional
    xp: Namespace,  # noqa: ARG001  as all
    prediction: Array,
    target: Array,
    prediction_length: Array,
    target_length: Array,
    distance: Parameter,  # noqa: ARG001  for the slope
) -> Array:
    difference = _difference(prediction, target, prediction_length, target_length)
    return 0.5 * difference * difference


def _difference_slope(  # noqa: PLR0917  ditto
    xp: Namespace,  # noqa: ARG001  as all
    prediction: Array,
    target: Array,
    prediction_length: Array,
    target_length: Array,
    distance: Array,
) -> Array:
    difference = _difference(prediction, target, prediction_length, target_length)
    return (difference - distance * (prediction / prediction_length)) / prediction_length


difference_of_directions = Formula(
    "cosine_distance",
    _half_squared_difference,
    _difference_slope,
    options=("axis", "weight", "where", "keepdims", "broadcast"),
)
