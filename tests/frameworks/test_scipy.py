"""scipy.optimize.minimize, with the gradient in closed form."""

import numpy as np
import pytest
from scipy.optimize import minimize

import multiloss as ml

NEEDS = "frameworks"

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(100, 3))
TRUTH = DATA @ [1.0, -2.0, 0.5]


def test_least_squares_are_those_of_numpy() -> None:
    noisy = TRUTH + RNG.normal(size=100)

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = ml.value_and_grad(ml.sse)(DATA @ coefficients, noisy)
        return value, DATA.T @ gradient

    result = minimize(loss, np.zeros(3), jac=True)
    expected, *_ = np.linalg.lstsq(DATA, noisy, rcond=None)
    np.testing.assert_allclose(result.x, expected, rtol=1e-5)


def test_outliers_are_left_out() -> None:
    spoiled = TRUTH.copy()
    spoiled[::10] += 100.0

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        both = ml.value_and_grad(ml.tukey_biweight)
        value, gradient = both(DATA @ coefficients, spoiled, reduction="sum")
        return value, DATA.T @ gradient

    result = minimize(loss, np.zeros(3), jac=True)
    assert result.x == pytest.approx([1.0, -2.0, 0.5], abs=1e-4)
