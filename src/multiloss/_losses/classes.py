"""What the losses of classes compute with: labels, distributions, and probabilities.

The classes are along the last axis. A target is the index of a class for each vector (labels), or
has a number for each class (distributions).
"""

from typing import Any, NamedTuple

from multiloss._core.namespaces import is_eager, without_derivative
from multiloss._core.terms import Scaled
from multiloss._losses.numerics import (
    guarded,
    ratio_or_zero,
    times_log,
    times_or_zero,
)
from multiloss._typing import Array, Namespace


def has_labels(prediction: Array, target: Array) -> bool:
    """Tell whether the target holds labels."""
    return len(target.shape) < len(prediction.shape)


def checked_label(xp: Namespace, prediction: Array, target: Array) -> tuple[Array, Array | None]:
    """Return labels that are safe as indices, and 1, or NaN where they are out of range.

    Every engine reads an index that is out of range in its own way. Both have an axis of size 1.
    None stands for ones.
    """
    label, classes = target[..., None], prediction.shape[-1]
    if is_eager(xp) and xp.all_indices(label, classes):
        return label, None
    safe = xp.clip(label, 0, classes - 1)
    return safe, xp.where(safe == label, xp.ones_like(prediction[..., :1]), xp.nan)


def marked(array: Array | float, one: Array | None) -> Any:
    """Return an array, NaN where a label is out of range."""
    return array if one is None else array * one


def at_label(xp: Namespace, array: Array, label: Array) -> Array:
    """Return the number of each vector that stands at an index, with an axis of size 1."""
    if hasattr(xp, "take_along_axis"):
        return xp.take_along_axis(array, label, axis=-1)
    # Dask has none: https://github.com/dask/dask/issues/3663
    is_label = _indices(xp, array) == label
    return xp.sum(xp.where(is_label, array, 0.0), axis=-1, keepdims=True)


def with_label(xp: Namespace, array: Array, label: Array, value: Array | float) -> Array:
    """Return an array with another number at an index of each vector.

    It may be written to: pass a new one.
    """
    # The standard has no such function: https://github.com/data-apis/array-api/issues/979
    put = getattr(xp, "put_at_label", None)
    if put is not None:
        return put(array, label, value)
    return xp.where(_indices(xp, array) == label, value, array)


def _indices(xp: Namespace, array: Array) -> Array:
    """Return the indices of the classes."""
    own = getattr(xp, "indices_of_last_axis", None)
    return xp.arange(0, array.shape[-1]) if own is None else own(array)


def distribution(xp: Namespace, prediction: Array, target: Array) -> Array:
    """Return a target as a number for each class; NaN for a label that is out of range."""
    if not has_labels(prediction, target):
        return target
    label, one = checked_label(xp, prediction, target)
    zeros = xp.zeros_like(prediction)
    if one is None:
        return with_label(xp, zeros, label, 1.0)
    return with_label(xp, one * zeros, label, one)


# With m the largest score, and r a class to which the others are compared,
#
#     e_c = k exp(x_c - m),   d = -log e_r,   R = Σ over c ≠ r of e_c,   S = R + e_r
#
#      p_c     = e_c / S
#     1 - p_r  = R / S
#     -log p_r = log1p(R / e_r), or d + log1p(R - 1) where e_r is nothing beside R
#     -log p_c = -log p_r + x_r - x_c
#
# for any k, since only quotients are taken, but for d.
#
# The term of r is left out of the sum. Else all that is left near certainty would vanish beside it:
# exp(-20) in 1 + exp(-20). Nothing depends on m, so no derivative is taken of it.
#
# An infinite score is the largest number instead. Its class has probability 1 where it is the only
# one, and where there are two, no probability is defined.
_FAR = 30.0  # exp() of it overflows in no dtype to compute in, and exp() of minus it is no zero
_LEAST = 1e-30  # of e_r, so that a quotient by it overflows in no dtype


