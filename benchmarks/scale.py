"""Measure how the cost grows with data, parts, chunks and processes, and write what that gives.

``make bench-scale`` writes docs/benchmarks_scale.md and docs/scale.png.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from rich.progress import track

from growth import fitted_line
from scale_files import LOSSES, READ_AND_SUM
from scale_parts import OF_CHUNKS
from scale_processes import DEVICES, NUMBERS

mpl.use("Agg")

import matplotlib.pyplot as plt

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
SCRIPTS = ("scale_files.py", "scale_parts.py", "scale_processes.py")
PAIR = 8  # bytes of two numbers of single precision
TIB = 2**40
MACHINES = (1, 16, 256, 4096)
DATA = (("8 GiB", 2**33), ("1 TiB", TIB), ("100 TiB", 100 * TIB))
Record = dict[str, Any]


class Line(NamedTuple):
    """Seconds of a call, and of each unit beyond."""

    call: float
    unit: float

    def at(self, units: Any) -> Any:
        """Return the seconds of so many units."""
        return self.call + self.unit * np.asarray(units, float)


def line(seconds: dict[str, float]) -> Line:
    """Return the line that is closest, relatively, to times by how many units they took."""
    return Line(*fitted_line([int(each) for each in seconds], [*seconds.values()]))


class Model(NamedTuple):
    """What data in files take on machines that each score a share and merge their sums."""

    files: Line  # by bytes
    merge: float  # seconds of two processes

    def seconds(self, size: int, machines: int) -> float:
        """Return what so many bytes take on so many machines."""
        return float(self.files.at(size / machines)) + self.merge * math.log2(machines)


def main() -> None:
    """Measure, and write."""
    records = [
        json.loads(each)
        for script in track(SCRIPTS, "scale")
        for each in _output(script).splitlines()
    ]
    files = [each for each in records if "gib" in each]
    others = {each["name"]: each for each in records if "name" in each}
    (DOCS / "benchmarks_scale.md").write_text("\n".join(_page(files, others)) + "\n")
    _draw(files, others, DOCS / "scale.png")


def _output(script: str) -> str:
    command = [sys.executable, str(HERE / script)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603  ours


def _by_bytes(files: list[Record], command: str) -> dict[str, float]:
    return {str(int(each["gib"] * 2**30)): each["runs"][command]["seconds"] for each in files}


def _page(files: list[Record], others: dict[str, Record]) -> list[str]:
    seconds = _by_bytes(files, "score mse")
    model = Model(line(seconds), others["PyTorch, to merge"]["seconds"]["2"])
    (*smaller, (most_bytes, largest)) = seconds.items()
    foretold = float(line(dict(smaller)).at(int(most_bytes)))
    return [
        "# Benchmarks of scale",
        "",
        "This page has what data in files, parts, chunks and processes take, written by `make",
        f"bench-scale` on {os.cpu_count()} cores. [Data at scale](scale.md) says what follows.",
        "",
        "![time against bytes, parts, chunks and processes, and lines through them](scale.png)",
        "",
        "## Files",
        "",
        "`multiloss score` of two files of float32 numbers, in the cache of the system, beside a",
        "script that reads both into the same buffer and sums them. Whole commands, medians of",
        "five runs in turn; memory is the most that the process had.",
        "",
        "| GiB | command | s | times read and sum | GB/s | MiB of memory |",
        "|---:|---|---:|---:|---:|---:|",
        *[
            f"| {each['gib']:g} | {name} | {run['seconds']:.2f} "
            f"| {run['seconds'] / each['runs'][READ_AND_SUM]['seconds']:.2f} "
            f"| {each['gib'] * 2**30 / run['seconds'] / 1e9:.1f} | {run['mib']:.0f} |"
            for each in files
            for name, run in each["runs"].items()
        ],
        "",
        "## Parts",
        "",
        "`ml.partial(ml.mse, …)` of float32 numbers, in µs, and what it takes to merge two.",
        "",
        *_table(others, "parts", 1e6),
        "",
        "## Chunks",
        "",
        f"`ml.mse` of a Dask array of {OF_CHUNKS:,} float32 numbers, in ms, by the number of",
        "chunks.",
        "",
        *_table(others, "chunks", 1e3),
        "",
        "## Processes and devices",
        "",
        f"`ml.mse` of {NUMBERS:,} float32 pairs in all, in ms, by the number of processes, or of",
        "virtual devices; more than there are cores show what exchanging the sums costs, and no",
        "speed.",
        "",
        *_table(others, "processes", 1e3),
        "",
        "## The model",
        "",
        f"The line through all sizes but the largest foretells {foretold:.2f} s for that, and it",
        f"took {largest:.2f}.",
        f"A command takes {model.files.call:.2f} s, and reads {1e-9 / model.files.unit:.1f} GB/s;",
        f"two processes merge in {model.merge * 1e3:.1f} ms, P of them in log₂ P times that.",
        "",
        "| data | " + " | ".join(f"{each:,} machine{'s' * (each > 1)}" for each in MACHINES) + " |",
        "|---|" + "---:|" * len(MACHINES),
        *[
            f"| {name} | "
            + " | ".join(f"{model.seconds(size, each):,.1f} s" for each in MACHINES)
            + " |"
            for name, size in DATA
        ],
    ]


def _table(others: dict[str, Record], kind: str, unit: float) -> list[str]:
    """Return a table of times, a row for each engine."""
    rows = {name: each["seconds"] for name, each in others.items() if each["kind"] == kind}
    columns = list(dict.fromkeys(column for each in rows.values() for column in each))
    headings = [f"{int(each):,}" if each.isdigit() else each for each in columns]
    return [
        f"| | {' | '.join(headings)} |",
        "|---|" + "---:|" * len(columns),
        *[
            f"| {name} | "
            + " | ".join(f"{each[c] * unit:.3g}" if c in each else "" for c in columns)
            + " |"
            for name, each in rows.items()
        ],
    ]


def _draw(files: list[Record], others: dict[str, Record], path: Path) -> None:
    figure, panels = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    of_files, of_parts, of_chunks, of_processes = panels.flat
    for name in (READ_AND_SUM, *LOSSES):
        _curve(of_files, name, _by_bytes(files, name), [TIB])
    of_files.set(xlabel="bytes", ylabel="s", title="multiloss score, and the line through it")
    for name, each in others.items():
        seconds = {key: value for key, value in each["seconds"].items() if key.isdigit()}
        if each["kind"] == "parts":
            _curve(of_parts, name, seconds, [10**8])
        elif each["kind"] == "chunks":
            _curve(of_chunks, name, seconds, [10**5])
        else:
            counts = [int(key) for key in seconds]
            of_processes.plot(counts, [*seconds.values()], marker="o", label=name)
    of_parts.set(xlabel="numbers in a part", ylabel="s", title="partial()")
    of_chunks.set(xlabel="chunks of the same numbers", ylabel="s", title="a loss of a Dask array")
    of_processes.set(xlabel="processes or devices", ylabel="s", title="the same numbers, spread")
    for panel in panels.flat:
        panel.set(xscale="log", yscale="log")
        panel.grid(visible=True, alpha=0.25)
        panel.legend(fontsize=8)
    of_processes.set_xticks(DEVICES, [*map(str, DEVICES)])
    of_processes.set_xticks([], minor=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _curve(panel: Any, name: str, seconds: dict[str, float], beyond: list[int]) -> None:
    """Draw times, and the line through them as far as it is asked for."""
    units = [int(each) for each in seconds]
    (points,) = panel.plot(units, [*seconds.values()], "o", label=name)
    longer = np.geomspace(units[0], max(beyond), 50)
    panel.plot(longer, line(seconds).at(longer), "--", linewidth=0.8, color=points.get_color())


if __name__ == "__main__":
    main()
