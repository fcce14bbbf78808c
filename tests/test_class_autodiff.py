"""Automatic differentiation of the losses of classification, where a branch or a zero may leak."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

import multiloss as ml
from class_losses import LOSSES, expected

NEEDS = "engines"

INF = np.inf
every = pytest.mark.parametrize("name", LOSSES)
# Below the size of one node, which reduction="none" never is, autograd differentiates the value.
REDUCTIONS = ("mean", "none")


def gradient_in_torch(loss: Any, prediction: Any, target: Any, **options: Any) -> Any:
    leaf = torch.tensor(prediction, requires_grad=True)
    loss(leaf, torch.tensor(target), **options).sum().backward()
    assert leaf.grad is not None
    return leaf.grad.numpy()


def gradient_in_jax(loss: Any, prediction: Any, target: Any, **options: Any) -> Any:
    def total(y: Any) -> Any:
        return loss(y, jnp.asarray(target), **options).sum()

    return np.asarray(jax.jit(jax.grad(total))(jnp.asarray(prediction)))


def gradients(loss: Any, prediction: Any, target: Any, **options: Any) -> list[Any]:
    found = [gradient_in_jax(loss, prediction, target, **options)]
    return [*found, gradient_in_torch(loss, prediction, target, **options)]


@every
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_autodiff_finds_the_slope(name: str, reduction: str) -> None:
    row = LOSSES[name]
    exact = expected(name, reduction=reduction)[1]
    in_jax, in_torch = gradients(row.function, *row.operands(), reduction=reduction)
    np.testing.assert_allclose(in_torch, exact, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(in_jax, exact, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_certainty_keeps_its_digits(reduction: str) -> None:
    scores = np.array([[20.0, 0.0, 0.0]], np.float32)
    for target in (np.array([0]), np.array([[1.0, 0.0, 0.0]], np.float32)):
        for found in gradients(ml.cross_entropy, scores, target, reduction=reduction):
            np.testing.assert_allclose(found[0, 0], -4.1223072e-9, rtol=1e-6)
    for found in gradients(
        ml.binary_cross_entropy,
        np.array([30.0], np.float32),
        np.array([1.0], np.float32),
        reduction=reduction,
    ):
        np.testing.assert_allclose(found, [-9.357623e-14], rtol=1e-6)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("loss", [ml.cross_entropy, ml.focal, ml.kl_divergence, ml.brier])
def test_impossible_class_has_no_gradient(loss: Any, reduction: str) -> None:
    scores = np.array([[-INF, 0.0, 1.0]])
    shares = np.array([[0.0, 0.5, 0.5]])
    exact = ml.value_and_grad(loss)(scores[:, 1:], shares[:, 1:])[1]
    for found in gradients(loss, scores, shares, reduction=reduction):
        np.testing.assert_allclose(found[:, 1:], exact, rtol=1e-5)
        assert found[0, 0] == 0


@pytest.mark.parametrize("loss", [ml.cross_entropy, ml.focal, ml.multiclass_hinge])
def test_label_that_is_no_class_has_no_gradient_that_is_a_number(loss: Any) -> None:
    for found in gradients(loss, np.zeros((2, 3)), np.array([0, 5])):
        assert np.isnan(found).tolist() == [[False] * 3, [True] * 3]
    where = [True, False]
    for make, gradient in ((jnp.asarray, gradient_in_jax), (torch.tensor, gradient_in_torch)):
        found = gradient(loss, np.zeros((2, 3)), np.array([0, 5]), where=make(where))
        assert np.all(np.isfinite(found))
        assert not np.any(found[1])


PROBABILITIES: dict[str, tuple[Any, Any, Any, Any]] = {
    # At 0 and 1, where a logarithm is infinite that a zero is multiplied with. Slopes by hand.
    "binary": (ml.binary_cross_entropy, [1.0, 0.0], [1.0, 0.0], [-1, 1]),
    "binary focal": (partial(ml.binary_focal, gamma=1.0), [1.0, 0.0], [1.0, 0.0], [0, 0]),
    "cross_entropy": (ml.cross_entropy, [[0.5, 0.5, 0.0]], [[0.5, 0.5, 0.0]], [[-1, -1, 0]]),
    "kl_divergence": (ml.kl_divergence, [[0.5, 0.5, 0.0]], [[0.5, 0.5, 0.0]], [[-1, -1, 0]]),
    "class without weight": (
        partial(ml.cross_entropy, class_weight=[0.0, 1.0]),
        [[0.0, 1.0]],
        np.array([0]),
        [[0, 0]],
    ),
}


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "slopes"), PROBABILITIES.values(), ids=PROBABILITIES
)
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_probabilities_at_their_ends(
    loss: Any, prediction: Any, target: Any, slopes: Any, reduction: str
) -> None:
    options = {"from_logits": False, "reduction": reduction}
    for found in gradients(loss, np.array(prediction), np.array(target), **options):
        np.testing.assert_allclose(found, slopes, atol=1e-6)


def test_gradient_of_a_target_where_it_is_zero() -> None:
    scores, one_hot = np.random.default_rng(0).standard_normal((3, 5)), np.eye(5)[:3]
    exact = -torch.tensor(scores).log_softmax(-1).numpy() / 3
    target = torch.tensor(one_hot, requires_grad=True)
    (found,) = torch.autograd.grad(ml.cross_entropy(torch.tensor(scores), target), target)
    np.testing.assert_allclose(found.numpy(), exact, rtol=1e-12)
    in_jax = jax.grad(ml.cross_entropy, argnums=1)(jnp.asarray(scores), jnp.asarray(one_hot))
    np.testing.assert_allclose(in_jax, exact, rtol=1e-5)
    bits = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64, requires_grad=True)
    shares = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    (found,) = torch.autograd.grad(
        ml.binary_cross_entropy(shares, bits, from_logits=False), bits, retain_graph=False
    )
    (reference,) = torch.autograd.grad(functional.binary_cross_entropy(shares, bits), bits)
    torch.testing.assert_close(found, reference)


def test_best_wrong_scores_that_tie_share_the_gradient() -> None:
    for found in gradients(ml.multiclass_hinge, np.array([[0.0, 1.0, 1.0]]), np.array([0])):
        np.testing.assert_array_equal(found, [[-1, 0.5, 0.5]])


def test_zero_logits_have_every_derivative() -> None:
    # diag(p) - p pᵀ for p = 1/3, and σ(1 - σ) = 1/4.
    hessian = np.eye(3) / 3 - np.full((3, 3), 1 / 9)
    zeros = torch.zeros(3, dtype=torch.float64)
    for target in (torch.tensor(0), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)):
        found = torch.func.hessian(partial(ml.cross_entropy, target=target))(zeros)
        np.testing.assert_allclose(found.numpy(), hessian, rtol=1e-12)
        in_jax = jax.hessian(ml.cross_entropy)(jnp.zeros(3), jnp.asarray(target.numpy()))
        np.testing.assert_allclose(in_jax, hessian, rtol=1e-5)
    zero = torch.zeros((), dtype=torch.float64)
    for loss in (ml.binary_cross_entropy, ml.logistic):
        second: Any = torch.func.grad(torch.func.grad(partial(loss, target=1.0)))(zero)
        assert float(second) == pytest.approx(0.25)
        assert float(jax.grad(jax.grad(loss))(0.0, 1.0)) == pytest.approx(0.25)


@pytest.mark.parametrize("loss", [ml.cross_entropy, ml.focal, ml.brier, ml.multiclass_hinge])
def test_vmap_with_the_classes_first(loss: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 5, 3, generator=generator)
    labels = torch.randint(0, 5, (2, 3), generator=generator)
    found = torch.vmap(partial(loss, class_axis=0))(scores, labels)
    alone = [loss(y, t, class_axis=0) for y, t in zip(scores, labels, strict=True)]
    torch.testing.assert_close(found, torch.stack(alone))


@pytest.mark.parametrize("gamma", [0.1, 0.5])
def test_focal_loss_far_into_certainty(gamma: float) -> None:
    scores = np.array([[100.0, 0.0, 0.0]], np.float32)
    for found in gradients(partial(ml.focal, gamma=gamma), scores, np.array([0])):
        np.testing.assert_allclose(found, np.zeros((1, 3)), atol=1e-30)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(dtype: torch.dtype) -> None:
    scores = torch.randn(8, 5, dtype=dtype, requires_grad=True)
    labels = torch.randint(0, 5, (8,))
    outside = ml.cross_entropy(scores, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = ml.cross_entropy(scores, labels)
    assert outside.dtype == inside.dtype == torch.float32
    torch.testing.assert_close(inside, outside, rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(inside, scores)
    assert gradient.dtype == dtype


CERTAIN = [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (ml.cross_entropy, 0),
        (ml.cross_entropy, CERTAIN),
        (ml.kl_divergence, CERTAIN),
        (ml.binary_cross_entropy, CERTAIN),
        (partial(ml.binary_focal, gamma=0.0), CERTAIN),
    ],
)
def test_second_derivatives_at_certainty(loss: Any, target: Any) -> None:
    # 1/p² for the class that is right, and for another the same of 1 - p, or 0 if it has no term.
    has_two_classes = loss not in {ml.cross_entropy, ml.kl_divergence}
    expected_second = [1.0] * 3 if has_two_classes else CERTAIN
    probabilities = torch.tensor(CERTAIN, requires_grad=True)
    value = loss(probabilities, torch.tensor(target), from_logits=False, reduction="sum")
    (first,) = torch.autograd.grad(value, probabilities, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), probabilities)
    assert second.tolist() == expected_second


@pytest.mark.parametrize("loss", [ml.logistic, ml.binary_cross_entropy, ml.binary_focal])
def test_second_derivatives_of_nothing(loss: Any) -> None:
    nothing = torch.zeros(0, requires_grad=True)
    (first,) = torch.autograd.grad(loss(nothing, torch.zeros(0)), nothing, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), nothing)
    assert second.shape == (0,)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.uint32, torch.uint64], ids=str)
def test_predictions_of_unsigned_integers(dtype: torch.dtype) -> None:
    prediction, target = torch.tensor([1, 0, 1]), torch.tensor([1.0, 0.0, 1.0])
    found = ml.binary_cross_entropy(prediction.to(dtype), target)
    # (2 log(1 + exp(-1)) + log 2) / 3
    assert float(found) == pytest.approx(0.4398902, rel=1e-6)
