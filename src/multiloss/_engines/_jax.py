"""JAX."""

from typing import Any

import jax
import jax.numpy as jnp

from multiloss._engines._engine import Engine, Kind
from multiloss._typing import Array, DType


class JAXEngine(Engine):
    """Runs the formula with ``jax.numpy``, traced or not."""

    def kind(self, dtype: DType) -> Kind | None:
        # Random keys and the like have dtypes that are no dtypes to isdtype().
        return None if jnp.issubdtype(dtype, jax.dtypes.extended) else super().kind(dtype)

    def is_weak(self, array: Array) -> bool:
        return bool(array.weak_type)

    def from_host(self, value: Any, dtype: DType, like: Array) -> Array:  # noqa: ARG002
        # Left uncommitted, it follows the other operands to their devices, sharded or not.
        return jnp.asarray(value, dtype=dtype)


ENGINE = JAXEngine(jnp)
