"""The derivatives that PyTorch and JAX find are those of the definition, of both orders."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import multiloss as ml
from engines import enable_x64
from losses import LOSSES, elements, every, expected
from test_extremes import EXTREMES, OF_RESIDUALS, exact, residuals

NEEDS = "engines"

pytestmark = pytest.mark.slow

ELEMENTWISE = {name: loss for name, loss in LOSSES.items() if loss.exponent == 1.0}


@every(LOSSES)
def test_gradient_in_pytorch(name: str) -> None:
    prediction, target = map(torch.tensor, LOSSES[name].operands())
    prediction.requires_grad_()
    LOSSES[name].function(prediction, target).backward()
    assert prediction.grad is not None
    _check(name, prediction.grad.numpy(), expected(name)[1])


@every(LOSSES)
def test_gradient_in_jax(name: str) -> None:
    with enable_x64(True):
        gradient = jax.jit(jax.grad(LOSSES[name].function))(
            *map(jnp.asarray, LOSSES[name].operands())
        )
    _check(name, gradient, expected(name)[1])


@every(ELEMENTWISE)
def test_second_derivative_in_pytorch(name: str) -> None:
    prediction, target = map(torch.tensor, LOSSES[name].operands())
    prediction.requires_grad_()
    loss = LOSSES[name].function(prediction, target, **_summed(name))
    (gradient,) = torch.autograd.grad(loss, prediction, create_graph=True)
    second: Any = torch.zeros_like(prediction)
    if gradient.requires_grad:
        (second,) = torch.autograd.grad(gradient.sum(), prediction)
    # Added to, since old releases give the bytes of a zero that was never written.
    _check_second(name, (second + 0.0).numpy(force=True))


@every(ELEMENTWISE)
def test_second_derivative_in_jax(name: str) -> None:
    with enable_x64(True):
        prediction, target = map(jnp.asarray, LOSSES[name].operands())

        def gradient(y: Any) -> Any:
            return jax.grad(LOSSES[name].function)(y, target, **_summed(name))

        second = jax.jvp(gradient, (prediction,), (jnp.ones_like(prediction),))[1]
    _check_second(name, second)


@every(ELEMENTWISE)
def test_second_derivative_of_the_closed_form(name: str) -> None:
    prediction, target = map(torch.tensor, LOSSES[name].operands())
    prediction.requires_grad_()
    both = ml.value_and_grad(LOSSES[name].function)
    _, gradient = both(prediction, target, **_summed(name))
    second: Any = torch.zeros_like(prediction)
    if gradient.requires_grad:
        (second,) = torch.autograd.grad(gradient.sum(), prediction)
    # Added to, since old releases give the bytes of a zero that was never written.
    _check_second(name, (second + 0.0).numpy(force=True))


def _summed(name: str) -> dict[str, str]:
    return {"reduction": "sum"} if LOSSES[name].reduction == "mean" else {}


def _check(name: str, result: Any, reference: Any) -> None:
    rtol = 16 * LOSSES[name].ulps * np.finfo(float).eps
    np.testing.assert_allclose(np.asarray(result), reference, rtol=rtol, atol=1e-15)


def _check_second(name: str, second: Any) -> None:
    loss = LOSSES[name]
    prediction, target = loss.operands()
    counts = np.abs(prediction - target) > 0
    if loss.is_smooth_when_perfect:
        counts[:] = True
    if name == "smape":
        counts &= prediction != 0
    reference = elements(name, 2)
    np.testing.assert_allclose(
        np.asarray(second)[counts], reference[counts], rtol=1e-10, atol=1e-13
    )


# The residuals at which a branch changes: nothing may leak from one into the other.
THRESHOLDS = [0.0, 0.25, 0.75, 2.25, 20.0, 2.0**60, 0.75 * 2.0**60, 1.5 * 2.0**60]


@every(OF_RESIDUALS)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_autodiff_is_the_closed_form_at_every_size(name: str, sign: float, library: str) -> None:
    normal = [each for each in residuals("float32") if each > np.finfo(np.float32).tiny]
    given = sign * np.array([*THRESHOLDS, *normal], np.float32).reshape(-1, 1)
    function = OF_RESIDUALS[name].function
    value, closed = ml.value_and_grad(function)(given, np.zeros_like(given), axis=1)
    if library == "torch":
        prediction = torch.tensor(given, requires_grad=True)
        function(prediction, torch.zeros_like(prediction), axis=1).sum().backward()
        assert prediction.grad is not None
        found = prediction.grad.numpy()
    else:
        zeros = jnp.zeros_like(given)
        found = np.asarray(jax.grad(lambda y: function(y, zeros, axis=1).sum())(given))
    # Where the value overflows, autodiff has nothing to go by.
    counts = np.isfinite(value)
    assert np.count_nonzero(counts) > len(THRESHOLDS)
    np.testing.assert_allclose(found[counts], closed[counts], rtol=1e-4, atol=1e-8)


_OVERFLOWS = "autodiff multiplies a target beyond a quarter of the largest number by 4"
_CANCELS = "the terms of the derivative cancel, as the docstring says"
LOST = {
    "poisson": _OVERFLOWS,
    "poisson-64": _OVERFLOWS,
    "poisson_nll-rate": _CANCELS,
    "smape": _CANCELS,
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name, marks=pytest.mark.xfail(reason=LOST[name], strict=True) if name in LOST else ()
        )
        for name in EXTREMES
    ],
)
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_autodiff_at_extremes(name: str, library: str) -> None:
    extreme = EXTREMES[name]
    _, slope = exact(extreme)
    y, t = (np.array([each], extreme.dtype) for each in extreme[3:5])
    if library == "torch":
        prediction = torch.tensor(y, requires_grad=True)
        extreme.function(prediction, torch.tensor(t)).backward()
        assert prediction.grad is not None
        found = prediction.grad.numpy()
    else:
        with enable_x64(extreme.dtype == "float64"):
            found = np.asarray(jax.grad(extreme.function)(jnp.asarray(y), jnp.asarray(t)))
    limits = np.finfo(extreme.dtype)
    np.testing.assert_allclose(
        found,
        [slope],
        rtol=256 * float(limits.eps),
        atol=float(limits.tiny) + extreme.slope_atol,
    )


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_branches_that_are_not_taken_do_not_leak(library: str) -> None:
    # (y - t)² of any sign, where the deviance of another power is not defined.
    y, t = [1.0, 2.0, -3.0, 0.0, 1e30, 1e30], [-1.0, 1.0, 2.0, 0.0, -1.0, 1.0]
    if library == "torch":
        prediction = torch.tensor(y, requires_grad=True)
        loss: Any = ml.tweedie_deviance(prediction, torch.tensor(t), reduction="sum")
        loss.backward()
        assert prediction.grad is not None
        found: Any = prediction.grad
    else:
        found = jax.grad(ml.tweedie_deviance)(jnp.asarray(y), jnp.asarray(t), reduction="sum")
    np.testing.assert_allclose(found, [4.0, 2.0, -10.0, 0.0, 2e30, 2e30], rtol=1e-6)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_rate_of_zero_is_right_for_no_count(library: str) -> None:
    # d/dy of 2 (t log(t / y) - t + y) at y = t = 0 is 2.
    if library == "torch":
        prediction = torch.tensor([0.0, 3.0], requires_grad=True)
        loss: Any = ml.poisson_deviance(prediction, torch.tensor([0.0, 3.0]), reduction="sum")
        loss.backward()
        assert prediction.grad is not None
        found: Any = prediction.grad
    else:
        found = jax.grad(ml.poisson_deviance)(
            jnp.array([0.0, 3.0]), jnp.array([0.0, 3.0]), reduction="sum"
        )
    np.testing.assert_array_equal(found, [2.0, 0.0])


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("library", ["torch", "jax"])
def test_derivatives_of_minkowski_at_a_residual_of_zero(p: float, library: str) -> None:
    y, t = [1.0, 2.0], [1.0, 0.0]

    def loss(prediction: Any, target: Any) -> Any:
        return ml.minkowski(prediction, target, p=p)

    if library == "torch":
        gradient: Any = torch.func.grad(loss)(torch.tensor(y), torch.tensor(t))
        hessian: Any = torch.func.hessian(loss)(torch.tensor(y), torch.tensor(t))
    else:
        gradient = jax.grad(loss)(jnp.asarray(y), jnp.asarray(t))
        hessian = jax.hessian(loss)(jnp.asarray(y), jnp.asarray(t))
    # One residual alone: the norm is its absolute value. The second derivative with respect to the
    # other is infinite for 1 < p < 2, and 0 by convention; for p = 2 it is 1 / 2.
    np.testing.assert_allclose(gradient, [0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(hessian, [[0.5 if p == 2.0 else 0.0, 0.0], [0.0, 0.0]], atol=1e-6)


@pytest.mark.parametrize(
    ("power", "rate", "target"), [(1.5, 1e-30, 1e3), (3.0, 1e-20, 1.0)], ids=["1.5", "3"]
)
def test_a_derivative_that_overflows_is_infinite(power: float, rate: float, target: float) -> None:
    # 2 (y - t) / y^power
    prediction = torch.tensor([rate], requires_grad=True)
    value = ml.tweedie_deviance(prediction, target, power=power)
    (gradient,) = torch.autograd.grad(value, prediction)
    assert gradient.item() == -np.inf
    found = jax.grad(ml.tweedie_deviance)(jnp.asarray(rate, "float32"), target, power=power)
    assert float(found) == -np.inf
