"""Time calls against each other: in one process, interleaved, after a warm-up."""

import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

Call = Callable[[], object]

SHORTEST_SAMPLE = 1e-3  # seconds; a shorter call is repeated within a sample
FEWEST_ROUNDS, MOST_ROUNDS = 5, 101


class Timing(NamedTuple):
    """The time of one call in seconds: its median, and the quartiles around it."""

    low: float
    median: float
    high: float


def interleave(calls: Mapping[str, Call], seconds: float) -> dict[str, Timing]:
    """Time each call, round by round, for about this many seconds in all."""
    repeats = {name: _repeats(call) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    order = random.Random(0)  # noqa: S311  no secret
    start = time.perf_counter()
    for done in range(MOST_ROUNDS):
        if done >= FEWEST_ROUNDS and time.perf_counter() - start > seconds:
            break
        # So that none always follows the same neighbour, and finds the memory as that one left it.
        order.shuffle(names)
        for name in names:
            samples[name].append(_sample(calls[name], repeats[name]))
    return {name: Timing(*statistics.quantiles(each, n=4)) for name, each in samples.items()}


def _repeats(call: Call) -> int:
    """Warm up, and return how often to repeat a call within a sample."""
    call()
    call()
    repeats = 1
    while _sample(call, repeats) * repeats < SHORTEST_SAMPLE:
        repeats *= 2
    return repeats


def _sample(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats
