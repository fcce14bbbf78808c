"""NumPy."""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from multiloss._core.plan import Metadata, Operands, Plan
from multiloss._core.sums import Sums
from multiloss._core.terms import difference
from multiloss._engines.base import Engine, Kind, Strategy, always
from multiloss._engines.host import HOST_KEYS, NO_WARNINGS, without_warnings
from multiloss._engines.numpy_arithmetic import BY_BITS, PLAIN, arithmetic_of
from multiloss._engines.numpy_namespace import sum_of_products, xp
from multiloss._strategies.blocks import blocks_if_safe, in_memory_order, keep_freed_memory
from multiloss._strategies.one_term import is_one_term, one_term
from multiloss._strategies.whole import factors_of, is_safe, whole
from multiloss._typing import Array, DType

_WHOLE_BYTES = 2**22  # up to which temporaries of an operand's size stay in the cache
_BLOCK_BYTES = 2**20  # beyond, of each operand and each temporary of a block
_FREED_BYTES = 2**16  # from which on the allocator hands temporaries back to the system


def _is_square(plan: Plan) -> bool:
    """Tell whether the loss is squares, of which nothing is converted, or one sum of them."""
    loss, dtype = plan.loss, plan.dtype
    becomes_result = plan.with_gradient or plan.axes == ()
    return (
        loss.terms[0].is_square
        and len(loss.terms) == 1
        and plan.weight is None
        and plan.where is None
        and not plan.keeps_axes
        and not plan.is_complex
        and plan.prediction.dtype == plan.target.dtype == dtype
        and (not plan.with_gradient or plan.prediction.shape == plan.shape)
        # Residuals of a large array are written only where they become the result; what is more
        # than a difference makes several temporaries, and goes by blocks.
        and (not _is_large(plan) or (becomes_result and loss.terms[0].residual is difference))
    )


def _squares(plan: Plan, operands: Operands) -> Any:
    loss, total = plan.loss, plan.reduced_size if plan.is_mean else None
    term: Any = loss.terms[0]
    residual = term.residual(np, operands.prediction, operands.target)
    if plan.axes is None:
        squares = sum_of_products(residual, residual)
    else:
        residual *= residual
        squares = arithmetic_of(plan).sum(plan, residual)
    sums = Sums((squares,), total)
    if loss.scale != 1.0:
        sums = Sums((loss.scale * sums.terms[0],), total)
    value = loss.combination.value(np, sums, operands.empty, (), None)
    if loss.measure is not None and not is_safe(PLAIN, value, ()):
        return whole(PLAIN, plan, operands)
    if not plan.with_gradient:
        return value
    ((above, below),) = factors_of(np, plan, operands, sums, None)
    is_slope = term.slope is term.residual
    slopes = residual if is_slope else term.slope(np, operands.prediction, operands.target)
    return value, arithmetic_of(plan).scaled_slopes(slopes, above, below)


def _blocks(plan: Plan, operands: Operands) -> Any:
    given = plan, operands
    if plan.axes is None and not plan.with_gradient:
        plan, operands = in_memory_order(np, plan, operands, operands.prediction.strides)
    limit = _BLOCK_BYTES // np.dtype(plan.dtype).itemsize
    result = blocks_if_safe(BY_BITS, plan, operands, limit=limit)
    return whole(PLAIN, *given) if result is None else result


def _is_large(plan: Plan) -> bool:
    shape = plan.full_shape
    is_elementwise = plan.with_gradient and (plan.is_complex or plan.prediction.shape != shape)
    return _bytes(plan) > _WHOLE_BYTES and not is_elementwise


def _bytes(plan: Plan) -> int:
    """Return the size of an operand, or of a temporary."""
    return math.prod(plan.full_shape) * np.dtype(plan.dtype).itemsize


def _one_term(plan: Plan, operands: Operands) -> Any:
    return one_term(arithmetic_of(plan), plan, operands)


def _whole(plan: Plan, operands: Operands) -> Any:
    return whole(arithmetic_of(plan), plan, operands, is_measured=False)


class NumPyEngine(Engine):
    """NumPy, to which all host data belongs that meets no other engine."""

    array_types = (np.ndarray, np.generic)

    def __init__(self) -> None:
        super().__init__(xp)
        self.keys = HOST_KEYS
        self.strategies = (
            Strategy("squares", _is_square, _squares),
            Strategy("blocks", _is_large, _blocks),
            Strategy("one term", is_one_term, _one_term),
            Strategy("whole", always, _whole),
        )

    def metadata(self, array: Array) -> Metadata:
        return Metadata(array.dtype, array.shape)

    def strategy_of(self, plan: Plan) -> Strategy:
        # Here, since a plan is made once for many calls.
        if _bytes(plan) >= _FREED_BYTES:
            keep_freed_memory(np)
        return super().strategy_of(plan)

    def run(self, plan: Plan, operands: Operands) -> Any:
        result = NO_WARNINGS.copy().run(plan.strategy.run, plan, operands)
        # As as_result() does, without a call of it.
        return (result[0][()], result[1][()]) if plan.with_gradient else result[()]

    def as_result(self, value: Array) -> Array:
        # where() gives 0-d arrays; NumPy's results are scalars.
        return value[()]

    def without_warnings(self, function: Callable[..., Any], *args: Any) -> Any:
        return without_warnings(function, *args)

    def register_pytree(self, container: type) -> None:
        # Arrays of NumPy go into JAX's functions, too.
        if "jax" in sys.modules:
            from multiloss._engines.jax import ENGINE

            ENGINE.register_pytree(container)

    def known_values(self, array: Array) -> Any:
        return array

    def check(self, role: str, array: Array) -> None:
        check_unmasked(role, array)

    def in_domain(self, array: Array, dtype: DType, holds: Callable[[Array], Array]) -> Array:
        return without_warnings(super().in_domain, array, dtype, holds)

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
        return np.dtype("float64")

    def index_dtype(self) -> DType:
        return np.dtype(np.intp)

    def read(self, role: str, value: Any) -> np.ndarray[Any, Any]:
        """Return host data (numbers, lists, objects with ``__array__``) as a NumPy array."""
        self.check(role, value)
        try:
            return np.asarray(value)
        # Whatever the object's conversion raises; for a ragged list it is a ValueError.
        except Exception as error:
            reason = str(error).partition("\n")[0]
            raise TypeError(
                f"{role} ({type(value).__name__}) cannot be read as an array; make one array of it "
                f"first: {reason}"
            ) from error


def check_unmasked(role: str, array: Array) -> None:
    """Raise TypeError for a masked array."""
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


# NumPy's namespace conforms to the standard from 2.0 on, and array_api_compat's takes as long
# to import as NumPy itself.
NUMPY = NumPyEngine()
