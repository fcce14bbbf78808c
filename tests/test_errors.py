"""Wrong input gives one clear exception, which names what was given and the hint."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library
from losses import KINDS

CHECKED = ("mse", "sse", "huber")
losses = pytest.mark.parametrize("loss", [KINDS[name].function for name in CHECKED], ids=CHECKED)


def raises(kind: type[Exception], *parts: str) -> Any:
    """Expect an exception of one line that holds these parts in this order."""
    pattern = ".*".join(map(re.escape, parts))
    return pytest.raises(kind, match=rf"\A[^\n]*{pattern}[^\n]*\Z")


@losses
@pytest.mark.parametrize(
    ("prediction", "target"),
    [((4,), (4, 1)), ((4,), (3,)), ((4, 1), (1, 4)), ((), (1,)), ((2, 3), (3,))],
    ids=str,
)
def test_unequal_shapes(engine: Library, loss: Any, prediction: Any, target: Any) -> None:
    with raises(
        ValueError,
        f"prediction has the shape {prediction}",
        f"target has the shape {target}",
        "broadcast=True",
    ):
        loss(engine.array(np.zeros(prediction)), engine.array(np.zeros(target)))


@losses
def test_shapes_that_do_not_broadcast(engine: Library, loss: Any) -> None:
    with raises(ValueError, "(4,)", "(3,)", "do not broadcast"):
        loss(engine.array(np.zeros(4)), engine.array(np.zeros(3)), broadcast=True)


@losses
def test_number_as_prediction_of_an_array(engine: Library, loss: Any) -> None:
    with raises(ValueError, "prediction has the shape ()", "target has the shape (2,)"):
        loss(0.5, engine.array([1.0, 2.0]))


@losses
@pytest.mark.parametrize("role", ["weight", "where"])
@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((4,), "[:, None]"),
        ((3,), "[None, :]"),
        ((2, 3), "as many axes"),
        ((4, 3, 1), "as many axes"),
        ((), "as many axes"),
    ],
    ids=str,
)
def test_weight_and_mask_shapes(
    engine: Library, loss: Any, role: str, shape: Any, hint: str
) -> None:
    array = engine.array(np.ones(shape), "bool" if role == "where" else "float64")
    operand = engine.array(np.zeros((4, 3)))
    with raises(ValueError, f"{role} has the shape {shape}", "the loss has the shape (4, 3)", hint):
        loss(operand, operand, **{role: array})


@losses
def test_mask_that_is_not_boolean(engine: Library, loss: Any) -> None:
    operand = engine.array([1.0, 2.0])
    with raises(TypeError, "where has the dtype", "int32", "where != 0"):
        loss(operand, operand, where=engine.array([0, 1], "int32"))


@losses
def test_complex_weights(engine: Library, loss: Any) -> None:
    operand = engine.array([1.0, 2.0])
    with raises(TypeError, "weight has the dtype", "complex64", "pass real numbers"):
        loss(operand, operand, weight=engine.array([1j, 1], "complex64"))


@losses
@pytest.mark.parametrize(
    ("axis", "message"),
    [
        (2, "axis=2 is out of range: the loss has axes -2 to 1"),
        ((0, -3), "axis=(0, -3) is out of range"),
        ((1, -1), "axis=(1, -1) names an axis twice"),
        ("0", "axis must be None, an int or a tuple of ints; got '0'"),
        (0.0, "axis must be None, an int or a tuple of ints; got 0.0"),
    ],
    ids=str,
)
def test_axis(engine: Library, loss: Any, axis: Any, message: str) -> None:
    operand = engine.array(np.zeros((4, 3)))
    with raises(ValueError, message):
        loss(operand, operand, axis=axis)


@losses
def test_axis_of_a_scalar(engine: Library, loss: Any) -> None:
    with raises(ValueError, "axis=0 is out of range: the loss has no axis"):
        loss(engine.array(1.0), engine.array(2.0), axis=0)


@pytest.mark.parametrize("reduction", ["average", None, "Mean", 1, ["mean"]], ids=str)
def test_unknown_reduction(engine: Library, reduction: Any) -> None:
    operand = engine.array([1.0])
    with raises(ValueError, f"reduction={reduction!r} is unknown", "'mean', 'sum', 'none'"):
        ml.mse(operand, operand, reduction=reduction)


@pytest.mark.parametrize("empty", [None, "nan", [0.0]], ids=str)
def test_empty_that_is_no_number(engine: Library, empty: Any) -> None:
    operand = engine.array([1.0])
    with raises(ValueError, f"empty={empty!r} is not a number"):
        ml.mse(operand, operand, empty=empty)


def test_axis_without_reduction(engine: Library) -> None:
    operand = engine.array([1.0])
    with raises(ValueError, "reduction='none' reduces over no axis", "axis=0"):
        ml.mse(operand, operand, reduction="none", axis=0)


UNREADABLE: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "none": (lambda: None, ("of type NoneType", "pass an array")),
    "text": (lambda: "0.5", ("of type str", "pass an array")),
    "decimal": (lambda: Decimal("0.5"), ("of type Decimal", "pass an array")),
    "set": (lambda: {0.5}, ("of type set", "pass an array")),
    "generator": (lambda: (x for x in [0.5]), ("of type generator", "pass an array")),
    "ragged list": (lambda: [0.5, [1.0]], ("(list) cannot be read as an array", "inhomogeneous")),
    "list of objects": (lambda: [Decimal("0.5")], ("dtype object", "convert it")),
    "array of text": (lambda: np.array(["a"]), ("dtype <U1", "convert it")),
    "dates": (lambda: np.array(["2026-01-01"], "datetime64[D]"), ("datetime64", "convert it")),
    "masked array": (lambda: np.ma.array([0.5], mask=[True]), ("MaskedArray", "where=~mask")),
}


@losses
@pytest.mark.parametrize(
    ("role", "make", "parts"),
    [
        pytest.param(role, *case, id=f"{role}-{name}")
        for role in ("prediction", "target", "weight")
        for name, case in UNREADABLE.items()
        if (role, name) != ("weight", "none")  # stands for no weights
    ],
)
def test_what_is_no_array(
    engine: Library, loss: Any, role: str, make: Any, parts: tuple[str, ...]
) -> None:
    operands = {"prediction": engine.array([1.0]), "target": engine.array([1.0]), role: make()}
    with raises(TypeError, role, *parts):
        loss(**operands)


@pytest.mark.parametrize("given", [None, 3, "mse", ml], ids=["none", "int", "str", "module"])
def test_value_and_grad_of_no_function(given: Any) -> None:
    with raises(TypeError, "value_and_grad takes a loss", f"got a {type(given).__name__}"):
        ml.value_and_grad(given)
    # A function that is no loss of this package gets no gradient of it.
    with raises(TypeError, "value_and_grad takes a loss", "lambda", "float"):
        ml.value_and_grad(lambda _prediction, _target: 0.0)([1.0], [2.0])
    with raises(TypeError, "takes their sums and their products with Python numbers alone"):
        ml.value_and_grad(lambda y, t: ml.mse(y, t) ** 2)([1.0], [2.0])
    with raises(TypeError, "takes their sums and their products with Python numbers alone"):
        ml.value_and_grad(lambda y, t: ml.mse(y, t) + 1.0)([1.0], [2.0])
    with raises(TypeError, "value_and_grad of value_and_grad"):
        ml.value_and_grad(ml.value_and_grad(ml.mse))([1.0], [2.0])


def test_options_are_keywords() -> None:
    with pytest.raises(TypeError, match="positional"):
        ml.mse([1.0], [1.0], [1.0])  # type: ignore[arg-type, call-arg]  # the mistake under test


@pytest.mark.parametrize("role", ["target", "delta", "empty"])
def test_integer_beyond_every_float(engine: Library, role: str) -> None:
    operands: Any = {"prediction": engine.array([1.0]), "target": engine.array([1.0])}
    with raises(ValueError, f"{role} is an integer beyond the largest float; pass a float, or inf"):
        ml.huber(**{**operands, role: 10**400})


def test_prediction_beyond_every_float() -> None:
    with raises(ValueError, "prediction is an integer beyond the largest float; pass a float"):
        ml.mse(10**400, 1.0)


def test_list_that_holds_itself(engine: Library) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with raises(TypeError, "target is nested more than 64 deep; make one array of it first"):
        ml.mse(engine.array([1.0]), endless)


MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "matmul": lambda x, w: x @ w,
    "reflected": lambda x, w: w @ x,
    "operator": lambda _, w: 2 * w + 1,
    "unary": lambda _, w: -w,
    "method": lambda _, w: w.reshape(-1),
    "index": lambda _, w: w[0],
    "function": lambda _, w: np.exp(w),
    "array": lambda _, w: np.asarray(w),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_value_and_grad_of_a_model(engine: Library, model: Any) -> None:
    x, target = engine.array([[1.0, 2.0], [3.0, 4.0]]), engine.array([1.0, 2.0])
    weights = engine.array([0.5, 0.5])
    with raises(
        TypeError,
        "value_and_grad differentiates with respect to the prediction",
        "multiply the gradient with the derivative of the prediction (X.T @ gradient for X @ w)",
    ):
        ml.value_and_grad(lambda w: ml.mse(model(x, w), target))(weights)
    # As the message says.
    _, gradient = ml.value_and_grad(ml.mse)(x @ weights, target)
    # X w - t = [0.5, 1.5], which is also the gradient of its mean square.
    np.testing.assert_allclose(engine.numpy(x.T @ gradient), [0.5 + 4.5, 1.0 + 6.0], rtol=1e-6)
