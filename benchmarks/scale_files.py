"""What it takes to score files of growing size, beside what it takes to read and to sum them.

Prints a JSON line for every size: seconds of whole commands, medians of runs in turn, and the most
memory that each had. The files are in the cache of the system, where reading is fastest.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

GIB = (0.5, 1, 2, 4, 8)  # of both files together
ROUNDS = 5
BLOCK = 2**19  # numbers, as many as the command reads at once
READ_AND_SUM = "read and sum"
LOSSES = {
    "score mse": ["mse"],
    "score mse, mae, huber": ["mse", "mae", "huber(delta=2)"],
}


def main() -> None:
    """Measure, and print."""
    for gib in GIB:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("prediction.npy", "target.npy")]
            for seed, path in enumerate(paths):
                write(path, int(gib * 2**30) // 8, seed)
            files = [*map(str, paths)]
            commands = {READ_AND_SUM: [__file__, *files]}
            for name, losses in LOSSES.items():
                options = [part for loss in losses for part in ("--loss", loss)]
                commands[name] = ["-m", "multiloss", "score", *files, *options, "--json"]
            sys.stdout.write(json.dumps({"gib": gib, "runs": measured(commands)}) + "\n")
            sys.stdout.flush()


def write(path: Path, count: int, seed: int) -> None:
    """Write as many numbers of single precision."""
    block = np.random.default_rng(seed).standard_normal(BLOCK, dtype=np.float32)
    header = {"descr": "<f4", "fortran_order": False, "shape": (count,)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for _ in range(count // BLOCK):
            file.write(block.data)
        file.flush()
        os.fsync(file.fileno())  # or it would be written while the commands run


def measured(commands: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    """Return the median of seconds and the most MiB of each command."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    memory: dict[str, float] = dict.fromkeys(commands, 0.0)
    for _ in range(ROUNDS):
        for name, command in commands.items():
            start = time.perf_counter()
            process = os.posix_spawn(
                sys.executable,
                [sys.executable, *command],
                os.environ,
                file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
            )
            _, status, usage = os.wait4(process, 0)
            seconds[name].append(time.perf_counter() - start)
            if status:
                raise RuntimeError(f"{name} ended with {status}")
            memory[name] = max(memory[name], usage.ru_maxrss / 2**10)
    return {
        name: {"seconds": statistics.median(seconds[name]), "mib": memory[name]}
        for name in commands
    }


def read_and_sum(path: str) -> float:
    """Return the sum of a file of numbers, read block by block into the same memory."""
    buffer, total = np.empty(BLOCK, np.float32), 0.0
    with Path(path).open("rb", buffering=0) as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        while count := file.readinto(buffer.data.cast("B")):
            total += float(buffer[: count // 4].sum())
    return total


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.stdout.write(f"{sum(map(read_and_sum, sys.argv[1:]))}\n")
    else:
        main()
