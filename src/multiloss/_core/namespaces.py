"""What a namespace tells of itself, beyond the standard.

One that is eager has ``all_above``, ``all_indices`` and ``all_numbers``, which look at numbers.
What others have beside is looked up by its name.
"""

from multiloss._typing import Array, Namespace


def is_constant(xp: Namespace) -> bool:
    """Tell whether nothing is differentiated."""
    return getattr(xp, "is_constant", False)


def is_eager(xp: Namespace) -> bool:
    """Tell whether numbers may be looked at, too, since nothing traces them."""
    return getattr(xp, "is_eager", False)


def without_derivative(xp: Namespace, array: Array) -> Array:
    """Return an array of which no derivative is taken, on an engine that takes some."""
    stop = getattr(xp, "stop_gradient", None)
    return array if stop is None else stop(array)
