"""Parameters: numbers that are checked, and arrays that are learned, one for each output."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Engine

PREDICTION = np.array([[0.5, -1.25, 3.0], [2.0, 0.0, -0.75]])
TARGET = np.array([[1.0, -1.0, 0.5], [2.0, -3.0, 0.75]])

# The function, the name of the parameter, a value for each column, and one that is out of bounds.
PARAMETERS: dict[str, tuple[Any, str, list[float], float]] = {
    "huber": (ml.huber, "delta", [0.25, 1.0, 2.0], 0.0),
    "smooth_l1": (ml.smooth_l1, "beta", [0.25, 1.0, 2.0], -1.0),
    "pseudo_huber": (ml.pseudo_huber, "delta", [0.25, 1.0, 2.0], np.inf),
    "pinball": (ml.pinball, "q", [0.1, 0.5, 0.9], 1.5),
    "expectile": (ml.expectile, "q", [0.1, 0.5, 0.9], -0.5),
    "epsilon_insensitive": (ml.epsilon_insensitive, "epsilon", [0.0, 0.25, 1.0], -0.25),
    "mape": (ml.mape, "eps", [0.0, 0.25, 1.0], -0.25),
    "smape": (ml.smape, "eps", [0.0, 0.25, 1.0], -0.25),
    "cauchy": (ml.cauchy, "scale", [0.25, 1.0, 2.0], 0.0),
    "geman_mcclure": (ml.geman_mcclure, "scale", [0.25, 1.0, 2.0], -1.0),
    "welsch": (ml.welsch, "scale", [0.25, 1.0, 2.0], np.nan),
    "tukey_biweight": (ml.tukey_biweight, "scale", [0.25, 1.0, 2.0], 0.0),
    "barron": (ml.barron, "alpha", [-np.inf, 0.0, 2.0], np.inf),
    "barron-scale": (ml.barron, "scale", [0.25, 1.0, 2.0], 0.0),
    "tweedie": (ml.tweedie_deviance, "power", [0.0, 1.5, 2.0], 0.5),
    "gaussian_nll": (ml.gaussian_nll, "variance", [0.25, 1.0, 2.0], -1.0),
    "gaussian_nll-eps": (partial(ml.gaussian_nll, variance=0.5), "eps", [0.25, 1.0, 2.0], -1.0),
}
parameters = pytest.mark.parametrize(
    ("function", "name", "columns", "bad"), PARAMETERS.values(), ids=PARAMETERS
)


def operands(engine: Engine, function: Any) -> tuple[Any, Any]:
    if function is ml.tweedie_deviance:
        return engine.array(np.abs(PREDICTION) + 0.5), engine.array(np.abs(TARGET) + 0.5)
    return engine.array(PREDICTION), engine.array(TARGET)


@parameters
def test_one_for_each_column(
    engine: Engine, function: Any, name: str, columns: list[float], bad: float
) -> None:
    del bad
    prediction, target = operands(engine, function)
    value, gradient = ml.value_and_grad(function)(
        prediction, target, axis=0, **{name: engine.array([columns])}
    )
    for k, each in enumerate(columns):
        alone = ml.value_and_grad(function)(prediction[:, k], target[:, k], **{name: each})
        rtol = 32 * engine.eps(value)
        np.testing.assert_allclose(engine.numpy(value)[k], engine.numpy(alone[0]), rtol=rtol)
        np.testing.assert_allclose(engine.numpy(gradient)[:, k], engine.numpy(alone[1]), rtol=rtol)


@parameters
def test_number_out_of_bounds_raises_and_array_gives_nan(
    engine: Engine, function: Any, name: str, columns: list[float], bad: float
) -> None:
    prediction, target = operands(engine, function)
    with pytest.raises(ValueError, match=f"{name}={bad} is out of bounds; pass ") as raised:
        function(prediction, target, **{name: bad})
    assert "\n" not in str(raised.value)
    value, gradient = ml.value_and_grad(function)(
        prediction, target, axis=0, **{name: engine.array([[columns[1], bad, columns[1]]])}
    )
    np.testing.assert_array_equal(np.isnan(engine.numpy(value)), [False, True, False])
    np.testing.assert_array_equal(
        np.isnan(engine.numpy(gradient)), np.tile([False, True, False], (2, 1))
    )


@parameters
def test_masked_parameters_do_not_leak(
    engine: Engine, function: Any, name: str, columns: list[float], bad: float
) -> None:
    prediction, target = operands(engine, function)
    where = engine.array([[True, False, True]], "bool")
    value, gradient = ml.value_and_grad(function)(
        prediction, target, where=where, **{name: engine.array([[columns[1], bad, columns[1]]])}
    )
    expected, slopes = ml.value_and_grad(function)(
        prediction, target, where=where, **{name: columns[1]}
    )
    rtol = 32 * engine.eps(value)
    np.testing.assert_allclose(engine.numpy(value), engine.numpy(expected), rtol=rtol)
    np.testing.assert_allclose(engine.numpy(gradient), engine.numpy(slopes), rtol=rtol)


@parameters
def test_every_way_to_give_a_number(
    engine: Engine, function: Any, name: str, columns: list[float], bad: float
) -> None:
    del bad
    number = columns[2]
    prediction, target = operands(engine, function)
    expected = function(prediction, target, **{name: number})
    ways = [np.float64(number), np.array(number), np.float32(number), engine.array(number)]
    if number == int(number):
        ways.append(int(number))
    for way in ways:
        result = function(prediction, target, **{name: way})
        rtol = 8 * float(np.finfo(np.float32).eps)
        np.testing.assert_allclose(engine.numpy(result), engine.numpy(expected), rtol=rtol)


def test_number_takes_no_part_in_promotion(engine: Engine) -> None:
    single = engine.array([1.0, 2.0], "float32")
    for delta in (0.5, np.float64(0.5), 1):
        assert engine.dtype_name(ml.huber(single, single, delta=delta)) == "float32"
        assert engine.dtype_name(ml.barron(single, single, alpha=delta)) == "float32"
    if engine.has_float64:
        delta = engine.array([0.5], "float64")
        assert engine.dtype_name(ml.huber(single, single, delta=delta)) == "float64"


@pytest.mark.parametrize(
    ("shape", "cure"),
    [((3,), "pass delta[None, :]"), ((2,), "pass delta[:, None]"), ((4, 1), "as many axes")],
    ids=str,
)
def test_shape_of_a_parameter(engine: Engine, shape: Any, cure: str) -> None:
    prediction, target = operands(engine, ml.huber)
    with pytest.raises(ValueError, match="delta has the shape") as raised:
        ml.huber(prediction, target, delta=engine.array(np.ones(shape)))
    assert cure in str(raised.value)


@pytest.mark.parametrize("delta", [None, "1", 1j], ids=str)
def test_parameter_that_is_no_number(engine: Engine, delta: Any) -> None:
    prediction, target = operands(engine, ml.huber)
    with pytest.raises(TypeError, match="delta "):
        ml.huber(prediction, target, delta=delta)


def test_exponent_of_a_norm_has_no_axes(engine: Engine) -> None:
    prediction, target = operands(engine, ml.minkowski)
    with pytest.raises(ValueError, match="; pass one number, or a 0-d array"):
        ml.minkowski(prediction, target, p=engine.array([[1.0, 2.0, 3.0]]))
    for p in (0.5, np.inf):
        with pytest.raises(ValueError, match=f"p={p} is out of bounds; pass a finite number of"):
            ml.minkowski(prediction, target, p=p)
    result = ml.minkowski(prediction, target, p=engine.array(3.0))
    expected = np.sum(np.abs(PREDICTION - TARGET) ** 3) ** (1 / 3)
    assert float(engine.numpy(result)) == pytest.approx(expected, rel=1e-6)
    assert np.isnan(engine.numpy(ml.minkowski(prediction, target, p=engine.array(0.5))))


def test_several_quantiles_at_once(engine: Engine) -> None:
    levels = [0.1, 0.5, 0.9]
    target = engine.array(TARGET[:, :1])
    result = ml.pinball(
        engine.array(PREDICTION), target, q=engine.array([levels]), broadcast=True, axis=0
    )
    # By hand: residuals (-0.5, -2.25, 2) and (0, -2, -2.75) times q below and 1 - q above.
    expected = [0.05 / 2, (1.125 + 1.0) / 2, (0.1 * 2 + 0.9 * 2.75) / 2]
    np.testing.assert_allclose(engine.numpy(result), expected, rtol=1e-6)


def test_unknown_option() -> None:
    with pytest.raises(TypeError, match=r"huber has no option wieght; help\(huber\) tells"):
        ml.huber([1.0], [2.0], wieght=[1.0])  # type: ignore[call-arg]  # the mistake under test
    with pytest.raises(TypeError, match="huber has no option half;"):
        ml.huber([1.0], [2.0], half=True)  # type: ignore[call-arg]  # ditto


def test_complex_numbers(engine: Engine) -> None:
    both = engine.array([1.0, 1j], "complex64")
    with pytest.raises(TypeError, match="huber of complex numbers is not defined; pass real ones"):
        ml.huber(both, both)
