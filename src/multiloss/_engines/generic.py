"""Any other array API library, whose arrays may be NumPy's underneath."""

from collections.abc import Callable
from typing import Any

import numpy as np

from multiloss._core.plan import Operands, Plan
from multiloss._engines.base import Engine
from multiloss._engines.numpy import check_unmasked
from multiloss._typing import Array, DType


class GenericEngine(Engine):
    """Runs a loss by plain operators, without NumPy's warnings."""

    def check(self, role: str, array: Array) -> None:
        # Dask keeps an empty array of the type of its chunks.
        check_unmasked(role, getattr(array, "_meta", array))

    def in_domain(self, array: Array, dtype: DType, holds: Callable[[Array], Array]) -> Array:
        return self.without_warnings(super().in_domain, array, dtype, holds)

    def run(self, plan: Plan, operands: Operands) -> Any:
        return self.without_warnings(super().run, plan, operands)

    def without_warnings(self, function: Callable[..., Any], *args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)
