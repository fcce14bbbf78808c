"""Losses that are likelihoods or deviances."""

from typing import Unpack

from multiloss._evaluation import evaluate
from multiloss._formulas.likelihood import (
    full_gaussian,
    full_poisson,
    full_poisson_of_log,
    gamma_unit_deviance,
    gaussian,
    poisson,
    poisson_of_log,
    poisson_unit_deviance,
    tweedie_unit_deviance,
)
from multiloss._typing import ArrayT, Operand, Options


def poisson_nll(
    prediction: ArrayT,
    target: Operand,
    *,
    log_input: bool = True,
    full: bool = False,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the negative log-likelihood of counts, exp(y) − t y, or y − t log(y) of a rate y.

    .. math:: \frac{\sum_i w_i \, (e^{y_i} - t_i \, y_i)}{\sum_i w_i} \quad \text{or} \quad
        \frac{\sum_i w_i \, (y_i - t_i \log y_i)}{\sum_i w_i}

    Parameters
    ----------
    prediction : array
        The logarithm of the rate, or with ``log_input=False`` the rate itself: then NaN where it
        is negative.
    target : array
        The counts, zero or positive.
    log_input : bool, default True
        Whether the prediction is a logarithm.
    full : bool, default False
        Whether to add Stirling's approximation of log(t!) for the counts above 1.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, without a unit. Zero means nothing here; see :func:`poisson_deviance`.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Differentiable wherever it is finite. A rate of zero is right for a count of zero, and has an
    infinite loss for any other. The slope of a rate, (y − t) / y, has all digits in
    :func:`value_and_grad`; automatic differentiation takes it as 1 − t / y, which is off by a unit
    in the last place of 1 near a perfect prediction.

    Same definition: ``torch.nn.functional.poisson_nll_loss``.

    With ``log_input=False`` PyTorch adds 1e-8 to the rate in the logarithm, and
    ``keras.losses.poisson``, which knows no other input, 1e-7: pass ``prediction + 1e-8`` to have
    it bounded.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.poisson_nll([0.0], [3.0])
    np.float64(1.0)
    >>> ml.poisson_nll([1.0], [3.0], log_input=False)
    np.float64(1.0)
    """
    if log_input:
        formula = full_poisson_of_log if full else poisson_of_log
    else:
        formula = full_poisson if full else poisson
    return evaluate(formula, prediction, target, **options)


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
        The variance, zero or positive, in the unit of the prediction squared: one for all, or with
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
    formula = full_gaussian if full else gaussian
    return evaluate(formula, prediction, target, variance, eps, **options)


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
    return evaluate(poisson_unit_deviance, prediction, target, **options)


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
    return evaluate(gamma_unit_deviance, prediction, target, **options)


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
        Positive but for ``power=0``: NaN elsewhere.
    target : array
        Of any sign up to ``power=0``, zero or positive below 2, and positive from there on: NaN
        elsewhere.
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
    return evaluate(tweedie_unit_deviance, prediction, target, power, **options)
