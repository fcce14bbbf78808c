"""The measurements as a table and as a picture: ratios to the best peer, lower is better."""

from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
from rich.box import SIMPLE_HEAD
from rich.table import Table

from growth_report import growth_lines
from workload import OURS

mpl.use("Agg")

import matplotlib.pyplot as plt

Record = dict[str, Any]


def best_peer(record: Record) -> str:
    """Return the name of the fastest call that is neither ours nor the limit."""
    peers: list[str] = [
        name for name in record["seconds"] if OURS not in name and name != record["limit"]
    ]
    return min(peers, key=partial(_median, record))


def ratio(record: Record, name: str) -> float:
    """Return our median time divided by that of another call."""
    return _median(record, OURS) / _median(record, name)


def _median(record: Record, name: str) -> float:
    return float(record["seconds"][name][1])


def _spread(record: Record) -> float:
    low, median, high = record["seconds"][OURS]
    return float((high - low) / median)


HEAD = """# Benchmarks

This page has every measurement on a CPU, written by `make bench`. Each row is one piece of work,
timed in one process with all calls interleaved; times are medians, the spread is the distance of
the quartiles. A ratio is our time divided by that of the other call: lower is better. The limit is
one pass over both operands.

![ratio of times against size, one panel per engine](benchmarks.png)"""
COLUMNS = """
| loss | work | dtype | elements | µs | ratio | best peer | spread | limit | all ratios |
|---|---|---|---:|---:|---:|---|---:|---:|---|"""


def overview(records: list[Record]) -> Table:
    """Return what fits a terminal."""
    overview = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("engine", "loss", "work", "dtype", "elements", "µs", "best peer", "ratio"):
        overview.add_column(heading, no_wrap=True)
    for record in records:
        best = best_peer(record)
        overview.add_row(
            record["engine"],
            record["loss"],
            record["work"],
            record["dtype"],
            f"{record['size']:,}",
            f"{_median(record, OURS) * 1e6:,.1f}",
            best,
            f"{ratio(record, best):.2f}",
        )
    return overview


def table(
    records: list[Record], costs: dict[str, Any], growth: list[Record], counts: dict[str, Any]
) -> str:
    """Return everything as Markdown."""
    lines, engine = [HEAD], None
    for record in records:
        if record["engine"] != engine:
            engine = record["engine"]
            lines += ["", f"## {engine}", COLUMNS]
        best = best_peer(record)
        others = ", ".join(
            f"{name} {ratio(record, name):.2f}" for name in record["seconds"] if OURS not in name
        )
        limit = f"{ratio(record, record['limit']):.2f}" if record["limit"] else ""
        lines.append(
            f"| {record['loss']} | {record['work']} | {record['dtype']} | {record['size']:,} "
            f"| {_median(record, OURS) * 1e6:,.1f} | {ratio(record, best):.2f} | {best} "
            f"| {_spread(record):.0%} | {limit} | {others} |"
        )
    lines += [*growth_lines(growth), *_operator_lines(counts), *_cost_lines(costs)]
    return "\n".join(lines) + "\n"


def _operator_lines(counts: dict[str, Any]) -> list[str]:
    if not counts:
        return []
    return [
        "",
        "## What PyTorch is asked for on an accelerator",
        "",
        "Operators of a loss and its gradient, counted on the `meta` device without views and",
        "fills (`benchmarks/operators.py`).",
        "",
        "| loss | ours | by hand or F |",
        "|---|---:|---:|",
        *(f"| {name} | {ours} | {other} |" for name, (ours, other) in counts.items()),
    ]


def _cost_lines(costs: dict[str, Any]) -> list[str]:
    if not costs:
        return []
    imports = costs["import_seconds"]
    factor = imports["multiloss"] / imports["numpy"]
    lines = [
        "",
        "## Imports, first calls and memory",
        "",
        f"`import multiloss` takes {factor:.2f} times as long as `import numpy`.",
        "",
        "| engine | first loss of a process, ms |",
        "|---|---:|",
    ]
    lines += [f"| {name} | {s * 1e3:.1f} |" for name, s in costs["first_call_seconds"].items()]
    lines += [
        "",
        "Peak memory beyond the operands, of 10,000,000 float32 elements (38 MiB, as much as their",
        "gradient), for cross_entropy 10,000 vectors of 1000 classes:",
        "",
        "| engine | loss | work | call | MiB |",
        "|---|---|---|---|---:|",
    ]
    lines += [
        f"| {engine} | {loss} | {work} | {name} | {peak / 2**20:.1f} |"
        for engine, loss, work, name, peak in costs["peak_bytes"]
    ]
    return lines


def draw(records: list[Record], path: Path) -> None:
    """Draw the ratio for mse against size, a panel for each engine, with the limit of memory."""
    records = [each for each in records if each["loss"] == "mse" and "," not in each["work"]]
    engines = list(dict.fromkeys(record["engine"] for record in records))
    figure, panels = plt.subplots(
        1, len(engines), figsize=(10.5, 3.8), sharey=True, layout="constrained"
    )
    for panel, engine in zip(panels, engines, strict=True):
        chosen = [r for r in records if r["engine"] == engine and r["dtype"] == "float32"]
        for work in dict.fromkeys(record["work"] for record in chosen):
            rows = [record for record in chosen if record["work"] == work]
            sizes = [record["size"] for record in rows]
            panel.plot(sizes, [ratio(r, best_peer(r)) for r in rows], marker="o", label=f"{work}")
        limited = [record for record in chosen if record["limit"]]
        panel.plot(
            [record["size"] for record in limited],
            [_median(r, r["limit"]) / _median(r, best_peer(r)) for r in limited],
            color="0.5",
            linestyle="--",
            label=f"limit: {limited[0]['limit']}",
        )
        panel.axhline(1.0, color="0.2", linewidth=0.8)
        panel.set(xscale="log", yscale="log", xlabel="elements (float32)", title=engine)
        panel.set_yticks([0.05, 0.1, 0.25, 0.5, 1.0, 2.0], ["0.05", "0.1", "0.25", "0.5", "1", "2"])
        panel.minorticks_off()
        panel.grid(visible=True, alpha=0.25)
        panel.legend(fontsize=8)
    panels[0].set_ylabel("time divided by that of the best peer")
    figure.savefig(path, dpi=130)
    plt.close(figure)
