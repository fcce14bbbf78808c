"""The loss between two directions."""

from typing import Any, Unpack

from multiloss._call import evaluate
from multiloss._core.combinations import ROOT, Combination
from multiloss._core.loss import Loss
from multiloss._core.measures import LARGEST, Measure, Measured
from multiloss._core.plan import Items, Plan
from multiloss._core.sums import Factor, Sums
from multiloss._core.terms import Term, difference, square
from multiloss._losses.numerics import broadcast_with
from multiloss._losses.options import with_options
from multiloss._typing import Array, ArrayT, Axis, Namespace, Operand, VectorOptions

# û     = y / |y|, v̂ = t / |t|, d = Σ w |û - v̂|² / 2
#
# value = d, which is 1 - cos(y, t)
# slope = (û - v̂ - d û) / |y|
#
# The difference of unit vectors keeps the digits that 1 - cos loses where they are nearly equal.
# The lengths are measured first. A change of one y changes |y| for all, hence the last term of the
# slope: with P = Σ w û², which is 1, the loss is 1 - ((P + 1) / 2 - d) / √P.
_FAR = 2.0**60  # times a length; the square of what is nearer overflows in no dtype


def _prediction(xp: Namespace, prediction: Array, target: Array) -> Array:
    return broadcast_with(xp, 1.0 * prediction, target)


def _target(xp: Namespace, prediction: Array, target: Array) -> Array:
    return broadcast_with(xp, 1.0 * target, prediction)


_LENGTHS = tuple(
    Loss("cosine_distance", (square(each),), ROOT, LARGEST) for each in (_prediction, _target)
)


def _unit(xp: Namespace, _: Plan, __: Items, first: Array, second: Array) -> tuple[Array, ...]:
    """Return the lengths; where a vector is zero and has no direction; the distance there."""
    no_direction = (first == 0) | (second == 0)
    # Divided by infinity, both vectors are zero, and so is the gradient.
    return (
        xp.where(no_direction, xp.inf, first),
        xp.where(no_direction, xp.inf, second),
        no_direction,
        1.0 + 0.0 * (first + second),  # not a number if the other length is not
    )


def _in_unit(
    xp: Namespace, terms: tuple[Term, ...], items: Items, unit: tuple[Array, ...]
) -> Measured:
    first, second, *_ = unit
    prediction = _quotient(xp, items.prediction, first, items.weight)
    target = _quotient(xp, items.target, second, items.weight)
    return Measured(terms, Items(prediction, target, (), items.weight, items.where), None)


def _quotient(xp: Namespace, array: Array, length: Array, weight: Array | None) -> Array:
    if weight is not None:
        # The length ignores what has no weight, whose square must not overflow then.
        beyond = (weight == 0) & (xp.abs(array) > _FAR * length)
        array = xp.where(beyond, 0.0, array)
    return array / length


def _distance(xp: Namespace, sums: Sums, _: Any, __: Any, unit: tuple[Array, ...]) -> Array:
    (distance,), (_, _, no_direction, instead) = sums.terms, unit
    return xp.where(no_direction, instead, distance)


def _distance_slopes(
    _: Namespace, sums: Sums, __: Any, unit: tuple[Array, ...]
) -> tuple[Factor, ...]:
    (distance,) = sums.terms
    return (1.0, unit[0]), (-distance, unit[0])


def _half_square(_: Namespace, prediction: Array, target: Array) -> Array:
    residual = prediction - target
    return 0.5 * residual * residual


COSINE_DISTANCE = Loss(
    "cosine_distance",
    (Term(_half_square, difference), Term(_prediction, _prediction, is_summed=False)),
    Combination(_distance, _distance_slopes),
    Measure(_unit, _in_unit, _LENGTHS),
    reduction="sum",
    options=("axis", "weight", "where", "keepdims", "broadcast"),
)


@with_options
def cosine_distance(
    prediction: ArrayT, target: Operand, *, axis: Axis = -1, **options: Unpack[VectorOptions]
) -> ArrayT:
    r"""Return the cosine distance of vectors, 1 − cos(y, t).

    .. math:: 1 - \frac{\sum_i w_i \, y_i \, t_i}
        {\sqrt{\sum_i w_i \, y_i^2} \, \sqrt{\sum_i w_i \, t_i^2}}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real, with at least one axis.
    axis : int or tuple of int, default -1
        The axis of the vectors; None for one vector of all elements.
    **options
        ``weight``, ``where``, ``keepdims`` and ``broadcast`` as for :func:`mse`.

    Returns
    -------
    array
        As :func:`mse`, one distance for each vector, between 0 and 2, without a unit. The distance
        of a vector of zeros from any other is 1, with zero gradient.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    There is no ``reduction``: take the mean of the result for the loss of a batch.

    Differentiable but for vectors of zeros. Computed as half the squared distance of the unit
    vectors, which keeps the digits of small angles and is 0 for equal vectors.

    Same definition: ``optax.cosine_distance``, ``scipy.spatial.distance.cosine``.

    ``torch.nn.functional.cosine_similarity`` is 1 minus this, and
    ``keras.losses.cosine_similarity`` this minus 1.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.cosine_distance([[1.0, 0.0], [3.0, 4.0]], [[0.0, 2.0], [3.0, 4.0]])
    array([1., 0.])
    """
    return evaluate(COSINE_DISTANCE, prediction, target, axis=axis, **options)
