"""Losses of the probability of one class, against that of the other."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Unpack

from multiloss._call import evaluate
from multiloss._core.loss import FRACTION, NOT_NEGATIVE, Loss, ParameterSpec
from multiloss._core.terms import Prepared, prepared
from multiloss._losses.numerics import modulating_factor, times_or_zero
from multiloss._losses.options import is_given, with_options
from multiloss._losses.sigmoid import EntropyWeights, Probability, Sigmoid, probability_of
from multiloss._losses.variants import GAMMA, SMOOTHING, STAND_IN, chosen, smoothed, variants
from multiloss._typing import OPTION_NAMES, Array, ArrayT, Namespace, Operand, Options, Parameter

_POSITIVE_WEIGHT = ParameterSpec("positive_weight", NOT_NEGATIVE)
_ALPHA = ParameterSpec("alpha", FRACTION)


class _Variant(NamedTuple):
    """What distinguishes the variants of a loss."""

    from_logits: bool
    weight: ParameterSpec | None  # what weighs the two classes
    is_smoothed: bool

    def parameters(self) -> tuple[ParameterSpec, ...]:
        given = (self.weight, SMOOTHING if self.is_smoothed else None)
        return tuple(spec for spec in given if spec is not None)

    def target(self, target: Array, parameters: tuple[Parameter, ...]) -> Array:
        if not self.is_smoothed:
            return target
        return smoothed(target, parameters[self.weight is not None], 2)

    def weights(self, target: Array, parameters: tuple[Parameter, ...]) -> EntropyWeights:
        if self.weight is None:
            return EntropyWeights(target, None)
        factor = parameters[0]
        of_negative = 1 - factor if self.weight is _ALPHA else 1.0
        return EntropyWeights(factor * target, of_negative * (1 - target))


# value = -A log p - B log(1 - p)
#
# with the weights A = v t and B = 1 - t, or A = α t and B = (1 - α)(1 - t); the derivatives stand
# with Sigmoid and Probability.
def _binary_cross_entropy(
    variant: _Variant, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Prepared:
    weights = variant.weights(variant.target(target, parameters), parameters)
    p = probability_of(xp, prediction, from_logits=variant.from_logits)
    return lambda: p.entropy(xp, weights), lambda: p.entropy_slope(xp, weights)


def _binary_cross_entropy_curvature(
    variant: _Variant, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    weights = variant.weights(variant.target(target, parameters), parameters)
    p = probability_of(xp, prediction, from_logits=variant.from_logits)
    return p.entropy_curvature(xp, weights)


def _loss(
    name: str,
    prepare: Callable[..., Prepared],
    curvature: Callable[..., Array],
    weight: ParameterSpec,
    *parameters: ParameterSpec,
) -> Callable[[bool, bool, bool], Loss]:
    """Return the function that makes each variant of a loss."""

    def loss(from_logits: bool, is_weighted: bool, is_smoothed: bool) -> Loss:  # noqa: FBT001
        variant = _Variant(from_logits, weight if is_weighted else None, is_smoothed)
        specs = (*variant.parameters(), *parameters)
        return Loss(
            name,
            (prepared(partial(prepare, variant), partial(curvature, variant)),),
            parameters=specs,
            stand_in=1.0 if from_logits else STAND_IN,
            kernel=name if from_logits and not specs else None,
            options=("from_logits", weight.name, "label_smoothing", *OPTION_NAMES),
        )

    return loss


BINARY_CROSS_ENTROPY = variants(
    _loss(
        "binary_cross_entropy",
        _binary_cross_entropy,
        _binary_cross_entropy_curvature,
        _POSITIVE_WEIGHT,
    )
)


@with_options
def binary_cross_entropy(
    prediction: ArrayT,
    target: Operand,
    *,
    from_logits: bool = True,
    positive_weight: Operand = 1.0,
    label_smoothing: Operand = 0.0,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the binary cross-entropy, −t log p − (1 − t) log(1 − p), p the sigmoid of y.

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \bigl(-v \, t_i \log p_i
        - (1 - t_i) \log (1 - p_i)\bigr)   \qquad p_i = \frac{1}{1 + e^{-y_i}}

    Parameters
    ----------
    prediction : array
        As for :func:`mse`, real: scores of any size (logits), or probabilities.
    target : array
        As for :func:`mse`, real: 0, 1 and what is between, or booleans.
    from_logits : bool, default True
        Whether the prediction holds logits, not probabilities.
    positive_weight : float or array, default 1.0
        The factor v of the term of the target 1, zero or positive, of shape ``(1, N)`` for one
        factor for each of N columns.
    label_smoothing : float or array, default 0.0
        The share ε of the target, from 0 to 1, of which each class gets half.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in nats: 0 for a certain and right prediction, log 2 for an even one.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if a parameter is a number out of its bounds.

    Notes
    -----
    Differentiable wherever the loss is finite.

    Certainty keeps its digits: the gradient of the logit 30 for the target 1 is -9.4e-14. An
    infinite logit has the loss 0 if it is right, and inf if it is wrong. The ``positive_weight`` is
    no weight of the mean, which divides by :math:`\sum w_i` alone.

    Same definition: ``torch.nn.functional.binary_cross_entropy_with_logits``,
    ``torch.nn.functional.binary_cross_entropy``, ``optax.sigmoid_binary_cross_entropy``,
    ``keras.losses.binary_crossentropy``.

    PyTorch's loss of probabilities is at most 100, and that of Keras at most 16.1; here it is
    infinite where what happened had the probability 0.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.binary_cross_entropy([2.0, -1.0], [1, 0])
    np.float64(0.2200948492805977)
    >>> ml.binary_cross_entropy([0.5, 0.25], [1, 0], from_logits=False)
    np.float64(0.4904146265058631)
    """
    loss, parameters = chosen(
        BINARY_CROSS_ENTROPY,
        from_logits=from_logits,
        weight=positive_weight if is_given(positive_weight, 1.0) else None,
        label_smoothing=label_smoothing,
    )
    return evaluate(loss, prediction, target, *parameters, **options)


