"""Questions about shapes and axes; sizes that a lazy engine does not know yet fit any other."""

import operator
from collections.abc import Iterable
from typing import Any

from multiloss._typing import Axis, Shape


def equal_shapes(first: Shape, second: Shape) -> bool:
    """Tell whether two shapes agree; a size that is not known yet agrees with every size."""
    return len(first) == len(second) and all(map(_agree, first, second))


def fits(shape: Shape, full: Shape) -> bool:
    """Tell whether ``shape`` has the axes of ``full``, each of equal size or of size one."""
    return len(shape) == len(full) and all(
        _agree(size, other) or _is_one(size) for size, other in zip(shape, full, strict=True)
    )


def broadcast_shape(first: Shape, second: Shape) -> Shape | None:
    """Return the shape to which both broadcast, or None where there is none."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    shorter = (1,) * (len(longer) - len(shorter)) + shorter
    sizes = []
    for a, b in zip(longer, shorter, strict=True):
        if _is_one(b):
            sizes.append(a)
        elif _is_one(a) or _agree(a, b):
            sizes.append(a if _is_known(a) and not _is_one(a) else b)
        else:
            return None
    return tuple(sizes)


def normalized_axis(axis: Axis, ndim: int) -> tuple[int, ...] | None:
    """Return the axes counted from the front, or None for all of them."""
    if axis is None:
        return None
    given: Iterable[Any] = axis if isinstance(axis, tuple) else (axis,)
    try:
        axes = tuple(operator.index(each) for each in given)
    except TypeError:
        message = f"axis must be None, an int or a tuple of ints; got {axis!r}"
        raise ValueError(message) from None
    counted = tuple(each + ndim if each < 0 else each for each in axes)
    if any(not 0 <= each < ndim for each in counted):
        allowed = f"axes {-ndim} to {ndim - 1}" if ndim else "no axis"
        raise ValueError(f"axis={axis!r} is out of range: the loss has {allowed}")
    if len(set(counted)) != len(counted):
        raise ValueError(f"axis={axis!r} names an axis twice")
    return counted


def _is_known(size: object) -> bool:
    return isinstance(size, int)


def _is_one(size: object) -> bool:
    return _is_known(size) and size == 1


def _agree(first: object, second: object) -> bool:
    return not (_is_known(first) and _is_known(second)) or first == second
