"""PyTorch."""

import math
from dataclasses import replace
from functools import partial
from operator import attrgetter
from types import ModuleType
from typing import Any, NamedTuple, cast

import array_api_compat.torch
import torch

from multiloss._core.loss import Loss
from multiloss._core.plan import (
    Items,
    Metadata,
    Operands,
    Plan,
    arrays_of,
    beside_classes,
    items_of,
)
from multiloss._core.sums import Sums, Total
from multiloss._core.terms import Term
from multiloss._engines.base import Engine, Strategy, always
from multiloss._engines.host import HOST_KEYS
from multiloss._engines.torch_private import (
    KERNELS,
    MEAN,
    NONE,
    SUM,
    is_batched,
    is_traced,
    is_transformed,
)
from multiloss._engines.torch_wide import WIDE_KERNELS
from multiloss._strategies.arithmetic import Arithmetic, InPlaceArithmetic
from multiloss._strategies.blocks import (
    blocks_if_safe,
    blockwise_gradient,
    blockwise_sums,
    blockwise_value,
    in_memory_order,
)
from multiloss._strategies.whole import is_safe, value_if_safe, whole, whole_gradient, whole_sums
from multiloss._typing import Array, DType, Parameter


def _sign(tensor: torch.Tensor) -> torch.Tensor:
    """Return -1, 0 or 1, and NaN of NaN, for which PyTorch's sign() is 0.

    That of array_api_compat assigns to the NaNs, which no transformation follows.
    """
    return torch.maximum(torch.sign(tensor), torch.clamp(tensor.detach(), max=-1.0))


# What the losses of classification compute with beyond the standard.
def _put_at_label(tensor: torch.Tensor, label: torch.Tensor, value: Any) -> torch.Tensor:
    return tensor.scatter(-1, label, value)


def _put_at_label_in_place(tensor: torch.Tensor, label: torch.Tensor, value: Any) -> torch.Tensor:
    return tensor.scatter_(-1, label, value)


_SHORT_VECTOR = 32  # of which PyTorch's softmax takes longer than its parts


def _exponentials(scores: torch.Tensor) -> torch.Tensor:
    """Return exp(x - m) for the largest score m, or a multiple of that."""
    if scores.shape[-1] < _SHORT_VECTOR:
        return (scores - scores.amax(-1, keepdim=True)).exp_()
    return torch.softmax(scores, -1)


def _all_above(tensor: torch.Tensor, bound: float) -> bool:
    return not tensor.numel() or tensor.min().item() > bound


def _all_indices(label: torch.Tensor, classes: int) -> bool:
    if not label.numel():
        return True
    lowest, highest = torch.aminmax(label)
    return lowest.item() >= 0 and highest.item() < classes


def _is_positive(tensor: torch.Tensor) -> torch.Tensor:
    # Into floats, since to convert the result takes as long as the comparison.
    return torch.gt(tensor, 0.0, out=torch.empty_like(tensor))


