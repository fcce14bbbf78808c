"""The terms of the Kullback–Leibler divergence, element by element, as PyTorch has them."""

from typing import Any

from multiloss._call import evaluate
from multiloss._core.loss import Loss
from multiloss._core.terms import Term, zero_curvature
from multiloss._losses.numerics import broadcast_with
from multiloss._typing import Array, ArrayT, Namespace, Operand


# value = t (log t - y), where 0 log(0) is 0
# slope = -t
def _of_probability(xp: Namespace, prediction: Array, target: Array) -> Array:
    nothing = target == 0
    terms = target * (xp.log(xp.where(nothing, 1.0, target)) - prediction)
    return xp.where(nothing, 0.0, terms)


def _of_probability_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return broadcast_with(xp, -target, prediction)


# value = exp(t) (t - y)
# slope = -exp(t)
def _of_logarithm(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.exp(target) * (target - prediction)


def _of_logarithm_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return broadcast_with(xp, -xp.exp(target), prediction)


_OF_PROBABILITY = Loss(
    "kl_terms", (Term(_of_probability, _of_probability_slope, curvature=zero_curvature),)
)
_OF_LOGARITHM = Loss(
    "kl_terms", (Term(_of_logarithm, _of_logarithm_slope, curvature=zero_curvature),)
)


def kl_terms(
    prediction: ArrayT, target: Operand, *, log_target: bool = False, **options: Any
) -> ArrayT:
    """Return the mean of t (log t − y), of the logarithms y of probabilities."""
    loss = _OF_LOGARITHM if log_target else _OF_PROBABILITY
    return evaluate(loss, prediction, target, **options)
