"""What formulas compute with in NumPy: its namespace, and more."""

from types import ModuleType
from typing import Any

import numpy as np

from multiloss._typing import Array

ROW = 2**13  # elements


def sum_of_products(first: Array, second: Array) -> Array:
    """Return Σ a·b.

    In rows: one long product loses up to four digits in float32, and starts threads that are often
    slower than one.
    """
    if first.ndim != 1:
        order: Any = "K" if first is second else "C"
        first, second = first.ravel(order), second.ravel(order)
    rows = first.size // ROW
    if rows <= 1:
        return first.dot(second)
    end = rows * ROW
    products = np.vecdot(first[:end].reshape(rows, ROW), second[:end].reshape(rows, ROW))
    return products.sum() + first[end:].dot(second[end:])


_BITS: dict[Any, Any] = {
    np.dtype("float32"): np.dtype("int32"),
    np.dtype("float64"): np.dtype("int64"),
}


def _where_by_bits(condition: Any, first: Any, second: Any) -> Array:
    """Return where(), by bits: to branch by a condition without a pattern is slow."""
    array = first if type(second) is float else second
    bits = _BITS.get(getattr(array, "dtype", None))
    if bits is None or not _have_one_layout(condition, first, second, array):
        return np.where(condition, first, second)
    # What does not depend on an element is predicted, and a copy is faster.
    selected = np.count_nonzero(condition)
    if selected in {0, array.size}:
        chosen = first if selected else second
        return np.full_like(array, chosen) if type(chosen) is float else chosen.copy()
    # All bits of what is selected, and none of the others.
    mask: Any = np.negative(condition.view(np.int8), dtype=bits, casting="unsafe")
    first, second = (np.asarray(each, array.dtype).view(bits) for each in (first, second))
    if second.ndim or second:  # 0.0 has no bits, and -0.0 has
        mask &= first ^ second
        mask ^= second
    else:
        mask &= first
    return mask.view(array.dtype)


def _have_one_layout(condition: Any, first: Any, second: Any, array: Array) -> bool:
    """Tell whether a condition, and two arrays or an array and a number, have one layout."""
    wanted = (condition, np.bool_), (first, array.dtype), (second, array.dtype)
    return all(
        type(each) is np.ndarray
        and each.dtype == dtype
        and each.shape == array.shape
        and each.flags.c_contiguous
        for each, dtype in wanted
        if type(each) is not float
    )


def _clip(array: Any, lowest: Any, highest: Any) -> Array:
    """Return clip(), by the method: np.clip() takes longer than its work where an array is small.

    One bound alone would become maximum() or minimum(), which take longer where it is large.
    """
    bounds = -np.inf if lowest is None else lowest, np.inf if highest is None else highest
    result: Array = array.clip(*bounds)
    return result


def _put_at_label(array: Array, label: Array, value: Any) -> Array:
    if array.ndim == 2:  # noqa: PLR2004  vectors, of which NumPy's function takes longer
        array[np.arange(array.shape[0]), label[:, 0]] = value if np.isscalar(value) else value[:, 0]
    else:
        np.put_along_axis(array, label, value, axis=-1)
    return array


def _take_along_axis(array: Array, label: Array, axis: int) -> Array:
    if array.ndim == 2:  # noqa: PLR2004  ditto
        return array[np.arange(array.shape[0]), label[:, 0]][:, None]
    return np.take_along_axis(array, label, axis)


def _exponentials(scores: Array) -> Array:
    shifted = scores - np.maximum.reduce(scores, axis=-1, keepdims=True)
    return np.exp(shifted, out=shifted)


def _all_above(array: Array, bound: float) -> bool:
    return not array.size or bool(np.minimum.reduce(array, axis=None) > bound)


def _is_positive(array: Array) -> Array:
    return (array > 0).astype(array.dtype)


# Without axes a result is a scalar, which cannot be written to.
def _log1p_exp(array: Array) -> Array:
    result = np.exp(array)
    return np.log1p(result, out=result if result.ndim else None)


def _sigmoid_of_negative(array: Array) -> Array:
    small = np.exp(array)
    result = 1 + small
    return np.divide(small, result, out=result if result.ndim else None)


def _all_numbers(array: Array) -> bool:
    """Tell whether nothing is NaN."""
    return not np.isnan(sum_of_products(array, array))


def _all_indices(label: Array, classes: int) -> bool:
    # Negative ones are large as numbers without a sign.
    return not label.size or bool(np.maximum.reduce(label.view(np.uintp), axis=None) < classes)


# NumPy, faster where an array is small, and what losses compute with beyond the standard.
xp: Any = ModuleType(np.__name__)
vars(xp).update(
    vars(np),
    clip=_clip,
    take_along_axis=_take_along_axis,
    put_at_label=_put_at_label,
    exponentials=_exponentials,
    all_above=_all_above,
    all_indices=_all_indices,
    all_numbers=_all_numbers,
    is_positive=_is_positive,
    log1p_exp=_log1p_exp,
    sigmoid_of_negative=_sigmoid_of_negative,
    is_constant=True,
    is_eager=True,
)

# The same for many elements, with a selection whose time does not depend on the condition.
xp_by_bits: Any = ModuleType(np.__name__)
vars(xp_by_bits).update(vars(xp), where=_where_by_bits)
