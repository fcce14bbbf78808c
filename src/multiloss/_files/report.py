"""What was found, as a table or as JSON."""

import math
from collections.abc import Mapping
from typing import Any

from multiloss._files.bootstrap import Comparison
from multiloss._files.score import Scores
from multiloss._output import Justify, print_json, print_table


def print_scores(scores: Scores) -> None:
    """Print a table with a row for each loss; with groups one for each group, and one for all."""
    if not scores.groups:
        losses = [[name, f"{value:.8g}"] for name, value in scores.losses.items()]
        title = f"{scores.row_count:,} rows"
        print_table({"loss": "left", "value": "right"}, losses, title=title)
        return
    headings: dict[str, Justify] = {"group": "left", "rows": "right"}
    table = [
        [group, f"{each.row_count:,}", *[f"{value:.8g}" for value in each.losses.values()]]
        for group, each in (*scores.groups.items(), ("all", scores))
    ]
    print_table({**headings, **dict.fromkeys(scores.losses, "right")}, table)


def print_comparisons(comparisons: Mapping[str, Comparison]) -> None:
    """Print a table of which of two predictions is better by each loss."""
    numbers = ("A", "B", "A - B", "95% from", "to")
    print_table(
        {"loss": "left", **dict.fromkeys(numbers, "right"), "better": "left"},
        [
            [
                name,
                *[f"{value:.6g}" for value in (each.a, each.b)],
                *[f"{value:.3g}" for value in (each.difference, each.low, each.high)],
                each.better or "neither",
            ]
            for name, each in comparisons.items()
        ],
        title=f"{next(iter(comparisons.values())).row_count:,} rows",
    )


def print_scores_as_json(scores: Scores) -> None:
    """Print scores as JSON."""
    groups = {name: _scores(each) for name, each in scores.groups.items()}
    print_json(_scores(scores) | ({"groups": groups} if groups else {}))


def print_comparisons_as_json(comparisons: Mapping[str, Comparison]) -> None:
    """Print comparisons as JSON."""
    print_json({name: _comparison(each) for name, each in comparisons.items()})


def _scores(scores: Scores) -> dict[str, Any]:
    losses = {name: _number(value) for name, value in scores.losses.items()}
    return {"rows": scores.row_count, "losses": losses}


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "rows": comparison.row_count,
        "A": _number(comparison.a),
        "B": _number(comparison.b),
        "difference": _number(comparison.difference),
        "interval": [_number(comparison.low), _number(comparison.high)],
        "better": comparison.better,
    }


def _number(value: float) -> float | None:
    """Return a number as JSON has it: what is not finite is null."""
    return value if math.isfinite(value) else None
