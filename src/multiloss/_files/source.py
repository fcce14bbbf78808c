"""A file as columns, which are read batch by batch."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

# Some rows of columns, by name or by role. Its arrays are valid until the batch after the next is
# read: readers reuse memory.
Batch: TypeAlias = dict[str, np.ndarray[Any, Any]]

GROUP = "group"  # the role of text
MISSING = "missing"  # what stands for no text
_SHOWN = 8  # columns in a message


class Source(NamedTuple):
    """An open file."""

    path: str
    row_bytes: Mapping[str, int]  # of each column, by its name
    length: int | None  # how many rows there are, where that is known before they are read
    # Given the names of columns by their roles, yields batches of this many rows by role; the last
    # batch may have fewer. A group is text, all others are numbers.
    read: Callable[[Mapping[str, str], int], Iterator[Batch]]

    def column(self, wanted: str | None, option: str) -> str:
        """Return the name of a column, which need not be named where there is one."""
        if wanted is None:
            if len(self.row_bytes) == 1:
                return next(iter(self.row_bytes))
            raise ValueError(f"{self.path} has {self._listed()}; name one with {option}")
        if wanted not in self.row_bytes:
            raise ValueError(f"{self.path} has no column {wanted!r}, but {self._listed()}")
        return wanted

    def _listed(self) -> str:
        shown = list(map(repr, self.row_bytes))
        more = [] if len(shown) <= _SHOWN else ["…"]
        return f"the columns {', '.join(shown[:_SHOWN] + more)}"


def in_batches(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Yield batches of another size from batches of any sizes."""
    held: list[Batch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += _length(batch)
        while count >= size:
            joined = _joined(held)
            yield {name: each[:size] for name, each in joined.items()}
            held = [{name: each[size:] for name, each in joined.items()}]
            count -= size
    if count:
        yield _joined(held)


def together(streams: Mapping[str, Iterator[Batch]]) -> Iterator[Batch]:
    """Yield the columns of streams of equal batches side by side.

    The streams are named, for the message if one ends before the others.
    """
    counts = dict.fromkeys(streams, 0)
    for batches in itertools.zip_longest(*streams.values()):
        for name, batch in zip(streams, batches, strict=True):
            counts[name] += 0 if batch is None else _length(batch)
        if len(set(counts.values())) > 1:
            first, *others = streams
            other = next(name for name in others if counts[name] != counts[first])
            less, more = sorted((first, other), key=counts.__getitem__)
            raise ValueError(
                f"{less} has {counts[less]:,} rows and {more} has more; give both the same rows"
            )
        yield {name: each for batch in batches for name, each in batch.items()}


def _length(batch: Batch) -> int:
    return len(next(iter(batch.values())))


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    return {name: np.concatenate([each[name] for each in batches]) for name in batches[0]}
