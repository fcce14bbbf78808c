"""The plain way to run a formula: on whole arrays, with nothing but the array API."""

from multiloss._engines._norms import norm, norm_and_grad
from multiloss._formulas.formula import Formula, slope_of
from multiloss._reduction import Reduction, reduce_slopes, reduce_values
from multiloss._selection import Operands, select
from multiloss._typing import Array, Namespace, Shape


def plain_value(xp: Namespace, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
    """Return the loss."""
    selected = select(xp, operands)
    if formula.is_norm:
        return norm(xp, formula, selected, reduction)
    prediction, target, parameters, weight = selected
    values = formula.value(xp, prediction, target, *parameters)
    return reduce_values(xp, values, weight, reduction)


def plain_value_and_grad(
    xp: Namespace, formula: Formula, operands: Operands, reduction: Reduction
) -> tuple[Array, Array]:
    """Return the loss and its gradient with respect to the prediction."""
    selected = select(xp, operands)
    if formula.is_norm:
        value, gradient = norm_and_grad(xp, formula, selected, reduction)
    else:
        prediction, target, parameters, weight = selected
        values = formula.value(xp, prediction, target, *parameters)
        value = reduce_values(xp, values, weight, reduction)
        slopes = slope_of(formula)(xp, prediction, target, *parameters)
        gradient = reduce_slopes(xp, slopes, weight, reduction, formula.slope_scale)
    if operands.dtype != operands.real_dtype and not operands.gradient_is_complex:
        gradient = xp.real(gradient)
    gradient = sum_to_shape(xp, gradient, operands.prediction.shape)
    return (
        value,
        # As an array: a 0-d result of NumPy is a scalar, which its astype() refuses.
        xp.astype(gradient[...], operands.gradient_dtype, copy=False),
    )


def sum_to_shape(xp: Namespace, gradient: Array, shape: Shape) -> Array:
    """Sum over the axes along which an operand of this shape was stretched."""
    added = len(gradient.shape) - len(shape)
    stretched = tuple(
        axis
        for axis, size in enumerate(gradient.shape)
        if axis < added or (shape[axis - added] == 1 and size != 1)
    )
    if stretched:
        gradient = xp.sum(gradient, axis=stretched, keepdims=True)
    if added:
        gradient = xp.squeeze(gradient, axis=tuple(range(added)))
    return gradient
