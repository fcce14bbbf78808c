"""NumPy, and the engines that may compute with NumPy underneath."""

from typing import Any

import numpy as np

from multiloss._engines._base import Engine, Kind
from multiloss._engines._quiet import quietly
from multiloss._formulas import Formula
from multiloss._reduction import Reduction
from multiloss._selection import Operands
from multiloss._typing import Array, DType


class QuietEngine(Engine):
    """An engine about which nothing is known, and whose arrays may be NumPy's underneath."""

    def check(self, role: str, array: Array) -> None:
        # Dask keeps an empty array of the type of its chunks.
        _check_unmasked(role, getattr(array, "_meta", array))

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

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        # where() gives 0-d arrays; NumPy's own results are scalars.
        return quietly(super().value, formula, operands, reduction)[()]

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        value, gradient = quietly(super().value_and_grad, formula, operands, reduction)
        return value[()], gradient[()]


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
