"""Whole arrays: every step takes all elements."""

from typing import Any

from multiloss._core.combinations import exponent_of
from multiloss._core.measures import safe_range
from multiloss._core.plan import Items, Operands, Plan, beside_classes
from multiloss._core.records import replaced
from multiloss._core.sums import Factor, Sums
from multiloss._core.terms import Scaled, Term
from multiloss._strategies.arithmetic import Arithmetic
from multiloss._typing import Array, DType, Namespace, Parameter, Shape

# In the place of a unit: a length may have overflowed or vanished.
UNSAFE: Any = object()


def whole(ops: Arithmetic, plan: Plan, operands: Operands, *, is_measured: bool = True) -> Any:
    """Return the loss; and its gradient with respect to the prediction, if the plan wants it."""
    items = ops.select(plan, operands)
    terms = plan.loss.terms
    if plan.with_gradient and terms[0].prepare is not None:
        terms = (_shared(ops, terms[0], items),)
    if plan.loss.measure is None:
        sums, unit = sums_of(ops, plan, terms, items), None
    else:
        sums, unit = whole_sums(ops, plan, items, is_measured=is_measured)
    value = value_if_safe(ops, plan, operands, sums, unit)
    if value is None:
        return whole(Arithmetic(ops.xp), plan, operands)
    if not plan.with_gradient:
        return value
    factors = factors_of(ops.xp, plan, operands, sums, unit)
    gradient = whole_gradient(ops, plan, terms, items, factors, unit)
    return value, as_gradient(ops.xp, plan, gradient)


def _shared(ops: Arithmetic, term: Term, items: Items) -> Term:
    """Return a term of which value and slope share what is computed for both."""
    prepare: Any = term.prepare
    value, slope = prepare(ops.xp, items.prediction, items.target, *items.parameters)
    return Term(lambda *_: value(), lambda *_: slope())


def value_if_safe(ops: Arithmetic, plan: Plan, operands: Operands, sums: Sums, unit: Any) -> Any:
    """Return the loss, given its sums; None if a unit is missed."""
    if unit is UNSAFE:
        return None
    parameters, combine = operands.parameters, plan.loss.combination.value
    value = combine(ops.xp, sums, operands.empty, parameters, unit)
    is_unmeasured = unit is None and plan.loss.measure is not None
    if is_unmeasured and not is_safe(ops, value, parameters):
        return None
    if plan.keeps_axes and plan.axes and not plan.keepdims:
        value = ops.xp.squeeze(value, axis=plan.axes)
    # What was added up in double precision is wider.
    return in_dtype(ops.xp, value, plan.real_dtype)


def in_dtype(xp: Namespace, array: Array, dtype: DType) -> Array:
    """Return an array in a dtype."""
    # As an array: a 0-d result may be a scalar, which astype() refuses.
    return array if array.dtype == dtype else xp.astype(array[...], dtype)


def whole_sums(ops: Arithmetic, plan: Plan, items: Items, *, is_measured: bool) -> tuple[Sums, Any]:
    """Return the sums, and the unit of the terms: None without one, UNSAFE if one is missed."""
    measure, terms, unit = plan.loss.measure, plan.loss.terms, None
    if measure is not None and (is_measured or measure.losses):
        unit = _unit(ops, plan, items, is_measured=is_measured)
        if unit is UNSAFE:
            return Sums((), None), unit
        terms, items, _ = measure.apply(ops.xp, terms, items, unit)
    return sums_of(ops, plan, terms, items), unit


def whole_gradient(  # noqa: PLR0917  as in blocks
    ops: Arithmetic,
    plan: Plan,
    terms: tuple[Term, ...],
    items: Items,
    factors: tuple[Factor, ...],
    unit: Any,
) -> Array:
    """Return the gradient in the shape of the slopes."""
    measure, slope = plan.loss.measure, None
    if measure is not None and unit is not None:
        terms, items, slope = measure.apply(ops.xp, terms, items, unit)
    gradient = weighted_slopes(ops, plan, terms, items, factors)
    return gradient if slope is None else gradient * slope


def _unit(ops: Arithmetic, plan: Plan, items: Items, *, is_measured: bool) -> Any:
    """Return the unit in which the terms of a plan are measured."""
    measure: Any = plan.loss.measure
    lengths = []
    for loss in measure.losses:
        part = plan_of_unit(plan, loss)
        sums, unit = whole_sums(ops, part, items, is_measured=is_measured)
        length = loss.combination.value(ops.xp, sums, None, (), unit)
        if unit is None and not is_safe(ops, length, ()):
            return UNSAFE
        lengths.append(in_dtype(ops.xp, length, plan.real_dtype))
    return ops.unit(plan, items, *lengths)


