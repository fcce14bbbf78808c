"""The plan of a call, from what its operands are and the options."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from multiloss._core.loss import Loss
from multiloss._core.plan import EmptyKind, Metadata, Operands, Plan
from multiloss._core.records import replaced
from multiloss._core.sums import count
from multiloss._engines import Engine
from multiloss._planning.classes import vectors_of
from multiloss._planning.dtypes import gradient_dtype, real_counterpart, with_weight, working_dtype
from multiloss._planning.labels import without_labels
from multiloss._planning.operands import (
    LARGEST_OF_ALL,
    ROLES,
    SMALLEST_OF_ALL,
    common_engine,
    is_ready,
    read,
    stays_a_number,
)
from multiloss._planning.options import checked_reduction, unknown_option
from multiloss._planning.shapes import broadcast_shape, equal_shapes, fits, normalized_axis
from multiloss._typing import DType, Shape

# Numbers that neither overflow nor vanish in any dtype, their squares included.
_TINY, _HUGE = 2.0**-30, 2.0**30
Magnitude: TypeAlias = Literal["moderate", "extreme", "beyond"]

# The roles that are no parameters; their number of axes is that of the loss.
_WITH_AXES = ("weight", "where")


def magnitude(parameters: tuple[Any, ...]) -> Magnitude:
    """Tell whether a parameter that is a number is near the end of a range, or beyond."""
    found: Magnitude = "moderate"
    for each in parameters:
        if type(each) is float and not _TINY < each < _HUGE:
            if each and not SMALLEST_OF_ALL < abs(each) < LARGEST_OF_ALL:
                return "beyond"
            found = "extreme"
    return found


def planned(
    loss: Loss, operands: Operands, options: tuple[Any, ...], *, with_gradient: bool
) -> tuple[Plan, Operands]:
    """Return the plan of a call, and the operands as arrays of the engine, of NumPy, or numbers."""
    prediction, target, weight, where, parameters, empty = operands
    given = {"prediction": prediction, "target": target}
    for spec, value in zip(loss.parameters, parameters, strict=True):
        if not stays_a_number(spec, value):
            given[spec.name] = value
    if weight is not None:
        given["weight"] = weight
    if where is not None:
        given["where"] = where
    given = without_labels(given)
    engine = common_engine(given)
    arrays, metadata = {}, {}
    for role, value in given.items():
        arrays[role], metadata[role] = read(role, value, engine)
    engine.check_together(arrays)
    kind: EmptyKind = "nan" if empty is None else "number" if type(empty) is float else "array"
    size = magnitude(parameters)
    plan = _plan_of(
        engine,
        loss,
        metadata,
        options,
        kind,
        with_gradient=with_gradient,
        is_moderate=size == "moderate",
    )
    is_plain = all(is_ready(engine, each) for each in arrays.values())
    has_arrays = any(spec.name in arrays for spec in loss.parameters)
    is_moved = plan.class_axis not in {None, -1}
    converts = size == "beyond" or not is_plain or has_arrays or is_moved
    plan = replaced(plan, converts=converts)
    plan = replaced(plan, strategy=engine.strategy_of(plan))
    named = zip(loss.parameters, parameters, strict=True)
    parameters = tuple([arrays.get(spec.name, value) for spec, value in named])
    arguments: Any = [*[arrays.get(role) for role in ROLES], parameters, empty]
    return plan, Operands(*arguments)


def _plan_of(
    engine: Engine,
    loss: Loss,
    operands: Mapping[str, Metadata],
    options: tuple[Any, ...],
    empty: EmptyKind,
    *,
    with_gradient: bool,
    is_moderate: bool,
) -> Plan:
    """Return the plan but for its strategy, or raise an error that says what does not fit."""
    reduction, axis, keepdims, broadcast, class_axis = options
    reduction = checked_reduction(reduction, axis)
    prediction, target = operands["prediction"], operands["target"]
    has_labels = False
    if class_axis is not None and not loss.is_vector:
        raise TypeError(unknown_option(loss, ("class_axis",)))
    if loss.is_vector:
        prediction, target, has_labels, class_axis, full_shape = vectors_of(
            engine, loss, prediction, target, class_axis, broadcast=broadcast
        )
        shape = full_shape[:-1]
    else:
        shape = full_shape = _loss_shape(prediction, target, broadcast=broadcast)
    dtype = working_dtype(engine, prediction, prediction if has_labels else target)
    per_class = {each.name for each in loss.parameters if each.is_per_class}
    for role, metadata in operands.items():
        if role in {"prediction", "target"}:
            continue
        if role in per_class:
            _check_per_class(role, metadata.shape, full_shape[-1])
        else:
            _check_shape(role, metadata.shape, shape)
        dtype = _promoted_by(engine, dtype, role, metadata)
    real = real_counterpart(engine, dtype)
    if dtype != real and not loss.takes_complex:
        raise TypeError(f"{loss.name} of complex numbers is not defined; pass real ones")
    _check_devices(operands)
    axes = () if reduction == "none" else normalized_axis(axis, len(shape))
    keepdims = keepdims and axes != ()
    # A lazy engine may have nan, None or a symbol where it does not know the size yet.
    is_known = all(isinstance(size, int) for size in shape)
    return Plan(
        engine,
        engine.with_slope(loss) if with_gradient else loss,
        prediction,
        target,
        operands.get("weight"),
        operands.get("where"),
        tuple([operands.get(spec.name) for spec in loss.parameters]),
        shape,
        full_shape,
        class_axis,
        has_labels,
        dtype,
        engine.index_dtype() if has_labels else dtype,
        real,
        bool(dtype != real),
        gradient_dtype(engine, prediction, dtype),
        axes,
        reduction == "mean",
        count(shape, axes) if is_known else None,
        keepdims,
        keepdims or (axes is not None and (with_gradient or loss.measure is not None)),
        empty,
        with_gradient,
        is_moderate,
    )


def _loss_shape(prediction: Metadata, target: Metadata, *, broadcast: bool) -> Shape:
    """Return the shape of the loss before the reduction.

    A target without axes is meant for all: nothing can be meant by accident.
    """
    if broadcast or not len(target.shape):
        shape = broadcast_shape(prediction.shape, target.shape)
        hint = "these do not broadcast; give them one shape"
    else:
        shape = prediction.shape if equal_shapes(prediction.shape, target.shape) else None
        hint = "give them one shape, or pass broadcast=True if every pair is meant"
    if shape is None:
        raise ValueError(
            f"prediction has the shape {tuple(prediction.shape)} and target has the shape "
            f"{tuple(target.shape)}: {hint}"
        )
    return shape


def _check_shape(role: str, given: Shape, shape: Shape) -> None:
    """Check that weights, a mask or a parameter have the axes of the loss.

    A parameter may also be a scalar.
    """
    if fits(given, shape) or (not len(given) and role not in _WITH_AXES):
        return
    missing = len(shape) - len(given)
    hint = "give it as many axes, each of the same size or of size 1"
    if len(given) and missing > 0:
        if fits(given, shape[: len(given)]):
            hint = f"pass {role}[{', '.join([':'] * len(given) + ['None'] * missing)}]"
        elif fits(given, shape[missing:]):
            hint = f"pass {role}[{', '.join(['None'] * missing + [':'] * len(given))}]"
    raise ValueError(
        f"{role} has the shape {tuple(given)} and the loss has the shape {tuple(shape)}: {hint}"
    )


def _check_per_class(role: str, given: Shape, classes: Any) -> None:
    """Check that there is one number for each class."""
    if not equal_shapes(given, (classes,)):
        raise ValueError(
            f"{role} has the shape {tuple(given)} and there are {classes} classes: give it the "
            f"shape ({classes},)"
        )


def _promoted_by(engine: Engine, dtype: DType, role: str, given: Metadata) -> DType:
    """Return the dtype in which a loss of ``dtype`` meets its weights, a mask or a parameter."""
    if role == "where":
        if given.dtype != engine.xp.bool:
            raise TypeError(
                f"where has the dtype {given.dtype}; pass booleans, for instance where != 0"
            )
        return dtype
    if engine.kind(given.dtype) == "complex":
        raise TypeError(f"{role} has the dtype {given.dtype}; pass real numbers")
    return with_weight(engine, dtype, given)


def _check_devices(operands: Mapping[str, Metadata]) -> None:
    """Check that all arrays of the engine are on one device; host data has none yet."""
    given = [(role, each.device) for role, each in operands.items() if each.device is not None]
    for role, device in given:
        if device != given[0][1]:
            raise ValueError(
                f"{given[0][0]} is on the device {given[0][1]} and {role} is on the device "
                f"{device}; move one of them"
            )
