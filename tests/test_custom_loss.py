"""make_loss: a custom loss is a loss like any other."""

import inspect
import re
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library
from losses import cubic, made
from multiloss._typing import OPTION_NAMES

pytestmark = pytest.mark.family

PREDICTION = np.array([[0.5, -1.25, 3.0], [2.0, 0.0, -0.75]])
TARGET = np.array([[1.0, -1.0, 0.5], [2.0, -3.0, 0.75]])


with_slope = made
without_slope = ml.make_loss(cubic)


def test_every_option(engine: Library) -> None:
    weight, mask = np.array([[1.0, 2.0, 0.5]]), np.array([[True], [False]])
    value, gradient = ml.value_and_grad(with_slope)(
        engine.array(PREDICTION),
        engine.array(TARGET),
        weight=engine.array(weight),
        where=engine.array(mask, "bool"),
        axis=1,
        empty=-1.0,
        scale=2.0,
    )
    residual = (PREDICTION - TARGET)[0] / 2
    expected = np.sum(weight[0] * np.abs(residual) ** 3) / 3.5
    np.testing.assert_allclose(engine.numpy(value), [expected, -1.0], rtol=1e-6)
    slope = weight[0] * 1.5 * residual * np.abs(residual) / 3.5
    np.testing.assert_allclose(engine.numpy(gradient), [slope, np.zeros(3)], rtol=1e-6)


def test_without_a_slope(engine: Library) -> None:
    operands = engine.array(PREDICTION), engine.array(TARGET)
    value = without_slope(*operands, scale=engine.array([[1.0, 2.0, 4.0]]))
    expected = np.mean(np.abs((PREDICTION - TARGET) / [[1, 2, 4]]) ** 3)
    np.testing.assert_allclose(engine.numpy(value), expected, rtol=1e-6)
    if engine.differentiates:
        result = ml.value_and_grad(without_slope)(*operands, weight=engine.array([[1.0, 2.0, 3.0]]))
        closed = ml.value_and_grad(with_slope)(*operands, weight=engine.array([[1.0, 2.0, 3.0]]))
        for found, reference in zip(result, closed, strict=True):
            np.testing.assert_allclose(engine.numpy(found), engine.numpy(reference), rtol=1e-6)
        return
    with pytest.raises(TypeError, match="cubic has no slope, and "):
        ml.value_and_grad(without_slope)(*operands)


def test_broadcast_prediction_without_a_slope(engine: Library) -> None:
    if not engine.differentiates:
        return
    row, target = engine.array(PREDICTION[0]), engine.array(TARGET)
    _, gradient = ml.value_and_grad(without_slope)(row, target, broadcast=True)
    _, closed = ml.value_and_grad(with_slope)(row, target, broadcast=True)
    np.testing.assert_allclose(engine.numpy(gradient), engine.numpy(closed), rtol=1e-6)


@pytest.mark.slow
def test_large_arrays(tuned_engine: Library) -> None:
    rng = np.random.default_rng(0)
    prediction, target = rng.standard_normal((2, 2000, 700))
    scale = rng.random((1, 700)) + 0.5
    value, gradient = ml.value_and_grad(with_slope)(
        tuned_engine.array(prediction), tuned_engine.array(target), scale=tuned_engine.array(scale)
    )
    residual = (prediction - target) / scale
    np.testing.assert_allclose(tuned_engine.numpy(value), np.mean(np.abs(residual) ** 3), rtol=1e-5)
    np.testing.assert_allclose(
        tuned_engine.numpy(gradient),
        3 / scale * residual * np.abs(residual) / residual.size,
        rtol=1e-3,
        atol=1e-11,
    )


def test_result_may_be_an_operand(engine: Library) -> None:
    identity = ml.make_loss(
        lambda _xp, prediction, _target: prediction, lambda xp, y, _t: xp.ones_like(y)
    )
    prediction = engine.array(PREDICTION)
    weight = engine.array(PREDICTION)
    value, gradient = ml.value_and_grad(identity)(
        prediction, engine.array(TARGET), weight=weight, reduction="sum"
    )
    np.testing.assert_allclose(engine.numpy(value), np.sum(PREDICTION**2), rtol=1e-6)
    np.testing.assert_allclose(engine.numpy(gradient), PREDICTION)
    np.testing.assert_array_equal(engine.numpy(prediction), PREDICTION)


@pytest.mark.parametrize("shape", [(3, 4), (300, 400)], ids=str)
def test_slope_may_be_an_operand(tuned_engine: Library, shape: Any) -> None:
    product = ml.make_loss(lambda _xp, y, t: y * t, lambda _xp, _y, t: t)
    given = np.arange(np.prod(shape), dtype=float).reshape(shape) % 7
    prediction, target = tuned_engine.array(given), tuned_engine.array(given)
    weight = tuned_engine.array(np.full((1, shape[1]), 2.0))
    _, gradient = ml.value_and_grad(product)(prediction, target, weight=weight, reduction="sum")
    np.testing.assert_array_equal(tuned_engine.numpy(gradient), 2 * given)
    np.testing.assert_array_equal(tuned_engine.numpy(target), given)


def test_keyword_only_parameters_and_no_defaults() -> None:
    @ml.make_loss
    def power(_xp: Any, prediction: Any, target: Any, *, p: float) -> Any:
        return abs(prediction - target) ** p

    assert power(np.array([3.0]), 1.0, p=3) == 8.0
    with pytest.raises(TypeError, match="power needs p; pass it as a keyword"):
        power([3.0], [1.0])
    with pytest.raises(TypeError, match="power has no option q; it has p, weight, "):
        power([3.0], [1.0], p=3, q=1)
    with pytest.raises(ValueError, match="p=nan is out of bounds"):
        power([3.0], [1.0], p=float("nan"))


