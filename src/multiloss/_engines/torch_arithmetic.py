"""What strategies ask of PyTorch."""

import math
from functools import partial
from typing import Any, cast

import torch

from multiloss._core.measures import LARGEST
from multiloss._core.plan import Items, Operands, Plan, items_of
from multiloss._core.sums import Total
from multiloss._core.terms import Term
from multiloss._engines.torch_namespace import xp, xp_by_bits, xp_on_device, xp_on_host
from multiloss._engines.torch_private import KERNELS, NONE, SUM
from multiloss._strategies.arithmetic import Arithmetic, InPlaceArithmetic, MeasuringArithmetic
from multiloss._typing import Array

_SHORT = 2**13  # elements; a longer product loses digits, and waits for threads
_MANY = 2**12  # elements from which on a selection by bits is faster


def has_kernel(plan: Plan) -> bool:
    """Tell whether a kernel computes the terms."""
    loss = plan.loss
    return (
        loss.kernel in KERNELS
        and plan.is_moderate
        and not any(plan.parameters)
        and plan.target.shape == plan.shape
        and plan.target.is_saveable
    )


def by_kernel(plan: Plan, operands: Operands | Items, reduction: int) -> Array:
    kernel = KERNELS[plan.loss.kernel]
    return kernel(operands.prediction, operands.target, reduction, *operands.parameters)


class EagerArithmetic(Arithmetic):
    """Takes fused kernels for terms. For eager tensors on the CPU."""

    def detached(self, value: Array) -> Array:
        return value.detach()

    def values(self, plan: Plan, term: Term, items: Items) -> Array:
        if has_kernel(plan) and term is plan.loss.terms[0]:
            return by_kernel(plan, items, NONE)
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

    def mean(self, plan: Plan, values: Array) -> Array:
        return values.mean() if plan.axes is None else super().mean(plan, values)

    def sum(self, plan: Plan, values: Array) -> Array:
        if plan.axes is None:
            return values.sum() if not plan.keepdims else super().sum(plan, values)
        return torch.sum(values, plan.axes, keepdim=plan.keeps_axes) if plan.axes else values


class TrackedArithmetic(EagerArithmetic):
    """Lets kernels see masked elements as perfect predictions, which add nothing to a sum."""

    def select(self, plan: Plan, operands: Operands) -> Items:
        if plan.where is None or plan.weight is not None or not has_kernel(plan):
            return super().select(plan, operands)
        prediction, target, parameters, weight, where = items_of(xp, plan, operands)
        # One for both: where() makes a tensor of a number, which takes as long as the selection.
        zero = prediction.new_zeros(())
        select = partial(torch.where, cast(torch.Tensor, where))
        return Items(select(prediction, zero), select(target, zero), parameters, weight, where)

    def term_sum(self, plan: Plan, term: Term, items: Items) -> Array:
        is_scalar = plan.axes is None and not plan.keepdims
        if is_scalar and items.weight is None and has_kernel(plan):
            return by_kernel(plan, items, SUM)
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


def _adds_in_double(plan: Plan) -> bool:
    """Tell whether squares of single precision are added up in double, where none overflows."""
    return (
        plan.loss.measure is LARGEST
        and plan.loss.terms[0].is_square
        and plan.weight is None
        and plan.axes != ()
        and plan.dtype == torch.float32
        and plan.prediction.device.type != "mps"  # which has no double precision
    )


class DeviceArithmetic(MeasuringArithmetic):
    """Computes in place, where autograd does not look, and waits for no number."""

    def select(self, plan: Plan, operands: Operands) -> Items:
        if _adds_in_double(plan):
            return items_of(self.xp, plan, operands)
        return super().select(plan, operands)

    def unit(self, plan: Plan, items: Items | None, *lengths: Array) -> Any:
        is_one = items is not None and items.weight is None and _adds_in_double(plan)
        return 1.0 if is_one else super().unit(plan, items, *lengths)

    def term_sum(self, plan: Plan, term: Term, items: Items) -> Array:
        # What was selected by weights of zero and one is weighed.
        if items.weight is not None or not _adds_in_double(plan):
            return super().term_sum(plan, term, items)
        residual: Any = term.residual
        values = residual(self.xp, items.prediction, items.target)
        if items.where is not None:
            values = self.xp.where(items.where, values, 0.0)
        # It converts as it reads, where a sum in double precision would first write all squares.
        norm = torch.linalg.vector_norm(
            values, dim=plan.axes, keepdim=plan.keeps_axes, dtype=torch.float64
        )
        return norm * norm

    def scaled_slopes(
        self,
        slopes: Array,
        above: Array | float,
        below: Total,
        out: Array | None = None,  # noqa: ARG002  for others
    ) -> Array:
        if isinstance(below, torch.Tensor):
            factor = above / below
            if not factor.ndim:
                # With axes, so that it is not rounded to single precision before the product.
                factor = factor.reshape((1,) * slopes.ndim)
            return slopes.mul_(factor).masked_fill_(below == 0, 0.0)
        if below is not None:
            above = above / below if below else 0.0
        return slopes.mul_(above)


OPERATORS = Arithmetic(xp)
TRACKED = TrackedArithmetic(xp)
CONSTANT_BY_BITS = ConstantArithmetic(xp_by_bits)
DEVICE = DeviceArithmetic(xp_on_device)
_CONSTANT = ConstantArithmetic(xp_on_host)


def host_arithmetic(plan: Plan) -> ConstantArithmetic:
    """Return what computes on the CPU where autograd does not look."""
    return _CONSTANT if math.prod(plan.full_shape) < _MANY else CONSTANT_BY_BITS
