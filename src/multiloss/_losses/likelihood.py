"""Negative log-likelihoods, and deviances: twice the distance from the best log-likelihood.

For the deviances the residual is taken first. The terms of the textbook cancel near a perfect
prediction, down to no digit at all.
"""

import math
from dataclasses import replace
from functools import partial
from typing import Unpack

from multiloss._call import evaluate
from multiloss._core.loss import NOT_NEGATIVE, Domain, Loss, ParameterSpec
from multiloss._core.namespaces import is_constant
from multiloss._core.terms import Term, difference, square, unit_curvature
from multiloss._losses.numerics import (
    broadcast_with,
    expm1_minus,
    expm1_ratio,
    exponential_series,
    guarded,
    log_of,
    log_ratio,
    where_parameter,
)
from multiloss._losses.options import is_given, with_options
from multiloss._losses.variants import special_case
from multiloss._typing import OPTION_NAMES, Array, ArrayT, Namespace, Operand, Options, Parameter

_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


def _or_nan(xp: Namespace, valid: Array, values: Array, prediction: Array) -> Array:
    """Return NaN where a value is not valid, of which the gradient is NaN too."""
    if is_constant(xp):
        return xp.where(valid, values, xp.nan)
    one_or_zero = xp.astype(valid, prediction.dtype)
    return xp.where(valid, values, prediction * (one_or_zero / one_or_zero))


