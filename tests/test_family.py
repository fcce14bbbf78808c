"""Losses that are the same, in a special case or in another package."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import scipy.spatial.distance
import scipy.special
import sklearn.metrics
import torch
import torch.nn.functional
import torchmetrics.functional as torchmetrics

import multiloss as ml
from engines import Engine
from multiloss.__main__ import losses, peers

RNG = np.random.default_rng(0)
PREDICTION, TARGET = RNG.standard_normal((2, 40, 3))
RATE, COUNT = RNG.gamma(2.0, 2.0, (40, 3)), RNG.poisson(3.0, (40, 3)).astype(float)
POSITIVE = COUNT + 0.5
WEIGHT = RNG.random(40)

SAME: dict[str, tuple[Callable[..., Any], Callable[..., Any], float]] = {
    # one, the other, and what multiplies the other
    "barron 2 is half of mse": (partial(ml.barron, alpha=2), ml.mse, 0.5),
    "barron 1 is pseudo_huber": (partial(ml.barron, alpha=1), ml.pseudo_huber, 1.0),
    "barron 0 is cauchy": (partial(ml.barron, alpha=0, scale=2), partial(ml.cauchy, scale=2), 1.0),
    "barron -2 is geman_mcclure": (partial(ml.barron, alpha=-2), ml.geman_mcclure, 1.0),
    "barron -inf is welsch": (partial(ml.barron, alpha=-np.inf), ml.welsch, 1.0),
    "barron near 0 is cauchy": (partial(ml.barron, alpha=2.0**-50), ml.cauchy, 1.0),
    "smooth_l1 is huber over beta": (
        partial(ml.smooth_l1, beta=0.3),
        partial(ml.huber, delta=0.3),
        1 / 0.3,
    ),
    "huber of all is half of mse": (partial(ml.huber, delta=np.inf), ml.mse, 0.5),
    "pinball of the median": (ml.pinball, ml.mae, 0.5),
    "expectile of the mean": (ml.expectile, ml.mse, 0.5),
    "minkowski 2 is the norm": (ml.minkowski, partial(ml.rmse, reduction="sum"), 1.0),
    "minkowski 1 is the sum": (partial(ml.minkowski, p=1), partial(ml.mae, reduction="sum"), 1.0),
    "epsilon 0 is mae": (partial(ml.epsilon_insensitive, epsilon=0), ml.mae, 1.0),
    "tweedie 0 is mse": (ml.tweedie_deviance, ml.mse, 1.0),
    "tweedie 1 is poisson": (partial(ml.tweedie_deviance, power=1), ml.poisson_deviance, 1.0),
    "tweedie 2 is gamma": (partial(ml.tweedie_deviance, power=2), ml.gamma_deviance, 1.0),
    "tweedie near 1": (
        partial(ml.tweedie_deviance, power=1 + 2.0**-50),
        ml.poisson_deviance,
        1.0,
    ),
    "tukey of all is half of mse": (partial(ml.tukey_biweight, scale=1e9), ml.mse, 0.5),
    "gaussian_nll of variance 1": (partial(ml.gaussian_nll, variance=1), ml.mse, 0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other", "factor"), SAME.values(), ids=SAME)
def test_special_cases_coincide(engine: Engine, one: Any, other: Any, factor: float) -> None:
    operands = engine.array(RATE), engine.array(POSITIVE)
    value, gradient = ml.value_and_grad(one)(*operands)
    other_value, other_gradient = ml.value_and_grad(other)(*operands)
    rtol = 64 * engine.eps(value)
    np.testing.assert_allclose(engine.numpy(value), factor * engine.numpy(other_value), rtol=rtol)
    np.testing.assert_allclose(
        engine.numpy(gradient), factor * engine.numpy(other_gradient), rtol=rtol, atol=1e-9
    )


# Takes target and prediction as scikit-learn does.
SKLEARN: dict[str, tuple[Any, Any]] = {
    "mse": (ml.mse, sklearn.metrics.mean_squared_error),
    "rmse of each output": (
        lambda y, t, **weight: np.mean(ml.rmse(y, t, axis=0, **weight)),
        sklearn.metrics.root_mean_squared_error,
    ),
    "msle": (ml.msle, sklearn.metrics.mean_squared_log_error),
    "rmsle of each output": (
        lambda y, t, **weight: np.mean(ml.rmsle(y, t, axis=0, **weight)),
        sklearn.metrics.root_mean_squared_log_error,
    ),
    "mae": (ml.mae, sklearn.metrics.mean_absolute_error),
    "mape": (ml.mape, sklearn.metrics.mean_absolute_percentage_error),
    "pinball": (
        partial(ml.pinball, q=0.8),
        partial(sklearn.metrics.mean_pinball_loss, alpha=0.8),
    ),
    "poisson": (ml.poisson_deviance, sklearn.metrics.mean_poisson_deviance),
    "gamma": (ml.gamma_deviance, sklearn.metrics.mean_gamma_deviance),
    **{
        f"tweedie {p}": (
            partial(ml.tweedie_deviance, power=p),
            partial(sklearn.metrics.mean_tweedie_deviance, power=p),
        )
        for p in (-1.5, 0, 1, 1.5, 2, 3)
    },
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize(("ours", "theirs"), SKLEARN.values(), ids=SKLEARN)
def test_agrees_with_scikit_learn(ours: Any, theirs: Any, weighted: bool) -> None:
    # The deviances of scikit-learn take one output.
    prediction, target = RATE, POSITIVE
    if "deviance" in str(theirs):
        prediction, target = RATE[:, :1], POSITIVE[:, :1]
    mine = {"weight": WEIGHT[:, None]} if weighted else {}
    their = {"sample_weight": WEIGHT} if weighted else {}
    np.testing.assert_allclose(
        ours(prediction, target, **mine), theirs(target, prediction, **their), rtol=1e-12
    )


def _percentage(prediction: Any, target: Any) -> Any:
    return 100 * ml.mape(prediction, target, eps=1e-7)


def _shifted_poisson(prediction: Any, target: Any) -> Any:
    return ml.poisson_nll(prediction + 1e-7, target, log_input=False) - 1e-7


def _similarity(prediction: Any, target: Any) -> Any:
    return ml.cosine_distance(prediction, target).mean() - 1


TORCH: dict[str, tuple[Any, Any]] = {
    "mse": (ml.mse, torch.nn.functional.mse_loss),
    "mae": (ml.mae, torch.nn.functional.l1_loss),
    "huber": (
        partial(ml.huber, delta=0.7),
        partial(torch.nn.functional.huber_loss, delta=0.7),
    ),
    "smooth_l1": (
        partial(ml.smooth_l1, beta=0.7),
        partial(torch.nn.functional.smooth_l1_loss, beta=0.7),
    ),
    "poisson_nll": (
        partial(ml.poisson_nll, full=True),
        partial(torch.nn.functional.poisson_nll_loss, full=True),
    ),
    "poisson_nll of rates": (
        lambda y, t: ml.poisson_nll(y + 1e-8, t, log_input=False) - 1e-8,
        partial(torch.nn.functional.poisson_nll_loss, log_input=False),
    ),
    "gaussian_nll": (
        lambda y, t: ml.gaussian_nll(y, t, variance=t + 0.1, full=True),
        lambda y, t: torch.nn.functional.gaussian_nll_loss(y, t, t + 0.1, full=True),
    ),
    "cosine_distance": (
        lambda y, t: ml.cosine_distance(y, t).mean(),
        lambda y, t: 1 - torch.nn.functional.cosine_similarity(y, t, dim=-1).mean(),
    ),
    "torchmetrics mse": (ml.mse, torchmetrics.mean_squared_error),
    "torchmetrics rmse": (ml.rmse, partial(torchmetrics.mean_squared_error, squared=False)),
    "torchmetrics mae": (ml.mae, torchmetrics.mean_absolute_error),
    "torchmetrics msle": (ml.msle, torchmetrics.mean_squared_log_error),
    "torchmetrics mape": (
        partial(ml.mape, eps=1.17e-6),
        torchmetrics.mean_absolute_percentage_error,
    ),
    "torchmetrics smape": (
        partial(ml.smape, eps=1.17e-6),
        torchmetrics.symmetric_mean_absolute_percentage_error,
    ),
    "torchmetrics wmape": (ml.wmape, torchmetrics.weighted_mean_absolute_percentage_error),
    "torchmetrics log_cosh": (
        lambda y, t: ml.log_cosh(y, t, axis=0),
        torchmetrics.log_cosh_error,
    ),
    "torchmetrics minkowski": (
        partial(ml.minkowski, p=2.5),
        partial(torchmetrics.minkowski_distance, p=2.5),
    ),
    **{
        f"torchmetrics tweedie {p}": (
            partial(ml.tweedie_deviance, power=p),
            partial(torchmetrics.tweedie_deviance_score, power=p),
        )
        for p in (0.0, 1.0, 1.5, 2.0, 3.0)
    },
}


@pytest.mark.parametrize(("ours", "theirs"), TORCH.values(), ids=TORCH)
def test_agrees_with_pytorch_and_torchmetrics(ours: Any, theirs: Any) -> None:
    ours_at = torch.tensor(RATE, requires_grad=True)
    theirs_at = torch.tensor(RATE, requires_grad=True)
    target = torch.tensor(POSITIVE)
    value, reference = ours(ours_at, target), theirs(theirs_at, target)
    torch.testing.assert_close(value, reference, rtol=1e-11, atol=1e-11)
    value.sum().backward()
    reference.sum().backward()
    torch.testing.assert_close(ours_at.grad, theirs_at.grad, rtol=1e-9, atol=1e-11)


KERAS: dict[str, tuple[Any, Any]] = {
    "mse": (ml.mse, keras.losses.mean_squared_error),
    "mae": (ml.mae, keras.losses.mean_absolute_error),
    "mape": (_percentage, keras.losses.mean_absolute_percentage_error),
    "msle": (ml.msle, keras.losses.mean_squared_logarithmic_error),
    "huber": (ml.huber, keras.losses.huber),
    "log_cosh": (ml.log_cosh, keras.losses.log_cosh),
    "poisson": (_shifted_poisson, keras.losses.poisson),
    "cosine": (_similarity, keras.losses.cosine_similarity),
}


@pytest.mark.parametrize(("ours", "theirs"), KERAS.values(), ids=KERAS)
def test_agrees_with_keras(ours: Any, theirs: Any) -> None:
    # Keras computes some of them in its default precision, whatever it is given.
    prediction, target = torch.tensor(RATE).float(), torch.tensor(POSITIVE).float()
    reference = theirs(target, prediction).mean()
    torch.testing.assert_close(ours(prediction, target), reference, rtol=1e-5, atol=1e-6)


OTHERS: dict[str, tuple[Any, Any]] = {
    "optax squared_error": (ml.mse, lambda y, t: optax.squared_error(y, t).mean()),
    "optax l2_loss": (ml.sse, lambda y, t: optax.l2_loss(y, t).sum()),
    "optax huber": (
        partial(ml.huber, delta=0.7),
        lambda y, t: optax.huber_loss(y, t, delta=0.7).mean(),
    ),
    "optax log_cosh": (ml.log_cosh, lambda y, t: optax.log_cosh(y, t).mean()),
    "optax cosine_distance": (ml.cosine_distance, optax.cosine_distance),
    "scipy pseudo_huber": (
        partial(ml.pseudo_huber, delta=0.7),
        lambda y, t: np.mean(scipy.special.pseudo_huber(0.7, y - t)),
    ),
    "scipy minkowski": (
        lambda y, t: ml.minkowski(y, t, p=3, weight=t),
        lambda y, t: scipy.spatial.distance.minkowski(y.ravel(), t.ravel(), 3, w=t.ravel()),
    ),
    "scipy cosine": (
        lambda y, t: ml.cosine_distance(y, t, axis=None, weight=t),
        lambda y, t: scipy.spatial.distance.cosine(y.ravel(), t.ravel(), w=t.ravel()),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), OTHERS.values(), ids=OTHERS)
def test_agrees_with_optax_and_scipy(ours: Any, theirs: Any) -> None:
    single = jnp.asarray(RATE), jnp.asarray(POSITIVE)
    reference = theirs(*single)
    np.testing.assert_allclose(ours(RATE, POSITIVE), reference, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours(*single), reference, rtol=1e-5, atol=1e-6)


# The peers that the docstrings say are the same, and the row that compares with each.
COMPARED: dict[str, tuple[Any, Any]] = {
    "keras.losses.huber": KERAS["huber"],
    "keras.losses.log_cosh": KERAS["log_cosh"],
    "keras.losses.mean_absolute_error": KERAS["mae"],
    "keras.losses.mean_squared_error": KERAS["mse"],
    "keras.losses.mean_squared_logarithmic_error": KERAS["msle"],
    "optax.cosine_distance": OTHERS["optax cosine_distance"],
    "optax.huber_loss": OTHERS["optax huber"],
    "optax.l2_loss": OTHERS["optax l2_loss"],
    "optax.log_cosh": OTHERS["optax log_cosh"],
    "optax.squared_error": OTHERS["optax squared_error"],
    "scipy.spatial.distance.cosine": OTHERS["scipy cosine"],
    "scipy.spatial.distance.minkowski": OTHERS["scipy minkowski"],
    "scipy.special.pseudo_huber": OTHERS["scipy pseudo_huber"],
    "sklearn.metrics.mean_absolute_error": SKLEARN["mae"],
    "sklearn.metrics.mean_absolute_percentage_error": SKLEARN["mape"],
    "sklearn.metrics.mean_gamma_deviance": SKLEARN["gamma"],
    "sklearn.metrics.mean_pinball_loss": SKLEARN["pinball"],
    "sklearn.metrics.mean_poisson_deviance": SKLEARN["poisson"],
    "sklearn.metrics.mean_squared_error": SKLEARN["mse"],
    "sklearn.metrics.mean_squared_log_error": SKLEARN["msle"],
    "sklearn.metrics.mean_tweedie_deviance": SKLEARN["tweedie 1.5"],
    "sklearn.metrics.root_mean_squared_error": SKLEARN["rmse of each output"],
    "sklearn.metrics.root_mean_squared_log_error": SKLEARN["rmsle of each output"],
    "torch.nn.functional.gaussian_nll_loss": TORCH["gaussian_nll"],
    "torch.nn.functional.huber_loss": TORCH["huber"],
    "torch.nn.functional.l1_loss": TORCH["mae"],
    "torch.nn.functional.mse_loss": TORCH["mse"],
    "torch.nn.functional.poisson_nll_loss": TORCH["poisson_nll"],
    "torch.nn.functional.smooth_l1_loss": TORCH["smooth_l1"],
    "torchmetrics.functional.log_cosh_error": TORCH["torchmetrics log_cosh"],
    "torchmetrics.functional.mean_absolute_error": TORCH["torchmetrics mae"],
    "torchmetrics.functional.mean_absolute_percentage_error": TORCH["torchmetrics mape"],
    "torchmetrics.functional.mean_squared_error": TORCH["torchmetrics mse"],
    "torchmetrics.functional.mean_squared_error(squared=False)": TORCH["torchmetrics rmse"],
    "torchmetrics.functional.mean_squared_log_error": TORCH["torchmetrics msle"],
    "torchmetrics.functional.minkowski_distance": TORCH["torchmetrics minkowski"],
    "torchmetrics.functional.symmetric_mean_absolute_percentage_error": TORCH["torchmetrics smape"],
    "torchmetrics.functional.tweedie_deviance_score": TORCH["torchmetrics tweedie 1.5"],
    "torchmetrics.functional.tweedie_deviance_score(power=1)": TORCH["torchmetrics tweedie 1.0"],
    "torchmetrics.functional.tweedie_deviance_score(power=2)": TORCH["torchmetrics tweedie 2.0"],
    "torchmetrics.functional.weighted_mean_absolute_percentage_error": TORCH["torchmetrics wmape"],
}
# Known from their documentation: they are not installed here.
NOT_INSTALLED = ("kornia.", "robust_loss_jax.", "robust_loss_pytorch.", "statsmodels.")


def test_every_peer_that_a_docstring_names_is_compared() -> None:
    named = {peer for loss in losses().values() for peer in peers(loss)}
    assert {peer for peer in named if not peer.startswith(NOT_INSTALLED)} == set(COMPARED)


def test_every_loss_is_compared_with_another() -> None:
    special = {getattr(each, "func", each).__name__ for *pair, _ in SAME.values() for each in pair}
    compared = {name for name, loss in losses().items() if set(peers(loss)) & set(COMPARED)}
    assert special | compared == set(losses())
