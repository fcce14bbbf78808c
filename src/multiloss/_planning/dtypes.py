"""In which dtype a loss is computed, accumulated and returned."""

from multiloss._core.plan import Metadata
from multiloss._engines import Engine
from multiloss._typing import DType

# Every default float holds the integers of 16 bits, once it is widened itself.
_NARROW_BITS = 16
# The square of a float16 overflows from 256 on, and that of a bfloat16 keeps two digits.
_WIDE_ENOUGH_BITS = 32


def working_dtype(engine: Engine, prediction: Metadata, target: Metadata) -> DType:
    """Return the dtype in which prediction and target meet.

    Floats decide by the standard's promotion, and integers follow them. Two integers go to the
    engine's default float if both are narrow, and else to float64 where there is one. Of a weak
    operand only matters whether it is complex.
    """
    operands = (prediction, target)
    strong = [operand.dtype for operand in operands if not operand.is_weak]
    inexact = [dtype for dtype in strong if engine.kind(dtype) != "integer"]
    if not inexact:
        inexact = [_float_for_integers(engine, strong)]
    dtype = engine.xp.result_type(*(_widened(engine, each) for each in inexact))
    if any(operand.is_weak and engine.kind(operand.dtype) == "complex" for operand in operands):
        return _complex_counterpart(engine, dtype)
    return dtype


def with_weight(engine: Engine, dtype: DType, weight: Metadata) -> DType:
    """Return the dtype in which a loss of ``dtype`` meets its weights."""
    if weight.is_weak or engine.kind(weight.dtype) == "integer":
        return dtype
    return engine.xp.result_type(dtype, _widened(engine, weight.dtype))


def gradient_dtype(engine: Engine, prediction: Metadata, dtype: DType) -> DType:
    """Return the dtype of the gradient.

    It is the dtype of the prediction, if that is neither weak nor an integer.
    """
    kind = engine.kind(prediction.dtype)
    if kind != "integer" and not prediction.is_weak:
        return prediction.dtype
    return dtype if kind == "complex" else real_counterpart(engine, dtype)


def real_counterpart(engine: Engine, dtype: DType) -> DType:
    """Return the dtype of the parts of a complex number, and any other dtype unchanged."""
    if engine.kind(dtype) != "complex":
        return dtype
    return engine.xp.real(engine.xp.zeros(0, dtype=dtype)).dtype


def _complex_counterpart(engine: Engine, dtype: DType) -> DType:
    if engine.kind(dtype) == "complex":
        return dtype
    return engine.xp.complex64 if dtype == engine.xp.float32 else engine.xp.complex128


def _float_for_integers(engine: Engine, dtypes: list[DType]) -> DType:
    is_narrow = bool(dtypes) and all(engine.integer_bits(each) <= _NARROW_BITS for each in dtypes)
    return engine.default_float() if is_narrow or not engine.has_float64() else engine.xp.float64


def _widened(engine: Engine, dtype: DType) -> DType:
    """Return a dtype of at least single precision."""
    if engine.float_bits(dtype) >= _WIDE_ENOUGH_BITS:
        return dtype
    return engine.xp.complex64 if engine.kind(dtype) == "complex" else engine.xp.float32
