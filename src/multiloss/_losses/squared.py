"""Losses that are squares."""

from dataclasses import replace
from typing import Unpack

from multiloss._call import evaluate
from multiloss._core.combinations import ROOT
from multiloss._core.loss import FRACTION, Loss, ParameterSpec
from multiloss._core.measures import LARGEST
from multiloss._core.terms import Term, difference, square
from multiloss._losses.numerics import log_ratio
from multiloss._losses.options import with_options
from multiloss._typing import (
    OPTION_NAMES,
    Array,
    ArrayT,
    Namespace,
    Operand,
    Options,
    Parameter,
    WeightOptions,
)

# value = |y - t|²
# slope = 2 (y - t)
MSE = Loss(
    "mse",
    (square(difference),),
    takes_complex=True,
    kernel="mse",
    options=(*OPTION_NAMES, "half"),
)
HALF_MSE = replace(MSE, scale=0.5)
SSE = replace(
    MSE,
    name="sse",
    reduction="sum",
    options=("weight", "where", "axis", "keepdims", "half", "broadcast"),
)
HALF_SSE = replace(SSE, scale=0.5)


@with_options
def mse(
    prediction: ArrayT, target: Operand, *, half: bool = False, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the mean squared error, the mean of \|y − t\|², without a factor ½ by default.

    .. math:: \mathrm{MSE} = \frac{\sum_i w_i \, |y_i - t_i|^2}{\sum_i w_i}

    with all :math:`w_i = 1` where no weights are given.

    Parameters
    ----------
    prediction : array
        The predictions :math:`y`, of any shape: an array of NumPy, PyTorch, JAX or another array
        API library, or host data (a number, a list, an object with ``__array__``).

        Booleans, integers, real and complex floats.
    target : array
        The targets :math:`t`, of the shape of the prediction, or a scalar: a Python number or a 0-d
        array. Host data follows the prediction to its engine and device, and vice versa.
    half : bool, default False
        Whether to multiply by ½: the slope of ½ (y − t)² is the residual y − t itself.
    **options
        Those that every loss has.

    Returns
    -------
    array
        A 0-d array of the engine (a scalar of NumPy), or an array of the axes that are left. Its
        dtype is that of the operands, promoted as the array API standard says, but real and at
        least float32; two integer operands give the engine's default float up to 16 bits, and else
        float64 where the engine has it.

        In the unit of the prediction squared.

    Raises
    ------
    ValueError
        If shapes, devices or options do not fit together, or an option is out of its bounds.
    TypeError
        If operands belong to two engines, are masked, sparse or not numeric, if weights are
        complex, or if ``where`` is not boolean.

    See Also
    --------
    sse : The sum instead of the mean, halved.
    value_and_grad : The gradient in closed form.

    Notes
    -----
    Differentiable everywhere with respect to prediction and target, and with respect to weights
    that do not sum to zero.

    The definition is that of a tutorial on loss functions, which remarks that a factor ½ may be
    used as well.

    Same definition: ``torch.nn.functional.mse_loss``, ``sklearn.metrics.mean_squared_error``,
    ``optax.squared_error``, ``keras.losses.mean_squared_error``,
    ``torchmetrics.functional.mean_squared_error``.

    ``optax.l2_loss`` has the ½. Weighted means divide by the sum of the
    weights, as those of PyTorch and scikit-learn do; Keras divides by the number of elements.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.mse([0.5, 3.0], [1.0, 1.0])
    np.float64(2.125)
    >>> ml.mse([0.5, 3.0], [1.0, float("nan")], where=[True, False])
    np.float64(0.25)
    """
    return evaluate(HALF_MSE if half else MSE, prediction, target, **options)


@with_options
def sse(
    prediction: ArrayT, target: Operand, *, half: bool = True, **options: Unpack[WeightOptions]
) -> ArrayT:
    r"""Return the sum of squared errors, ½ Σ \|y − t\|², with the factor ½ by default.

    .. math:: \mathrm{SSE} = \frac{1}{2} \sum_i w_i \, |y_i - t_i|^2

    with all :math:`w_i = 1` where no weights are given.

    Parameters
    ----------
    prediction : array
        As for :func:`mse`.
    target : array
        As for :func:`mse`.
    half : bool, default True
        Whether to multiply by ½: the slope of ½ (y − t)² is the residual y − t itself.
    **options
        Those that every loss has.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction squared. The sum of nothing is 0.

    Raises
    ------
    ValueError
        If shapes, devices or ``axis`` do not fit.
    TypeError
        If operands belong to two engines, are masked, sparse or not numeric, if weights are
        complex, or if ``where`` is not boolean.

    See Also
    --------
    mse : The mean instead of the sum, not halved.
    value_and_grad : The gradient in closed form.

    Notes
    -----
    Differentiable everywhere, with respect to prediction, target and weight.

    The half belongs to the definition here, which is that of a tutorial on loss functions;
    textbooks on statistics often leave it out.

    Same definition: ``optax.l2_loss``, summed.

    ``torch.nn.functional.mse_loss(reduction="sum")`` is twice this value.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.sse([0.5, 3.0], [1.0, 1.0])
    np.float64(2.125)
    >>> ml.sse([0.5, 3.0], [1.0, 1.0], half=False)
    np.float64(4.25)
    """
    return evaluate(HALF_SSE if half else SSE, prediction, target, **options)


# value = the root of the mean of |y - t|²
RMSE = Loss("rmse", (square(difference),), ROOT, LARGEST, takes_complex=True, kernel="mse")


@with_options
def rmse(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the root mean squared error, the square root of the mean of \|y − t\|².

    .. math:: \mathrm{RMSE} = \sqrt{\frac{\sum_i w_i \, |y_i - t_i|^2}{\sum_i w_i}}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction. It neither overflows nor underflows where the
        squares do.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`.

    Notes
    -----
    Differentiable but for a perfect prediction, where the gradient is 0; those of most peers are
    NaN.

    The root is taken of what the options make of the squares: ``reduction="sum"`` gives the
    Euclidean norm of the residuals.

    Same definition: ``sklearn.metrics.root_mean_squared_error``,
    ``torchmetrics.functional.mean_squared_error(squared=False)``.

    torchmetrics takes one root for each output with ``num_outputs``; scikit-learn takes one root
    for each output and averages them. Here one root stands over all, and ``axis=0`` gives one for
    each column.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.rmse([3.0, 4.0], [0.0, 0.0], reduction="sum")
    np.float64(5.0)
    """
    return evaluate(RMSE, prediction, target, **options)


# residual = log(1 + y) - log(1 + t)
# value    = residual²
# slope    = 2 residual / (1 + y)
# curvature = 2 (1 - residual) / (1 + y)²
#
# Not a number where y < -1 or t < -1, also where both are: then 1 + y and 1 + t have a quotient.
def _log_residual(xp: Namespace, prediction: Array, target: Array) -> Array:
    smaller = 1 + xp.minimum(prediction, target)
    smaller = xp.where(smaller >= 0, smaller, xp.nan)
    return log_ratio(xp, prediction - target, smaller)


def _log_residual_slope(xp: Namespace, prediction: Array, target: Array) -> Array:  # noqa: ARG001
    return 1 / (1 + prediction)


def _half_msle_curvature(xp: Namespace, prediction: Array, target: Array) -> Array:
    slope = _log_residual_slope(xp, prediction, target)
    return (1 - _log_residual(xp, prediction, target)) * slope * slope


MSLE = Loss(
    "msle",
    (square(_log_residual, _log_residual_slope, _half_msle_curvature),),
    options=(*OPTION_NAMES, "half"),
)
HALF_MSLE = replace(MSLE, scale=0.5)


@with_options
def msle(
    prediction: ArrayT, target: Operand, *, half: bool = False, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the mean squared logarithmic error, the square of log(1 + y) − log(1 + t).

    .. math:: \frac{\sum_i w_i \, (\log(1 + y_i) - \log(1 + t_i))^2}{\sum_i w_i}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real and not below −1: otherwise the result is NaN.
    half : bool, default False
        Whether to multiply by ½.
    **options
        Those of :func:`mse`.

    Returns
    -------
    array
        As :func:`mse`, without a unit.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Differentiable wherever prediction and target are above −1.

    Same definition: ``sklearn.metrics.mean_squared_log_error``,
    ``keras.losses.mean_squared_logarithmic_error``,
    ``torchmetrics.functional.mean_squared_log_error``.

    scikit-learn raises where this is NaN; Keras takes negative numbers for 1e-7.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.msle([0.0, 3.0], [1.0, 3.0])
    np.float64(0.2402265069591007)
    """
    return evaluate(HALF_MSLE if half else MSLE, prediction, target, **options)


# value = the root of the mean of (log(1 + y) - log(1 + t))²
RMSLE = Loss("rmsle", MSLE.terms, ROOT, LARGEST)


@with_options
def rmsle(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the root mean squared logarithmic error, the square root of msle.

    .. math:: \sqrt{\frac{\sum_i w_i \, (\log(1 + y_i) - \log(1 + t_i))^2}{\sum_i w_i}}

    Parameters
    ----------
    prediction, target : array
        As for :func:`msle`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, without a unit.

    Raises
    ------
    ValueError, TypeError
        As :func:`msle`.

    Notes
    -----
    Differentiable as :func:`msle` but for a perfect prediction, where the gradient is 0. The root
    is taken of what the options make of the squares.

    Same definition: ``sklearn.metrics.root_mean_squared_log_error``.

    scikit-learn takes one root for each output and averages them; here one root stands over all.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.rmsle([0.0], [1.0])
    np.float64(0.6931471805599453)
    """
    return evaluate(RMSLE, prediction, target, **options)


#           (1 - q) (y - t)²   where y > t
# value  =        q (y - t)²   elsewhere
# slope  =  the same without the square, twice
# curvature = 2 (1 - q), 2 q
#
# The value is computed from the slope, so that a q of zero does not meet a square that overflows.
def _expectile(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    residual = prediction - target
    return _weighted_residual(xp, residual, q) * residual


def _expectile_slope(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    return _weighted_residual(xp, prediction - target, q)


def _weighted_residual(xp: Namespace, residual: Array, q: Parameter) -> Array:
    return xp.where(residual > 0, (1 - q) * residual, q * residual)


def _expectile_curvature(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    residual = prediction - target
    one = xp.ones_like(residual)
    return xp.where(residual > 0, (1 - q) * one, q * one)


EXPECTILE = Loss(
    "expectile",
    (Term(_expectile, _expectile_slope, slope_scale=2.0, curvature=_expectile_curvature),),
    parameters=(ParameterSpec("q", FRACTION),),
)


@with_options
def expectile(
    prediction: ArrayT, target: Operand, *, q: Operand = 0.5, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the expectile loss, the squared error times 1 − q above the target and q below.

    .. math:: \frac{\sum_i w_i \, |q - [y_i > t_i]| \, (y_i - t_i)^2}{\sum_i w_i}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    q : float or array, default 0.5
        The expectile that minimises the loss, between 0 and 1; an array gives NaN outside.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction squared.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``q`` is a number outside of [0, 1].

    Notes
    -----
    Differentiable everywhere; the second derivative jumps at a perfect prediction.

    Same definition: none of the peers.

    ``expectile(q=0.5)`` is half of :func:`mse`.

    References
    ----------
    W. K. Newey and J. L. Powell, Asymmetric least squares estimation and testing,
    Econometrica 55 (1987), 819–847.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.expectile([2.0, 0.0], [0.0, 2.0], q=0.75)
    np.float64(2.0)
    """
    return evaluate(EXPECTILE, prediction, target, q, **options)
