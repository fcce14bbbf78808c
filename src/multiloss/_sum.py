"""The sum of losses as one loss, so that it is validated once and goes over the data once."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from multiloss._core.combinations import MEAN
from multiloss._core.loss import Loss
from multiloss._core.terms import Term
from multiloss._typing import Array, Namespace, Parameter


class Part(NamedTuple):
    """A loss of a sum: its weight, its term, and where its parameters stand among all."""

    weight: float
    term: Term
    parameters: slice


def sum_of(losses: Sequence[Loss], weights: Sequence[float]) -> Loss | None:
    """Return the weighted sum of losses as a loss; None for losses that have no common sum."""
    first = losses[0]
    if any(not _is_one_term(each) or not _are_alike(first, each) for each in losses):
        return None
    parts, start = [], 0
    for weight, loss in zip(weights, losses, strict=True):
        stop = start + len(loss.parameters)
        parts.append(Part(weight * loss.scale, loss.terms[0], slice(start, stop)))
        start = stop
    return Loss(
        " + ".join(each.name for each in losses),
        (
            Term(
                partial(_value, parts), partial(_slope, parts), curvature=partial(_curvature, parts)
            ),
        ),
        parameters=tuple(spec for each in losses for spec in each.parameters),
        reduction=first.reduction,
        takes_signs=first.takes_signs,
        stand_in=first.stand_in,
    )


def _is_one_term(loss: Loss) -> bool:
    return (
        len(loss.terms) == 1
        and loss.terms[0].slope is not None
        and loss.terms[0].curvature is not None
        and loss.combination is MEAN
        and loss.measure is None
        and loss.divisor is None
        and not loss.is_vector
        and not loss.is_custom
    )


def _are_alike(one: Loss, other: Loss) -> bool:
    same = ("reduction", "takes_signs", "stand_in")
    return all(getattr(one, name) == getattr(other, name) for name in same)


def _value(
    parts: Sequence[Part], xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    values = [
        weight * term.value(xp, prediction, target, *parameters[places])
        for weight, term, places in parts
    ]
    return _added(values)


def _slope(
    parts: Sequence[Part], xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    slopes = []
    for weight, term, places in parts:
        assert term.slope is not None  # noqa: S101  by _is_one_term
        slope = term.slope(xp, prediction, target, *parameters[places])
        slopes.append(weight * term.slope_scale * slope)
    return _added(slopes)


def _curvature(
    parts: Sequence[Part], xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    curvatures = []
    for weight, term, places in parts:
        assert term.curvature is not None  # noqa: S101  by _is_one_term
        curvature = term.curvature(xp, prediction, target, *parameters[places])
        curvatures.append(weight * term.slope_scale * curvature)
    return _added(curvatures)


def _added(arrays: Sequence[Array]) -> Array:
    total = arrays[0]
    for each in arrays[1:]:
        total = total + each
    return total
