"""Every digit from the smallest residual to the largest, and no branch that leaks into another."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import multiloss as ml
from engines import Library
from losses import LOSSES, by_residual, every, mp
from losses import tweedie as tweedie_by_definition

pytestmark = pytest.mark.family

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
def test_from_the_smallest_residual_to_the_largest(engine: Library, name: str, dtype: str) -> None:
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


# A power of a large residual is computed from its logarithm, whose rounding it multiplies.
ULPS = {"barron-1.5": 1024, "barron-3": 2048, "barron--0.001": 1024, "welsch": 4096}


@cache
def by_definition(name: str, residual: float) -> tuple[float, float]:
    """Return value and slope, in enough digits for the smallest residual beside 1."""
    loss = LOSSES[name]
    value, slope = by_residual(loss.value, residual, 0.0, loss.exponent)
    return float(loss.scale * value), float(loss.scale * slope)


def test_log_cosh_near_and_far(engine: Library) -> None:
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
    engine: Library, function: Any, value: float, slope: float
) -> None:
    found = ml.value_and_grad(function)(engine.array([1 + 2.0**-20]), engine.array([1.0]))
    eps = engine.eps(found[0])
    for result, reference in zip(found, (value, slope), strict=True):
        np.testing.assert_allclose(engine.numpy(result).ravel(), [reference], rtol=8 * eps)


@pytest.mark.parametrize("angle", [2.0**-20, 2.0**-10, 0.5, 3.0])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_cosine_distance_of_small_angles(engine: Library, angle: float, size: float) -> None:
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


def test_norm_ignores_the_size_of_what_has_no_weight(engine: Library) -> None:
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
    engine: Library, function: Any, y: float, t: float, is_valid: bool
) -> None:
    value, gradient = ml.value_and_grad(function)(engine.array([y]), engine.array([t]))
    assert np.isfinite(engine.numpy(value)) == is_valid
    assert np.isfinite(engine.numpy(gradient)[0]) == is_valid
    # What is out of the domain does not matter where it is masked.
    masked = ml.value_and_grad(function)(
        engine.array([y, 1.0]), engine.array([t, 1.0]), where=engine.array([0, 1], "bool")
    )
    assert all(np.all(np.isfinite(engine.numpy(each))) for each in masked)


def test_relative_errors_of_zero(engine: Library) -> None:
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
def test_values_far_apart(engine: Library, function: Any, y: float, t: float, value: float) -> None:
    result = function(engine.array([y], "float32"), engine.array([t], "float32"))
    assert float(engine.numpy(result)) == pytest.approx(value, rel=1e-5)


LARGEST32, LARGEST64 = float(np.finfo("float32").max), float(np.finfo("float64").max)


class Extreme(NamedTuple):
    """A prediction and a target at which an intermediate result may overflow, vanish or cancel."""

    function: Any
    definition: Callable[[Any, Any], Any]  # of one element, in mpmath
    dtype: str
    prediction: float
    target: float
    slope_atol: float = 0.0  # where the slope is a difference of rounded numbers


def _tweedie(power: float, *rest: Any) -> Extreme:
    return Extreme(
        partial(ml.tweedie_deviance, power=power), partial(tweedie_by_definition, p=power), *rest
    )


def _poisson(y: Any, t: Any) -> Any:
    return 2 * (t * mp.log(t / y) - t + y)


def _gamma(y: Any, t: Any) -> Any:
    return 2 * (mp.log(y / t) + t / y - 1)


def _full_poisson(y: Any, t: Any) -> Any:
    return y - t * mp.log(y) + t * mp.log(t) - t + mp.log(2 * mp.pi * t) / 2


EXTREMES: dict[str, Extreme] = {
    # The sum of prediction and target overflows.
    "gamma": Extreme(ml.gamma_deviance, _gamma, "float32", 0.9 * LARGEST32, 0.6 * LARGEST32),
    "gamma-64": Extreme(ml.gamma_deviance, _gamma, "float64", 0.9 * LARGEST64, 0.6 * LARGEST64),
    "poisson": Extreme(ml.poisson_deviance, _poisson, "float32", 0.9 * LARGEST32, 0.6 * LARGEST32),
    "poisson-64": Extreme(
        ml.poisson_deviance, _poisson, "float64", 0.9 * LARGEST64, 0.6 * LARGEST64
    ),
    # A power of one of them vanishes or overflows.
    "tweedie--1": _tweedie(-1.0, "float32", 1.0, 1e-13),
    "tweedie--1-smaller": _tweedie(-1.0, "float32", 1.0, 1e-16),
    "tweedie--1-64": _tweedie(-1.0, "float64", 1.0, 1e-103),
    "tweedie--3": _tweedie(-3.0, "float32", 100.0, 1e-6),
    "tweedie-1.5": _tweedie(1.5, "float32", 1e20, 1e-20),
    "tweedie-1.5-reverse": _tweedie(1.5, "float32", 1e-15, 1e15),
    "tweedie-1.5-64": _tweedie(1.5, "float64", 6e307, 1.0),
    "tweedie-1.99": _tweedie(1.99, "float32", 1e20, 1e-20),
    "tweedie-2.5": _tweedie(2.5, "float32", 1e-10, 1e10),
    "tweedie-3": _tweedie(3.0, "float32", 1e5, 1e-5),
    "tweedie-1.5-far": _tweedie(1.5, "float32", 1.0, 1e26),
    "tweedie-1-far": _tweedie(1.0 + 2.0**-20, "float32", 6e33, 0.154),
    # The residual divided by the scale overflows.
    "cauchy": Extreme(
        partial(ml.cauchy, scale=1e-20),
        lambda y, t: mp.log(1 + ((y - t) / mp.mpf(1e-20)) ** 2 / 2),
        "float32",
        1e30,
        0.0,
    ),
    "welsch": Extreme(
        partial(ml.welsch, scale=1e-20), lambda _y, _t: mp.mpf(1), "float32", 1e30, 0.0
    ),
    "barron-0": Extreme(
        partial(ml.barron, alpha=0.0, scale=1e-20),
        lambda y, t: mp.log(1 + ((y - t) / mp.mpf(1e-20)) ** 2 / 2),
        "float32",
        1e30,
        0.0,
    ),
    "barron-0.5": Extreme(
        partial(ml.barron, alpha=0.5, scale=1e-20),
        lambda y, t: 3 * (((y - t) ** 2 / mp.mpf(1e-20) ** 2 / 1.5 + 1) ** mp.mpf(0.25) - 1),
        "float32",
        1e30,
        0.0,
    ),
    "barron--inf": Extreme(
        partial(ml.barron, alpha=-np.inf, scale=1e-20),
        lambda _y, _t: mp.mpf(1),
        "float32",
        1e30,
        0.0,
    ),
    # The residual divided by delta vanishes.
    "pseudo_huber": Extreme(
        partial(ml.pseudo_huber, delta=1e30), lambda y, t: (y - t) ** 2 / 2, "float32", 1e-10, 0.0
    ),
    # Twice the value overflows.
    "gaussian_nll": Extreme(
        partial(ml.gaussian_nll, variance=1.0),
        lambda y, t: (y - t) ** 2 / 2,
        "float32",
        2.3e19,
        0.0,
    ),
    # Large terms cancel.
    "poisson_nll-rate-full": Extreme(
        partial(ml.poisson_nll, log_input=False, full=True), _full_poisson, "float32", 1e6, 1e6
    ),
    "poisson_nll-rate-full-far": Extreme(
        partial(ml.poisson_nll, log_input=False, full=True), _full_poisson, "float32", 1.0, 1e26
    ),
    "poisson_nll-full": Extreme(
        partial(ml.poisson_nll, full=True),
        lambda y, t: _full_poisson(mp.exp(y), t),
        "float32",
        13.815510749816895,  # log(1e6) in single precision
        1e6,
        1.0,
    ),
    "poisson_nll-rate": Extreme(
        partial(ml.poisson_nll, log_input=False),
        lambda y, t: y - t * mp.log(y),
        "float32",
        1e6,
        1e6 + 1,
    ),
    "smape": Extreme(
        partial(ml.smape, eps=0.0),
        lambda y, t: 2 * abs(y - t) / (abs(y) + abs(t)),
        "float32",
        1.0,
        1e-8,
    ),
    "minkowski-1000": Extreme(
        partial(ml.minkowski, p=1000.0), lambda y, t: abs(y - t), "float32", 0.7 * LARGEST32, 0.0
    ),
}
extremes = pytest.mark.parametrize("extreme", EXTREMES.values(), ids=EXTREMES)


def exact(extreme: Extreme) -> tuple[float, float]:
    """Return value and slope by the definition."""
    y, t = (float(np.array(each, extreme.dtype)) for each in extreme[3:5])
    value, slope = by_residual(extreme.definition, y, t)
    return float(value), float(slope)


@extremes
def test_extremes(engine: Library, extreme: Extreme) -> None:
    if extreme.dtype == "float64" and not engine.has_float64:
        pytest.skip("single precision has a separate row")
    y, t = (engine.array([each], extreme.dtype) for each in extreme[3:5])
    found = ml.value_and_grad(extreme.function)(y, t)
    # Where the engine takes subnormal numbers for zero.
    smallest = float(np.finfo(extreme.dtype).tiny)
    tolerances = smallest, smallest + extreme.slope_atol
    for result, reference, atol in zip(found, exact(extreme), tolerances, strict=True):
        rtol = 64 * engine.eps(result)
        np.testing.assert_allclose(engine.numpy(result).ravel(), [reference], rtol=rtol, atol=atol)


@pytest.mark.parametrize(("power", "number"), [(-1.0, 1e26), (-3.0, 2.2e22), (7.5, 3.7e-17)])
def test_perfect_prediction_whose_power_overflows(
    engine: Library, power: float, number: float
) -> None:
    same = engine.array([number], "float32")
    value, gradient = ml.value_and_grad(ml.tweedie_deviance)(same, same, power=power)
    assert float(engine.numpy(value)) == 0.0
    assert float(engine.numpy(gradient)[0]) == 0.0


def test_minkowski_of_a_large_power_is_the_largest_residual(engine: Library) -> None:
    target = engine.array([0.0, 0.0])
    value, gradient = ml.value_and_grad(ml.minkowski)(engine.array([3.0, 0.5]), target, p=2e4)
    np.testing.assert_allclose(engine.numpy(value), 3.0, rtol=engine.eps(value))
    np.testing.assert_allclose(engine.numpy(gradient), [1.0, 0.0], rtol=8 * engine.eps(gradient))


def test_wmape_of_subnormal_targets() -> None:
    value, gradient = ml.value_and_grad(ml.wmape)(np.array([0.0, 2e-310]), np.array([0.0, 1e-310]))
    assert value == 1.0
    np.testing.assert_array_equal(gradient, [0.0, np.inf])


@pytest.mark.parametrize(
    ("loss", "definition"),
    [
        (ml.poisson_deviance, _poisson),
        (ml.gamma_deviance, _gamma),
        (partial(ml.tweedie_deviance, power=1.5), partial(tweedie_by_definition, p=1.5)),
    ],
    ids=["poisson", "gamma", "tweedie"],
)
@pytest.mark.parametrize("target", [1.25, 7.0])
def test_extended_precision(loss: Any, definition: Any, target: float) -> None:
    value, slope = map(float, by_residual(definition, 1.5, target))
    found = ml.value_and_grad(loss)(
        np.array([1.5], np.longdouble), np.array([target], np.longdouble)
    )
    for result, reference in zip(found, (value, slope), strict=True):
        assert result.dtype == np.longdouble
        # What a float of double precision keeps of the reference.
        np.testing.assert_allclose(result.astype(float), reference, rtol=4e-16)


def test_gradient_of_a_large_norm(engine: Library) -> None:
    prediction = engine.array(np.full(1000, 1e38), "float32")
    value, gradient = ml.value_and_grad(ml.rmse)(prediction, 0.0)
    assert float(engine.numpy(value)) == pytest.approx(1e38, rel=1e-6)
    np.testing.assert_allclose(engine.numpy(gradient), np.full(1000, 1e-3), rtol=1e-5)


def test_norm_of_weights_under_a_mask(engine: Library) -> None:
    # Whose squares overflow.
    prediction = engine.array([3e30, np.nan, 4e30], "float32")
    where = engine.asarray(np.array([True, False, True]))
    weight = engine.array([1.0, 1.0, 3.0], "float32")
    value, gradient = ml.value_and_grad(ml.rmse)(prediction, 0.0, weight=weight, where=where)
    # sqrt((9 + 3 * 16) / 4), and w r / (4 value)
    assert float(engine.numpy(value)) == pytest.approx(3.774917217635375e30, rel=1e-6)
    np.testing.assert_allclose(
        engine.numpy(gradient), [0.19867985, 0.0, 0.79471941], rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "value"),
    [
        (partial(ml.pinball, q=0.0), np.inf, 0.0, np.inf),
        (partial(ml.pinball, q=1.0), -np.inf, 0.0, np.inf),
        # 4 (√y - √t)² / √y and (1/t) (1 - t/y)²
        (partial(ml.tweedie_deviance, power=1.5), np.inf, 1.0, np.inf),
        (partial(ml.tweedie_deviance, power=1.5), 1.0, np.inf, np.inf),
        (partial(ml.tweedie_deviance, power=3), np.inf, 2.0, 0.5),
        (partial(ml.tweedie_deviance, power=3), 1.0, np.inf, np.inf),
    ],
    ids=["pinball 0", "pinball 1", "1.5 of y", "1.5 of t", "3 of y", "3 of t"],
)
def test_limits(engine: Library, loss: Any, prediction: float, target: float, value: float) -> None:
    found = loss(engine.array([prediction]), engine.array([target]))
    assert float(engine.numpy(found)) == value
