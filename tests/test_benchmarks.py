"""The benchmarks measure the same thing on every side, and report it."""

import time

import numpy as np
import pytest

import peers_numpy
import report
from timing import interleave
from workload import OURS, Workload

NEEDS = "peers"


@pytest.fixture(scope="module")
def workloads() -> list[Workload]:
    return [each for each in peers_numpy.workloads(quick=True) if each.size <= 1000]


def test_all_calls_of_a_workload_agree(workloads: list[Workload]) -> None:
    for workload in workloads:
        for name, call in workload.calls.items():
            if name != workload.limit:
                result, expected = call(), workload.calls[OURS]()
                if workload.work.startswith("forward") and "gradient" not in workload.work:
                    result, expected = (result,), (expected,)
                for one, other in zip(result, expected, strict=True):  # type: ignore[call-overload]  # pairs
                    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_timings_are_those_of_each_call() -> None:
    slow, fast = 4e-3, 2e-3
    timings = interleave({"slow": lambda: time.sleep(slow), "fast": lambda: time.sleep(fast)}, 0.0)
    assert timings["slow"].median >= slow
    assert slow > timings["fast"].low >= fast


def test_report_names_the_best_peer() -> None:
    seconds = {
        OURS: (1.0, 2.0, 3.0),
        "a": (3.0, 4.0, 5.0),
        "b": (7.0, 8.0, 9.0),
        "limit": (1, 1, 1),
    }
    record = {
        "engine": "NumPy",
        "loss": "mse",
        "work": "forward",
        "dtype": "float32",
        "size": 10,
        "limit": "limit",
        "seconds": seconds,
    }
    assert report.best_peer(record) == "a"
    assert report.ratio(record, "a") == 0.5
    row = "| mse | forward | float32 | 10 | 2,000,000.0 | 0.50 | a | 100% | 2.00 |"
    assert f"{row} a 0.50, b 0.25, limit 2.00 |" in report.table([record], {}, [], {})
