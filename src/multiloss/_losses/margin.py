"""Losses of the margin t y of a score, and of the lead of the right score over the others."""

from typing import Unpack

from multiloss._call import evaluate
from multiloss._core.loss import NOT_NEGATIVE, Loss, ParameterSpec
from multiloss._core.terms import Prepared, Term, prepared, with_class_axis, zero_curvature
from multiloss._losses.classes import (
    at_label,
    checked_label,
    has_labels,
    marked,
    with_label,
)
from multiloss._losses.numerics import guarded, step
from multiloss._losses.options import with_options
from multiloss._losses.sigmoid import sigmoid
from multiloss._typing import OPTION_NAMES, Array, ArrayT, Namespace, Operand, Options, Parameter

_MARGIN = ParameterSpec("margin", NOT_NEGATIVE)


# z     = t y
# value = max(0, margin - z)
# slope = -t where z < margin
def _violation(prediction: Array, target: Array, margin: Parameter) -> Array:
    return margin - target * prediction


def _hinge(xp: Namespace, prediction: Array, target: Array, margin: Parameter) -> Array:
    violation = _violation(prediction, target, margin)
    return xp.where(violation <= 0, 0.0, violation)


def _hinge_slope(xp: Namespace, prediction: Array, target: Array, margin: Parameter) -> Array:
    violation = _violation(prediction, target, margin)
    return -target * step(xp, violation)


HINGE = Loss(
    "hinge",
    (Term(_hinge, _hinge_slope, curvature=zero_curvature),),
    parameters=(_MARGIN,),
    takes_signs=True,
)


