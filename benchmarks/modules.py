"""Print what a module of multiloss.torch, and one of torch.nn, adds to the call of its function."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  as everyone writes it
from torch import nn

import multiloss as ml
import multiloss.torch as ours

CALLS, ROUNDS = 200, 40
Y, T = torch.rand(64, 10), torch.rand(64, 10)
LABELS = torch.randint(0, 10, (64,))
ROWS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any]] = {
    "MSELoss": (ml.mse, F.mse_loss, T),
    "L1Loss": (ml.mae, F.l1_loss, T),
    "HuberLoss": (ml.huber, F.huber_loss, T),
    "SmoothL1Loss": (ml.smooth_l1, F.smooth_l1_loss, T),
    "CrossEntropyLoss": (ml.cross_entropy, F.cross_entropy, LABELS),
    "BCEWithLogitsLoss": (ml.binary_cross_entropy, F.binary_cross_entropy_with_logits, T),
}


def seconds(call: Callable[..., Any], target: Any) -> float:
    """Return the time of one call."""
    start = time.perf_counter()
    for _ in range(CALLS):
        call(Y, target)
    return (time.perf_counter() - start) / CALLS


def main() -> None:
    """Print a line for each module: microseconds over the function, medians of interleaved runs."""
    print("module              here  torch.nn")
    for name, (function, theirs, target) in ROWS.items():
        calls = (getattr(ours, name)(), function, getattr(nn, name)(), theirs)
        times: list[list[float]] = [[] for _ in calls]
        for _ in range(ROUNDS):
            for call, found in zip(calls, times, strict=True):
                found.append(seconds(call, target))
        module, alone, of_torch, alone_in_torch = map(statistics.median, times)
        here, there = 1e6 * (module - alone), 1e6 * (of_torch - alone_in_torch)
        print(f"{name:18} {here:5.1f} {there:9.1f}")


if __name__ == "__main__":
    main()
