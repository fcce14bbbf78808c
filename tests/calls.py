"""One call of every loss, to compare chunks, shards and parts with whole arrays."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

import class_losses
import multiloss as ml
from losses import LOSSES

WEIGHT = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0], [0.25, 1.0, 1.0], [2.0, 2.0, 4.0]])
MASK = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=bool)


class Call(NamedTuple):
    """A loss, its operands of four rows, and what weights and masks the items."""

    function: Any
    prediction: Any
    target: Any
    by_item: dict[str, Any]

    def rows(self, chosen: Any) -> "Call":
        """Return the call with some of the rows."""
        by_item = {name: each[chosen] for name, each in self.by_item.items()}
        return Call(self.function, self.prediction[chosen], self.target[chosen], by_item)


def _call(function: Any, prediction: Any, target: Any, *, is_vector: bool = False) -> Call:
    by_item = {"weight": WEIGHT, "where": MASK}
    if is_vector:
        by_item = {name: each[:, 0] for name, each in by_item.items()}
    return Call(function, prediction, target, by_item)


# Losses that stand in neither table.
_OTHERS = {
    "wmape": _call(ml.wmape, *LOSSES["mse"].operands()),
    "tversky": _call(
        partial(ml.tversky, alpha=0.25, smooth=0.5), class_losses.SCORES, class_losses.BITS
    ),
    "dice": _call(ml.dice, class_losses.SCORES, class_losses.BITS),
}
MERGEABLE: dict[str, Call] = {
    **{name: _call(row.function, *row.operands()) for name, row in LOSSES.items()},
    **{
        name: _call(row.function, *row.operands(), is_vector=row.is_vector)
        for name, row in class_losses.LOSSES.items()
    },
    **_OTHERS,
}
CALLS: dict[str, Call] = {
    **MERGEABLE,
    "cosine_distance": _call(partial(ml.cosine_distance, axis=None), *LOSSES["mse"].operands()),
}

# What takes another pass over chunks, to find a unit or the lengths.
IN_MORE_PASSES = {"minkowski", "minkowski-1", "cosine_distance"}
_ULPS = 4
# Differences of larger numbers, which lose digits.
_ULPS_OF = {"cosine_distance": 8, "jensen_shannon-labels": 8, "poisson_nll-rate-eps": 8}


def assert_close(result: Any, reference: Any, name: str, part: Any = ...) -> None:
    """Assert that a part of an array is that of another, to a few units of the largest."""
    reference = np.asarray(reference)
    error = np.abs(np.asarray(result) - reference[part]).max(initial=0.0)
    unit = np.spacing(np.abs(reference).max(initial=0.0))
    assert error <= _ULPS_OF.get(name, _ULPS) * unit, name