@with_options
def hinge(
    prediction: ArrayT, target: Operand, *, margin: Operand = 1.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the hinge loss, max(0, 1 − t y).

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \max(0, m - t_i \, y_i)

    Parameters
    ----------
    prediction : array
        As for :func:`mse`, real: scores.
    target : array
        As for :func:`mse`, real: −1 and 1, or booleans. Of 0 and 1, make ``2 * target - 1``.
    margin : float or array, default 1.0
        The margin m from which the loss is zero, zero or positive: 0 gives the perceptron's.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, and if ``margin`` is a negative number.

    Notes
    -----
    Not differentiable where t y is the margin: the gradient there is 0.

    Same definition: ``sklearn.metrics.hinge_loss``, ``optax.hinge_loss``, ``keras.losses.hinge``.

    Keras takes 0 and 1 for −1 and 1 where it sees no other target.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.hinge([0.5, -2.0, 3.0], [1, 1, 1])
    np.float64(1.1666666666666667)
    """
    return evaluate(HINGE, prediction, target, margin, **options)


# value = max(0, margin - z)²
# slope = -2 t max(0, margin - z)
# curvature = 2 t² where z < margin, and 0 elsewhere
def _squared_hinge(xp: Namespace, prediction: Array, target: Array, margin: Parameter) -> Array:
    violation = _hinge(xp, prediction, target, margin)
    return violation * violation


def _squared_hinge_slope(
    xp: Namespace, prediction: Array, target: Array, margin: Parameter
) -> Array:
    return target * _hinge(xp, prediction, target, margin)


def _squared_hinge_curvature(
    xp: Namespace, prediction: Array, target: Array, margin: Parameter
) -> Array:
    return -target * target * step(xp, _violation(prediction, target, margin))


SQUARED_HINGE = Loss(
    "squared_hinge",
    (
        Term(
            _squared_hinge,
            _squared_hinge_slope,
            slope_scale=-2.0,
            curvature=_squared_hinge_curvature,
        ),
    ),
    parameters=(_MARGIN,),
    takes_signs=True,
)


@with_options
def squared_hinge(
    prediction: ArrayT, target: Operand, *, margin: Operand = 1.0, **options: Unpack[Options]
) -> ArrayT:
    r"""Return the squared hinge loss, max(0, 1 − t y)².

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \max(0, m - t_i \, y_i)^2

    Parameters
    ----------
    prediction, target : array
        As for :func:`hinge`.
    margin : float or array, default 1.0
        The margin m from which the loss is zero, zero or positive.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`.

    Raises
    ------
    ValueError, TypeError
        As :func:`hinge`.

    Notes
    -----
    Differentiable everywhere.

    Same definition: ``keras.losses.squared_hinge``.

    Keras takes 0 and 1 for −1 and 1 where it sees no other target.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.squared_hinge([0.5, -2.0, 3.0], [1, 1, 1])
    np.float64(3.0833333333333335)
    """
    return evaluate(SQUARED_HINGE, prediction, target, margin, **options)


# value = max(0, 1 - z)²   where z >= -1
#         -4 z             elsewhere
# slope = -2 t max(0, 1 - z), -4 t
# curvature = 2 t² where -1 <= z < 1, and 0 elsewhere
def _modified_huber(xp: Namespace, prediction: Array, target: Array) -> Array:
    violation = _hinge(xp, prediction, target, 1.0)
    far = violation > 2  # noqa: PLR2004  where the parabola ends
    near = guarded(xp, far, 0.0, violation)
    return xp.where(far, 4 * violation - 4, near * near)


def _modified_huber_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return target * xp.clip(_hinge(xp, prediction, target, 1.0), None, 2.0)


def _modified_huber_curvature(xp: Namespace, prediction: Array, target: Array) -> Array:
    violation = _violation(prediction, target, 1.0)
    is_parabola = xp.astype((violation > 0) & (violation <= 2), violation.dtype)  # noqa: PLR2004  ditto
    return -target * target * is_parabola


MODIFIED_HUBER = Loss(
    "modified_huber",
    (
        Term(
            _modified_huber,
            _modified_huber_slope,
            slope_scale=-2.0,
            curvature=_modified_huber_curvature,
        ),
    ),
    takes_signs=True,
)


@with_options
def modified_huber(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the modified Huber loss of a margin: max(0, 1 − t y)², and −4 t y below −1.

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \begin{cases}
        \max(0, 1 - t_i \, y_i)^2 & t_i \, y_i \ge -1 \\
        -4 \, t_i \, y_i & \text{otherwise} \end{cases}

    Parameters
    ----------
    prediction, target : array
        As for :func:`hinge`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Differentiable everywhere.

    Same definition: none of the peers.

    It is what scikit-learn's ``SGDClassifier(loss="modified_huber")`` minimizes.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.modified_huber([0.5, -2.0, 3.0], [1, 1, 1])
    np.float64(2.75)
    """
    return evaluate(MODIFIED_HUBER, prediction, target, **options)


# value = log(1 + exp(-z))
# slope = -t σ(-z)
# curvature = t² σ(z) σ(-z)
def _logistic(xp: Namespace, prediction: Array, target: Array) -> Prepared:
    opposed = sigmoid(xp, -target * prediction)
    return lambda: opposed.softplus(xp), lambda: -target * opposed.probability(xp)


def _logistic_curvature(xp: Namespace, prediction: Array, target: Array) -> Array:
    return target * target * sigmoid(xp, -target * prediction).slope(xp)


LOGISTIC = Loss("logistic", (prepared(_logistic, _logistic_curvature),), takes_signs=True)


@with_options
def logistic(prediction: ArrayT, target: Operand, **options: Unpack[Options]) -> ArrayT:
    r"""Return the logistic loss of a margin, log(1 + exp(−t y)).

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i \log \bigl(1 + e^{-t_i \, y_i}\bigr)

    Parameters
    ----------
    prediction, target : array
        As for :func:`hinge`.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in nats.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Differentiable everywhere. The same as :func:`binary_cross_entropy` of targets 0 and 1.

    Same definition: ``torch.nn.functional.soft_margin_loss``.

    PyTorch's is infinite from a margin of −89 on.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.logistic([2.0, -1.0], [1, -1])
    np.float64(0.2200948492805977)
    """
    return evaluate(LOGISTIC, prediction, target, **options)


# value = max(0, margin + max over c ≠ t of y_c - y_t)
# slope = where that is positive: -1 for t, and 1 in all for the best of the others
def _multiclass_hinge(
    xp: Namespace, prediction: Array, target: Array, margin: Parameter
) -> Prepared:
    if not has_labels(prediction, target):
        target = xp.argmax(target, axis=-1)
    label, one = checked_label(xp, prediction, target)
    others = with_label(xp, 1.0 * prediction, label, -xp.inf)  # of a copy, to write to
    best = xp.max(others, axis=-1, keepdims=True)
    violation = with_class_axis(margin) + (best - at_label(xp, prediction, label))
    violation = marked(violation, one)

    def slope() -> Array:
        counts = step(xp, violation)
        is_best = xp.astype(others == best, prediction.dtype)
        shares = is_best / xp.sum(is_best, axis=-1, keepdims=True)
        return with_label(xp, counts * shares, label, -counts)

    return lambda: xp.where(violation <= 0, 0.0, violation)[..., 0], slope


MULTICLASS_HINGE = Loss(
    "multiclass_hinge",
    (prepared(_multiclass_hinge),),
    parameters=(_MARGIN,),
    is_vector=True,
    takes_distributions=False,
    options=("class_axis", *OPTION_NAMES),
)


@with_options
def multiclass_hinge(
    prediction: ArrayT,
    target: Operand,
    *,
    class_axis: int = -1,
    margin: Operand = 1.0,
    **options: Unpack[Options],
) -> ArrayT:
    r"""Return the hinge loss of classes, max(0, 1 + best wrong score − right score).

    .. math:: \frac{1}{\sum_n w_n} \sum_n w_n
        \max \bigl(0, m + \max_{c \ne t_n} y_{nc} - y_{n t_n}\bigr)

    Parameters
    ----------
    prediction : array
        As for :func:`mse`, real, with an axis of the classes: their scores.
    target : array
        Labels, the index of the right class for each vector, of any integer dtype and in the shape
        of the prediction without the axis of the classes; a Python int is meant for all. Or one-hot
        booleans in the shape of the prediction.
    class_axis : int, default -1
        As for :func:`cross_entropy`.
    margin : float or array, default 1.0
        The margin m from which the loss is zero, zero or positive.
    **options
        Those of :func:`mse` but for ``half``.

    Returns
    -------
    array
        As :func:`mse`, in the unit of the prediction.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, if numbers are complex, if ``class_axis`` is out of range, if ``margin`` is
        a negative number, and if the target is neither labels nor booleans.

    Notes
    -----
    Not differentiable where the right score is ahead by the margin: the gradient there is 0. Where
    several wrong scores are the best, each gets its share of the gradient.

    Same definition: ``sklearn.metrics.hinge_loss``.

    From Crammer and Singer (2001). ``torch.nn.functional.multi_margin_loss`` adds up the hinge
    losses against all wrong classes, and divides by the number of classes.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.multiclass_hinge([[2.0, 0.0, 1.5], [0.0, 3.0, 0.0]], [0, 1])
    np.float64(0.25)
    """
    return evaluate(MULTICLASS_HINGE, prediction, target, margin, class_axis=class_axis, **options)
