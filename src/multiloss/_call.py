"""How every loss is called: a plan is made or found again, and its engine runs it."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from multiloss._core.loss import Loss
from multiloss._core.plan import Operands, Plan
from multiloss._core.records import replaced
from multiloss._engines import engine_of
from multiloss._planning.operands import (
    checked_parameter,
    classes_back,
    converted,
    rounded_to,
)
from multiloss._planning.options import NAN, UNSET, checked_empty, unknown_option
from multiloss._planning.plan import magnitude, planned
from multiloss._typing import Array, ArrayT, Axis, Operand, P, R, ReductionName


class Differentiated(NamedTuple):
    """A prediction that asks for the gradient too; made by value_and_grad(), read by the losses.

    A named tuple is a pytree, and so passes through jitted and compiled functions.
    """

    prediction: Operand


_CHAIN = (
    "value_and_grad differentiates with respect to the prediction, which has to reach the loss "
    "unchanged; compute it first, and multiply the gradient with the derivative of the prediction "
    "(X.T @ gradient for X @ w), or use the differentiation of the engine"
)


_SUM = (
    "value_and_grad of a function that computes with losses takes their sums and their products "
    "with Python numbers alone; multiply by arrays with weight=, and compute the rest outside"
)


class _ChainError(TypeError):
    """Raised for whatever is computed with a Differentiated."""

    def __init__(self, *_: object) -> None:
        super().__init__(_CHAIN)


def _refuse(*_: object, **__: object) -> Any:
    raise _ChainError


def _refuse_arithmetic(kind: type) -> None:
    """Let nothing be computed with a named tuple, whose body has no room for that."""
    for operator in ("add", "sub", "mul", "truediv", "matmul", "pow"):
        setattr(kind, f"__{operator}__", _refuse)
        setattr(kind, f"__r{operator}__", _refuse)
    for name in ("__neg__", "__abs__", "__getitem__", "__array__"):
        setattr(kind, name, _refuse)
    # NumPy leaves the operators to this class, then.
    setattr(kind, "__array_ufunc__", None)  # noqa: B010  unknown to the type checker


_refuse_arithmetic(Differentiated)


class ValueAndGradient(NamedTuple):
    """What evaluate() returns for a differentiated prediction, to be told from any other tuple.

    Sums of losses have the sum of the gradients, and numbers multiply both.
    """

    value: Array
    gradient: Array


def _added(one: ValueAndGradient, other: object) -> Any:
    # sum() starts from zero.
    if type(other) is int and not other:
        return one
    if not isinstance(other, ValueAndGradient):
        return NotImplemented
    return ValueAndGradient(one.value + other.value, one.gradient + other.gradient)


def _multiplied(one: ValueAndGradient, factor: object) -> Any:
    if not isinstance(factor, (int, float)):
        return NotImplemented
    return ValueAndGradient(factor * one.value, factor * one.gradient)


# Not in its body, where they would override those of a tuple.
for _name, _operator in {
    "add": _added,
    "radd": _added,
    "sub": lambda one, other: one + -1.0 * other,
    "mul": _multiplied,
    "rmul": _multiplied,
    "truediv": lambda one, divisor: one * (1 / divisor),
    "neg": lambda one: -1.0 * one,
}.items():
    setattr(ValueAndGradient, f"__{_name}__", _operator)
# NumPy's numbers leave the operators to this class, then.
setattr(ValueAndGradient, "__array_ufunc__", None)  # noqa: B010  unknown to the type checker


# The prediction of who asks for a definition, not for a loss.
_DEFINITION: Any = object()


class Definition(NamedTuple):
    """What a call evaluates: the loss, and its parameters."""

    loss: Loss
    parameters: tuple[Operand, ...]


def definition_of(function: Callable[..., Any], **options: Any) -> Definition:
    """Return what a loss of this package evaluates with these parameters."""
    result: Any = function(Differentiated(_DEFINITION), None, **options)
    if not isinstance(result, Definition):
        raise TypeError(f"{_name_of(function)} is no loss of multiloss")
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
        given = given.prediction
        if given is _DEFINITION:
            return cast(ArrayT, Definition(loss, parameters))
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
        the result unchanged.

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
            raise TypeError(
                "value_and_grad of value_and_grad; use the engine's differentiation for the second"
            )
        try:
            result = self._loss(Differentiated(prediction), *args, **kwargs)
        except _ChainError:
            raise
        except AttributeError as error:
            if isinstance(error.obj, Differentiated):
                raise _ChainError from error
            raise
        except TypeError as error:
            # Python and the engines complain of an operand by the name of its type.
            if re.search(rf"\b{Differentiated.__name__}\b", str(error)):
                raise _ChainError from error
            if re.search(rf"\b{ValueAndGradient.__name__}\b", str(error)):
                raise TypeError(_SUM) from error
            raise
        if not isinstance(result, ValueAndGradient):
            raise TypeError(
                f"value_and_grad takes a loss of multiloss, or a function that returns the result "
                f"of one; {_name_of(self._loss)} returned a {type(result).__name__}"
            )
        return tuple(result)

    def __repr__(self) -> str:
        return f"value_and_grad({_name_of(self._loss)})"


def _name_of(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))
