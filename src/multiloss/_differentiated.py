"""What the losses are given in the place of a prediction by who asks for derivatives."""

from typing import Any, NamedTuple

from multiloss._typing import Array, Operand


class Curvature(NamedTuple):
    """Asks for second derivatives, and what replaces those that are not positive.

    None replaces none.
    """

    nonpositive: float | None


class Differentiated(NamedTuple):
    """A prediction that asks for the gradient too, or for second derivatives; read by the losses.

    A named tuple is a pytree, and so passes through jitted and compiled functions.
    """

    prediction: Operand
    curvature: Curvature | None = None


_CHAIN = (
    "value_and_grad differentiates with respect to the prediction, which has to reach the loss "
    "unchanged; compute it first, and multiply the gradient with the derivative of the prediction "
    "(X.T @ gradient for X @ w), or use the differentiation of the engine"
)


SUM = (
    "value_and_grad of a function that computes with losses takes their sums and their products "
    "with Python numbers alone; multiply by arrays with weight=, and compute the rest outside"
)


class ChainError(TypeError):
    """Raised for whatever is computed with a Differentiated."""

    def __init__(self, *_: object) -> None:
        super().__init__(_CHAIN)


def _refuse(*_: object, **__: object) -> Any:
    raise ChainError


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
