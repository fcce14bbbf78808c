"""The losses of rows that come in batches, all in one pass."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from multiloss._files.operands import operands
from multiloss._files.rows import Rows
from multiloss._partial import Partial, partial
from multiloss._value import Loss


class Scores(NamedTuple):
    """What was found."""

    losses: dict[str, float]  # by how they were written
    row_count: int
    groups: dict[str, "Scores"]  # by the name of the group; none without groups


class Scorer:
    """Adds up the sums of several losses, over all or by group."""

    def __init__(self, losses: dict[str, Loss]) -> None:
        self._losses = losses
        self._by_group: dict[str | None, _Sums] = {}

    def add(self, rows: Rows) -> None:
        """Add rows."""
        for name, part in _groups_of(rows):
            self._by_group.setdefault(name, _Sums()).add(self._losses, part)

    def result(self) -> Scores:
        """Return the losses."""
        by_group = self._by_group
        names = sorted((each for each in by_group if each is not None), key=order)
        groups = {name: _scores([by_group[name]]) for name in names}
        return _scores([*by_group.values()])._replace(groups=groups)


class _Sums:
    """The merged sums of each loss, and how many rows they are of."""

    def __init__(self) -> None:
        self.of_losses: dict[str, Partial] = {}
        self.row_count = 0

    def add(self, losses: dict[str, Loss], rows: Rows) -> None:
        self.row_count += len(rows.prediction)
        for name, loss in losses.items():
            own = operands(rows, loss)
            part = partial(loss, own.prediction, own.target, weight=own.weight)
            self.of_losses[name] = self.of_losses.get(name, 0) + part


def _scores(parts: list[_Sums]) -> Scores:
    merged: Any = {name: sum(each.of_losses[name] for each in parts) for name in parts[0].of_losses}
    losses = {name: float(each.result()) for name, each in merged.items()}
    return Scores(losses, sum(each.row_count for each in parts), {})


def _groups_of(rows: Rows) -> Iterator[tuple[str | None, Rows]]:
    if rows.group is None:
        yield None, rows
        return
    groups = rows.group.tolist()
    numbers = {name: k for k, name in enumerate(dict.fromkeys(groups))}
    number_of_row = np.fromiter(map(numbers.__getitem__, groups), int, len(groups))
    in_order = np.argsort(number_of_row, kind="stable")
    ends = np.searchsorted(number_of_row[in_order], np.arange(len(numbers) + 1))
    for name, k in numbers.items():
        chosen = in_order[ends[k] : ends[k + 1]]
        weight = None if rows.weight is None else rows.weight[chosen]
        yield name, Rows(rows.prediction[chosen], rows.target[chosen], weight)


def order(group: str) -> tuple[float, str]:
    """Return what groups are sorted by: numbers by their value, before text."""
    try:
        number = float(group)
    except ValueError:
        number = math.inf
    return (number if math.isfinite(number) else math.inf), group
