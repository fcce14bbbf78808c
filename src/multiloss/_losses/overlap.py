"""Losses of the overlap of two sets, of which each element is a member by its probability."""

from functools import partial
from typing import Any, Unpack

from multiloss._call import evaluate
from multiloss._core.combinations import Combination
from multiloss._core.loss import NOT_NEGATIVE, Loss, ParameterSpec
from multiloss._core.sums import Factor, Sums, divided
from multiloss._core.terms import Term
from multiloss._losses.options import with_options
from multiloss._losses.sigmoid import probability_of
from multiloss._planning.options import checked_scalar
from multiloss._typing import Array, ArrayT, Namespace, Operand, Parameter, WeightOptions


# The sums are TP = Σ w p t, FP = Σ w p (1 - t) and FN = Σ w (1 - p) t.
def _terms(*, from_logits: bool) -> tuple[Term, ...]:
    p = partial(probability_of, from_logits=from_logits)

    def true_positive(xp: Namespace, prediction: Array, target: Array, *_: Parameter) -> Array:
        return p(xp, prediction).probability(xp) * target

    def true_positive_slope(
        xp: Namespace, prediction: Array, target: Array, *_: Parameter
    ) -> Array:
        return p(xp, prediction).slope(xp) * target

    def false_positive(xp: Namespace, prediction: Array, target: Array, *_: Parameter) -> Array:
        return p(xp, prediction).probability(xp) * (1 - target)

    def false_positive_slope(
        xp: Namespace, prediction: Array, target: Array, *_: Parameter
    ) -> Array:
        return p(xp, prediction).slope(xp) * (1 - target)

    def false_negative(xp: Namespace, prediction: Array, target: Array, *_: Parameter) -> Array:
        return p(xp, prediction).complement(xp) * target

    return (
        Term(true_positive, true_positive_slope),
        Term(false_positive, false_positive_slope),
        Term(false_negative, true_positive_slope, slope_scale=-1.0),
    )


# value = F / (TP + F + s),  F = α FP + β FN,  which is 1 - (TP + s) / (TP + F + s)
# slope = -F / (TP + F + s)²        for TP
#         α (TP + s) / (TP + F + s)²  for FP, and the same with β for FN
#
# The value is no difference from one, so that a small one keeps its digits.
def _with_defaults(parameters: tuple[Parameter, ...]) -> tuple[Parameter, Parameter, Parameter]:
    """Return s, α and β, which the dice loss leaves out."""
    return (*parameters, 0.5, 0.5) if len(parameters) == 1 else parameters


def _parts(sums: Sums, parameters: tuple[Parameter, ...]) -> tuple[Array, Array, Array]:
    """Return F, TP + s, and their sum."""
    true_positive, false_positive, false_negative = sums.terms
    smooth, alpha, beta = _with_defaults(parameters)
    wrong = alpha * false_positive + beta * false_negative
    return wrong, true_positive + smooth, true_positive + smooth + wrong


def _tversky(
    xp: Namespace, sums: Sums, _: Any, parameters: tuple[Parameter, ...], __: Any
) -> Array:
    wrong, _right, total = _parts(sums, parameters)
    return divided(xp, wrong, total, 0.0)


def _tversky_slopes(
    xp: Namespace, sums: Sums, parameters: tuple[Parameter, ...], _: Any
) -> tuple[Factor, ...]:
    wrong, right, total = _parts(sums, parameters)
    _, alpha, beta = _with_defaults(parameters)
    share = divided(xp, wrong, total, 0.0)
    rest = divided(xp, right, total, 0.0)
    return (-share, total), (alpha * rest, total), (beta * rest, total)


_PARAMETERS = tuple(ParameterSpec(each, NOT_NEGATIVE) for each in ("smooth", "alpha", "beta"))
_OPTIONS = ("from_logits", "weight", "where", "axis", "keepdims", "broadcast")


def _loss(name: str, parameters: tuple[ParameterSpec, ...], *, from_logits: bool) -> Loss:
    return Loss(
        name,
        _terms(from_logits=from_logits),
        Combination(_tversky, _tversky_slopes),
        parameters=parameters,
        reduction="sum",
        options=_OPTIONS,
    )


