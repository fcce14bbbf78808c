"""The example of the tutorial from which the definitions of MSE and SSE come.

Ten classes of a handwritten digit; the target has the one at index 4. The four values are printed
in the tutorial. Its listing of the vectors is lost: these are reconstructed, agree with everything
its text says of them, and give all four values digit for digit.
"""

from typing import Any, NamedTuple

import multiloss as ml

TARGET = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
RIGHT = [0.1, 0.05, 0.1, 0.0, 0.7, 0.05, 0.0, 0.0, 0.0, 0.0]
WRONG = [0.1, 0.05, 0.7, 0.0, 0.1, 0.05, 0.0, 0.0, 0.0, 0.0]


class Reference(NamedTuple):
    loss: Any
    prediction: list[float]
    printed: str


REFERENCES = {
    "mse-right": Reference(ml.mse, RIGHT, "0.011500000000000003"),
    "sse-right": Reference(ml.sse, RIGHT, "0.057500000000000016"),
    "mse-wrong": Reference(ml.mse, WRONG, "0.1315"),
    "sse-wrong": Reference(ml.sse, WRONG, "0.6575"),
}
