"""NumPy, and the engines that may compute with NumPy underneath."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from multiloss._engines._base import Engine, Kind, Way
from multiloss._engines._blocks import (
    blockwise_value,
    blockwise_value_and_grad,
    gradient_factor,
    in_memory_order,
    sum_block,
    weighted_slopes,
)
from multiloss._engines._norms import exponent_of, root_if_safe, root_slope
from multiloss._engines._plain import plain_value, plain_value_and_grad
from multiloss._engines._quiet import quietly
from multiloss._formulas.formula import Formula
from multiloss._reduction import NAN, Axes, Reduction, drop_axes, finish
from multiloss._selection import Operands, Selected, select
from multiloss._typing import Array, DType, Namespace

_BLOCK_BYTES = 2**19  # of each operand and each temporary; several of them fit a second-level cache
_ONE_BLOCK = 2**16  # elements
_ROW = 2**13  # elements
_FLOAT32, _FLOAT64 = np.dtype("float32"), np.dtype("float64")


class QuietEngine(Engine):
    """An engine about which nothing is known, and whose arrays may be NumPy's underneath."""

    def check(self, role: str, array: Array) -> None:
        # Dask keeps an empty array of the type of its chunks.
        _check_unmasked(role, getattr(array, "_meta", array))

    def compute(self, function: Callable[..., Array], *arguments: Any) -> Array:
        with np.errstate(all="ignore"):
            return super().compute(function, *arguments)

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        with np.errstate(all="ignore"):
            return super().value(formula, operands, reduction)

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            return super().value_and_grad(formula, operands, reduction)


class NumPyEngine(Engine):
    """NumPy, to which all host data belongs that meets no other engine."""

    array_types = (np.ndarray, np.generic)

    def takes_as_is(self, prediction: Array, target: Array) -> bool:
        if type(prediction) is not np.ndarray:
            return False
        dtype = prediction.dtype
        return (
            (dtype is _FLOAT64 or dtype is _FLOAT32)
            and target.dtype is dtype
            and prediction.shape == target.shape
        )

    def check(self, role: str, array: Array) -> None:
        _check_unmasked(role, array)

    def device_of(self, array: Array) -> Any:  # noqa: ARG002  it has but one
        return None

    def kind(self, dtype: DType) -> Kind | None:
        if _is_registered(dtype):
            return "integer" if "int" in dtype.name else "real"
        return super().kind(dtype) if np.dtype(dtype).kind in "biufc" else None

    def integer_bits(self, dtype: DType) -> int:
        return 8 * dtype.itemsize if _is_registered(dtype) else super().integer_bits(dtype)

    def float_bits(self, dtype: DType) -> int:
        return 8 * dtype.itemsize if _is_registered(dtype) else super().float_bits(dtype)

    # What NumPy 2.1 and later tell by __array_namespace_info__().
    def has_float64(self) -> bool:
        return True

    def default_float(self) -> DType:
        return _FLOAT64

    def read(self, role: str, value: Any) -> np.ndarray[Any, Any]:
        """Return host data (numbers, lists, objects with ``__array__``) as a NumPy array."""
        self.check(role, value)
        try:
            return np.asarray(value)
        # Whatever the object's own conversion raises; for a ragged list it is a ValueError.
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise TypeError(
                f"{role} ({type(value).__name__}) cannot be read as an array; make one array of it "
                f"first: {reason}"
            ) from error

    def compute(self, function: Callable[..., Array], *arguments: Any) -> Array:
        return quietly(function, np, *arguments)[()]

    def way(self, formula: Formula, operands: Operands, reduction: Reduction) -> Way:
        if formula.is_norm:
            return "operators" if reduction.name == "none" else "root"
        if math.prod(operands.shape) > _ONE_BLOCK:
            return "blocks"
        prediction, target, weight, where, _, dtype, *_ = operands
        is_product = (
            formula.residual is not None
            and weight is None
            and where is None
            and reduction.axis is None
            and reduction.name != "none"
            and not reduction.keepdims
            # Nothing is converted.
            and prediction.dtype is dtype
            and target.dtype is dtype
            and dtype.kind != "c"
        )
        return "product" if is_product else "operators"

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        # where() gives 0-d arrays; NumPy's own results are scalars.
        return quietly(_value, formula, operands, reduction)[()]

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        value, gradient = quietly(_value_and_grad, self.with_slope(formula), operands, reduction)
        return value[()], gradient[()]


