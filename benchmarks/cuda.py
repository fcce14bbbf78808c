"""Time PyTorch's losses on an accelerator: ours beside its own, or what is written by hand.

``make bench-cuda`` writes docs/benchmarks_cuda.md: for each loss, forward and backward, the time,
what the device was asked to do (launches), and the peak of memory beyond the operands.
"""

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.progress import track
from torch.profiler import ProfilerActivity, profile

from by_hand_torch import PAIRS, Pair, with_options
from timing import interleave

SIZES = (1_000, 1_000_000, 100_000_000)
CLASSES = 1000  # of vectors, of which there are as many fewer
COMPILED = ("mse", "huber", "log_cosh", "mse, weighted")
SECONDS = 0.2
DOCS = Path(__file__).parent.parent / "docs"

HEAD = """# Benchmarks on an accelerator

This page has the measurements on {device} with PyTorch {version}, written by `make bench-cuda`.
Each row is a loss and its gradient, of float32 numbers; calls are interleaved, each waits for the
device, and times are medians. By hand is what PyTorch's function, or the loss written with its
functions, takes (`benchmarks/by_hand_torch.py`). Memory is the peak beyond the operands, with the
gradient, which has the size of one. `compiled` stands for `torch.compile`.

| loss | elements | µs | by hand | ratio | launches | by hand | MiB | by hand |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""


class Operands(NamedTuple):
    """What the losses take: numbers, and labels of vectors."""

    prediction: torch.Tensor
    target: torch.Tensor
    scores: torch.Tensor
    label: torch.Tensor


def operands(size: int) -> Operands:
    """Return positive numbers, which all losses take."""
    prediction, target = (torch.rand(size, device="cuda") * 3 + 0.25 for _ in range(2))
    vectors = max(1, size // CLASSES)
    label = torch.randint(0, CLASSES, (vectors,), device="cuda")
    return Operands(
        prediction.requires_grad_(),
        target,
        prediction.detach()[: vectors * CLASSES].reshape(vectors, -1).requires_grad_(),
        label,
    )


def training_step(loss: Callable[[Any, Any], Any], prediction: Any, target: Any, ones: Any) -> None:
    """Compute a loss and its gradient."""
    prediction.grad = None
    loss(prediction, target).backward(ones)


def synchronized(call: Callable[[], None]) -> None:
    """Call, and wait for the device."""
    call()
    torch.cuda.synchronize()


def launches(call: Callable[[], None]) -> int:
    """Return how many kernels, copies and fills the device was asked for."""
    synchronized(call)
    with profile(activities=[ProfilerActivity.CUDA]) as found:
        synchronized(call)
    of_device = torch.autograd.DeviceType.CUDA  # type: ignore[attr-defined]  # as torch has it
    events: Any = found.events()
    return sum(each.device_type == of_device for each in events)


def peak(call: Callable[[], None], prediction: torch.Tensor) -> float:
    """Return the peak of memory beyond what was there before, in MiB."""
    prediction.grad = None
    synchronized(call)
    prediction.grad = None
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    synchronized(call)
    return (torch.cuda.max_memory_allocated() - before) / 2**20


class Row(NamedTuple):
    """What was measured of a loss: ours, and the other."""

    loss: str
    elements: int
    microseconds: tuple[float, float]
    launches: tuple[int, int]
    mebibytes: tuple[float, float]

    def ratio(self) -> float:
        """Return our time divided by that of the other."""
        return self.microseconds[0] / self.microseconds[1]

    def __str__(self) -> str:
        times = f"{self.microseconds[0]:,.0f} | {self.microseconds[1]:,.0f} | {self.ratio():.2f}"
        counts = f"{self.launches[0]} | {self.launches[1]}"
        peaks = f"{self.mebibytes[0]:,.1f} | {self.mebibytes[1]:,.1f}"
        return f"| {self.loss} | {self.elements:,} | {times} | {counts} | {peaks} |"


def measured(name: str, pair: Pair, given: Operands) -> Row:
    """Measure a loss beside the other."""
    arrays = (given.scores, given.label) if pair.has_labels else (given.prediction, given.target)

    def step(loss: Callable[[Any, Any], Any]) -> Callable[[], None]:
        ones = torch.ones_like(loss(*arrays).detach())
        return partial(training_step, loss, *arrays, ones)

    ours, other = step(pair.ours), step(pair.by_hand)
    times = interleave(
        {"ours": partial(synchronized, ours), "other": partial(synchronized, other)}, SECONDS
    )
    return Row(
        name,
        arrays[0].numel(),
        (times["ours"].median * 1e6, times["other"].median * 1e6),
        (launches(ours), launches(other)),
        (peak(ours, arrays[0]), peak(other, arrays[0])),
    )


def compiled(pair: Pair) -> Pair:
    """Return both losses compiled."""
    return pair._replace(ours=torch.compile(pair.ours), by_hand=torch.compile(pair.by_hand))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=DOCS / "benchmarks_cuda.md")
    output = parser.parse_args().output
    if not torch.cuda.is_available():
        sys.exit("there is no CUDA device that PyTorch sees, and nothing to measure")
    head = HEAD.format(device=torch.cuda.get_device_name(), version=torch.__version__)
    rows = []
    for size in track(SIZES, "sizes", console=Console(stderr=True)):
        given = operands(size)
        weight, where = torch.rand_like(given.target), given.target > given.prediction
        pairs = {**PAIRS, **with_options(weight, where)}
        pairs |= {f"{name}, compiled": compiled(pairs[name]) for name in COMPILED}
        for name, pair in pairs.items():
            rows.append(measured(name, pair, given))
            print(rows[-1], flush=True)
    output.write_text(head + "\n".join(map(str, rows)) + "\n")
    median = statistics.median(each.ratio() for each in rows)
    print(f"median ratio {median:.2f}, written to {output}")


if __name__ == "__main__":
    main()
