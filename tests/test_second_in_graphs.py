"""Second derivatives, where a compiler or automatic differentiation looks at them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import multiloss as ml

NEEDS = "engines"

PREDICTION, TARGET = [0.5, 3.0, -1.0], [0.0, 1.0, 1.5]
BOTH = ml.gradient_and_hessian(ml.log_cosh)
ONES = ml.gradient_and_hessian(ml.huber, nonpositive=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("both", [BOTH, ONES], ids=repr)
def test_in_torch_compile(both: Any) -> None:
    operands = torch.tensor(PREDICTION), torch.tensor(TARGET)
    compiled: Any = torch.compile(both, fullgraph=True, backend="eager")
    for found, reference in zip(compiled(*operands), both(*operands), strict=True):
        torch.testing.assert_close(found, reference)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [ml.get("huber", delta=2.0), ml.get("mse + mae")], ids=repr)
def test_values_in_torch_compile(loss: ml.Loss) -> None:
    operands = torch.tensor(PREDICTION), torch.tensor(TARGET)
    compiled: Any = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*operands), loss(*operands))


@pytest.mark.parametrize("both", [BOTH, ONES], ids=repr)
def test_in_jit(both: Any) -> None:
    operands = jnp.asarray(PREDICTION), jnp.asarray(TARGET)
    for found, reference in zip(jax.jit(both)(*operands), both(*operands), strict=True):
        np.testing.assert_allclose(found, reference, rtol=1e-6)


def test_of_a_jitted_loss() -> None:
    both = ml.gradient_and_hessian(jax.jit(ml.huber), nonpositive=1.0)
    operands = jnp.asarray(PREDICTION), jnp.asarray(TARGET)
    for found, reference in zip(both(*operands), ONES(*operands), strict=True):
        np.testing.assert_allclose(found, reference, rtol=1e-6)


# The third derivative of log(cosh(r)) is -2 tanh(r) / cosh²(r).
THIRD = (
    -2 * np.tanh(np.subtract(PREDICTION, TARGET)) / np.cosh(np.subtract(PREDICTION, TARGET)) ** 2
)


def test_derivative_in_torch() -> None:
    prediction = torch.tensor(PREDICTION, requires_grad=True)
    _, hessian = BOTH(prediction, torch.tensor(TARGET), reduction="sum")
    hessian.sum().backward()  # type: ignore[no-untyped-call]  # as PyTorch ships it
    assert prediction.grad is not None
    np.testing.assert_allclose(prediction.grad.numpy(), THIRD, rtol=1e-5)


def test_derivative_in_jax() -> None:
    def total(prediction: Any) -> Any:
        return BOTH(prediction, jnp.asarray(TARGET), reduction="sum")[1].sum()

    np.testing.assert_allclose(jax.grad(total)(jnp.asarray(PREDICTION)), THIRD, rtol=1e-5)
