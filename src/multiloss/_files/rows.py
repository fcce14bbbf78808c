"""Predictions and targets, row by row, of one file or of several."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from multiloss._files.source import Batch, Source, together

POLICIES = ("error", "skip", "keep")  # for NaN

_BATCH_BYTES = 2**21  # of the widest column
_NUMBERS = ("prediction", "target", "weight", "other_prediction")


class Rows(NamedTuple):
    """Some rows of the data."""

    prediction: Any
    target: Any
    weight: Any = None  # None for ones
    group: Any = None  # text; None for one group
    other_prediction: Any = None  # one that is compared with the first


class Column(NamedTuple):
    """A column of a file."""

    source: Source
    name: str

    def __str__(self) -> str:
        return f"column {self.name!r} of {self.source.path}"


class Columns(NamedTuple):
    """The columns that are read, by role; None where there is none."""

    prediction: Column
    target: Column
    weight: Column | None = None
    group: Column | None = None
    other_prediction: Column | None = None

    @property
    def given(self) -> dict[str, Column]:
        """Return those that there are."""
        return {role: each for role, each in self._asdict().items() if each is not None}

    @property
    def length(self) -> int | None:
        """Return how many rows there are, where that is known."""
        lengths = [each.source.length for each in self.given.values()]
        return next((each for each in lengths if each is not None), None)


def read(columns: Columns, *, nan: str = "error") -> Iterator[Rows]:
    """Yield the rows, while the next ones are read."""
    start = kept = 0
    with ThreadPoolExecutor(1) as reader:
        batches = _batches(columns)
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            _check_columns(columns, batch)
            rows = _by_policy(columns, batch, start, nan)
            start += len(batch["prediction"])
            kept += len(rows.prediction)
            if len(rows.prediction):
                yield rows
    path = columns.prediction.source.path
    if not start:
        raise ValueError(f"{path} has no rows; give it one for each target")
    if not kept:
        raise ValueError(f"{path} has {start:,} rows, each with nan; pass --nan keep")


def _batches(columns: Columns) -> Iterator[Batch]:
    """Yield the rows by role; a file is read once, whatever columns of it are wanted."""
    sources = {each.source.path: each.source for each in columns.given.values()}
    widest = max(each.source.row_bytes[each.name] for each in columns.given.values())
    size = max(1, _BATCH_BYTES // max(1, widest))
    streams = {}
    for path, source in sources.items():
        roles = {k: each.name for k, each in columns.given.items() if each.source.path == path}
        streams[path] = source.read(roles, size)
    return together(streams)


def _check_columns(columns: Columns, batch: Batch) -> None:
    for role in _NUMBERS:
        if role in batch and batch[role].dtype.kind not in "biufc":
            column, kind = columns.given[role], _kind(batch[role])
            raise ValueError(f"{column} holds {kind}, not numbers; name another one")
    if "group" in batch and batch["group"].ndim > 1:
        raise ValueError(f"{columns.group} holds several groups in a row; name another one")


def _kind(values: Any) -> str:
    """Return what a column holds that are no numbers."""
    if values.dtype.kind == "O":
        kinds = {type(each).__name__ for each in values.tolist() if each is not None}
        return "text" if "str" in kinds else " and ".join(sorted(kinds)) or "nothing"
    return "text" if values.dtype.kind in "UST" else str(values.dtype)


def _by_policy(columns: Columns, batch: Batch, start: int, nan: str) -> Rows:
    """Return rows without those that have NaN; raise an error if they may have none."""
    rows = Rows(*[batch.get(role) for role in Rows._fields])
    floats = {k: batch[k] for k in _NUMBERS if k in batch and batch[k].dtype.kind in "fc"}
    if nan == "keep" or not any(map(_may_have_nan, floats.values())):
        return rows
    has_nan = {role: _rows_with_nan(each) for role, each in floats.items()}
    is_left_out = np.any([*has_nan.values()], axis=0)
    if nan == "error" and is_left_out.any():
        row = int(np.argmax(is_left_out))
        role = next(role for role in has_nan if has_nan[role][row])
        raise ValueError(
            f"row {start + row:,} of {columns.given[role].source.path} is nan as the "
            f"{role.replace('_', ' ')}; pass --nan skip to leave such rows out, or --nan keep"
        )
    return Rows(*[None if each is None else each[~is_left_out] for each in rows])


def _may_have_nan(values: Any) -> bool:
    """Tell whether a sum is NaN, as it is of NaN, and of infinities of both signs.

    It takes a fraction of the time of a mask.
    """
    with np.errstate(all="ignore"):
        return bool(np.isnan(values.sum()))


def _rows_with_nan(values: Any) -> Any:
    return np.isnan(values).reshape(len(values), -1).any(axis=1)
