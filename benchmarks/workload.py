"""What is measured: one piece of work, done by multiloss and by its peers."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from timing import Call

OURS = "multiloss"
QUICK_SIZES = (10, 1_000, 1_000_000)
SIZES = (1, 10, 64, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
LARGEST_BYTES = 4 * 10**8  # of an operand
DTYPES = ("float32", "float64")
FAMILY_SIZES = (64, 1_000, 10_000, 10_000_000)
ONE_PASS = "one pass"  # over memory, of both operands  # noqa: S105  no password
GROWTH_SIZES = (64, 4_096, 262_144, 10_000_000)
OPTION_SIZES = (64, 1_000, 10_000, 100_000)

# Vectors, and classes.
CLASS_SHAPES = ((64, 10), (4096, 10), (16_384, 1000), (2048, 32_000))
BINARY_SIZES = (64, 10_000_000)

# For each loss what is called, by the name of the peer: functions of prediction and target.
Family = Mapping[str, Mapping[str, Callable[[Any, Any], object]]]


@dataclass(frozen=True)
class Workload:
    """A piece of work and the calls that do it; ``limit`` names the one that is no peer."""

    engine: str
    work: str
    dtype: str
    size: int
    calls: Mapping[str, Call]
    limit: str | None = None
    loss: str = "mse"


def operands(*, quick: bool) -> Iterator[tuple[str, int, Any, Any]]:
    """Yield dtype, size, prediction and target, as NumPy arrays."""
    rng = np.random.default_rng(0)
    for size in QUICK_SIZES if quick else SIZES:
        for dtype in DTYPES:
            if size * np.dtype(dtype).itemsize > LARGEST_BYTES:
                continue
            prediction, target = (rng.standard_normal(size).astype(dtype) for _ in range(2))
            yield dtype, size, prediction, target


class Optional(NamedTuple):
    """What the options of a loss are measured with, in NumPy."""

    prediction: Any
    target: Any
    weight: Any
    where: Any
    columns: int  # of a matrix of as many elements, about square


def options(*, quick: bool) -> Iterator[Optional]:
    """Yield operands, weights and a mask; a call of these sizes may cost more than its work."""
    rng = np.random.default_rng(0)
    for size in OPTION_SIZES[::2] if quick else OPTION_SIZES:
        columns = next(each for each in range(math.isqrt(size), 0, -1) if size % each == 0)
        prediction, target, noise = rng.standard_normal((3, size))
        yield Optional(prediction, target, rng.random(size), noise > 0, columns)


def family(
    engine: str, losses: Family, convert: Callable[[Any], Any], *, quick: bool
) -> Iterator[Workload]:
    """Yield the forward pass of each loss."""
    for pair in positive(quick=quick):
        prediction, target = map(convert, pair)
        for loss, functions in losses.items():
            calls = {
                name: partial(function, prediction, target) for name, function in functions.items()
            }
            yield Workload(engine, "forward", "float32", pair[0].size, calls, loss=loss)


def positive(*, quick: bool) -> Iterator[tuple[Any, Any]]:
    """Yield positive float32 numbers, which all losses take."""
    rng = np.random.default_rng(0)
    for size in FAMILY_SIZES[:1] if quick else FAMILY_SIZES:
        yield tuple(rng.random((2, size), dtype="float32") * 3 + 0.25)


def masked_operands() -> tuple[Any, Any, Any]:
    """Return many numbers, and a mask without a pattern."""
    rng = np.random.default_rng(0)
    prediction, target, noise = rng.standard_normal((3, FAMILY_SIZES[-1]), dtype="float32")
    return prediction, target, noise > 0


class Classification(NamedTuple):
    """What a loss of classification is measured with, in NumPy and in single precision."""

    loss: str
    case: str  # as the table names it
    prediction: Any
    target: Any


def classification(*, quick: bool) -> Iterator[Classification]:
    """Yield logits and labels: of vectors of classes, then of two classes."""
    rng = np.random.default_rng(0)
    for vectors, classes in CLASS_SHAPES[:1] if quick else CLASS_SHAPES:
        prediction = rng.standard_normal((vectors, classes), dtype="float32")
        target = rng.integers(0, classes, vectors)
        yield Classification("cross_entropy", f"{vectors} × {classes}", prediction, target)
    for size in BINARY_SIZES[:1] if quick else BINARY_SIZES:
        prediction = rng.standard_normal(size, dtype="float32")
        target = rng.integers(0, 2, size).astype("float32")
        yield Classification("binary_cross_entropy", "two classes", prediction, target)
