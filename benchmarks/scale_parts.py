"""What a part costs beyond its numbers: its sums, to merge them, and a chunk of Dask.

Prints a JSON line for each of them.
"""

import json
import sys
from functools import partial
from typing import Any

import dask
import dask.array as da
import jax
import jax.numpy as jnp
import numpy as np
import torch

import multiloss as ml
from timing import interleave

PART_SIZES = (64, 4_096, 262_144, 4_194_304)  # float32 numbers
CHUNKS = (4, 16, 64, 256, 1024)
OF_CHUNKS = 2**26  # float32 numbers in all chunks
SECONDS = 2.0


def main() -> None:
    """Measure, and print."""
    rng = np.random.default_rng(0)
    pairs = {size: rng.normal(size=(2, size)).astype(np.float32) for size in PART_SIZES}
    sums_of: Any = partial(ml.partial, ml.mse)
    jitted = jax.jit(lambda y, t: sums_of(y, t).arrays)
    merged: Any = jax.jit(lambda one, other: one + other)
    engines: dict[str, tuple[Any, Any, Any]] = {
        "NumPy": (np.asarray, sums_of, ml.Partial.__add__),
        "PyTorch": (torch.from_numpy, sums_of, ml.Partial.__add__),
        "JAX, in `jit`": (jnp.asarray, jitted, merged),
    }
    for engine, (convert, compute, merge) in engines.items():
        operands = {size: tuple(map(convert, pair)) for size, pair in pairs.items()}
        part = sums_of(*operands[PART_SIZES[0]])
        calls: dict[str, Any] = {
            str(size): partial(finished, compute, *pair) for size, pair in operands.items()
        }
        calls["merge"] = partial(
            finished, lambda merge, part: merge(part, part).arrays, merge, part
        )
        show("parts", engine, {k: v.median for k, v in interleave(calls, SECONDS).items()})
    for workers in (1, 2):
        with dask.config.set(scheduler="threads", num_workers=workers):
            chunked = {}
            for count in CHUNKS:
                y = da.ones(OF_CHUNKS, dtype="float32", chunks=OF_CHUNKS // count).persist()
                chunked[str(count)] = ml.mse(y, 2 * y).compute
            times = {k: v.median for k, v in interleave(chunked, SECONDS).items()}
        show("chunks", f"Dask, threads: {workers}", times)


def finished(function: Any, *operands: Any) -> None:
    """Call a function, and wait for its result."""
    jax.block_until_ready(function(*operands))  # type: ignore[no-untyped-call]  # as jax ships it


def show(kind: str, name: str, seconds: dict[str, float]) -> None:
    """Print a line."""
    sys.stdout.write(json.dumps({"kind": kind, "name": name, "seconds": seconds}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
