"""PyTorch."""

from typing import Any

import array_api_compat.torch
import numpy as np
import torch

from multiloss._engines._engine import Engine
from multiloss._typing import Array, DType


class TorchEngine(Engine):
    """Runs the formula with plain operators, which autograd, ``torch.func`` and Dynamo follow."""

    def check(self, role: str, array: Array) -> None:
        if array.layout is not torch.strided:
            raise TypeError(
                f"{role} has the layout {array.layout}; make it dense first, for instance with "
                ".to_dense()"
            )

    def check_devices(self, arrays: dict[str, Array]) -> None:
        (first_role, first), *others = arrays.items()
        for role, other in others:
            if other.device != first.device:
                raise ValueError(
                    f"{first_role} is on {first.device} and {role} is on {other.device}; move one "
                    f"of them, for instance with {role}.to({str(first.device)!r})"
                )

    def default_float(self) -> DType:
        return torch.get_default_dtype()

    def from_host(self, value: Any, dtype: DType, like: Array) -> Array:
        if isinstance(value, np.ndarray):
            # Memory that is read-only or strided backwards is warned about or refused.
            value = np.require(value, requirements=["C", "W"])
        return torch.asarray(value, dtype=dtype, device=like.device)


ENGINE = TorchEngine(array_api_compat.torch)
