"""The mean or the sum of one term, where nothing is weighed, left out or converted.

Each function on the way through the general strategy takes longer than the work for a few elements.
"""

from typing import Any

from multiloss._core.combinations import MEAN, is_one
from multiloss._core.plan import Operands, Plan
from multiloss._strategies.arithmetic import Arithmetic


def is_one_term(plan: Plan) -> bool:
    """Tell whether a plan wants no more than the sum of a term of all elements."""
    loss = plan.loss
    return (
        len(loss.terms) == 1
        and loss.combination is MEAN
        and loss.measure is None
        and loss.divisor is None
        and plan.weight is plan.where is None
        and plan.axes is None
        and not plan.keepdims
        and not plan.with_gradient
        and not plan.is_complex
        and plan.class_axis is None
        and plan.prediction.dtype == plan.target.dtype == plan.dtype
        and plan.reduced_size not in {None, 0}
    )


def one_term(ops: Arithmetic, plan: Plan, operands: Operands) -> Any:
    """Return the loss."""
    loss = plan.loss
    value = loss.terms[0].value(ops.xp, operands.prediction, operands.target, *operands.parameters)
    result = ops.mean(plan, value) if plan.is_mean else ops.sum(plan, value)
    return result if is_one(loss.scale) else loss.scale * result
