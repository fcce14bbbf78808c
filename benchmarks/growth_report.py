"""How the cost of each loss grows, as a table and as a picture."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

from workload import GROWTH_SIZES, ONE_PASS

mpl.use("Agg")

import matplotlib.pyplot as plt

Record = dict[str, Any]


def growth_lines(growth: list[Record]) -> list[str]:
    """Return the lines through the times, as Markdown."""
    if not growth:
        return []
    passes = {each["engine"]: each["byte"] for each in growth if each["loss"] == ONE_PASS}
    return [
        "",
        "## How the cost grows",
        "",
        "The line that is closest, relatively, to the times of",
        f"{GROWTH_SIZES[0]} to {GROWTH_SIZES[-1]:,} float32 numbers:",
        "what a call takes, and what a byte of the operands takes, in passes over memory",
        "(`dot(y, t)`).",
        "",
        "![time of a call against the number of elements, for each engine](growth.png)",
        "",
        "| engine | loss | a call, µs | a byte, passes | GB/s |",
        "|---|---|---:|---:|---:|",
        *(
            f"| {each['engine']} | {each['loss']} | {each['call'] * 1e6:.1f} "
            f"| {each['byte'] / passes[each['engine']]:.1f} | {1e-9 / each['byte']:.1f} |"
            for each in growth
        ),
    ]


def draw_growth(growth: list[Record], path: Path) -> None:
    """Draw the time of each loss against size, a panel for each engine, beside one pass."""
    engines = list(dict.fromkeys(each["engine"] for each in growth))
    figure, panels = plt.subplots(
        1, len(engines), figsize=(15, 5), sharey=True, layout="constrained"
    )
    for panel, engine in zip(panels, engines, strict=True):
        for each in (each for each in growth if each["engine"] == engine):
            microseconds = [1e6 * second for second in each["seconds"]]
            is_limit = each["loss"] == ONE_PASS
            style = {"color": "black", "linewidth": 2.5} if is_limit else {"linewidth": 0.8}
            panel.plot(GROWTH_SIZES, microseconds, label=ONE_PASS if is_limit else None, **style)
        slowest = sorted(
            (each for each in growth if each["engine"] == engine),
            key=lambda each: -each["seconds"][-1],
        )
        for each in slowest[:: max(1, len(slowest) // 6)]:
            panel.annotate(each["loss"], (GROWTH_SIZES[-1], each["seconds"][-1] * 1e6), fontsize=7)
        panel.set(xscale="log", yscale="log", xlabel="elements (float32)", title=engine)
        panel.set_xlim(GROWTH_SIZES[0] / 2, GROWTH_SIZES[-1] * 30)
        panel.grid(visible=True, alpha=0.25)
        panel.legend(fontsize=8)
    panels[0].set_ylabel("µs")
    figure.savefig(path, dpi=130)
    plt.close(figure)
