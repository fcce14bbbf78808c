"""PyTorch."""

from typing import Any

import array_api_compat.torch
import torch

from multiloss._engines._base import Engine
from multiloss._typing import Array, DType


class TorchEngine(Engine):
    """Runs the formula with plain operators, which autograd, ``torch.func`` and Dynamo follow."""

    def check(self, role: str, array: Array) -> None:
        if array.is_nested or array.layout is not torch.strided:
            layout = "nested" if array.is_nested else array.layout
            raise TypeError(
                f"{role} has the layout {layout}; make it dense first, for instance with "
                ".to_dense() or .to_padded_tensor() and where="
            )
        if type(array).__name__ == "MaskedTensor":
            raise TypeError(f"{role} is a MaskedTensor; pass its .get_data() and where=.get_mask()")

    def device_of(self, array: Array) -> Any:
        return array.device

    def default_float(self) -> DType:
        return torch.get_default_dtype()

    def from_host(self, value: Any, dtype: DType, like: Array) -> Array:
        return torch.asarray(value, dtype=dtype, device=like.device)


ENGINE = TorchEngine(array_api_compat.torch)
