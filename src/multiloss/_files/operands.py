"""Rows as a loss takes them."""

from typing import Any

import numpy as np

from multiloss._command_loss import has_classes
from multiloss._files.rows import Rows
from multiloss._value import Loss

_MOST_LABELS = 2**53  # beyond which floats are whole without a reason


def operands(rows: Rows, loss: Loss) -> Rows:
    """Return rows that fit a loss, or raise an error of one line."""
    shape, of_target = rows.prediction.shape, rows.target.shape
    other = shape if rows.other_prediction is None else rows.other_prediction.shape
    is_of_classes = has_classes(loss)
    if is_of_classes and len(shape) == 1:
        raise ValueError(
            f"{loss} is a loss of vectors, and a row of the predictions is one number; "
            "binary_cross_entropy is one of numbers"
        )
    has_labels = is_of_classes and of_target == shape[:-1]
    if (of_target != shape and not has_labels) or other != shape:
        others = f" and {other[1:]}" if rows.other_prediction is not None else ""
        raise ValueError(
            f"rows of the predictions have the shape {shape[1:]}{others}, and those of the targets "
            f"{of_target[1:]}; give all the same"
        )
    target = _as_labels(rows.target) if has_labels else rows.target
    return rows._replace(target=target, weight=_weight(rows, loss_ndim(rows, loss)))


def loss_ndim(rows: Rows, loss: Loss) -> int:
    """Return how many axes the losses of the elements have: classes are one element."""
    return int(rows.prediction.ndim) - has_classes(loss)


def _as_labels(target: Any) -> Any:
    """Return labels as integers, which tables hold as floats if some are missing."""
    is_whole = (np.abs(target) < _MOST_LABELS) & (np.floor(target) == target)
    return target.astype(np.int64) if target.dtype.kind == "f" and is_whole.all() else target


def _weight(rows: Rows, ndim: int) -> Any:
    """Return the weights in a shape that broadcasts with the losses of the elements."""
    weight = rows.weight
    if weight is None or weight.ndim > 1:
        return weight  # of single elements
    return weight.reshape((-1,) + (1,) * (ndim - 1))
