"""The sum of losses as one loss, so that it is validated once and goes over the data once."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from multiloss._core.combinations import MEAN
from multiloss._core.loss import Loss
from multiloss._core.terms import Elementwise, Term
from multiloss._typing import OPTION_NAMES, Array, Namespace, Parameter


class Part(NamedTuple):
    """A formula of a sum: its factor, and where its parameters stand among all."""

    factor: float
    formula: Any  # Elementwise
    parameters: slice


def sum_of(losses: Sequence[Loss], factors: Sequence[float]) -> Loss | None:
    """Return the sum of multiples of losses as a loss; None for losses that have no common sum."""
    first = losses[0]
    if any(not _is_one_term(each) or not _are_alike(first, each) for each in losses):
        return None
    if all(each.takes_complex for each in losses):
        return None  # squares, whose sum is none to an engine
    values, slopes, curvatures = [], [], []
    start = 0
    for given, loss in zip(factors, losses, strict=True):
        term, factor = loss.terms[0], given * loss.scale
        places = slice(start, start + len(loss.parameters))
        values.append(Part(factor, term.value, places))
        slopes.append(Part(factor * term.slope_scale, term.slope, places))
        curvatures.append(Part(factor * term.slope_scale, term.curvature, places))
        start = places.stop
    value, slope, curvature = map(_added, (values, slopes, curvatures))
    return Loss(
        " + ".join(each.name for each in losses),
        (Term(value, slope, curvature=curvature),),
        # Names that differ, since operands are told apart by them.
        parameters=tuple(
            spec._replace(name=f"{spec.name} of {loss.name} (term {place})")
            for place, loss in enumerate(losses, 1)
            for spec in loss.parameters
        ),
        reduction=first.reduction,
        takes_signs=first.takes_signs,
        stand_in=first.stand_in,
        options=tuple(
            name for name in OPTION_NAMES if all(name in each.options for each in losses)
        ),
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


def _added(parts: Sequence[Part]) -> Elementwise:
    return partial(_sum, tuple(parts))


def _sum(
    parts: Sequence[Part], xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    total: Any = None
    for factor, formula, places in parts:
        each = factor * formula(xp, prediction, target, *parameters[places])
        total = each if total is None else total + each
    return total
