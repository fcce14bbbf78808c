"""What of the operands enters the arithmetic: floats of one dtype, without masked elements."""

from collections.abc import Callable
from typing import NamedTuple

from multiloss._typing import Array, DType, Namespace, Parameter, Shape


class Operands(NamedTuple):
    """Arrays of one engine that passed the door: their shapes fit, their dtypes may differ."""

    prediction: Array
    target: Array
    weight: Array | None
    where: Array | None
    parameters: tuple[Parameter, ...]  # of the loss, converted
    dtype: DType  # to compute in
    real_dtype: DType  # its real counterpart
    gradient_dtype: DType  # of the gradient with respect to the prediction
    gradient_is_complex: bool
    shape: Shape  # of the loss before the reduction

    def changed(
        self,
        *,
        prediction: Array = None,
        parameters: tuple[Parameter, ...] | None = None,
        gradient_dtype: DType = None,
    ) -> "Operands":
        """Return the operands with some others.

        Field by field, since old releases of Dynamo trace neither _replace() nor a slice.
        """
        return Operands(
            self.prediction if prediction is None else prediction,
            self.target,
            self.weight,
            self.where,
            self.parameters if parameters is None else parameters,
            self.dtype,
            self.real_dtype,
            self.gradient_dtype if gradient_dtype is None else gradient_dtype,
            self.gradient_is_complex,
            self.shape,
        )

    def with_arrays(self, function: Callable[[Array], Array]) -> "Operands":
        """Return the operands with a function applied to every array that has axes."""

        def applied(value: Parameter) -> Parameter:
            return function(value) if getattr(value, "shape", ()) else value

        return self._replace(
            prediction=applied(self.prediction),
            target=applied(self.target),
            weight=applied(self.weight),
            where=applied(self.where),
            parameters=tuple(map(applied, self.parameters)),
        )


def as_is(prediction: Array, target: Array, parameters: tuple[Parameter, ...]) -> Operands:
    """Return the operands of which nothing has to be converted, checked or left out."""
    dtype = prediction.dtype
    is_complex = False
    shape = prediction.shape
    return Operands(
        prediction, target, None, None, parameters, dtype, dtype, dtype, is_complex, shape
    )


class Selected(NamedTuple):
    """What enters the arithmetic, in the dtypes to compute in."""

    prediction: Array
    target: Array
    parameters: tuple[Parameter, ...]
    weight: Array | None  # None stands for ones


def select(xp: Namespace, operands: Operands) -> Selected:
    """Convert the operands and leave out the masked elements.

    A masked element is replaced before the arithmetic sees it, so that a NaN there reaches neither
    the value nor a gradient. Its place is taken by one, which is in the domain of every loss of
    this package, and its weight is zero.
    """
    prediction, target, _, where, parameters, dtype, *_ = operands
    if prediction.dtype != dtype:
        prediction = xp.astype(prediction, dtype)
    if target.dtype != dtype:
        target = xp.astype(target, dtype)
    if where is not None:
        prediction = xp.where(where, prediction, 1.0)
        target = xp.where(where, target, 1.0)
        parameters = tuple(
            xp.where(where, each, 1.0) if getattr(each, "shape", ()) else each
            for each in parameters
        )
    return Selected(prediction, target, parameters, selected_weight(xp, operands))


def selected_weight(xp: Namespace, operands: Operands) -> Array | None:
    """Return the weights with which elements count, zero for masked ones; None stands for ones."""
    weight, where, dtype = operands.weight, operands.where, operands.real_dtype
    if weight is not None and weight.dtype != dtype:
        weight = xp.astype(weight, dtype)
    if where is None:
        return weight
    return xp.astype(where, dtype) if weight is None else xp.where(where, weight, 0.0)
