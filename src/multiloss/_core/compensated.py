"""Sums that keep what rounding loses: a number and a correction, whose sum is the value."""

from typing import NamedTuple

from multiloss._typing import Array, Namespace


class Compensated(NamedTuple):
    """A rounded sum, and what is missing in it."""

    sum: Array
    correction: Array


def added(xp: Namespace, one: Compensated, other: Compensated) -> Compensated:
    """Return the sum of two, of which no digit of either is lost (Knuth, 1969)."""
    total = one.sum + other.sum
    rest = total - one.sum
    missing = (one.sum - (total - rest)) + (other.sum - rest)
    correction = one.correction + other.correction + missing
    # Of infinite sums nothing is missing.
    correction = xp.where(xp.isfinite(total), correction, xp.zeros_like(total))
    # What is missing may have grown beyond a digit of the sum.
    result = total + correction
    correction -= result - total
    return Compensated(result, xp.where(xp.isfinite(result), correction, xp.zeros_like(result)))
