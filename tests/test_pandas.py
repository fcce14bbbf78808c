"""Things with ``__array__``, pandas standing for them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import multiloss as ml

NEEDS = "engines"


def test_series_and_frames() -> None:
    frame = pd.DataFrame({"y": [0.5, 3.0], "t": [1, 1]})
    assert repr(ml.mse(frame["y"], frame["t"])) == "np.float64(2.125)"
    assert ml.mse(frame[["y"]], frame[["t"]]) == 2.125
    assert ml.mse(frame["y"].astype("float32"), frame["t"]).dtype == np.float32


def test_series_follow_the_tensor_they_meet() -> None:
    prediction = torch.tensor([0.5, 3.0], dtype=torch.float64, requires_grad=True)
    loss = ml.mse(prediction, pd.Series([1.0, 1.0]))
    loss.backward()  # type: ignore[no-untyped-call]  # as torch ships it
    assert loss.item() == 2.125
    assert prediction.grad is not None
    assert prediction.grad.tolist() == [-0.5, 2.0]


def test_missing_values() -> None:
    series = pd.Series([1.0, None], dtype="Float64")
    assert np.isnan(ml.mse(np.array([1.0, 2.0]), series))
    assert ml.mse(np.array([1.0, 2.0]), series, where=series.notna()) == 0.0


def test_objects_are_not_numbers() -> None:
    with pytest.raises(TypeError, match=r"target has the dtype object.*convert it"):
        ml.mse(np.array([1.0, 2.0]), pd.Series([1, None], dtype=object))


FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})


@pytest.mark.parametrize("other", [FRAME[["b", "a"]], FRAME.iloc[::-1]], ids=["columns", "rows"])
def test_labels_in_another_order(other: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"\Aprediction and target have the same labels"):
        ml.mse(FRAME, other)
    assert ml.mse(FRAME, other.reindex_like(FRAME)) == 0.0
    # (1 - 3)² and (2 - 4)², or (1 - 2)² and (3 - 4)²
    by_position = 4.0 if list(other) == ["b", "a"] else 1.0
    assert ml.mse(FRAME, other.to_numpy()) == by_position
    with pytest.raises(ValueError, match=r"\Aprediction and where have the same labels"):
        ml.mse(FRAME, 0.0, where=other > 0)


class Subclass(pd.Series):
    pass


def test_subclasses_have_labels() -> None:
    one = Subclass([1.0, 2.0], index=["a", "b"])
    with pytest.raises(ValueError, match="have the same labels in another order"):
        ml.mse(one, one[["b", "a"]])


@pytest.mark.parametrize(
    "index",
    [
        pd.MultiIndex.from_tuples([("a", 0), ("a", 1)]),
        pd.Index([True, False]),
        pd.Index([1, 1]),
        pd.Index([1.5, 0.5]),
        pd.date_range("2020-01-01", periods=2),
    ],
    ids=["levels", "booleans", "duplicates", "floats", "dates"],
)
def test_indexes_of_other_kinds(index: Any) -> None:
    one, other = pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0], index=index)
    assert ml.mse(one, other) == ml.mse(other, one) == 0.0


def test_labels_that_cannot_be_matched() -> None:
    twice = [pd.Series([1.0, 2.0, 3.0], index=list(each)) for each in ("aab", "abb")]
    assert ml.mse(*twice) == 0.0
    levels = [
        pd.Series([1.0], index=pd.MultiIndex.from_tuples([each])) for each in ((1, 2), (1, 2, 3))
    ]
    assert ml.mse(*levels) == 0.0


def test_other_labels_are_paired_by_position() -> None:
    assert ml.mse(FRAME["a"], pd.Series([1.0, 2.0], index=[7, 8])) == 0.0
    assert ml.mse(FRAME["a"], FRAME["a"].set_axis(["x", "y"])) == 0.0
