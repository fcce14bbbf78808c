"""The door: whatever the caller passed becomes checked arrays of one engine, or one clear error."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from multiloss._dtypes import (
    OperandDType,
    gradient_dtype,
    real_counterpart,
    with_weight,
    working_dtype,
)
from multiloss._engines import NUMBERS, NUMPY, Engine, engine_of
from multiloss._engines._quiet import quietly
from multiloss._selection import Operands, as_is
from multiloss._shapes import broadcast_shape, equal_shapes, fits
from multiloss._typing import Array, DType, Operand, Shape


def admit(
    prediction: Operand,
    target: Operand,
    weight: Operand | None,
    where: Operand | None,
    *,
    broadcast: bool,
) -> tuple[Engine, Operands]:
    """Return the engine that the operands share, and the operands as its arrays."""
    if weight is None and where is None and type(prediction) is type(target):
        engine = engine_of("prediction", prediction)
        if engine.takes_as_is(prediction, target):
            return engine, as_is(prediction, target)

    given = {"prediction": prediction, "target": target}
    if weight is not None:
        given["weight"] = weight
    if where is not None:
        given["where"] = where
    engine = _common_engine(given)
    candidates = {role: _read(role, value, engine) for role, value in given.items()}

    shape = _loss_shape(candidates["prediction"], candidates["target"], broadcast=broadcast)
    dtype = working_dtype(engine, candidates["prediction"].dtype, candidates["target"].dtype)
    if weight is not None:
        _check_axes("weight", candidates["weight"], shape)
        _check_real(engine, candidates["weight"].dtype.dtype)
        dtype = with_weight(engine, dtype, candidates["weight"].dtype)
    if where is not None:
        _check_axes("where", candidates["where"], shape)
        _check_boolean(engine, candidates["where"].dtype.dtype)

    real = real_counterpart(engine, dtype)
    dtypes = {"prediction": dtype, "target": dtype, "weight": real, "where": engine.xp.bool}
    values = {role: candidate.value for role, candidate in candidates.items()}
    arrays = _to_engine(engine, values, dtypes)
    _check_devices(engine, arrays)
    operands = Operands(
        arrays["prediction"],
        arrays["target"],
        arrays.get("weight"),
        arrays.get("where"),
        dtype,
        real,
        *gradient_dtype(engine, candidates["prediction"].dtype, dtype),
        shape,
    )
    return engine, operands


class _Candidate(NamedTuple):
    """An operand on its way through the door."""

    value: Any  # an array of the engine, a NumPy array or a number
    shape: Shape
    dtype: OperandDType


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
        _check_first_element(role, value)
        array = NUMPY.read(role, value)
    else:
        array = value
        engine.check(role, array)
    dtype = _dtype_in(engine, array.dtype) if is_host else array.dtype
    if dtype is None or engine.kind(dtype) is None:
        wanted = "booleans" if role == "where" else "numbers first, for instance to float32"
        raise TypeError(
            f"{role} has the dtype {array.dtype}, with which {engine.name} cannot compute; convert "
            f"it to {wanted}"
        )
    is_weak = not hasattr(value, "__array__") if is_host else engine.is_weak(array)
    return _Candidate(array, array.shape, OperandDType(dtype, is_weak))


def _check_first_element(role: str, value: Operand) -> None:
    """Check that a list holds nothing that would lose its gradient or its mask as a NumPy array."""
    element = value
    while isinstance(element, (list, tuple)) and element:
        element = element[0]
    if element is value or type(element) in NUMBERS:
        return
    NUMPY.check(f"an element of {role}", element)
    if hasattr(element, "dtype") and engine_of(role, element) is not NUMPY:
        raise TypeError(
            f"{role} is a {type(value).__name__} of {type(element).__name__}; make one array of it "
            "first, for instance with stack()"
        )


def _dtype_in(engine: Engine, dtype: np.dtype[Any]) -> DType | None:
    """Return the engine's dtype for a dtype of NumPy, or None if it has none."""
    if engine is NUMPY:
        return dtype
    is_small = NUMPY.kind(dtype) == "real" and NUMPY.float_bits(dtype) < np.finfo("f").bits
    return getattr(engine.xp, dtype.name, engine.xp.float32 if is_small else None)


def _loss_shape(prediction: _Candidate, target: _Candidate, *, broadcast: bool) -> Shape:
    """Return the shape of the loss before the reduction."""
    if broadcast or type(target.value) in NUMBERS:
        shape = broadcast_shape(prediction.shape, target.shape)
        cure = "these do not broadcast; give them one shape"
    else:
        shape = prediction.shape if equal_shapes(prediction.shape, target.shape) else None
        cure = "give them one shape, or pass broadcast=True if every pair is meant"
    if shape is None:
        raise ValueError(
            f"prediction has the shape {tuple(prediction.shape)} and target has the shape "
            f"{tuple(target.shape)}: {cure}"
        )
    return shape


def _check_axes(role: str, candidate: _Candidate, shape: Shape) -> None:
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


def _check_real(engine: Engine, dtype: DType) -> None:
    if engine.kind(dtype) == "complex":
        raise TypeError(f"weight has the dtype {dtype}; pass real numbers")


def _check_boolean(engine: Engine, dtype: DType) -> None:
    if dtype != engine.xp.bool:
        raise TypeError(f"where has the dtype {dtype}; pass booleans, for instance where != 0")


def _check_devices(engine: Engine, arrays: Mapping[str, Array]) -> None:
    first = engine.device_of(arrays["prediction"])
    for role, array in arrays.items():
        if engine.device_of(array) != first:
            raise ValueError(
                f"prediction is on the device {first} and {role} is on the device "
                f"{engine.device_of(array)}; move one of them"
            )


def _to_engine(
    engine: Engine, values: Mapping[str, Any], dtypes: Mapping[str, DType]
) -> dict[str, Array]:
    """Bring host data to the engine, and to the device of the operands that are there already."""
    if engine is NUMPY:
        return {role: np.asarray(value) for role, value in values.items()}
    like = next(value for value in values.values() if not _is_host(value))
    return {
        role: _from_host(engine, value, dtypes[role], like) if _is_host(value) else value
        for role, value in values.items()
    }


# Every dtype to which host data is brought: those to compute in, and that of a mask.
_HOST_DTYPES = ("bool", "float32", "float64", "complex64", "complex128")


def _from_host(engine: Engine, value: Any, dtype: DType, like: Array) -> Array:
    if isinstance(value, np.ndarray):
        # Converted while still in NumPy, which reads every dtype, byte order and stride. A copy,
        # since the caller may write to the original before the gradient is asked for.
        names = [name for name in _HOST_DTYPES if getattr(engine.xp, name) == dtype]
        value = quietly(value.astype, names[0] if names else value.dtype, order="C")
    return engine.from_host(value, dtype, like)


def _is_host(value: object) -> bool:
    return isinstance(value, np.ndarray) or type(value) in NUMBERS
