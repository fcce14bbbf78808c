"""How every loss is evaluated: through the door, then by the engine of its operands."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, cast, get_args

from multiloss._formulas import Formula
from multiloss._operands import admit
from multiloss._reduction import Reduction
from multiloss._shapes import normalized_axis
from multiloss._typing import ArrayT, Axis, Operand, P, R, ReductionName

_REDUCTIONS: tuple[ReductionName, ...] = get_args(ReductionName)


class _Differentiated(NamedTuple):
    """A prediction that asks for the gradient too; made by value_and_grad(), read by evaluate()."""

    prediction: Operand


def evaluate(
    formula: Formula,
    prediction: ArrayT,
    target: Operand,
    *,
    weight: Operand | None,
    where: Operand | None,
    axis: Axis,
    keepdims: bool,
    reduction: ReductionName,
    broadcast: bool,
    scale: float = 1.0,
    empty: float = 0.0,
) -> ArrayT:
    """Return the loss; the loss and its gradient where value_and_grad() asks for both."""
    wants_gradient = isinstance(prediction, _Differentiated)
    engine, operands = admit(
        prediction.prediction if isinstance(prediction, _Differentiated) else prediction,
        target,
        weight=weight,
        where=where,
        broadcast=broadcast,
    )
    how = Reduction(
        checked_reduction(reduction, axis),
        normalized_axis(axis, operands.ndim),
        keepdims,
        scale,
        empty,
    )
    run = engine.value_and_grad if wants_gradient else engine.value
    return cast(ArrayT, run(formula, operands, how))


def value_and_grad(loss: Callable[P, R]) -> Callable[P, tuple[R, R]]:
    """Return a function that gives a loss and its gradient with respect to the prediction.

    The gradient is the closed form, on every engine: it needs no automatic differentiation, and
    is itself differentiable where the engine is. Where the loss is not a scalar, it is the gradient
    of the sum of its elements. It has the shape and the floating-point dtype of the prediction;
    that of an integer prediction has the dtype of the loss. For complex predictions it is the
    direction of steepest ascent, as in PyTorch; ``jax.grad`` returns its conjugate.

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
        If ``loss`` cannot be called, or is no loss of this package.

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

    @functools.wraps(loss)
    def with_gradient(prediction: Operand, *args: Any, **kwargs: Any) -> Any:
        result = cast(Any, loss)(_Differentiated(prediction), *args, **kwargs)
        if not isinstance(result, tuple):
            raise TypeError(
                f"value_and_grad takes a loss of multiloss; {loss} is none, or does more than "
                f"return its result: it gave a {type(result).__name__}"
            )
        return result

    return cast(Callable[P, tuple[R, R]], with_gradient)


def checked_reduction(reduction: str, axis: Axis = None) -> ReductionName:
    """Return the name of a reduction, or raise ValueError if there is none of this name."""
    if reduction not in _REDUCTIONS:
        allowed = ", ".join(map(repr, _REDUCTIONS))
        raise ValueError(f"reduction={reduction!r} is unknown; the reductions are {allowed}")
    if reduction == "none" and axis is not None:
        raise ValueError(f"reduction='none' reduces over no axis; leave out axis={axis!r}")
    return reduction
