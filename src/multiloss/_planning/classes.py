"""The operands of a loss of vectors: the axis of the classes, labels, and distributions."""

import operator
from typing import Any, NamedTuple

from multiloss._core.loss import Loss
from multiloss._core.plan import Metadata
from multiloss._core.records import replaced
from multiloss._engines import Engine
from multiloss._planning.shapes import broadcast_shape, equal_shapes
from multiloss._typing import Shape


class Vectors(NamedTuple):
    """What is decided about the vectors of a call."""

    prediction: Metadata  # with the classes last
    target: Metadata  # ditto, if it holds distributions
    has_labels: bool
    class_axis: int  # counted from the end
    shape: Shape  # with the classes last


def vectors_of(
    engine: Engine,
    loss: Loss,
    prediction: Metadata,
    target: Metadata,
    class_axis: Any,
    *,
    broadcast: bool,
) -> Vectors:
    """Return what the vectors are, or raise an error that says what does not fit."""
    axis = _normalized(class_axis, prediction.shape)
    given = prediction.shape
    prediction = replaced(prediction, shape=_with_classes_last(given, axis))
    *items, classes = prediction.shape
    if isinstance(classes, int) and not classes:
        raise ValueError(
            f"prediction has the shape {tuple(given)}, without a class along class_axis={axis}"
        )
    has_labels = engine.kind(target.dtype) == "integer" and target.dtype != engine.xp.bool
    if has_labels:
        shape = _shape_with_labels(given, tuple(items), target.shape, axis, broadcast=broadcast)
        return Vectors(prediction, target, has_labels, axis, (*shape, classes))
    if not loss.takes_distributions and target.dtype != engine.xp.bool:
        raise TypeError(
            f"target has the dtype {target.dtype}; {loss.name} takes the indices of the classes, "
            "for instance target.argmax(axis)"
        )
    is_same = equal_shapes(given, target.shape)
    if is_same or (broadcast and len(target.shape) >= -axis):
        target = replaced(target, shape=_with_classes_last(target.shape, axis))
        shape_of_all = broadcast_shape(prediction.shape, target.shape)
        if shape_of_all is not None:
            return Vectors(prediction, target, has_labels, axis, shape_of_all)
    raise ValueError(
        f"prediction has the shape {tuple(given)} and target, of the dtype {target.dtype}, has the "
        f"shape {tuple(target.shape)}: give distributions the shape of the prediction, and labels "
        "an integer dtype"
    )


def _shape_with_labels(
    given: Shape, items: Shape, labels: Shape, axis: int, *, broadcast: bool
) -> Shape:
    """Return the shape of the loss. A label without axes is meant for all."""
    if not labels or equal_shapes(items, labels):
        return items
    shape = broadcast_shape(items, labels) if broadcast else None
    if shape is not None:
        return shape
    hint = f"give them the shape {tuple(items)}, without the axis of the classes"
    if equal_shapes(given, labels):
        hint = (
            f"pass target.argmax({axis}) if they are one-hot, or floats if they are distributions"
        )
    raise ValueError(
        f"prediction has the shape {tuple(given)} and target, which holds labels, has the shape "
        f"{tuple(labels)}: {hint}"
    )


def _normalized(class_axis: Any, shape: Shape) -> int:
    """Return the axis of the classes, counted from the end."""
    try:
        axis = operator.index(class_axis)
    except TypeError:
        raise ValueError(f"class_axis must be an int; got {class_axis!r}") from None
    ndim = len(shape)
    if not -ndim <= axis < ndim:
        allowed = f"axes {-ndim} to {ndim - 1}" if ndim else "no axis"
        raise ValueError(
            f"class_axis={axis} is out of range: prediction, of the shape {tuple(shape)}, has "
            f"{allowed}"
        )
    return axis if axis < 0 else axis - ndim


def _with_classes_last(shape: Shape, axis: int) -> Shape:
    """Return a shape with the axis of the classes, counted from the end, moved there."""
    place = len(shape) + axis
    return (*shape[:place], *shape[place + 1 :], shape[place])
