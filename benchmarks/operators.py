"""Count what PyTorch is asked for, on the device that has no numbers; print it as JSON."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from by_hand_torch import PAIRS, Pair, with_options

# No kernel is launched for a view, and one that fills takes next to nothing.
FREE = {
    "alias",
    "as_strided",
    "detach",
    "diagonal",
    "empty",
    "empty_like",
    "empty_strided",
    "expand",
    "fill_",
    "full",
    "full_like",
    "new_empty",
    "new_zeros",
    "ones_like",
    "permute",
    "scalar_tensor",
    "select",
    "slice",
    "squeeze",
    "transpose",
    "unsqueeze",
    "view",
    "zeros",
    "zeros_like",
}


class Operators(TorchDispatchMode):
    """Counts what is called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as torch ships it
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operator, and run it."""
        name = str(func).split(".")[1]
        if name not in FREE:
            self.calls[name] += 1
        return func(*args, **(kwargs or {}))


class Use(NamedTuple):
    """What a loss and its gradient use."""

    forward: Counter[str]
    backward: Counter[str]
    kept: list[torch.Tensor]  # for the gradient, of arrays

    def total(self) -> int:
        """Return the number of operators."""
        return self.forward.total() + self.backward.total()


def used_by(loss: Callable[[Any, Any], Any], prediction: Any, target: Any) -> Use:
    """Return what a loss and its gradient use."""
    prediction = prediction.detach().requires_grad_()
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with Operators() as forward, torch.autograd.graph.saved_tensors_hooks(keep, lambda each: each):
        value = loss(prediction, target)
    with Operators() as backward:
        value.backward(torch.ones_like(value))
    return Use(forward.calls, backward.calls, [each for each in kept if each.ndim])


def on_meta(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return a tensor without numbers."""
    return torch.empty(shape, dtype=dtype, device="meta")


SIZE, CLASSES = 1000, 10
CASES = {**PAIRS, **with_options(on_meta(SIZE), on_meta(SIZE, dtype=torch.bool))}


def of_pair(pair: Pair) -> tuple[Use, Use]:
    """Return what ours uses, and the other."""
    prediction, target = on_meta(SIZE), on_meta(SIZE)
    if pair.has_labels:
        prediction = on_meta(SIZE // CLASSES, CLASSES)
        target = on_meta(SIZE // CLASSES, dtype=torch.int64)
    return used_by(pair.ours, prediction, target), used_by(pair.by_hand, prediction, target)


if __name__ == "__main__":
    counts = {name: [each.total() for each in of_pair(pair)] for name, pair in CASES.items()}
    sys.stdout.write(json.dumps(counts))
