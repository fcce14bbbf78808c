"""JAX."""

from typing import Any

import jax
import jax.numpy as jnp

from multiloss._engines._base import Engine, Kind
from multiloss._typing import Array, DType


class JAXEngine(Engine):
    """Runs the formula with ``jax.numpy``, traced or not."""

    def device_of(self, array: Array) -> Any:  # noqa: ARG002  the same for all
        # Host data stays uncommitted: it follows the other operands, sharded or not.
        return None

    def kind(self, dtype: DType) -> Kind | None:
        # isdtype() raises for the extended dtypes, such as those of random keys.
        return None if jnp.issubdtype(dtype, jax.dtypes.extended) else super().kind(dtype)

    def is_weak(self, array: Array) -> bool:
        return bool(array.weak_type)


ENGINE = JAXEngine(jnp)