def _minus_abs(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.abs().neg_()


def _log1p_exp(tensor: torch.Tensor) -> torch.Tensor:
    # As -log(1 - sigmoid(x)), since exp() takes twice as long as sigmoid(); for x <= 0.
    return torch.sigmoid(tensor).neg_().log1p_().neg_()


def _all_numbers(tensor: torch.Tensor) -> bool:
    """Tell whether nothing is NaN; infinities of both signs count as NaN."""
    return not math.isnan(tensor.sum().item())


def _take_along_axis(tensor: torch.Tensor, index: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.gather(tensor, axis, index)


# The namespace of array_api_compat, but for its clip(), which the compiler does not trace for a
# number that changes from call to call, and which takes several operators where PyTorch has one.
xp: Any = ModuleType(array_api_compat.torch.__name__)
vars(xp).update(
    vars(array_api_compat.torch),
    clip=torch.clamp,
    sign=_sign,
    take_along_axis=_take_along_axis,
    moveaxis=torch.movedim,  # which vmap knows
    stop_gradient=torch.Tensor.detach,
    put_at_label=_put_at_label,
)
# What computes in place where autograd does not look.
xp_in_place: Any = ModuleType(xp.__name__)
vars(xp_in_place).update(
    vars(xp),
    put_at_label=_put_at_label_in_place,
    exponentials=_exponentials,
    all_above=_all_above,
    all_indices=_all_indices,
    all_numbers=_all_numbers,
    is_positive=_is_positive,
    minus_abs=_minus_abs,
    log1p_exp=_log1p_exp,
    sigmoid_of_negative=torch.sigmoid,
    is_eager=True,
)

_SHORT = 2**13  # elements; a longer product loses digits, and waits for threads
_FEW = 2**13  # numbers up to which a kernel in double precision is faster than a node
_ONE_NODE = 2**15  # elements from which on a single node of the graph is faster than operators
_WHOLE_BYTES = 2**23  # up to which temporaries of an operand's size stay in the cache
_BLOCK_BYTES = 2**20  # beyond, of each operand and each temporary of a block
_BLOCK_BYTES_OF_VECTORS = 2**22  # more, since there are many operators for each vector, too

_PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)


class EagerArithmetic(Arithmetic):
    """Takes fused kernels for terms. For eager tensors on the CPU."""

    def detached(self, value: Array) -> Array:
        return value.detach()

    def values(self, plan: Plan, term: Term, items: Items) -> Array:
        if _has_kernel(plan) and term is plan.loss.terms[0]:
            return _by_kernel(plan, items, NONE)
        return super().values(plan, term, items)

    def term_sum(self, plan: Plan, term: Term, items: Items) -> Array:
        weight = items.weight
        if (
            weight is not None
            and items.where is None
            and plan.axes is None
            and not plan.keepdims
            and weight.shape == plan.shape
            and len(plan.shape) == 1
            and plan.shape[0] < _SHORT
        ):
            return self.values(plan, term, items).dot(weight)
        return super().term_sum(plan, term, items)

    def total(self, plan: Plan, items: Items) -> Total:
        where = items.where
        is_scalar = plan.axes is None and not plan.keepdims
        if is_scalar and items.weight is None and where is not None and where.shape == plan.shape:
            return float(torch.count_nonzero(where))
        total = super().total(plan, items)
        if isinstance(total, torch.Tensor) and not total.ndim and not total.requires_grad:
            return float(total)
        return total

    def sum(self, plan: Plan, values: Array) -> Array:
        if plan.axes is None:
            return values.sum() if not plan.keepdims else super().sum(plan, values)
        return torch.sum(values, plan.axes, keepdim=plan.keeps_axes) if plan.axes else values


class TrackedArithmetic(EagerArithmetic):
    """Lets kernels see masked elements as perfect predictions, which add nothing to a sum."""

    def select(self, plan: Plan, operands: Operands) -> Items:
        if plan.where is None or plan.weight is not None or not _has_kernel(plan):
            return super().select(plan, operands)
        prediction, target, parameters, weight, where = items_of(xp, plan, operands)
        # One for both: where() makes a tensor of a number, which takes as long as the selection.
        zero = prediction.new_zeros(())
        select = partial(torch.where, cast(torch.Tensor, where))
        return Items(select(prediction, zero), select(target, zero), parameters, weight, where)

    def term_sum(self, plan: Plan, term: Term, items: Items) -> Array:
        is_scalar = plan.axes is None and not plan.keepdims
        if is_scalar and items.weight is None and _has_kernel(plan):
            return _by_kernel(plan, items, SUM)
        return super().term_sum(plan, term, items)


class ConstantArithmetic(EagerArithmetic, InPlaceArithmetic):
    """Computes in place, where autograd does not look."""

    def scaled_slopes(
        self, slopes: Array, above: Array | float, below: Any, out: Array | None = None
    ) -> Array:
        if isinstance(below, torch.Tensor):
            nothing = below == 0
            if nothing.any():
                slopes.masked_fill_(nothing, 0.0)
                below = torch.where(nothing, 1.0, below)
            above = above / below.to(slopes.dtype)
        elif below:
            above = above / below
        elif below is not None:
            slopes.zero_()
        if out is None or out.dtype != slopes.dtype:
            out = slopes
        return torch.mul(slopes, above, out=out)


_OPERATORS = Arithmetic(xp)
_TRACKED = TrackedArithmetic(xp)
_CONSTANT = ConstantArithmetic(xp_in_place)


_key_attributes = attrgetter("dtype", "shape", "device", "requires_grad", "layout")


def _key_of(tensor: torch.Tensor) -> Any:
    # A nested tensor, which has no shape, is refused by whoever plans.
    return None if tensor.is_nested else _key_attributes(tensor), tensor.is_inference()


def _is_eager(plan: Plan) -> bool:
    """Tell whether the operands are real tensors on the CPU.

    Nothing traces or transforms them, and the prediction is not broadcast.
    """
    return (
        all(each.is_plain for each in arrays_of(plan))
        and all(each.device is None or each.device.type == "cpu" for each in arrays_of(plan))
        and not plan.is_complex
        and plan.prediction.shape == plan.full_shape
        and plan.empty != "array"
    )


def _is_eager_value(plan: Plan) -> bool:
    """Tell whether the operands are eager, and the value alone is wanted.

    Autograd may differentiate it.
    """
    return _is_eager(plan) and not plan.with_gradient


def _has_kernel(plan: Plan) -> bool:
    """Tell whether a kernel computes the terms."""
    loss = plan.loss
    return (
        loss.kernel in KERNELS
        and plan.is_moderate
        and not any(plan.parameters)
        and plan.target.shape == plan.shape
        and plan.target.is_saveable
    )


def _by_kernel(plan: Plan, operands: Operands | Items, reduction: int) -> Array:
    kernel = KERNELS[plan.loss.kernel]
    return kernel(operands.prediction, operands.target, reduction, *operands.parameters)


def _suits_kernel(plan: Plan) -> bool:
    """Tell whether a kernel takes this loss whole: one operator, and one node in the graph."""
    return (
        _is_eager_value(plan)
        and _has_kernel(plan)
        and plan.weight is None
        and plan.where is None
        and plan.prediction.dtype == plan.target.dtype == plan.dtype
        and (plan.axes is None or (plan.axes == () and plan.loss.measure is None))
        and not plan.keepdims
        and (plan.empty == "nan" or not plan.is_mean)
        and (_tracks_other_operands(plan) or not _is_large(plan))
    )


def _tracks_other_operands(plan: Plan) -> bool:
    """Tell whether more than the prediction is tracked."""
    return any(each.is_tracked for each in arrays_of(plan)[1:])


def _suits_whole(plan: Plan) -> bool:
    return _is_eager(plan) and not any(each.is_tracked for each in arrays_of(plan))


def _suits_blocks(plan: Plan) -> bool:
    return _suits_whole(plan) and _is_large(plan) and plan.axes != ()


def _is_large(plan: Plan) -> bool:
    return math.prod(plan.full_shape) * int(plan.dtype.itemsize) > _WHOLE_BYTES


def _is_faster_as_a_node(plan: Plan) -> bool:
    # Those that prepare have dozens of operators, of which each would be a node of its own.
    if _is_large(plan) or _prepares(plan):
        return True
    return math.prod(plan.full_shape) >= _ONE_NODE and not _has_kernel(plan)


def _prepares(plan: Plan) -> bool:
    """Tell whether value and gradient have most in common."""
    return plan.loss.terms[0].prepare is not None


def _suits_node(plan: Plan) -> bool:
    return (
        _is_eager_value(plan)
        and not _tracks_other_operands(plan)
        and plan.axes != ()
        and _is_faster_as_a_node(plan)
        # A node cannot save a tensor of inference mode.
        and all(each.is_saveable for each in arrays_of(plan))
        # Below this size autograd differentiates the value, and beyond it has to be the same.
        and plan.loss.terms[0].slope is not None
        and not plan.loss.is_custom
    )


def _operators(plan: Plan, operands: Operands) -> Any:
    return whole(_OPERATORS, plan, operands)


def _kernel(plan: Plan, operands: Operands) -> Any:
    reduction = NONE if plan.axes == () else MEAN if plan.is_mean else SUM
    result = _by_kernel(plan, operands, reduction)
    if plan.loss.scale != 1.0:
        result = plan.loss.scale * result
    if plan.loss.measure is None:
        return result
    # A mean is a sum that is divided by nothing.
    result = plan.loss.combination.value(xp, Sums((result,), None), None, (), None)
    return result if is_safe(_TRACKED, result, ()) else _operators(plan, operands)


def _suits_wide_kernel(plan: Plan) -> bool:
    """Tell whether a kernel takes this loss whole, but has to compute in double precision."""
    return (
        _is_eager_value(plan)
        and plan.loss.kernel in WIDE_KERNELS
        and plan.dtype == torch.float32
        and plan.weight is None
        and plan.where is None
        and plan.target.shape == plan.shape
        # Labels or elements, no distributions.
        and plan.has_labels == (plan.class_axis is not None)
        and plan.axes is None
        and not plan.keepdims
        and 0 < math.prod(plan.full_shape) < _FEW
        and not _tracks_other_operands(plan)
        and all(each.is_saveable for each in arrays_of(plan))
    )


def _wide_kernel(plan: Plan, operands: Operands) -> Any:
    kernel = WIDE_KERNELS[plan.loss.kernel]
    result = kernel(operands.prediction, operands.target, "mean" if plan.is_mean else "sum")
    if result is not None:
        return result.float()
    return _node(plan, operands) if plan.prediction.is_tracked else _whole(plan, operands)


def _blocks(plan: Plan, operands: Operands) -> Any:
    if plan.with_gradient:
        result = blocks_if_safe(_CONSTANT, plan, operands, limit=_limit(plan))
    else:
        result = _sums_in_blocks(plan, operands).value
    return _operators(plan, operands) if result is None else result


def _whole(plan: Plan, operands: Operands) -> Any:
    return whole(_CONSTANT, plan, operands, is_measured=False)


def _limit(plan: Plan) -> int:
    size = _BLOCK_BYTES if plan.class_axis is None else _BLOCK_BYTES_OF_VECTORS
    return size // int(plan.dtype.itemsize)


class _Results(NamedTuple):
    """What a node is made of, and what its gradient needs beside the operands."""

    value: Array | None  # None where a unit is missed
    sums: Sums
    unit: Any
    gradient: Array | None = None  # of the value, where it was computed with it


def _sums_in_blocks(plan: Plan, operands: Operands) -> _Results:
    if plan.axes is None:
        strides = operands.prediction.stride()
        plan, operands = in_memory_order(xp, plan, operands, strides)
    sums, unit = blockwise_sums(_CONSTANT, plan, operands, limit=_limit(plan))
    return _Results(blockwise_value(_CONSTANT, plan, operands, sums, unit), sums, unit)


def _sums_of_whole(plan: Plan, operands: Operands) -> _Results:
    plan = plan._replace(keeps_axes=plan.keepdims or plan.axes is not None)
    items = _CONSTANT.select(plan, operands)
    sums, unit = whole_sums(_CONSTANT, plan, items, is_measured=False)
    return _Results(value_if_safe(_CONSTANT, plan, operands, sums, unit), sums, unit)


def _value_and_gradient(plan: Plan, operands: Operands) -> _Results:
    value, gradient = whole(_CONSTANT, _with_gradient(plan), operands, is_measured=False)
    return _Results(value, Sums((), None), None, gradient)


def _with_gradient(plan: Plan) -> Plan:
    # In the working dtype, since a 16-bit gradient may vanish before it is multiplied.
    keeps_axes = plan.keepdims or plan.axes is not None
    return plan._replace(gradient_dtype=plan.dtype, with_gradient=True, keeps_axes=keeps_axes)


def _node(plan: Plan, operands: Operands) -> Any:
    evaluated = _sums_of_whole
    if _is_large(plan):
        evaluated = _sums_in_blocks
    elif _prepares(plan):
        evaluated = _value_and_gradient
    with torch.no_grad():
        results = evaluated(plan, operands)
    if results.value is None:
        return _operators(plan, operands)
    apply: Any = _Node.apply
    return apply(operands.prediction, plan, operands, results)


def _gradient(
    plan: Plan, operands: Operands, sums: Sums, unit: Any, gradient_of_result: Array
) -> Array:
    """Return the gradient with respect to the prediction, given that with respect to the loss."""
    factors = plan.loss.combination.slopes(xp, sums, operands.parameters, unit)
    factors = tuple(
        ((above * gradient_of_result).to(plan.real_dtype), below) for above, below in factors
    )
    term, is_in_dtype = plan.loss.terms[0], plan.prediction.dtype == plan.target.dtype == plan.dtype
    # Such a slope is a difference and becomes the gradient itself; all else has temporaries.
    is_in_place = term.slope is term.residual and plan.weight is plan.where is None and is_in_dtype
    if _is_large(plan) and not is_in_place:
        return blockwise_gradient(_CONSTANT, plan, operands, factors, unit, limit=_limit(plan))
    items = _CONSTANT.select(plan, operands)
    gradient = whole_gradient(_CONSTANT, plan, plan.loss.terms, items, factors, unit)
    return gradient.to(plan.gradient_dtype)


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
        ctx.rest = plan, operands.parameters, operands.empty, results.sums, results.unit
        return results.value

    @staticmethod
    def backward(ctx: Any, gradient_of_result: Array) -> Any:
        plan, numbers, empty, sums, unit = ctx.rest
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
            _, gradient = _operators(_with_gradient(plan), operands)
        if gradient is None:
            result = _gradient(plan, operands, sums, unit, gradient_of_result)
        else:
            result = gradient * beside_classes(plan, gradient_of_result)
            result = result.to(plan.gradient_dtype)
        return result, None, None, None


class TorchEngine(Engine):
    """Uses PyTorch's kernels where there are any, and blocks and an autograd node beyond.

    Accelerators, and whatever traces or transforms, get plain operators.
    """

    def __init__(self) -> None:
        super().__init__(xp)
        self.keys = {**HOST_KEYS, **dict.fromkeys(_PLAIN_TYPES, _key_of)}
        self.strategies = (
            Strategy("kernel", _suits_kernel, _kernel),
            Strategy("wide kernel", _suits_wide_kernel, _wide_kernel),
            Strategy("blocks", _suits_blocks, _blocks),
            Strategy("whole", _suits_whole, _whole),
            Strategy("node", _suits_node, _node),
            Strategy("eager", _is_eager_value, partial(whole, _TRACKED, is_measured=False)),
            Strategy("operators", always, _operators),
        )

    def key(self, operands: Operands) -> Any:
        if is_traced() or is_transformed():
            return None
        arrays = super().key(operands)
        if arrays is None:
            return None
        return arrays, torch.is_grad_enabled(), torch.get_default_dtype()

    def metadata(self, array: Array) -> Metadata:
        is_plain = type(array) in _PLAIN_TYPES and not is_traced() and not is_transformed()
        return Metadata(
            array.dtype,
            array.shape,
            array.device,
            is_tracked=torch.is_grad_enabled() and array.requires_grad,
            is_saveable=not is_plain or not array.is_inference(),
            is_plain=is_plain,
        )

    def check(self, role: str, array: Array) -> None:
        if array.is_nested or array.layout is not torch.strided:
            layout = "nested" if array.is_nested else array.layout
            raise TypeError(
                f"{role} has the layout {layout}; make it dense first, for instance with "
                ".to_dense() or .to_padded_tensor() and where="
            )
        if type(array).__name__ == "MaskedTensor":
            raise TypeError(f"{role} is a MaskedTensor; pass its .get_data() and where=.get_mask()")

    def default_float(self) -> DType:
        return torch.get_default_dtype()

    def from_host(self, value: Any, dtype: DType, like: Array) -> Array:
        return torch.asarray(value, dtype=dtype, device=like.device)

    def with_slope(self, loss: Loss) -> Loss:
        (term, *_) = loss.terms
        if term.slope is not None:
            return loss
        slope = partial(_slope, term, is_vector=loss.is_vector)
        return replace(loss, terms=(term._replace(slope=slope),))


def _slope(
    term: Term,
    xp: Any,
    prediction: Array,
    target: Array,
    *parameters: Parameter,
    is_vector: bool,
) -> Array:
    """Return the slopes that differentiation finds."""
    full = prediction if is_vector else xp.broadcast_arrays(prediction, target)[0]

    def total(prediction: Array) -> Array:
        return term.value(xp, prediction, target, *parameters).sum()

    return torch.func.grad(total)(full)


ENGINE = TorchEngine()
