"""Operands: read and checked without a look at their numbers, and brought to one engine."""

import math
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from multiloss._core.loss import ParameterSpec
from multiloss._core.plan import Metadata, Operands, Plan
from multiloss._engines import NUMBERS, NUMPY, Engine, engine_of, is_list
from multiloss._engines.host import without_warnings
from multiloss._typing import Array, DType, Operand

ROLES = Operands._fields[:4]
# Every dtype to compute in holds numbers whose size is between these, with all their digits.
SMALLEST_OF_ALL, LARGEST_OF_ALL = 1.2e-38, 3e38
_EVERY_INTEGER = 2**63


def as_float(role: str, number: float) -> float:
    """Return a number as a float, or raise ValueError if it is larger than any."""
    try:
        return float(number)
    except OverflowError:
        message = f"{role} is an integer beyond the largest float; pass a float, or inf"
        raise ValueError(message) from None


def checked_parameter(spec: ParameterSpec, value: Operand) -> Operand:
    """Return a parameter, a number as a float; raise ValueError if that is out of its domain."""
    if not isinstance(value, (int, float)):
        return value
    number = as_float(spec.name, value)
    if not spec.domain.holds(number):
        raise ValueError(f"{spec.name}={value!r} is out of bounds; pass {spec.domain.description}")
    return number


def stays_a_number(spec: ParameterSpec, value: Operand) -> bool:
    """Tell whether a parameter is a scalar, and is passed to the terms as a number."""
    return type(value) is float and not spec.is_per_class


def common_engine(given: Mapping[str, Operand]) -> Engine:
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


def read(role: str, value: Operand, engine: Engine) -> tuple[Any, Metadata]:
    """Return an operand as an array of the engine, a NumPy array or a number; and what it is."""
    if type(value) in NUMBERS:
        # Not through NumPy, which would turn a traced number into a constant.
        dtype = getattr(engine.xp, NUMBERS[type(value)])
        return value, Metadata(dtype, (), is_weak=True)
    is_host = engine_of(role, value) is NUMPY
    if is_host:
        _check_elements(role, value)
        array = NUMPY.read(role, value)
        dtype = _dtype_in(engine, array.dtype)
        is_weak = not hasattr(value, "__array__")
        metadata = Metadata(dtype, array.shape, is_weak=is_weak)
    else:
        array = value
        engine.check(role, array)
        metadata = engine.metadata(array)
    if metadata.dtype is None or engine.kind(metadata.dtype) is None:
        wanted = "booleans" if role == "where" else "numbers first, for instance to float32"
        raise TypeError(
            f"{role} has the dtype {array.dtype}, with which {engine.name} cannot compute; convert "
            f"it to {wanted}"
        )
    return array, metadata


_MOST_AXES = 64  # of an array of NumPy


def _check_elements(role: str, value: Operand) -> None:
    """Check that a list holds nothing that would lose its gradient or its mask as a NumPy array."""
    level = [value] if is_list(value) else []
    for _ in range(_MOST_AXES):
        nested = set()
        for element_type in set(map(type, chain.from_iterable(level))) - NUMBERS.keys():
            elements = chain.from_iterable(level)
            element = next(each for each in elements if type(each) is element_type)
            NUMPY.check(f"an element of {role}", element)
            if hasattr(element, "dtype") and engine_of(role, element) is not NUMPY:
                raise TypeError(
                    f"{role} is a {type(value).__name__} of {element_type.__name__}; make one "
                    "array of it first, for instance with stack()"
                )
            if is_list(element):
                nested.add(element_type)
        if not nested:
            return
        lists = (each for each in chain.from_iterable(level) if type(each) in nested)
        # Each list once, however often it is held.
        level = list({id(each): each for each in lists}.values())
    raise TypeError(f"{role} is nested more than {_MOST_AXES} deep; make one array of it first")


def _dtype_in(engine: Engine, dtype: np.dtype[Any]) -> DType | None:
    """Return the engine's dtype for a dtype of NumPy, or None if it has none."""
    if engine is NUMPY:
        return dtype
    is_small = NUMPY.kind(dtype) == "real" and NUMPY.float_bits(dtype) < np.finfo("f").bits
    return getattr(engine.xp, dtype.name, engine.xp.float32 if is_small else None)


def is_ready(engine: Engine, value: Any) -> bool:
    """Tell whether an operand that was read is an array of the engine."""
    return isinstance(value, NUMPY.array_types) if engine is NUMPY else not _is_host(value)