class Softmax(NamedTuple):
    """The softmax of scores, with the digits of its distance from certainty about one class.

    All but the scores and the others have an axis of size 1 for the classes.
    """

    scores: Array  # x
    label: Array  # r
    others: Array  # e_c, and 0 for r
    rest: Array  # R
    own: Array  # e_r
    total: Array  # S
    gap: Array | None  # d; None where it is known that e_r does not vanish

    def entropy_of_label(self, xp: Namespace, weight: Array | None) -> Array:
        """Return -w log p_r, with an axis of size 1."""
        value = self._negative_log_of_label(xp)
        return value if weight is None else times_or_zero(xp, weight, value)

    def _negative_log_of_label(self, xp: Namespace) -> Array:
        if self.gap is None:
            return xp.log1p(self.rest / self.own)
        far = self.gap > _FAR
        ratio = self.rest / guarded(xp, far, 1.0, self.own)
        return xp.where(far, self.gap, 0.0) + xp.log1p(xp.where(far, self.rest - 1, ratio))

    def slope_of_label(self, xp: Namespace, weight: Array | float) -> Scaled:
        """Return the derivative of -w log p_r, w (p_r - 1) for r and w p_c for the others.

        It may write to the others: nothing else may be asked of this softmax afterwards.
        """
        return Scaled(with_label(xp, self.others, self.label, -self.rest), weight, self.total)

    def probability(self, xp: Namespace) -> Array:
        """Return p."""
        return with_label(xp, self.others / self.total, self.label, self.own / self.total)

    def complement(self, xp: Namespace) -> Array:
        """Return 1 - p."""
        return with_label(xp, 1 - self.others / self.total, self.label, self.rest / self.total)

    def entropy(self, xp: Namespace, weight: Array) -> Array:
        """Return -a log p."""
        of_label = self._negative_log_of_label(xp)
        own = at_label(xp, self.scores, self.label)
        each = with_label(xp, of_label + (own - self.scores), self.label, of_label)
        return times_or_zero(xp, weight, each)

    def residual(self, xp: Namespace, target: Array) -> Array:
        """Return p - t."""
        own = (1 - at_label(xp, target, self.label)) - self.rest / self.total
        return with_label(xp, self.others / self.total - target, self.label, own)

    def entropy_slope(self, xp: Namespace, weight: Array) -> Array:
        """Return the derivative of -Σ a log p with respect to the scores, A p - a with A = Σ a."""
        # For r it is Σ over c ≠ r of a_c - A R / S, where A p_r - a_r would cancel.
        of_label = at_label(xp, weight, self.label)
        others = with_label(xp, 1.0 * weight, self.label, 0.0)  # of a copy, to write to
        of_others = xp.sum(others, axis=-1, keepdims=True)
        sum_of_weights = of_label + of_others
        own = of_others - sum_of_weights * (self.rest / self.total)
        slopes = sum_of_weights / self.total * self.others - weight
        return with_label(xp, slopes, self.label, own)

    def entropy_curvature(self, xp: Namespace, weight: Array) -> Array:
        """Return the second derivatives of -Σ a log p, A p (1 - p)."""
        sum_of_weights = xp.sum(weight, axis=-1, keepdims=True)
        return sum_of_weights * self.probability(xp) * self.complement(xp)

    # ∂p_c / ∂x_j = p_c (1 - p_c) for j = c and -p_c p_j else, so that the slope is
    #
    #     p_j (g_j - Σ_c p_c g_c),   for r:   p_r (g_r (1 - p_r) - Σ over c ≠ r of p_c g_c)
    def vjp(self, xp: Namespace, slopes: Array) -> Array:
        """Return the derivative with respect to the scores, given that with respect to p."""
        others, of_label = self.others / self.total, self.own / self.total
        own_slope = at_label(xp, slopes, self.label)
        of_others = xp.sum(times_or_zero(xp, others, slopes), axis=-1, keepdims=True)
        own = of_label * (own_slope * (self.rest / self.total) - of_others)
        rest = times_or_zero(xp, others, slopes - (of_label * own_slope + of_others))
        return with_label(xp, rest, self.label, own)


