"""PyTorch."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any

import torch

from multiloss._core.loss import Loss
from multiloss._core.plan import Metadata, Operands, Plan, arrays_of
from multiloss._core.sums import Sums
from multiloss._core.terms import Term
from multiloss._engines.base import Engine, Strategy, always
from multiloss._engines.host import HOST_KEYS
from multiloss._engines.torch_arithmetic import (
    CONSTANT_BY_BITS,
    DEVICE,
    TRACKED,
    by_kernel,
    has_kernel,
    host_arithmetic,
)
from multiloss._engines.torch_distributed import (
    check_distribution,
    is_distributed,
    replicated,
)
from multiloss._engines.torch_namespace import xp
from multiloss._engines.torch_node import (
    block_limit,
    device_node,
    is_large,
    node,
    operators,
    prepares,
    sums_in_blocks,
)
from multiloss._engines.torch_private import MEAN, NONE, SUM, is_traced, is_transformed
from multiloss._engines.torch_wide import WIDE_KERNELS
from multiloss._strategies.blocks import blocks_if_safe, keep_freed_memory
from multiloss._strategies.one_term import is_one_term, one_term
from multiloss._strategies.whole import is_safe, whole
from multiloss._typing import Array, DType, Parameter

_FEW = 2**13  # numbers up to which a kernel in double precision is faster than a node
_ONE_NODE = 2**15  # elements from which on a single node of the graph is faster than operators

_PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)


_key_attributes = attrgetter("dtype", "shape", "device", "requires_grad", "layout")


def _key_of(tensor: torch.Tensor) -> Any:
    # A nested tensor, which has no shape, is refused by whoever plans.
    return None if tensor.is_nested else _key_attributes(tensor), tensor.is_inference()


def _is_plain(plan: Plan) -> bool:
    """Tell whether the operands are real tensors, which nothing traces or transforms.

    The prediction is not broadcast.
    """
    return (
        all(each.is_plain for each in arrays_of(plan))
        and not plan.is_complex
        and plan.prediction.shape == plan.full_shape
        and plan.empty != "array"
    )


def _is_on_host(plan: Plan) -> bool:
    """Tell whether numbers may be looked at without waiting for a device."""
    return all(each.device is None or each.device.type == "cpu" for each in arrays_of(plan))


def _is_eager(plan: Plan) -> bool:
    """Tell whether the operands are plain, and on the CPU."""
    return _is_plain(plan) and _is_on_host(plan)


def _is_eager_value(plan: Plan) -> bool:
    """Tell whether the operands are eager, and the value alone is wanted.

    Autograd may differentiate it.
    """
    return _is_eager(plan) and not plan.with_gradient


def _suits_kernel(plan: Plan) -> bool:
    """Tell whether a kernel takes this loss whole: one operator, and one node in the graph."""
    is_on_host = _is_on_host(plan)
    return (
        _is_plain(plan)
        and not plan.with_gradient
        and has_kernel(plan)
        and plan.weight is None
        and plan.where is None
        and plan.prediction.dtype == plan.target.dtype == plan.dtype
        and (plan.axes is None or (plan.axes == () and plan.loss.measure is None))
        and not plan.keepdims
        and (plan.empty == "nan" or not plan.is_mean)
        and (_tracks_other_operands(plan) or not (is_on_host and is_large(plan)))
        # To look whether a root is safe would wait for the device.
        and (is_on_host or plan.loss.measure is None)
    )


def _tracks_other_operands(plan: Plan) -> bool:
    """Tell whether more than the prediction is tracked."""
    return any(each.is_tracked for each in arrays_of(plan)[1:])


def _is_tracked(plan: Plan) -> bool:
    return any(each.is_tracked for each in arrays_of(plan))


def _suits_whole(plan: Plan) -> bool:
    return _is_eager(plan) and not _is_tracked(plan)


def _suits_device(plan: Plan) -> bool:
    return _is_plain(plan) and not _is_on_host(plan) and not _is_tracked(plan)


def _suits_blocks(plan: Plan) -> bool:
    return _suits_whole(plan) and is_large(plan) and plan.axes != ()


def _is_faster_as_a_node(plan: Plan) -> bool:
    # Those that prepare have dozens of operators, of which each would be a node of its own.
    if is_large(plan) or prepares(plan):
        return True
    return math.prod(plan.full_shape) >= _ONE_NODE and not has_kernel(plan)


def _suits_node(plan: Plan) -> bool:
    return (
        _is_eager_value(plan)
        and _is_tracked(plan)
        and _is_faster_as_a_node(plan)
        and _may_be_a_node(plan)
        # Each operator writes its losses anyway, in as many elements.
        and plan.axes != ()
    )


def _suits_device_node(plan: Plan) -> bool:
    is_value_on_device = _is_plain(plan) and not _is_on_host(plan) and not plan.with_gradient
    return is_value_on_device and _may_be_a_node(plan)


def _may_be_a_node(plan: Plan) -> bool:
    return (
        not _tracks_other_operands(plan)
        # A node cannot save a tensor of inference mode.
        and all(each.is_saveable for each in arrays_of(plan))
        # Below this size autograd differentiates the value, and beyond it has to be the same.
        and plan.loss.terms[0].slope is not None
        and not plan.loss.is_custom
    )


def _kernel(plan: Plan, operands: Operands) -> Any:
    reduction = NONE if plan.axes == () else MEAN if plan.is_mean else SUM
    result = by_kernel(plan, operands, reduction)
    if plan.loss.scale != 1.0:
        result = plan.loss.scale * result
    if plan.loss.measure is None:
        return result
    # A mean is a sum that is divided by nothing.
    result = plan.loss.combination.value(xp, Sums((result,), None), None, (), None)
    return result if is_safe(TRACKED, result, ()) else operators(plan, operands)


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
    return node(plan, operands) if plan.prediction.is_tracked else _whole(plan, operands)


def _blocks(plan: Plan, operands: Operands) -> Any:
    if plan.with_gradient:
        result = blocks_if_safe(CONSTANT_BY_BITS, plan, operands, limit=block_limit(plan))
    else:
        result = sums_in_blocks(plan, operands).value
    return operators(plan, operands) if result is None else result


def _suits_one_term(plan: Plan) -> bool:
    return _is_eager(plan) and is_one_term(plan) and not has_kernel(plan)


def _one_term(plan: Plan, operands: Operands) -> Any:
    return one_term(TRACKED if _is_tracked(plan) else host_arithmetic(plan), plan, operands)


def _whole(plan: Plan, operands: Operands) -> Any:
    return whole(host_arithmetic(plan), plan, operands, is_measured=False)


def _eager(plan: Plan, operands: Operands) -> Any:
    if plan.prediction.dtype != plan.dtype:
        # Wider temporaries, which take longer to get from the system than to fill.
        keep_freed_memory(xp)
    return whole(TRACKED, plan, operands, is_measured=False)


class TorchEngine(Engine):
    """Uses PyTorch's kernels where there are any, and blocks and an autograd node beyond.

    On accelerators a loss is a kernel or a node too, which waits for nothing. Whatever traces or
    transforms gets plain operators.
    """

    def __init__(self) -> None:
        super().__init__(xp)
        self.keys = {**HOST_KEYS, **dict.fromkeys(_PLAIN_TYPES, _key_of)}
        self.strategies = (
            Strategy("kernel", _suits_kernel, _kernel),
            Strategy("wide kernel", _suits_wide_kernel, _wide_kernel),
            Strategy("blocks", _suits_blocks, _blocks),
            Strategy("node", _suits_node, node),
            Strategy("one term", _suits_one_term, _one_term),
            Strategy("whole", _suits_whole, _whole),
            Strategy("whole on a device", _suits_device, partial(whole, DEVICE)),
            Strategy("node on a device", _suits_device_node, device_node),
            Strategy("eager", _is_eager_value, _eager),
            Strategy("operators", always, operators),
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

    def known_values(self, array: Array) -> Any:
        is_there = self.metadata(array).is_plain and array.device.type == "cpu"
        return array.detach().numpy() if is_there else None

    def check(self, role: str, array: Array) -> None:
        if array.is_nested or array.layout is not torch.strided:
            layout = "nested" if array.is_nested else array.layout
            raise TypeError(
                f"{role} has the layout {layout}; make it dense first, for instance with "
                ".to_dense() or .to_padded_tensor() and where="
            )
        if type(array).__name__ == "MaskedTensor":
            raise TypeError(f"{role} is a MaskedTensor; pass its .get_data() and where=.get_mask()")

    def check_together(self, arrays: Mapping[str, Any]) -> None:
        check_distribution(arrays)

    def default_float(self) -> DType:
        return torch.get_default_dtype()

    def from_host(self, value: Any, dtype: DType, like: Array) -> Array:
        if type(value) in {bool, int, float}:
            # A copy would wait for the device.
            return torch.full((), value, dtype=dtype, device=like.device)
        tensor = torch.asarray(value, dtype=dtype, device=like.device)
        return replicated(tensor, like) if is_distributed(like) else tensor

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
