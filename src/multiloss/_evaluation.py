"""How every loss is evaluated: through the door, then by the engine of its operands."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from multiloss._formulas.formula import Formula
from multiloss._operands import admit, rounded_to
from multiloss._options import unknown_option
from multiloss._reduction import NAN, Reduction, checked_empty, checked_name
from multiloss._shapes import normalized_axis
from multiloss._typing import Array, ArrayT, Axis, Operand, P, R, ReductionName

# The reduction of most calls, checked once.
_MEAN = Reduction("mean", axis=None, keepdims=False, scale=1.0, empty=NAN)


class Differentiated(NamedTuple):
    """A prediction that asks for the gradient too; made by value_and_grad(), read by the losses.

    A named tuple is a pytree, and so passes through jitted and compiled functions.
    """

    prediction: Operand


_CHAIN = (
    "value_and_grad differentiates with respect to the prediction, which has to reach the loss as "
    "it is; compute it first, and multiply the gradient with the derivative of the prediction "
    "(X.T @ gradient for X @ w), or use the engine's own differentiation"
)


class _ChainError(TypeError):
    """Raised for whatever is computed with a marker."""

    def __init__(self, *_: object) -> None:
        super().__init__(_CHAIN)


def _refuse(*_: object, **__: object) -> Any:
    raise _ChainError


def _refuse_attribute(marker: object, name: str) -> Any:
    raise AttributeError(name=name, obj=marker)


def _refuse_arithmetic(marker: type) -> None:
    """Let nothing be computed with a marker; the body of a named tuple has no room for that."""
    for operator in ("add", "sub", "mul", "truediv", "matmul", "pow"):
        setattr(marker, f"__{operator}__", _refuse)
        setattr(marker, f"__r{operator}__", _refuse)
    for name in ("__neg__", "__abs__", "__getitem__", "__array__"):
        setattr(marker, name, _refuse)
    # NumPy leaves the operators to the marker, then.
    setattr(marker, "__array_ufunc__", None)  # noqa: B010  unknown to the type checker
    setattr(marker, "__getattr__", _refuse_attribute)  # noqa: B010  ditto


_refuse_arithmetic(Differentiated)


class ValueAndGradient(NamedTuple):
    """What evaluate() returns for a differentiated prediction, to be told from any other tuple."""

    value: Array
    gradient: Array


def evaluate(
    formula: Formula,
    prediction: ArrayT,
    target: Operand,
    *parameters: Operand,
    weight: Operand | None = None,
    where: Operand | None = None,
    axis: Axis = None,
    keepdims: bool = False,
    reduction: ReductionName = "mean",
    half: bool = False,
    broadcast: bool = False,
    empty: Operand = NAN,
    **unknown: object,
) -> ArrayT:
    """Return the loss; the loss and its gradient where value_and_grad() asks for both."""
    if half and "half" not in formula.options:
        unknown = {"half": half}
    if unknown:
        raise TypeError(unknown_option(formula, unknown))
    # As unwrapped() does, without its call: this is the way of every small loss.
    with_gradient = isinstance(prediction, Differentiated)
    given: Any = prediction
    if with_gradient:
        given = given.prediction
    engine, operands = admit(
        formula, given, target, parameters, weight=weight, where=where, broadcast=broadcast
    )
    checked = _MEAN
    if reduction != "mean" or axis is not None or keepdims or half or empty is not NAN:
        checked = Reduction(
            checked_name(reduction, axis),
            normalized_axis(axis, len(operands.shape)),
            keepdims,
            0.5 if half else 1.0,
            rounded_to(engine, "empty", checked_empty(empty), operands.real_dtype),
        )
    if with_gradient:
        pair = ValueAndGradient(*engine.value_and_grad(formula, operands, checked))
        return cast(ArrayT, pair)
    return cast(ArrayT, engine.value(formula, operands, checked))


def value_and_grad(loss: Callable[P, R]) -> Callable[P, tuple[R, R]]:
    """Return a function that gives a loss and its gradient with respect to the prediction.

    The gradient is the closed form, on every engine: it needs no automatic differentiation (but
    for a loss of :func:`make_loss` that has no slope), and is itself differentiable where the
    engine is. Where the loss is not a scalar, it is the gradient of the sum of its elements. It
    has the shape and the floating-point dtype of the prediction; that of an integer prediction
    has the dtype of the loss. For complex predictions it is the direction of steepest ascent, as
    in PyTorch; ``jax.grad`` returns its conjugate.

    Parameters
    ----------
    loss : callable
        A loss of this package, or a function that passes its first argument on to one and returns
        the result as it is.

    Returns
    -------
    callable
        Takes the arguments of ``loss`` and returns the pair ``(value, gradient)``, as
        ``jax.value_and_grad`` does.

    Raises
    ------
    TypeError
        If ``loss`` cannot be called, is no loss of this package, or one of :func:`make_loss`
        without a slope, on an engine that has no automatic differentiation to find it.

    Examples
    --------
    >>> import multiloss as ml
    >>> value, gradient = ml.value_and_grad(ml.mse)([0.5, 3.0], [1.0, 1.0])
    >>> value, gradient
    (np.float64(2.125), array([-0.5,  2. ]))
    """
    if not callable(loss):
        raise TypeError(
            f"value_and_grad takes a loss such as multiloss.mse, got a {type(loss).__name__}; call "
            "it as value_and_grad(multiloss.mse)(prediction, target)"
        )

    return cast(Callable[P, tuple[R, R]], _ValueAndGrad(loss))


class _ValueAndGrad:
    """What value_and_grad() returns: a class, so that it can be pickled."""

    def __init__(self, loss: Callable[..., Any]) -> None:
        self._loss = loss

    def __call__(self, prediction: Operand, *args: Any, **kwargs: Any) -> Any:
        if isinstance(prediction, Differentiated):
            raise TypeError("value_and_grad of value_and_grad; use the engine's own for the second")
        try:
            result = self._loss(Differentiated(prediction), *args, **kwargs)
        except _ChainError:
            raise
        except AttributeError as error:
            if isinstance(error.obj, Differentiated):
                raise _ChainError from error
            raise
        except TypeError as error:
            # Engines complain of an operand by the name of its type.
            if re.search(rf"\b{Differentiated.__name__}\b", str(error)):
                raise _ChainError from error
            raise
        if not isinstance(result, ValueAndGradient):
            raise TypeError(
                f"value_and_grad takes a loss of multiloss, or a function that returns the result "
                f"of one; {_name_of(self._loss)} returned a {type(result).__name__}"
            )
        return tuple(result)

    def __repr__(self) -> str:
        return f"value_and_grad({_name_of(self._loss)})"


def unwrapped(prediction: Operand) -> tuple[Operand, bool]:
    """Return the prediction itself, and whether it asks for the gradient too."""
    if isinstance(prediction, Differentiated):
        return prediction.prediction, True
    return prediction, False


def _name_of(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))