# value = exp(y) - t y
# slope = exp(y) - t
# curvature = exp(y)
def _poisson_nll_of_log(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.exp(prediction) - target * prediction


def _poisson_nll_of_log_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.exp(prediction) - target


def _poisson_nll_of_log_curvature(xp: Namespace, prediction: Array, target: Array) -> Array:
    return broadcast_with(xp, xp.exp(prediction), target)


# s = y + ε, of which the ε is often zero
#
# value = y - t log(s), where 0 log(0) is 0
# slope = 1 - t / s     =  (s - t) / s
# curvature = t / s²
def _safe_rate(xp: Namespace, prediction: Array, target: Array) -> Array:
    """Return the rate, with a one in the place of a zero that is right."""
    return xp.where((target == 0) & (prediction == 0), 1.0, prediction)


def _shifted(prediction: Array, eps: tuple[Parameter, ...]) -> Array:
    return prediction + eps[0] if eps else prediction


def _poisson_nll(xp: Namespace, prediction: Array, target: Array, *eps: Parameter) -> Array:
    rate = _safe_rate(xp, _shifted(prediction, eps), target)
    logarithm = xp.log(guarded(xp, rate < 0, 1.0, rate))
    return _or_nan(xp, rate >= 0, prediction - target * logarithm, prediction)


def _poisson_nll_slope(xp: Namespace, prediction: Array, target: Array, *eps: Parameter) -> Array:
    rate = _safe_rate(xp, _shifted(prediction, eps), target)
    return xp.where(rate >= 0, (rate - target) / rate, xp.nan)


def _poisson_nll_curvature(
    xp: Namespace, prediction: Array, target: Array, *eps: Parameter
) -> Array:
    rate = _safe_rate(xp, _shifted(prediction, eps), target)
    return xp.where(rate >= 0, target / rate / rate, xp.nan)


# full value = value + t log(t) - t + log(2 π t) / 2   where t > 1
#              value                                   elsewhere
#
# The term that does not depend on the prediction is Stirling's approximation of log(t!). It
# cancels with most of a large value; what is left of a rate is d + log(2 π t) / 2, and of its
# logarithm, with x = y - log(t), t (exp(x) - 1 - x) + log(2 π t) / 2.
def _full_poisson_nll(xp: Namespace, prediction: Array, target: Array, *eps: Parameter) -> Array:
    is_large = target > 1
    shifted = _shifted(prediction, eps)
    rate, count = (guarded(xp, is_large, each, 1.0) for each in (shifted, target))
    logarithm = xp.log(count)
    is_near, near = _near_poisson_deviance(xp, rate, count)
    # Not the logarithm of a quotient, of which autodiff makes the square of a count.
    far = rate - count - count * (xp.log(rate) - logarithm)
    large = xp.where(is_near, near, far) + (0.5 * logarithm + _HALF_LOG_2_PI)
    if eps:
        large = large - eps[0]
    small = _poisson_nll(
        xp, *(guarded(xp, is_large, 1.0, each) for each in (prediction, target)), *eps
    )
    return xp.where(is_large, large, small)


def _full_poisson_nll_of_log(xp: Namespace, prediction: Array, target: Array) -> Array:
    is_large = target > 1
    count = guarded(xp, is_large, target, 1.0)
    logarithm = xp.log(count)
    excess = guarded(xp, is_large, prediction - logarithm, 0.0)
    large = count * expm1_minus(xp, excess) + (0.5 * logarithm + _HALF_LOG_2_PI)
    small = _poisson_nll_of_log(xp, guarded(xp, is_large, 0.0, prediction), target)
    return xp.where(is_large, large, small)


_POISSON_OPTIONS = ("log_input", "full", "eps", *OPTION_NAMES)
_OF_LOG = Term(
    _poisson_nll_of_log, _poisson_nll_of_log_slope, curvature=_poisson_nll_of_log_curvature
)
_OF_RATE = Term(_poisson_nll, _poisson_nll_slope, curvature=_poisson_nll_curvature)
POISSON_NLL_OF_LOG = Loss("poisson_nll", (_OF_LOG,), options=_POISSON_OPTIONS)
FULL_POISSON_NLL_OF_LOG = replace(
    POISSON_NLL_OF_LOG, terms=(_OF_LOG._replace(value=_full_poisson_nll_of_log),)
)
POISSON_NLL = replace(POISSON_NLL_OF_LOG, terms=(_OF_RATE,))
FULL_POISSON_NLL = replace(POISSON_NLL, terms=(_OF_RATE._replace(value=_full_poisson_nll),))
# Apart, since nothing is added where eps is 0.
_EPS = (ParameterSpec("eps", NOT_NEGATIVE),)
POISSON_NLL_WITH_EPS = replace(POISSON_NLL, parameters=_EPS)
FULL_POISSON_NLL_WITH_EPS = replace(FULL_POISSON_NLL, parameters=_EPS)


@with_options
def poisson_nll(
    prediction: ArrayT,
    target: Operand,
    *,
    log_input: bool = True,
    full: bool = False,
    eps: Operand = 0.0,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the negative log-likelihood of counts, exp(y) − t y, or y − t log(y) of a rate y.

    .. math:: \frac{\sum_i w_i \, (e^{y_i} - t_i \, y_i)}{\sum_i w_i} \quad \text{or} \quad
        \frac{\sum_i w_i \, (y_i - t_i \log (y_i + \varepsilon))}{\sum_i w_i}

    Parameters
    ----------
    prediction : array
        As for :func:`mse`, real: the logarithm of the rate, or with ``log_input=False`` the rate
        itself, then NaN where it is negative.
    target : array
        As for :func:`mse`, real: the counts, zero or positive.
    log_input : bool, default True
        Whether the prediction is a logarithm.
    full : bool, default False
        Whether to add Stirling's approximation of log(t!) for the counts above 1.
    eps : float or array, default 0.0
        What is added to a rate in the logarithm, zero or positive, so that the loss of a rate of
        zero is bounded. The logarithm of a rate needs none.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, without a unit. Zero means nothing here; see :func:`poisson_deviance`.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``eps`` is a negative number.

    Notes
    -----
    Differentiable wherever it is finite. Without ``eps``, a rate of zero is right for a count of
    zero, and has an infinite loss for any other. The slope of a rate, (y − t) / y, has all digits
    in :func:`value_and_grad`; automatic differentiation takes it as 1 − t / y, which is off by a
    unit in the last place of 1 near a perfect prediction.

    Same definition: ``torch.nn.functional.poisson_nll_loss``.

    With ``log_input=False`` PyTorch has ``eps=1e-8``, and ``keras.losses.poisson``, which knows no
    other input, 1e-7.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.poisson_nll([0.0], [3.0])
    np.float64(1.0)
    >>> ml.poisson_nll([1.0], [3.0], log_input=False)
    np.float64(1.0)
    """
    if log_input:
        formula = FULL_POISSON_NLL_OF_LOG if full else POISSON_NLL_OF_LOG
    elif is_given(eps, 0.0):
        formula = FULL_POISSON_NLL_WITH_EPS if full else POISSON_NLL_WITH_EPS
        return evaluate(formula, prediction, target, eps, **options)
    else:
        formula = FULL_POISSON_NLL if full else POISSON_NLL
    return evaluate(formula, prediction, target, **options)


# v     = the variance, and at least ε
# value = (log(v) + (y - t)² / v) / 2
# slope = (y - t) / v
# curvature = 1 / v
def _gaussian_nll(
    xp: Namespace, prediction: Array, target: Array, variance: Parameter, eps: Parameter
) -> Array:
    residual = prediction - target
    clipped = _at_least(xp, variance, eps)
    # Halved before the product, which may overflow.
    return 0.5 * log_of(xp, clipped, residual) + residual / clipped * (0.5 * residual)


def _full_gaussian_nll(
    xp: Namespace, prediction: Array, target: Array, variance: Parameter, eps: Parameter
) -> Array:
    return _gaussian_nll(xp, prediction, target, variance, eps) + _HALF_LOG_2_PI


def _gaussian_nll_slope(
    xp: Namespace, prediction: Array, target: Array, variance: Parameter, eps: Parameter
) -> Array:
    return (prediction - target) / _at_least(xp, variance, eps)


def _gaussian_nll_curvature(
    xp: Namespace, prediction: Array, target: Array, variance: Parameter, eps: Parameter
) -> Array:
    return unit_curvature(xp, prediction, target) / _at_least(xp, variance, eps)


def _at_least(xp: Namespace, variance: Parameter, eps: Parameter) -> Parameter:
    if isinstance(variance, float):
        return max(variance, eps) if isinstance(eps, float) else xp.clip(eps, variance, None)
    return xp.clip(variance, eps, None)


_GAUSSIAN = Term(_gaussian_nll, _gaussian_nll_slope, curvature=_gaussian_nll_curvature)
GAUSSIAN_NLL = Loss(
    "gaussian_nll",
    (_GAUSSIAN,),
    parameters=(
        ParameterSpec("variance", NOT_NEGATIVE),
        ParameterSpec("eps", NOT_NEGATIVE),
    ),
    options=("full", *OPTION_NAMES),
)
FULL_GAUSSIAN_NLL = replace(GAUSSIAN_NLL, terms=(_GAUSSIAN._replace(value=_full_gaussian_nll),))


@with_options
def gaussian_nll(
    prediction: ArrayT,
    target: Operand,
    *,
    variance: Operand,
    full: bool = False,
    eps: Operand = 1e-6,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the negative log-likelihood of a normal distribution, ½ (log(v) + (y − t)² / v).

    .. math:: \frac{1}{\sum_i w_i} \sum_i \frac{w_i}{2} \left( \log v_i
        + \frac{(y_i - t_i)^2}{v_i} \right) \qquad v_i = \max(\text{variance}_i, \epsilon)

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real: the predictions are the means.
    variance : float or array
        The variance, zero or positive, in the unit of the prediction squared: a scalar, or with
        as many axes as the loss, each of equal size or of size 1. An array gives NaN where it is
        negative.
    full : bool, default False
        Whether to add the constant ½ log(2π).
    eps : float or array, default 1e-6
        The least variance, zero or positive. The gradient with respect to a smaller one is 0.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`. Zero means nothing here: densities may be above 1.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``variance`` or ``eps`` is a negative number.

    Notes
    -----
    Differentiable with respect to the prediction, and to a variance above ``eps``.

    Same definition: ``torch.nn.functional.gaussian_nll_loss``.

    PyTorch raises for a negative variance, which here is NaN, and passes the gradient of one below
    ``eps`` as if it were ``eps``.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.gaussian_nll([1.0, 2.0], [0.0, 0.0], variance=1.0)
    np.float64(1.25)
    """
    formula = FULL_GAUSSIAN_NLL if full else GAUSSIAN_NLL
    return evaluate(formula, prediction, target, variance, eps, **options)


# The deviances are made of b - a - a log(b/a), which cancels where b is near a. There, with
# u = (b - a) / (b + a), which has every digit of the residual, the logarithm is 2 atanh(u), whose
# series begins with what cancels:
#
#     u (b - a - 2 a u² (1/3 + u²/5 + u⁴/7 + …))
#
# Elsewhere it is that of the quotient of the square roots, which does not overflow.
_SERIES_BELOW = 0.04  # u²
_ATANH_TERMS = {32: 5, 64: 12}  # the first term left out is below half a unit of the sum
_MOST_ATANH_TERMS = 25  # of extended precision, whichever it is


def _relative_difference(residual: Array, smaller: Array) -> Array:
    """Return u = (b - a) / (b + a), given b - a and a, whose sum may overflow."""
    half = 0.5 * residual
    return half / (smaller + half)


def _series(xp: Namespace, square: Array) -> Array:
    """Return 2 (1/3 + u²/5 + u⁴/7 + …), given u²."""
    terms = _ATANH_TERMS.get(xp.finfo(square.dtype).bits, _MOST_ATANH_TERMS)
    series = 2 / (2 * terms + 1)
    for k in range(terms - 1, 0, -1):
        series = series * square + 2 / (2 * k + 1)
    return series


def _log_ratio_by_roots(xp: Namespace, above: Array, below: Array) -> Array:
    """Return the logarithm of a quotient that may overflow, NaN where one of them is negative."""
    return 2 * xp.log(xp.sqrt(above) / xp.sqrt(below))


# value = 2 (y - t - t log(y/t)),  and 2 y where t = 0
# slope = 2 (y - t) / y
# curvature = 2 t / y²
def _poisson_deviance(xp: Namespace, prediction: Array, target: Array) -> Array:
    zero = (target == 0) & (prediction >= 0)
    half = _half_poisson_deviance(
        xp, guarded(xp, zero, 1.0, prediction), guarded(xp, zero, 1.0, target)
    )
    return 2 * xp.where(zero, prediction, half)


def _half_poisson_deviance(xp: Namespace, prediction: Array, target: Array) -> Array:
    is_near, near = _near_poisson_deviance(xp, prediction, target)
    far = prediction - target - target * _log_ratio_by_roots(xp, prediction, target)
    return xp.where(is_near, near, far)


def _near_poisson_deviance(xp: Namespace, prediction: Array, target: Array) -> tuple[Array, Array]:
    """Return where prediction and target are close, and half of the deviance there."""
    residual = prediction - target
    u = _relative_difference(residual, target)
    square = u * u
    is_near = (square < _SERIES_BELOW) & (target > 0)
    return is_near, u * (residual - target * (square * _series(xp, square)))


def _poisson_deviance_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction >= 0) & (target >= 0)
    rate = _safe_rate(xp, prediction, target)
    return xp.where(valid, (rate - target) / rate, xp.nan)


def _poisson_deviance_curvature(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.where(target >= 0, _poisson_nll_curvature(xp, prediction, target), xp.nan)


POISSON_DEVIANCE = Loss(
    "poisson_deviance",
    (
        Term(
            _poisson_deviance,
            _poisson_deviance_slope,
            slope_scale=2.0,
            curvature=_poisson_deviance_curvature,
        ),
    ),
)


@with_options
def poisson_deviance(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the Poisson deviance, 2 (t log(t / y) − t + y).

    .. math:: \frac{1}{\sum_i w_i} \sum_i 2 w_i \left( t_i \log \frac{t_i}{y_i} - t_i + y_i \right)

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real: rates and counts, zero or positive. NaN where one is negative.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, zero for a perfect prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Differentiable for positive predictions. All digits are right near a perfect prediction too,
    where those of the peers cancel.

    Same definition: ``sklearn.metrics.mean_poisson_deviance``,
    ``torchmetrics.functional.tweedie_deviance_score(power=1)``.

    It is ``tweedie_deviance(power=1)``. scikit-learn raises where this is NaN, and for a prediction
    of zero.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.poisson_deviance([1.0, 2.0], [0.0, 2.0])
    np.float64(1.0)
    """
    return evaluate(POISSON_DEVIANCE, prediction, target, **options)


# value = 2 (t/y - 1 - log(t/y))
# slope = 2 (y - t) / y²
# curvature = 2 (2 t/y - 1) / y²
def _gamma_deviance(xp: Namespace, prediction: Array, target: Array) -> Array:
    safe = xp.where(prediction == 0, xp.nan, prediction)
    residual = target - safe
    u = _relative_difference(residual, safe)
    square = u * u
    near = u * (residual / safe - square * _series(xp, square))
    far = residual / safe - _log_ratio_by_roots(xp, xp.where(target == 0, xp.nan, target), safe)
    is_near = (square < _SERIES_BELOW) & (safe > 0)
    return 2 * xp.where(is_near, near, far)


def _gamma_deviance_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target > 0)
    safe = guarded(xp, valid, prediction, 1.0)
    return xp.where(valid, (prediction - target) / safe / safe, xp.nan)


def _gamma_deviance_curvature(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target > 0)
    safe = guarded(xp, valid, prediction, 1.0)
    return xp.where(valid, (2 * (target / safe) - 1) / safe / safe, xp.nan)


GAMMA_DEVIANCE = Loss(
    "gamma_deviance",
    (
        Term(
            _gamma_deviance,
            _gamma_deviance_slope,
            slope_scale=2.0,
            curvature=_gamma_deviance_curvature,
        ),
    ),
)


@with_options
def gamma_deviance(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the gamma deviance, 2 (log(y / t) + t / y − 1).

    .. math:: \frac{1}{\sum_i w_i} \sum_i 2 w_i \left( \log \frac{y_i}{t_i} + \frac{t_i}{y_i} - 1
        \right)

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real and positive: NaN elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, without a unit: it depends on the quotient of both alone.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Differentiable wherever it is finite. All digits are right near a perfect prediction too, where
    those of the peers cancel.

    Same definition: ``sklearn.metrics.mean_gamma_deviance``,
    ``torchmetrics.functional.tweedie_deviance_score(power=2)``.

    It is ``tweedie_deviance(power=2)``. scikit-learn raises where this is NaN.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.gamma_deviance([1.0, 2.0], [1.0, 2.0])
    np.float64(0.0)
    """
    return evaluate(GAMMA_DEVIANCE, prediction, target, **options)


# With l = log(y/t), and e(c) = (exp(c l) - 1) / c, which is l where c = 0:
#
# value = 2 ∫ (s - t) s^-p ds from t to y
#       = 2 (y^(2-p)/(2-p) - t y^(1-p)/(1-p) + t^(2-p)/((1-p)(2-p)))   where p is not 1 or 2
#       = 2 t^(2-p) (e(2-p) - e(1-p))                                  where t > 0, for every p
#       = (y - t)²                                                     where p = 0, of any sign
# slope = 2 (y - t) y^-p
# curvature = 2 (1 - p + p t/y) y^-p
#
# Where l is small, the difference of the two e is Σ l^k/k! ((2-p)^(k-1) - (1-p)^(k-1)) from k = 2
# on. Elsewhere either y or t stands before the difference, so that no exponential in it is large.
# Where t is not positive, the last term of the second line is left out: it is 0 there. A power is
# taken as the square of its root, since it may overflow or vanish where the product does not.
_POWER = Domain(
    "a finite number of at most 0 or at least 1",
    lambda value: ((value <= 0) | (value >= 1)) & (value > -math.inf) & (value < math.inf),
)


def _tweedie_deviance(xp: Namespace, prediction: Array, target: Array, power: Parameter) -> Array:
    is_general = (prediction > 0) & (target > 0) & (power != 0)
    general = _tweedie_of_positives(
        xp,
        guarded(xp, is_general, prediction, 1.0),
        guarded(xp, is_general, target, 1.0),
        power,
    )
    is_without_target = (prediction > 0) & (target <= 0) & (power != 0)
    bare = _tweedie_without_target(
        xp, guarded(xp, is_without_target, prediction, 1.0), target, power
    )
    result = 2 * xp.where(is_without_target, bare, general)
    is_valid = _is_tweedie(prediction, target, power) | (power == 0)
    result = _or_nan(xp, is_valid, result, prediction)
    residual = prediction - target
    return where_parameter(xp, power == 0, residual * residual, result)


def _tweedie_deviance_slope(
    xp: Namespace, prediction: Array, target: Array, power: Parameter
) -> Array:
    residual = prediction - target
    root = guarded(xp, prediction <= 0, 1.0, prediction) ** (-0.5 * power)
    # One that overflows meets a zero at a perfect prediction.
    root = xp.where((residual == 0) & (root == xp.inf), 1.0, root)
    slope = xp.where(_is_tweedie(prediction, target, power), residual * root * root, xp.nan)
    return where_parameter(xp, power == 0, residual, slope)


def _tweedie_deviance_curvature(
    xp: Namespace, prediction: Array, target: Array, power: Parameter
) -> Array:
    safe = guarded(xp, prediction <= 0, 1.0, prediction)
    root = safe ** (-0.5 * power)
    curvature = (1 - power + power * (target / safe)) * root * root
    curvature = xp.where(_is_tweedie(prediction, target, power), curvature, xp.nan)
    return where_parameter(xp, power == 0, unit_curvature(xp, prediction, target), curvature)


def _is_tweedie(prediction: Array, target: Array, power: Parameter) -> Array:
    """Tell where there is a deviance: of positive predictions, and of targets by the power."""
    is_zero = (target == 0) & (power < 2)  # noqa: PLR2004  as above
    return (prediction > 0) & ((target > 0) | is_zero | ((target < 0) & (power < 0)))


def _tweedie_of_positives(
    xp: Namespace, prediction: Array, target: Array, power: Parameter
) -> Array:
    lower, upper = 1 - power, 2 - power
    ratio = _log_ratio_of_positives(xp, prediction, target)
    near = xp.abs(ratio) * (1 + abs(lower)) < 0.5  # noqa: PLR2004  where the series converges fast
    small, large = guarded(xp, near, ratio, 0.0), guarded(xp, near, 1.0, ratio)
    # Before the difference stands t, or where exp((2-p) l) is large, y.
    from_prediction = upper * large > 0
    base = xp.where(from_prediction & ~near, prediction, target)
    root = base ** (0.5 * upper)
    difference = xp.where(
        near,
        0.5 * small * small * exponential_series(xp, lower, small),
        _tweedie_difference(xp, lower, large, from_prediction),
    )
    # One that overflows meets a zero at a perfect prediction.
    root = xp.where((difference == 0) & (root == xp.inf), 1.0, root)
    return root * difference * root


_CLOSE = 2.0**20


def _log_ratio_of_positives(xp: Namespace, prediction: Array, target: Array) -> Array:
    """Return log(y/t) of positive numbers, of which the quotient may overflow."""
    residual, smaller = prediction - target, xp.minimum(prediction, target)
    close = xp.abs(residual) < _CLOSE * smaller
    near = log_ratio(xp, guarded(xp, close, residual, 0.0), guarded(xp, close, smaller, 1.0))
    # Far apart, the two logarithms do not cancel.
    return xp.where(close, near, xp.log(prediction) - xp.log(target))


def _tweedie_difference(
    xp: Namespace, lower: Parameter, ratio: Array, from_prediction: Array
) -> Array:
    """Return e(c + 1) - e(c) for the lower of the two c; or that times exp(-(c + 1) l).

    With x = l, or in the second case -l, and e of x:

    first     e(c + 1) - e(c)
    second    exp(x) e(c) - e(c + 1)     where exp(c x) is small
              -exp((c + 1) x) e'(c) - e(c + 1)     elsewhere, with e' of -x
    """
    upper = lower + 1
    x = xp.where(from_prediction, -ratio, ratio)
    turned = from_prediction & (lower * x > 0)
    factor = xp.exp(xp.where(turned, upper * x, xp.where(from_prediction, x, 0.0)))
    other = factor * expm1_ratio(xp, lower, xp.where(turned, -x, x))
    difference = expm1_ratio(xp, upper, x) - xp.where(turned, -other, other)
    return xp.where(from_prediction, -difference, difference)


def _tweedie_without_target(
    xp: Namespace, prediction: Array, target: Array, power: Parameter
) -> Array:
    lower, upper = 1 - power, 2 - power
    # Only a power below 0 has targets below 0. Elsewhere the exponents may be 0.
    shift = xp.where(target < 0, target, 0.0)
    lower = where_parameter(xp, power < 0, lower, 1.0)
    upper = where_parameter(xp, upper == 0, 1.0, upper)
    lower_root, upper_root = prediction ** (0.5 * lower), prediction ** (0.5 * upper)
    return upper_root * upper_root / upper - shift * lower_root * lower_root / lower


# p = 3/2:  value = 4 (1 - √(t/y)) (√y - √t),    slope = 2 (y - t) / (y √y)
# p = 3:    value = (1 - t/y) (1/t - 1/y),       slope = 2 (y - t) / y³
#
# Near a perfect prediction the differences are made of the residual. Where y and t are far apart
# the terms do not cancel, nor do their derivatives, and have their limits where one is infinite.
_TIMES = 16.0  # the larger of y and t is the other, at least, where they are far apart


def _are_far_apart(rate: Array, count: Array) -> Array:
    return (rate > _TIMES * count) | (count > _TIMES * rate)


def _tweedie_of_three_halves(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target >= 0)
    rate, count = guarded(xp, valid, prediction, 1.0), guarded(xp, valid, target, 1.0)
    root, root_of_count = xp.sqrt(rate), xp.sqrt(count)
    far = _are_far_apart(rate, count)
    near_root, near_count = guarded(xp, far, 1.0, root), guarded(xp, far, 1.0, root_of_count)
    near = guarded(xp, far, 0.0, rate - count) / (near_root + near_count)
    apart = (1 - root_of_count / root) * (root - root_of_count)
    return _or_nan(xp, valid, 4 * xp.where(far, apart, near * (near / near_root)), prediction)


def _tweedie_of_three_halves_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target >= 0)
    safe = guarded(xp, valid, prediction, 1.0)
    return xp.where(valid, (prediction - target) / safe / xp.sqrt(safe), xp.nan)


def _tweedie_of_three(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target > 0)
    rate, count = guarded(xp, valid, prediction, 1.0), guarded(xp, valid, target, 1.0)
    far = _are_far_apart(rate, count)
    near = guarded(xp, far, 0.0, rate - count) / guarded(xp, far, 1.0, rate)
    value = xp.where(far, (1 - count / rate) * (1 / count - 1 / rate), near * (near / count))
    return _or_nan(xp, valid, value, prediction)


def _tweedie_of_three_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    valid = (prediction > 0) & (target > 0)
    safe = guarded(xp, valid, prediction, 1.0)
    return xp.where(valid, (prediction - target) / safe / safe / safe, xp.nan)


_OF_THREE_HALVES = Term(
    _tweedie_of_three_halves,
    _tweedie_of_three_halves_slope,
    slope_scale=2.0,
    curvature=partial(_tweedie_deviance_curvature, power=1.5),
)
_OF_THREE = Term(
    _tweedie_of_three,
    _tweedie_of_three_slope,
    slope_scale=2.0,
    curvature=partial(_tweedie_deviance_curvature, power=3.0),
)

TWEEDIE_DEVIANCE = Loss(
    "tweedie_deviance",
    (
        Term(
            _tweedie_deviance,
            _tweedie_deviance_slope,
            slope_scale=2.0,
            curvature=_tweedie_deviance_curvature,
        ),
    ),
    parameters=(ParameterSpec("power", _POWER),),
)
# Powers with a formula of fewer operations.
_OF_POWERS = tuple(
    (power, replace(loss, name="tweedie_deviance", options=("power", *OPTION_NAMES)))
    for power, loss in (
        (0.0, Loss("", (square(difference),), kernel="mse")),
        (1.0, POISSON_DEVIANCE),
        (1.5, Loss("", (_OF_THREE_HALVES,))),
        (2.0, GAMMA_DEVIANCE),
        (3.0, Loss("", (_OF_THREE,))),
    )
)


@with_options
def tweedie_deviance(
    prediction: ArrayT, target: Operand, *, power: Operand = 0.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the Tweedie deviance, 2 ∫ (s − t) s^(−power) ds from t to y.

    .. math:: \frac{1}{\sum_i w_i} \sum_i 2 w_i \left( \frac{\max(t_i, 0)^{2-p}}{(1-p)(2-p)}
        - \frac{t_i \, y_i^{1-p}}{1-p} + \frac{y_i^{2-p}}{2-p} \right)

    and its limits for p = 1 and p = 2; (y − t)² for p = 0.

    Parameters
    ----------
    prediction : array
        As for :func:`mse`, real, and positive but for ``power=0``: NaN elsewhere.
    target : array
        As for :func:`mse`, real: of any sign up to ``power=0``, zero or positive below 2, and
        positive from there on, NaN elsewhere.
    power : float or array, default 0.0
        The power p of the mean to which the variance is proportional, 0 or less, or 1 or more; an
        array gives NaN in between.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, zero for a perfect prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``power`` is a number between 0 and 1.

    Notes
    -----
    Differentiable wherever it is finite, with respect to ``power`` too but for 0. The digits do not
    cancel near a perfect prediction, nor for a power near 1 or 2; far away the relative error grows
    with \|log(y / t)\|.

    Same definition: ``sklearn.metrics.mean_tweedie_deviance``,
    ``torchmetrics.functional.tweedie_deviance_score``.

    scikit-learn raises where this is NaN.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.tweedie_deviance([4.0], [1.0], power=1.5).round(12)
    np.float64(2.0)
    >>> ml.tweedie_deviance([4.0], [1.0])
    np.float64(9.0)
    """
    special = special_case(_OF_POWERS, power)
    if special is not None:
        return evaluate(special, prediction, target, **options)
    return evaluate(TWEEDIE_DEVIANCE, prediction, target, power, **options)
