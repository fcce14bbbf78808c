"""A loss as one node of PyTorch's graph."""

import math
from typing import Any, NamedTuple

import torch

from multiloss._core.combinations import is_one
from multiloss._core.plan import Operands, Plan, beside_classes
from multiloss._core.sums import Sums
from multiloss._engines.torch_arithmetic import CONSTANT_BY_BITS, DEVICE, OPERATORS, host_arithmetic
from multiloss._engines.torch_namespace import xp
from multiloss._engines.torch_private import is_batched
from multiloss._strategies.arithmetic import InPlaceArithmetic
from multiloss._strategies.blocks import (
    blockwise_gradient,
    blockwise_sums,
    blockwise_value,
    in_memory_order,
)
from multiloss._strategies.whole import (
    factors_of,
    value_if_safe,
    whole,
    whole_gradient,
    whole_sums,
)
from multiloss._typing import Array

_WHOLE_BYTES = 2**23  # up to which temporaries of an operand's size stay in the cache
_BLOCK_BYTES = 2**20  # beyond, of each operand and each temporary of a block
_BLOCK_BYTES_OF_VECTORS = 2**22  # more, since there are many operators for each vector, too


def is_large(plan: Plan) -> bool:
    return math.prod(plan.full_shape) * int(plan.dtype.itemsize) > _WHOLE_BYTES


def prepares(plan: Plan) -> bool:
    """Tell whether value and gradient have most in common."""
    return plan.loss.terms[0].prepare is not None


def operators(plan: Plan, operands: Operands) -> Any:
    return whole(OPERATORS, plan, operands)


def block_limit(plan: Plan) -> int:
    size = _BLOCK_BYTES if plan.class_axis is None else _BLOCK_BYTES_OF_VECTORS
    return size // int(plan.dtype.itemsize)


class _Results(NamedTuple):
    """What a node is made of, and what its gradient needs beside the operands."""

    ops: InPlaceArithmetic
    value: Array | None  # None where a unit is missed
    sums: Sums
    unit: Any
    gradient: Array | None = None  # of the value, where it was computed with it


def sums_in_blocks(plan: Plan, operands: Operands) -> _Results:
    ops = CONSTANT_BY_BITS
    if plan.axes is None:
        strides = operands.prediction.stride()
        plan, operands = in_memory_order(xp, plan, operands, strides)
    sums, unit = blockwise_sums(ops, plan, operands, limit=block_limit(plan))
    value = blockwise_value(ops, plan, operands, sums, unit)
    return _Results(ops, value, sums, unit)


def _sums_of_whole(
    plan: Plan, operands: Operands, ops: InPlaceArithmetic, *, is_measured: bool
) -> _Results:
    plan = plan._replace(keeps_axes=plan.keepdims or plan.axes is not None)
    items = ops.select(plan, operands)
    sums, unit = whole_sums(ops, plan, items, is_measured=is_measured)
    return _Results(ops, value_if_safe(ops, plan, operands, sums, unit), sums, unit)


def _value_and_gradient(plan: Plan, operands: Operands, ops: InPlaceArithmetic) -> _Results:
    value, gradient = whole(ops, _with_gradient(plan), operands, is_measured=False)
    return _Results(ops, value, Sums((), None), None, gradient)


def _with_gradient(plan: Plan) -> Plan:
    # In the working dtype, since a 16-bit gradient may vanish before it is multiplied.
    keeps_axes = plan.keepdims or plan.axes is not None
    return plan._replace(gradient_dtype=plan.dtype, with_gradient=True, keeps_axes=keeps_axes)


def device_node(plan: Plan, operands: Operands) -> Any:
    with torch.no_grad():
        if prepares(plan) and not is_large(plan):
            results = _value_and_gradient(plan, operands, DEVICE)
        else:
            results = _sums_of_whole(plan, operands, DEVICE, is_measured=True)
    return _applied(plan, operands, results)


def node(plan: Plan, operands: Operands) -> Any:
    with torch.no_grad():
        if is_large(plan):
            results = sums_in_blocks(plan, operands)
        elif prepares(plan):
            results = _value_and_gradient(plan, operands, host_arithmetic(plan))
        else:
            results = _sums_of_whole(plan, operands, host_arithmetic(plan), is_measured=False)
    return operators(plan, operands) if results.value is None else _applied(plan, operands, results)


def _applied(plan: Plan, operands: Operands, results: _Results) -> Any:
    apply: Any = _Node.apply
    return apply(operands.prediction, plan, operands, results)


def _gradient(
    plan: Plan, operands: Operands, results: _Results, gradient_of_result: Array
) -> Array:
    """Return the gradient with respect to the prediction, given that with respect to the loss."""
    ops, _, sums, unit, _ = results
    factors = tuple(
        [
            (_chained(above, gradient_of_result), below)
            for above, below in factors_of(ops.xp, plan, operands, sums, unit)
        ]
    )
    if ops is not DEVICE:
        # Blocks are added up in double precision, whose factors would widen the slopes.
        factors = tuple([(above.to(plan.real_dtype), below) for above, below in factors])
    term, is_in_dtype = plan.loss.terms[0], plan.prediction.dtype == plan.target.dtype == plan.dtype
    # Such a slope is a difference and becomes the gradient itself; all else has temporaries.
    is_in_place = term.slope is term.residual and plan.weight is plan.where is None and is_in_dtype
    if ops is not DEVICE and is_large(plan) and not is_in_place:
        return blockwise_gradient(ops, plan, operands, factors, unit, limit=block_limit(plan))
    items = ops.select(plan, operands)
    gradient = whole_gradient(ops, plan, plan.loss.terms, items, factors, unit)
    return gradient.to(plan.gradient_dtype)


def _chained(above: Array | float, gradient_of_result: Array) -> Array:
    """Return a factor times the gradient with respect to the loss."""
    return gradient_of_result if is_one(above) else above * gradient_of_result


class _Node(torch.autograd.Function):
    """The node: made of a value that was computed before, and of what its gradient needs."""

    @staticmethod
    def forward(
        ctx: Any,
        prediction: Array,
        plan: Plan,
        operands: Operands,
        results: _Results,
    ) -> Array | None:
        tensors = [each if isinstance(each, torch.Tensor) else None for each in operands.parameters]
        ctx.save_for_backward(prediction, *operands[1:4], results.gradient, *tensors)
        results_but_tensors = results._replace(value=None, gradient=None)
        ctx.rest = plan, operands.parameters, operands.empty, results_but_tensors
        return results.value

    @staticmethod
    def backward(ctx: Any, gradient_of_result: Array) -> Any:
        plan, numbers, empty, results = ctx.rest
        # Unpacked once: checkpointing refuses a second time, and offloading pays for it.
        prediction, target, weight, where, gradient, *tensors = ctx.saved_tensors
        named = zip(numbers, tensors, strict=True)
        parameters = tuple([number if tensor is None else tensor for number, tensor in named])
        operands = Operands(prediction, target, weight, where, parameters, empty)
        if plan.axes and not plan.keepdims:
            kept = [1 if k in plan.axes else n for k, n in enumerate(plan.shape)]
            gradient_of_result = gradient_of_result.reshape(kept)
        if torch.is_grad_enabled() or is_batched(gradient_of_result):
            # Asked for a gradient that can be differentiated again, or for many: by operators.
            _, gradient = operators(_with_gradient(plan), operands)
        if gradient is None:
            result = _gradient(plan, operands, results, gradient_of_result)
        else:
            result = gradient * beside_classes(plan, gradient_of_result)
            result = result.to(plan.gradient_dtype)
        return result, None, None, None
