"""Measure every engine beside its peers, and write tables, the numbers and pictures.

``make bench`` writes docs/benchmarks.md, .json and .png, and docs/growth.png; ``make bench-quick``
prints the first table.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from growth_report import draw_growth
from report import draw, overview, table

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
ENGINES = ("numpy", "torch", "jax")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few sizes, and nothing written")
    quick = parser.parse_args().quick
    options = ["--quick"] if quick else []
    records: list[dict[str, Any]] = []
    console = Console()
    if not console.is_terminal:
        console.width = 120  # instead of the 80 of which no heading is left
    for engine in track(ENGINES, "one process per engine", console=console):
        lines = _output("measure.py", engine, *options).splitlines()
        records += [json.loads(line) for line in lines]
    if quick:
        console.print(overview(records))
        return
    costs = json.loads(_output("costs.py"))
    growth = [json.loads(line) for line in _output("growth.py").splitlines()]
    counts = json.loads(_output("operators.py"))
    (DOCS / "benchmarks.json").write_text(
        json.dumps(
            {
                "machine": _machine(),
                "times": records,
                "costs": costs,
                "growth": growth,
                "operators": counts,
            },
            indent=1,
        )
        + "\n"
    )
    (DOCS / "benchmarks.md").write_text(table(records, costs, growth, counts))
    draw(records, DOCS / "benchmarks.png")
    draw_growth(growth, DOCS / "growth.png")
    console.print(f"written to {DOCS}/benchmarks.md, .json and .png, and growth.png")


def _machine() -> dict[str, Any]:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown",
    )
    return {"processor": model, "cores": os.cpu_count()}


def _output(script: str, *arguments: str) -> str:
    command = [sys.executable, str(HERE / script), *arguments]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  ours
    return run.stdout


if __name__ == "__main__":
    main()
