"""What of the operands enters the arithmetic: floats of one dtype, without masked elements."""

from typing import NamedTuple

from multiloss._typing import Array, DType, Namespace


class Operands(NamedTuple):
    """Arrays of one engine that passed the door: their shapes fit, their dtypes may differ."""

    prediction: Array
    target: Array
    weight: Array | None
    where: Array | None
    dtype: DType  # to compute in
    weight_dtype: DType  # its real counterpart
    gradient_dtype: DType  # of the gradient with respect to the prediction
    gradient_is_complex: bool
    ndim: int  # of the loss before the reduction


def select(xp: Namespace, operands: Operands) -> tuple[Array, Array, Array | None]:
    """Return prediction, target and weight to compute with.

    A masked element is replaced before the arithmetic sees it, so that a NaN there reaches neither
    the value nor a gradient. Its place is taken by one, which is in the domain of every loss, and
    its weight is zero.
    """
    prediction = xp.astype(operands.prediction, operands.dtype, copy=False)
    target = xp.astype(operands.target, operands.dtype, copy=False)
    weight, where = operands.weight, operands.where
    if weight is not None:
        weight = xp.astype(weight, operands.weight_dtype, copy=False)
    if where is not None:
        prediction = xp.where(where, prediction, 1.0)
        target = xp.where(where, target, 1.0)
        if weight is None:
            weight = xp.astype(where, operands.weight_dtype)
        else:
            weight = xp.where(where, weight, 0.0)
    return prediction, target, weight
