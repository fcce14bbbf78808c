"""The losses of overlap, which are no sums over elements, against their definitions."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library

pytestmark = pytest.mark.family

LOGITS = np.array([[0.5, -1.25, 3.0], [2.0, 0.25, -0.75], [1.5, 4.0, -2.0], [-0.5, 1.0, 8.0]])
SHARES = np.array([[0, 0.5, 1], [1, 0.25, 0], [0.75, 0, 0], [1, 1, 0.125]])
WEIGHT = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0], [0.25, 1.0, 1.0], [2.0, 2.0, 4.0]])
MASK = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=bool)
# Of a sum of a few elements of both signs.
RTOL = 64


def tversky(p: Any, t: Any, w: Any, axis: Any, parameters: tuple[float, float, float]) -> Any:
    smooth, alpha, beta = parameters
    right, extra, missed = (
        np.sum(w * each, axis=axis) for each in (p * t, p * (1 - t), (1 - p) * t)
    )
    return 1 - (right + smooth) / (right + alpha * extra + beta * missed + smooth)


def sigmoid(y: Any) -> Any:
    return 1 / (1 + np.exp(-y))


CALLS: dict[str, tuple[Any, tuple[float, float, float]]] = {
    "tversky": (ml.tversky, (0.0, 0.5, 0.5)),
    "tversky-parameters": (
        partial(ml.tversky, smooth=0.5, alpha=0.25, beta=2.0),
        (0.5, 0.25, 2.0),
    ),
    "dice": (ml.dice, (0.0, 0.5, 0.5)),
    "dice-smooth": (partial(ml.dice, smooth=0.5), (0.5, 0.5, 0.5)),
}
calls = pytest.mark.parametrize(("function", "parameters"), CALLS.values(), ids=CALLS)


@calls
@pytest.mark.parametrize("axis", [None, 0, (1,)], ids=str)
@pytest.mark.parametrize("from_logits", [True, False], ids=["logits", "probabilities"])
def test_definition_and_difference_quotients(
    engine: Library, function: Any, parameters: Any, axis: Any, from_logits: bool
) -> None:
    given = LOGITS if from_logits else sigmoid(LOGITS)
    weight = WEIGHT * MASK + (0.5 if axis == (1,) else 0.0)
    mask = weight > 0
    value, gradient = ml.value_and_grad(function)(
        engine.array(np.where(mask, given, np.nan)),
        engine.array(np.where(mask, SHARES, np.inf)),
        weight=engine.array(weight),
        where=engine.array(mask, "bool"),
        axis=axis,
        from_logits=from_logits,
    )

    def definition(y: Any) -> Any:
        p = sigmoid(y) if from_logits else y
        return tversky(p, SHARES, weight, axis, parameters)

    eps = engine.eps(value)
    np.testing.assert_allclose(engine.numpy(value), definition(given), rtol=RTOL * eps)
    step = 1e-6
    quotients = np.zeros(given.shape)
    for place in np.ndindex(given.shape):
        change = np.zeros(given.shape)
        change[place] = step
        quotients[place] = np.sum(definition(given + change) - definition(given - change)) / (
            2 * step
        )
    np.testing.assert_allclose(
        engine.numpy(gradient), quotients, rtol=max(1e-6, RTOL * eps), atol=1e-8
    )


@pytest.mark.parametrize("function", [ml.tversky, ml.dice])
def test_nothing_predicted_and_nothing_there(engine: Library, function: Any) -> None:
    nothing = engine.array([[0.0, 0.0], [0.5, 1.0]])
    value, gradient = ml.value_and_grad(function)(
        nothing, engine.array([[0.0, 0.0], [1.0, 1.0]]), axis=1, from_logits=False
    )
    # 1 - 1.5 / (1.5 + 0.5 / 2) = 1/7
    np.testing.assert_allclose(engine.numpy(value), [0, 1 / 7], rtol=1e-6)
    assert not np.any(engine.numpy(gradient)[0])
    nowhere = engine.array(np.zeros((2, 2), dtype=bool), "bool")
    assert not engine.numpy(function(nothing, nothing, where=nowhere))


def test_small_loss_keeps_its_digits(engine: Library) -> None:
    # 1 - 1 / (1 + d / 2) for d = 2^-40: (d / 2) / (1 + d / 2)
    missed = 2.0**-40
    value = ml.dice(engine.array([1.0, missed]), engine.array([1.0, 0.0]), from_logits=False)
    expected = missed / 2 / (1 + missed / 2)
    np.testing.assert_allclose(engine.numpy(value), expected, rtol=4 * engine.eps(value))


def test_large_arrays(tuned_engine: Library) -> None:
    rng = np.random.default_rng(0)
    logits, bits = rng.standard_normal((1100, 1000)), rng.integers(0, 2, (1100, 1000))
    value, gradient = ml.value_and_grad(ml.tversky)(
        tuned_engine.array(logits), tuned_engine.array(bits), alpha=0.25
    )
    exact = tversky(sigmoid(logits), bits, 1.0, None, (0.0, 0.25, 0.5))
    np.testing.assert_allclose(tuned_engine.numpy(value), exact, rtol=1e-5)
    assert tuple(gradient.shape) == logits.shape


def test_alpha_counts_false_positives() -> None:
    # One predicted and not there: TP = 1, FP = 1, FN = 0.
    prediction, target = np.array([1.0, 1.0]), [1, 0]
    assert ml.tversky(prediction, target, from_logits=False, alpha=0.25, beta=9.0) == 0.2


@pytest.mark.parametrize("name", ["smooth", "alpha", "beta"])
def test_parameters_have_no_axes(name: str) -> None:
    def loss(value: Any) -> Any:
        options: dict[str, Any] = {name: value}
        return ml.tversky([0.5], [0.5], **options)

    with pytest.raises(ValueError, match=f"{name} is a ndarray; pass one number, or a 0-d array"):
        loss(np.array([1.0]))
    assert loss(np.array(0.25)) == loss(0.25)
    assert np.isnan(loss(np.array(-1.0)))
