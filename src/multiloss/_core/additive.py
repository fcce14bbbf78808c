"""The sums of which a loss is made, each as a loss of its own, and what combines them.

Such sums over parts of the items add up to those over all, whatever the parts are: nothing in them
depends on what the other parts hold, as the unit of a norm does.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from multiloss._core.combinations import MEAN, RATIO, ROOT
from multiloss._core.loss import Loss
from multiloss._core.measures import LARGEST
from multiloss._core.sizes import SIZES, root_of_sizes, square_of_size
from multiloss._core.terms import Term
from multiloss._typing import OPTION_NAMES, Array, Namespace, Parameter


class Additive(NamedTuple):
    """A loss as sums of terms."""

    sums: tuple[Loss, ...]
    divisor: Loss  # what items count in a mean
    combine: Callable[..., Array]  # called as the value of a combination
    takes_parameters: bool  # whether combine reads the parameters of the loss
    # Of a norm, whose sums are by size: all powers in one sum, for where that is in range.
    powers: Loss | None = None


def is_additive(loss: Loss) -> bool:
    """Tell whether a loss is made of sums that add up."""
    return loss.measure is None or loss.measure is LARGEST


def additive(loss: Loss) -> Additive:
    """Return a loss as sums that add up, or raise TypeError if it is none."""
    if "additive" not in loss.derived:
        loss.derived["additive"] = _additive(loss)
    found: Additive = loss.derived["additive"]
    return found


def _additive(loss: Loss) -> Additive:
    terms, combine, powers = loss.terms, loss.combination.value, None
    if loss.measure is LARGEST:
        powers = _sum(loss, loss.terms[0], loss.scale)
        terms = tuple([Term(partial(square_of_size, loss.terms[0], size)) for size in SIZES])
        combine = root_of_sizes
    elif not is_additive(loss):
        raise TypeError(
            f"{loss.name} of a part depends on the other parts; call it for whole vectors, and add "
            "up what it returns"
        )
    return Additive(
        tuple([_sum(loss, each, loss.scale) for each in terms]),
        _sum(loss, loss.divisor or Term(_vector_one if loss.is_vector else _one), 1.0),
        combine,
        takes_parameters=loss.combination not in {MEAN, RATIO},
        powers=powers,
    )


def _sum(loss: Loss, term: Term, scale: float) -> Loss:
    # A kernel gives the sum of the first term alone.
    is_whole = term is loss.terms[0] and loss.combination in {MEAN, ROOT}
    return replace(
        loss,
        terms=(term,),
        combination=MEAN,
        measure=None,
        divisor=None,
        reduction="sum",
        scale=scale,
        kernel=loss.kernel if is_whole else None,
        options=OPTION_NAMES,
    )


def _one(xp: Namespace, prediction: Array, target: Array, *_: Parameter) -> Array:
    both = prediction + target  # which may broadcast
    return xp.ones_like(xp.real(both) if xp.isdtype(both.dtype, "complex floating") else both)


def _vector_one(xp: Namespace, prediction: Array, *_: Any) -> Array:
    return xp.ones_like(prediction[..., 0])
