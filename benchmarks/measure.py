"""Measure one engine in this process, and print a JSON line for every workload."""

import argparse
import importlib
import json
import sys

from timing import interleave


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=("numpy", "torch", "jax"))
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    peers = importlib.import_module(f"peers_{arguments.engine}")
    seconds = 0.25 if arguments.quick else 1.0
    for each in peers.workloads(quick=arguments.quick):
        record = {
            "engine": each.engine,
            "loss": each.loss,
            "work": each.work,
            "dtype": each.dtype,
            "size": each.size,
            "limit": each.limit,
            "seconds": interleave(each.calls, seconds),
        }
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
