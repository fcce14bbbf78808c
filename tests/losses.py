"""The table of losses that drives the laws. A new loss needs a row here and nothing else."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import multiloss as ml


class Loss(NamedTuple):
    """A loss, and its definition again in exact arithmetic."""

    function: Any
    value: Callable[[Fraction, Fraction], Fraction]  # of one element
    slope: Callable[[Fraction, Fraction], Fraction]  # with respect to the prediction
    reduction: str  # of the function without options
    scale: Fraction = Fraction(1)


LOSSES = {
    "mse": Loss(ml.mse, lambda y, t: (y - t) ** 2, lambda y, t: 2 * (y - t), "mean"),
    "sse": Loss(ml.sse, lambda y, t: (y - t) ** 2, lambda y, t: 2 * (y - t), "sum", Fraction(1, 2)),
}
