"""A call: what is decided about it without looking at numbers, and the operands it is run with."""

from typing import Any, Literal, NamedTuple, TypeAlias

from multiloss._core.loss import Loss
from multiloss._core.sums import Axes
from multiloss._core.terms import with_class_axis
from multiloss._typing import Array, DType, Namespace, Parameter, Shape

# What the mean of nothing is.
EmptyKind: TypeAlias = Literal["nan", "number", "array"]


class Metadata(NamedTuple):
    """What an operand is, but for its numbers."""

    dtype: DType
    shape: Shape
    device: Any = None
    is_weak: bool = False  # a number or a list, which takes the dtype of the arrays it meets
    is_tracked: bool = False  # by autograd
    is_saveable: bool = True  # by a node of autograd
    is_plain: bool = True  # an eager array of exactly the engine's class


class Plan(NamedTuple):
    """How a call is run."""

    engine: Any
    loss: Loss
    prediction: Metadata
    target: Metadata
    weight: Metadata | None
    where: Metadata | None
    parameters: tuple[Metadata | None, ...]  # None for one that stays a number
    shape: Shape  # of the loss before the reduction
    full_shape: Shape  # of the slopes: with the axis of the classes, where there is one
    class_axis: int | None  # that of the prediction as it was given, counted from the end
    has_labels: bool  # whether the target is the indices of classes
    dtype: DType  # to compute in
    target_dtype: DType  # the same, or that of indices
    real_dtype: DType  # its real counterpart
    is_complex: bool  # whether the two differ
    gradient_dtype: DType  # of the gradient with respect to the prediction
    axes: Axes  # which are reduced: () for the losses of the elements
    is_mean: bool
    reduced_size: int | None  # how many elements are reduced to one; None if that is not known
    keepdims: bool
    keeps_axes: bool  # whether sums do, to meet the elements again
    empty: EmptyKind
    with_gradient: bool
    is_moderate: bool  # whether parameters that are numbers are far from the end of any range
    converts: bool = True  # whether the operands have to be converted() first
    strategy: Any = None


# Functions, since old releases of Dynamo trace no property of a named tuple.
def arrays_of(plan: Plan) -> tuple[Metadata, ...]:
    """Return what the operands are that are arrays."""
    given = (plan.prediction, plan.target, plan.weight, plan.where, *plan.parameters)
    return tuple([each for each in given if each is not None])


def divides_by_count(plan: Plan) -> bool:
    """Tell whether a mean divides by the number of items, which takes no sum."""
    return plan.is_mean and plan.weight is plan.where is None and plan.loss.divisor is None


class Operands(NamedTuple):
    """Arrays of one engine whose shapes fit; their dtypes may differ."""

    prediction: Array
    target: Array
    weight: Array | None
    where: Array | None
    parameters: tuple[Parameter, ...]
    empty: Any  # the mean of nothing: a number, a 0-d array, or None for NaN


class Items(NamedTuple):
    """What enters the arithmetic: floats of one dtype, and labels as indices."""

    prediction: Array
    target: Array
    parameters: tuple[Parameter, ...]
    weight: Array | None  # None stands for ones
    where: Array | None = None  # what is still to be left out


def items_of(xp: Namespace, plan: Plan, operands: Operands) -> Items:
    """Convert the operands to the dtypes of the plan; of classes, to one shape too."""
    prediction, target, weight, where, parameters, _ = operands
    dtype, target_dtype, real_dtype = plan.dtype, plan.target_dtype, plan.real_dtype
    if prediction.dtype != dtype:
        prediction = xp.astype(prediction, dtype)
    if target.dtype != target_dtype:
        is_sign = plan.loss.takes_signs and target.dtype == xp.bool
        target = xp.astype(target, target_dtype)
        if is_sign:
            target = 2 * target - 1
    if weight is not None and weight.dtype != real_dtype:
        weight = xp.astype(weight, real_dtype)
    if plan.class_axis is not None:
        whole_vectors = getattr(xp, "with_whole_vectors", None)
        if whole_vectors is not None:
            prediction = whole_vectors(prediction)
            target = target if plan.has_labels else whole_vectors(target)
        prediction = _broadcast(xp, prediction, plan.full_shape)
        target = _broadcast(xp, target, plan.shape if plan.has_labels else plan.full_shape)
    return Items(prediction, target, parameters, weight, where)


def _broadcast(xp: Namespace, array: Array, shape: Shape) -> Array:
    # A size that a lazy engine does not know is None, or not equal to itself.
    if array.shape == shape or any(size is None or size != size for size in shape):  # noqa: PLR0124
        return array
    return xp.broadcast_to(array, shape)


def beside_classes(plan: Plan, array: Any) -> Any:
    """Return what there is one of for each item in a shape that broadcasts with the slopes."""
    return array if plan.class_axis is None else with_class_axis(array)


def masked(xp: Namespace, plan: Plan, items: Items) -> Items:
    """Leave out the masked elements.

    A masked element is replaced before the arithmetic sees it, so that a NaN there reaches neither
    the value nor a gradient. Its place is taken by a number in the domain of the loss, that of a
    label by the first class, that of a parameter by one, and its weight is zero.
    """
    prediction, target, parameters, weight, where = items
    if where is None:
        return items
    selected, stand_in = beside_classes(plan, where), plan.loss.stand_in
    return Items(
        xp.where(selected, prediction, stand_in),
        xp.where(where, target, 0) if plan.has_labels else xp.where(selected, target, stand_in),
        tuple(
            [
                each
                if isinstance(each, float) or not each.shape or spec.is_per_class
                else xp.where(where, each, 1.0)
                for spec, each in zip(plan.loss.parameters, parameters, strict=True)
            ]
        ),
        xp.astype(where, plan.real_dtype) if weight is None else xp.where(where, weight, 0.0),
    )
