"""The laws as a kit for others: every public loss keeps them, and each broken loss is found."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from class_losses import generalized
from losses import FUNCTIONS, KINDS
from multiloss.testing import check_loss

NEEDS = "engines"

pytestmark = pytest.mark.slow


def test_a_loss_with_a_parameter() -> None:
    check_loss(ml.huber, delta=0.5)


def test_a_second_derivative_that_jumps_is_no_mistake() -> None:
    check_loss(ml.quantile_huber, q=0.9, delta=1e-3)


def test_a_slope_at_a_kink_lies_between_those_beside_it() -> None:
    # Of the nine predictions of check_loss, one is perfect; there the slope is 2, not from -1 to 1.
    def slope(xp: Any, y: Any, t: Any) -> Any:
        return xp.sign(y - t) + 2.0 * xp.astype(y == t, y.dtype)

    check_loss(ml.mae)
    with pytest.raises(AssertionError, match="slope is the derivative of the value"):
        check_loss(ml.make_loss(lambda xp, y, t: xp.abs(y - t), slope))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in KINDS else pytest.mark.exhaustive)
        for name in FUNCTIONS
    ],
)
def test_every_public_loss(name: str) -> None:
    check_loss(FUNCTIONS[name])


DISTRIBUTIONS = np.random.default_rng(0).dirichlet([1.0, 1.0, 1.0], 9)


OF_CLASSES: dict[str, tuple[Any, dict[str, Any]]] = {
    "cross_entropy": (ml.cross_entropy, {}),
    "smoothed": (ml.cross_entropy, {"target": DISTRIBUTIONS, "label_smoothing": 0.25}),
    "focal": (ml.focal, {"gamma": 0.5}),
    "kl_divergence": (ml.kl_divergence, {"target": DISTRIBUTIONS}),
    "jensen_shannon": (ml.jensen_shannon, {"target": DISTRIBUTIONS}),
    "brier": (ml.brier, {}),
    "multiclass_hinge": (ml.multiclass_hinge, {}),
    "custom": (generalized, {}),
    "custom with a parameter": (generalized, {"q": 1.0}),
}


@pytest.mark.parametrize(("loss", "parameters"), OF_CLASSES.values(), ids=OF_CLASSES)
def test_losses_of_classes(loss: Any, parameters: Any) -> None:
    check_loss(loss, **parameters)


def test_wrong_slope_of_classes() -> None:
    def value(xp: Any, y: Any, _t: Any) -> Any:
        return xp.sum(y * y, axis=-1)

    wrong = ml.make_loss(value, lambda _xp, y, _t: y, vector=True)
    with pytest.raises(AssertionError, match="slope is the derivative of the value"):
        check_loss(wrong)


def square(_xp: Any, y: Any, t: Any) -> Any:
    return (y - t) ** 2


def pinball(xp: Any, y: Any, t: Any, q: Any = 0.3) -> Any:
    # Both are numbers, which PyTorch takes for float32.
    return xp.where(y > t, 1 - q, q) * xp.abs(y - t)


def root(xp: Any, y: Any, t: Any) -> Any:
    # The derivative of the branch that is not taken is infinite.
    return xp.where(y == t, 0.0, xp.sqrt(xp.abs(y - t)))


def branch(_xp: Any, y: Any, t: Any) -> Any:
    # A compiler does not know the number.
    return (y - t) ** 2 if float(y[(0,) * y.ndim]) < 100 else y - t


def mixed(xp: Any, y: Any, t: Any) -> Any:
    return (y - t) ** 2 / xp.max(xp.abs(t))


def in_place(_xp: Any, y: Any, t: Any) -> Any:
    y -= t
    return y * y


def single(xp: Any, y: Any, t: Any) -> Any:
    return xp.astype(xp.astype(y - t, xp.float32) ** 2, y.dtype)


def by_hand(prediction: Any, target: Any, where: Any = None, **options: Any) -> Any:
    """Return squares with a mask that is applied too late."""
    if where is None:
        return ml.mse(prediction, target, **options)
    return np.mean(np.asarray((prediction - target) ** 2 * where))


def unweighted(prediction: Any, target: Any, *, weight: Any = None, **options: Any) -> Any:  # noqa: ARG001
    return ml.mse(prediction, target, **options)


def other_axis(prediction: Any, target: Any, *, axis: Any = None, **options: Any) -> Any:
    return ml.mse(prediction, target, axis=None if axis is None else 0, **options)


def unconverted(prediction: Any, target: Any, **options: Any) -> Any:
    value = ml.mse(prediction, target, **options)
    return value.astype(prediction.dtype) if hasattr(value, "astype") else value


def infinite(_xp: Any, y: Any, t: Any) -> Any:
    return (y - t) ** 2 / (t - t)


# What is broken, the law that finds it, and the loss.
BROKEN: dict[str, tuple[str, Callable[..., Any]]] = {
    "slope": ("slope is the derivative", ml.make_loss(square, lambda _xp, y, t: y - t)),
    "sign of the slope": ("slope is the", ml.make_loss(square, lambda _xp, y, t: 2 * (t - y))),
    "numbers in where": (r"double precision keeps its digits (torch", ml.make_loss(pinball)),
    "single precision": ("double precision keeps its digits", ml.make_loss(single)),
    "infinite branch": (
        "automatic differentiation finds the slope",
        ml.make_loss(
            root,
            lambda xp, y, t: xp.where(
                y == t, 0.0, xp.sign(y - t) / (2 * xp.sqrt(xp.abs(xp.where(y == t, 1.0, y - t))))
            ),
        ),
    ),
    "branch on a number": ("a compiled call gives the same", ml.make_loss(branch)),
    "elements that are mixed": ("a masked nan reaches", ml.make_loss(mixed)),
    "writes to its operands": ("operands are left unchanged", ml.make_loss(in_place)),
    "mask that comes late": ("a masked nan reaches neither", by_hand),
    "weights left out": ("a weight of n is an element n times", unweighted),
    "another axis": ("a slice along an axis", other_axis),
    "16 bits": ("integers and 16 bits are computed in floats", unconverted),
    "not finite": ("a loss is finite", ml.make_loss(infinite)),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("law", "loss"), BROKEN.values(), ids=BROKEN)
def test_broken_losses_are_found(law: str, loss: Any) -> None:
    with pytest.raises(AssertionError, match=re.escape(law)) as raised:
        check_loss(loss)
    assert re.search(r"\((numpy|torch|jax)\): (got|it cannot)", str(raised.value))


def test_parameters_are_passed_on() -> None:
    wrong = ml.make_loss(
        lambda _xp, y, t, scale: scale * (y - t) ** 2,
        lambda _xp, y, t, scale: 2 * (y - t),  # noqa: ARG005
    )
    check_loss(wrong, scale=1.0)
    with pytest.raises(AssertionError, match="slope is the derivative"):
        check_loss(wrong, scale=2.0)


def test_operands_of_a_loss_that_is_not_defined_everywhere() -> None:
    circle = ml.make_loss(lambda xp, y, t: (xp.sqrt(4 - y * y) - xp.sqrt(4 - t * t)) ** 2)
    with pytest.raises(AssertionError, match="a loss is finite"):
        check_loss(circle)
    operands = {"prediction": np.linspace(0.5, 0.9, 9), "target": np.linspace(0.8, 0.6, 9)}
    check_loss(circle, **operands)
