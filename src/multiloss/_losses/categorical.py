"""Losses of the probabilities of classes, of which one is right, or each has its share."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Unpack

from multiloss._call import evaluate
from multiloss._core.loss import NOT_NEGATIVE, Loss, ParameterSpec
from multiloss._core.terms import Prepared, Term, prepared, with_class_axis
from multiloss._losses.classes import (
    Probabilities,
    Softmax,
    at_label,
    checked_label,
    distribution,
    has_labels,
    marked,
    probabilities,
)
from multiloss._losses.numerics import guarded, modulating_factor, times_log, times_or_zero
from multiloss._losses.options import with_options
from multiloss._losses.variants import GAMMA, SMOOTHING, STAND_IN, chosen, smoothed, variants
from multiloss._typing import OPTION_NAMES, Array, ArrayT, Namespace, Operand, Options, Parameter

_CLASS_WEIGHT = ParameterSpec("class_weight", NOT_NEGATIVE, is_per_class=True)
_OPTIONS = ("class_axis", "from_logits", *OPTION_NAMES)


class _Variant(NamedTuple):
    """What distinguishes the variants of a loss."""

    from_logits: bool
    has_class_weight: bool = False
    is_smoothed: bool = False

    def parameters(self) -> tuple[ParameterSpec, ...]:
        given = ((_CLASS_WEIGHT, self.has_class_weight), (SMOOTHING, self.is_smoothed))
        return tuple(spec for spec, is_given in given if is_given)

    def probabilities(
        self, xp: Namespace, prediction: Array, label: Array | None = None
    ) -> Softmax | Probabilities:
        return probabilities(xp, prediction, label, from_logits=self.from_logits)

    def target(
        self, xp: Namespace, prediction: Array, target: Array, parameters: tuple[Parameter, ...]
    ) -> Array:
        """Return the target as a distribution, smoothed."""
        target = distribution(xp, prediction, target)
        if not self.is_smoothed:
            return target
        smoothing = with_class_axis(parameters[self.has_class_weight])
        return smoothed(target, smoothing, target.shape[-1])

    def weighted_target(self, target: Array, parameters: tuple[Parameter, ...]) -> Array:
        """Return a = v t."""
        return target * parameters[0] if self.has_class_weight else target

    def weight_of_label(
        self, xp: Namespace, prediction: Array, label: Array, parameters: tuple[Parameter, ...]
    ) -> Array | None:
        """Return v of the label of each vector, with an axis of size 1; None for one."""
        if not self.has_class_weight:
            return None
        return at_label(xp, xp.broadcast_to(parameters[0], prediction.shape), label)


# With class weights v, and the target t smoothed,
#
# value   = -Σ_c a_c log p_c,  a_c = v_c t_c
# slope   = A p_c - a_c,       A = Σ_c a_c
# curvature = A p_c (1 - p_c)
# divisor =  Σ_c v_c t_c       of the target before it was smoothed
#
# Of labels the value is one term, and the slope v (p - 1) for the label, and v p for the others.
def _cross_entropy(
    variant: _Variant, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Prepared:
    if has_labels(prediction, target) and not variant.is_smoothed:
        return _cross_entropy_of_label(variant, xp, prediction, target, parameters)
    weight = variant.weighted_target(variant.target(xp, prediction, target, parameters), parameters)
    p = variant.probabilities(xp, prediction)
    return (
        lambda: xp.sum(p.entropy(xp, weight), axis=-1),
        lambda: p.entropy_slope(xp, weight),
    )


def _cross_entropy_of_label(
    variant: _Variant,
    xp: Namespace,
    prediction: Array,
    target: Array,
    parameters: tuple[Parameter, ...],
) -> Prepared:
    label, one = checked_label(xp, prediction, target)
    weight = variant.weight_of_label(xp, prediction, label, parameters)
    p = variant.probabilities(xp, prediction, label)

    return (
        lambda: marked(p.entropy_of_label(xp, weight), one)[..., 0],
        lambda: p.slope_of_label(xp, marked(1.0 if weight is None else weight, one)),
    )


def _cross_entropy_curvature(
    variant: _Variant, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    weight = variant.weighted_target(variant.target(xp, prediction, target, parameters), parameters)
    return variant.probabilities(xp, prediction).entropy_curvature(xp, weight)


def _divisor(
    variant: _Variant, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    if has_labels(prediction, target):
        label, one = checked_label(xp, prediction, target)
        weight: Array = variant.weight_of_label(xp, prediction, label, parameters)
        return marked(weight, one)[..., 0]
    return xp.sum(variant.weighted_target(target, parameters), axis=-1)


def _loss(
    name: str,
    prepare: Callable[..., Prepared],
    variant: _Variant,
    *,
    curvature: Callable[..., Array] | None = None,
    options: tuple[str, ...] = (),
    parameters: tuple[ParameterSpec, ...] = (),
) -> Loss:
    specs = (*variant.parameters(), *parameters)
    return Loss(
        name,
        (prepared(partial(prepare, variant), curvature and partial(curvature, variant)),),
        parameters=specs,
        divisor=Term(partial(_divisor, variant)) if variant.has_class_weight else None,
        is_vector=True,
        stand_in=1.0 if variant.from_logits else STAND_IN,
        kernel=name if variant.from_logits and not specs else None,
        options=(*options, *_OPTIONS),
    )


def _by_logits(name: str, prepare: Callable[..., Prepared]) -> dict[bool, Loss]:
    """Return a loss that has no other variants."""
    return {each: _loss(name, prepare, _Variant(each)) for each in (False, True)}


_CHOICES = ("class_weight", "label_smoothing")
CROSS_ENTROPY = variants(
    lambda *given: _loss(
        "cross_entropy",
        _cross_entropy,
        _Variant(*given),
        curvature=_cross_entropy_curvature,
        options=_CHOICES,
    )
)


@with_options
def cross_entropy(
    prediction: ArrayT,
    target: Operand,
    *,
    class_axis: int = -1,
    from_logits: bool = True,
    class_weight: Operand | None = None,
    label_smoothing: Operand = 0.0,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the cross-entropy of classes, −Σ t log p, where p is the softmax of the prediction.

    .. math:: \frac{-\sum_n w_n \sum_c v_c \, t_{nc} \log p_{nc}}
        {\sum_n w_n \sum_c v_c \, t_{nc}}
        \qquad p_{nc} = \frac{e^{y_{nc}}}{\sum_k e^{y_{nk}}}

    with class weights :math:`v`; without them, the mean divides by :math:`\sum_n w_n`.

    Parameters
    ----------
    prediction : array
        As for :func:`mse`, real, with an axis of the classes: their scores, of any size (logits),
        or their probabilities, which are taken as they are.
    target : array
        Labels, the index of the right class for each vector, of any integer dtype and in the shape
        of the prediction without the axis of the classes; a Python int is meant for all. Or
        distributions, floats or booleans in the shape of the prediction.
    class_axis : int, default -1
        The axis of the classes. The loss has the shape of the prediction without it, and so have
        ``weight``, ``where`` and ``axis``.
    from_logits : bool, default True
        Whether the prediction holds logits, not probabilities.
    class_weight : array, optional
        What each class counts, zero or positive, of the shape ``(C,)``; NaN for a negative one.
    label_smoothing : float or array, default 0.0
        The share ε of the target, from 0 to 1, that is spread evenly over all classes.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in nats: 0 for a certain and right prediction, log C for an even one.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if ``class_axis`` is out of range, if a target is
        neither labels nor distributions, if ``class_weight`` has not the shape ``(C,)``, or if
        ``label_smoothing`` is a number out of its bounds.

    Notes
    -----
    Differentiable with respect to the prediction wherever the loss is finite, and with respect to
    distributions.

    A label that is no class makes the loss of its vector NaN, on every engine, and its gradient;
    ``where=target != -100`` is PyTorch's ``ignore_index``. A class with the score −inf takes no
    part: where the target is 0, so is its term. Certainty keeps its digits: the loss of the logits
    [20, 0, 0] and the label 0 is 4.1e-9 in single precision too.

    Same definition: ``torch.nn.functional.cross_entropy``,
    ``optax.softmax_cross_entropy_with_integer_labels``, ``optax.softmax_cross_entropy``.

    With class weights, PyTorch's mean for labels differs from that for the same labels one-hot;
    here both are the former. ``keras.losses.categorical_crossentropy`` by default, and
    ``sklearn.metrics.log_loss``, take probabilities and clip them, so that they are never infinite;
    Keras also divides them by their sum.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.cross_entropy([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]], [0, 1])
    np.float64(0.2512644604326706)
    >>> ml.cross_entropy([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]], [0, -100], where=[True, False])
    np.float64(0.4076059644443803)
    >>> ml.cross_entropy([[0.5, 0.25, 0.25]], [[1.0, 0.0, 0.0]], from_logits=False)
    np.float64(0.6931471805599453)
    """
    loss, parameters = chosen(
        CROSS_ENTROPY,
        from_logits=from_logits,
        weight=class_weight,
        label_smoothing=label_smoothing,
    )
    return evaluate(loss, prediction, target, *parameters, class_axis=class_axis, **options)