def converted(plan: Plan, operands: Operands) -> Operands:
    """Return the operands as arrays of the engine, on the device of those that are there already.

    A number that stays one is finite in the dtype if it is finite, and not zero if it is not.
    """
    engine, real = plan.engine, plan.real_dtype
    # Old releases of Dynamo trace no slice of a named tuple.
    given = (operands.prediction, operands.target, operands.weight, operands.where)
    dtypes = (plan.dtype, plan.target_dtype, real, engine.xp.bool)
    values = {
        role: (value, dtype)
        for role, value, dtype in zip(ROLES, given, dtypes, strict=True)
        if value is not None
    }
    if plan.has_labels and _is_host(operands.target):
        values["target"] = _safe_labels(operands.target), plan.target_dtype
    numbers = [_clamped(engine, each, real) for each in operands.parameters]
    for spec, value in zip(plan.loss.parameters, numbers, strict=True):
        if not stays_a_number(spec, value):
            values[spec.name] = (value, real)
    arrays = _to_engine(engine, values)
    parameters = []
    for spec, value in zip(plan.loss.parameters, numbers, strict=True):
        parameter = arrays.get(spec.name, value)
        if type(value) is not float:
            parameter = engine.in_domain(parameter, real, spec.domain.holds)
        parameters.append(parameter)
    if plan.class_axis is not None:
        _move_classes_last(plan, arrays)
    arguments: Any = [*[arrays.get(role) for role in ROLES], tuple(parameters), operands.empty]
    return Operands(*arguments)


def _move_classes_last(plan: Plan, arrays: dict[str, Array]) -> None:
    if plan.class_axis != -1:
        for role in ("prediction",) if plan.has_labels else ("prediction", "target"):
            arrays[role] = plan.engine.xp.moveaxis(arrays[role], plan.class_axis, -1)


def classes_back(plan: Plan, gradient: Array) -> Array:
    """Return a gradient with the classes where those of the prediction are."""
    if plan.class_axis is None or plan.class_axis == -1:
        return gradient
    return plan.engine.xp.moveaxis(gradient, -1, plan.class_axis)


_LAST_LABEL = 2**31 - 1  # fits the indices of every engine


def _safe_labels(labels: Any) -> np.ndarray[Any, Any]:
    """Return labels of the host, those that are out of any range as -1: they may not wrap."""
    given = np.asarray(labels)
    is_index = (given >= 0) & (given < _LAST_LABEL)
    return np.where(is_index, given, np.int64(-1)).astype(np.int64)


def _clamped(engine: Engine, value: Operand, dtype: DType) -> Operand:
    """Return a parameter, of which a number is finite and not zero in the dtype if it is so."""
    # No dtype is asked for its limits where every one holds the value.
    if type(value) is not float or SMALLEST_OF_ALL < abs(value) < LARGEST_OF_ALL:
        return value
    # Last, since Dynamo does not follow isfinite() of a number that changes.
    if not value or not math.isfinite(value):
        return value
    limits = engine.xp.finfo(dtype)
    size = max(float(limits.smallest_normal), min(abs(value), float(limits.max)))
    return size if value > 0 else -size


def _to_engine(engine: Engine, values: Mapping[str, tuple[Any, DType]]) -> dict[str, Array]:
    """Bring host data to the engine, and to the device of the operands that are there already."""
    values = {
        role: (rounded_to(engine, role, value, dtype), dtype)
        for role, (value, dtype) in values.items()
    }
    if engine is NUMPY:
        return {
            role: np.asarray(value, dtype if type(value) in NUMBERS else None)
            for role, (value, dtype) in values.items()
        }
    like = next(value for value, _ in values.values() if not _is_host(value))
    return {
        role: _from_host(engine, value, dtype, like) if _is_host(value) else value
        for role, (value, dtype) in values.items()
    }


def rounded_to(engine: Engine, role: str, value: Any, dtype: DType) -> Any:
    """Return a number that fits a dtype, and anything else unchanged."""
    if type(value) not in {int, float}:
        return value
    largest = float(engine.xp.finfo(dtype).max)
    if -largest <= value <= largest:
        return value if -_EVERY_INTEGER < value < _EVERY_INTEGER else float(value)
    number = as_float(role, value)
    return number if math.isnan(number) else math.copysign(math.inf, number)


# Every dtype to which host data is brought: those to compute in, and that of a mask.
_HOST_DTYPES = ("bool", "int32", "int64", "float32", "float64", "complex64", "complex128")


def _from_host(engine: Engine, value: Any, dtype: DType, like: Array) -> Array:
    if isinstance(value, np.ndarray):
        # Converted while still in NumPy, which reads every dtype, byte order and stride. A copy,
        # since the caller may write to the original before the gradient is asked for.
        names = [name for name in _HOST_DTYPES if getattr(engine.xp, name, None) == dtype]
        value = without_warnings(value.astype, names[0] if names else value.dtype, order="C")
    return engine.from_host(value, dtype, like)


def _is_host(value: object) -> bool:
    return isinstance(value, np.ndarray) or type(value) in NUMBERS
