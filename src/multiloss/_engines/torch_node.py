"""One node of PyTorch's graph, which saves nothing but the operands and computes the slopes again.

Its one input is the prediction; the other operands are constants.
"""

from collections.abc import Callable
from typing import Any

import torch

from multiloss._core.plan import Operands, Plan
from multiloss._core.sums import Sums
from multiloss._engines.torch_private import is_batched
from multiloss._typing import Array


class Node(torch.autograd.Function):
    """The node: made of a value that was computed before, and of what its gradient needs."""

    @staticmethod
    def forward(  # noqa: PLR0917  apply() takes no keywords
        ctx: Any,
        prediction: Array,
        plan: Plan,
        operands: Operands,
        results: tuple[Array, Sums, Any],
        gradient: Callable[..., Array],
        operators: Callable[..., Any],
    ) -> Array:
        tensors = [each if isinstance(each, torch.Tensor) else None for each in operands.parameters]
        ctx.save_for_backward(prediction, *operands[1:4], *tensors)
        value, *sums = results
        ctx.rest = plan, operands.parameters, operands.empty, sums, gradient, operators
        return value

    @staticmethod
    def backward(ctx: Any, gradient_of_result: Array) -> Any:
        plan, numbers, empty, (sums, unit), gradient, operators = ctx.rest
        # Unpacked once: checkpointing refuses a second time, and offloading pays for it.
        saved = ctx.saved_tensors
        named = zip(numbers, saved[4:], strict=True)
        parameters = tuple([number if tensor is None else tensor for number, tensor in named])
        operands = Operands._make((*saved[:4], parameters, empty))
        if plan.axes and not plan.keepdims:
            kept = [1 if k in plan.axes else n for k, n in enumerate(plan.shape)]
            gradient_of_result = gradient_of_result.reshape(kept)
        if torch.is_grad_enabled() or is_batched(gradient_of_result):
            # Asked for a gradient that can be differentiated again, or for many: by operators. In
            # the working dtype, since a 16-bit gradient may vanish before it is multiplied.
            keeps_axes = plan.keepdims or plan.axes is not None
            wide = plan._replace(
                gradient_dtype=plan.dtype, with_gradient=True, keeps_axes=keeps_axes
            )
            _, result = operators(wide, operands)
            result = (result * gradient_of_result).to(plan.gradient_dtype)
        else:
            result = gradient(plan, operands, sums, unit, gradient_of_result)
        return result, None, None, None, None, None
