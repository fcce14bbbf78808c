"""Losses as values: they are written, compared, hashed, pickled, added up and called."""

import json
import math
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import multiloss as ml
from engines import ENGINES, Library, strategies_of
from losses import PARAMETERS, PREDICTION, TARGET
from multiloss._registry import losses

WEIGHT = np.abs(PREDICTION) + 0.5
HUBER = ml.get("huber", delta=2.0)
SUM = 0.7 * ml.get("mse") + 0.3 * HUBER


@pytest.mark.parametrize("name", losses())
def test_a_name_is_a_loss(name: str) -> None:
    loss = ml.get(name)
    assert repr(loss) == name
    assert loss == ml.get(losses()[name]) == ml.get({"name": name})


@pytest.mark.parametrize(
    "written",
    [
        "huber(delta=2.0)",
        {"name": "huber", "delta": 2.0},
        {"name": "huber", "delta": 2},
        {"name": "huber", "delta": np.float64(2.0)},
        {"name": "huber", "delta": np.float32(2.0)},
        {"name": "huber", "delta": np.int64(2)},
        HUBER,
        partial(ml.huber, delta=2.0),
    ],
    ids=["text", "dict", "int", "float64", "float32", "int64", "loss", "partial"],
)
def test_what_is_one_loss(written: Any) -> None:
    assert ml.get(written) == HUBER
    assert hash(ml.get(written)) == hash(HUBER)


def test_an_option_by_default_is_none() -> None:
    assert ml.get("huber", delta=1.0) == ml.get("huber", delta=1) == ml.get("huber")
    assert ml.get("mse", empty=math.nan) == ml.get("mse")
    assert ml.get("mse", empty=0.0) != ml.get("mse")


def test_options_replace_those_before() -> None:
    assert ml.get(HUBER, delta=3.0) == ml.get("huber(delta=3.0)")
    assert ml.get("huber(delta=2.0)", reduction="sum") == ml.get(HUBER, reduction="sum")


NUMBERS = (
    st.floats(allow_nan=False)
    | st.floats(allow_nan=False).map(np.float64)
    | st.integers(-(10**6), 10**6)
    | st.booleans()
)


@st.composite
def values(draw: st.DrawFn) -> ml.Loss:
    terms = []
    for name, parameter in draw(st.lists(st.sampled_from([*PARAMETERS]), min_size=1, max_size=3)):
        weight = draw(st.floats(-1e3, 1e3))
        terms.append(weight * ml.get(name, **{parameter: draw(NUMBERS)}))
    total = terms[0]
    for each in terms[1:]:
        total += each
    return total


@given(values())
def test_what_is_printed_makes_it_again(loss: ml.Loss) -> None:
    assert ml.get(repr(loss)) == loss
    assert ml.get(json.loads(json.dumps(loss.to_dict()))) == loss
    assert pickle.loads(pickle.dumps(loss)) == loss  # noqa: S301  made by the test


def test_it_is_called_as_the_function_is() -> None:
    prediction, target = np.array([3.0, 0.0]), np.zeros(2)
    assert HUBER(prediction, target) == 2.0  # 2 (3 - 1) / 2
    assert HUBER(prediction, target, reduction="sum") == 4.0
    assert HUBER(prediction, target, delta=1.0) == 1.25
    value, gradient = ml.value_and_grad(HUBER)(prediction, target)
    assert value == 2.0
    np.testing.assert_array_equal(gradient, [1.0, 0.0])


# 0.7 · 9 + 0.3 · 4, and 0.7 · 6 + 0.3 · 2
@pytest.mark.parametrize(
    "loss",
    [
        SUM,
        (7 * ml.get("mse") + 3 * HUBER) / 10,
        SUM - ml.get("mae") + ml.get("mae"),
        lambda y, t: 0.7 * ml.mse(y, t) + 0.3 * ml.huber(y, t, delta=2.0),
        lambda y, t: np.float64(0.7) * ml.mse(y, t) + 0.3 * ml.huber(y, t, delta=2.0),
        lambda y, t: sum([0.7 * ml.mse(y, t), 0.3 * ml.huber(y, t, delta=2.0)]),
        lambda y, t: 1.4 * ml.mse(y, t) / 2 - -0.3 * ml.huber(y, t, delta=2.0),
    ],
    ids=["value", "quotient", "difference", "function", "numpy", "builtin", "operators"],
)
def test_sums_have_a_gradient(loss: Any) -> None:
    assert loss([3.0], [0.0]) == pytest.approx(7.5)
    value, gradient = ml.value_and_grad(loss)([3.0], [0.0])
    assert value == pytest.approx(7.5)
    assert gradient == pytest.approx([4.8])


