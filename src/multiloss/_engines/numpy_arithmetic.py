"""What strategies ask of NumPy."""

import math
from typing import Any

import numpy as np

from multiloss._core.plan import Items, Plan
from multiloss._core.sums import Total, repeats_of_weight
from multiloss._core.terms import Term
from multiloss._engines.numpy_namespace import ROW, sum_of_products, xp, xp_by_bits
from multiloss._strategies.arithmetic import Arithmetic, InPlaceArithmetic
from multiloss._typing import Array

_MANY = 2**13  # elements from which on a selection by bits is faster
_SMALLEST_TOTAL = 2.0**-60  # below, the quotient of a factor and a total may overflow
_FLOAT32, _FLOAT64 = np.dtype("float32"), np.dtype("float64")


class NumPyArithmetic(InPlaceArithmetic):
    """Takes products for sums, and adds single precision up in double."""

    def term_sum(self, plan: Plan, term: Term, items: Items) -> Array:
        weight = items.weight
        if plan.axes is None and items.where is None and not plan.keepdims:
            if weight is None and term.is_square and not plan.is_complex:
                residual: Any = term.residual
                values = residual(np, items.prediction, items.target)
                return sum_of_products(values, values)
            if weight is not None and weight.shape == plan.shape:
                return sum_of_products(self.values(plan, term, items), weight)
        return super().term_sum(plan, term, items)

    def sum(self, plan: Plan, values: Array) -> Array:
        axes = plan.axes
        if axes == ():
            return values
        # NumPy adds along leading axes one by one, which in single precision ends at 2²⁴ equal
        # terms.
        if axes is not None and values.dtype == _FLOAT32:
            wide = _add(values, axis=axes, dtype=_FLOAT64, keepdims=plan.keeps_axes)
            return wide.astype(_FLOAT32)
        if axes is None and not plan.keepdims:
            return _sum(values)
        return _add(values, axis=axes, keepdims=plan.keeps_axes)

    def total(self, plan: Plan, items: Items) -> Total:
        weight, where, shape = items.weight, items.where, plan.shape
        if weight is None:
            if where is None:
                return plan.reduced_size
            weight = where
            if plan.axes is None and not plan.keepdims:
                return int(np.count_nonzero(where)) * repeats_of_weight(where.shape, shape, None)
        elif where is not None:
            weight = self.xp.where(where, weight, 0.0)
        dtype = _FLOAT64 if plan.real_dtype == _FLOAT32 else plan.real_dtype
        total = _add(weight, axis=plan.axes, dtype=dtype, keepdims=plan.keeps_axes)
        stretch = repeats_of_weight(weight.shape, shape, plan.axes)
        if stretch != 1:
            total = total * stretch
        if total.ndim == 0 and dtype is _FLOAT64:
            return float(total)
        return total.astype(plan.real_dtype)

    def scaled_slopes(
        self, slopes: Array, above: Array | float, below: Any, out: Array | None = None
    ) -> Array:
        if isinstance(below, (int, float)) and below > _SMALLEST_TOTAL:
            above, below = above / below, None
        if below is None and out is None and isinstance(above, float):
            # Not into itself by out=, since a slope without axes is a scalar.
            if above != 1.0:
                slopes *= above
            return slopes
        dtype = slopes.real.dtype
        if below is not None:
            nothing = np.equal(below, 0)
            slopes /= np.where(nothing, 1.0, below).astype(dtype)
            if nothing.any():
                slopes = np.where(nothing, 0.0, slopes)
        if not isinstance(above, float):
            above = above.astype(dtype)
        if out is not None and out.dtype == slopes.dtype:
            return np.multiply(slopes, above, out=out)
        slopes *= above
        return slopes


_ONES = {each: np.ones(ROW, each) for each in (_FLOAT32, _FLOAT64)}


def _sum(values: Array) -> Array:
    """Return the sum, by products with ones where those are faster."""
    ones = _ONES.get(values.dtype)
    rows = values.size // ROW
    if ones is None or rows <= 1 or not values.flags.c_contiguous:
        return _add(values, axis=None)
    values = values.ravel()
    end = rows * ROW
    return np.vecdot(values[:end].reshape(rows, ROW), ones).sum() + _add(values[end:])


# Typed for keepdims=False and True, but not for either.
_add: Any = np.add.reduce


PLAIN = Arithmetic(xp)
BY_BITS = NumPyArithmetic(xp_by_bits)
_OF_FEW = NumPyArithmetic(xp)


def arithmetic_of(plan: Plan) -> NumPyArithmetic:
    """Return what is faster for as many elements."""
    return _OF_FEW if math.prod(plan.full_shape) < _MANY else BY_BITS
