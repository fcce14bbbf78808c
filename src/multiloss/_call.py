"""How every loss is called: a plan is made or found again, and its engine runs it."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from multiloss._core.curvature import curvature_of
from multiloss._core.loss import Loss
from multiloss._core.plan import Operands, Plan
from multiloss._core.records import replaced
from multiloss._differentiated import Differentiated, ValueAndGradient
from multiloss._engines import engine_of
from multiloss._planning.operands import (
    checked_parameter,
    classes_back,
    converted,
    rounded_to,
)
from multiloss._planning.options import NAN, UNSET, checked_empty, name_of, unknown_option
from multiloss._planning.plan import magnitude, planned
from multiloss._typing import Array, ArrayT, Axis, Operand, ReductionName

# The prediction of who asks for a definition, not for a loss.
_DEFINITION: Any = object()


class BoundLoss(NamedTuple):
    """A loss with the parameters of a call."""

    loss: Loss
    parameters: tuple[Operand, ...]


def bound_loss(function: Callable[..., Any], **options: Any) -> BoundLoss:
    """Return what a loss of this package evaluates with these parameters."""
    result: Any = function(Differentiated(_DEFINITION), None, **options)
    if not isinstance(result, BoundLoss):
        raise TypeError(f"{name_of(function)} is no loss of multiloss")
    return result


_MOST_PLANS = 256  # per loss; shapes that vary must not make it grow


def evaluate(  # noqa: C901  the one way that every call takes
    loss: Loss,
    prediction: ArrayT,
    target: Operand,
    *parameters: Operand,
    weight: Operand | None = None,
    where: Operand | None = None,
    axis: Axis = None,
    keepdims: bool = False,
    reduction: ReductionName = UNSET,
    broadcast: bool = False,
    empty: Operand = NAN,
    class_axis: int | None = None,
    **unknown: object,
) -> ArrayT:
    """Return the loss; the loss and its gradient where value_and_grad() asks for both."""
    if unknown or (reduction is not UNSET and "reduction" not in loss.options):
        raise TypeError(unknown_option(loss, unknown or {"reduction": reduction}))
    with_gradient = isinstance(prediction, Differentiated)
    given: Any = prediction
    if with_gradient:
        given, curvature = given
        if given is _DEFINITION:
            return cast(ArrayT, BoundLoss(loss, parameters))
        if curvature is not None:
            loss = curvature_of(loss, is_replaced=curvature.nonpositive is not None)
            if curvature.nonpositive is not None:
                parameters = (*parameters, curvature.nonpositive)
    empty = None if empty is NAN else checked_empty(loss, empty)
    if parameters:
        parameters = (*map(checked_parameter, loss.parameters, parameters),)
    operands = Operands(given, target, weight, where, parameters, empty)

    reduction = loss.reduction if reduction is UNSET else reduction
    options = reduction, axis, keepdims, broadcast, class_axis
    key = _key(operands, options)
    if key is not None:
        key = key, with_gradient, magnitude(parameters) if parameters else "moderate"
    # Old releases of Dynamo do not trace a dictionary with such keys.
    plan = None if key is None else loss.plans.get(key)
    if plan is None:
        plan, operands = planned(loss, operands, options, with_gradient=with_gradient)
        if key is not None:
            if len(loss.plans) >= _MOST_PLANS:
                loss.plans.clear()
            loss.plans[key] = plan
    if plan.converts:
        operands = converted(plan, operands)
    if empty is not None:
        operands = replaced(
            operands, empty=rounded_to(plan.engine, "empty", empty, plan.real_dtype)
        )
    result: Any = plan.engine.run(plan, operands)
    return cast(ArrayT, _differentiated(plan, *result) if with_gradient else result)


def _differentiated(plan: Plan, value: Array, gradient: Array) -> ValueAndGradient:
    return ValueAndGradient(value, classes_back(plan, gradient))


def _key(operands: Operands, options: tuple[Any, ...]) -> Any:
    """Return what a plan depends on, but for parameters that are numbers; None if in doubt.

    The numbers of arrays have no part in it.
    """
    arrays = engine_of("prediction", operands.prediction).key(operands)
    if arrays is None:
        return None
    reduction, axis, keepdims, broadcast, class_axis = options
    empty = operands.empty
    # By type, since 1 and 1.0 are equal keys.
    if (
        type(reduction) is str
        and type(keepdims) is bool
        and type(broadcast) is bool
        and (axis is None or type(axis) is int or _is_tuple_of_integers(axis))
        and (empty is None or type(empty) is float)
        and (class_axis is None or type(class_axis) is int)
    ):
        return arrays, options, empty is None
    return None


def _is_tuple_of_integers(axis: Axis) -> bool:
    return type(axis) is tuple and {*map(type, axis)} <= {int}
