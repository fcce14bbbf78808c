"""The door: whatever the caller passed becomes checked arrays of one engine, or one clear error."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from multiloss._dtypes import OperandDType, real_counterpart, with_weight, working_dtype
from multiloss._engines import NUMBERS, NUMPY, Engine, engine_of
from multiloss._selection import Operands
from multiloss._shapes import broadcast_shape, equal_shapes, fits
from multiloss._typing import Array, DType, Operand, Shape

_NUMPY_NAMES = ("bool", "float32", "float64", "complex64", "complex128")


def admit(
    prediction: Operand,
    target: Operand,
    *,
    weight: Operand | None,
    where: Operand | None,
    broadcast: bool,
) -> tuple[Engine, Operands]:
    """Return the engine that the operands share, and the operands as its arrays."""
    given = {"prediction": prediction, "target": target}
    if weight is not None:
        given["weight"] = weight
    if where is not None:
        given["where"] = where
    engine = _common_engine(given)
    candidates = {role: _read(role, value, engine) for role, value in given.items()}

    shape = _loss_shape(candidates["prediction"], candidates["target"], broadcast=broadcast)
    dtype = working_dtype(engine, [candidates[role].typed for role in ("prediction", "target")])
    if weight is not None:
        _check_option("weight", candidates["weight"], shape)
        if engine.kind(candidates["weight"].typed.dtype) == "complex":
            raise TypeError("weight is complex; pass real weights")
        dtype = with_weight(engine, dtype, candidates["weight"].typed)
    if where is not None:
        _check_option("where", candidates["where"], shape)
        _check_boolean(engine, candidates["where"].typed.dtype)
    weight_dtype = real_counterpart(engine, dtype)

    dtypes = {"prediction": dtype, "target": dtype, "weight": weight_dtype, "where": engine.xp.bool}
    arrays = _to_engine(engine, {role: each.value for role, each in candidates.items()}, dtypes)
    engine.check_devices(arrays)
    operands = Operands(
        arrays["prediction"],
        arrays["target"],
        arrays.get("weight"),
        arrays.get("where"),
        dtype,
        weight_dtype,
        len(shape),
    )
    return engine, operands


class _Candidate(NamedTuple):
    """An operand on its way through the door."""

    value: Any  # an array of the engine, a NumPy array or a number
    shape: Shape
    typed: OperandDType


def _common_engine(given: Mapping[str, Operand]) -> Engine:
    """Return the one engine among the operands, which host data follows."""
    common: Engine = NUMPY
    common_role = ""
    for role, value in given.items():
        engine = engine_of(role, value)
        if engine is NUMPY or engine is common:
            continue
        if common is not NUMPY:
            raise TypeError(
                f"{common_role} is an array of {common.name} and {role} is an array of "
                f"{engine.name}; convert one of them, or pass NumPy arrays, which follow either"
            )
        common, common_role = engine, role
    return common


def _read(role: str, value: Operand, engine: Engine) -> _Candidate:
    if type(value) in NUMBERS:
        # Not through NumPy, which would turn a traced number into a constant.
        dtype = getattr(engine.xp, NUMBERS[type(value)])
        return _Candidate(value, (), OperandDType(dtype, is_weak=True))
    is_host = engine_of(role, value) is NUMPY
    if is_host:
        array = NUMPY.read(role, value)
    else:
        array = value
        engine.check(role, array)
    # The dtype as the engine has it; None if it has none of this name.
    is_foreign = is_host and engine is not NUMPY
    dtype = getattr(engine.xp, array.dtype.name, None) if is_foreign else array.dtype
    if dtype is None or engine.kind(dtype) is None:
        raise TypeError(
            f"{role} has the dtype {array.dtype}, with which {engine.name} cannot compute; convert "
            "it to numbers first, for instance to float32"
        )
    is_weak = not hasattr(value, "__array__") if is_host else engine.is_weak(array)
    return _Candidate(array, array.shape, OperandDType(dtype, is_weak))


def _loss_shape(prediction: _Candidate, target: _Candidate, *, broadcast: bool) -> Shape:
    """Return the shape of the loss before the reduction."""
    if broadcast or type(target.value) in NUMBERS:
        shape = broadcast_shape(prediction.shape, target.shape)
        cure = "these do not broadcast"
    else:
        shape = prediction.shape if equal_shapes(prediction.shape, target.shape) else None
        cure = "make them equal, or pass broadcast=True if every pair is meant"
    if shape is None:
        raise ValueError(
            f"prediction has the shape {tuple(prediction.shape)} and target has the shape "
            f"{tuple(target.shape)}: {cure}"
        )
    return shape


def _check_option(role: str, candidate: _Candidate, shape: Shape) -> None:
    """Check that weights or a mask have the axes of the loss."""
    if fits(candidate.shape, shape):
        return
    missing = len(shape) - len(candidate.shape)
    if (
        len(candidate.shape)
        and missing > 0
        and fits(candidate.shape, shape[: len(candidate.shape)])
    ):
        index = ", ".join([":"] * len(candidate.shape) + ["None"] * missing)
        cure = f"pass {role}[{index}]"
    else:
        cure = "give it as many axes, each of the same size or of size 1"
    raise ValueError(
        f"{role} has the shape {tuple(candidate.shape)} and the loss has the shape {tuple(shape)}: "
        f"{cure}"
    )


def _check_boolean(engine: Engine, dtype: DType) -> None:
    if dtype != engine.xp.bool:
        raise TypeError(f"where has the dtype {dtype}; pass booleans, for instance where != 0")


def _to_engine(
    engine: Engine, values: Mapping[str, Any], dtypes: Mapping[str, DType]
) -> dict[str, Array]:
    """Bring host data to the engine and to the device of the operands that are there already."""
    if engine is NUMPY:
        return {role: np.asarray(value) for role, value in values.items()}
    like = next(value for value in values.values() if not _is_host(value))
    arrays = {}
    for role, value in values.items():
        if isinstance(value, np.ndarray):
            # Converted while still in NumPy: engines without 64-bit integers would wrap them, and
            # not every engine reads a foreign byte order.
            name = next(name for name in _NUMPY_NAMES if getattr(engine.xp, name) == dtypes[role])
            value = value.astype(name, copy=False)  # noqa: PLW2901
        arrays[role] = engine.from_host(value, dtypes[role], like) if _is_host(value) else value
    return arrays


def _is_host(value: object) -> bool:
    return isinstance(value, np.ndarray) or type(value) in NUMBERS
