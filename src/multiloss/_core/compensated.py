"""Sums that keep what rounding loses: a number and a correction, whose sum is the value."""

from typing import NamedTuple

from multiloss._typing import Array, Namespace


class Compensated(NamedTuple):
    """A rounded sum, and what is missing in it."""

    rounded: Array
    correction: Array


def added(xp: Namespace, one: Compensated, other: Compensated) -> Compensated:
    """Return the sum of two, in about twice the precision (TwoSum; Knuth, 1969)."""
    rounded = one.rounded + other.rounded
    rest = rounded - one.rounded
    missing = (one.rounded - (rounded - rest)) + (other.rounded - rest)
    correction = _if_finite(xp, rounded, one.correction + other.correction + missing)
    # Moved into the sum as far as that holds it (FastTwoSum; Dekker, 1971).
    result = rounded + correction
    return Compensated(result, _if_finite(xp, result, correction - (result - rounded)))


def _if_finite(xp: Namespace, rounded: Array, correction: Array) -> Array:
    """Return a correction, and zero for a sum that is infinite: inf - inf is NaN."""
    return xp.where(xp.isfinite(rounded), correction, xp.zeros_like(rounded))
