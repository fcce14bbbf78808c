"""What the losses of two classes compute with: the probability of one of them."""

from typing import NamedTuple

from multiloss._core.namespaces import is_constant
from multiloss._losses.numerics import ratio_or_zero, times_log, times_or_zero
from multiloss._typing import Array, Namespace


class EntropyWeights(NamedTuple):
    """What -log p and -log(1 - p) are multiplied with: A and B."""

    positive: Array | float
    given_negative: Array | None  # None stands for 1 - positive

    def negative(self) -> Array:
        """Return B."""
        return 1 - self.positive if self.given_negative is None else self.given_negative

    def times_sum(self, array: Array) -> Array:
        """Return an array times A + B."""
        if self.given_negative is None:
            return array
        return (self.positive + self.given_negative) * array

    def of_wrong(self, above: Array) -> Array:
        """Return c: B where a score is positive, and -A elsewhere."""
        if self.given_negative is None:
            return above - self.positive
        return above * self.given_negative - (1 - above) * self.positive


# With a = 1 where y > 0, and 0 elsewhere, and s = 1 / (1 + exp(|y|)), small near certainty,
#
#     p         = a + (1 - 2 a) s
#     1 - p     = 1 - a - (1 - 2 a) s
#     p (1 - p) = s (1 - s)
#
# and with the weights A and B of the entropy, c = B where y > 0, and -A elsewhere,
#
#     -A log p - B log(1 - p) = c y + (A + B) log(1 + exp(-|y|))
#     its derivative          = c   + (A + B) (1 - 2 a) s
#
# Nothing cancels: where a prediction is certain and right, c is zero. Sums are made in place,
# into what has the shape of all: autograd saves the factors of a product, not the product.
class Sigmoid(NamedTuple):
    """The sigmoid of scores, with the digits of its distance from certainty on either side."""

    score: Array
    above: Array  # a
    low: Array  # -|y|

    def _flip(self) -> Array:
        return 1 - 2 * self.above

    def _sigmoid_of_low(self, xp: Namespace) -> Array:
        """Return s."""
        if hasattr(xp, "sigmoid_of_negative"):
            return xp.sigmoid_of_negative(self.low)
        small = xp.exp(self.low)
        return small / (1 + small)

    def _log1p_exp_of_low(self, xp: Namespace) -> Array:
        """Return log(1 + exp(-|y|))."""
        if hasattr(xp, "log1p_exp"):
            return xp.log1p_exp(self.low)
        return xp.log1p(xp.exp(self.low))

    def probability(self, xp: Namespace) -> Array:
        """Return p."""
        return self.above + self._flip() * self._sigmoid_of_low(xp)

    def complement(self, xp: Namespace) -> Array:
        """Return 1 - p."""
        return (1 - self.above) - self._flip() * self._sigmoid_of_low(xp)

    def slope(self, xp: Namespace) -> Array:
        """Return the derivative p (1 - p)."""
        tail = self._sigmoid_of_low(xp)
        return tail * (1 - tail)

    def curvature(self, xp: Namespace) -> Array:
        """Return the second derivative p (1 - p) (1 - 2 p)."""
        tail = self._sigmoid_of_low(xp)
        return self._flip() * tail * (1 - tail) * (1 - 2 * tail)

    def softplus(self, xp: Namespace) -> Array:
        """Return log(1 + exp(y)), which is -log(1 - p)."""
        if not is_constant(xp):
            return self.entropy(xp, EntropyWeights(0.0, None))
        # Without a factor that may be zero where the score is infinite.
        result = xp.clip(self.score, 0.0, None)
        result += self._log1p_exp_of_low(xp)
        return result

    def entropy(self, xp: Namespace, weights: EntropyWeights) -> Array:
        """Return -A log p - B log(1 - p)."""
        result = times_or_zero(xp, weights.of_wrong(self.above), self.score)
        result += weights.times_sum(self._log1p_exp_of_low(xp))
        return result

    def entropy_slope(self, xp: Namespace, weights: EntropyWeights) -> Array:
        """Return the derivative of the entropy."""
        result = weights.of_wrong(self.above)
        result += weights.times_sum(self._flip() * self._sigmoid_of_low(xp))
        return result

    def entropy_curvature(self, xp: Namespace, weights: EntropyWeights) -> Array:
        """Return the second derivative of the entropy, (A + B) p (1 - p)."""
        return weights.times_sum(self.slope(xp))


# -A log p - B log(1 - p), its derivatives B / (1 - p) - A / p and B / (1 - p)² + A / p². A weight
# of zero gives zero.
class Probability(NamedTuple):
    """A probability that was given, with the methods of :class:`Sigmoid`."""

    given: Array

    def probability(self, xp: Namespace) -> Array:  # noqa: ARG002  as in Sigmoid
        return self.given

    def complement(self, xp: Namespace) -> Array:  # noqa: ARG002  ditto
        return 1 - self.given

    def slope(self, xp: Namespace) -> Array:
        return xp.ones_like(self.given)

    def entropy(self, xp: Namespace, weights: EntropyWeights) -> Array:
        positive = times_log(xp, weights.positive, self.given)
        return -(positive + _times_log1p(xp, weights.negative(), -self.given))

    def entropy_slope(self, xp: Namespace, weights: EntropyWeights) -> Array:
        negative = ratio_or_zero(xp, weights.negative(), 1 - self.given)
        return negative - ratio_or_zero(xp, weights.positive, self.given)

    def curvature(self, xp: Namespace) -> Array:
        return xp.zeros_like(self.given)

    def entropy_curvature(self, xp: Namespace, weights: EntropyWeights) -> Array:
        complement = 1 - self.given
        negative = ratio_or_zero(xp, weights.negative(), complement)
        positive = ratio_or_zero(xp, weights.positive, self.given)
        return ratio_or_zero(xp, negative, complement) + ratio_or_zero(xp, positive, self.given)


def _times_log1p(xp: Namespace, factor: Array, array: Array) -> Array:
    """Return a log(1 + x), which is zero where both are zero."""
    nothing = (factor == 0) & (array == -1)
    return factor * xp.log1p(xp.where(nothing, 0.0, array))


def probability_of(xp: Namespace, prediction: Array, *, from_logits: bool) -> Sigmoid | Probability:
    """Return the probability that a prediction stands for."""
    return sigmoid(xp, prediction) if from_logits else Probability(prediction)


def sigmoid(xp: Namespace, score: Array) -> Sigmoid:
    """Return the sigmoid of scores."""
    # To multiply by, since a selection is slow where it follows no pattern.
    if hasattr(xp, "is_positive"):
        above = xp.is_positive(score)
    else:
        above = xp.astype(score > 0, score.dtype)
    if is_constant(xp):
        return Sigmoid(score, above, -xp.abs(score))
    # No -abs(y): its derivative at zero is 0, and that of log(1 + exp(-|y|)) has to be 1/2.
    return Sigmoid(score, above, (1 - 2 * above) * score)
