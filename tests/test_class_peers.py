"""What other packages compute for the losses of classification, each as it is called."""

import os
from functools import partial
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import scipy.spatial.distance
import sklearn.metrics
import torch
from torch import Tensor
from torch.nn import functional

import multiloss as ml

NEEDS = "peers"

RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((40, 5)) * 2
LABELS = RNG.integers(0, 5, 40)
DISTRIBUTIONS = RNG.dirichlet(np.ones(5), 40)
PROBABILITIES = RNG.dirichlet(np.ones(5), 40)
CLASS_WEIGHT = RNG.random(5) + 0.5
WEIGHT = RNG.random(40)
SHARES = RNG.random((40, 5))
BITS = RNG.integers(0, 2, (40, 5))
SIGNS = 2.0 * BITS - 1
IGNORED = np.where(RNG.random(40) < 0.3, -100, LABELS)


def softmax(logits: Any) -> Any:
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


# Each takes a prediction and a target in double precision, value and gradient.
PYTORCH: dict[str, tuple[Any, Any, Any, Any]] = {
    "cross_entropy of labels": (ml.cross_entropy, functional.cross_entropy, LOGITS, LABELS),
    "class weights, smoothing, ignored labels": (
        lambda y, t: ml.cross_entropy(
            y, t, where=t != -100, class_weight=CLASS_WEIGHT, label_smoothing=0.2
        ),
        partial(functional.cross_entropy, weight=torch.tensor(CLASS_WEIGHT), label_smoothing=0.2),
        LOGITS,
        IGNORED,
    ),
    "cross_entropy of distributions": (
        partial(ml.cross_entropy, label_smoothing=0.2),
        partial(functional.cross_entropy, label_smoothing=0.2),
        LOGITS,
        DISTRIBUTIONS,
    ),
    "sum": (
        partial(ml.cross_entropy, reduction="sum", class_weight=CLASS_WEIGHT),
        partial(functional.cross_entropy, reduction="sum", weight=torch.tensor(CLASS_WEIGHT)),
        LOGITS,
        LABELS,
    ),
    "images": (
        partial(ml.cross_entropy, class_axis=1),
        functional.cross_entropy,
        LOGITS.reshape(4, 5, 5, 2),
        LABELS.reshape(4, 5, 2),
    ),
    "binary_cross_entropy_with_logits": (
        ml.binary_cross_entropy,
        functional.binary_cross_entropy_with_logits,
        LOGITS,
        SHARES,
    ),
    "pos_weight": (
        lambda y, t: ml.binary_cross_entropy(y, t, positive_weight=CLASS_WEIGHT[None, :]),
        partial(functional.binary_cross_entropy_with_logits, pos_weight=torch.tensor(CLASS_WEIGHT)),
        LOGITS,
        SHARES,
    ),
    "binary_cross_entropy": (
        partial(ml.binary_cross_entropy, from_logits=False),
        functional.binary_cross_entropy,
        PROBABILITIES,
        SHARES,
    ),
    "kl_div": (
        ml.kl_divergence,
        lambda y, t: functional.kl_div(y.log_softmax(-1), t, reduction="batchmean"),
        LOGITS,
        DISTRIBUTIONS,
    ),
    "soft_margin_loss": (ml.logistic, functional.soft_margin_loss, LOGITS, SIGNS),
}


@pytest.mark.parametrize(("ours", "theirs", "prediction", "target"), PYTORCH.values(), ids=PYTORCH)
def test_pytorch(ours: Any, theirs: Any, prediction: Any, target: Any) -> None:
    ours_at, theirs_at = (torch.tensor(prediction, requires_grad=True) for _ in range(2))
    value, reference = ours(ours_at, torch.tensor(target)), theirs(theirs_at, torch.tensor(target))
    torch.testing.assert_close(value, reference, rtol=1e-12, atol=1e-12)
    value.backward()
    reference.backward()
    torch.testing.assert_close(ours_at.grad, theirs_at.grad, rtol=1e-9, atol=1e-12)


