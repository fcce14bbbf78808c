"""Cubed, whose arrays share a specification of how much memory they may take, and where."""

from typing import Any

from multiloss._engines.chunked import ChunkedEngine
from multiloss._typing import Array, DType, Namespace

_TEMPORARY_BYTES = 2**24  # of a task, which goes through its chunks by blocks of 1 MiB


class _Namespace:
    """That of Cubed, but for what it cannot do."""

    def __init__(self, namespace: Namespace) -> None:
        self.__name__ = namespace.__name__
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._namespace, name)

    def clip(self, array: Array, low: Any, high: Any) -> Array:
        # With a lower bound alone it calls that of NumPy, which needs both. No issue upstream yet.
        return self._namespace.clip(array, low, self.inf if high is None else high)

    # Beyond the standard.
    def indices_of_last_axis(self, array: Any) -> Array:
        return self.arange(array.shape[-1], spec=array.spec)


class CubedEngine(ChunkedEngine):
    """Gives each array that it makes the specification of the operands."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(_Namespace(namespace))

    def from_host(self, value: Any, dtype: DType, like: Any) -> Array:
        return self.xp.asarray(value, dtype=dtype, spec=like.spec)

    def blockwise(self, function: Any, axes: Any, *arrays: Any, **options: Any) -> Array:
        from cubed.core.ops import blockwise

        # A task may take this much beside its operands and its result.
        return blockwise(function, axes, *arrays, extra_projected_mem=_TEMPORARY_BYTES, **options)
