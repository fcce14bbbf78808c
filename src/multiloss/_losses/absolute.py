"""Losses made of the absolute value of the residual."""

from typing import Unpack

from multiloss._composition import evaluate_wmape
from multiloss._evaluation import evaluate
from multiloss._formulas.absolute import (
    absolute_error,
    epsilon_insensitive_error,
    norm_of_error,
    pinball_error,
    relative_error,
    symmetric_relative_error,
)
from multiloss._formulas.squared import euclidean_norm
from multiloss._reduction import NAN
from multiloss._typing import ArrayT, Operand, Options, ReductionName, WeightOptions

# The distance from 1 to the next number in double precision, on which scikit-learn settled.
_EPSILON = 2.0**-52

_SQUARE = 2.0


def mae(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the mean absolute error, the mean of \|y − t\|.

    .. math:: \mathrm{MAE} = \frac{\sum_i w_i \, |y_i - t_i|}{\sum_i w_i}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Not differentiable where prediction and target are equal: the gradient there is 0.

    Same definition: ``torch.nn.functional.l1_loss``, ``sklearn.metrics.mean_absolute_error``,
    ``keras.losses.mean_absolute_error``, ``torchmetrics.functional.mean_absolute_error``.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.mae([0.5, 3.0], [1.0, 1.0])
    np.float64(1.25)
    """
    return evaluate(absolute_error, prediction, target, **options)


def mape(
    prediction: ArrayT, target: Operand, *, eps: Operand = _EPSILON, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the mean absolute percentage error, \|y − t\| / \|t\|, without a factor 100.

    .. math:: \frac{1}{\sum_i w_i} \sum_i \frac{w_i \, |y_i - t_i|}{\max(|t_i|, \epsilon)}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    eps : float or array, default 2⁻⁵²
        The smallest divisor, zero or positive.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, as a share: 0.05 is five per cent.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``eps`` is a negative number.

    Notes
    -----
    Not differentiable where prediction and target are equal: the gradient there is 0.

    Same definition: ``sklearn.metrics.mean_absolute_percentage_error``,
    ``torchmetrics.functional.mean_absolute_percentage_error``.

    torchmetrics has ``eps=1.17e-6``; ``keras.losses.mean_absolute_percentage_error`` is
    ``100 * mape(..., eps=1e-7)``.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.mape([9.0, 3.0], [10.0, 2.0])
    np.float64(0.3)
    """
    return evaluate(relative_error, prediction, target, eps, **options)


def smape(
    prediction: ArrayT, target: Operand, *, eps: Operand = _EPSILON, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the symmetric mean absolute percentage error, 2 \|y − t\| / (\|y\| + \|t\|).

    .. math:: \frac{1}{\sum_i w_i} \sum_i \frac{2 w_i \, |y_i - t_i|}{\max(|y_i| + |t_i|, \epsilon)}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    eps : float or array, default 2⁻⁵²
        The smallest divisor, zero or positive.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, as a share between 0 and 2.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``eps`` is a negative number.

    Notes
    -----
    Not differentiable where prediction and target are equal, where the gradient is 0, and where the
    prediction is 0, where it is the mean of those on both sides. A prediction with the wrong sign
    has the loss 2 and no gradient. Far from the target the gradient is small, with all digits in
    :func:`value_and_grad`; automatic differentiation takes it as a difference of two terms of the
    size 1 / m, m being half of \|y\| + \|t\|, and is off by a unit in the last place of those.

    Same definition: ``torchmetrics.functional.symmetric_mean_absolute_percentage_error``.

    torchmetrics has ``eps=1.17e-6``. Others leave out the 2, and have a loss of up to 1: multiply
    by ½ for theirs.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.smape([1.0, 3.0], [3.0, 3.0])
    np.float64(0.5)
    """
    return evaluate(symmetric_relative_error, prediction, target, eps, **options)


def wmape(
    prediction: ArrayT,
    target: Operand,
    *,
    empty: Operand = NAN,
    **options: Unpack[WeightOptions],
) -> ArrayT:
    r"""Return the weighted mean absolute percentage error, Σ \|y − t\| / Σ \|t\|.

    .. math:: \frac{\sum_i w_i \, |y_i - t_i|}{\sum_i w_i \, |t_i|}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    empty : float or 0-d array, default nan
        The result where all targets that count are zero, with a gradient of zero.
    **options
        ``weight``, ``where``, ``axis``, ``keepdims`` and ``broadcast``, as for :func:`mse`. There
        is no ``reduction``: both sums belong to the definition.

    Returns
    -------
    array
        As :func:`mse`, as a share: 0.05 is five per cent.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Not differentiable where prediction and target are equal: the gradient there is 0.

    Same definition: ``torchmetrics.functional.weighted_mean_absolute_percentage_error``.

    torchmetrics divides by at least 1.17e-6.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.wmape([9.0, 3.0], [10.0, 2.0])
    np.float64(0.16666666666666666)
    """
    return evaluate_wmape(prediction, target, empty=empty, **options)


def minkowski(
    prediction: ArrayT,
    target: Operand,
    *,
    p: Operand = 2.0,
    reduction: ReductionName = "sum",
    empty: Operand = NAN,
    **options: Unpack[WeightOptions],
) -> ArrayT:
    r"""Return the Minkowski distance, the p-th root of Σ \|y − t\|^p.

    .. math:: \left( \sum_i w_i \, |y_i - t_i|^p \right)^{1/p}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    p : float or 0-d array, default 2.0
        The exponent, at least 1; an array gives NaN below.
    reduction : {"sum", "mean", "none"}, default "sum"
        Of what the root is taken: as for :func:`mse`, but for the default.
    empty : float or 0-d array, default nan
        The mean of nothing, as for :func:`mse`.
    **options
        ``weight``, ``where``, ``axis``, ``keepdims`` and ``broadcast``, as for :func:`mse`.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction. It neither overflows nor underflows where the
        powers do.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if ``p`` is a number below 1 or infinite, and if it
        is an array with axes.

    Notes
    -----
    Not differentiable where all predictions are perfect, and for p = 1 where any of them is: the
    gradient there is 0. So is the second derivative for p < 2 where a prediction is perfect.

    Same definition: ``torchmetrics.functional.minkowski_distance``,
    ``scipy.spatial.distance.minkowski``.

    ``torch.nn.functional.pairwise_distance`` adds 1e-6 to every residual.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.minkowski([3.0, 4.0], [0.0, 0.0])
    np.float64(5.0)
    >>> ml.minkowski([3.0, 4.0], [0.0, 0.0], p=1)
    np.float64(7.0)
    """
    is_number = isinstance(p, (int, float))
    if not is_number and getattr(p, "shape", None) != ():
        raise ValueError(f"p is a {type(p).__name__}; pass one number, or a 0-d array")
    if is_number and p == _SQUARE:
        # It has a second derivative at zero, and runs faster.
        return evaluate(
            euclidean_norm, prediction, target, reduction=reduction, empty=empty, **options
        )
    return evaluate(
        norm_of_error, prediction, target, p, reduction=reduction, empty=empty, **options
    )


def epsilon_insensitive(
    prediction: ArrayT, target: Operand, *, epsilon: Operand = 0.1, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the loss of support vector regression, max(\|y − t\| − epsilon, 0).

    .. math:: \frac{\sum_i w_i \, \max(|y_i - t_i| - \epsilon, 0)}{\sum_i w_i}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    epsilon : float or array, default 0.1
        The residual up to which there is no loss, zero or positive, in the unit of the prediction.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``epsilon`` is a negative number.

    Notes
    -----
    Not differentiable where \|y − t\| is epsilon: the gradient there is 0.

    Same definition: none of the peers.

    scikit-learn minimises it in ``sklearn.svm.SVR``.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.epsilon_insensitive([1.5, 3.0], [1.0, 3.1], epsilon=0.25)
    np.float64(0.125)
    """
    return evaluate(epsilon_insensitive_error, prediction, target, epsilon, **options)


def pinball(
    prediction: ArrayT, target: Operand, *, q: Operand = 0.5, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the quantile loss, \|y − t\| times 1 − q above the target and q below.

    .. math:: \frac{\sum_i w_i \, |q - [y_i > t_i]| \, |y_i - t_i|}{\sum_i w_i}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    q : float or array, default 0.5
        The quantile that minimises the loss, between 0 and 1; an array gives NaN outside. For
        several quantiles at once, one in each column, pass a row of them.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``q`` is a number outside of [0, 1].

    Notes
    -----
    Not differentiable where prediction and target are equal: the gradient there is 0.

    Same definition: ``sklearn.metrics.mean_pinball_loss``.

    ``pinball(q=0.5)`` is half of :func:`mae`.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.pinball([2.0, 0.0], [0.0, 2.0], q=0.75)
    np.float64(1.0)
    >>> prediction = [[0.0, 1.0, 2.0], [2.0, 3.0, 5.0]]
    >>> ml.pinball(prediction, [[1.5], [3.0]], q=[[0.1, 0.5, 0.9]], broadcast=True, axis=0)
    array([0.125, 0.125, 0.125])
    """
    return evaluate(pinball_error, prediction, target, q, **options)
