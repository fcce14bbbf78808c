"""In which dtype a loss is computed, accumulated and returned."""

from collections.abc import Sequence
from typing import NamedTuple

from multiloss._engines import Engine
from multiloss._typing import DType

# Every default float holds the integers of 16 bits, once it is widened itself.
_NARROW_BITS = 16
# The square of a float16 overflows from 256 on, and that of a bfloat16 keeps two digits.
_WIDE_ENOUGH_BITS = 32


class OperandDType(NamedTuple):
    """The dtype of an operand, and whether it has a say."""

    dtype: DType
    is_weak: bool  # a number or a list, which takes the dtype of the arrays it meets


def working_dtype(engine: Engine, operands: Sequence[OperandDType]) -> DType:
    """Return the dtype in which prediction and target meet.

    Floats decide by the standard's promotion, and integers follow them. Two integers go to a float
    that holds both exactly. Of a weak operand only matters whether it is complex.
    """
    strong = [operand.dtype for operand in operands if not operand.is_weak]
    floats = [dtype for dtype in strong if engine.kind(dtype) != "integer"]
    if not floats:
        floats = [_float_for_integers(engine, strong)]
    if any(operand.is_weak and engine.kind(operand.dtype) == "complex" for operand in operands):
        floats.append(engine.xp.complex64)
    return engine.xp.result_type(*(_widened(engine, dtype) for dtype in floats))


def with_weight(engine: Engine, dtype: DType, weight: OperandDType) -> DType:
    """Return the dtype in which a loss of ``dtype`` meets its weights."""
    if weight.is_weak or engine.kind(weight.dtype) == "integer":
        return dtype
    return engine.xp.result_type(dtype, _widened(engine, weight.dtype))


def real_counterpart(engine: Engine, dtype: DType) -> DType:
    """Return the dtype of the parts of a complex number, and any other dtype as it is."""
    if engine.kind(dtype) != "complex":
        return dtype
    return engine.xp.float32 if dtype == engine.xp.complex64 else engine.xp.float64


def _float_for_integers(engine: Engine, dtypes: Sequence[DType]) -> DType:
    narrow = dtypes and all(engine.integer_bits(dtype) <= _NARROW_BITS for dtype in dtypes)
    return engine.default_float() if narrow or not engine.has_float64() else engine.xp.float64


def _widened(engine: Engine, dtype: DType) -> DType:
    """Return a dtype of at least single precision."""
    if engine.float_bits(dtype) >= _WIDE_ENOUGH_BITS:
        return dtype
    return engine.xp.complex64 if engine.kind(dtype) == "complex" else engine.xp.float32