# q     = t (1 - p) + (1 - t) p
# value = q^γ H,                          H the binary cross-entropy
# slope = q^γ (H' + γ (H / q) q'),        q' = (1 - 2 t) p (1 - p)
#
# curvature = q^γ (H'' + γ (2 r H' + H (q''/q + (γ - 1) r²))),  r = q'/q
#
# The quotients with q keep what the power of q would lose, as for focal().
def _binary_focal(
    variant: _Variant, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Prepared:
    gamma, target, weights, p, complement = _focal_parts(
        variant, xp, prediction, target, parameters
    )
    entropy = p.entropy(xp, weights)
    power = modulating_factor(xp, complement, gamma)

    def slope() -> Array:
        ratio = entropy / xp.where(complement == 0, 1.0, complement)
        of_complement = gamma * (1 - 2 * target) * p.slope(xp)
        return power * (p.entropy_slope(xp, weights) + times_or_zero(xp, of_complement, ratio))

    return lambda: power * entropy, slope


def _focal_parts(
    variant: _Variant,
    xp: Namespace,
    prediction: Array,
    target: Array,
    parameters: tuple[Parameter, ...],
) -> tuple[Parameter, Array, EntropyWeights, Sigmoid | Probability, Array]:
    """Return γ, the smoothed target, A and B, p, and q."""
    target = variant.target(target, parameters)
    p = probability_of(xp, prediction, from_logits=variant.from_logits)
    complement = target * p.complement(xp) + (1 - target) * p.probability(xp)
    return parameters[-1], target, variant.weights(target, parameters), p, complement


def _binary_focal_curvature(
    variant: _Variant, xp: Namespace, prediction: Array, target: Array, *parameters: Parameter
) -> Array:
    gamma, target, weights, p, complement = _focal_parts(
        variant, xp, prediction, target, parameters
    )
    safe, direction = xp.where(complement == 0, 1.0, complement), 1 - 2 * target
    ratio, bend = direction * p.slope(xp) / safe, direction * p.curvature(xp) / safe
    power, entropy = modulating_factor(xp, complement, gamma), p.entropy(xp, weights)
    # Products of a large quotient and what vanishes with q, before another quotient.
    of_ratio = 2 * p.entropy_slope(xp, weights) + (gamma - 1) * times_or_zero(xp, ratio, entropy)
    of_power = power * ratio * of_ratio + power * times_or_zero(xp, bend, entropy)
    return power * p.entropy_curvature(xp, weights) + gamma * of_power


BINARY_FOCAL = variants(
    _loss("binary_focal", _binary_focal, _binary_focal_curvature, _ALPHA, GAMMA)
)


@with_options
def binary_focal(
    prediction: ArrayT,
    target: Operand,
    *,
    gamma: Operand = 2.0,
    from_logits: bool = True,
    alpha: Operand | None = None,
    label_smoothing: Operand = 0.0,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the binary focal loss, the binary cross-entropy times (t(1 − p) + (1 − t)p)^γ.

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \, \bigl(t_i (1 - p_i) + (1 - t_i) p_i\bigr)^\gamma
        \bigl(-\alpha \, t_i \log p_i - (1 - \alpha) (1 - t_i) \log (1 - p_i)\bigr)

    without the factors of α by default.

    Parameters
    ----------
    prediction, target : array
        As for :func:`binary_cross_entropy`.
    gamma : float or array, default 2.0
        How much less an element counts that is predicted well, zero or positive: 0 gives
        :func:`binary_cross_entropy`.
    from_logits : bool, default True
        As for :func:`binary_cross_entropy`.
    alpha : float or array, optional
        The factor α of the term of the target 1, from 0 to 1; that of the target 0 is 1 − α.
    label_smoothing : float or array, default 0.0
        As for :func:`binary_cross_entropy`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`binary_cross_entropy`.

    Raises
    ------
    ValueError, TypeError
        As :func:`binary_cross_entropy`.

    Notes
    -----
    Differentiable as :func:`binary_cross_entropy`; the gradient of a certain and right prediction
    is 0 for every γ.

    Same definition: ``keras.losses.binary_focal_crossentropy``, ``optax.sigmoid_focal_loss``.

    ``torchvision.ops.sigmoid_focal_loss`` is the same with ``alpha=0.25`` by default. With
    smoothing, Keras takes the modulating factor of the smoothed target too.

    From Lin et al., Focal Loss for Dense Object Detection (2017).

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.binary_focal([2.0, -1.0], [1, 0])
    np.float64(0.012230810171853852)
    """
    loss, parameters = chosen(
        BINARY_FOCAL, from_logits=from_logits, weight=alpha, label_smoothing=label_smoothing
    )
    return evaluate(loss, prediction, target, *parameters, gamma, **options)