def is_safe(ops: Arithmetic, norm: Array, parameters: tuple[Parameter, ...]) -> bool:
    """Tell whether an eager norm needs no unit."""
    norm, exponent = ops.detached(norm), exponent_of(parameters)
    if not isinstance(exponent, float):
        return False
    low, high = safe_range(ops.xp, norm.dtype, exponent)
    if norm.ndim == 0:
        return low < float(norm) < high
    return bool(ops.xp.all((norm > low) & (norm < high)))


def plan_of_unit(plan: Plan, loss: Any) -> Plan:
    """Return the plan of a loss that measures another one: over the same axes, which it keeps."""
    keepdims = plan.keeps_axes
    return replaced(plan, loss=loss, is_mean=False, keepdims=keepdims, with_gradient=False)


def sums_of(ops: Arithmetic, plan: Plan, terms: tuple[Term, ...], items: Items) -> Sums:
    """Return the sums of the terms, and of the weights if something is divided by it."""
    scale = plan.loss.scale
    sums = []
    for term in terms:
        if term.is_summed:
            each = ops.term_sum(plan, term, items)
            sums.append(each if scale == 1.0 else scale * each)
    divisor = plan.loss.divisor
    if not plan.is_mean:
        return Sums(tuple(sums), None)
    return Sums(
        tuple(sums),
        ops.total(plan, items) if divisor is None else ops.term_sum(plan, divisor, items),
    )


def factors_of(
    xp: Namespace, plan: Plan, operands: Operands, sums: Sums, unit: Any
) -> tuple[Factor, ...]:
    """Return what the slopes of each term are multiplied with and divided by.

    Numbers become one, but for a sum of weights: a quotient by a small float may overflow.
    """
    loss = plan.loss
    factors: list[Factor] = []
    slopes = loss.combination.slopes(xp, sums, operands.parameters, unit)
    for term, (above, below) in zip(loss.terms, slopes, strict=False):
        factor = loss.scale * term.slope_scale * above
        if isinstance(above, float) and isinstance(below, int) and below:
            factor, below = factor / below, None  # noqa: PLW2901  the same
        factors.append((factor, below))
    return tuple(factors)


def weighted_slopes(  # noqa: PLR0917  as in blocks
    ops: Arithmetic,
    plan: Plan,
    terms: tuple[Term, ...],
    items: Items,
    factors: tuple[Factor, ...],
    out: Array | None = None,
) -> Any:
    """Return slopes times weights and factors, in ``out`` if that is possible."""
    gradient: Any = None
    for term, (above, below) in zip(terms, factors, strict=False):
        slopes = ops.slopes(plan, term, items)
        above = beside_classes(plan, above)  # noqa: PLW2901  the same, in a shape that fits
        below = beside_classes(plan, below)  # noqa: PLW2901  ditto
        if isinstance(slopes, Scaled):
            above = slopes.above * above / slopes.below  # noqa: PLW2901  ditto
            slopes = slopes.slopes
        slopes = ops.scaled_slopes(slopes, above, below, out if len(factors) == 1 else None)
        gradient = slopes if gradient is None else gradient + slopes
    return gradient


def as_gradient(xp: Namespace, plan: Plan, gradient: Array) -> Array:
    """Return the gradient in the shape and the dtype of the prediction."""
    if plan.is_complex and plan.engine.kind(plan.gradient_dtype) != "complex":
        gradient = xp.real(gradient)
    if gradient.shape != plan.prediction.shape:
        gradient = _sum_to_shape(xp, gradient, plan.prediction.shape)
    return in_dtype(xp, gradient, plan.gradient_dtype)


def _sum_to_shape(xp: Namespace, gradient: Array, shape: Shape) -> Array:
    """Sum over the axes along which an operand of this shape was broadcast."""
    added = len(gradient.shape) - len(shape)
    expanded = tuple(
        axis
        for axis, size in enumerate(gradient.shape)
        if axis < added or (shape[axis - added] == 1 and size != 1)
    )
    if expanded:
        gradient = xp.sum(gradient, axis=expanded, keepdims=True)
    if added:
        gradient = xp.squeeze(gradient, axis=tuple(range(added)))
    return gradient
