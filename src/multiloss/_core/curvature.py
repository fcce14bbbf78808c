"""The second derivative of a loss with respect to each element of its prediction."""

from dataclasses import replace
from functools import partial

from multiloss._core.loss import NUMBER, Loss, ParameterSpec
from multiloss._core.terms import Term
from multiloss._typing import Array, Namespace, Parameter

_NONPOSITIVE = ParameterSpec("nonpositive", NUMBER)


def curvature_of(loss: Loss, *, is_replaced: bool) -> Loss:
    """Return a loss whose gradient is the diagonal of the Hessian of another one.

    It may have a last parameter, which replaces what is not positive.
    """
    # By text, since old releases of Dynamo do not trace a dictionary with numbers as keys.
    key = "replaced" if is_replaced else "unchanged"
    if key not in loss.derived:
        loss.derived[key] = _curvature_of(loss, is_replaced=is_replaced)
    found: Loss = loss.derived[key]
    return found


def _curvature_of(loss: Loss, *, is_replaced: bool) -> Loss:
    term, *others = loss.terms
    if term.curvature is None or not loss.combination.is_linear:
        raise TypeError(
            f"{loss.name} has no second derivative in closed form; use the differentiation of the "
            "engine, or a loss that has one, such as huber or cross_entropy"
        )
    slope = partial(
        _replaced_curvature if is_replaced else _curvature,
        term,
        loss.scale * term.slope_scale,
        loss.is_vector,
    )
    return replace(
        loss,
        # 3 for xp, prediction and target.
        terms=(Term(partial(_value, term, 3 + len(loss.parameters)), slope), *others),
        parameters=(*loss.parameters, _NONPOSITIVE) if is_replaced else loss.parameters,
        scale=1.0,
        kernel=None,
        takes_complex=False,
    )


def _value(term: Term, count: int, *arguments: Parameter) -> Array:
    """Return the value, which takes no other parameter than before."""
    return term.value(*arguments[:count])


def _curvature(  # noqa: PLR0917  the last ones as a term takes them
    term: Term,
    scale: float,
    is_vector: bool,  # noqa: FBT001  bound by partial()
    xp: Namespace,
    prediction: Array,
    target: Array,
    *parameters: Parameter,
) -> Array:
    assert term.curvature is not None  # noqa: S101  by who calls
    curvature = scale * term.curvature(xp, prediction, target, *parameters)
    if is_vector:
        return curvature
    # One that is constant knows nothing of its operands.
    is_nan = (prediction != prediction) | (target != target)  # noqa: PLR0124
    return xp.where(is_nan, xp.nan, curvature)


def _replaced_curvature(
    term: Term,
    scale: float,
    is_vector: bool,  # noqa: FBT001  ditto
    xp: Namespace,
    *arguments: Parameter,
) -> Array:
    *given, nonpositive = arguments
    curvature = _curvature(term, scale, is_vector, xp, *given)
    return xp.where(curvature <= 0, nonpositive, curvature)
