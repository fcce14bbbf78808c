"""The commands that read files."""

import argparse
from typing import Any, Protocol

from multiloss._command_loss import checked_loss
from multiloss._files import report
from multiloss._files.bootstrap import Bootstrap
from multiloss._files.opening import open_source
from multiloss._files.picture import check_picture, draw
from multiloss._files.progress import progress
from multiloss._files.rows import POLICIES, Column, Columns, Rows, read
from multiloss._files.sample import Sample
from multiloss._files.score import Scorer
from multiloss._files.source import Source
from multiloss._output import check_rich
from multiloss._value import Loss


class Accumulator(Protocol):
    """What rows are added to."""

    def add(self, rows: Rows) -> None:
        """Add rows."""


def add_score(commands: Any) -> None:
    """Add the command ``score``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "score",
        help="compute losses of predictions and targets in files",
        description="Compute losses of predictions and targets in files: .npy, .npz, .csv, "
        ".parquet, .arrow, .feather, .safetensors or .zarr. They are read once, in little memory.",
    )
    parser.add_argument("predictions", metavar="PREDICTIONS", help="a file, or a table of both")
    parser.add_argument("targets", metavar="TARGETS", nargs="?", help="a file of the targets")
    parser.add_argument("--prediction", metavar="COLUMN", help="the column of the predictions")
    parser.add_argument("--target", metavar="COLUMN", help="the column of the targets")
    parser.add_argument("--weight", metavar="COLUMN", help="of weights, in the file of the targets")
    parser.add_argument("--group", metavar="COLUMN", help="of groups, in the file of the targets")
    _add_options(parser)
    parser.add_argument("--plot", metavar="FILE", help="draw a .png, .pdf or .svg of the residuals")
    parser.set_defaults(run=score)


def add_compare(commands: Any) -> None:
    """Add the command ``compare``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="tell which of two predictions is better",
        description="Tell which of two predictions of the same targets is better, and how sure "
        "that is: the difference of their losses, with an interval that holds 95 of 100 "
        "differences of rows drawn again (a paired bootstrap).",
    )
    parser.add_argument("a", metavar="A", help="a file of predictions")
    parser.add_argument("b", metavar="B", help="a file of others")
    parser.add_argument("--target", metavar="FILE", required=True, help="a file of the targets")
    parser.add_argument("--a-column", metavar="COLUMN", help="the column of A")
    parser.add_argument("--b-column", metavar="COLUMN", help="the column of B")
    parser.add_argument("--target-column", metavar="COLUMN", help="the column of the targets")
    parser.add_argument("--weight-column", metavar="COLUMN", help="of weights, beside the targets")
    _add_options(parser)
    parser.set_defaults(run=compare)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--loss", metavar="LOSS", action="append", help="such as 'huber(delta=2)'; mse by default"
    )
    parser.add_argument("--nan", choices=POLICIES, default="error", help="what to do with nan")
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")


def score(options: argparse.Namespace) -> None:
    """Print the losses of files."""
    if options.targets is None and None in {options.prediction, options.target}:
        raise ValueError(
            f"{options.predictions} is one file; name a second one with the targets, or two "
            "columns of it with --prediction and --target"
        )
    losses = _losses_of(options)
    if options.plot is not None:
        check_picture(options.plot)
    predictions = open_source(options.predictions)
    targets = predictions if options.targets is None else open_source(options.targets)
    columns = Columns(
        prediction=_column(predictions, options.prediction, "--prediction"),
        target=_column(targets, options.target, "--target"),
        weight=_optional_column(targets, options.weight, "--weight"),
        group=_optional_column(targets, options.group, "--group"),
    )
    scorer, sample = Scorer(losses), Sample()
    _read_into([scorer] if options.plot is None else [scorer, sample], columns, options.nan)
    scores = scorer.result()
    if options.plot is not None:
        draw(sample, options.plot)
    show = report.print_scores_as_json if options.json else report.print_scores
    show(scores)


def compare(options: argparse.Namespace) -> None:
    """Print which of two predictions is better."""
    bootstraps = {name: Bootstrap(loss) for name, loss in _losses_of(options).items()}
    targets = open_source(options.target)
    columns = Columns(
        prediction=_column(open_source(options.a), options.a_column, "--a-column"),
        other_prediction=_column(open_source(options.b), options.b_column, "--b-column"),
        target=_column(targets, options.target_column, "--target-column"),
        weight=_optional_column(targets, options.weight_column, "--weight-column"),
    )
    _read_into([*bootstraps.values()], columns, options.nan)
    comparisons = {name: each.result() for name, each in bootstraps.items()}
    show = report.print_comparisons_as_json if options.json else report.print_comparisons
    show(comparisons)


def _losses_of(options: argparse.Namespace) -> dict[str, Loss]:
    """Return the losses by how the caller wrote them; raise an error if none could be shown."""
    if not options.json:
        check_rich()
    return {text: checked_loss(text, "is not for files") for text in options.loss or ("mse",)}


def _column(source: Source, name: str | None, option: str) -> Column:
    return Column(source, source.column(name, option))


def _optional_column(source: Source, name: str | None, option: str) -> Column | None:
    return None if name is None else _column(source, name, option)


def _read_into(accumulators: list[Accumulator], columns: Columns, nan: str) -> None:
    for rows in progress(read(columns, nan=nan), columns.length):
        for each in accumulators:
            each.add(rows)