_TVERSKY = {each: _loss("tversky", _PARAMETERS, from_logits=each) for each in (True, False)}
_DICE = {each: _loss("dice", _PARAMETERS[:1], from_logits=each) for each in (True, False)}


@with_options
def tversky(
    prediction: ArrayT,
    target: Operand,
    *,
    from_logits: bool = True,
    smooth: Operand = 0.0,
    alpha: Operand = 0.5,
    beta: Operand = 0.5,
    **options: Unpack[WeightOptions],
) -> ArrayT:
    r"""Return the Tversky loss, 1 − (TP + s) / (TP + α FP + β FN + s).

    .. math:: 1 - \frac{TP + s}{TP + \alpha \, FP + \beta \, FN + s}
        \qquad TP = \sum_i w_i \, p_i \, t_i, \quad FP = \sum_i w_i \, p_i (1 - t_i), \quad
        FN = \sum_i w_i (1 - p_i) \, t_i

    where p is the sigmoid of the prediction.

    Parameters
    ----------
    prediction, target : array
        As for :func:`binary_cross_entropy`.
    from_logits : bool, default True
        Whether the prediction holds logits, not probabilities.
    smooth : float or 0-d array, default 0.0
        The number s that is added to numerator and denominator, zero or positive.
    alpha : float or 0-d array, default 0.5
        What a false positive counts, α, zero or positive.
    beta : float or 0-d array, default 0.5
        What a false negative counts, β, zero or positive.
    **options
        ``weight``, ``where``, ``axis``, ``keepdims`` and ``broadcast``, as for :func:`mse`.

    Returns
    -------
    array
        As :func:`mse`, one loss for all elements along ``axis``, between 0 and 1, without a unit.
        It is 0, with zero gradient, where nothing is predicted and nothing is there.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if a parameter is a negative number, and if it is an
        array with axes.

    Notes
    -----
    There is no ``reduction``: the sums belong to the definition. With ``axis=(1, 2)``, each of a
    batch of images has its own loss; take the mean of the result.

    Differentiable wherever the denominator is not zero.

    Same definition: ``keras.losses.tversky``.

    Here α counts false positives, as in the paper; Keras has ``alpha`` and ``beta`` the other way
    round, and ``smooth=1e-7``.

    From Salehi et al., Tversky loss function for image segmentation (2017).

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.tversky([0.5, 1.0, 0.0], [1, 1, 0], from_logits=False, alpha=0.25, beta=0.75)
    np.float64(0.2)
    """
    parameters = [
        checked_scalar(name, value)
        for name, value in (("smooth", smooth), ("alpha", alpha), ("beta", beta))
    ]
    return evaluate(_TVERSKY[bool(from_logits)], prediction, target, *parameters, **options)


@with_options
def dice(
    prediction: ArrayT,
    target: Operand,
    *,
    from_logits: bool = True,
    smooth: Operand = 0.0,
    **options: Unpack[WeightOptions],
) -> ArrayT:
    r"""Return the dice loss, 1 − (2 TP + 2 s) / (Σ p + Σ t + 2 s).

    .. math:: 1 - \frac{2 \sum_i w_i \, p_i \, t_i + 2 s}
        {\sum_i w_i \, p_i + \sum_i w_i \, t_i + 2 s}

    where p is the sigmoid of the prediction.

    Parameters
    ----------
    prediction, target : array
        As for :func:`binary_cross_entropy`.
    from_logits : bool, default True
        As for :func:`tversky`.
    smooth : float or 0-d array, default 0.0
        As for :func:`tversky`.
    **options
        As for :func:`tversky`.

    Returns
    -------
    array
        As :func:`tversky`.

    Raises
    ------
    ValueError, TypeError
        As :func:`tversky`.

    Notes
    -----
    There is no ``reduction``, as for :func:`tversky`, which this is for α = β = ½.

    Differentiable wherever the denominator is not zero.

    Same definition: ``keras.losses.dice``.

    Keras adds ``smooth=1e-7`` to its double sums, which is ``smooth=0.5e-7`` here.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.dice([0.5, 1.0, 0.0], [1, 1, 0], from_logits=False)
    np.float64(0.14285714285714285)
    """
    smooth = checked_scalar("smooth", smooth)
    return evaluate(_DICE[bool(from_logits)], prediction, target, smooth, **options)
