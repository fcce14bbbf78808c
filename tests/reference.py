"""The four values that the tutorial prints, for its vectors."""

from typing import Any, NamedTuple

import multiloss as ml
from tutorial import RIGHT, TARGET, WRONG

__all__ = ["REFERENCES", "TARGET", "Reference"]


class Reference(NamedTuple):
    """A loss, a prediction of the tutorial's target, and what the tutorial prints."""

    loss: Any
    prediction: list[float]
    printed: str


REFERENCES = {
    "mse-right": Reference(ml.mse, RIGHT, "0.011500000000000003"),
    "sse-right": Reference(ml.sse, RIGHT, "0.057500000000000016"),
    "mse-wrong": Reference(ml.mse, WRONG, "0.1315"),
    "sse-wrong": Reference(ml.sse, WRONG, "0.6575"),
}
