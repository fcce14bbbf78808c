"""Any shapes, dtypes, weights and masks, against exact rational arithmetic."""

from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.numpy import array_shapes, arrays, mutually_broadcastable_shapes

import multiloss as ml
from engines import Library

pytestmark = pytest.mark.slow

EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    # The engine is the same for all examples of a test, and holds no state.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
DTYPES = ("float32", "float64", "int8", "uint8", "int16", "int32", "bool")


def numbers(dtype: str) -> st.SearchStrategy[Any]:
    """Draw numbers of a dtype of which any two have a difference that is exact in float32."""
    if dtype.startswith("float"):
        return st.integers(-(2**22), 2**22).map(lambda eighths: eighths / 8)
    if dtype == "bool":
        return st.booleans()
    info = np.iinfo(dtype)
    return st.integers(max(info.min, -(2**20)), min(info.max, 2**20))


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the arguments of a loss, as NumPy arrays."""
    shape = draw(array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    problem = {}
    for role in ("prediction", "target"):
        dtype = draw(st.sampled_from(DTYPES))
        problem[role] = draw(arrays(dtype, shape, elements=numbers(dtype)))
    for role, dtype, elements in (
        ("weight", "float32", st.floats(0, 16, width=32).map(lambda x: round(x * 4) / 4)),
        ("where", "bool", st.booleans()),
    ):
        if draw(st.booleans()):
            kept = draw(st.tuples(*(st.sampled_from([1, size]) for size in shape)))
            problem[role] = draw(arrays(dtype, kept, elements=elements))
    return problem


def exact_sums(problem: dict[str, Any]) -> tuple[Fraction, Fraction, list[Fraction]]:
    """Return Σ w·l, Σ w and the products w·l' of squared error in rational arithmetic."""
    shape = problem["prediction"].shape
    weight = np.broadcast_to(problem.get("weight", 1.0), shape)
    where = np.broadcast_to(problem.get("where", np.True_), shape)
    weights = [
        Fraction(float(w)) * bool(m) for w, m in zip(weight.ravel(), where.ravel(), strict=True)
    ]
    residuals = [
        Fraction(y.item()) - Fraction(t.item())
        for y, t in zip(problem["prediction"].ravel(), problem["target"].ravel(), strict=True)
    ]
    terms = [w * r * r for w, r in zip(weights, residuals, strict=True)]
    slopes = [2 * w * r for w, r in zip(weights, residuals, strict=True)]
    return sum(terms, Fraction(0)), sum(weights, Fraction(0)), slopes


def on(engine: Library, problem: dict[str, Any]) -> dict[str, Any]:
    return {role: engine.array(array, str(array.dtype)) for role, array in problem.items()}


@EXAMPLES
@given(problem=problems())
def test_value_and_gradient(engine: Library, problem: dict[str, Any]) -> None:
    terms, total, slopes = exact_sums(problem)
    value, gradient = ml.value_and_grad(ml.mse)(**on(engine, problem))
    # No term is negative, so nothing cancels: at most 64 sums and a few products and quotients,
    # each off by one rounding.
    np.testing.assert_allclose(
        engine.numpy(value),
        float(terms / total) if total else np.nan,
        rtol=70 * engine.eps(value),
        atol=0,
    )
    np.testing.assert_allclose(
        engine.numpy(gradient).ravel(),
        [float(slope / total) if total else 0.0 for slope in slopes],
        rtol=70 * engine.eps(value),
        atol=0,
    )


@EXAMPLES
@given(problem=problems())
def test_sum(engine: Library, problem: dict[str, Any]) -> None:
    terms, _, slopes = exact_sums(problem)
    value, gradient = ml.value_and_grad(ml.sse)(**on(engine, problem))
    np.testing.assert_allclose(
        engine.numpy(value), float(terms / 2), rtol=70 * engine.eps(value), atol=0
    )
    np.testing.assert_allclose(
        engine.numpy(gradient).ravel(),
        [float(slope / 2) for slope in slopes],
        rtol=4 * engine.eps(value),
        atol=0,
    )


@EXAMPLES
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), data=st.data())
def test_broadcasting_equals_broadcasting_beforehand(
    engine: Library, shapes: Any, data: st.DataObject
) -> None:
    prediction, target = (
        data.draw(arrays("float64", shape, elements=numbers("float64")))
        for shape in shapes.input_shapes
    )
    wide = [
        engine.array(np.broadcast_to(each, shapes.result_shape)) for each in (prediction, target)
    ]
    expected, wide_gradient = ml.value_and_grad(ml.sse)(*wide)
    value, gradient = ml.value_and_grad(ml.sse)(
        engine.array(prediction), engine.array(target), broadcast=True
    )
    np.testing.assert_allclose(engine.numpy(value), engine.numpy(expected), rtol=1e-5)
    # The gradient of a broadcast prediction collects those of its copies.
    assert tuple(gradient.shape) == prediction.shape
    wide_gradient = engine.numpy(wide_gradient)
    expanded = tuple(
        axis
        for axis, size in enumerate(
            (1,) * (wide_gradient.ndim - prediction.ndim) + prediction.shape
        )
        if size == 1
    )
    collected = np.sum(wide_gradient, axis=expanded, dtype=float).reshape(prediction.shape)
    # The terms of a sum may cancel; what is left of rounding is relative to the largest.
    largest = np.max(np.abs(wide_gradient), initial=0.0)
    np.testing.assert_allclose(
        engine.numpy(gradient), collected, rtol=1e-5, atol=30 * engine.eps(gradient) * largest
    )
