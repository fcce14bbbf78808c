"""Losses that grow slower than the square of a large residual."""

import math
from dataclasses import replace
from typing import Unpack

from multiloss._call import evaluate
from multiloss._core.loss import (
    BELOW_INFINITY,
    FINITE_NOT_NEGATIVE,
    FINITE_POSITIVE,
    FRACTION,
    POSITIVE,
    Loss,
    ParameterSpec,
)
from multiloss._core.terms import Term, unit_curvature
from multiloss._losses.absolute import MAE
from multiloss._losses.numerics import (
    expm1,
    expm1_ratio,
    guarded,
    in_units,
    log1p_square,
    split_far,
    sqrt_of,
    where_parameter,
)
from multiloss._losses.options import with_options
from multiloss._losses.variants import special_case
from multiloss._typing import OPTION_NAMES, Array, ArrayT, Namespace, Operand, Options, Parameter

_SQRT2 = 2**0.5
_LOG2 = 0.6931471805599453


# r = y - t, and c = r clipped to [-δ, δ]
#
#           r² / 2          where |r| <= δ
# value  =  δ (|r| - δ/2)   elsewhere        =  c (r - c/2)
# slope  =  c
# curvature = 1 where |r| <= δ, and 0 elsewhere
#
# One expression for both branches, without |r|, whose second derivative at 0 would be missing.
def _huber_slope(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    return xp.clip(prediction - target, -delta, delta)


def _huber(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    residual = prediction - target
    clipped = xp.clip(residual, -delta, delta)
    return clipped * (residual - 0.5 * clipped)


def _huber_curvature(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    residual = prediction - target
    return xp.astype(xp.abs(residual) <= delta, residual.dtype)


HUBER = Loss(
    "huber",
    (Term(_huber, _huber_slope, curvature=_huber_curvature),),
    parameters=(ParameterSpec("delta", POSITIVE),),
    kernel="huber",
)


@with_options
def huber(
    prediction: ArrayT, target: Operand, *, delta: Operand = 1.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the Huber loss, ½ r² where \|r\| ≤ delta, and delta (\|r\| − ½ delta) beyond.

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \begin{cases}
        \frac{1}{2} r_i^2 & |r_i| \le \delta \\
        \delta \, (|r_i| - \frac{1}{2} \delta) & \text{otherwise} \end{cases}
        \qquad r_i = y_i - t_i

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    delta : float or array, default 1.0
        Where the square ends, positive, in the unit of the prediction; an array gives NaN
        elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction squared.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``delta`` is a number that is not positive.

    Notes
    -----
    Differentiable everywhere; the second derivative jumps where \|r\| is delta. There is no
    ``half``: the ½ belongs to the definition.

    Same definition: ``torch.nn.functional.huber_loss``, ``optax.huber_loss``,
    ``keras.losses.huber``.

    The weighted mean of ``torch.nn.functional.huber_loss`` divides by the number of elements.

    References
    ----------
    P. J. Huber, Robust estimation of a location parameter, Ann. Math. Statist. 35 (1964), 73–101.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.huber([0.5, 3.0], [0.0, 0.0])
    np.float64(1.3125)
    """
    return evaluate(HUBER, prediction, target, delta, **options)


# c = r / β clipped to [-1, 1], and the sign of r where β = 0
#
# value = that of Huber, divided by β  =  c (r - β c/2)
# slope = c
# curvature = 1/β where |r| <= β, and 0 elsewhere
#
# The number 0 is mae, by _OF_BETAS below; an array may hold zeros.
def _smooth_l1(xp: Namespace, prediction: Array, target: Array, beta: Parameter) -> Array:
    clipped = _smooth_l1_slope(xp, prediction, target, beta)
    return clipped * (prediction - target - 0.5 * beta * clipped)


def _smooth_l1_slope(xp: Namespace, prediction: Array, target: Array, beta: Parameter) -> Array:
    residual = prediction - target
    if isinstance(beta, float):
        return xp.clip(residual / beta, -1.0, 1.0)
    is_zero = beta == 0
    clipped = xp.clip(residual / xp.where(is_zero, 1.0, beta), -1.0, 1.0)
    return xp.where(is_zero, xp.sign(residual), clipped)


def _smooth_l1_curvature(xp: Namespace, prediction: Array, target: Array, beta: Parameter) -> Array:
    is_square = _huber_curvature(xp, prediction, target, beta)
    return is_square / where_parameter(xp, beta == 0, math.inf, beta)


SMOOTH_L1 = Loss(
    "smooth_l1",
    (Term(_smooth_l1, _smooth_l1_slope, curvature=_smooth_l1_curvature),),
    parameters=(ParameterSpec("beta", FINITE_NOT_NEGATIVE),),
    kernel="smooth_l1",
)
_OF_BETAS = ((0.0, replace(MAE, name="smooth_l1", options=("beta", *OPTION_NAMES))),)


@with_options
def smooth_l1(
    prediction: ArrayT, target: Operand, *, beta: Operand = 1.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the smooth L1 loss, ½ r² / beta where \|r\| ≤ beta, and \|r\| − ½ beta beyond.

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \begin{cases}
        \frac{1}{2} r_i^2 / \beta & |r_i| \le \beta \\
        |r_i| - \frac{1}{2} \beta & \text{otherwise} \end{cases}
        \qquad r_i = y_i - t_i

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    beta : float or array, default 1.0
        Where the square ends, in the unit of the prediction, zero or positive: 0 gives :func:`mae`.
        An array gives NaN elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``beta`` is a number that is negative or
        infinite.

    Notes
    -----
    Differentiable everywhere but for ``beta=0``, whose gradient is 0 at a perfect prediction; the
    second derivative jumps where \|r\| is beta.

    Same definition: ``torch.nn.functional.smooth_l1_loss``.

    It is :func:`huber` divided by its parameter.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.smooth_l1([1.0, 3.0], [0.0, 0.0], beta=2.0)
    np.float64(1.125)
    """
    special = special_case(_OF_BETAS, beta)
    if special is not None:
        return evaluate(special, prediction, target, **options)
    return evaluate(SMOOTH_L1, prediction, target, beta, **options)


# a = 1 - q where y > t, and q elsewhere
#
# value = a times that of smooth_l1, and so are the slope and the curvature
#
# Multiplied before it is selected: where() of two numbers has a dtype of its own.
def _quantile_huber(
    xp: Namespace, prediction: Array, target: Array, q: Parameter, delta: Parameter
) -> Array:
    value = _smooth_l1(xp, prediction, target, delta)
    return _by_side(xp, prediction - target, value, q)


def _quantile_huber_slope(
    xp: Namespace, prediction: Array, target: Array, q: Parameter, delta: Parameter
) -> Array:
    slope = _smooth_l1_slope(xp, prediction, target, delta)
    return _by_side(xp, prediction - target, slope, q)


def _quantile_huber_curvature(
    xp: Namespace, prediction: Array, target: Array, q: Parameter, delta: Parameter
) -> Array:
    curvature = _smooth_l1_curvature(xp, prediction, target, delta)
    return _by_side(xp, prediction - target, curvature, q)


def _by_side(xp: Namespace, residual: Array, array: Array, q: Parameter) -> Array:
    """Return an array times 1 - q above the target, and q below."""
    return xp.where(residual > 0, (1 - q) * array, q * array)


QUANTILE_HUBER = Loss(
    "quantile_huber",
    (Term(_quantile_huber, _quantile_huber_slope, curvature=_quantile_huber_curvature),),
    parameters=(ParameterSpec("q", FRACTION), ParameterSpec("delta", FINITE_POSITIVE)),
)


@with_options
def quantile_huber(
    prediction: ArrayT,
    target: Operand,
    *,
    q: Operand = 0.5,
    delta: Operand = 1.0,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the pinball loss smoothed by Huber's: :func:`smooth_l1` times 1 − q above, q below.

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \, |q - [y_i > t_i]| \begin{cases}
        \frac{1}{2} r_i^2 / \delta & |r_i| \le \delta \\
        |r_i| - \frac{1}{2} \delta & \text{otherwise} \end{cases}
        \qquad r_i = y_i - t_i

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    q : float or array, default 0.5
        The quantile, between 0 and 1; an array gives NaN outside.
    delta : float or array, default 1.0
        Where the square ends, positive, in the unit of the prediction; an array gives NaN
        elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if ``q`` is a number outside of [0, 1], and if
        ``delta`` is a number that is not positive or infinite.

    Notes
    -----
    Differentiable everywhere; the second derivative jumps at a perfect prediction and where \|r\|
    is delta.

    Same definition: none of the peers.

    Reinforcement learning by quantiles takes the residual the other way round, t − y, with the same
    loss. Some code there leaves out the division by delta.

    References
    ----------
    W. Dabney, M. Rowland, M. G. Bellemare and R. Munos, Distributional reinforcement learning with
    quantile regression, AAAI 2018.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.quantile_huber([2.0, 0.0], [0.0, 2.0], q=0.75)
    np.float64(0.75)
    """
    return evaluate(QUANTILE_HUBER, prediction, target, q, delta, **options)


# z = (y - t) / δ
#
# value = δ² (sqrt(1 + z²) - 1)  =  r² / (1 + sqrt(1 + z²))
# slope = r / sqrt(1 + z²)
# curvature = (1 / sqrt(1 + z²))³
#
# The second form of the value neither cancels nor asks for the digits of a tiny z. Where z² would
# overflow, the limits δ |r| and ±δ.
def _pseudo_huber(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    residual = prediction - target
    near, ratio, far = split_far(xp, residual, delta)
    value = near * (near / (1 + xp.sqrt(1 + ratio * ratio)))
    return xp.where(far, delta * xp.abs(residual), value)


def _pseudo_huber_slope(xp: Namespace, prediction: Array, target: Array, delta: Parameter) -> Array:
    residual = prediction - target
    _, ratio, far = split_far(xp, residual, delta)
    return xp.where(far, delta * xp.sign(residual), residual / xp.sqrt(1 + ratio * ratio))


def _pseudo_huber_curvature(
    xp: Namespace, prediction: Array, target: Array, delta: Parameter
) -> Array:
    cosine = _cosine(xp, prediction - target, delta)
    return cosine * cosine * cosine


def _cosine(xp: Namespace, residual: Array, delta: Parameter) -> Array:
    """Return 1 / sqrt(1 + z²)."""
    _, ratio, far = split_far(xp, residual, delta)
    # Where z² would overflow, the limit 1/z.
    distant = delta / xp.abs(guarded(xp, far, residual, 1.0))
    return xp.where(far, distant, 1 / xp.sqrt(1 + ratio * ratio))


PSEUDO_HUBER = Loss(
    "pseudo_huber",
    (Term(_pseudo_huber, _pseudo_huber_slope, curvature=_pseudo_huber_curvature),),
    parameters=(ParameterSpec("delta", FINITE_POSITIVE),),
)


@with_options
def pseudo_huber(
    prediction: ArrayT, target: Operand, *, delta: Operand = 1.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the pseudo-Huber loss, delta² (√(1 + (r / delta)²) − 1), also named Charbonnier.

    .. math:: \frac{\sum_i w_i \, \delta^2 \left( \sqrt{1 + (r_i / \delta)^2} - 1 \right)}
        {\sum_i w_i} \qquad r_i = y_i - t_i

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    delta : float or array, default 1.0
        Where a parabola turns into a line, positive, in the unit of the prediction; an array gives
        NaN elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction squared.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``delta`` is a number that is not positive or
        infinite.

    Notes
    -----
    Differentiable everywhere, any number of times.

    Same definition: ``scipy.special.pseudo_huber``, whose first argument is delta.

    The Charbonnier loss of image restoration, √(r² + ε²), is ``pseudo_huber(delta=ε) / ε + ε``.

    References
    ----------
    P. Charbonnier, L. Blanc-Féraud, G. Aubert and M. Barlaud, Deterministic edge-preserving
    regularization in computed imaging, IEEE Trans. Image Process. 6 (1997), 298–311.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.pseudo_huber([0.75], [0.0])
    np.float64(0.25)
    """
    return evaluate(PSEUDO_HUBER, prediction, target, delta, **options)


# value = log(cosh(r))  =  log1p(2 sinh²(r/2))
# slope = tanh(r)
# curvature = 1 / cosh²(r)
#
# cosh(r) is 1 for small residuals and overflows for large ones. The second form keeps every digit
# of the former; beyond 20 the value is |r| - log 2, from which it differs by exp(-40).
_LOG_COSH_IS_LINEAR = 20.0


def _log_cosh(xp: Namespace, prediction: Array, target: Array) -> Array:
    residual = prediction - target
    distance = xp.abs(residual)
    linear = distance > _LOG_COSH_IS_LINEAR
    half_sine = xp.sinh(0.5 * guarded(xp, linear, 0.0, residual))
    return xp.where(linear, distance - _LOG2, xp.log1p(2 * half_sine * half_sine))


def _log_cosh_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return xp.tanh(prediction - target)


def _log_cosh_curvature(xp: Namespace, prediction: Array, target: Array) -> Array:
    secant = 1 / xp.cosh(prediction - target)
    return secant * secant


LOG_COSH = Loss("log_cosh", (Term(_log_cosh, _log_cosh_slope, curvature=_log_cosh_curvature),))


@with_options
def log_cosh(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the logarithm of the hyperbolic cosine, log(cosh(r)).

    .. math:: \frac{\sum_i w_i \, \log \, \cosh \, r_i}{\sum_i w_i} \qquad r_i = y_i - t_i

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`; the prediction should have no unit.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Differentiable everywhere, any number of times. About ½ r² near 0 and \|r\| − log 2 far away,
    with all digits in both.

    Same definition: ``optax.log_cosh``, ``keras.losses.log_cosh``,
    ``torchmetrics.functional.log_cosh_error``.

    Those of the peers lose all digits near 0, where optax and Keras give 0 for 1e-4 in float32, and
    some of them overflow far away.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.log_cosh([100.0], [0.0])
    np.float64(99.30685281944005)
    """
    return evaluate(LOG_COSH, prediction, target, **options)


# z = (y - t) / scale
#
# value = log(1 + z²/2)
# slope = z / (1 + z²/2) / scale
# curvature = (1 - z²/2) / (1 + z²/2)² / scale²
def _cauchy(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    return log1p_square(xp, prediction - target, _SQRT2 * scale)


def _cauchy_slope(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    residual = prediction - target
    _, near, far = split_far(xp, residual, scale)
    # Where z² would overflow, and perhaps z too, the limit 2/r.
    distant = 2 / guarded(xp, far, residual, 1.0)
    return xp.where(far, distant, in_units(near / (1 + 0.5 * near * near), scale))


def _cauchy_curvature(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    residual = prediction - target
    _, near, far = split_far(xp, residual, scale)
    distant = guarded(xp, far, residual, 1.0)
    half_square = 0.5 * near * near
    share = 1 / (1 + half_square)
    return xp.where(
        far,
        -2 / distant / distant,
        in_units(share * in_units((1 - half_square) * share, scale), scale),
    )


_SCALE = ParameterSpec("scale", FINITE_POSITIVE)
CAUCHY = Loss(
    "cauchy",
    (Term(_cauchy, _cauchy_slope, curvature=_cauchy_curvature),),
    parameters=(_SCALE,),
)


@with_options
def cauchy(
    prediction: ArrayT, target: Operand, *, scale: Operand = 1.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the Cauchy (or Lorentzian) loss, log(1 + ½ z²) with z = (y − t) / scale.

    .. math:: \frac{\sum_i w_i \, \log(1 + \frac{1}{2} z_i^2)}{\sum_i w_i}
        \qquad z_i = (y_i - t_i) / c

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    scale : float or array, default 1.0
        The unit c of the residual, positive; an array gives NaN elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, without a unit.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``scale`` is a number that is not positive or
        infinite.

    Notes
    -----
    Differentiable everywhere, any number of times. Not convex.

    Same definition: ``kornia.losses.cauchy_loss``.

    It is ``barron(alpha=0)``. ``scipy.optimize.least_squares(loss="cauchy")`` minimises
    ½ C² log(1 + (r / C)²), which is ½ C² times this with a scale of C / √2.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.cauchy([2.0], [0.0])
    np.float64(1.0986122886681096)
    """
    return evaluate(CAUCHY, prediction, target, scale, **options)


# value = 2 z² / (z² + 4)  =  2 - 8 / (z² + 4)
# slope = 16 z / (z² + 4)² / scale
# curvature = 16 (4 - 3 z²) / (z² + 4)³ / scale²
#
# The second form where it is the one whose derivative does not cancel.
def _geman_mcclure(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    _, ratio, far = split_far(xp, prediction - target, scale)
    square = ratio**2
    reciprocal = 1 / (square + 4)
    near = xp.where(square > 4, 2 - 8 * reciprocal, 2 * square * reciprocal)  # noqa: PLR2004
    return xp.where(far, 2.0, near)


def _geman_mcclure_slope(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    residual = prediction - target
    _, near, far = split_far(xp, residual, scale)
    distant = in_units(guarded(xp, far, residual, 1.0), scale)
    reciprocal = 1 / (near * near + 4)
    # In an order in which neither the square of z² + 4 nor the cube of z overflows.
    return (
        16 * xp.where(far, 1 / distant / distant / distant, near * reciprocal * reciprocal) / scale
    )


def _geman_mcclure_curvature(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    residual = prediction - target
    _, near, far = split_far(xp, residual, scale)
    # Where z² would overflow, the limit -48 / z⁴ / scale², which is -48 (scale / r)² / r².
    distant = guarded(xp, far, residual, 1.0)
    inverse = scale / distant / distant
    square = near * near
    reciprocal = 1 / (square + 4)
    # The factor in front is between -3 and 1.
    root = in_units(4 * reciprocal, scale)
    return xp.where(far, -48 * inverse * inverse, (4 - 3 * square) * reciprocal * root * root)


GEMAN_MCCLURE = Loss(
    "geman_mcclure",
    (Term(_geman_mcclure, _geman_mcclure_slope, curvature=_geman_mcclure_curvature),),
    parameters=(_SCALE,),
)


@with_options
def geman_mcclure(
    prediction: ArrayT, target: Operand, *, scale: Operand = 1.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the Geman–McClure loss, 2 z² / (z² + 4) with z = (y − t) / scale.

    .. math:: \frac{1}{\sum_i w_i} \sum_i \frac{2 w_i \, z_i^2}{z_i^2 + 4}
        \qquad z_i = (y_i - t_i) / c

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    scale : float or array, default 1.0
        The unit c of the residual, positive; an array gives NaN elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, without a unit, between 0 and 2.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``scale`` is a number that is not positive or
        infinite.

    Notes
    -----
    Differentiable everywhere, any number of times. Not convex: far away there is no gradient.

    Same definition: ``kornia.losses.geman_mcclure_loss``.

    It is ``barron(alpha=-2)``. Without the constants, z² / (z² + 1) is half of it with half the
    scale.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.geman_mcclure([2.0], [0.0])
    np.float64(1.0)
    """
    return evaluate(GEMAN_MCCLURE, prediction, target, scale, **options)


# value = 1 - exp(-z²/2)
# slope = z exp(-z²/2) / scale
# curvature = (1 - z²) exp(-z²/2) / scale²
#
# Where z² would overflow, the limits 1 and 0.
def _welsch(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    _, near, far = split_far(xp, prediction - target, scale)
    return xp.where(far, 1.0, -expm1(xp, -0.5 * near * near))


def _welsch_slope(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    _, near, far = split_far(xp, prediction - target, scale)
    return xp.where(far, 0.0, in_units(near * xp.exp(-0.5 * near * near), scale))


def _welsch_curvature(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    _, near, far = split_far(xp, prediction - target, scale)
    square = near * near
    curvature = in_units(in_units((1 - square) * xp.exp(-0.5 * square), scale), scale)
    return xp.where(far, 0.0, curvature)


WELSCH = Loss(
    "welsch",
    (Term(_welsch, _welsch_slope, curvature=_welsch_curvature),),
    parameters=(_SCALE,),
)


@with_options
def welsch(
    prediction: ArrayT, target: Operand, *, scale: Operand = 1.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the Welsch (or Leclerc) loss, 1 − exp(−½ z²) with z = (y − t) / scale.

    .. math:: \frac{\sum_i w_i \, (1 - \exp(-\frac{1}{2} z_i^2))}{\sum_i w_i}
        \qquad z_i = (y_i - t_i) / c

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    scale : float or array, default 1.0
        The unit c of the residual, positive; an array gives NaN elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, without a unit, between 0 and 1.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``scale`` is a number that is not positive or
        infinite.

    Notes
    -----
    Differentiable everywhere, any number of times. Not convex: far away there is no gradient.

    Same definition: ``kornia.losses.welsch_loss``.

    It is ``barron(alpha=-inf)``.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.welsch([1.0], [0.0])
    np.float64(0.3934693402873666)
    """
    return evaluate(WELSCH, prediction, target, scale, **options)


# c = r clipped to [-scale, scale], and s = (c / scale)²
#
# value = scale²/6 (1 - (1 - s)³)  =  c²/6 (3 + s (s - 3))
# slope = c (1 - s)²
# curvature = (1 - s) (1 - 5 s)
def _tukey_biweight(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:
    clipped = xp.clip(prediction - target, -scale, scale)
    square = (clipped / scale) ** 2
    return clipped * clipped * ((3 + square * (square - 3)) / 6)


def _tukey_biweight_slope(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    clipped = xp.clip(prediction - target, -scale, scale)
    ratio = clipped / scale
    return clipped * ((1 - ratio) * (1 + ratio)) ** 2


def _tukey_biweight_curvature(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    ratio = xp.clip(prediction - target, -scale, scale) / scale
    return (1 - ratio) * (1 + ratio) * (1 - 5 * ratio * ratio)


TUKEY_BIWEIGHT = Loss(
    "tukey_biweight",
    (Term(_tukey_biweight, _tukey_biweight_slope, curvature=_tukey_biweight_curvature),),
    parameters=(_SCALE,),
)


@with_options
def tukey_biweight(
    prediction: ArrayT, target: Operand, *, scale: Operand = 4.685, **options: Unpack[Options]
) -> ArrayT:
    r"""Return Tukey's biweight loss, scale²/6 (1 − (1 − z²)³) up to z = (y − t) / scale = ±1.

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \frac{c^2}{6} \begin{cases}
        1 - (1 - z_i^2)^3 & |z_i| \le 1 \\
        1 & \text{otherwise} \end{cases}
        \qquad z_i = (y_i - t_i) / c

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    scale : float or array, default 4.685
        The residual c from which on the loss is constant, positive; an array gives NaN elsewhere.
        For residuals of unit variance the default estimates a mean with an efficiency of 95 %.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction squared.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``scale`` is a number that is not positive or
        infinite.

    Notes
    -----
    Differentiable everywhere, twice. Not convex: an outlier has no gradient.

    Same definition: ``statsmodels.robust.norms.TukeyBiweight``.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.tukey_biweight([6.0, 12.0], [0.0, 0.0], scale=6.0)
    np.float64(6.0)
    """
    return evaluate(TUKEY_BIWEIGHT, prediction, target, scale, **options)


# z = (y - t) / scale, and b = |α - 2|
#
#           z²/2                             where α = 2
#           sqrt(1 + z²) - 1                 where α = 1
# value  =  log(1 + z²/2)                    where α = 0
#           1 - exp(-z²/2)                   where α = -∞
#           b/α ((1 + z²/b)^(α/2) - 1)       elsewhere
# slope  =  z (1 + z²/b)^(α/2 - 1) / scale
# curvature = (1 + (α - 1) z²/b) / (1 + z²/b) (1 + z²/b)^(α/2 - 1) / scale²
#
# With l = log(1 + z²/b) the last line of the value is b/2 (exp(c l) - 1)/c for c = α/2, which is
# the third one where α = 0, and keeps its digits nearby. The slope is a power of the root instead,
# (z / sqrt(1 + z²/b)) exp((α - 1)/2 l), of which no factor overflows before the product.
#
# Numbers with a formula of fewer operations are losses of their own; an array may hold any.
def _barron(
    xp: Namespace, prediction: Array, target: Array, alpha: Parameter, scale: Parameter
) -> Array:
    residual = prediction - target
    if isinstance(alpha, float):
        return _general_barron(xp, residual, alpha, scale)
    square, welsch, shape = _barron_shape(xp, alpha)
    general = _general_barron(xp, residual, shape, scale)
    # Each branch without the numbers of another, whose square may overflow.
    result = xp.where(
        square, _half_square(xp, guarded(xp, square, residual, 0.0), 0.0, scale), general
    )
    return xp.where(welsch, _welsch(xp, guarded(xp, welsch, residual, 0.0), 0.0, scale), result)


def _barron_slope(
    xp: Namespace, prediction: Array, target: Array, alpha: Parameter, scale: Parameter
) -> Array:
    residual = prediction - target
    if isinstance(alpha, float):
        return _general_barron_slope(xp, residual, alpha, scale)
    square, welsch, shape = _barron_shape(xp, alpha)
    general = _general_barron_slope(xp, residual, shape, scale)
    result = xp.where(square, _half_square_slope(xp, residual, 0.0, scale), general)
    return xp.where(welsch, _welsch_slope(xp, residual, 0.0, scale), result)


def _barron_curvature(
    xp: Namespace, prediction: Array, target: Array, alpha: Parameter, scale: Parameter
) -> Array:
    residual = prediction - target
    if isinstance(alpha, float):
        return _general_barron_curvature(xp, residual, alpha, scale)
    square, welsch, shape = _barron_shape(xp, alpha)
    general = _general_barron_curvature(xp, residual, shape, scale)
    result = xp.where(square, _half_square_curvature(xp, residual, 0.0, scale), general)
    return xp.where(welsch, _welsch_curvature(xp, residual, 0.0, scale), result)


def _barron_shape(xp: Namespace, alpha: Array) -> tuple[Array, Array, Array]:
    """Return where α is 2 or -∞, and α, made safe for the general branch."""
    square, welsch = alpha == 2, alpha == -xp.inf  # noqa: PLR2004  as above
    return square, welsch, xp.where(square | welsch, 0.0, alpha)


def _general_barron(xp: Namespace, residual: Array, alpha: Parameter, scale: Parameter) -> Array:
    width: Parameter = abs(alpha - 2)
    logarithm = log1p_square(xp, residual, scale * sqrt_of(xp, width))
    return 0.5 * width * expm1_ratio(xp, 0.5 * alpha, logarithm)


def _general_barron_slope(
    xp: Namespace, residual: Array, alpha: Parameter, scale: Parameter
) -> Array:
    sqrt_width = sqrt_of(xp, abs(alpha - 2))
    # z / sqrt(1 + z²/b), at most sqrt(b), times a power of the size of the slope itself.
    _, near, far = split_far(xp, residual, scale * sqrt_width)
    bounded = sqrt_width * xp.where(far, xp.sign(residual), near / xp.sqrt(1 + near * near))
    logarithm = log1p_square(xp, residual, scale * sqrt_width)
    # As the square of its root, since the power may vanish where the quotient does not.
    power = xp.exp(0.25 * (alpha - 1) * logarithm)
    return bounded * power / scale * power


def _general_barron_curvature(
    xp: Namespace, residual: Array, alpha: Parameter, scale: Parameter
) -> Array:
    width = scale * sqrt_of(xp, abs(alpha - 2))
    _, near, far = split_far(xp, residual, width)
    square = near * near
    share = xp.where(far, alpha - 1, (1 + (alpha - 1) * square) / (1 + square))
    root = xp.exp((0.25 * alpha - 0.5) * log1p_square(xp, residual, width)) / scale
    return share * root * root


def _half_square(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:  # noqa: ARG001
    ratio = in_units(prediction - target, scale)
    return 0.5 * ratio * ratio


def _half_square_slope(xp: Namespace, prediction: Array, target: Array, scale: Parameter) -> Array:  # noqa: ARG001
    return in_units(in_units(prediction - target, scale), scale)


def _half_square_curvature(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    return in_units(in_units(unit_curvature(xp, prediction, target), scale), scale)


def _pseudo_huber_in_units(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    return _pseudo_huber(xp, in_units(prediction - target, scale), 0.0, 1.0)


def _pseudo_huber_in_units_slope(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    ratio = in_units(prediction - target, scale)
    return in_units(_pseudo_huber_slope(xp, ratio, 0.0, 1.0), scale)


def _pseudo_huber_in_units_curvature(
    xp: Namespace, prediction: Array, target: Array, scale: Parameter
) -> Array:
    cosine = _cosine(xp, prediction - target, scale)
    # Divided before the cube, which may vanish.
    root = in_units(cosine, scale)
    return cosine * root * root


BARRON = Loss(
    "barron",
    (Term(_barron, _barron_slope, curvature=_barron_curvature),),
    parameters=(ParameterSpec("alpha", BELOW_INFINITY), _SCALE),
)
_OF_ALPHAS = tuple(
    (alpha, Loss("barron", terms, parameters=(_SCALE,), options=("alpha", *OPTION_NAMES)))
    for alpha, terms in (
        (2.0, (Term(_half_square, _half_square_slope, curvature=_half_square_curvature),)),
        (
            1.0,
            (
                Term(
                    _pseudo_huber_in_units,
                    _pseudo_huber_in_units_slope,
                    curvature=_pseudo_huber_in_units_curvature,
                ),
            ),
        ),
        (0.0, CAUCHY.terms),
        (-2.0, GEMAN_MCCLURE.terms),
        (-math.inf, WELSCH.terms),
    )
)


@with_options
def barron(
    prediction: ArrayT,
    target: Operand,
    *,
    alpha: Operand = 1.0,
    scale: Operand = 1.0,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return Barron's general loss, b/alpha ((1 + z²/b)^(alpha/2) − 1) with b = \|alpha − 2\|.

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \frac{b}{\alpha} \left(
        \left( 1 + \frac{z_i^2}{b} \right)^{\alpha / 2} - 1 \right)
        \qquad z_i = (y_i - t_i) / c

    and its limits: ½ z² for α = 2, log(1 + ½ z²) for α = 0, 1 − exp(−½ z²) for α = −∞.

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    alpha : float or array, default 1.0
        The shape: the smaller, the less an outlier counts. An array may be learned.
    scale : float or array, default 1.0
        The unit c of the residual, positive; an array gives NaN elsewhere.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, without a unit.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if ``alpha`` is a number that is NaN or +inf, and if
        ``scale`` is one that is not positive or infinite.

    Notes
    -----
    Differentiable everywhere, with respect to ``alpha`` too but for 2 and −∞, where that gradient
    is 0. Convex from alpha = 1 on. The relative error grows with the logarithm of z, to a hundred
    units in the last place at 1e30.

    Same definition: ``robust_loss_jax.general.lossfun``, ``robust_loss_pytorch.general.lossfun``.

    ``alpha=2`` is half the squared error, 1 is :func:`pseudo_huber` divided by its delta²,
    0 is :func:`cauchy`, −2 is :func:`geman_mcclure` and −∞ is :func:`welsch`, all with this scale.

    References
    ----------
    J. T. Barron, A general and adaptive robust loss function, CVPR 2019.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.barron([2.0], [0.0], alpha=2.0)
    np.float64(2.0)
    >>> ml.barron([2.0], [0.0], alpha=-2.0)
    np.float64(1.0)
    """
    special = special_case(_OF_ALPHAS, alpha)
    if special is not None:
        return evaluate(special, prediction, target, scale, **options)
    return evaluate(BARRON, prediction, target, alpha, scale, **options)
