"""How many rows are read."""

import sys
from collections.abc import Iterable, Iterator

from multiloss._files.rows import Rows


def progress(batches: Iterable[Rows], length: int | None) -> Iterator[Rows]:
    """Yield the batches, and show on a terminal how many rows they have; elsewhere show nothing."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from batches
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        yield from batches  # JSON needs no package
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rows", total=length)
        for rows in batches:
            yield rows
            bar.advance(task, len(rows.prediction))
