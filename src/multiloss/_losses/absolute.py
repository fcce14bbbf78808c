"""Losses made of the absolute value of the residual."""

from typing import Unpack

from multiloss._call import evaluate
from multiloss._core.combinations import RATIO, ROOT
from multiloss._core.loss import AT_LEAST_ONE, FRACTION, NOT_NEGATIVE, Loss, ParameterSpec
from multiloss._core.measures import LARGEST
from multiloss._core.namespaces import is_constant
from multiloss._core.terms import Term, difference, square, zero_curvature
from multiloss._losses.numerics import broadcast_with, guarded
from multiloss._losses.options import with_options
from multiloss._planning.options import NAN, checked_scalar
from multiloss._typing import (
    OPTION_NAMES,
    Array,
    ArrayT,
    Namespace,
    Operand,
    Options,
    Parameter,
    ReductionName,
    WeightOptions,
)

# The distance from 1 to the next number in double precision, on which scikit-learn settled.
_EPSILON = 2.0**-52


# value = |y - t|
# slope = sign(y - t), which is 0 at the kink
def _mae(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.abs(prediction - target)


def _mae_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.sign(prediction - target)


MAE = Loss("mae", (Term(_mae, _mae_slope, curvature=zero_curvature),), kernel="mae")


@with_options
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
    return evaluate(MAE, prediction, target, **options)


# value = |y - t|^p
# slope = p |y - t|^(p-1) sign(y - t)
#
# Where the residual is 0, the second derivative is infinite for p < 2; it is taken as 0 there, as
# the first one is at the kink of p = 1.
def _minkowski(xp: Namespace, prediction: Array, target: Array, p: Parameter) -> Array:
    residual = prediction - target
    if _is_smooth(p):
        return xp.abs(residual) ** p
    is_kink, distance = _safe_distance(xp, residual, p)
    return xp.where(is_kink, 0.0 * residual, distance**p)


def _minkowski_slope(xp: Namespace, prediction: Array, target: Array, p: Parameter) -> Array:
    residual = prediction - target
    distance = xp.abs(residual) if _is_smooth(p) else _safe_distance(xp, residual, p)[1]
    return p * distance ** (p - 1) * xp.sign(residual)


def _is_smooth(p: Parameter) -> bool:
    return isinstance(p, float) and p >= 2  # noqa: PLR2004  as above


def _safe_distance(xp: Namespace, residual: Array, p: Parameter) -> tuple[Array, Array]:
    """Return where the second derivative is infinite, and |y - t|, which is 1 there."""
    is_kink = (residual == 0) & (p < 2)  # noqa: PLR2004  as above
    return is_kink, guarded(xp, is_kink, 1.0, xp.abs(residual))


MINKOWSKI = Loss(
    "minkowski",
    (Term(_minkowski, _minkowski_slope),),
    ROOT,
    LARGEST,
    parameters=(ParameterSpec("p", AT_LEAST_ONE),),
)
EUCLIDEAN = Loss("minkowski", (square(difference),), ROOT, LARGEST, options=("p", *OPTION_NAMES))


@with_options
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
    reduction : {"mean", "sum", "none"}, default "sum"
        As for :func:`mse`: of what the root is taken.
    empty : float or 0-d array, default nan
        As for :func:`mse`.
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
    if isinstance(checked_scalar("p", p), (int, float)) and p == 2:  # noqa: PLR2004  the square
        # It has a second derivative at zero, and runs faster.
        return evaluate(EUCLIDEAN, prediction, target, reduction=reduction, empty=empty, **options)
    return evaluate(MINKOWSKI, prediction, target, p, reduction=reduction, empty=empty, **options)


# value = max(|y - t| - ε, 0)
# slope = sign(y - t) beyond ε, and 0 within and at both kinks
#
# As the distance from the nearest point of [-ε, ε], of which all derivatives are right.
def _distance_to_tube(xp: Namespace, prediction: Array, target: Array, epsilon: Parameter) -> Array:
    residual = prediction - target
    return residual - xp.clip(residual, -epsilon, epsilon)


def _epsilon_insensitive(
    xp: Namespace, prediction: Array, target: Array, epsilon: Parameter
) -> Array:
    return xp.abs(_distance_to_tube(xp, prediction, target, epsilon))


def _epsilon_insensitive_slope(
    xp: Namespace, prediction: Array, target: Array, epsilon: Parameter
) -> Array:
    return xp.sign(_distance_to_tube(xp, prediction, target, epsilon))


EPSILON_INSENSITIVE = Loss(
    "epsilon_insensitive",
    (Term(_epsilon_insensitive, _epsilon_insensitive_slope, curvature=zero_curvature),),
    parameters=(ParameterSpec("epsilon", NOT_NEGATIVE),),
)


@with_options
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
    return evaluate(EPSILON_INSENSITIVE, prediction, target, epsilon, **options)


#           (1 - q) |y - t|   where y > t
# value  =        q |y - t|   elsewhere
# slope  =  1 - q, -q, and 0 at the kink
#
# As max((1 - q) r, -q r), whose derivative at the kink is the mean of both ends; for autodiff from
# |y - t|, of which it is 0.
def _pinball(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    residual = prediction - target
    # Zero times an infinite residual is not a number.
    if is_constant(xp) and isinstance(q, float) and 0 < q < 1:
        return xp.maximum((1 - q) * residual, -q * residual)
    distance = xp.abs(residual)
    return xp.where(residual > 0, (1 - q) * distance, q * distance)


def _pinball_slope(xp: Namespace, prediction: Array, target: Array, q: Parameter) -> Array:
    residual = prediction - target
    direction = xp.sign(residual)
    return xp.where(residual > 0, (1 - q) * direction, q * direction)


PINBALL = Loss(
    "pinball",
    (Term(_pinball, _pinball_slope, curvature=zero_curvature),),
    parameters=(ParameterSpec("q", FRACTION),),
)


@with_options
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
    return evaluate(PINBALL, prediction, target, q, **options)


# value = |y - t| / max(|t|, ε)
# slope = sign(y - t) / max(|t|, ε)
def _mape(xp: Namespace, prediction: Array, target: Array, eps: Parameter) -> Array:
    return xp.abs(prediction - target) / xp.clip(xp.abs(target), eps, None)


def _mape_slope(xp: Namespace, prediction: Array, target: Array, eps: Parameter) -> Array:
    return xp.sign(prediction - target) / xp.clip(xp.abs(target), eps, None)


MAPE = Loss(
    "mape",
    (Term(_mape, _mape_slope, curvature=zero_curvature),),
    parameters=(ParameterSpec("eps", NOT_NEGATIVE),),
)


@with_options
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
    return evaluate(MAPE, prediction, target, eps, **options)


# m     = (|y| + |t|) / 2, and at least ε / 2
# value = |y - t| / m
# slope = sign(y - t) (|t| + sign(y) t) / (2 m²), or sign(y - t) / m where m is ε / 2
#
# curvature = -sign(y - t) sign(y) (|t| + sign(y) t) / (2 m³), or 0 where m is ε / 2
#
# The halves are added, since the sum may overflow. The slope is that of a quotient after everything
# that cancels has been crossed out: with t on the other side of zero the value is constant.
def _mean_magnitude(xp: Namespace, prediction: Array, target: Array) -> Array:
    return 0.5 * xp.abs(prediction) + 0.5 * xp.abs(target)


def _smape(xp: Namespace, prediction: Array, target: Array, eps: Parameter) -> Array:
    magnitude = xp.clip(_mean_magnitude(xp, prediction, target), 0.5 * eps, None)
    return xp.abs(prediction - target) / magnitude


def _smape_slope(xp: Namespace, prediction: Array, target: Array, eps: Parameter) -> Array:
    magnitude = _mean_magnitude(xp, prediction, target)
    clipped = xp.clip(magnitude, 0.5 * eps, None)
    shared = 0.5 * xp.abs(target) + 0.5 * xp.sign(prediction) * target
    share = xp.where(magnitude > 0.5 * eps, shared / clipped, 1.0)
    return xp.sign(prediction - target) * share / clipped


def _smape_curvature(xp: Namespace, prediction: Array, target: Array, eps: Parameter) -> Array:
    magnitude = _mean_magnitude(xp, prediction, target)
    clipped = xp.clip(magnitude, 0.5 * eps, None)
    direction = xp.sign(prediction)
    shared = 0.5 * xp.abs(target) + 0.5 * direction * target
    share = xp.where(magnitude > 0.5 * eps, shared / clipped, 0.0)
    return -xp.sign(prediction - target) * direction * share / clipped / clipped


SMAPE = Loss(
    "smape",
    (Term(_smape, _smape_slope, curvature=_smape_curvature),),
    parameters=(ParameterSpec("eps", NOT_NEGATIVE),),
)


@with_options
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
    return evaluate(SMAPE, prediction, target, eps, **options)


# value = Σ w |y - t| / Σ w |t|
def _absolute_target(xp: Namespace, prediction: Array, target: Array) -> Array:
    return broadcast_with(xp, xp.abs(target), prediction)


WMAPE = Loss(
    "wmape",
    (*MAE.terms, Term(_absolute_target)),
    RATIO,
    reduction="sum",
    options=tuple(each for each in OPTION_NAMES if each != "reduction"),
)


@with_options
def wmape(
    prediction: ArrayT, target: Operand, *, empty: Operand = NAN, **options: Unpack[WeightOptions]
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
        Those of :func:`mse` but for ``reduction``.

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

    There is no ``reduction``: both sums belong to the definition.

    Same definition: ``torchmetrics.functional.weighted_mean_absolute_percentage_error``.

    torchmetrics divides by at least 1.17e-6.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.wmape([9.0, 3.0], [10.0, 2.0])
    np.float64(0.16666666666666666)
    """
    return evaluate(WMAPE, prediction, target, empty=empty, **options)
