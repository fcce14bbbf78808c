"""Losses that are the same in a special case."""

from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library
from losses import CLASSIFICATION_PEERS, PEERS, SPECIAL_CASES
from multiloss.__main__ import peers
from multiloss._registry import losses

pytestmark = [pytest.mark.slow, pytest.mark.family]

RNG = np.random.default_rng(0)
PREDICTION, TARGET = RNG.gamma(2.0, 2.0, (40, 3)), RNG.poisson(3.0, (40, 3)) + 0.5


@pytest.mark.parametrize(("one", "other", "factor"), SPECIAL_CASES.values(), ids=SPECIAL_CASES)
def test_special_cases_coincide(engine: Library, one: Any, other: Any, factor: float) -> None:
    operands = engine.array(PREDICTION), engine.array(TARGET)
    value, gradient = ml.value_and_grad(one)(*operands)
    alone = one(*operands)
    other_value, other_gradient = ml.value_and_grad(other)(*operands)
    rtol = 64 * engine.eps(value)
    for found in (value, alone):
        reference = factor * engine.numpy(other_value)
        np.testing.assert_allclose(engine.numpy(found), reference, rtol=rtol)
    np.testing.assert_allclose(
        engine.numpy(gradient), factor * engine.numpy(other_gradient), rtol=rtol, atol=1e-9
    )


def test_every_loss_is_equal_to_another() -> None:
    cases = [each for *pair, _ in SPECIAL_CASES.values() for each in pair]
    special = {getattr(each, "func", each).__name__ for each in cases}
    known = {each.name for each in (*PEERS, *CLASSIFICATION_PEERS)}
    compared = {
        name
        for name, loss in losses().items()
        if {peer.partition("(")[0] for peer in peers(loss)} & known
    }
    assert special | compared == set(losses())