def test_name_and_docstring() -> None:
    assert with_slope.__name__ == "cubic"  # type: ignore[attr-defined]  # a function has one
    assert with_slope.__doc__ == "Return the third power of the absolute residual."


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "make_loss takes functions of xp, prediction and target, got None"),
        (lambda prediction, target: prediction - target, "write it as (xp, prediction, target)"),
        (lambda xp, *operands: operands, "write it as (xp, prediction, target)"),  # noqa: ARG005
    ],
    ids=["none", "two arguments", "variadic"],
)
def test_what_is_no_value_function(value: Any, message: str) -> None:
    with pytest.raises(TypeError) as raised:
        ml.make_loss(value)
    assert message in str(raised.value)


def test_parameter_named_as_an_option() -> None:
    with pytest.raises(TypeError, match="make_loss takes functions of xp, prediction and"):
        ml.make_loss(cubic, 3)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(ValueError, match="has a parameter prediction, the name of an argument"):
        ml.make_loss(lambda xp, y, t, prediction: y)  # noqa: ARG005
    with pytest.raises(ValueError, match="has a parameter weight, the name of an argument"):
        ml.make_loss(lambda xp, y, t, weight: y)  # noqa: ARG005


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda xp, y, t: xp.sum(y - t), "returned the shape ()"),
        (lambda xp, y, t: 1.0, "returned a float"),  # noqa: ARG005
    ],
    ids=["reduced", "number"],
)
def test_value_of_the_wrong_shape(engine: Library, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match="one number for each element") as raised:
        ml.make_loss(value)(engine.array(PREDICTION), engine.array(TARGET))
    assert message in str(raised.value)


def test_signature_is_that_of_the_losses_of_the_package() -> None:
    parameters = inspect.signature(with_slope).parameters
    assert list(parameters) == ["prediction", "target", "scale", *OPTION_NAMES]
    assert parameters["scale"].default == 1.0
    message = r"cubic has no option mask; did you mean where\? It has scale, weight"
    with pytest.raises(TypeError, match=message):
        with_slope([1.0], [1.0], mask=[True])


@pytest.mark.parametrize("size", [10, 2**15 - 1, 2**15, 2**21 + 1], ids=str)
def test_wrong_slope_shows_at_no_size_or_at_each(tuned_engine: Library, size: int) -> None:
    wrong = ml.make_loss(lambda _xp, y, t: (y - t) ** 2, lambda _xp, y, t: 3 * (y - t))
    given = np.linspace(1.0, 2.0, size)
    prediction, zeros = tuned_engine.array(given), tuned_engine.array(np.zeros(size))
    # The closed form takes the caller's word,
    _, gradient = ml.value_and_grad(wrong)(prediction, zeros, reduction="sum")
    np.testing.assert_allclose(tuned_engine.numpy(gradient), 3 * given, rtol=1e-6)
    # and automatic differentiation that of the value.
    if tuned_engine.name.startswith("torch"):
        prediction.requires_grad_()
        wrong(prediction, zeros, reduction="sum").backward()
        np.testing.assert_allclose(tuned_engine.numpy(prediction.grad), 2 * given)
    elif tuned_engine.name.startswith("jax"):
        import jax

        found = jax.grad(wrong)(prediction, zeros, reduction="sum")
        np.testing.assert_allclose(found, 2 * given, rtol=1e-6)


INTERVALS = {
    # The interval, numbers in it, and numbers that are not.
    "(0, inf)": ([1e-300, 5.0], [0.0, -1.0, np.inf, np.nan]),
    "[0, 1]": ([0.0, 0.5, 1.0], [-1e-9, 1.001, np.nan]),
    "(-inf,2]": ([-1e30, 2.0], [2.001, -np.inf]),
}


@pytest.mark.parametrize(("interval", "numbers"), INTERVALS.items(), ids=INTERVALS)
def test_bounds_of_parameters(engine: Library, interval: str, numbers: Any) -> None:
    inside, outside = numbers
    loss = ml.make_loss(lambda xp, y, t, c: xp.abs(y - t) + c, bounds={"c": interval})
    one, zero = engine.array([1.0]), engine.array([0.0])
    for number in inside:
        result = loss(one, zero, c=number)
        np.testing.assert_allclose(engine.numpy(result), 1.0 + number, rtol=1e-6)
    for number in outside:
        with pytest.raises(
            ValueError, match=re.escape(f"c={number!r} is out of bounds; pass a nu")
        ):
            loss(one, zero, c=number)
        column = engine.array([number])
        assert np.isnan(engine.numpy(loss(one, zero, c=column, reduction="none")))


@pytest.mark.parametrize(
    "interval", ["0, 1", "[a, b]", "(1)", "", "[1, 0]", "(nan, 1)", (0, 1), None], ids=str
)
def test_no_interval(interval: Any) -> None:
    with pytest.raises(
        ValueError, match=r"is no interval; write one as '\(0, inf\)' or '\[0, 1\]'"
    ):
        ml.make_loss(cubic, bounds={"scale": interval})


def test_bounds_of_no_parameter() -> None:
    with pytest.raises(ValueError, match="bounds has delta, which is no parameter of cubic"):
        ml.make_loss(cubic, bounds={"delta": "[0, 1]"})
