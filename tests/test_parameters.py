"""Parameters: numbers that are checked, and arrays that are learned, one for each output."""

import re
from functools import partial
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library
from losses import OF_VECTORS, PARAMETERS, Bounds
from multiloss._planning.options import REQUIRED, keywords_of
from multiloss._registry import losses
from multiloss._typing import OPTION_NAMES, Options

pytestmark = pytest.mark.family

PREDICTION = np.array([[0.5, -1.25, 3.0], [2.0, 0.0, -0.75]])
TARGET = np.array([[1.0, -1.0, 0.5], [2.0, -3.0, 0.75]])

# The keywords that are no number.
SWITCHES = {"from_logits", "full", "half", "log_input", *OPTION_NAMES}


def loss_with(loss: str, parameter: str) -> Any:
    """Return a loss, without the need to pass its other parameters."""
    needed: dict[tuple[str, str], Any] = {
        ("gaussian_nll", "eps"): {"variance": 0.5},
        ("poisson_nll", "eps"): {"log_input": False},
    }
    function = getattr(ml, loss)
    given = needed.get((loss, parameter))
    return function if given is None else partial(function, **given)


def test_every_parameter_is_here() -> None:
    found = {
        (name, parameter)
        for name, loss in losses().items()
        if name not in OF_VECTORS
        for parameter in keywords_of(loss) or ()
        if parameter not in SWITCHES
    }
    assert found == set(PARAMETERS)


@pytest.mark.parametrize(
    ("loss", "parameter", "domain"),
    [(*key, domain) for key, (domain, _) in PARAMETERS.items()],
    ids=map("-".join, PARAMETERS),
)
def test_numbers_within_and_out_of_bounds(loss: str, parameter: str, domain: Bounds) -> None:
    function = loss_with(loss, parameter)
    for number in domain.inside:
        assert not np.isnan(function([1.5], [1.0], **{parameter: number}))
    for number in domain.outside:
        message = re.escape(f"{parameter}={number!r} is out of bounds; pass ")
        with pytest.raises(ValueError, match=rf"\A{message}[^\n]*\Z"):
            function([1.5], [1.0], **{parameter: number})


# With a number beyond each end of the domain.
parameters = pytest.mark.parametrize(
    ("function", "name", "columns", "bad"),
    [
        pytest.param(loss_with(*key), key[1], columns, bad, id=f"{'-'.join(key)}-{bad}")
        for key, (domain, columns) in PARAMETERS.items()
        for bad in dict.fromkeys((domain.outside[0], domain.outside[-2]))
        if columns
    ],
)


def operands(engine: Library, function: Any) -> tuple[Any, Any]:
    if getattr(function, "func", function) in {ml.tweedie_deviance, ml.poisson_nll}:
        return engine.array(np.abs(PREDICTION) + 0.5), engine.array(np.abs(TARGET) + 0.5)
    if getattr(function, "__name__", "").startswith("binary"):
        return engine.array(PREDICTION), engine.array(np.abs(TARGET) / 4)
    return engine.array(PREDICTION), engine.array(TARGET)


