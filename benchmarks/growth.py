"""How the cost of a loss grows: for each engine, what a call takes and what a byte takes.

Prints a JSON line for every engine and loss: the times by size, and the line through them.
"""

import inspect
import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from multiloss._registry import losses
from timing import interleave
from workload import GROWTH_SIZES as SIZES
from workload import ONE_PASS

SECONDS = 0.4  # for all sizes
GIVEN: dict[str, dict[str, Any]] = {
    "barron": {"alpha": 1.5},
    "gaussian_nll": {"variance": 0.5},
    "minkowski": {"p": 3.0},
    "tweedie_deviance": {"power": 1.5},
}
# What makes an array, and one pass over memory.
ENGINES: dict[str, tuple[Any, Any]] = {
    "NumPy": (np.asarray, np.dot),
    "PyTorch": (torch.from_numpy, torch.dot),
    "JAX": (jnp.asarray, jnp.dot),
}


def of_elements(dot: Callable[[Any, Any], Any]) -> dict[str, Callable[..., Any]]:
    """Return the losses of elements, and before them one pass over memory."""
    found = {
        name: partial(loss, **GIVEN.get(name, {}))
        for name, loss in losses().items()
        if "class_axis" not in inspect.signature(loss).parameters
    }
    return {ONE_PASS: dot, **found}


def fitted_line(bytes_read: list[int], seconds: list[float]) -> tuple[float, float]:
    """Return the seconds of a call and of a byte, by the line that is closest, relatively."""
    weights = 1 / np.asarray(seconds)
    design = np.stack([np.ones(len(seconds)), np.asarray(bytes_read, float)], axis=-1)
    (call, byte), *_ = np.linalg.lstsq(design * weights[:, None], np.ones(len(seconds)), rcond=None)
    return float(call), float(byte)


def main() -> None:
    """Measure, and print."""
    rng = np.random.default_rng(0)
    arrays = {size: rng.random((2, size), dtype="float32") * 3 + 0.25 for size in SIZES}
    for engine, (convert, dot) in ENGINES.items():
        operands = {size: tuple(map(convert, pair)) for size, pair in arrays.items()}
        for name, loss in of_elements(dot).items():
            calls = {str(size): partial(_finished, loss, *pair) for size, pair in operands.items()}
            seconds = [each.median for each in interleave(calls, SECONDS).values()]
            call, byte = fitted_line([8 * size for size in SIZES], seconds)
            record = {"engine": engine, "loss": name, "seconds": seconds, "call": call}
            sys.stdout.write(json.dumps({**record, "byte": byte}) + "\n")
            sys.stdout.flush()


def _finished(loss: Callable[..., Any], y: Any, t: Any) -> None:
    jax.block_until_ready(loss(y, t))  # type: ignore[no-untyped-call]  # as jax ships it


if __name__ == "__main__":
    main()
