"""The derivatives of a loss with respect to its prediction, in closed form."""

import re
from collections.abc import Callable
from typing import Any, cast

from multiloss._differentiated import SUM, ChainError, Curvature, Differentiated, ValueAndGradient
from multiloss._planning.options import name_of
from multiloss._typing import Operand, P, R


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
        A loss of this package, or a function that passes its first argument on to such losses and
        returns a result of one, or a sum of them with Python numbers as factors.

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
    _check_callable("value_and_grad", loss)
    return cast(Callable[P, tuple[R, R]], _ValueAndGrad(loss))


def gradient_and_hessian(
    loss: Callable[P, R], *, nonpositive: float | None = None
) -> Callable[P, tuple[R, R]]:
    """Return a function that gives the gradient and the diagonal of the Hessian of a loss.

    Both are closed forms, on every engine, with respect to the prediction. Where the loss is not a
    scalar, they are those of the sum of its elements. Their shape and dtype are those that
    :func:`value_and_grad` gives the gradient.

    Parameters
    ----------
    loss : callable
        A loss of this package that is a mean or a sum of elements, :func:`cross_entropy`, or a
        function that passes its first argument on to one, or adds some up.
    nonpositive : float, optional
        What replaces second derivatives of the elements that are not positive: on straight pieces,
        and where a loss is concave; in a sum, those of each loss before its factor. By default they
        stay, and are 0 on straight pieces and at kinks. Weights and the number of elements in a
        mean count as for all others. Gradient boosting wants a positive number; LightGBM takes 1
        for the absolute error.

    Returns
    -------
    callable
        Takes the arguments of ``loss`` and returns the pair ``(gradient, hessian)``.

    Raises
    ------
    TypeError
        If ``loss`` is no loss of this package, or has no second derivative in closed form, as
        :func:`rmse`, whose elements depend on each other, and those of :func:`make_loss`.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.gradient_and_hessian(ml.huber)([0.5, 3.0], [0.0, 0.0], reduction="sum")
    (array([0.5, 1. ]), array([1., 0.]))
    >>> ml.gradient_and_hessian(ml.huber, nonpositive=1.0)([0.5, 3.0], [0.0, 0.0], reduction="sum")
    (array([0.5, 1. ]), array([1., 1.]))
    """
    _check_callable("gradient_and_hessian", loss)
    return cast(Callable[P, tuple[R, R]], _GradientAndHessian(loss, nonpositive))


def _check_callable(name: str, loss: object) -> None:
    if not callable(loss):
        raise TypeError(
            f"{name} takes a loss such as multiloss.mse, got a {type(loss).__name__}; call it as "
            f"{name}(multiloss.mse)(prediction, target)"
        )


class _GradientAndHessian:
    """What gradient_and_hessian() returns: a class, so that it can be pickled."""

    def __init__(self, loss: Callable[..., Any], nonpositive: float | None) -> None:
        self._loss = loss
        self._nonpositive = None if nonpositive is None else float(nonpositive)

    def __call__(self, prediction: Operand, *args: Any, **kwargs: Any) -> Any:
        twice = Differentiated(prediction, Curvature(self._nonpositive))
        _, hessian = _evaluated(self._loss, twice, args, kwargs)
        _, gradient = _evaluated(self._loss, Differentiated(prediction), args, kwargs)
        return gradient, hessian

    def __repr__(self) -> str:
        return f"gradient_and_hessian({name_of(self._loss)})"


class _ValueAndGrad:
    """What value_and_grad() returns: a class, so that it can be pickled."""

    def __init__(self, loss: Callable[..., Any]) -> None:
        self._loss = loss

    def __call__(self, prediction: Operand, *args: Any, **kwargs: Any) -> Any:
        return _evaluated(self._loss, Differentiated(prediction), args, kwargs)

    def __repr__(self) -> str:
        return f"value_and_grad({name_of(self._loss)})"


def _evaluated(
    loss: Callable[..., Any], given: Differentiated, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Return the value and the derivative that a prediction asks for."""
    if isinstance(given.prediction, Differentiated):
        raise TypeError(
            "value_and_grad of value_and_grad; use gradient_and_hessian, or the engine's "
            "differentiation, for the second"
        )
    try:
        result = loss(given, *args, **kwargs)
    except ChainError:
        raise
    except AttributeError as error:
        if isinstance(error.obj, Differentiated):
            raise ChainError from error
        if isinstance(error.obj, ValueAndGradient):
            raise TypeError(SUM) from error
        raise
    except TypeError as error:
        # Python and the engines complain of an operand by the name of its type.
        if re.search(rf"\b{Differentiated.__name__}\b", str(error)):
            raise ChainError from error
        if re.search(rf"\b{ValueAndGradient.__name__}\b", str(error)):
            raise TypeError(SUM) from error
        raise
    if not isinstance(result, ValueAndGradient):
        raise TypeError(
            "value_and_grad takes a loss of multiloss, or a function that returns the result of "
            f"one, or a sum of results; {name_of(loss)} returned a {type(result).__name__}"
        )
    return tuple(result)
