"""The unit in which a loss measures its elements: found in a first pass, and given to the terms."""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from multiloss._core.combinations import exponent_of, is_one, is_two
from multiloss._core.namespaces import without_derivative
from multiloss._core.records import replaced
from multiloss._core.terms import Term, difference, square
from multiloss._typing import Array, DType, Namespace

if TYPE_CHECKING:
    from multiloss._core.loss import Loss
    from multiloss._core.plan import Items, Plan


class Measured(NamedTuple):
    """Terms and elements in a unit."""

    terms: tuple[Term, ...]
    items: "Items"
    slope: Array | None  # the derivative of the measured prediction, the unit left out


class Measure(NamedTuple):
    """A first pass over the elements.

    ``unit`` takes the namespace, the plan, the elements and the values of ``losses``, whose axes
    are kept; it is 1.0 where sums neither overflow nor vanish. ``apply`` takes the namespace, the
    terms, the elements and the unit.
    """

    unit: Callable[..., Any]
    apply: Callable[..., Measured]
    losses: tuple["Loss", ...] = ()


# The base-2 logarithm of a power that overflows in no dtype.
_LARGEST_LOG2 = 60.0


# Of measured items, whose prediction is the residual.
def _held_residual(xp: Namespace, prediction: Array, target: Any) -> Array:  # noqa: ARG001
    return prediction


_SQUARE = square(_held_residual)


def _unit(xp: Namespace, plan: "Plan", items: "Items") -> Array:
    """Return a number of about the size of the largest residual, by which it can be divided."""
    residual = _residual(xp, plan.loss.terms[0], items)
    # A constant, so that nothing differentiates the maximum: of a DTensor that gives NaN, of which
    # there is no issue upstream yet.
    largest = without_derivative(xp, _largest(xp, residual, items.weight, plan))
    unit = _power_of_two_above(xp, largest)
    if is_two(exponent_of(items.parameters)):
        return unit
    return unit * _as_constant(xp, largest / unit)


def _in_unit(xp: Namespace, terms: tuple[Term, ...], items: "Items", unit: Array) -> Measured:
    term, weight = terms[0], items.weight
    residual, exponent = _residual(xp, term, items), exponent_of(items.parameters)
    if weight is not None:
        # The unit ignores what has no weight, whose power must not overflow then.
        beyond = xp.abs(residual) / unit > 2.0 ** (_LARGEST_LOG2 / exponent)
        residual = xp.where((weight == 0) & beyond, 0.0 * residual, residual)
    if not is_two(exponent):
        residual = _quotient(xp, residual, unit)
    elif not is_one(unit):
        residual = residual / unit
    slope = None
    if term.residual_slope is not None:
        slope = term.residual_slope(xp, items.prediction, items.target)
    measured = replaced(items, prediction=residual, target=0.0)
    return Measured((_SQUARE if term.is_square else term,), measured, slope)


# The powers of a norm overflow and vanish long before the norm does, so the residuals are measured
# in a unit of about the size of the largest.
LARGEST = Measure(_unit, _in_unit)


def _residual(xp: Namespace, term: Term, items: "Items") -> Array:
    residual = difference if term.residual is None else term.residual
    return residual(xp, items.prediction, items.target)


def _largest(xp: Namespace, residual: Array, weight: Array | None, plan: "Plan") -> Array:
    """Return the largest absolute residual that has a weight, or 1 in its place."""
    if plan.is_complex:
        residual = xp.maximum(xp.abs(xp.real(residual)), xp.abs(xp.imag(residual)))
    largest = xp.abs(residual)
    if weight is not None:
        largest = xp.where(weight == 0, 0.0, largest)
    if plan.axes != ():
        reduced = xp.sum if 0 in largest.shape else xp.max
        largest = reduced(largest, axis=plan.axes, keepdims=plan.keeps_axes)
    return xp.where((largest > 0) & (largest < xp.inf), largest, 1.0)


def _quotient(xp: Namespace, residual: Array, largest: Array) -> Array:
    """Return the residuals divided by the largest, which may be the largest number there is.

    The quotient of the largest is exactly 1, so that no power of that vanishes or overflows.
    """
    # A compiler may multiply with the reciprocal, which must not be subnormal.
    shrink = xp.where(largest > 1, 0.25, xp.ones_like(largest))
    return residual * shrink / (largest * shrink)


def _as_constant(xp: Namespace, quotient: Array) -> Array:
    """Return a number between 1/4 and 4 unchanged, as a constant to differentiation.

    Times this power of two it is an integer already, which ceil() gives back without a derivative.
    """
    scale = 8 / xp.finfo(quotient.dtype).eps
    return xp.ceil(quotient * scale) / scale


def _power_of_two_above(xp: Namespace, largest: Array) -> Array:
    """Return a unit by which the division is exact.

    The derivative of ceil() is zero. So is that of the norm with respect to the unit, but not for
    rounding.
    """
    # Neither the unit overflows, then, nor is its reciprocal subnormal.
    limit = 0.25 * xp.finfo(largest.dtype).max
    largest = xp.where(largest < limit, largest, limit)
    return 2.0 ** xp.ceil(xp.log2(largest))


@lru_cache
def safe_range(xp: Namespace, dtype: DType, exponent: float) -> tuple[float, float]:
    limits = xp.finfo(dtype)
    half = 0.5 / exponent
    return float(limits.smallest_normal) ** half, float(limits.max) ** half