OPTAX: dict[str, tuple[Any, Any, Any, Any]] = {
    "softmax_cross_entropy_with_integer_labels": (
        ml.cross_entropy,
        optax.softmax_cross_entropy_with_integer_labels,
        LOGITS,
        LABELS,
    ),
    "softmax_cross_entropy": (
        ml.cross_entropy,
        optax.softmax_cross_entropy,
        LOGITS,
        DISTRIBUTIONS,
    ),
    "sigmoid_binary_cross_entropy": (
        ml.binary_cross_entropy,
        optax.sigmoid_binary_cross_entropy,
        LOGITS,
        SHARES,
    ),
    "sigmoid_focal_loss": (
        partial(ml.binary_focal, alpha=0.3, gamma=1.5),
        partial(optax.sigmoid_focal_loss, alpha=0.3, gamma=1.5),
        LOGITS,
        BITS.astype(float),
    ),
    "hinge_loss": (ml.hinge, optax.hinge_loss, LOGITS, SIGNS),
    "kl_divergence": (
        ml.kl_divergence,
        lambda y, t: optax.kl_divergence(jax.nn.log_softmax(y), t),
        LOGITS,
        DISTRIBUTIONS,
    ),
}


@pytest.mark.parametrize(("ours", "theirs", "prediction", "target"), OPTAX.values(), ids=OPTAX)
def test_optax(ours: Any, theirs: Any, prediction: Any, target: Any) -> None:
    operands = jnp.asarray(prediction), jnp.asarray(target)
    np.testing.assert_allclose(ours(*operands), theirs(*operands).mean(), rtol=2e-5)


# Keras takes the truth first, and clips its probabilities.
KERAS: dict[str, tuple[Any, Any, Any, Any]] = {
    "binary_crossentropy": (
        partial(ml.binary_cross_entropy, label_smoothing=0.2),
        partial(keras.losses.binary_crossentropy, from_logits=True, label_smoothing=0.2),
        LOGITS,
        SHARES,
    ),
    "binary_focal_crossentropy": (
        partial(ml.binary_focal, gamma=1.5),
        partial(keras.losses.binary_focal_crossentropy, gamma=1.5, from_logits=True),
        LOGITS,
        BITS,
    ),
    "categorical_focal_crossentropy": (
        partial(ml.focal, from_logits=False),
        partial(keras.losses.categorical_focal_crossentropy, alpha=1.0),
        PROBABILITIES,
        np.eye(5)[LABELS],
    ),
    "hinge": (ml.hinge, keras.losses.hinge, LOGITS, SIGNS),
    "squared_hinge": (ml.squared_hinge, keras.losses.squared_hinge, LOGITS, SIGNS),
    "tversky": (
        partial(ml.tversky, alpha=0.3, beta=0.8, from_logits=False),
        partial(keras.losses.tversky, alpha=0.8, beta=0.3),
        PROBABILITIES,
        BITS,
    ),
    "dice": (partial(ml.dice, from_logits=False), keras.losses.dice, PROBABILITIES, BITS),
}


@pytest.mark.parametrize(("ours", "theirs", "prediction", "target"), KERAS.values(), ids=KERAS)
def test_keras(ours: Any, theirs: Any, prediction: Any, target: Any) -> None:
    operands = torch.tensor(prediction).float(), torch.tensor(target).float()
    reference: Tensor = theirs(*operands[::-1]).mean()
    torch.testing.assert_close(ours(*operands), reference, rtol=1e-5, atol=1e-6)


def test_scikit_learn() -> None:
    weighted = {"sample_weight": WEIGHT}
    entropy = ml.cross_entropy(PROBABILITIES, LABELS, from_logits=False, weight=WEIGHT)
    np.testing.assert_allclose(
        entropy, sklearn.metrics.log_loss(LABELS, PROBABILITIES, labels=range(5), **weighted)
    )
    np.testing.assert_allclose(
        ml.cross_entropy(LOGITS, LABELS), sklearn.metrics.log_loss(LABELS, softmax(LOGITS))
    )
    np.testing.assert_allclose(
        ml.hinge(LOGITS[:, 0], SIGNS[:, 0], weight=WEIGHT),
        sklearn.metrics.hinge_loss(SIGNS[:, 0], LOGITS[:, 0], **weighted),
    )
    np.testing.assert_allclose(
        ml.multiclass_hinge(LOGITS, LABELS, weight=WEIGHT),
        sklearn.metrics.hinge_loss(LABELS, LOGITS, labels=range(5), **weighted),
    )
    two = np.stack([1 - SHARES[:, 0], SHARES[:, 0]], -1)
    np.testing.assert_allclose(
        ml.brier(two, BITS[:, 0], from_logits=False, weight=WEIGHT) / 2,
        sklearn.metrics.brier_score_loss(BITS[:, 0], SHARES[:, 0], **weighted),
    )


def test_scipy() -> None:
    distances = scipy.spatial.distance.jensenshannon(PROBABILITIES, DISTRIBUTIONS, axis=1)
    value = ml.jensen_shannon(PROBABILITIES, DISTRIBUTIONS, from_logits=False, reduction="none")
    np.testing.assert_allclose(value, distances**2, rtol=1e-9)
