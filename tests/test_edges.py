"""Every digit from the smallest residual to the largest, and no branch that leaks into another."""

from functools import cache, partial
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Engine
from losses import LOSSES, every, mp

# The losses of a residual: what the target is, does not matter.
OF_RESIDUALS = {
    name: loss
    for name, loss in LOSSES.items()
    if loss.domain == "real" and loss.best is None and name != "smape"
}
EXPONENTS = (-320, -300, -150, -45, -38, -30, -19, -8, -4, -1, 0, 1, 2, 8, 19, 30, 38, 150, 300)


def residuals(dtype: str) -> list[float]:
    """Return residuals from the smallest subnormal number to the largest number of a dtype."""
    limits = np.finfo(dtype)
    smallest, largest = float(limits.smallest_subnormal), 0.999 * float(limits.max)
    powers = [
        float(np.array(10.0**each).astype(dtype)) for each in EXPONENTS if 10.0**each < largest
    ]
    return [smallest, *(each for each in powers if each > smallest), largest]


@every(OF_RESIDUALS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_from_the_smallest_residual_to_the_largest(engine: Engine, name: str, dtype: str) -> None:
    if dtype == "float64" and not engine.has_float64:
        dtype = "float32"
    limits = np.finfo(dtype)
    # XLA and PyTorch may take subnormal numbers for zero.
    smallest = limits.smallest_subnormal if engine.array_type is np.ndarray else limits.tiny
    given = [each for each in residuals(dtype) if each >= smallest]
    column = engine.array(np.reshape(given, (-1, 1)), dtype)
    result = ml.value_and_grad(LOSSES[name].function)(column, 0.0, axis=1)
    exact = np.array([by_definition(name, each) for each in given]).T
    for found, reference in zip(result, exact, strict=True):
        np.testing.assert_allclose(
            engine.numpy(found).ravel().astype(float),
            np.where(reference > float(limits.max), np.inf, reference),
            rtol=ULPS.get(name, 16) * float(limits.eps),
            atol=2 * float(limits.tiny),
        )


# A power of a large residual is taken by way of its logarithm, whose rounding it multiplies.
ULPS = {"barron-1.5": 1024, "barron-3": 2048, "barron--0.001": 1024, "welsch": 4096}


@cache
def by_definition(name: str, residual: float) -> tuple[float, float]:
    """Return value and slope, in enough digits for the smallest residual beside 1."""
    loss = LOSSES[name]
    with mp.workdps(1400):
        r = mp.mpf(residual)
        value = loss.value(r, mp.mpf(0))
        step = r / mp.mpf(10) ** 40
        slope = (loss.value(r + step, mp.mpf(0)) - loss.value(r - step, mp.mpf(0))) / (2 * step)
        if loss.exponent != 1.0:
            p = mp.mpf(loss.exponent)
            value, slope = value ** (1 / p), slope / p * value ** (1 / p - 1)
        return float(loss.scale * value), float(loss.scale * slope)


def test_log_cosh_near_and_far(engine: Engine) -> None:
    # mpmath.log(mpmath.cosh(x)) for x = mpf(float32("1e-4")), 100
    near = ml.log_cosh(engine.array([1e-4], "float32"), 0.0)
    far = ml.log_cosh(engine.array([100.0], "float32"), 0.0)
    assert float(engine.numpy(near)) == pytest.approx(4.9999997473788e-09, rel=1e-6)
    assert float(engine.numpy(far)) == pytest.approx(99.30685281944006, rel=1e-6)


@pytest.mark.parametrize(
    ("function", "value", "slope"),
    [
        # t = 1, y = t + d with d = 2^-20: the terms of the textbook differ from the 13th digit on.
        # mp.dps = 50; d = mpf(2)**-20; y = 1 + d
        # poisson: 2*(y - 1 - log(y)); gamma: 2*(log(y) + 1/y - 1); slopes 2*d/y, 2*d/y**2
        # tweedie 1.5: 4*(y**-0.5 + y**0.5 - 2), 2*d*y**-1.5; msle: (log(1 + y) - log(2))**2, …
        (ml.poisson_deviance, 9.0949412353218317e-13, 1.9073468138248312e-6),
        (ml.gamma_deviance, 9.0949354529185169e-13, 1.9073449948388971e-6),
        (partial(ml.tweedie_deviance, power=1.5), 9.0949383441196573e-13, 1.9073459043316473e-6),
        (ml.msle, 2.273735670230622e-13, 4.7683681714281061e-7),
    ],
    ids=["poisson", "gamma", "tweedie", "msle"],
)
def test_digits_near_a_perfect_prediction(
    engine: Engine, function: Any, value: float, slope: float
) -> None:
    found = ml.value_and_grad(function)(engine.array([1 + 2.0**-20]), engine.array([1.0]))
    eps = engine.eps(found[0])
    for result, reference in zip(found, (value, slope), strict=True):
        np.testing.assert_allclose(engine.numpy(result).ravel(), [reference], rtol=8 * eps)


@pytest.mark.parametrize("angle", [2.0**-20, 2.0**-10, 0.5, 3.0])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_cosine_distance_of_small_angles(engine: Engine, angle: float, size: float) -> None:
    # The angle between the float32 vectors (1, tan) and (1, 0) is atan(tan), whose 1 - cos mpmath
    # has: 1 - 1 / sqrt(1 + tan²), computed as tan² / (1 + tan²) / (1 + 1 / sqrt(1 + tan²)).
    tangent = mp.mpf(float(np.float32(np.tan(angle))))
    secant = mp.sqrt(1 + tangent**2)
    direction = float(np.sign(np.cos(angle)))
    exact = float(1 - direction / secant)
    prediction = engine.array([[direction * size, direction * size * float(tangent)]])
    result = ml.cosine_distance(prediction, engine.array([[size, 0.0]]))
    # The unit vectors are rounded, to about ε of an angle.
    rtol = 8 * engine.eps(result) * max(1.0, 1 / angle)
    np.testing.assert_allclose(engine.numpy(result), [exact], rtol=rtol)


def test_norm_ignores_the_size_of_what_has_no_weight(engine: Engine) -> None:
    prediction = engine.array([1e30, 1e-15], "float32")
    weight = engine.array([0.0, 1.0], "float32")
    value = ml.minkowski(prediction, engine.array([0.0, 0.0], "float32"), weight=weight)
    assert float(engine.numpy(value)) == pytest.approx(1e-15, rel=1e-6, abs=0)


DOMAINS: dict[str, tuple[Any, float, float, bool]] = {
    # prediction, target, and whether it is in the domain
    "msle": (ml.msle, -1.5, 1.0, False),
    "msle of two": (ml.msle, -3.0, -2.0, False),
    "poisson of a negative rate": (partial(ml.poisson_nll, log_input=False), -1.0, 0.0, False),
    "poisson of no rate": (partial(ml.poisson_nll, log_input=False), 0.0, 0.0, True),
    "poisson deviance of a negative rate": (ml.poisson_deviance, -1.0, 0.0, False),
    "poisson deviance of a negative count": (ml.poisson_deviance, 1.0, -1.0, False),
    "poisson deviance of no count": (ml.poisson_deviance, 1.0, 0.0, True),
    "gamma deviance of zero": (ml.gamma_deviance, 1.0, 0.0, False),
    "gamma deviance of a negative": (ml.gamma_deviance, -1.0, 1.0, False),
    "tweedie 0 of negatives": (ml.tweedie_deviance, -1.0, -2.0, True),
    "tweedie -1 of a negative target": (partial(ml.tweedie_deviance, power=-1), 1.0, -2.0, True),
    "tweedie -1 of a negative": (partial(ml.tweedie_deviance, power=-1), -1.0, 2.0, False),
    "tweedie 1.5 of no target": (partial(ml.tweedie_deviance, power=1.5), 1.0, 0.0, True),
    "tweedie 1.5 of a negative": (partial(ml.tweedie_deviance, power=1.5), 1.0, -1.0, False),
    "tweedie 2 of no target": (partial(ml.tweedie_deviance, power=2), 1.0, 0.0, False),
}


@pytest.mark.parametrize(("function", "y", "t", "is_valid"), DOMAINS.values(), ids=DOMAINS)
def test_data_out_of_the_domain_is_nan(
    engine: Engine, function: Any, y: float, t: float, is_valid: bool
) -> None:
    value, gradient = ml.value_and_grad(function)(engine.array([y]), engine.array([t]))
    assert np.isfinite(engine.numpy(value)) == is_valid
    assert np.isfinite(engine.numpy(gradient)[0]) == is_valid
    # What is out of the domain does not matter where it is masked.
    masked = ml.value_and_grad(function)(
        engine.array([y, 1.0]), engine.array([t, 1.0]), where=engine.array([0, 1], "bool")
    )
    assert all(np.all(np.isfinite(engine.numpy(each))) for each in masked)


def test_relative_errors_of_zero(engine: Engine) -> None:
    zero, one = engine.array([0.0]), engine.array([1.0])
    for function in (ml.mape, ml.smape):
        value, gradient = ml.value_and_grad(function)(zero, zero)
        assert float(engine.numpy(value)) == 0.0
        assert float(engine.numpy(gradient)[0]) == 0.0
    assert float(engine.numpy(ml.mape(one, zero, eps=0.5))) == 2.0
    assert float(engine.numpy(ml.smape(one, zero))) == 2.0


FAR_APART: list[tuple[Any, float, float, float]] = [
    # what it is, prediction, target, and the value by the definition in mpmath, mp.dps = 50
    (ml.poisson_deviance, 10.0, 1e-38, 20.0),
    (ml.poisson_deviance, 1e-30, 1e9, 177601637253.5356),
    (ml.gamma_deviance, 1e20, 1e-20, 182.206807),
    (partial(ml.tweedie_deviance, power=1.5), 25.0, 1e-30, 20.0),
    (partial(ml.minkowski, p=200), 2.2, 0.0, 2.2),
    (partial(ml.minkowski, p=130), 1.01, 0.0, 1.01),
]


@pytest.mark.parametrize(("function", "y", "t", "value"), FAR_APART)
def test_values_far_apart(engine: Engine, function: Any, y: float, t: float, value: float) -> None:
    result = function(engine.array([y], "float32"), engine.array([t], "float32"))
    assert float(engine.numpy(result)) == pytest.approx(value, rel=1e-5)
