"""The table of losses that drives the laws.

A new loss needs a row here. Its parameters need one in test_parameters.py, and what it is equal to,
in a special case or in another package, one in test_family.py: tests fail without.

Each row has the loss of one element by its textbook definition, which mpmath evaluates and
differentiates in fifty digits.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

import multiloss as ml

mp = mpmath.mp.clone()
mp.dps = 50


class Loss(NamedTuple):
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


positive = partial(Loss, domain="positive")
kinked = partial(Loss, kinks=(0.0,), is_smooth_when_perfect=False)

LOSSES: dict[str, Loss] = {
    "mse": Loss(ml.mse, lambda y, t: (y - t) ** 2),
    "sse": Loss(ml.sse, lambda y, t: (y - t) ** 2, reduction="sum", scale=0.5),
    "rmse": Loss(ml.rmse, lambda y, t: (y - t) ** 2, exponent=2.0),
    "msle": positive(ml.msle, lambda y, t: _log_error(y, t) ** 2),
    "rmsle": positive(ml.rmsle, lambda y, t: _log_error(y, t) ** 2, exponent=2.0),
    "expectile": Loss(
        partial(ml.expectile, q=0.25),
        lambda y, t: (y - t) ** 2 * (0.75 if y > t else 0.25),
        is_smooth_when_perfect=False,
    ),
    "mae": kinked(ml.mae, lambda y, t: abs(y - t)),
    "mape": kinked(ml.mape, lambda y, t: abs(y - t) / t, domain="positive"),
    "smape": kinked(ml.smape, lambda y, t: 2 * abs(y - t) / (abs(y) + abs(t))),
    "minkowski": Loss(
        partial(ml.minkowski, p=3.0), lambda y, t: abs(y - t) ** 3, reduction="sum", exponent=3.0
    ),
    "minkowski-1": kinked(partial(ml.minkowski, p=1), lambda y, t: abs(y - t), reduction="sum"),
    "epsilon_insensitive": Loss(
        partial(ml.epsilon_insensitive, epsilon=0.25),
        lambda y, t: max(abs(y - t) - 0.25, 0),
        kinks=(-0.25, 0.25),
    ),
    "pinball": kinked(
        partial(ml.pinball, q=0.25), lambda y, t: max(0.25 * (t - y), 0.75 * (y - t))
    ),
    "huber": Loss(partial(ml.huber, delta=0.75), partial(_huber, delta=0.75)),
    "smooth_l1": Loss(
        partial(ml.smooth_l1, beta=0.75), lambda y, t: _huber(y, t, 0.75) / mp.mpf(0.75)
    ),
    "pseudo_huber": Loss(
        partial(ml.pseudo_huber, delta=0.75),
        lambda y, t: mp.mpf(0.75) ** 2 * (mp.sqrt(1 + ((y - t) / 0.75) ** 2) - 1),
    ),
    "log_cosh": Loss(ml.log_cosh, lambda y, t: mp.log(mp.cosh(y - t))),
    "cauchy": Loss(
        partial(ml.cauchy, scale=1.5), lambda y, t: mp.log(1 + ((y - t) / 1.5) ** 2 / 2)
    ),
    "geman_mcclure": Loss(
        partial(ml.geman_mcclure, scale=1.5),
        lambda y, t: 2 * ((y - t) / 1.5) ** 2 / (((y - t) / 1.5) ** 2 + 4),
    ),
    "welsch": Loss(
        partial(ml.welsch, scale=1.5),
        lambda y, t: 1 - mp.exp(-(((y - t) / 1.5) ** 2) / 2),
        ulps=128,  # exp(-57) passes on 57 times the rounding of its argument
    ),
    "tukey_biweight": Loss(
        partial(ml.tukey_biweight, scale=2.25), partial(_tukey, scale=2.25), ulps=32
    ),
    "barron-1.5": Loss(
        partial(ml.barron, alpha=1.5, scale=1.5), partial(_barron, alpha=1.5, scale=1.5), ulps=32
    ),
    "barron-3": Loss(
        partial(ml.barron, alpha=3.0, scale=1.5), partial(_barron, alpha=3.0, scale=1.5), ulps=32
    ),
    "barron--0.001": Loss(
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
    "gaussian_nll": Loss(
        partial(ml.gaussian_nll, variance=0.375),
        lambda y, t: (mp.log(0.375) + (y - t) ** 2 / 0.375) / 2,
        best=lambda t: t,
    ),
    "gaussian_nll-full": Loss(
        partial(ml.gaussian_nll, variance=0.375, full=True),
        lambda y, t: (mp.log(0.375 * 2 * mp.pi) + (y - t) ** 2 / 0.375) / 2,
        best=lambda t: t,
    ),
    "poisson_deviance": positive(ml.poisson_deviance, lambda y, t: 2 * (t * mp.log(t / y) - t + y)),
    "gamma_deviance": positive(ml.gamma_deviance, lambda y, t: 2 * (mp.log(y / t) + t / y - 1)),
    "tweedie_deviance-0": Loss(ml.tweedie_deviance, lambda y, t: (y - t) ** 2),
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

# Every loss as a caller has it, those that are no sums over elements included.
FUNCTIONS: dict[str, Any] = {
    **{name: loss.function for name, loss in LOSSES.items()},
    "wmape": ml.wmape,
    "cosine_distance": ml.cosine_distance,
}


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
made = ml.make_loss(cubic, cubic_slope)

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


def every(table: dict[str, Loss]) -> pytest.MarkDecorator:
    """Run a test for each loss of a table, by its name."""
    return pytest.mark.parametrize("name", table)
