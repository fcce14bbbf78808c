"""Custom losses whose items are vectors of classes."""

import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from class_losses import LABELS, SCORES, generalized, generalized_value, softmax
from engines import Library
from losses import mp

pytestmark = pytest.mark.family

WEIGHT = np.array([1.0, 0.0, 0.5, 3.0])
MASK = np.array([True, True, False, True])
Q = 0.5


def by_definition() -> tuple[Any, Any]:
    """Return (1 - p^q) / q of each vector, and p^q (p - t), in multiple precision."""
    values, slopes = [], []
    for row, label in zip(SCORES, LABELS, strict=True):
        p = softmax([mp.mpf(float(y)) for y in row])
        power = p[label] ** mp.mpf(Q)
        values.append(float((1 - power) / Q))
        slopes.append([float(power * (each - (c == label))) for c, each in enumerate(p)])
    return np.array(values), np.array(slopes)


def test_every_option(engine: Library) -> None:
    values, slopes = by_definition()
    labels = np.where(MASK, LABELS, -100)
    value, gradient = ml.value_and_grad(generalized)(
        engine.array(SCORES),
        engine.array(labels, "int32"),
        q=Q,
        weight=engine.array(WEIGHT),
        where=engine.array(MASK, "bool"),
    )
    share = WEIGHT * MASK / np.sum(WEIGHT * MASK)
    rtol = 16 * engine.eps(value)
    np.testing.assert_allclose(engine.numpy(value), np.sum(share * values), rtol=rtol)
    np.testing.assert_allclose(
        engine.numpy(gradient), share[:, None] * slopes, rtol=rtol, atol=rtol
    )
    moved, gradient = ml.value_and_grad(generalized)(
        engine.array(SCORES.T), engine.array(LABELS, "int32"), q=Q, class_axis=0, reduction="none"
    )
    np.testing.assert_allclose(engine.numpy(moved), values, rtol=rtol)
    np.testing.assert_allclose(engine.numpy(gradient), slopes.T, rtol=rtol, atol=rtol)


def test_label_out_of_range(engine: Library) -> None:
    labels = engine.array([0, 3, -1, 1], "int32")
    value, gradient = ml.value_and_grad(generalized)(engine.array(SCORES), labels, reduction="none")
    assert np.isnan(engine.numpy(value)).tolist() == [False, True, True, False]
    assert np.isnan(engine.numpy(gradient)).any(axis=1).tolist() == [False, True, True, False]


def test_without_a_slope(engine: Library) -> None:
    loss = ml.make_loss(generalized_value, vector=True)
    operands = engine.array(SCORES), engine.array(LABELS, "int32")
    assert float(engine.numpy(loss(*operands))) == pytest.approx(
        float(engine.numpy(generalized(*operands)))
    )
    if engine.differentiates:
        found, expected = (ml.value_and_grad(each)(*operands)[1] for each in (loss, generalized))
        np.testing.assert_allclose(engine.numpy(found), engine.numpy(expected), rtol=1e-5)
    else:
        with pytest.raises(TypeError, match="has no slope"):
            ml.value_and_grad(loss)(*operands)


def test_signature_and_pickle() -> None:
    assert inspect.signature(generalized).parameters["class_axis"].default == -1
    copy = pickle.loads(pickle.dumps(generalized))  # noqa: S301  made by the test
    assert copy(SCORES, LABELS, q=Q) == generalized(SCORES, LABELS, q=Q)
    assert "class_axis" not in inspect.signature(ml.make_loss(lambda _xp, y, t: y - t)).parameters


def test_mistakes() -> None:
    message = r"of the shape \(4,\); return an array with one number for each vector"
    with pytest.raises(ValueError, match=message):
        ml.make_loss(lambda _xp, y, _t: y, vector=True)(SCORES, LABELS)
    flat = ml.make_loss(lambda _xp, y, _t: y[..., 0], lambda _xp, y, _t: y[..., 0], vector=True)
    with pytest.raises(ValueError, match="one number for each score"):
        ml.value_and_grad(flat)(SCORES, LABELS)
    with pytest.raises(ValueError, match="has a parameter class_axis, the name of an argument"):
        ml.make_loss(lambda _xp, y, _t, class_axis: y * class_axis)
    with pytest.raises(ValueError, match="q=2 is out of bounds"):
        generalized(SCORES, LABELS, q=2)