def test_a_sum_prints_its_signs() -> None:
    loss = ml.get("mse") - 0.5 * ml.get("mae") - HUBER
    assert repr(loss) == "mse - 0.5 * mae - huber(delta=2.0)"


def test_parameters_of_one_name_are_told_apart(engine: Library) -> None:
    prediction, target = engine.array([[1.0, 5.0], [3.0, 0.0]]), engine.array(np.zeros((2, 2)))
    one, other = ml.get("huber", delta=[[1.0, 2.0]]), ml.get("huber", delta=3.0)
    total = (one + other)(prediction, target)
    # (0.5 + 8 + 2.5) / 4, and (0.5 + 10.5 + 4.5) / 4
    assert float(engine.numpy(total)) == pytest.approx(6.625, rel=1e-6)


def test_what_is_added_by_sum() -> None:
    assert sum([ml.get("mse"), ml.get("mae")]) == ml.get("mse + mae")


def test_a_dictionary_holds_no_custom_loss() -> None:
    def huber(xp: Any, prediction: Any, target: Any) -> Any:  # noqa: ARG001  the name of another one
        return (prediction - target) ** 4

    loss = ml.get(ml.make_loss(huber))
    assert loss(np.array([2.0]), [0.0]) == 16.0
    with pytest.raises(ValueError, match="huber is no loss of this package"):
        loss.to_dict()


def test_an_option_that_one_loss_has_not() -> None:
    with pytest.raises(TypeError, match="has no option reduction"):
        ml.get("sse + sse(half=False)")([1.0], [0.0], reduction="none")


def test_complex_numbers() -> None:
    # |1 + i|² twice
    assert ml.get("mse + mse")(np.array([1.0 + 1.0j]), [0.0]) == 4.0


def test_it_is_a_value() -> None:
    with pytest.raises(AttributeError, match="is a value"):
        HUBER.terms = ()


@pytest.mark.parametrize(
    ("written", "options", "error", "message"),
    [
        ("hubr", {}, ValueError, "there is no loss 'hubr'; did you mean huber"),
        ("huber(delt=1)", {}, TypeError, "huber has no option delt; did you mean delta"),
        ("mse *", {}, ValueError, "is no loss; write one as"),
        ("huber(**x)", {}, ValueError, "is no loss; write one as"),
        ("huber(1.0)", {}, ValueError, "is no loss; write one as"),
        ("print('x')", {}, ValueError, "is no loss; write one as"),
        (3.0, {}, TypeError, "got a float"),
        ({"sum": []}, {}, TypeError, "is no list of losses"),
        ({"name": 5}, {}, TypeError, "the name of a loss is text, got 5"),
        ({"delta": 1.0}, {}, ValueError, "has no name"),
        ("mse", {"weight": np.ones(2)}, TypeError, "weight is a ndarray"),
    ],
    ids=str,
)
def test_mistakes(written: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ml.get(written, **options)


@pytest.mark.parametrize(
    "options",
    [{}, {"reduction": "sum"}, {"reduction": "none"}, {"axis": 0}, {"weight": WEIGHT}],
    ids=["mean", "sum", "none", "axis", "weight"],
)
@pytest.mark.parametrize(
    "loss",
    [
        SUM,
        ml.get("2 * mse(half=True) - mape + 0.5 * gaussian_nll(variance=2.0)"),
        ml.get("mse + rmse"),
        ml.get("pinball(q=0.1) + pinball(q=0.9) + barron(alpha=1.5)"),
    ],
    ids=str,
)
def test_one_pass_is_the_sum(engine: Library, loss: ml.Loss, options: Any) -> None:
    prediction, target = engine.array(PREDICTION), engine.array(TARGET)
    options = {name: engine.array(v) if name == "weight" else v for name, v in options.items()}
    value, gradient = ml.value_and_grad(loss)(prediction, target, **options)
    alone = loss(prediction, target, **options)
    values, gradients = [], []
    for weight, function, own in loss.terms:
        part, slope = ml.value_and_grad(function)(prediction, target, **{**dict(own), **options})
        values.append(weight * engine.numpy(part))
        gradients.append(weight * engine.numpy(slope))
    rtol = 64 * engine.eps(value)
    for found in (value, alone):
        np.testing.assert_allclose(engine.numpy(found), sum(values), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(engine.numpy(gradient), sum(gradients), rtol=rtol, atol=rtol)


def test_a_sum_is_planned_once() -> None:
    with strategies_of(ENGINES["numpy"]()) as used:
        SUM(PREDICTION, TARGET)
        ml.get("mse + rmse")(PREDICTION, TARGET)
    assert len(used) == 1 + 2
