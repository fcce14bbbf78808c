"""ONNX: which losses become a graph, and that it computes the same."""

import re
from pathlib import Path
from typing import Any

import ndonnx as ndx
import numpy as np
import onnxruntime
import pytest

import multiloss as ml
from calls import CALLS
from multiloss._registry import losses

NEEDS = "frameworks"

# What ndonnx lacks, or does not know of a batch whose size is open.
NOT_EXPORTED = {
    "msle",
    "rmsle",
    "tweedie_deviance--1",
    "cross_entropy-weighted-labels",
    "cross_entropy-class_weight-labels",
    "cross_entropy-probabilities-labels",
    "focal-labels",
    "kl_divergence-labels",
    "jensen_shannon-labels",
    "brier-labels",
}
# Functions that onnxruntime computes in single precision.
IN_SINGLE_PRECISION = {"log_cosh", "jensen_shannon", "jensen_shannon-probabilities"}
PAGE = Path(__file__).parent.parent.parent / "docs" / "onnx.md"


def exported(call: Any, batch: Any = "batch") -> Any:
    """Return the session of the graph of a loss."""
    names = {"prediction": call.prediction, "target": call.target}
    arguments = {}
    for name, each in names.items():
        dtype = ndx.int64 if each.dtype.kind == "i" else ndx.float64
        arguments[name] = ndx.argument(shape=(batch, *each.shape[1:]), dtype=dtype)
    loss = call.function(*arguments.values())
    return onnxruntime.InferenceSession(ndx.build(arguments, {"loss": loss}).SerializeToString())


@pytest.mark.parametrize("name", [name for name in CALLS if name not in NOT_EXPORTED])
def test_the_graph_computes_the_same(name: str) -> None:
    session = exported(CALLS[name])
    rtol = 1e-7 if name in IN_SINGLE_PRECISION else 16 * np.finfo(float).eps
    # Of a size that the graph does not know.
    for rows in ([0, 1, 2, 3], [3, 1, 0, 2, 1, 3, 0]):
        call = CALLS[name].rows(rows)
        kind = {"i": "int64"}.get(call.target.dtype.kind, "float64")
        operands = {"prediction": call.prediction, "target": call.target.astype(kind)}
        (result,) = session.run(None, operands)
        expected = call.function(call.prediction, call.target)
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=1e-15)


@pytest.mark.parametrize("name", sorted(NOT_EXPORTED))
def test_what_is_not_exported(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  of ndonnx or onnxruntime, each its own
        exported(CALLS[name])


@pytest.mark.parametrize("name", sorted(each for each in NOT_EXPORTED if "labels" in each))
def test_labels_of_a_batch_of_a_fixed_size(name: str) -> None:
    call = CALLS[name]
    operands = {"prediction": call.prediction, "target": call.target}
    (result,) = exported(call, batch=4).run(None, operands)
    expected = call.function(call.prediction, call.target)
    np.testing.assert_allclose(result, expected, rtol=1e-9)


def test_the_table_of_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    partly = {name.partition("-")[0] for name in NOT_EXPORTED if name not in losses()}
    single = {name.partition("-")[0] for name in IN_SINGLE_PRECISION}
    assert dict(rows).keys() == losses().keys()
    for name, says in rows:
        words = {"no": name in NOT_EXPORTED, "not": name in partly, "single": name in single}
        assert {word: word in says.split() for word in words} == words, name


def test_numbers_and_weights_are_part_of_the_graph() -> None:
    y = ndx.argument(shape=("batch",), dtype=ndx.float64)
    w = ndx.argument(shape=("batch",), dtype=ndx.float64)
    loss: Any = ml.mse(y, 1.0, weight=w)
    model = ndx.build({"y": y, "w": w}, {"loss": loss})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    operands = {"y": np.array([1.0, 3.0, 4.0]), "w": np.array([1.0, 2.0, 1.0])}
    # (0 + 2 * 4 + 9) / 4
    assert session.run(None, operands) == [4.25]
