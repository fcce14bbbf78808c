"""Arrays in chunks that are computed later: one task returns all sums of a chunk."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from multiloss._core.additive import additive, is_additive
from multiloss._core.plan import Operands, Plan, divides_by_count
from multiloss._core.records import replaced
from multiloss._core.sums import Sums, count
from multiloss._engines.base import Strategy
from multiloss._engines.generic import GenericEngine
from multiloss._engines.host import without_warnings
from multiloss._engines.numpy_arithmetic import BY_BITS
from multiloss._strategies.arithmetic import Arithmetic
from multiloss._strategies.blocks import blockwise_sums
from multiloss._strategies.whole import in_dtype, sums_of
from multiloss._typing import Array, Namespace

_BLOCK_BYTES = 2**20  # of a chunk of NumPy, at a time
# Axes by number, as blockwise() wants them: those of the loss count from zero.
_CLASSES, _SUMS = -1, -2


class ChunkedEngine(GenericEngine):
    """One task adds up each chunk; what follows computes with few numbers."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(namespace)
        self.strategies = (Strategy("chunks", _suits, _value_of_chunks), *self.strategies)

    def blockwise(self, function: Any, axes: Any, *arrays: Any, **options: Any) -> Array:
        """Return what a function makes of each chunk, as Dask's blockwise() does."""
        raise NotImplementedError


def _suits(plan: Plan) -> bool:
    loss = plan.loss
    return (
        not plan.with_gradient
        and plan.axes != ()
        and len(plan.shape) > 0
        and is_additive(loss)
        # A norm with a parameter has other powers than squares, of which there are no sizes.
        and not (loss.measure and loss.parameters)
        # A mistake in a caller's function shows at the call, not in a worker.
        and not loss.is_custom
    )


def _value_of_chunks(plan: Plan, operands: Operands) -> Any:
    loss, engine, given = plan.loss, plan.engine, additive(plan.loss)
    terms = tuple([each.terms[0] for each in given.sums])
    items = tuple(range(len(plan.shape)))
    axes = items if plan.axes is None else plan.axes
    has_total = plan.is_mean and not (divides_by_count(plan) and plan.reduced_size is not None)
    of_chunk = replaced(
        plan,
        engine=None,
        strategy=None,
        loss=replace(loss, terms=terms, measure=None),
        axes=axes,
        keeps_axes=True,
        keepdims=True,
        is_mean=has_total,
    )
    parameters = tuple([each if isinstance(each, float) else None for each in operands.parameters])
    # The axis of the classes stays, with size 1: of one that the result has not, a task gets lists.
    classes = () if plan.class_axis is None else (_CLASSES,)
    sums = engine.blockwise(
        _SumsOfChunk(of_chunk, parameters),
        (_SUMS, *items, *classes),
        *_with_axes(plan, operands),
        new_axes={_SUMS: len(terms) + has_total},
        adjust_chunks=dict.fromkeys((*axes, *classes), 1),
        dtype=plan.real_dtype,
    )
    reduced = tuple([1 + each for each in axes])
    if classes:
        reduced = (*reduced, 1 + len(items))
    sums = engine.xp.sum(sums, axis=reduced, keepdims=plan.keepdims)
    if classes and plan.keepdims:
        sums = engine.xp.squeeze(sums, axis=-1)
    of_terms = tuple([sums[each, ...] for each in range(len(terms))])
    total: Any = plan.reduced_size if plan.is_mean else None
    if has_total:
        total = sums[len(terms), ...]
    found = Sums(of_terms, total)
    value = given.combine(engine.xp, found, operands.empty, operands.parameters, None)
    return in_dtype(engine.xp, value, plan.real_dtype)


def _with_axes(plan: Plan, operands: Operands) -> list[Any]:
    """Return each array and the names of its axes, as blockwise() takes them."""
    items = tuple(range(len(plan.shape)))
    full = items if plan.class_axis is None else (*items, _CLASSES)
    pairs = [(operands.prediction, full), (operands.target, items if plan.has_labels else full)]
    pairs += [(each, items) for each in (operands.weight, operands.where) if each is not None]
    for spec, each in zip(plan.loss.parameters, operands.parameters, strict=True):
        if not isinstance(each, float):
            pairs.append((each, full if spec.is_per_class else items))
    named = []
    for array, axes in pairs:
        own = axes[len(axes) - len(array.shape) :]
        # A vector of classes is never cut.
        is_cut = _CLASSES in own and array.numblocks[-1] > 1
        named += [array.rechunk({array.ndim - 1: array.shape[-1]}) if is_cut else array, own]
    return named


class _SumsOfChunk(NamedTuple):
    """The function of a task, which goes to other processes: it holds nothing of an engine."""

    plan: Plan
    parameters: tuple[float | None, ...]  # None for one that is an array

    def __call__(self, *chunks: Any) -> Any:
        """Return the sums of a chunk along a new first axis; axes that are reduced have size 1."""
        return without_warnings(self._sums, iter(chunks))

    def __reduce__(self) -> Any:
        # Terms are made of closures, which pickle itself does not take.
        import cloudpickle

        return _task, (cloudpickle.dumps(tuple(self)),)

    def _sums(self, chunks: Any) -> Any:
        prediction, target = next(chunks), next(chunks)
        weight = next(chunks) if self.plan.weight is not None else None
        where = next(chunks) if self.plan.where is not None else None
        parameters = tuple([next(chunks) if each is None else each for each in self.parameters])
        operands = Operands(prediction, target, weight, where, parameters, None)
        plan = _plan_of_chunk(self.plan, operands)
        if isinstance(prediction, np.ndarray) and 0 not in plan.full_shape:
            ops: Arithmetic = BY_BITS
            limit = _BLOCK_BYTES // prediction.itemsize
            sums, _ = blockwise_sums(ops, plan, operands, limit=limit)
        else:
            from array_api_compat import array_namespace

            ops = Arithmetic(array_namespace(prediction))
            sums = sums_of(ops, plan, plan.loss.terms, ops.select(plan, operands))
        xp = ops.xp
        # A count is a number, and weights may have fewer axes than the terms.
        zeros = xp.zeros_like(sums.terms[0], dtype=plan.real_dtype)
        all_sums = sums.terms if sums.weight is None else (*sums.terms, sums.weight)
        stacked = xp.stack([in_dtype(xp, each + zeros, plan.real_dtype) for each in all_sums])
        return stacked if plan.class_axis is None else stacked[..., None]


def _task(fields: bytes) -> _SumsOfChunk:
    import cloudpickle

    return _SumsOfChunk(*cloudpickle.loads(fields))


def _plan_of_chunk(plan: Plan, operands: Operands) -> Plan:
    """Return the plan with the shapes of a chunk."""
    prediction, target = operands.prediction.shape, operands.target.shape
    if plan.class_axis is None:
        shape = full_shape = np.broadcast_shapes(prediction, target)
    else:
        items = target if plan.has_labels else target[:-1]
        shape = np.broadcast_shapes(prediction[:-1], items)
        full_shape = (*shape, prediction[-1])
    size = count(shape, plan.axes)
    return replaced(plan, shape=shape, full_shape=full_shape, reduced_size=size)
