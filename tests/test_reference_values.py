"""The four values of the tutorial, on every engine, through the public functions."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from engines import Library
from reference import REFERENCES, TARGET, Reference

references = pytest.mark.parametrize(
    "reference", [pytest.param(each, id=name) for name, each in REFERENCES.items()]
)

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "positional": lambda loss, prediction, target: loss(prediction, target),
    "keywords": lambda loss, prediction, target: loss(target=target, prediction=prediction),
    "value_and_grad": lambda loss, prediction, target: ml.value_and_grad(loss)(prediction, target)[
        0
    ],
}
calls = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@references
@calls
def test_float64_within_two_units_in_the_last_place(
    engine: Library, reference: Reference, call: Any
) -> None:
    if not engine.has_float64:
        return_dtype, tolerance = "float32", 4 * float(np.finfo("float32").eps)
    else:
        return_dtype, tolerance = "float64", 0.0
    expected = float(reference.printed)
    result = call(reference.loss, engine.array(reference.prediction), engine.array(TARGET))
    assert engine.dtype_name(result) == return_dtype
    assert abs(float(engine.numpy(result)) - expected) <= max(
        2 * math.ulp(expected), tolerance * expected
    )


@references
@calls
def test_float32_within_a_few_eps(engine: Library, reference: Reference, call: Any) -> None:
    prediction = engine.array(reference.prediction, "float32")
    result = call(reference.loss, prediction, engine.array(TARGET, "float32"))
    assert engine.dtype_name(result) == "float32"
    assert float(engine.numpy(result)) == pytest.approx(
        float(reference.printed), rel=4 * engine.eps(result)
    )


@references
@calls
@pytest.mark.parametrize("container", [np.asarray, list, tuple], ids=["array", "list", "tuple"])
def test_numpy_prints_the_same_digits(reference: Reference, call: Any, container: Any) -> None:
    result = call(reference.loss, container(reference.prediction), container(TARGET))
    assert repr(result) == f"np.float64({reference.printed})"


def test_better_prediction_has_smaller_loss() -> None:
    # "Closer to 0 is better" is the tutorial's reading of its numbers.
    for right, wrong in (("mse-right", "mse-wrong"), ("sse-right", "sse-wrong")):
        cases = REFERENCES[right], REFERENCES[wrong]
        values = [case.loss(case.prediction, TARGET) for case in cases]
        assert values[0] < values[1]
