"""PyTorch."""

from functools import partial
from types import ModuleType
from typing import Any

import array_api_compat.torch
import torch
from torch.autograd import forward_ad

from multiloss._engines._base import Engine, Way
from multiloss._engines._blocks import (
    blockwise_gradient,
    blockwise_value,
    gradient_factor,
    in_memory_order,
    values_of,
    weighted_slopes,
)
from multiloss._engines._norms import bare_root, exponent_of, root_if_safe
from multiloss._engines._plain import plain_value_and_grad
from multiloss._formulas.absolute import absolute_error
from multiloss._formulas.formula import Formula
from multiloss._formulas.robust import huber_error, smooth_absolute_error
from multiloss._formulas.squared import squared_error
from multiloss._reduction import (
    NAN,
    Reduction,
    count,
    reduce_values,
    total_weight,
)
from multiloss._selection import Operands, select, selected_weight
from multiloss._typing import Array, DType, Parameter

# The namespace of array_api_compat, but for its clip(), which old releases of Dynamo do not trace,
# and which takes several operators where PyTorch has one.
xp: Any = ModuleType(array_api_compat.torch.__name__)
vars(xp).update(vars(array_api_compat.torch), clip=torch.clamp)

_ONE_NODE = 2**13  # elements from which on a single node of the graph is faster than operators
_WHOLE_BYTES = 2**23  # up to which temporaries of an operand's size stay in the cache
_BLOCK_BYTES = 2**20  # beyond, of each operand and each temporary of a block

# The formulas for which PyTorch has a fused kernel of its own. The functions of torch.nn.functional
# call these too, after they have broadcast the operands, which takes half as long as the kernel.
# They are private: a release without them goes on without.
_KERNELS = {
    formula.value: getattr(torch._C._nn, name, None)  # noqa: SLF001
    for formula, name in (
        (absolute_error, "l1_loss"),
        (huber_error, "huber_loss"),
        (smooth_absolute_error, "smooth_l1_loss"),
        (squared_error, "mse_loss"),
    )
}
_TINY, _HUGE = 2.0**-30, 2.0**30  # beyond, the square that they divide may overflow or vanish
_REDUCTIONS = {"mean": 1, "sum": 2}  # as the kernels count them

_PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)
_FLOATS = (torch.float32, torch.float64)


_is_jit_tracing: Any = torch.jit.is_tracing  # type: ignore[attr-defined]  # documented all the same

# PyTorch has no public way to ask whether torch.func or forward-mode differentiation is at work,
# which both want operators. Where a release has not even these, operators are all there is.
_is_functorch_active = getattr(torch._C, "_are_functorch_transforms_active", lambda: True)  # noqa: SLF001


# The same for gradients that come in batches, of torch.vmap and of is_grads_batched=True.
_is_vmapped = getattr(torch._C._functorch, "is_batchedtensor", lambda _: True)  # noqa: SLF001
_is_legacy_vmapped = getattr(torch._C._functorch, "is_legacy_batchedtensor", lambda _: True)  # noqa: SLF001


def _is_batched(tensor: Array) -> bool:
    return bool(_is_vmapped(tensor) or _is_legacy_vmapped(tensor))


def _is_transformed() -> bool:
    return _is_functorch_active() or getattr(forward_ad, "_current_level", 0) >= 0


