"""The sums of which a loss is made, each as a loss of its own, and what combines them.

Such sums over parts of the items add up to those over all, whatever the parts are: nothing in them
depends on what the other parts hold, as the unit of a norm does.
"""

import math
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from multiloss._core.combinations import MEAN, ROOT, Combination, exponent_of, is_two
from multiloss._core.loss import Loss
from multiloss._core.measures import LARGEST
from multiloss._core.sums import Sums
from multiloss._core.terms import Term, difference
from multiloss._typing import OPTION_NAMES, Array, DType, Namespace, Parameter


class Additive(NamedTuple):
    """A loss as sums of terms."""

    sums: tuple[Loss, ...]
    weight: Loss  # what a mean divides by
    combination: Combination


def additive(loss: Loss) -> Additive:
    """Return a loss as sums that add up, or raise TypeError if it is none."""
    if "additive" not in loss.derived:
        loss.derived["additive"] = _additive(loss)
    found: Additive = loss.derived["additive"]
    return found


def _additive(loss: Loss) -> Additive:
    terms, combination = loss.terms, loss.combination
    if loss.measure is LARGEST:
        terms = tuple(Term(partial(_square_of_size, terms[0], size)) for size in _SIZES)
        combination = ROOT_OF_SIZES
    elif loss.measure is not None:
        raise TypeError(
            f"{loss.name} of a part depends on the other parts; call it for whole vectors, and add "
            "up what it returns"
        )
    return Additive(
        tuple(_sum(loss, each) for each in terms),
        _sum(loss, loss.divisor or Term(_vector_one if loss.is_vector else _one), scale=1.0),
        combination,
    )


def _sum(loss: Loss, term: Term, **changes: Any) -> Loss:
    is_whole = term is loss.terms[0] and loss.combination is MEAN
    return replace(
        loss,
        terms=(term,),
        combination=MEAN,
        measure=None,
        divisor=None,
        reduction="sum",
        kernel=loss.kernel if is_whole else None,
        options=OPTION_NAMES,
        **changes,
    )


def _one(xp: Namespace, prediction: Array, target: Array, *_: Parameter) -> Array:
    both = prediction + target
    return xp.ones_like(xp.real(both) if xp.isdtype(both.dtype, "complex floating") else both)


def _vector_one(xp: Namespace, prediction: Array, *_: Any) -> Array:
    return xp.ones_like(prediction[..., 0])


# The squares of small and of large residuals are added up apart, each multiplied by a power of two
# of its own, so that none overflows or vanishes (Blue, 1978). With b the power of two up to which
# the dtype reaches, and f = 2^(-3b/4),
#
# small:  |r| < 2^(-3b/8)   Σ (r/f)²
# middle:                   Σ r²
# large:  |r| > 2^(3b/8)    Σ (r f)²
#
# so that 2^(b/4) of them can be added up. Other powers than squares would need more sizes; they are
# all in the middle.
_SIZES = ("small", "middle", "large")


def _square_of_size(
    term: Term, size: str, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    residual = (term.residual or difference)(xp, prediction, target)
    is_complex = xp.isdtype(residual.dtype, "complex floating")
    parts = (xp.real(residual), xp.imag(residual)) if is_complex else (residual,)
    if not is_two(exponent_of(parameters)):
        value = term.value(xp, prediction, target, *parameters)
        return value if size == "middle" else xp.zeros_like(value)
    largest = xp.abs(parts[0]) if len(parts) == 1 else xp.maximum(*map(xp.abs, parts))
    factor, bound = _factor_and_bound(xp, largest.dtype)
    is_small, is_large = largest < 1 / bound, largest > bound
    # What is not a number is neither.
    chosen = {"small": is_small, "large": is_large, "middle": ~(is_small | is_large)}[size]
    scale = {"small": 1 / factor, "large": factor, "middle": 1.0}[size]
    # Multiplied before it is selected: a compiler would multiply both factors of the square, which
    # overflows.
    scaled = [xp.where(chosen, scale * each, 0.0) for each in parts]
    return sum(each * each for each in scaled[1:]) + scaled[0] * scaled[0]


def _factor_and_bound(xp: Namespace, dtype: DType) -> tuple[float, float]:
    """Return what large residuals are multiplied with, and from where on they are large."""
    _, exponent = math.frexp(float(xp.finfo(dtype).max))
    return 2.0 ** -(3 * exponent // 4), 2.0 ** (3 * exponent // 8)


# value = the root of the mean or the sum of the squares of all sizes, in the unit of the largest
def _root_of_sizes(
    xp: Namespace, sums: Sums, empty: Any, parameters: tuple[Parameter, ...], _: Any
) -> Array:
    small, middle, large = sums.terms

    def root(total: Array) -> Array:
        return ROOT.value(xp, Sums((total,), sums.weight), empty, parameters, 1.0)

    if not is_two(exponent_of(parameters)):
        return root(middle)
    factor, _ = _factor_and_bound(xp, middle.dtype)
    is_large = large > 0
    is_small = (middle == 0) & (small > 0) & ~is_large
    # Both branches of where() are differentiated: those that are dropped get 1.
    # Multiplied twice by a factor, with a selection between: its square vanishes, and a compiler
    # would take that.
    middle_in_large = xp.where(is_large, middle * factor, 0.0) * factor
    small_in_middle = xp.where(is_large | is_small, 0.0, small * factor) * factor
    in_large = xp.where(is_large, large + middle_in_large, 1.0)
    in_small = xp.where(is_small, small, 1.0)
    in_middle = xp.where(is_large | is_small, 1.0, middle + small_in_middle)
    others = xp.where(is_small, root(in_small) * factor, root(in_middle))
    return xp.where(is_large, root(in_large) / factor, others)


def _no_slopes(*_: Any) -> Any:
    raise NotImplementedError  # nothing takes the closed form of merged sums


ROOT_OF_SIZES = Combination(_root_of_sizes, _no_slopes)