@parameters
def test_one_for_each_column(
    engine: Library, function: Any, name: str, columns: list[float], bad: float
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
def test_array_out_of_bounds_gives_nan(
    engine: Library, function: Any, name: str, columns: list[float], bad: float
) -> None:
    prediction, target = operands(engine, function)
    value, gradient = ml.value_and_grad(function)(
        prediction, target, axis=0, **{name: engine.array([[columns[1], bad, columns[1]]])}
    )
    np.testing.assert_array_equal(np.isnan(engine.numpy(value)), [False, True, False])
    np.testing.assert_array_equal(
        np.isnan(engine.numpy(gradient)), np.tile([False, True, False], (2, 1))
    )


@parameters
def test_masked_parameters_do_not_leak(
    engine: Library, function: Any, name: str, columns: list[float], bad: float
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
    engine: Library, function: Any, name: str, columns: list[float], bad: float
) -> None:
    del bad
    number = columns[2]
    prediction, target = operands(engine, function)
    expected = function(prediction, target, **{name: number})
    forms = [np.float64(number), np.array(number), np.float32(number), engine.array(number)]
    if number == int(number):
        forms.append(int(number))
    for form in forms:
        result = function(prediction, target, **{name: form})
        rtol = 8 * float(np.finfo(np.float32).eps)
        np.testing.assert_allclose(engine.numpy(result), engine.numpy(expected), rtol=rtol)


def test_number_takes_no_part_in_promotion(engine: Library) -> None:
    single = engine.array([1.0, 2.0], "float32")
    for delta in (0.5, np.float64(0.5), 1):
        assert engine.dtype_name(ml.huber(single, single, delta=delta)) == "float32"
        assert engine.dtype_name(ml.barron(single, single, alpha=delta)) == "float32"
    if engine.has_float64:
        delta = engine.array([0.5], "float64")
        assert engine.dtype_name(ml.huber(single, single, delta=delta)) == "float64"


@pytest.mark.parametrize(
    ("shape", "hint"),
    [((3,), "pass delta[None, :]"), ((2,), "pass delta[:, None]"), ((4, 1), "as many axes")],
    ids=str,
)
def test_shape_of_a_parameter(engine: Library, shape: Any, hint: str) -> None:
    prediction, target = operands(engine, ml.huber)
    with pytest.raises(ValueError, match="delta has the shape") as raised:
        ml.huber(prediction, target, delta=engine.array(np.ones(shape)))
    assert hint in str(raised.value)


@pytest.mark.parametrize("delta", [None, "1", 1j], ids=str)
def test_parameter_that_is_no_number(engine: Library, delta: Any) -> None:
    prediction, target = operands(engine, ml.huber)
    with pytest.raises(TypeError, match="delta "):
        ml.huber(prediction, target, delta=delta)


def test_exponent_of_a_norm_has_no_axes(engine: Library) -> None:
    prediction, target = operands(engine, ml.minkowski)
    with pytest.raises(ValueError, match="; pass one number, or a 0-d array"):
        ml.minkowski(prediction, target, p=engine.array([[1.0, 2.0, 3.0]]))
    result = ml.minkowski(prediction, target, p=engine.array(3.0))
    expected = np.sum(np.abs(PREDICTION - TARGET) ** 3) ** (1 / 3)
    assert float(engine.numpy(result)) == pytest.approx(expected, rel=1e-6)
    assert np.isnan(engine.numpy(ml.minkowski(prediction, target, p=engine.array(0.5))))


def test_several_quantiles_at_once(engine: Library) -> None:
    levels = [0.1, 0.5, 0.9]
    target = engine.array(TARGET[:, :1])
    result = ml.pinball(
        engine.array(PREDICTION), target, q=engine.array([levels]), broadcast=True, axis=0
    )
    # By hand: residuals (-0.5, -2.25, 2) and (0, -2, -2.75) times q below and 1 - q above.
    expected = [0.05 / 2, (1.125 + 1.0) / 2, (0.1 * 2 + 0.9 * 2.75) / 2]
    np.testing.assert_allclose(engine.numpy(result), expected, rtol=1e-6)


@pytest.mark.parametrize("loss", losses())
def test_unknown_option(loss: str) -> None:
    function = losses()[loss]
    keywords: Any = keywords_of(function)
    needed = {name: 1.0 for name, default in keywords.items() if default is REQUIRED}
    with pytest.raises(TypeError, match=rf"\A{loss} has no option colour; it has ") as raised:
        function([1.0], [1.0], colour=1, **needed)
    listed = str(raised.value).partition(" it has ")[2].split(", ")
    # Those of the signature, all of them, and no other.
    assert sorted(listed) == sorted(keywords)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("mask", "where"),
        ("sample_weight", "weight"),
        ("dim", "axis"),
        ("wieght", "weight"),
        ("keepdim", "keepdims"),
        ("detla", "delta"),
    ],
)
def test_option_that_was_meant(given: str, meant: str) -> None:
    function: Any = ml.huber
    message = rf"\Ahuber has no option {given}; did you mean {meant}\? It has delta, weight, "
    with pytest.raises(TypeError, match=message):
        function([1.0], [2.0], **{given: 1.0})


def test_half_is_an_option_of_some() -> None:
    with pytest.raises(TypeError, match="huber has no option half;"):
        ml.huber([1.0], [2.0], half=True)  # type: ignore[call-arg]  # the mistake under test


def test_names_of_the_options() -> None:
    assert set(OPTION_NAMES) == Options.__optional_keys__


def test_complex_numbers(engine: Library) -> None:
    both = engine.array([1.0, 1j], "complex64")
    with pytest.raises(TypeError, match="huber of complex numbers is not defined; pass real ones"):
        ml.huber(both, both)
