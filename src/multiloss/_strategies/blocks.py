"""Blocks that fit a cache, one after another, whose sums are added up. For eager arrays of a host.

The temporaries of a whole large array go through memory several times; those of a block stay in the
cache. The arrays have to support basic indexing and assignment.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from typing import Any, TypeAlias

from multiloss._core.plan import Items, Operands, Plan, divides_by_count
from multiloss._core.sums import Axes, Factor, Sums
from multiloss._core.terms import Term
from multiloss._strategies.arithmetic import Arithmetic
from multiloss._strategies.whole import (
    UNSAFE,
    factors_of,
    in_dtype,
    is_safe,
    plan_of_unit,
    sums_of,
    value_if_safe,
    weighted_slopes,
)
from multiloss._typing import Array, Namespace, Parameter, Shape

Index: TypeAlias = tuple[slice, ...]

# Bytes: glibc keeps blocks up to the size of the largest that it saw freed, up to 32 MiB.
_SEEN_FREED = 2**25 - 2**16


def blocks_if_safe(ops: Arithmetic, plan: Plan, operands: Operands, *, limit: int) -> Any:
    """Return the loss, and its gradient if the plan wants it, from blocks of at most ``limit``.

    The gradient is that of a prediction that was not broadcast. None if a unit may be missed.
    """
    sums, unit = blockwise_sums(ops, plan, operands, limit=limit)
    value = blockwise_value(ops, plan, operands, sums, unit)
    if value is None or not plan.with_gradient:
        return value
    factors = factors_of(ops.xp, plan, operands, sums, unit)
    return value, blockwise_gradient(ops, plan, operands, factors, unit, limit=limit)


def blockwise_value(ops: Arithmetic, plan: Plan, operands: Operands, sums: Sums, unit: Any) -> Any:
    """Return the loss, given the sums of blocks; None if a unit is missed."""
    return value_if_safe(ops, plan._replace(keeps_axes=True), operands, sums, unit)


def blockwise_sums(
    ops: Arithmetic, plan: Plan, operands: Operands, *, limit: int
) -> tuple[Sums, Any]:
    """Return the sums, and the unit of the terms."""
    xp, loss, axes = ops.xp, plan.loss, plan.axes
    keep_freed_memory(xp)
    unit = _unit(ops, plan, operands, limit)
    if unit is UNSAFE:
        return Sums((), None), unit
    is_counted = divides_by_count(plan)
    keeps_axes = axes is not None
    part = plan._replace(
        keepdims=keeps_axes, keeps_axes=keeps_axes, is_mean=plan.is_mean and not is_counted
    )
    is_scalar = axes is None and not plan.keepdims
    shape = () if is_scalar else _reduced_shape(plan.shape, axes)
    # Blocks are added up in double precision, so that many of them lose nothing.
    is_added = axes != () and plan.real_dtype == xp.float32
    dtype = xp.float64 if is_added else plan.real_dtype
    device = operands.prediction.device
    zeros = partial(xp.zeros, shape, dtype=dtype, device=device)
    first = tuple(zeros() for term in loss.terms if term.is_summed)
    sums = Sums(first, zeros() if part.is_mean else None)
    of_blocks = []
    for index, block, terms, items, _ in _blocks(ops, part, operands, unit, limit):
        sums_of_block = sums_of(ops, block, terms, items)
        if axes is None:
            of_blocks.append(sums_of_block)
        else:
            sums.add_at(_along(index, shape), sums_of_block)
    if axes is None:
        sums = _added_up(xp, sums, of_blocks)
    return sums._replace(weight=plan.reduced_size) if is_counted else sums, unit


def _added_up(xp: Namespace, zeros: Sums, of_blocks: list[Sums]) -> Sums:
    """Return the sums over blocks, added in pairs: one after another they lose a digit."""

    def total(zero: Array, parts: Iterable[Any]) -> Array:
        return xp.sum(xp.stack([zero + each for each in parts]), axis=0)

    terms = zip(*[each.terms for each in of_blocks], strict=True)
    weight = None if zeros.weight is None else total(zeros.weight, [s.weight for s in of_blocks])
    return Sums(tuple(map(total, zeros.terms, terms)), weight)


def blockwise_gradient(
    ops: Arithmetic,
    plan: Plan,
    operands: Operands,
    factors: tuple[Factor, ...],
    unit: Any,
    *,
    limit: int,
) -> Array:
    """Return the gradient of a prediction that was not broadcast.

    A factor is a number, or an array with the reduced axes kept.
    """
    keep_freed_memory(ops.xp)
    device = operands.prediction.device
    gradient = ops.xp.empty(plan.full_shape, dtype=plan.gradient_dtype, device=device)
    for index, block, terms, items, slope in _blocks(ops, plan, operands, unit, limit):
        parts = tuple((_cut(above, index), _cut(below, index)) for above, below in factors)
        out = gradient[index]
        slopes = weighted_slopes(ops, block, terms, items, parts, out=out)
        if slopes is not out or slope is not None:
            gradient[index] = slopes if slope is None else slopes * slope
    return gradient


def in_memory_order(
    xp: Namespace, plan: Plan, operands: Operands, strides: tuple[int, ...]
) -> tuple[Plan, Operands]:
    """Reorder the axes, for a sum over all, so that neighbours in memory meet in a block."""
    order = tuple(sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))
    ndims = [getattr(array, "ndim", len(order)) for array in operands[:4]]
    is_in_order = order == tuple(range(len(order)))
    # A vector is never cut, so its neighbours are in order.
    if is_in_order or plan.class_axis is not None or any(ndim != len(order) for ndim in ndims):
        return plan, operands
    shape = tuple(plan.shape[axis] for axis in order)
    reordered = _with_arrays(operands, lambda array: xp.permute_dims(array, order))
    return plan._replace(shape=shape, full_shape=shape), reordered


@lru_cache
def keep_freed_memory(xp: Namespace) -> None:
    """Have the allocator keep what an operation or a block has freed for the next one.

    Where the C library is glibc, it would hand them back to the system each time, and the kernel
    would clear every page again, which takes longer than the ops. It learns from the largest
    block that it has seen freed; this one is never written to.
    """
    xp.empty(_SEEN_FREED, dtype=xp.uint8)


def split(shape: Shape, limit: int) -> Iterator[Index]:
    """Yield the indices of blocks of at most ``limit`` elements, which make up the shape."""
    if not shape:
        yield ()  # one vector, which is never cut
        return
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


def _blocks(
    ops: Arithmetic, plan: Plan, operands: Operands, unit: Any, limit: int
) -> Iterator[tuple[Index, Plan, tuple[Term, ...], Items, Array | None]]:
    """Yield the index of each block, its plan, terms and items, and the slope of its unit."""
    loss, shape, classes = plan.loss, plan.shape, plan.full_shape[len(plan.shape) :]
    for index in split(shape, max(1, limit // math.prod(classes))):
        sizes = tuple(each.stop - each.start for each in index)
        block = plan._replace(shape=sizes, full_shape=(*sizes, *classes))
        items = ops.select(block, _cut_operands(plan, operands, index))
        if unit is None or loss.measure is None:
            yield index, block, loss.terms, items, None
        else:
            part = tuple(each[_along(index, each.shape)] for each in unit)
            yield index, block, *loss.measure.apply(ops.xp, loss.terms, items, part)


def _cut_operands(plan: Plan, operands: Operands, index: Index) -> Operands:
    """Return the operands of a block; a vector is never cut."""

    def cut(array: Array) -> Array:
        return array[index if array.shape == plan.shape else _along(index, array.shape)]

    if plan.class_axis is None:
        return _with_arrays(operands, cut)

    def cut_items(value: Any) -> Any:
        return cut(value) if getattr(value, "shape", ()) else value

    def cut_vectors(array: Array) -> Array:
        return array[(*_along(index, array.shape[:-1]), slice(None))]

    return Operands(
        cut_vectors(operands.prediction),
        (cut_items if plan.has_labels else cut_vectors)(operands.target),
        cut_items(operands.weight),
        cut_items(operands.where),
        tuple(
            each if spec.is_per_class else cut_items(each)
            for spec, each in zip(plan.loss.parameters, operands.parameters, strict=True)
        ),
        operands.empty,
    )


def _unit(ops: Arithmetic, plan: Plan, operands: Operands, limit: int) -> Any:
    """Return the unit of a loss that cannot go without; UNSAFE if it cannot be trusted."""
    measure = plan.loss.measure
    if measure is None or not measure.losses:
        return None
    lengths = []
    for loss in measure.losses:
        part = plan_of_unit(plan, loss)
        sums, _ = blockwise_sums(ops, part, operands, limit=limit)
        length = loss.combination.value(ops.xp, sums, None, (), None)
        length = in_dtype(ops.xp, length, plan.real_dtype)
        if not is_safe(ops, length, ()):
            return UNSAFE
        lengths.append(length)
    return ops.unit(plan, None, *lengths)


def _reduced_shape(shape: Shape, axes: Axes) -> Shape:
    return tuple(1 if axes is None or k in axes else size for k, size in enumerate(shape))


def _cut(value: Any, index: Index) -> Any:
    """Return the part of a factor that meets a block: a number meets all."""
    return value[_along(index, value.shape)] if getattr(value, "shape", ()) else value


def _along(index: Index, shape: Shape) -> Index:
    """Return the index into an array that broadcasts to the shape that was split."""
    if not shape:
        return ()
    return tuple(
        slice(None) if size == 1 else each
        for each, size in zip(index[-len(shape) :], shape, strict=True)
    )


def _with_arrays(operands: Operands, function: Callable[[Array], Array]) -> Operands:
    """Return the operands with a function applied to every array that has axes."""

    def applied(value: Parameter) -> Parameter:
        return function(value) if getattr(value, "shape", ()) else value

    parameters = tuple(map(applied, operands.parameters))
    return Operands._make([*map(applied, operands[:4]), parameters, operands.empty])