class Probabilities(NamedTuple):
    """Probabilities that were given, with the methods of :class:`Softmax`."""

    given: Array
    label: Array

    def entropy_of_label(self, xp: Namespace, weight: Array | None) -> Array:
        own = at_label(xp, self.given, self.label)
        return -xp.log(own) if weight is None else -times_log(xp, weight, own)

    def slope_of_label(self, xp: Namespace, weight: Array | float) -> Array:
        own = at_label(xp, self.given, self.label)
        own = -ratio_or_zero(xp, weight + xp.zeros_like(own), own)
        return with_label(xp, xp.zeros_like(self.given), self.label, own)

    def probability(self, xp: Namespace) -> Array:  # noqa: ARG002  as in Softmax
        return self.given

    def complement(self, xp: Namespace) -> Array:  # noqa: ARG002  ditto
        return 1 - self.given

    def entropy(self, xp: Namespace, weight: Array) -> Array:
        return -times_log(xp, weight, self.given)

    def residual(self, xp: Namespace, target: Array) -> Array:  # noqa: ARG002  ditto
        return self.given - target

    def entropy_slope(self, xp: Namespace, weight: Array) -> Array:
        return -ratio_or_zero(xp, weight, self.given)

    def entropy_curvature(self, xp: Namespace, weight: Array) -> Array:
        return ratio_or_zero(xp, ratio_or_zero(xp, weight, self.given), self.given)

    def vjp(self, xp: Namespace, slopes: Array) -> Array:  # noqa: ARG002  ditto
        return slopes


def probabilities(
    xp: Namespace, prediction: Array, label: Array | None = None, *, from_logits: bool
) -> Softmax | Probabilities:
    """Return the probabilities of the classes, compared to one: by default, the likeliest."""
    if label is None:
        label = xp.argmax(prediction, axis=-1, keepdims=True)
    return softmax(xp, prediction, label) if from_logits else Probabilities(prediction, label)


def softmax(xp: Namespace, scores: Array, label: Array) -> Softmax:
    """Return the softmax of scores, compared to a class for each vector."""
    if is_eager(xp):
        others = xp.exponentials(scores)
        own = at_label(xp, others, label)
        # Not so where a score is infinite or not a number.
        if xp.all_above(own, _LEAST):
            others = with_label(xp, others, label, 0.0)
            rest = xp.sum(others, axis=-1, keepdims=True)
            return Softmax(scores, label, others, rest, own, rest + own, None)
    if hasattr(xp, "exponentials"):
        return _fused_softmax(xp, scores, label)
    highest = without_derivative(xp, xp.max(scores, axis=-1, keepdims=True))
    own_score = at_label(xp, scores, label)
    others = _exp_of_others(xp, scores, highest, label)
    rest = xp.sum(others, axis=-1, keepdims=True)
    is_right = own_score == xp.inf
    gap = xp.where(is_right, 0.0, highest - own_score)
    # Infinite scores count one each. A product, so that the gradient is NaN too.
    is_undefined = (highest == xp.inf) & (rest + xp.astype(is_right, rest.dtype) > 1)
    rest = rest * xp.where(is_undefined, xp.nan, xp.ones_like(rest))
    own = xp.exp(-gap)
    return Softmax(scores, label, others, rest, own, rest + own, gap)


def _fused_softmax(xp: Namespace, scores: Array, label: Array) -> Softmax:
    """Return the same from a multiple of e_c, by the fewest passes over the scores."""
    others = xp.exponentials(xp.clip(scores, None, xp.finfo(scores.dtype).max))
    likeliest = xp.argmax(scores, axis=-1, keepdims=True)
    highest, largest = at_label(xp, scores, likeliest), at_label(xp, others, likeliest)
    own_score, own = at_label(xp, scores, label), at_label(xp, others, label)
    others = with_label(xp, others, label, 0.0)
    rest = xp.sum(others, axis=-1, keepdims=True)
    # Beside an infinite score, which has k, all others are nothing but for another one.
    is_undefined = (highest == xp.inf) & (rest + own > largest)
    rest = xp.where(is_undefined, xp.nan, rest)
    # Not a number where r has an infinite score: then it is not asked for.
    gap = highest - own_score - xp.log(largest)
    return Softmax(scores, label, others, rest, own, rest + own, gap)


def _exp_of_others(xp: Namespace, scores: Array, highest: Array, label: Array) -> Array:
    """Return exp(min(x - m, 0)), and 0 at the label."""
    finite = xp.where(highest == xp.inf, xp.finfo(scores.dtype).max, highest)
    exp_of_others = getattr(xp, "exp_of_others", None)
    if exp_of_others is not None:
        return exp_of_others(scores - finite, label)
    return with_label(xp, xp.exp(xp.clip(scores - finite, None, 0.0)), label, 0.0)
