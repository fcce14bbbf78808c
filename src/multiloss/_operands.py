"""The door: whatever the caller passed becomes checked arrays of one engine, or one clear error."""

from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from multiloss._dtypes import (
    OperandDType,
    gradient_dtype,
    real_counterpart,
    with_weight,
    working_dtype,
)
from multiloss._engines import NUMBERS, NUMPY, Engine, engine_of, is_list
from multiloss._engines._quiet import quietly
from multiloss._formulas.formula import Formula, ParameterSpec
from multiloss._numbers import as_float, clamped, fits_every_float, rounded
from multiloss._selection import Operands, as_is
from multiloss._shapes import broadcast_shape, equal_shapes, fits
from multiloss._typing import Array, DType, Namespace, Operand, Shape


def admit(
    formula: Formula,
    prediction: Operand,
    target: Operand,
    parameters: tuple[Operand, ...] = (),
    *,
    weight: Operand | None,
    where: Operand | None,
    broadcast: bool,
) -> tuple[Engine, Operands]:
    """Return the engine that the operands share, and the operands as its arrays."""
    if parameters:
        parameters = tuple(map(_checked_parameter, formula.parameters, parameters))
    if weight is None and where is None and type(prediction) is type(target):
        engine = engine_of("prediction", prediction)
        if engine.takes_as_is(prediction, target) and (
            not parameters or all(map(_needs_no_look, formula.parameters, parameters))
        ):
            return engine, as_is(prediction, target, parameters)

    named = zip(formula.parameters, parameters, strict=True)
    given = {"prediction": prediction, "target": target}
    # Old releases of Dynamo do not trace the union of dictionaries.
    given.update({spec.name: value for spec, value in named if not _stays_a_number(spec, value)})
    if weight is not None:
        given["weight"] = weight
    if where is not None:
        given["where"] = where
    engine = _common_engine(given)
    candidates = {role: _read(role, value, engine) for role, value in given.items()}

    first, second = candidates["prediction"], candidates["target"]
    shape = _loss_shape(first, second, broadcast=broadcast)
    dtype = working_dtype(engine, first.dtype, second.dtype)
    for role, candidate in candidates.items():
        if role not in {"prediction", "target"}:
            _check_shape(role, candidate, shape)
            dtype = _with_role(engine, dtype, role, candidate.dtype)
    real = real_counterpart(engine, dtype)
    if dtype != real and not formula.takes_complex:
        raise TypeError(f"{formula.name} of complex numbers is not defined; pass real ones")

    dtypes = dict.fromkeys(candidates, real)
    dtypes.update({"prediction": dtype, "target": dtype, "where": engine.xp.bool})
    values = {role: candidate.value for role, candidate in candidates.items()}
    parameters = tuple(_clamped(engine, value, real) for value in parameters)
    values.update(
        {
            spec.name: value
            for spec, value in zip(formula.parameters, parameters, strict=True)
            if spec.name in values and type(value) is float
        }
    )
    arrays = _to_engine(engine, values, dtypes)
    _check_devices(engine, arrays)
    operands = Operands(
        arrays["prediction"],
        arrays["target"],
        arrays.get("weight"),
        arrays.get("where"),
        tuple(
            engine.compute(_in_domain, spec, arrays[spec.name], real)
            if spec.name in arrays
            else value
            for spec, value in zip(formula.parameters, parameters, strict=True)
        ),
        dtype,
        real,
        *gradient_dtype(engine, first.dtype, dtype),
        shape,
    )
    return engine, operands


def _checked_parameter(spec: ParameterSpec, value: Operand) -> Operand:
    """Return a parameter, a number as a float; raise ValueError if that is out of its domain."""
    if not isinstance(value, (int, float)):
        return value
    number = as_float(spec.name, value)
    if not spec.domain.holds(number):
        raise ValueError(f"{spec.name}={value!r} is out of bounds; pass {spec.domain.description}")
    return number


def _stays_a_number(spec: ParameterSpec, value: Operand) -> bool:
    return type(value) is float and not spec.is_array


def _needs_no_look(spec: ParameterSpec, value: Operand) -> bool:
    return _stays_a_number(spec, value) and fits_every_float(value)


def _clamped(engine: Engine, value: Operand, dtype: DType) -> Operand:
    """Return a parameter, of which a number is finite in the dtype if it is finite."""
    if type(value) is not float or fits_every_float(value):
        return value
    return clamped(value, float(engine.xp.finfo(dtype).max))


def _in_domain(xp: Namespace, spec: ParameterSpec, array: Array, dtype: DType) -> Array:
    """Convert a parameter, with NaN for what is out of its domain: traced values cannot raise."""
    if array.dtype != dtype:
        array = xp.astype(array, dtype)
    return xp.where(spec.domain.holds(array), array, xp.nan)


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
        _check_elements(role, value)
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


def _loss_shape(prediction: _Candidate, target: _Candidate, *, broadcast: bool) -> Shape:
    """Return the shape of the loss before the reduction.

    A target without axes is one for all: nothing can be meant by accident.
    """
    if broadcast or not len(target.shape):
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


# The roles that have axes, and are no parameter.
_NOT_PARAMETERS = ("weight", "where")


def _check_shape(role: str, candidate: _Candidate, shape: Shape) -> None:
    """Check that weights, a mask or a parameter have the axes of the loss.

    A parameter may also be one for all.
    """
    given = candidate.shape
    if fits(given, shape) or (not len(given) and role not in _NOT_PARAMETERS):
        return
    missing = len(shape) - len(given)
    cure = "give it as many axes, each of the same size or of size 1"
    if len(given) and missing > 0:
        if fits(given, shape[: len(given)]):
            cure = f"pass {role}[{', '.join([':'] * len(given) + ['None'] * missing)}]"
        elif fits(given, shape[missing:]):
            cure = f"pass {role}[{', '.join(['None'] * missing + [':'] * len(given))}]"
    raise ValueError(
        f"{role} has the shape {tuple(given)} and the loss has the shape {tuple(shape)}: {cure}"
    )


def _with_role(engine: Engine, dtype: DType, role: str, given: OperandDType) -> DType:
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
    values = {role: rounded_to(engine, role, value, dtypes[role]) for role, value in values.items()}
    if engine is NUMPY:
        return {role: np.asarray(value) for role, value in values.items()}
    like = next(value for value in values.values() if not _is_host(value))
    return {
        role: _from_host(engine, value, dtypes[role], like) if _is_host(value) else value
        for role, value in values.items()
    }


def rounded_to(engine: Engine, role: str, value: Any, dtype: DType) -> Any:
    """Return a number that fits a dtype, and anything else as it is."""
    if type(value) not in {int, float}:
        return value
    return rounded(role, value, float(engine.xp.finfo(dtype).max))


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
