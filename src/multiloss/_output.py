"""What a command prints: a table, which rich draws, or JSON."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

Justify: TypeAlias = Literal["left", "right"]

_WIDEST = 10_000


def check_rich() -> None:
    """Raise an error of one line if there is no rich."""
    try:
        import rich  # noqa: F401  whether it is there
    except ImportError as error:
        raise ImportError("a table needs rich; pip install 'multiloss[show]'") from error


def print_table(
    headings: Mapping[str, Justify],
    rows: Iterable[Sequence[str]],
    *,
    title: str | None = None,
    show_lines: bool = False,
) -> None:
    """Print rows below headings, each with how its column is justified."""
    check_rich()
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, show_lines=show_lines)
    for heading, justify in headings.items():
        table.add_column(heading, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, emoji=False)
    if "right" in headings.values():
        # No number is broken, however narrow the terminal is.
        least = console.measure(table, options=console.options.update(width=_WIDEST)).minimum
        console.width = max(console.width, least)
    _flushed(console.print, table)


def print_json(found: object) -> None:
    """Print JSON."""
    _flushed(print, json.dumps(found, indent=2))


def _flushed(write: Callable[[Any], None], text: Any) -> None:
    """Write to the standard output, and raise an error if that does not arrive."""
    if sys.stdout is None:
        raise OSError("there is no standard output to print to; leave it open")
    try:
        write(text)
        sys.stdout.flush()
    except OSError:
        # What could not be written would be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
