"""What other packages compute, value and gradient, for each peer that a docstring names."""

import os
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from losses import CLASSIFICATION_PEERS, PEERS, Peer
from multiloss.__main__ import peers
from multiloss._registry import losses

NEEDS = "peers"

RNG = np.random.default_rng(0)
PREDICTION, TARGET = RNG.gamma(2.0, 2.0, (40, 3)), RNG.poisson(3.0, (40, 3)) + 0.5
WEIGHT = RNG.random((40, 1))


def rows(*packages: str) -> pytest.MarkDecorator:
    """Run a test for each peer of these packages."""
    chosen = [each for each in PEERS if each.name.startswith(packages)]
    ids = [", ".join((each.name, *map(str, each.options.items()))) for each in chosen]
    return pytest.mark.parametrize("peer", chosen, ids=ids)


def function_of(peer: Peer) -> Callable[..., Any]:
    found: Callable[..., Any] = resolve_name(peer.name)
    return found


@rows("sklearn")
@pytest.mark.parametrize("is_weighted", [False, True], ids=["", "weighted"])
def test_scikit_learn(peer: Peer, is_weighted: bool) -> None:
    columns = 1 if "deviance" in peer.name else 3  # those of scikit-learn take one output
    operands = PREDICTION[:, :columns], TARGET[:, :columns]
    ours = peer.ours(*operands, weight=WEIGHT if is_weighted else None)
    weight = WEIGHT[:, 0] if is_weighted else None
    theirs = function_of(peer)(*operands[::-1], sample_weight=weight, **peer.options)
    np.testing.assert_allclose(np.mean(ours), theirs, rtol=1e-12)


@rows("scipy.spatial")
def test_distances_of_scipy(peer: Peer) -> None:
    vectors = PREDICTION.ravel(), TARGET.ravel()
    theirs = function_of(peer)(*vectors, w=vectors[1], **peer.options)
    np.testing.assert_allclose(peer.ours(*vectors, weight=vectors[1]), theirs, rtol=1e-12)


@rows("scipy.special")
def test_functions_of_scipy(peer: Peer) -> None:
    theirs = function_of(peer)(*peer.options.values(), PREDICTION - TARGET).mean()
    np.testing.assert_allclose(peer.ours(PREDICTION, TARGET), theirs, rtol=1e-12)


@rows("torch.", "torchmetrics")
def test_pytorch_and_torchmetrics(peer: Peer) -> None:
    ours_at, theirs_at = (torch.tensor(PREDICTION, requires_grad=True) for _ in range(2))
    target = torch.tensor(TARGET)
    value = peer.ours(ours_at, target)
    reference = function_of(peer)(theirs_at, target, **peer.options)
    torch.testing.assert_close(value, reference, rtol=1e-11, atol=1e-11)
    value.sum().backward()
    reference.sum().backward()
    torch.testing.assert_close(ours_at.grad, theirs_at.grad, rtol=1e-9, atol=1e-11)


@rows("keras")
def test_keras(peer: Peer) -> None:
    # Keras computes some of them in its default precision, whatever it is given.
    operands = torch.tensor(PREDICTION).float(), torch.tensor(TARGET).float()
    theirs = function_of(peer)(*operands[::-1], **peer.options).mean()
    torch.testing.assert_close(peer.ours(*operands).mean(), theirs, rtol=1e-5, atol=1e-6)


@rows("optax")
def test_optax(peer: Peer) -> None:
    operands = jnp.asarray(PREDICTION), jnp.asarray(TARGET)
    theirs = function_of(peer)(*operands, **peer.options).mean()
    for ours in (peer.ours(*operands), peer.ours(PREDICTION, TARGET)):
        np.testing.assert_allclose(ours.mean(), theirs, rtol=1e-5, atol=1e-6)


# Known from their documentation: they are not installed here.
NOT_INSTALLED = ("kornia.", "robust_loss_jax.", "robust_loss_pytorch.", "statsmodels.")


def test_every_peer_that_a_docstring_names_is_compared() -> None:
    named = {peer.partition("(")[0] for loss in losses().values() for peer in peers(loss)}
    assert {each for each in named if not each.startswith(NOT_INSTALLED)} <= {
        each.name for each in (*PEERS, *CLASSIFICATION_PEERS)
    }