def _value(formula: Formula, operands: Operands, reduction: Reduction) -> Array:
    way = NUMPY.way(formula, operands, reduction)
    if way == "product":
        function: Any = formula.residual
        residual = function(np, operands.prediction, operands.target, *operands.parameters)
        return finish(np, _sum_of_squares(residual), residual.size, reduction)
    if way == "operators":
        return plain_value(np, formula, operands, reduction)
    if way == "root":
        return _norm(formula, operands, reduction)
    if reduction.axis is None and reduction.name != "none":
        operands = in_memory_order(np, operands, operands.prediction.strides)
    return blockwise_value(
        np, formula, operands, reduction, limit=_limit(operands), sum_block=_sum_block
    )


def _value_and_grad(
    formula: Formula, operands: Operands, reduction: Reduction
) -> tuple[Array, Array]:
    way = NUMPY.way(formula, operands, reduction)
    is_stretched = operands.prediction.shape != operands.shape
    is_complex = operands.dtype != operands.real_dtype
    if way == "operators" or is_stretched or is_complex or 0 in operands.shape:
        return plain_value_and_grad(np, formula, operands, reduction)
    if way == "root":
        return _norm_and_grad(formula, operands, reduction)
    if way == "blocks":
        return blockwise_value_and_grad(
            np, formula, operands, reduction, limit=_limit(operands), sum_block=_sum_block
        )
    function: Any = formula.residual
    residual = function(np, operands.prediction, operands.target, *operands.parameters)
    value = finish(np, _sum_of_squares(residual), residual.size, reduction)
    factor = gradient_factor(np, formula, residual.size, operands, reduction)
    is_slope = formula.slope is formula.residual
    slopes = residual if is_slope else weighted_slopes(np, formula, select(np, operands))
    return value, slopes * factor


def _norm(formula: Formula, operands: Operands, reduction: Reduction) -> Array:
    exponent = exponent_of(operands.parameters)
    mean = _value(formula._replace(is_norm=False), operands, reduction._replace(empty=NAN))
    result = root_if_safe(np, mean, exponent)
    return plain_value(np, formula, operands, reduction) if result is None else result


def _norm_and_grad(
    formula: Formula, operands: Operands, reduction: Reduction
) -> tuple[Array, Array]:
    exponent = exponent_of(operands.parameters)
    kept = reduction._replace(keepdims=True, empty=NAN)
    # In the working dtype, since a 16-bit gradient may vanish before it is multiplied.
    wide = operands._replace(gradient_dtype=operands.dtype)
    mean, gradient = _value_and_grad(formula._replace(is_norm=False), wide, kept)
    result = root_if_safe(np, mean, exponent)
    if result is None:
        return plain_value_and_grad(np, formula, operands, reduction)
    gradient *= root_slope(np, mean, exponent)
    gradient = gradient.astype(operands.gradient_dtype, copy=False)
    return drop_axes(np, result, reduction), gradient


def _limit(operands: Operands) -> int:
    return _BLOCK_BYTES // np.dtype(operands.dtype).itemsize


def _sum_block(xp: Namespace, formula: Formula, block: Selected, axis: Axes) -> Array:
    """Return Σ w·l of a block; where the loss is a square, as a product, in one pass less."""
    is_complex = block.prediction.dtype.kind == "c"
    if formula.residual is None or block.weight is not None or axis is not None or is_complex:
        return sum_block(xp, formula, block, axis)
    return _sum_of_squares(formula.residual(xp, block.prediction, block.target, *block.parameters))


def _sum_of_squares(residual: Array) -> Array:
    """Return Σ r².

    In rows: one long product loses up to four digits in float32, and starts threads that are often
    slower than one.
    """
    if residual.ndim != 1:
        residual = residual.reshape(-1)
    rows = residual.size // _ROW
    if rows <= 1:
        return residual.dot(residual)
    whole = residual[: rows * _ROW].reshape(rows, _ROW)
    rest = residual[rows * _ROW :]
    return np.vecdot(whole, whole).sum() + rest.dot(rest)


def _check_unmasked(role: str, array: Array) -> None:
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{role} is a numpy.ma.MaskedArray, whose mask would be lost; pass its .data and "
            "where=~mask"
        )


def _is_registered(dtype: DType) -> bool:
    """Tell whether a dtype was added to NumPy by a package, such as the bfloat16 of ml_dtypes.

    NumPy's isdtype() raises for them: https://github.com/jax-ml/ml_dtypes/issues/125
    """
    return np.dtype(dtype).isbuiltin == 2  # noqa: PLR2004  NumPy's code for "user-defined"


# NumPy's own namespace conforms to the standard from 2.0 on, and array_api_compat's takes as long
# to import as NumPy itself.
NUMPY = NumPyEngine(np)