class TorchEngine(Engine):
    """Uses PyTorch's own kernels where there are any, and blocks and a node of its own beyond.

    Accelerators, and whatever traces or transforms, get plain operators.
    """

    def takes_as_is(self, prediction: Array, target: Array) -> bool:
        dtype = prediction.dtype
        return (
            type(prediction) in _PLAIN_TYPES
            and dtype in _FLOATS
            and target.dtype == dtype
            and not (prediction.is_nested or target.is_nested)
            and prediction.layout is torch.strided
            and target.layout is torch.strided
            and prediction.shape == target.shape
            and prediction.device == target.device
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

    def device_of(self, array: Array) -> Any:
        return array.device

    def default_float(self) -> DType:
        return torch.get_default_dtype()

    def from_host(self, value: Any, dtype: DType, like: Array) -> Array:
        return torch.asarray(value, dtype=dtype, device=like.device)

    def way(self, formula: Formula, operands: Operands, reduction: Reduction) -> Way:
        if not _is_eager_on_cpu(operands, reduction):
            return "operators"
        if formula.is_norm:
            return "root"
        prediction, target, weight, *_ = operands
        is_tracked = torch.is_grad_enabled()
        others_are_tracked = is_tracked and (
            target.requires_grad
            or (weight is not None and weight.requires_grad)
            or any(getattr(each, "requires_grad", False) for each in operands.parameters)
        )
        is_large = prediction.numel() * operands.dtype.itemsize > _WHOLE_BYTES
        if (
            _KERNELS.get(formula.value) is not None
            and (others_are_tracked or not is_large)
            and _suits_kernel(operands, reduction)
        ):
            return "kernel"
        if not (others_are_tracked or (is_tracked and prediction.requires_grad)):
            return "blocks" if is_large else "whole"
        if (
            others_are_tracked
            or prediction.numel() < _ONE_NODE
            # Neither can a node save: a tensor of inference mode, an array that may be tracked too.
            or any(_is_inference(each) for each in (*operands[1:4], *operands.parameters))
            or not isinstance(reduction.empty, float)
            # Below this size autograd differentiates the value, and beyond it has to be the same.
            or formula.slope is None
            or formula.is_own
        ):
            return "operators"
        return "node and blocks" if is_large else "node"

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        way = self.way(formula, operands, reduction)
        if way == "kernel":
            kernel: Any = _KERNELS[formula.value]
            prediction, target, *_ = operands
            loss = kernel(prediction, target, _REDUCTIONS[reduction.name], *operands.parameters)
            return loss if reduction.scale == 1.0 else reduction.scale * loss
        if way == "operators":
            return super().value(formula, _with_tensors(operands), reduction)
        if way == "root":
            return self._norm(formula, operands, reduction)
        if way == "whole":
            return _whole(formula, operands, reduction)
        if way == "blocks":
            return _blocks(formula, operands, reduction)
        apply: Any = _OneNode.apply
        return apply(operands.prediction, formula, operands, reduction, way == "node and blocks")

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        return super().value_and_grad(formula, _with_tensors(operands), reduction)

    def with_slope(self, formula: Formula) -> Formula:
        return formula if formula.slope else formula._replace(slope=partial(_slope, formula))

    def _norm(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        bare = reduction._replace(empty=NAN)
        mean = self.value(formula._replace(is_norm=False), operands, bare)
        exponent = exponent_of(operands.parameters)
        if root_if_safe(xp, mean.detach(), exponent) is None:
            return super().value(formula, operands, reduction)
        return bare_root(xp, mean, exponent)


def _with_tensors(operands: Operands) -> Operands:
    """Return operands whose parameters are tensors, in a compiled function.

    The compiler turns a number that changes from call to call into a symbol, which the clip() of
    array_api_compat asks whether it is NaN.
    """
    if not (operands.parameters and torch.compiler.is_compiling()):
        return operands
    dtype, device = operands.real_dtype, operands.prediction.device
    return operands.changed(
        parameters=tuple(
            torch.as_tensor(each, dtype=dtype, device=device) for each in operands.parameters
        )
    )


def _slope(
    formula: Formula, xp: Any, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    """Return the slopes that differentiation finds."""
    full, _ = xp.broadcast_arrays(prediction, target)

    def total(prediction: Array) -> Array:
        return formula.value(xp, prediction, target, *parameters).sum()

    return torch.func.grad(total)(full)


def _is_inference(array: Array | float | None) -> bool:
    return isinstance(array, torch.Tensor) and array.is_inference()


def _suits_kernel(operands: Operands, reduction: Reduction) -> bool:
    """Tell whether a kernel takes this loss whole: one operator, and one node in the graph."""
    prediction, target, *_ = operands
    return (
        _is_as_is(operands)
        and all(isinstance(each, float) and _TINY < each < _HUGE for each in operands.parameters)
        and reduction.axis is None
        and not reduction.keepdims
        and (reduction.empty is NAN or reduction.name == "sum")
        and target.shape == prediction.shape
        and not target.is_inference()
    )


def _is_eager_on_cpu(operands: Operands, reduction: Reduction) -> bool:
    """Tell whether nothing traces, transforms or broadcasts these tensors, all on the CPU."""
    prediction, target, weight, where, _, dtype, real_dtype, *_, shape = operands
    return (
        not torch.compiler.is_compiling()
        and not _is_jit_tracing()
        and type(prediction) in _PLAIN_TYPES
        and type(target) in _PLAIN_TYPES
        and (weight is None or type(weight) in _PLAIN_TYPES)
        and (where is None or type(where) in _PLAIN_TYPES)
        and prediction.is_cpu
        and dtype == real_dtype
        and reduction.name != "none"
        and prediction.shape == shape
        and not _is_transformed()
    )


def _whole(formula: Formula, operands: Operands, reduction: Reduction) -> Array:
    """Return the loss outside of autograd, from whole arrays."""
    block = select(xp, operands)
    return reduce_values(xp, values_of(xp, formula, block), block.weight, reduction)


def _blocks(formula: Formula, operands: Operands, reduction: Reduction) -> Array:
    """Return the loss outside of autograd, from blocks."""
    if reduction.axis is None:
        operands = in_memory_order(xp, operands, operands.prediction.stride())
    return blockwise_value(xp, formula, operands, reduction, limit=_limit(operands))


def _is_as_is(operands: Operands) -> bool:
    prediction, target, weight, where, _, dtype, *_ = operands
    return weight is None and where is None and prediction.dtype == target.dtype == dtype


def _limit(operands: Operands) -> int:
    return _BLOCK_BYTES // int(operands.dtype.itemsize)


class _OneNode(torch.autograd.Function):
    """One node of the graph, which saves nothing but the operands and computes the slopes again.

    Its one input is the prediction; the other operands are constants.
    """

    @staticmethod
    def forward(  # noqa: PLR0917  apply() takes no keywords
        ctx: Any,
        prediction: Array,
        formula: Formula,
        operands: Operands,
        reduction: Reduction,
        in_blocks: bool,  # noqa: FBT001  ditto
    ) -> Array:
        tensors = [each if isinstance(each, torch.Tensor) else None for each in operands.parameters]
        ctx.save_for_backward(prediction, *operands[1:4], *tensors)
        ctx.rest = formula, operands[4:], reduction, in_blocks
        return (_blocks if in_blocks else _whole)(formula, operands, reduction)

    @staticmethod
    def backward(ctx: Any, gradient_of_result: Array) -> tuple[Array, None, None, None, None]:
        formula, (numbers, *settings), reduction, in_blocks = ctx.rest
        # Unpacked once: checkpointing refuses a second time, and offloading pays for it.
        saved = ctx.saved_tensors
        arrays, tensors = saved[:4], saved[4:]
        parameters = tuple(
            number if tensor is None else tensor
            for number, tensor in zip(numbers, tensors, strict=True)
        )
        operands = Operands._make((*arrays, parameters, *settings))
        if reduction.axis is not None and not reduction.keepdims:
            kept = [1 if k in reduction.axis else n for k, n in enumerate(operands.shape)]
            gradient_of_result = gradient_of_result.reshape(kept)
        if torch.is_grad_enabled() or _is_batched(gradient_of_result):
            # Asked for a gradient that can be differentiated again, or for many: by operators. In
            # the working dtype, since a 16-bit gradient may vanish before it is multiplied.
            wide = operands._replace(gradient_dtype=operands.dtype)
            _, gradient = plain_value_and_grad(xp, formula, wide, reduction)
            gradient = (gradient * gradient_of_result).to(operands.gradient_dtype)
            return gradient, None, None, None, None
        factor = gradient_factor(xp, formula, _total(operands, reduction), operands, reduction)
        factor = gradient_of_result * factor
        # Such a slope is a difference and becomes the gradient itself; all else has temporaries.
        is_in_place = formula.slope is formula.residual and _is_as_is(operands)
        if in_blocks and not is_in_place:
            gradient = blockwise_gradient(xp, formula, operands, factor, limit=_limit(operands))
        else:
            slopes = weighted_slopes(xp, formula, select(xp, operands))
            slopes *= factor
            gradient = slopes.to(operands.gradient_dtype)
        return gradient, None, None, None, None


def _total(operands: Operands, reduction: Reduction) -> Array | int:
    """Return Σ w of a mean."""
    if operands.weight is None and operands.where is None:
        return count(operands.shape, reduction.axis)
    weight = selected_weight(xp, operands)
    return total_weight(xp, operands.prediction, weight, reduction.axis, keepdims=True)


ENGINE = TorchEngine(xp)
