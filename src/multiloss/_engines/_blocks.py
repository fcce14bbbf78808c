"""The way of eager host arrays: in blocks that fit a cache, whose sums are added up.

The temporaries of a whole large array go through memory several times; those of a block stay in the
cache. The arrays have to support basic indexing and assignment, as those of NumPy and PyTorch do.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeAlias

from multiloss._formulas.formula import Formula, slope_of
from multiloss._reduction import (
    Axes,
    Reduction,
    count,
    finish,
    reduce_values,
    slope_factor,
    stretched_sum,
)
from multiloss._selection import Operands, Selected, select
from multiloss._typing import Array, DType, Namespace, Shape

Index: TypeAlias = tuple[slice, ...]

_SEEN_FREED = 2**25 - 2**16  # bytes; from 32 MiB on, glibc does not learn

# Returns Σ w·l of a block: a scalar over all axes, and else with the reduced axes kept.
BlockSum: TypeAlias = Callable[[Namespace, Formula, Selected, Axes], Array]


def sum_block(xp: Namespace, formula: Formula, block: Selected, axis: Axes) -> Array:
    """Return Σ w·l of a block."""
    values = values_of(xp, formula, block)
    if block.weight is not None:
        values = values * block.weight
    if axis is None:
        return xp.sum(values)
    # NumPy adds along leading axes one by one, which in single precision ends at 2²⁴ equal terms.
    return xp.sum(values, axis=axis, keepdims=True, dtype=_wide(xp, values.dtype))


def values_of(xp: Namespace, formula: Formula, block: Selected) -> Array:
    """Return the losses of the elements in a new array, squared in place if it can be."""
    if formula.residual is None or xp.isdtype(block.prediction.dtype, "complex floating"):
        return formula.value(xp, block.prediction, block.target, *block.parameters)
    values = formula.residual(xp, block.prediction, block.target, *block.parameters)
    values *= values
    return values


def blockwise_value(
    xp: Namespace,
    formula: Formula,
    operands: Operands,
    reduction: Reduction,
    *,
    limit: int,
    sum_block: BlockSum = sum_block,
) -> Array:
    """Return the loss, from blocks of at most ``limit`` elements."""
    if reduction.name == "none":
        values = xp.empty(
            operands.shape, dtype=operands.real_dtype, device=operands.prediction.device
        )
        for index in split(operands.shape, limit):
            block = select(xp, _block(operands, index))
            values[index] = reduce_values(
                xp, values_of(xp, formula, block), block.weight, reduction
            )
        return values
    sums = blockwise_sums(xp, formula, operands, reduction, limit=limit, sum_block=sum_block)
    return finish_sums(xp, *sums, operands, reduction)


def blockwise_value_and_grad(
    xp: Namespace,
    formula: Formula,
    operands: Operands,
    reduction: Reduction,
    *,
    limit: int,
    sum_block: BlockSum = sum_block,
) -> tuple[Array, Array]:
    """Return the loss, and its gradient with respect to a prediction that was not stretched."""
    if reduction.name == "none":
        value = blockwise_value(xp, formula, operands, reduction, limit=limit)
        total: Array | int = 1
    else:
        sums = blockwise_sums(xp, formula, operands, reduction, limit=limit, sum_block=sum_block)
        value = finish_sums(xp, *sums, operands, reduction)
        total = sums[1]
    factor = gradient_factor(xp, formula, total, operands, reduction)
    return value, blockwise_gradient(xp, formula, operands, factor, limit=limit)


def finish_sums(
    xp: Namespace,
    weighted_sum: Array,
    total: Array | int,
    operands: Operands,
    reduction: Reduction,
) -> Array:
    """Return the loss, given Σ w·l and Σ w."""
    # As an array: astype() of NumPy 2.0 refuses a scalar.
    value = xp.astype(finish(xp, weighted_sum, total, reduction)[...], operands.real_dtype)
    axes = range(len(operands.shape)) if reduction.axis is None else reduction.axis
    if reduction.keepdims:
        shape = tuple(1 if k in axes else n for k, n in enumerate(operands.shape))
    else:
        shape = tuple(n for k, n in enumerate(operands.shape) if k not in axes)
    return xp.reshape(value, shape)


def blockwise_sums(
    xp: Namespace,
    formula: Formula,
    operands: Operands,
    reduction: Reduction,
    *,
    limit: int,
    sum_block: BlockSum = sum_block,
) -> tuple[Array, Array | int]:
    """Return Σ w·l and, for a mean, Σ w: scalars over all axes, and else the reduced axes kept."""
    keep_freed_memory(xp)
    axis = reduction.axis
    shape = _sums_shape(operands.shape, axis)
    # Blocks are added up in double precision, so that many of them lose nothing.
    wide = _wide(xp, operands.real_dtype)
    weighted_sum = xp.zeros(shape, dtype=wide, device=operands.prediction.device)
    is_weighted = operands.weight is not None or operands.where is not None
    total = xp.zeros_like(weighted_sum) if is_weighted and reduction.name == "mean" else None
    for index in split(operands.shape, limit):
        block = select(xp, _block(operands, index))
        place = _along(index, shape)
        weighted_sum[place] += sum_block(xp, formula, block, axis)
        if total is not None:
            sizes = tuple(each.stop - each.start for each in index)
            weight = xp.astype(block.weight, wide)
            total[place] += stretched_sum(xp, weight, sizes, axis, keepdims=axis is not None)
    return weighted_sum, count(operands.shape, axis) if total is None else total


def _wide(xp: Namespace, dtype: DType) -> DType:
    return xp.float64 if dtype == xp.float32 else dtype


def _sums_shape(shape: Shape, axis: Axes) -> Shape:
    if axis is None:
        return ()
    return tuple(1 if k in axis else size for k, size in enumerate(shape))


def blockwise_gradient(
    xp: Namespace,
    formula: Formula,
    operands: Operands,
    factor: Array | float,
    *,
    limit: int,
) -> Array:
    """Return the gradient of a prediction that was not stretched, given what multiplies slopes.

    The factor is a number, or an array with the reduced axes kept.
    """
    keep_freed_memory(xp)
    gradient = xp.empty(
        operands.shape, dtype=operands.gradient_dtype, device=operands.prediction.device
    )
    for index in split(operands.shape, limit):
        block = select(xp, _block(operands, index))
        part = factor if isinstance(factor, float) else factor[_along(index, factor.shape)]
        slopes = weighted_slopes(xp, formula, block)
        if slopes.dtype == gradient.dtype:
            xp.multiply(slopes, part, out=gradient[index])
        else:
            gradient[index] = slopes * part
    return gradient


def weighted_slopes(xp: Namespace, formula: Formula, block: Selected) -> Array:
    """Return slopes, but for their scale, times weights, in a new array."""
    slopes = slope_of(formula)(xp, block.prediction, block.target, *block.parameters)
    if block.weight is not None:
        slopes *= block.weight
    return slopes


def gradient_factor(
    xp: Namespace,
    formula: Formula,
    total: Array | int,
    operands: Operands,
    reduction: Reduction,
) -> Array | float:
    """Return what multiplies slopes, in the dtype to compute in."""
    factor: Array | float = formula.slope_scale * slope_factor(xp, total, reduction)
    return factor if isinstance(factor, float) else xp.astype(factor, operands.real_dtype)


def in_memory_order(xp: Namespace, operands: Operands, strides: tuple[int, ...]) -> Operands:
    """Reorder the axes, for a sum over all, so that neighbours in memory meet in a block."""
    order = tuple(sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))
    ndims = [getattr(array, "ndim", len(order)) for array in operands[:4]]
    if order == tuple(range(len(order))) or any(ndim != len(order) for ndim in ndims):
        return operands
    reordered = operands.with_arrays(lambda array: xp.permute_dims(array, order))
    return reordered._replace(shape=tuple(operands.shape[axis] for axis in order))


@lru_cache
def keep_freed_memory(xp: Namespace) -> None:
    """Have the allocator keep the temporaries of a block for the next one.

    Where the C library is glibc, it would hand them back to the system each time, and the kernel
    would clear every page again, which takes longer than the arithmetic. It learns from the largest
    block that it has seen freed; this one is never written to.
    """
    xp.empty(_SEEN_FREED, dtype=xp.uint8)


def split(shape: Shape, limit: int) -> Iterator[Index]:
    """Yield the indices of blocks of at most ``limit`` elements, which make up the shape."""
    cut, inner = 0, math.prod(shape)
    for cut, size in enumerate(shape):  # noqa: B007  used after the loop
        inner //= size
        if inner <= limit:
            break
    step = max(1, limit // inner)
    rest = tuple(slice(0, size) for size in shape[cut + 1 :])
    for position in itertools.product(*map(range, shape[:cut])):
        outer = tuple(slice(each, each + 1) for each in position)
        for start in range(0, shape[cut], step):
            yield (*outer, slice(start, min(start + step, shape[cut])), *rest)


def _along(index: Index, shape: Shape) -> Index:
    """Return the index into an array that broadcasts to the shape that was split."""
    if not shape:
        return ()
    return tuple(
        slice(None) if size == 1 else each
        for each, size in zip(index[-len(shape) :], shape, strict=True)
    )


def _block(operands: Operands, index: Index) -> Operands:
    """Return the operands of a block."""
    shape = operands.shape
    return operands.with_arrays(
        lambda array: array[index if array.shape == shape else _along(index, array.shape)]
    )
