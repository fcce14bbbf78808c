"""NumPy, and the namespaces that may compute with NumPy underneath."""

from typing import Any

import array_api_compat.numpy
import numpy as np

from multiloss._engines._engine import Engine, Kind
from multiloss._formulas import Formula
from multiloss._reduction import Reduction
from multiloss._selection import Operands
from multiloss._typing import Array, DType


class NumPyBackedEngine(Engine):
    """Keeps quiet about overflow and NaN: they show in the result, as on the other engines."""

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        with np.errstate(all="ignore"):
            return super().value(formula, operands, reduction)

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            return super().value_and_grad(formula, operands, reduction)


class NumPyEngine(NumPyBackedEngine):
    """NumPy, to which all host data belongs that meets no other engine."""

    array_types = (np.ndarray, np.generic)

    def check(self, role: str, array: Array) -> None:
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError(
                f"{role} is a numpy.ma.MaskedArray, whose mask would be lost; pass its .data and "
                "where=~mask"
            )

    def kind(self, dtype: DType) -> Kind | None:
        if _is_added_float(dtype):
            return "real"
        return super().kind(dtype) if np.dtype(dtype).kind in "biufc" else None

    def float_bits(self, dtype: DType) -> int:
        return 8 * dtype.itemsize if _is_added_float(dtype) else super().float_bits(dtype)

    def read(self, role: str, value: Any) -> np.ndarray[Any, Any]:
        """Return host data (numbers, lists, objects with ``__array__``) as a NumPy array."""
        self.check(role, value)
        try:
            return np.asarray(value)
        # Whatever the object's own conversion raises; for a ragged list it is a ValueError.
        except Exception as error:
            raise TypeError(
                f"{role} ({type(value).__name__}) cannot be read as an array: {error}"
            ) from error

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        # where() gives 0-d arrays; NumPy's own results are scalars.
        return super().value(formula, operands, reduction)[()]

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        value, gradient = super().value_and_grad(formula, operands, reduction)
        return value[()], gradient[()]


def _is_added_float(dtype: DType) -> bool:
    """Tell whether this is bfloat16 or a smaller float of ml_dtypes, unknown to ``isdtype``."""
    dtype = np.dtype(dtype)
    return dtype.kind == "V" and dtype.type is not np.void and np.can_cast(dtype, np.float32)


NUMPY = NumPyEngine(array_api_compat.numpy)