# q     = Σ_c t_c (1 - p_c), which is 1 - Σ_c t_c p_c for a target that sums to one
# value = q^γ H,                          H the cross-entropy
# slope = q^γ (H' + γ (H / q) q')
#
# The derivative of q^γ has the power γ - 1 of q, which is infinite at 0 for γ < 1. As q^γ γ H / q
# it is finite, since H vanishes with q.
def _focal(
    variant: _Variant, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Prepared:
    *given, gamma = parameters
    target = variant.target(xp, prediction, target, tuple(given))
    weight = variant.weighted_target(target, tuple(given))
    p = variant.probabilities(xp, prediction)
    entropy = xp.sum(p.entropy(xp, weight), axis=-1)
    complement = xp.sum(target * p.complement(xp), axis=-1)
    power = modulating_factor(xp, complement, gamma)

    def slope() -> Array:
        ratio = with_class_axis(entropy / xp.where(complement == 0, 1.0, complement))
        of_complement = with_class_axis(gamma) * p.vjp(xp, -target)
        slopes = p.entropy_slope(xp, weight) + times_or_zero(xp, of_complement, ratio)
        return with_class_axis(power) * slopes

    return lambda: power * entropy, slope


FOCAL = variants(
    lambda *given: _loss("focal", _focal, _Variant(*given), options=_CHOICES, parameters=(GAMMA,))
)


@with_options
def focal(
    prediction: ArrayT,
    target: Operand,
    *,
    gamma: Operand = 2.0,
    class_axis: int = -1,
    from_logits: bool = True,
    class_weight: Operand | None = None,
    label_smoothing: Operand = 0.0,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the focal loss of classes, the cross-entropy times (1 − Σ t p)^γ.

    .. math:: \frac{\sum_n w_n \, \bigl(1 - \sum_c t_{nc} \, p_{nc}\bigr)^\gamma
        \bigl(-\sum_c v_c \, t_{nc} \log p_{nc}\bigr)}{\sum_n w_n \sum_c v_c \, t_{nc}}

    with class weights :math:`v`; without them, the mean divides by :math:`\sum_n w_n`.

    Parameters
    ----------
    prediction : array
        As for :func:`cross_entropy`.
    target : array
        As for :func:`cross_entropy`. Distributions sum to one.
    gamma : float or array, default 2.0
        How much less a vector counts that is predicted well, zero or positive: 0 gives
        :func:`cross_entropy`.
    class_axis : int, default -1
        As for :func:`cross_entropy`.
    from_logits : bool, default True
        As for :func:`cross_entropy`.
    class_weight : array, optional
        As for :func:`cross_entropy`.
    label_smoothing : float or array, default 0.0
        As for :func:`cross_entropy`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`cross_entropy`.

    Raises
    ------
    ValueError, TypeError
        As :func:`cross_entropy`, and if ``gamma`` is a negative number.

    Notes
    -----
    Differentiable as :func:`cross_entropy`; the gradient of a certain and right prediction is 0 for
    every γ.

    Same definition: ``keras.losses.categorical_focal_crossentropy``.

    That of Keras takes probabilities, has ``alpha=0.25`` times the loss, and weighs each class by
    its own :math:`1 - p_c`, which is the same for one-hot targets.

    From Lin et al., Focal Loss for Dense Object Detection (2017).

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.focal([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]], [0, 1])
    np.float64(0.02322811068291325)
    """
    loss, parameters = chosen(
        FOCAL,
        from_logits=from_logits,
        weight=class_weight,
        label_smoothing=label_smoothing,
    )
    return evaluate(loss, prediction, target, *parameters, gamma, class_axis=class_axis, **options)


# value = Σ_c t_c (log t_c - log p_c), where 0 log 0 is 0
# slope = T p_c - t_c,  T = Σ_c t_c
def _kl_divergence(variant: _Variant, xp: Namespace, prediction: Array, target: Array) -> Prepared:
    target = distribution(xp, prediction, target)
    p = variant.probabilities(xp, prediction)

    def value() -> Array:
        return xp.sum(times_log(xp, target, target) + p.entropy(xp, target), axis=-1)

    return value, lambda: p.entropy_slope(xp, target)


KL_DIVERGENCE = _by_logits("kl_divergence", _kl_divergence)


@with_options
def kl_divergence(
    prediction: ArrayT,
    target: Operand,
    *,
    class_axis: int = -1,
    from_logits: bool = True,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the Kullback-Leibler divergence from a prediction to a target, Σ t log(t / p).

    .. math:: \frac{1}{\sum_n w_n} \sum_n w_n \sum_c t_{nc} \, (\log t_{nc} - \log p_{nc})

    with :math:`0 \log 0 = 0`; p is the softmax of the prediction.

    Parameters
    ----------
    prediction : array
        As for :func:`cross_entropy`.
    target : array
        As for :func:`cross_entropy`. A label is a distribution of one class.
    class_axis : int, default -1
        As for :func:`cross_entropy`.
    from_logits : bool, default True
        As for :func:`cross_entropy`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`cross_entropy`, in nats. The mean is over the vectors.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if ``class_axis`` is out of range, and if a target
        is neither labels nor distributions.

    Notes
    -----
    Differentiable as :func:`cross_entropy`, which is this plus the entropy of the target.

    Same definition: ``torch.nn.functional.kl_div``, ``optax.kl_divergence``.

    PyTorch's takes the logarithms of probabilities, and its mean is over the classes too, unless
    ``reduction="batchmean"``. ``keras.losses.kl_divergence`` takes probabilities, and clips them.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.kl_divergence([[2.0, 0.0, 1.0]], [[0.5, 0.0, 0.5]])
    np.float64(0.21445878388443504)
    """
    loss = KL_DIVERGENCE[bool(from_logits)]
    return evaluate(loss, prediction, target, class_axis=class_axis, **options)


# With s = p + t and r = (p - t) / s, each class has
#
# value = (p log(2p / s) + t log(2t / s)) / 2
#       = s/4 (2 r atanh(r) + log1p(-r²))         near r = 0, where the line above cancels
# g     = log(2p / s) / 2, which is log1p(r) / 2
#
# and g is the derivative with respect to p.
_NEAR = 0.5


def _jensen_shannon(variant: _Variant, xp: Namespace, prediction: Array, target: Array) -> Prepared:
    target = distribution(xp, prediction, target)
    p = variant.probabilities(xp, prediction)
    probability = p.probability(xp)
    total = probability + target
    share = p.residual(xp, target) / xp.where(total == 0, 1.0, total)
    is_near = ~(xp.abs(share) >= _NEAR)
    share = guarded(xp, is_near, share, 0.0)

    def times_log_ratio(part: Array) -> Array:
        # x log(2x / s) where r is not near zero; 0 log 0 is 0.
        nothing = is_near | (part == 0)
        return part * xp.log(xp.where(nothing, 1.0, 2 * part) / xp.where(nothing, 1.0, total))

    def value() -> Array:
        near = 0.5 * total * (2 * share * xp.atanh(share) + xp.log1p(-share * share))
        far = times_log_ratio(probability) + times_log_ratio(target)
        return 0.5 * xp.sum(xp.where(is_near, near, far), axis=-1)

    def slope() -> Array:
        far = xp.log(xp.where(is_near, 1.0, 2 * probability / xp.where(is_near, 1.0, total)))
        return p.vjp(xp, 0.5 * xp.where(is_near, xp.log1p(share), far))

    return value, slope


JENSEN_SHANNON = _by_logits("jensen_shannon", _jensen_shannon)


@with_options
def jensen_shannon(
    prediction: ArrayT,
    target: Operand,
    *,
    class_axis: int = -1,
    from_logits: bool = True,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the Jensen-Shannon divergence, ½ KL(p ‖ m) + ½ KL(t ‖ m) for m = (p + t) / 2.

    .. math:: \frac{1}{\sum_n w_n} \sum_n \frac{w_n}{2} \sum_c \left( p_{nc} \log
        \frac{2 p_{nc}}{p_{nc} + t_{nc}} + t_{nc} \log \frac{2 t_{nc}}{p_{nc} + t_{nc}} \right)

    in natural logarithms and without a root; p is the softmax of the prediction.

    Parameters
    ----------
    prediction : array
        As for :func:`cross_entropy`.
    target : array
        As for :func:`cross_entropy`. A label is a distribution of one class.
    class_axis : int, default -1
        As for :func:`cross_entropy`.
    from_logits : bool, default True
        As for :func:`cross_entropy`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`cross_entropy`, between 0 and log 2.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if ``class_axis`` is out of range, and if a target
        is neither labels nor distributions.

    Notes
    -----
    Differentiable as :func:`cross_entropy`, but for a probability of 0, where the derivative is
    infinite.

    Same definition: ``scipy.spatial.distance.jensenshannon``.

    SciPy's is the root of this one, of distributions that it divides by their sum.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.jensen_shannon([[0.5, 0.5, 0.0]], [[0.0, 0.5, 0.5]], from_logits=False)
    np.float64(0.34657359027997264)
    """
    loss = JENSEN_SHANNON[bool(from_logits)]
    return evaluate(loss, prediction, target, class_axis=class_axis, **options)


# value = Σ_c (p_c - t_c)²
def _brier(variant: _Variant, xp: Namespace, prediction: Array, target: Array) -> Prepared:
    target = distribution(xp, prediction, target)
    p = variant.probabilities(xp, prediction)
    residual = p.residual(xp, target)
    return (
        lambda: xp.sum(residual * residual, axis=-1),
        lambda: p.vjp(xp, 2 * residual),
    )


BRIER = _by_logits("brier", _brier)


@with_options
def brier(
    prediction: ArrayT,
    target: Operand,
    *,
    class_axis: int = -1,
    from_logits: bool = True,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the Brier score, Σ (p − t)², where p is the softmax of the prediction.

    .. math:: \frac{1}{\sum_n w_n} \sum_n w_n \sum_c (p_{nc} - t_{nc})^2

    Parameters
    ----------
    prediction : array
        As for :func:`cross_entropy`.
    target : array
        As for :func:`cross_entropy`. A label is a distribution of one class.
    class_axis : int, default -1
        As for :func:`cross_entropy`.
    from_logits : bool, default True
        As for :func:`cross_entropy`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`cross_entropy`, between 0 and 2, without a unit.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if ``class_axis`` is out of range, and if a target
        is neither labels nor distributions.

    Notes
    -----
    Differentiable as :func:`cross_entropy`.

    Same definition: ``sklearn.metrics.brier_score_loss``.

    scikit-learn's takes probabilities, and halves the score of two classes.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.brier([[0.5, 0.25, 0.25]], [0], from_logits=False)
    np.float64(0.375)
    """
    loss = BRIER[bool(from_logits)]
    return evaluate(loss, prediction, target, class_axis=class_axis, **options)
