"""The second derivative of a loss with respect to each element of its prediction."""

from dataclasses import replace
from functools import partial

from multiloss._core.loss import NUMBER, Loss, ParameterSpec
from multiloss._core.terms import Term
from multiloss._typing import Array, Namespace, Parameter

_INSTEAD = ParameterSpec("instead", NUMBER)


def second_derivative(loss: Loss, *, is_replaced: bool) -> Loss:
    """Return a loss whose gradient is the diagonal of the Hessian of another one.

    It may have a last parameter, which is taken instead of what is not positive.
    """
    # By text, since old releases of Dynamo do not trace a dictionary with numbers as keys.
    key = "replaced" if is_replaced else "as it is"
    if key not in loss.seconds:
        loss.seconds[key] = _second_derivative(loss, is_replaced=is_replaced)
    return loss.seconds[key]


def _second_derivative(loss: Loss, *, is_replaced: bool) -> Loss:
    term, *others = loss.terms
    if term.curvature is None or not loss.combination.is_linear:
        raise TypeError(
            f"{loss.name} has no second derivatives here; cross_entropy has, and losses that are "
            "means or sums of elements"
        )
    slope = partial(
        _positive_curvature if is_replaced else _curvature, term, loss.scale * term.slope_scale
    )
    return replace(
        loss,
        terms=(Term(partial(_value, term, 3 + len(loss.parameters)), slope), *others),
        parameters=(*loss.parameters, _INSTEAD) if is_replaced else loss.parameters,
        scale=1.0,
        kernel=None,
        takes_complex=False,
    )


def _value(term: Term, count: int, *arguments: Parameter) -> Array:
    """Return the value, which takes no other parameter than before."""
    return term.value(*arguments[:count])


def _curvature(term: Term, scale: float, *arguments: Parameter) -> Array:
    assert term.curvature is not None  # noqa: S101  by who calls
    return scale * term.curvature(*arguments)


def _positive_curvature(term: Term, scale: float, xp: Namespace, *arguments: Parameter) -> Array:
    *given, instead = arguments
    curvature = _curvature(term, scale, xp, *given)
    return xp.where(curvature > 0, curvature, instead)
