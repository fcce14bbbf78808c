"""The table of the losses of classification that drives their laws.

The definition is that of a textbook, of one item: an element, or a vector of classes. mpmath
evaluates it and its partial derivatives in fifty digits.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

import multiloss as ml
from losses import mp

Vector = Sequence[Any]


class Row(NamedTuple):
    """A loss, and its definition again in multiple precision."""

    function: Any
    value: Callable[[Vector, Vector], Any]  # of the scores and the target of one item
    targets: str = "distributions"  # what they are: or labels, shares, signs, or bits
    from_logits: bool = True
    divisor: Callable[[Vector], Any] = lambda _: 1  # what an item counts in a mean

    @property
    def has_class_weight(self) -> bool:
        return "class_weight" in getattr(self.function, "keywords", {})

    @property
    def is_vector(self) -> bool:
        return self.targets in {"distributions", "labels"}

    def operands(self) -> tuple[Any, Any]:
        """Return a prediction and a target, exact in single precision."""
        if self.is_vector:
            prediction = SCORES if self.from_logits else PROBABILITIES
            return prediction, LABELS if self.targets == "labels" else DISTRIBUTIONS
        prediction = SCORES if self.from_logits else SHARES
        return prediction, {"shares": SHARES_THERE, "signs": SIGNS, "bits": BITS}[self.targets]

    def items(self) -> list[tuple[Vector, Vector]]:
        """Return the scores and the target of each item; a label as the distribution that it is."""
        prediction, target = self.operands()
        if not self.is_vector:
            pairs = zip(prediction.ravel(), target.ravel(), strict=True)
            return [([mp.mpf(float(y))], [mp.mpf(float(t))]) for y, t in pairs]
        if self.targets == "labels":
            target = np.eye(3)[target]
        return [
            ([mp.mpf(float(y)) for y in row], [mp.mpf(float(t)) for t in shares])
            for row, shares in zip(prediction, target, strict=True)
        ]


SCORES = np.array([[0.5, -1.25, 3.0], [2.0, 0.25, -0.75], [1.5, 4.0, -2.0], [-0.5, 1.0, 8.0]])
LABELS = np.array([0, 2, 1, 1])
DISTRIBUTIONS = np.array(
    [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [0.125, 0.75, 0.125], [0.0, 0.5, 0.5]]
)
PROBABILITIES = np.array(
    [[0.25, 0.25, 0.5], [0.5, 0.375, 0.125], [0.125, 0.75, 0.125], [0.0625, 0.4375, 0.5]]
)
SHARES = np.array([[0.25, 0.5, 0.75], [0.125, 0.5, 0.875], [0.5, 0.0625, 0.25], [0.75, 0.5, 0.5]])
SHARES_THERE = np.array([[0, 0.5, 1], [1, 0.25, 0], [0.75, 0, 0], [1, 1, 0.125]])
BITS = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0], [1, 1, 0]])
SIGNS = 2.0 * BITS - 1
CLASS_WEIGHT = [1.0, 2.0, 0.5]


def softmax(y: Vector) -> Vector:
    exponentials = [mp.exp(each) for each in y]
    return [each / sum(exponentials) for each in exponentials]


def itself(y: Vector) -> Vector:
    return y


def sigmoid(y: Vector) -> Vector:
    """Return the probabilities of the classes 1 and 0."""
    return softmax([y[0], mp.mpf(0)])


def share(y: Vector) -> Vector:
    return [y[0], 1 - y[0]]


def smoothed(t: Vector, smoothing: float) -> Vector:
    return [(1 - mp.mpf(smoothing)) * each + mp.mpf(smoothing) / len(t) for each in t]


def cross_entropy(
    y: Vector,
    t: Vector,
    *,
    of: Any = softmax,
    weight: Vector = (1, 1, 1),
    smoothing: float = 0.0,
    gamma: float = 0.0,
) -> Any:
    p, t = of(y), smoothed(t, smoothing)
    complement = 1 - sum(each * q for each, q in zip(t, p, strict=True))
    entropy = sum(
        -w * each * mp.log(q) for w, each, q in zip(weight, t, p, strict=False) if each * w
    )
    return complement**gamma * entropy if gamma else entropy


def kl_divergence(y: Vector, t: Vector, *, of: Any = softmax) -> Any:
    return sum(each * mp.log(each / q) for each, q in zip(t, of(y), strict=True) if each)


def jensen_shannon(y: Vector, t: Vector, *, of: Any = softmax) -> Any:
    p = of(y)
    middle = [(a + b) / 2 for a, b in zip(p, t, strict=True)]
    halves = (kl_divergence(middle, each, of=itself) for each in (p, t))
    return sum(halves) / 2


def brier(y: Vector, t: Vector, *, of: Any = softmax) -> Any:
    return sum((a - b) ** 2 for a, b in zip(of(y), t, strict=True))


def multiclass_hinge(y: Vector, t: Vector) -> Any:
    right = list(t).index(1)
    return max(0, 1 + max(each for c, each in enumerate(y) if c != right) - y[right])


def binary(y: Vector, t: Vector, *, of: Any = sigmoid, **options: Any) -> Any:
    return cross_entropy(y, [t[0], 1 - t[0]], of=of, **options)


def modified_huber(y: Vector, t: Vector) -> Any:
    z = t[0] * y[0]
    return max(0, 1 - z) ** 2 if z >= -1 else -4 * z


def weight_of(t: Vector) -> Any:
    return sum(w * each for w, each in zip(CLASS_WEIGHT, t, strict=True))


probabilities = partial(Row, from_logits=False)
WEIGHTED: dict[str, Any] = {"class_weight": CLASS_WEIGHT, "label_smoothing": 0.25}
weighted_entropy = partial(cross_entropy, weight=CLASS_WEIGHT, smoothing=0.25)

LOSSES: dict[str, Row] = {
    "cross_entropy": Row(ml.cross_entropy, cross_entropy),
    "cross_entropy-labels": Row(ml.cross_entropy, cross_entropy, "labels"),
    "cross_entropy-weighted": Row(
        partial(ml.cross_entropy, **WEIGHTED), weighted_entropy, divisor=weight_of
    ),
    "cross_entropy-weighted-labels": Row(
        partial(ml.cross_entropy, **WEIGHTED), weighted_entropy, "labels", divisor=weight_of
    ),
    "cross_entropy-class_weight-labels": Row(
        partial(ml.cross_entropy, class_weight=CLASS_WEIGHT),
        partial(cross_entropy, weight=CLASS_WEIGHT),
        "labels",
        divisor=weight_of,
    ),
    "cross_entropy-probabilities": probabilities(
        partial(ml.cross_entropy, from_logits=False), partial(cross_entropy, of=itself)
    ),
    "cross_entropy-probabilities-labels": probabilities(
        partial(ml.cross_entropy, from_logits=False, class_weight=CLASS_WEIGHT),
        partial(cross_entropy, of=itself, weight=CLASS_WEIGHT),
        "labels",
        divisor=weight_of,
    ),
    "focal": Row(ml.focal, partial(cross_entropy, gamma=2.0)),
    "focal-labels": Row(
        partial(ml.focal, gamma=0.5, **WEIGHTED),
        partial(weighted_entropy, gamma=0.5),
        "labels",
        divisor=weight_of,
    ),
    "focal-probabilities": probabilities(
        partial(ml.focal, from_logits=False), partial(cross_entropy, of=itself, gamma=2.0)
    ),
    "kl_divergence": Row(ml.kl_divergence, kl_divergence),
    "kl_divergence-labels": Row(ml.kl_divergence, kl_divergence, "labels"),
    "kl_divergence-probabilities": probabilities(
        partial(ml.kl_divergence, from_logits=False), partial(kl_divergence, of=itself)
    ),
    "jensen_shannon": Row(ml.jensen_shannon, jensen_shannon),
    "jensen_shannon-labels": Row(ml.jensen_shannon, jensen_shannon, "labels"),
    "jensen_shannon-probabilities": probabilities(
        partial(ml.jensen_shannon, from_logits=False), partial(jensen_shannon, of=itself)
    ),
    "brier": Row(ml.brier, brier),
    "brier-labels": Row(ml.brier, brier, "labels"),
    "brier-probabilities": probabilities(
        partial(ml.brier, from_logits=False), partial(brier, of=itself)
    ),
    "multiclass_hinge": Row(ml.multiclass_hinge, multiclass_hinge, "labels"),
    "binary_cross_entropy": Row(ml.binary_cross_entropy, binary, "shares"),
    "binary_cross_entropy-bits": Row(ml.binary_cross_entropy, binary, "bits"),
    "binary_cross_entropy-weighted": Row(
        partial(ml.binary_cross_entropy, positive_weight=3.0, label_smoothing=0.25),
        partial(binary, weight=(3, 1), smoothing=0.25),
        "shares",
    ),
    "binary_cross_entropy-probabilities": probabilities(
        partial(ml.binary_cross_entropy, from_logits=False), partial(binary, of=share), "shares"
    ),
    "binary_focal": Row(ml.binary_focal, partial(binary, gamma=2.0), "shares"),
    "binary_focal-weighted": Row(
        partial(ml.binary_focal, alpha=0.25, gamma=0.5, label_smoothing=0.25),
        partial(binary, weight=(0.25, 0.75), gamma=0.5, smoothing=0.25),
        "shares",
    ),
    "binary_focal-probabilities": probabilities(
        partial(ml.binary_focal, from_logits=False), partial(binary, of=share, gamma=2.0), "bits"
    ),
    "hinge": Row(
        partial(ml.hinge, margin=0.625), lambda y, t: max(0, mp.mpf(0.625) - t[0] * y[0]), "signs"
    ),
    "squared_hinge": Row(ml.squared_hinge, lambda y, t: max(0, 1 - t[0] * y[0]) ** 2, "signs"),
    "modified_huber": Row(ml.modified_huber, modified_huber, "signs"),
    "logistic": Row(ml.logistic, lambda y, t: mp.log(1 + mp.exp(-t[0] * y[0])), "signs"),
}
VECTORS = {name: row for name, row in LOSSES.items() if row.is_vector}


@cache
def items(name: str) -> tuple[Any, Any, Any]:
    """Return the losses of the items, their gradients, and what each counts in a mean."""
    row = LOSSES[name]
    prediction, _ = row.operands()
    values, slopes, counts = [], [], []
    for y, t in row.items():
        values.append(float(row.value(y, t)))
        slopes.append([float(partial_derivative(row.value, y, t, c)) for c in range(len(y))])
        counts.append(float(row.divisor(t)))
    shape = prediction.shape[:-1] if row.is_vector else prediction.shape
    return (
        np.reshape(values, shape),
        np.reshape(slopes, prediction.shape),
        np.reshape(counts, shape),
    )


def partial_derivative(value: Callable[..., Any], y: Vector, t: Vector, c: int) -> Any:
    """Return the derivative of an item with respect to the score of a class."""

    def along(each: Any) -> Any:
        return value([*y[:c], each, *y[c + 1 :]], t)

    return mp.chop(mp.diff(along, y[c]), 1e-30)


def expected(
    name: str, weight: Any = 1.0, axis: Any = None, reduction: str = "mean"
) -> tuple[Any, Any]:
    """Return the loss and its gradient by the definition, from its items."""
    values, slopes, counts = items(name)
    weight = weight * np.ones(values.shape)
    if reduction == "none":
        axis = ()
    is_mean = reduction == "mean"
    total = np.sum(weight * counts, axis=axis, keepdims=True) if is_mean else np.ones(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.sum(weight * values, axis=axis, keepdims=True) / total
        factor = weight / total
    gradient = (factor[..., None] if LOSSES[name].is_vector else factor) * slopes
    return np.squeeze(value, axis=axis) if reduction != "none" else value, gradient


# A custom loss of vectors: (1 - p^q) / q for the label, the generalized cross-entropy.
def log_softmax(xp: Any, scores: Any) -> Any:
    shifted = scores - xp.max(scores, axis=-1, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


def one_hot(xp: Any, scores: Any, labels: Any) -> Any:
    classes = xp.arange(scores.shape[-1], device=getattr(scores, "device", None))
    return xp.astype(classes == labels[..., None], scores.dtype)


def generalized_value(xp: Any, prediction: Any, target: Any, q: Any = 0.7) -> Any:
    logarithms = log_softmax(xp, prediction)
    right = xp.sum(logarithms * one_hot(xp, prediction, target), axis=-1)
    return -xp.expm1(q * right) / q


def generalized_slope(xp: Any, prediction: Any, target: Any, q: Any = 0.7) -> Any:
    logarithms, is_right = log_softmax(xp, prediction), one_hot(xp, prediction, target)
    right = xp.sum(logarithms * is_right, axis=-1, keepdims=True)
    return xp.exp(q * right) * (xp.exp(logarithms) - is_right)


generalized = ml.make_loss(
    generalized_value, generalized_slope, bounds={"q": "(0, 1]"}, vector=True
)
