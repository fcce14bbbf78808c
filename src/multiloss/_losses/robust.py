"""Losses that grow slower than the square of a large residual."""

from typing import Unpack

from multiloss._evaluation import evaluate
from multiloss._formulas.robust import (
    barron_error,
    cauchy_error,
    geman_mcclure_error,
    huber_error,
    log_cosh_error,
    pseudo_huber_error,
    smooth_absolute_error,
    tukey_error,
    welsch_error,
)
from multiloss._typing import ArrayT, Operand, Options


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
        Those of :func:`mse` but for ``half``: the ½ belongs to the definition.

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
    Differentiable everywhere; the second derivative jumps where \|r\| is delta.

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
    return evaluate(huber_error, prediction, target, delta, **options)


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
        As :func:`mse`, if numbers are complex, and if ``beta`` is a number that is not positive or
        infinite.

    Notes
    -----
    Differentiable everywhere; the second derivative jumps where \|r\| is beta.

    Same definition: ``torch.nn.functional.smooth_l1_loss``.

    It is :func:`huber` divided by its parameter. PyTorch takes ``beta=0`` for :func:`mae`.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.smooth_l1([1.0, 3.0], [0.0, 0.0], beta=2.0)
    np.float64(1.125)
    """
    return evaluate(smooth_absolute_error, prediction, target, beta, **options)


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
    return evaluate(pseudo_huber_error, prediction, target, delta, **options)


def log_cosh(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the logarithm of the hyperbolic cosine, log(cosh(r)).

    .. math:: \frac{\sum_i w_i \, \log \cosh r_i}{\sum_i w_i} \qquad r_i = y_i - t_i

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
    return evaluate(log_cosh_error, prediction, target, **options)


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
    return evaluate(cauchy_error, prediction, target, scale, **options)


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
    return evaluate(geman_mcclure_error, prediction, target, scale, **options)


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
    return evaluate(welsch_error, prediction, target, scale, **options)


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
    return evaluate(tukey_error, prediction, target, scale, **options)


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
    return evaluate(barron_error, prediction, target, alpha, scale, **options)
