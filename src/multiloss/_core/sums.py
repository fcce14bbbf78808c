"""The sums of a loss, and their quotient.

Sums over parts of the elements add up to those over all. Nothing is divided before.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from multiloss._core.namespaces import is_constant
from multiloss._typing import Array, Namespace, Shape

# Not negative; None stands for all of them.
Axes: TypeAlias = tuple[int, ...] | None

# Σ w: a number where an engine knows it without waiting, None where nothing is divided by it.
Total: TypeAlias = Array | float | None

# What a slope is multiplied with, and what it is divided by: None stands for one, and a slope over
# zero is zero. A quotient of the two might overflow.
Factor: TypeAlias = tuple[Array | float, Total]


class Sums(NamedTuple):
    """Σ w·term for each term of a loss, and Σ w."""

    terms: tuple[Array, ...]
    weight: Total

    def add_at(self, place: Any, part: "Sums") -> None:
        """Add the sums of a part of the elements where they belong, in place."""
        for total, each in zip((*self.terms, self.weight), (*part.terms, part.weight), strict=True):
            if each is not None:
                total[place] += each


def divided(xp: Namespace, numerator: Array, total: Total, empty: Any) -> Array:
    """Return numerator / total, and ``empty`` (NaN for None) where the total is zero."""
    if total is None:
        return numerator
    if isinstance(total, int):
        # A sum of nothing is 0, and 0 / 0 is NaN without asking whether the count is 0, which a
        # compiler may not know. To add to the sum keeps it in the graph of an autodiff engine.
        if empty is None or total:
            return numerator / total
        return as_dtype_of(xp, numerator + empty, numerator)
    if isinstance(total, float):
        if total:
            return numerator / total
        total = xp.zeros_like(numerator)
    nothing = total == 0
    # Both branches of where() are differentiated: the dropped one must not divide by zero.
    quotient = numerator / (total if is_constant(xp) else xp.where(nothing, 1.0, total))
    instead = xp.nan if empty is None else empty
    return as_dtype_of(xp, xp.where(nothing, instead, quotient), quotient)


def replaced_where_empty(xp: Namespace, value: Array, total: Total, empty: Any) -> Array:
    """Return a value, and ``empty`` (NaN for None) where the total is zero."""
    if total is None or (isinstance(total, (int, float)) and total):
        return value
    instead = xp.nan if empty is None else empty
    if isinstance(total, (int, float)):
        total = xp.zeros_like(value)
    return as_dtype_of(xp, xp.where(total == 0, instead, value), value)


def repeats_of_weight(given: Shape, shape: Shape, axes: Axes) -> int:
    """Return how often each of the weights of a shape counts in the sum over axes of another."""
    if given == shape:
        return 1
    reduced = range(len(shape)) if axes is None else axes
    return math.prod([shape[each] for each in reduced if given[each] == 1])


def count(shape: Sequence[Any], axes: Axes) -> int:
    """Return how many elements are reduced to one."""
    return math.prod(shape if axes is None else [shape[each] for each in axes])


def as_dtype_of(xp: Namespace, array: Array, other: Array) -> Array:
    """Return an array in the dtype of another."""
    return array if array.dtype == other.dtype else xp.astype(array, other.dtype)
