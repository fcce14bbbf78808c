"""Cubed, whose arrays share a specification of how much memory they may take, and where."""

from typing import Any

from multiloss._engines.generic import GenericEngine
from multiloss._typing import Array, DType, Namespace


class _Namespace:
    """That of Cubed, but for what it cannot do."""

    def __init__(self, namespace: Namespace) -> None:
        self.__name__ = namespace.__name__
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._namespace, name)

    def clip(self, array: Array, low: Any, high: Any) -> Array:
        # With one bound it calls that of NumPy, which needs both.
        low, high = -self.inf if low is None else low, self.inf if high is None else high
        return self._namespace.clip(array, low, high)

    # Beyond the standard.
    def indices_of_last_axis(self, array: Any) -> Array:
        return self.arange(array.shape[-1], spec=array.spec)


class CubedEngine(GenericEngine):
    """Runs a loss by plain operators, with the specification of the operands."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(_Namespace(namespace))

    def from_host(self, value: Any, dtype: DType, like: Any) -> Array:
        return self.xp.asarray(value, dtype=dtype, spec=like.spec)
