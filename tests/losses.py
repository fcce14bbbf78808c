"""The table of losses that drives the laws.

A new loss needs a row in three of four tables: what it is (LOSSES), what its parameters may be
(PARAMETERS), and what it is equal to, in a special case (SPECIAL_CASES) or in another package
(PEERS). Tests fail without.

The definition is that of a textbook, of one element, which mpmath evaluates and differentiates in
fifty digits.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, cast

import mpmath
import numpy as np
import pytest

import multiloss as ml

mp = mpmath.mp.clone()
mp.dps = 50


class Row(NamedTuple):
    """A loss, and its definition again in multiple precision."""

    function: Any
    value: Callable[[Any, Any], Any]  # of one element
    reduction: str = "mean"  # of the function without options
    scale: float = 1.0
    exponent: float = 1.0  # of a norm, whose power is the value
    domain: str = "real"  # of prediction and target; or "positive"
    kinks: tuple[float, ...] = ()  # the residuals where the derivative is 0 by convention
    is_smooth_when_perfect: bool = True  # has a second derivative there
    best: Callable[[Any], Any] | None = None  # of a target, for a loss that is not 0 there
    ulps: int = 8

    def best_prediction(self, target: Any) -> Any:
        """Return the predictions of least loss."""
        if self.best is None:
            return target
        return np.reshape([float(self.best(t)) for t in target.ravel().tolist()], target.shape)

    def operands(self) -> tuple[Any, Any]:
        """Return a prediction and a target in the domain, exact in single precision."""
        if self.domain == "positive":
            return np.abs(PREDICTION) + 0.125, np.abs(TARGET) + 0.125
        return PREDICTION, TARGET

    def slope(self, prediction: Any, target: Any, order: int = 1) -> Any:
        """Return the derivative of an element, by the difference quotient."""
        if prediction - target in self.kinks:
            return mp.mpf(0)
        # Without the rounding of the quotient, where the derivative is zero.
        return mp.chop(mp.diff(lambda y: self.value(y, target), prediction, order), 1e-30)


# Perfect predictions, all signs, small and large residuals.
PREDICTION = np.array([[0.5, -1.25, 3.0], [2.0, 0.0, -0.75], [1.5, 4.0, -2.0], [0.25, 1.0, 8.0]])
TARGET = np.array([[1.0, -1.0, 2.5], [2.0, -3.0, 0.75], [-1.5, 4.5, 0.0], [0.125, 1.0, -8.0]])


def _huber(y: Any, t: Any, delta: float) -> Any:
    r = abs(y - t)
    return r**2 / 2 if r <= delta else delta * (r - mp.mpf(delta) / 2)


def _barron(y: Any, t: Any, alpha: float, scale: float) -> Any:
    z = (y - t) / scale
    b = mp.mpf(abs(alpha - 2))
    return b / alpha * ((z**2 / b + 1) ** (mp.mpf(alpha) / 2) - 1)


def _tukey(y: Any, t: Any, scale: float) -> Any:
    z = min(abs(y - t) / scale, 1)
    return mp.mpf(scale) ** 2 / 6 * (1 - (1 - z**2) ** 3)


def tweedie(y: Any, t: Any, p: float) -> Any:
    a, b = 1 - mp.mpf(p), 2 - mp.mpf(p)
    return 2 * (t**b / (a * b) - t * y**a / a + y**b / b)


def _stirling(t: Any) -> Any:
    return t * mp.log(t) - t + mp.log(2 * mp.pi * t) / 2 if t > 1 else mp.mpf(0)


def _log_error(y: Any, t: Any) -> Any:
    return mp.log(1 + y) - mp.log(1 + t)


positive = partial(Row, domain="positive")
kinked = partial(Row, kinks=(0.0,), is_smooth_when_perfect=False)

LOSSES: dict[str, Row] = {
    "mse": Row(ml.mse, lambda y, t: (y - t) ** 2),
    "sse": Row(ml.sse, lambda y, t: (y - t) ** 2, reduction="sum", scale=0.5),
    "rmse": Row(ml.rmse, lambda y, t: (y - t) ** 2, exponent=2.0),
    "msle": positive(ml.msle, lambda y, t: _log_error(y, t) ** 2),
    "rmsle": positive(ml.rmsle, lambda y, t: _log_error(y, t) ** 2, exponent=2.0),
    "expectile": Row(
        partial(ml.expectile, q=0.25),
        lambda y, t: (y - t) ** 2 * (0.75 if y > t else 0.25),
        is_smooth_when_perfect=False,
    ),
    "mae": kinked(ml.mae, lambda y, t: abs(y - t)),
    "mape": kinked(ml.mape, lambda y, t: abs(y - t) / t, domain="positive"),
    "smape": kinked(ml.smape, lambda y, t: 2 * abs(y - t) / (abs(y) + abs(t))),
    "minkowski": Row(
        partial(ml.minkowski, p=3.0), lambda y, t: abs(y - t) ** 3, reduction="sum", exponent=3.0
    ),
    "minkowski-1": kinked(partial(ml.minkowski, p=1), lambda y, t: abs(y - t), reduction="sum"),
    "epsilon_insensitive": Row(
        partial(ml.epsilon_insensitive, epsilon=0.25),
        lambda y, t: max(abs(y - t) - 0.25, 0),
        kinks=(-0.25, 0.25),
    ),
    "pinball": kinked(
        partial(ml.pinball, q=0.25), lambda y, t: max(0.25 * (t - y), 0.75 * (y - t))
    ),
    "huber": Row(partial(ml.huber, delta=0.75), partial(_huber, delta=0.75)),
    "smooth_l1": Row(
        partial(ml.smooth_l1, beta=0.75), lambda y, t: _huber(y, t, 0.75) / mp.mpf(0.75)
    ),
    "quantile_huber": Row(
        partial(ml.quantile_huber, q=0.25, delta=0.75),
        lambda y, t: (0.75 if y > t else 0.25) * _huber(y, t, 0.75) / mp.mpf(0.75),
        is_smooth_when_perfect=False,
    ),
    "pseudo_huber": Row(
        partial(ml.pseudo_huber, delta=0.75),
        lambda y, t: mp.mpf(0.75) ** 2 * (mp.sqrt(1 + ((y - t) / 0.75) ** 2) - 1),
    ),
    "log_cosh": Row(ml.log_cosh, lambda y, t: mp.log(mp.cosh(y - t))),
    "cauchy": Row(partial(ml.cauchy, scale=1.5), lambda y, t: mp.log(1 + ((y - t) / 1.5) ** 2 / 2)),
    "geman_mcclure": Row(
        partial(ml.geman_mcclure, scale=1.5),
        lambda y, t: 2 * ((y - t) / 1.5) ** 2 / (((y - t) / 1.5) ** 2 + 4),
    ),
    "welsch": Row(
        partial(ml.welsch, scale=1.5),
        lambda y, t: 1 - mp.exp(-(((y - t) / 1.5) ** 2) / 2),
        ulps=128,  # exp(-57) passes on 57 times the rounding of its argument
    ),
    "tukey_biweight": Row(
        partial(ml.tukey_biweight, scale=2.25), partial(_tukey, scale=2.25), ulps=32
    ),
    "barron-1.5": Row(
        partial(ml.barron, alpha=1.5, scale=1.5), partial(_barron, alpha=1.5, scale=1.5), ulps=32
    ),
    "barron-3": Row(
        partial(ml.barron, alpha=3.0, scale=1.5), partial(_barron, alpha=3.0, scale=1.5), ulps=32
    ),
    "barron--0.001": Row(
        partial(ml.barron, alpha=-0.001, scale=1.5),
        partial(_barron, alpha=-0.001, scale=1.5),
        ulps=32,
    ),
    "poisson_nll": positive(ml.poisson_nll, lambda y, t: mp.exp(y) - t * y, best=mp.log, ulps=16),
    "poisson_nll-full": positive(
        partial(ml.poisson_nll, full=True),
        lambda y, t: mp.exp(y) - t * y + _stirling(t),
        best=mp.log,
        ulps=16,
    ),
    "poisson_nll-rate": positive(
        partial(ml.poisson_nll, log_input=False),
        lambda y, t: y - t * mp.log(y),
        best=lambda t: t,
        ulps=16,
    ),
    "poisson_nll-rate-full": positive(
        partial(ml.poisson_nll, log_input=False, full=True),
        lambda y, t: y - t * mp.log(y) + _stirling(t),
        best=lambda t: t,
        ulps=16,
    ),
    "poisson_nll-rate-eps": positive(
        partial(ml.poisson_nll, log_input=False, eps=0.0625),
        lambda y, t: y - t * mp.log(y + 0.0625),
        best=lambda t: t - 0.0625,
        ulps=16,
    ),
    "poisson_nll-rate-full-eps": positive(
        partial(ml.poisson_nll, log_input=False, full=True, eps=0.0625),
        lambda y, t: y - t * mp.log(y + 0.0625) + _stirling(t),
        best=lambda t: t - 0.0625,
        ulps=16,
    ),
    "gaussian_nll": Row(
        partial(ml.gaussian_nll, variance=0.375),
        lambda y, t: (mp.log(0.375) + (y - t) ** 2 / 0.375) / 2,
        best=lambda t: t,
    ),
    "gaussian_nll-full": Row(
        partial(ml.gaussian_nll, variance=0.375, full=True),
        lambda y, t: (mp.log(0.375 * 2 * mp.pi) + (y - t) ** 2 / 0.375) / 2,
        best=lambda t: t,
    ),
    "poisson_deviance": positive(ml.poisson_deviance, lambda y, t: 2 * (t * mp.log(t / y) - t + y)),
    "gamma_deviance": positive(ml.gamma_deviance, lambda y, t: 2 * (mp.log(y / t) + t / y - 1)),
    "tweedie_deviance-0": Row(ml.tweedie_deviance, lambda y, t: (y - t) ** 2),
    "tweedie_deviance": positive(
        partial(ml.tweedie_deviance, power=1.5), partial(tweedie, p=1.5), ulps=32
    ),
    "tweedie_deviance--1": positive(
        partial(ml.tweedie_deviance, power=-1.0), partial(tweedie, p=-1.0), ulps=32
    ),
    "tweedie_deviance-3": positive(
        partial(ml.tweedie_deviance, power=3.0), partial(tweedie, p=3.0), ulps=32
    ),
}


class Bounds(NamedTuple):
    """Numbers that a parameter takes, at the bounds too, and numbers that it does not."""

    inside: tuple[float, ...]
    outside: tuple[float, ...]


POSITIVE = Bounds((1e-30, 1.0, np.inf), (0.0, -1e-30, np.nan))
FINITE_POSITIVE = Bounds((1e-30, 1e30), (0.0, -1.0, np.inf, np.nan))
FINITE_NOT_NEGATIVE = Bounds((0.0, 1e-30, 1e30), (-1e-30, np.inf, np.nan))
NOT_NEGATIVE = Bounds((0.0, 1e30), (-1e-30, np.nan))
FRACTION = Bounds((0.0, 0.5, 1.0), (-1e-3, 1.001, np.nan))
AT_LEAST_ONE = Bounds((1.0, 1e6), (0.999, np.inf, np.nan))
BELOW_INFINITY = Bounds((-np.inf, 0.0, 2.0, 1e3), (np.inf, np.nan))
POWER = Bounds((-3.0, 0.0, 1.0, 2.5), (1e-3, 0.999, np.inf, -np.inf, np.nan))

# The domain of each parameter of each loss, and a value for each of three columns.
PARAMETERS: dict[tuple[str, str], tuple[Bounds, list[float]]] = {
    ("huber", "delta"): (POSITIVE, [0.25, 1.0, 2.0]),
    ("smooth_l1", "beta"): (FINITE_NOT_NEGATIVE, [0.0, 1.0, 2.0]),
    ("pseudo_huber", "delta"): (FINITE_POSITIVE, [0.25, 1.0, 2.0]),
    ("quantile_huber", "q"): (FRACTION, [0.1, 0.5, 0.9]),
    ("quantile_huber", "delta"): (FINITE_POSITIVE, [0.25, 1.0, 2.0]),
    ("pinball", "q"): (FRACTION, [0.1, 0.5, 0.9]),
    ("expectile", "q"): (FRACTION, [0.1, 0.5, 0.9]),
    ("epsilon_insensitive", "epsilon"): (NOT_NEGATIVE, [0.0, 0.25, 1.0]),
    ("mape", "eps"): (NOT_NEGATIVE, [0.0, 0.25, 1.0]),
    ("smape", "eps"): (NOT_NEGATIVE, [0.0, 0.25, 1.0]),
    ("cauchy", "scale"): (FINITE_POSITIVE, [0.25, 1.0, 2.0]),
    ("geman_mcclure", "scale"): (FINITE_POSITIVE, [0.25, 1.0, 2.0]),
    ("welsch", "scale"): (FINITE_POSITIVE, [0.25, 1.0, 2.0]),
    ("tukey_biweight", "scale"): (FINITE_POSITIVE, [0.25, 1.0, 2.0]),
    ("barron", "alpha"): (BELOW_INFINITY, [-np.inf, 0.0, 2.0]),
    ("barron", "scale"): (FINITE_POSITIVE, [0.25, 1.0, 2.0]),
    ("tweedie_deviance", "power"): (POWER, [0.0, 1.5, 2.0]),
    ("gaussian_nll", "variance"): (NOT_NEGATIVE, [0.25, 1.0, 2.0]),
    ("gaussian_nll", "eps"): (NOT_NEGATIVE, [0.25, 1.0, 2.0]),
    ("poisson_nll", "eps"): (NOT_NEGATIVE, [0.25, 1.0, 2.0]),
    ("minkowski", "p"): (AT_LEAST_ONE, []),  # has no axes
    ("binary_cross_entropy", "positive_weight"): (NOT_NEGATIVE, [0.25, 1.0, 2.0]),
    ("binary_cross_entropy", "label_smoothing"): (FRACTION, [0.0, 0.25, 1.0]),
    ("binary_focal", "gamma"): (NOT_NEGATIVE, [0.0, 0.5, 2.0]),
    ("binary_focal", "alpha"): (FRACTION, [0.25, 0.5, 1.0]),
    ("binary_focal", "label_smoothing"): (FRACTION, [0.0, 0.25, 1.0]),
    ("hinge", "margin"): (NOT_NEGATIVE, [0.0, 0.5, 2.0]),
    ("squared_hinge", "margin"): (NOT_NEGATIVE, [0.0, 0.5, 2.0]),
    ("tversky", "smooth"): (NOT_NEGATIVE, []),
    ("tversky", "alpha"): (NOT_NEGATIVE, []),
    ("tversky", "beta"): (NOT_NEGATIVE, []),
    ("dice", "smooth"): (NOT_NEGATIVE, []),
}

# The losses of vectors of classes, whose parameters tests/test_certainty.py has.
OF_VECTORS = (
    "brier",
    "cross_entropy",
    "focal",
    "jensen_shannon",
    "kl_divergence",
    "multiclass_hinge",
)

# One, another that it is equal to, and what multiplies the other.
SPECIAL_CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], float]] = {
    "barron 2 is half of mse": (partial(ml.barron, alpha=2), ml.mse, 0.5),
    "barron 1 is pseudo_huber": (partial(ml.barron, alpha=1), ml.pseudo_huber, 1.0),
    "barron 0 is cauchy": (partial(ml.barron, alpha=0, scale=2), partial(ml.cauchy, scale=2), 1.0),
    "barron -2 is geman_mcclure": (partial(ml.barron, alpha=-2), ml.geman_mcclure, 1.0),
    "barron -inf is welsch": (partial(ml.barron, alpha=-np.inf), ml.welsch, 1.0),
    "barron of an array 2": (partial(ml.barron, alpha=np.asarray(2.0)), ml.mse, 0.5),
    "barron of an array 1": (partial(ml.barron, alpha=np.asarray(1.0)), ml.pseudo_huber, 1.0),
    "barron of an array 0": (partial(ml.barron, alpha=np.asarray(0.0)), ml.cauchy, 1.0),
    "barron of an array -2": (partial(ml.barron, alpha=np.asarray(-2.0)), ml.geman_mcclure, 1.0),
    "barron of an array -inf": (partial(ml.barron, alpha=np.asarray(-np.inf)), ml.welsch, 1.0),
    "barron near 0 is cauchy": (partial(ml.barron, alpha=2.0**-50), ml.cauchy, 1.0),
    "barron of next to nothing is cauchy": (partial(ml.barron, alpha=3e-38), ml.cauchy, 1.0),
    "half of msle": (partial(ml.msle, half=True), ml.msle, 0.5),
    "smooth_l1 is huber over beta": (
        partial(ml.smooth_l1, beta=0.3),
        partial(ml.huber, delta=0.3),
        1 / 0.3,
    ),
    "smooth_l1 of beta 0 is mae": (partial(ml.smooth_l1, beta=0), ml.mae, 1.0),
    "smooth_l1 of an array 0 is mae": (partial(ml.smooth_l1, beta=np.asarray(0.0)), ml.mae, 1.0),
    "huber of all is half of mse": (partial(ml.huber, delta=np.inf), ml.mse, 0.5),
    "quantile_huber of the median": (ml.quantile_huber, ml.smooth_l1, 0.5),
    "quantile_huber of a tiny delta": (
        partial(ml.quantile_huber, q=0.25, delta=1e-30),
        partial(ml.pinball, q=0.25),
        1.0,
    ),
    "pinball of the median": (ml.pinball, ml.mae, 0.5),
    "expectile of the mean": (ml.expectile, ml.mse, 0.5),
    "minkowski 2 is the norm": (ml.minkowski, partial(ml.rmse, reduction="sum"), 1.0),
    "minkowski 1 is the sum": (partial(ml.minkowski, p=1), partial(ml.mae, reduction="sum"), 1.0),
    "epsilon 0 is mae": (partial(ml.epsilon_insensitive, epsilon=0), ml.mae, 1.0),
    "tweedie 0 is mse": (ml.tweedie_deviance, ml.mse, 1.0),
    "tweedie 1 is poisson": (partial(ml.tweedie_deviance, power=1), ml.poisson_deviance, 1.0),
    "tweedie 2 is gamma": (partial(ml.tweedie_deviance, power=2), ml.gamma_deviance, 1.0),
    "tweedie of an array 1.5": (
        partial(ml.tweedie_deviance, power=np.asarray(1.5)),
        partial(ml.tweedie_deviance, power=1.5),
        1.0,
    ),
    "tweedie of an array 3": (
        partial(ml.tweedie_deviance, power=np.asarray(3.0)),
        partial(ml.tweedie_deviance, power=3),
        1.0,
    ),
    "tweedie near 1": (
        partial(ml.tweedie_deviance, power=1 + 2.0**-50),
        ml.poisson_deviance,
        1.0,
    ),
    "tukey of all is half of mse": (partial(ml.tukey_biweight, scale=1e9), ml.mse, 0.5),
    "gaussian_nll of variance 1": (partial(ml.gaussian_nll, variance=1), ml.mse, 0.5),
    "dice is an even tversky": (
        partial(ml.dice, from_logits=False),
        partial(ml.tversky, from_logits=False),
        1.0,
    ),
    "modified_huber of positive margins": (ml.modified_huber, ml.squared_hinge, 1.0),
}


class Peer(NamedTuple):
    """A function of another package that computes the same, and what it is called with."""

    name: str  # where it is, as a docstring says
    ours: Callable[..., Any]
    options: dict[str, Any] = {}  # noqa: RUF012  read alone


# Those of classification, which test_class_peers.py calls.
CLASSIFICATION_PEERS = [
    Peer(name, ours)
    for name, ours in cast(
        dict[str, Callable[..., Any]],
        {
            "keras.losses.binary_crossentropy": ml.binary_cross_entropy,
            "keras.losses.binary_focal_crossentropy": ml.binary_focal,
            "keras.losses.categorical_focal_crossentropy": ml.focal,
            "keras.losses.dice": ml.dice,
            "keras.losses.hinge": ml.hinge,
            "keras.losses.squared_hinge": ml.squared_hinge,
            "keras.losses.tversky": ml.tversky,
            "optax.hinge_loss": ml.hinge,
            "optax.kl_divergence": ml.kl_divergence,
            "optax.sigmoid_binary_cross_entropy": ml.binary_cross_entropy,
            "optax.sigmoid_focal_loss": ml.binary_focal,
            "optax.softmax_cross_entropy": ml.cross_entropy,
            "optax.softmax_cross_entropy_with_integer_labels": ml.cross_entropy,
            "scipy.spatial.distance.jensenshannon": ml.jensen_shannon,
            "sklearn.metrics.brier_score_loss": ml.brier,
            "sklearn.metrics.hinge_loss": ml.hinge,
            "torch.nn.functional.binary_cross_entropy": ml.binary_cross_entropy,
            "torch.nn.functional.binary_cross_entropy_with_logits": ml.binary_cross_entropy,
            "torch.nn.functional.cross_entropy": ml.cross_entropy,
            "torch.nn.functional.kl_div": ml.kl_divergence,
            "torch.nn.functional.soft_margin_loss": ml.logistic,
        },
    ).items()
]

# Rows for each peer that a docstring names; test_peers.py knows how each package is called.
PEERS = [
    Peer("keras.losses.cosine_similarity", lambda y, t: ml.cosine_distance(y, t) - 1),
    Peer("keras.losses.huber", ml.huber),
    Peer("keras.losses.log_cosh", ml.log_cosh),
    Peer("keras.losses.mean_absolute_error", ml.mae),
    Peer("keras.losses.mean_absolute_percentage_error", lambda y, t: 100 * ml.mape(y, t, eps=1e-7)),
    Peer("keras.losses.mean_squared_error", ml.mse),
    Peer("keras.losses.mean_squared_logarithmic_error", ml.msle),
    Peer("keras.losses.poisson", partial(ml.poisson_nll, log_input=False, eps=1e-7)),
    Peer("optax.cosine_distance", ml.cosine_distance),
    Peer("optax.huber_loss", partial(ml.huber, delta=0.7), {"delta": 0.7}),
    Peer("optax.l2_loss", lambda y, t: ml.sse(y, t) / t.size),
    Peer("optax.log_cosh", ml.log_cosh),
    Peer("optax.squared_error", ml.mse),
    Peer("scipy.spatial.distance.cosine", ml.cosine_distance),
    Peer("scipy.spatial.distance.minkowski", partial(ml.minkowski, p=3), {"p": 3}),
    Peer("scipy.special.pseudo_huber", partial(ml.pseudo_huber, delta=0.7), {"delta": 0.7}),
    Peer("sklearn.metrics.mean_absolute_error", ml.mae),
    Peer("sklearn.metrics.mean_absolute_percentage_error", ml.mape),
    Peer("sklearn.metrics.mean_gamma_deviance", ml.gamma_deviance),
    Peer("sklearn.metrics.mean_pinball_loss", partial(ml.pinball, q=0.8), {"alpha": 0.8}),
    Peer("sklearn.metrics.mean_poisson_deviance", ml.poisson_deviance),
    Peer("sklearn.metrics.mean_squared_error", ml.mse),
    Peer("sklearn.metrics.mean_squared_log_error", ml.msle),
    *[
        Peer(
            "sklearn.metrics.mean_tweedie_deviance",
            partial(ml.tweedie_deviance, power=power),
            {"power": power},
        )
        for power in (-1.5, 0, 1, 1.5, 2, 3)
    ],
    # One root for each output.
    Peer("sklearn.metrics.root_mean_squared_error", partial(ml.rmse, axis=0)),
    Peer("sklearn.metrics.root_mean_squared_log_error", partial(ml.rmsle, axis=0)),
    Peer(
        "torch.nn.functional.cosine_similarity",
        lambda y, t: 1 - ml.cosine_distance(y, t),
        {"dim": -1},
    ),
    Peer(
        "torch.nn.functional.gaussian_nll_loss",
        partial(ml.gaussian_nll, variance=0.7, full=True),
        {"var": 0.7, "full": True},
    ),
    Peer("torch.nn.functional.huber_loss", partial(ml.huber, delta=0.7), {"delta": 0.7}),
    Peer("torch.nn.functional.l1_loss", ml.mae),
    Peer("torch.nn.functional.mse_loss", ml.mse),
    Peer(
        "torch.nn.functional.poisson_nll_loss", partial(ml.poisson_nll, full=True), {"full": True}
    ),
    Peer(
        "torch.nn.functional.poisson_nll_loss",
        partial(ml.poisson_nll, log_input=False, eps=1e-8),
        {"log_input": False},
    ),
    Peer("torch.nn.functional.smooth_l1_loss", partial(ml.smooth_l1, beta=0.7), {"beta": 0.7}),
    Peer("torchmetrics.functional.log_cosh_error", partial(ml.log_cosh, axis=0)),
    Peer("torchmetrics.functional.mean_absolute_error", ml.mae),
    Peer("torchmetrics.functional.mean_absolute_percentage_error", partial(ml.mape, eps=1.17e-6)),
    Peer("torchmetrics.functional.mean_squared_error", ml.mse),
    Peer("torchmetrics.functional.mean_squared_error", ml.rmse, {"squared": False}),
    Peer("torchmetrics.functional.mean_squared_log_error", ml.msle),
    Peer("torchmetrics.functional.minkowski_distance", partial(ml.minkowski, p=2.5), {"p": 2.5}),
    Peer(
        "torchmetrics.functional.symmetric_mean_absolute_percentage_error",
        partial(ml.smape, eps=1.17e-6),
    ),
    *[
        Peer(
            "torchmetrics.functional.tweedie_deviance_score",
            partial(ml.tweedie_deviance, power=power),
            {"power": power},
        )
        for power in (0, 1, 1.5, 2, 3)
    ],
    Peer("torchmetrics.functional.weighted_mean_absolute_percentage_error", ml.wmape),
]


# Every loss of elements as a caller has it, those that are no sums over them included.
FUNCTIONS: dict[str, Any] = {
    **{name: loss.function for name, loss in LOSSES.items()},
    "wmape": ml.wmape,
    "cosine_distance": ml.cosine_distance,
    "binary_cross_entropy": ml.binary_cross_entropy,
    "binary_cross_entropy-weighted": partial(
        ml.binary_cross_entropy, positive_weight=2.0, label_smoothing=0.25
    ),
    "binary_focal": ml.binary_focal,
    "hinge": ml.hinge,
    "squared_hinge": ml.squared_hinge,
    "modified_huber": ml.modified_huber,
    "logistic": ml.logistic,
    "tversky": partial(ml.tversky, alpha=0.25, smooth=0.5),
    "dice": ml.dice,
}
# One row for each of them.
NAMES = {name.partition("-")[0]: name for name in reversed(FUNCTIONS)}.values()


def domain_of(name: str) -> str:
    """Return which operands a loss has: "real" or "positive"."""
    return LOSSES[name].domain if name in LOSSES else "real"


def cubic(xp: Any, prediction: Any, target: Any, scale: Any = 1.0) -> Any:
    """Return the third power of the absolute residual."""
    return xp.abs((prediction - target) / scale) ** 3


def cubic_slope(xp: Any, prediction: Any, target: Any, scale: Any = 1.0) -> Any:
    residual = (prediction - target) / scale
    return 3 / scale * residual * xp.abs(residual)


# A custom loss.
made = ml.make_loss(cubic, cubic_slope, bounds={"scale": "(0, inf)"})

# One of each kind, for what does not depend on the formula: squares, sums, norms, with a parameter
# and without.
KINDS = {name: LOSSES[name] for name in ("mse", "sse", "rmse", "mae", "huber", "gaussian_nll")}


def by_residual(
    definition: Callable[[Any, Any], Any], y: float, t: float, exponent: float = 1.0
) -> tuple[Any, Any]:
    """Return value and slope of an element, in enough digits for the smallest residual beside 1."""
    with mp.workdps(1400):
        prediction, target = mp.mpf(y), mp.mpf(t)
        value = definition(prediction, target)
        step = ((prediction - target) or prediction) / mp.mpf(10) ** 40
        ahead, behind = (definition(prediction + each, target) for each in (step, -step))
        slope = (ahead - behind) / (2 * step)
        if exponent != 1.0:
            value, slope = (
                value ** (1 / mp.mpf(exponent)),
                slope / exponent * value ** (1 / mp.mpf(exponent) - 1),
            )
        # The third derivative remains in the quotient, where the slope is zero.
        if y == t and abs(slope * step) < abs(value) * mp.mpf(10) ** -60:
            slope = mp.mpf(0)
        return value, slope


@cache
def elements(name: str, order: int = 0) -> Any:
    """Return the losses (or their derivatives) of the operands by the definition."""
    loss = LOSSES[name]
    function = partial(loss.slope, order=order) if order else loss.value
    prediction, target = loss.operands()
    values = [
        float(function(mp.mpf(y), mp.mpf(t)))
        for y, t in zip(prediction.ravel().tolist(), target.ravel().tolist(), strict=True)
    ]
    return loss.scale * np.reshape(values, prediction.shape)


def expected(
    name: str, weight: Any = 1.0, axis: Any = None, reduction: str = "", *, keepdims: bool = False
) -> tuple[Any, Any]:
    """Return the loss and its gradient by the definition, from its elements."""
    loss = LOSSES[name]
    weight = weight * np.ones(PREDICTION.shape)
    is_mean = (reduction or loss.reduction) == "mean"
    total = np.sum(weight, axis=axis, keepdims=True) if is_mean else 1.0
    p = loss.exponent
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.sum(weight * elements(name), axis=axis, keepdims=True) / total
        gradient = weight * elements(name, 1) / total * mean ** (1 / p - 1) / p
    value = mean ** (1 / p)
    return value if keepdims else np.squeeze(value, axis=axis), gradient


def every(table: dict[str, Row]) -> pytest.MarkDecorator:
    """Run a test for each loss of a table, by its name."""
    return pytest.mark.parametrize("name", table)
