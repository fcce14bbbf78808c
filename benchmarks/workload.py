"""What is measured: one piece of work, done by multiloss and by its peers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from timing import Call

OURS = "multiloss"
QUICK_SIZES = (10, 1_000, 1_000_000)
SIZES = (1, 10, 64, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
LARGEST_BYTES = 4 * 10**8  # of an operand
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Workload:
    """A piece of work and the calls that do it; ``limit`` names the one that is no peer."""

    engine: str
    work: str
    dtype: str
    size: int
    calls: Mapping[str, Call]
    limit: str | None = None


def operands(*, quick: bool) -> Iterator[tuple[str, int, Any, Any]]:
    """Yield dtype, size, prediction and target, as NumPy arrays."""
    rng = np.random.default_rng(0)
    for size in QUICK_SIZES if quick else SIZES:
        for dtype in DTYPES:
            if size * np.dtype(dtype).itemsize > LARGEST_BYTES:
                continue
            prediction, target = (rng.standard_normal(size).astype(dtype) for _ in range(2))
            yield dtype, size, prediction, target
