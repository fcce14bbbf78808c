"""JAX."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp

from multiloss._engines._base import Engine, Kind, Way
from multiloss._engines._plain import plain_value, plain_value_and_grad
from multiloss._formulas.formula import Formula
from multiloss._reduction import Reduction
from multiloss._selection import Operands
from multiloss._typing import Array, DType, Namespace, Parameter

_FLOATS = (jnp.dtype("float32"), jnp.dtype("float64"))

# plain_value() or plain_value_and_grad().
Plain: TypeAlias = Callable[[Any, Formula, Operands, Reduction], Any]


class _Namespace:
    """``jax.numpy``, but for the derivative of abs() at zero, which is zero as in PyTorch."""

    __name__ = "jax"

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    @staticmethod
    def abs(array: Array) -> Array:
        # Of two that are equal, each gets half of the derivative of their maximum.
        is_complex = jnp.iscomplexobj(array)
        return jnp.abs(array) if is_complex else jnp.maximum(array, -array)


_xp = _Namespace()


class JAXEngine(Engine):
    """Traces the formula with ``jax.numpy``; a call outside of any trace is one compiled call."""

    def takes_as_is(self, prediction: Array, target: Array) -> bool:
        dtype = prediction.dtype
        return dtype in _FLOATS and bool(target.dtype == dtype) and prediction.shape == target.shape

    def device_of(self, array: Array) -> Any:  # noqa: ARG002  the same for all
        # Host data stays uncommitted: it follows the other operands, sharded or not.
        return None

    def kind(self, dtype: DType) -> Kind | None:
        # isdtype() raises for the extended dtypes, such as those of random keys.
        return None if jnp.issubdtype(dtype, jax.dtypes.extended) else super().kind(dtype)

    def is_weak(self, array: Array) -> bool:
        return bool(array.weak_type)

    def way(self, formula: Formula, operands: Operands, reduction: Reduction) -> Way:  # noqa: ARG002
        arrays = (*operands[:4], *operands.parameters)
        is_traced = any(isinstance(array, jax.core.Tracer) for array in arrays)
        return "operators" if is_traced or not isinstance(reduction.empty, float) else "compiled"

    def value(self, formula: Formula, operands: Operands, reduction: Reduction) -> Array:
        return self._run(plain_value, formula, operands, reduction)

    def value_and_grad(
        self, formula: Formula, operands: Operands, reduction: Reduction
    ) -> tuple[Array, Array]:
        formula = self.with_slope(formula)
        value, gradient = self._run(plain_value_and_grad, formula, operands, reduction)
        return value, gradient

    def with_slope(self, formula: Formula) -> Formula:
        return formula if formula.slope else _differentiated(formula)

    def _run(self, plain: Plain, formula: Formula, operands: Operands, reduction: Reduction) -> Any:
        if self.way(formula, operands, reduction) == "operators":
            return plain(_xp, formula, operands, reduction)
        arrays, settings = operands[:5], operands[5:]
        flat = (*operands[:4], *operands.parameters)
        shapes = tuple(getattr(array, "shape", None) for array in flat)
        return _compiled(plain, formula, settings, reduction, shapes)(*arrays)


# So that the same formula is the same key of the cache below.
@lru_cache(maxsize=512)
def _differentiated(formula: Formula) -> Formula:
    def slope(xp: Namespace, prediction: Array, target: Array, *parameters: Parameter) -> Array:
        full = xp.broadcast_arrays(prediction, target)[0]
        return jax.grad(lambda y: xp.sum(formula.value(xp, y, target, *parameters)))(full)

    return formula._replace(slope=slope)


# One entry for all arrays of the same shapes, so that the oldest shapes are forgotten in time: the
# cache of a jitted function would keep them all.
@lru_cache(maxsize=512)
def _compiled(
    plain: Plain,
    formula: Formula,
    settings: tuple[Any, ...],
    reduction: Reduction,
    shapes: tuple[Any, ...],  # noqa: ARG001  a part of the key
) -> Callable[..., Any]:
    def run(*arrays: Any) -> Any:
        return plain(_xp, formula, Operands._make((*arrays, *settings)), reduction)

    return jax.jit(run)


ENGINE = JAXEngine(_xp)
