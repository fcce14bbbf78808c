"""The tables of docs/coming_from.md: what stands on both sides of a line is the same number."""

import os
import re
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  as everyone writes it
from scipy import special
from scipy.spatial import distance
from sklearn import metrics
from torchmetrics import functional

import multiloss as ml
from engines import enable_x64

NEEDS = "peers"

PAGE = Path(__file__).parent.parent / "docs" / "coming_from.md"
LINE = re.compile(r"^\| `([^`]+\(.*)` \| `(.+)` \|$", re.MULTILINE)
SECTION = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
LINES = [
    (section, *pair)
    for section, text in SECTION.findall(PAGE.read_text("utf-8"))
    for pair in LINE.findall(text)
]

RNG = np.random.default_rng(0)
BITS = RNG.integers(0, 2, (4, 3)).astype(float)
OPERANDS: dict[str, Any] = {
    "y": RNG.gamma(2.0, size=(4, 3)),
    "t": RNG.gamma(2.0, size=(4, 3)),
    "w": RNG.uniform(0.5, 2.0, (4, 3)),
    "mask": RNG.random((4, 3)) < 0.6,
    "p": RNG.uniform(0.1, 0.9, (4, 3)),
    "bits": BITS,
    "signs": 2 * BITS - 1,
    "scores": RNG.normal(size=(4, 3)),
    "labels": np.array([0, 2, 1, 2]),
    "shares": RNG.dirichlet(np.ones(3), 4),
    "shares2": RNG.dirichlet(np.ones(3), 4),
    "class_weight": np.array([1.0, 2.0, 0.5]),
    "image": RNG.normal(size=(2, 3, 4, 4)),
    "pixels": RNG.integers(0, 3, (2, 4, 4)),
}
ENGINES = {
    "PyTorch": torch.asarray,
    "torchmetrics": torch.asarray,
    "optax": jnp.asarray,
    "Keras": keras.ops.convert_to_tensor,
}


def test_every_table_is_read() -> None:
    found = [section for section, *_ in LINES]
    wanted = {
        "PyTorch": 24,
        "optax": 13,
        "Keras": 13,
        "scikit-learn": 14,
        "torchmetrics": 10,
        "SciPy": 5,
    }
    assert {each: found.count(each) for each in found} == wanted


@pytest.mark.parametrize(("section", "theirs", "ours"), LINES, ids=lambda each: each)
def test_both_sides_are_one_number(section: str, theirs: str, ours: str) -> None:
    with enable_x64(True):
        asarray: Any = ENGINES.get(section, np.asarray)
        operands = {name: asarray(each) for name, each in OPERANDS.items()}
        names = {
            "F": F,
            "keras": keras,
            "metrics": metrics,
            "optax": optax,
            "jnp": jnp,
            "ml": ml,
            "functional": functional,
            "special": special,
            "distance": distance,
        }
        found, expected = (
            np.asarray(eval(code, {**names, **operands}))  # noqa: S307  of our own page
            for code in (ours, theirs)
        )
    # Keras adds 1e-7 here and there, and computes in float32.
    rtol = 1e-5 if section == "Keras" else 1e-9
    np.testing.assert_allclose(found, expected, rtol=rtol)


def test_options_are_keywords() -> None:
    loss: Any = ml.huber
    with pytest.raises(TypeError, match="positional"):
        loss([1.0], [1.0], 0.5)


def test_a_learned_shape_starts_at_one() -> None:
    prediction, target = torch.tensor([3.0]), torch.tensor([0.0])
    gradients = []
    for start in (2.0, 1.0):
        alpha = torch.tensor(start, requires_grad=True)
        ml.barron(prediction, target, alpha=alpha).backward()  # type: ignore[no-untyped-call]  # as PyTorch ships it
        assert alpha.grad is not None
        gradients.append(alpha.grad.item())
    assert gradients[0] == 0.0
    assert gradients[1] > 0.0
