"""Vectors of classes beyond the sizes from which an engine changes its strategy."""

import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from class_losses import VECTORS
from engines import Library, strategies_of

pytestmark = [pytest.mark.slow, pytest.mark.family]

RNG = np.random.default_rng(0)
SHAPE, CLASSES = (53, 61), 400
SCORES = RNG.standard_normal((*SHAPE, CLASSES)) * 4
LABELS = RNG.integers(0, CLASSES, SHAPE)
LABELS[3, 5] = -100  # no class
DISTRIBUTIONS = RNG.dirichlet(np.full(CLASSES, 0.1), SHAPE)
WEIGHT = RNG.random(SHAPE)
WHERE = RNG.random(SHAPE) > 0.3
WHERE[3, 5] = False
CLASS_WEIGHT = RNG.random(CLASSES)

NAMES = (
    "cross_entropy",
    "cross_entropy-labels",
    "cross_entropy-weighted-labels",
    "cross_entropy-class_weight-labels",
    "focal",
    "jensen_shannon",
    "multiclass_hinge",
)
LOSSES = {name: VECTORS[name] for name in NAMES}
CALLS: dict[str, dict[str, Any]] = {
    "mean": {"where": WHERE},
    "weighted": {"where": WHERE, "weight": WEIGHT},
    "axis": {"where": WHERE, "axis": 0},
    "sum": {"where": WHERE, "reduction": "sum", "keepdims": True},
}


def operands(name: str) -> tuple[Any, Any, dict[str, Any]]:
    """Return prediction, target and the parameters of the loss."""
    target = LABELS if LOSSES[name].targets == "labels" else DISTRIBUTIONS
    options = dict(getattr(LOSSES[name].function, "keywords", {}))
    if "class_weight" in options:
        options["class_weight"] = CLASS_WEIGHT
    return SCORES, target, options


@cache
def vectors(name: str) -> tuple[Any, Any]:
    """Return value and slopes of each vector, in rows that are small."""
    prediction, target, options = operands(name)
    function = getattr(LOSSES[name].function, "func", LOSSES[name].function)
    values, slopes = np.zeros(SHAPE), np.zeros(SCORES.shape)
    for row in range(SHAPE[0]):
        values[row], slopes[row] = ml.value_and_grad(function)(
            prediction[row], target[row], where=WHERE[row], reduction="none", **options
        )
    return values, slopes


def reference(name: str, call: str) -> tuple[Any, Any]:
    """Return value and gradient from those of each vector."""
    _, target, options = operands(name)
    values, slopes = vectors(name)
    chosen = CALLS[call]
    weight = np.where(WHERE, chosen.get("weight", 1.0), 0.0)
    counts = np.ones(SHAPE)
    if "class_weight" in options:
        weights = options["class_weight"]
        counts = weights[LABELS] if target is LABELS else (target * weights).sum(-1)
    is_sum, axis = chosen.get("reduction") == "sum", chosen.get("axis")
    total = 1.0 if is_sum else np.sum(weight * counts, axis=axis, keepdims=True)
    value = np.sum(weight * values, axis=axis, keepdims=True) / total
    return value, (weight / total)[..., None] * slopes


@pytest.mark.parametrize(
    ("name", "call", "moved"),
    [
        *((name, call, False) for name in LOSSES for call in CALLS),
        *((name, "weighted", True) for name in LOSSES),
    ],
    ids=str,
)
def test_large_is_the_sum_of_its_vectors(
    tuned_engine: Library, name: str, call: str, moved: bool
) -> None:
    engine = tuned_engine
    prediction, target, options = operands(name)
    function = getattr(LOSSES[name].function, "func", LOSSES[name].function)
    axis = 1 if moved else -1
    prediction = np.moveaxis(prediction, -1, axis)
    if target is not LABELS:
        target = np.moveaxis(target, -1, axis)
    for role, array in CALLS[call].items():
        options[role] = engine.asarray(array) if role in {"where", "weight"} else array
    given = engine.asarray(prediction.copy()), engine.asarray(target.copy())
    with strategies_of(engine) as used:
        alone = function(*given, class_axis=axis, **options)
    strategies = {"jax": "compiled", "jax-x64": "compiled"}
    on_host = strategies.get(engine.name, "blocks")
    assert used == ["whole on a device" if engine.is_on_device else on_host]
    value, gradient = ml.value_and_grad(function)(*given, class_axis=axis, **options)
    expected, slopes = reference(name, call)
    keeps = options.get("keepdims", False)
    expected = expected if keeps else np.squeeze(expected, axis=options.get("axis"))
    rtol = 1e-10 if engine.eps(value) < 1e-10 else 1e-4
    for found in (alone, value):
        np.testing.assert_allclose(engine.numpy(found), expected, rtol=rtol)
    np.testing.assert_allclose(
        engine.numpy(gradient),
        np.moveaxis(slopes, -1, axis),
        rtol=rtol,
        atol=rtol * np.max(np.abs(slopes)),
    )


def test_numpy_needs_sixteen_mebibytes_beside_large_operands() -> None:
    prediction, target = np.ones((10_000, 1000), np.float32), np.zeros(10_000, np.int64)
    ml.cross_entropy(prediction, target)
    tracemalloc.start()
    value = ml.cross_entropy(prediction, target)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert float(value) == pytest.approx(np.log(1000), rel=1e-6)
    assert peak < 2**24
