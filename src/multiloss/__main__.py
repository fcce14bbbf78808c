"""The command ``multiloss``: list the losses, draw them, and compute them of files.

It reads everything from the functions: their signatures and docstrings are the table.
"""

import argparse
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any, TypeAlias

import multiloss as ml
from multiloss._command_loss import checked_loss, has_classes
from multiloss._files.command import add_compare, add_score
from multiloss._output import Justify, print_table
from multiloss._registry import losses

TARGET = 1.0
PREDICTIONS = [TARGET + k / 200 for k in range(-800, 801)]
TALLEST, STEEPEST = 6.0, 4.5  # what a panel shows of a curve
_INTERRUPTED = 130  # the exit status of a program that was, as shells count

# A loss as the caller wrote it, and what that is.
Curve: TypeAlias = tuple[str, ml.Loss]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command of the command line."""
    parser = parser_of_commands()
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (ImportError, OSError, TypeError, ValueError) as error:
        parser.exit(2, f"multiloss: {error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("multiloss: interrupted\n")
        sys.stderr.flush()
        # At once: a second interrupt while Python ends would crash it.
        os._exit(_INTERRUPTED)


def parser_of_commands() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(
        prog="multiloss", description="Losses: list and draw them, and compute them of files."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="print every loss, its definition and its peers")
    listing.set_defaults(run=lambda _: print_losses())
    show = commands.add_parser(
        "show",
        help="draw value and slope of losses",
        description="Draw value and slope of losses against the prediction.",
    )
    show.add_argument(
        "losses", nargs="+", metavar="LOSS", help="such as huber, or 'huber(delta=0.5)'"
    )
    show.add_argument("--png", metavar="FILE", help="write a picture, open no window")
    show.set_defaults(run=lambda options: draw([*map(parsed, options.losses)], options.png))
    add_score(commands)
    add_compare(commands)
    return parser


def signature(name: str, loss: Callable[..., Any]) -> str:
    """Return a loss with its parameters and their defaults, without the common options."""
    common = {*inspect.signature(ml.mse).parameters}
    parameters = [
        each.name if each.default is each.empty else f"{each.name}={_written(each.default)}"
        for each in inspect.signature(loss).parameters.values()
        if each.name not in common
    ]
    return f"{name}({', '.join(parameters)})" if parameters else name


def _written(default: object) -> str:
    return f"{default:.3g}" if type(default) is float else str(default)


def definition(loss: Callable[..., Any]) -> str:
    """Return the first sentence of the docstring."""
    summary = (inspect.getdoc(loss) or "").partition("\n")[0]
    return summary.removeprefix("Return the ").removeprefix("Return ").replace("\\|", "|")


def peers(loss: Callable[..., Any]) -> list[str]:
    """Return the functions of other packages that the docstring says are the same."""
    text = (inspect.getdoc(loss) or "").partition("Same definition:")[2].partition("\n\n")[0]
    return re.findall(r"``([^`]+)``", text)


def print_losses() -> None:
    """Print every loss, its definition and its peers."""
    headings: dict[str, Justify] = {
        "loss": "left",
        "definition": "left",
        "the same elsewhere": "left",
    }
    rows = [
        [signature(name, loss), definition(loss), "\n".join(peers(loss)) or "—"]
        for name, loss in losses().items()
    ]
    print_table(headings, rows, show_lines=True)


def parsed(text: str) -> Curve:
    """Return the loss that the caller wrote, with or without parameters, or a sum of losses."""
    loss = checked_loss(text, "does not change the curve of one element")
    for term in loss.terms:
        for name, value in term.options:
            if not isinstance(value, (int, float)):
                raise TypeError(f"{name} is not a number; write it as {name}=1 in {text!r}")
    return text, loss


def evaluated(loss: ml.Loss) -> tuple[Any, Any]:
    """Return value and slope of a loss at the predictions."""
    both: Any = ml.value_and_grad(loss)
    if has_classes(loss):
        # Two classes, of which the first is right, and the other has the score 0.
        scores = [[each, 0.0] for each in PREDICTIONS]
        value, slope = both(scores, 0, reduction="none")
    else:
        # One prediction in each row, so that every loss is that of one element.
        predictions, targets = ([[each] for each in PREDICTIONS], [[TARGET] for _ in PREDICTIONS])
        value, slope = both(predictions, targets, axis=1)
    return value, slope[:, 0]


def what_is_drawn(drawn: Sequence[ml.Loss]) -> str:
    """Return what the losses are drawn against."""
    functions = [each.function for loss in drawn for each in loss.terms]
    home = {each.__module__.rpartition(".")[2] for each in functions}
    if home <= {"categorical", "binary", "margin", "overlap"}:
        return "score of the right class"
    return f"prediction, for a target of {TARGET:g}"


def draw(curves: Iterable[Curve], path: str | None) -> None:
    """Draw value and slope of losses beside each other, into a file or a window."""
    if path == "":
        raise ValueError("--png needs the name of a file, got an empty one")
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ImportError("to draw needs matplotlib; pip install 'multiloss[show]'") from error
    if path:
        mpl.use("Agg")
    from matplotlib import pyplot as plt

    if not path and mpl.get_backend().lower() == "agg":
        raise ValueError("there is no display for a window; pass --png FILE")
    figure, (values, slopes) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    curves = list(curves)
    for label, loss in curves:
        value, slope = evaluated(loss)
        values.plot(PREDICTIONS, value, label=label)
        slopes.plot(PREDICTIONS, slope, label=label)
    for panel, title, limit in ((values, "value", TALLEST), (slopes, "slope", STEEPEST)):
        heights = [y for line in panel.get_lines() for y in line.get_ydata() if isfinite(y)]
        low, high = max(min(heights), -limit), min(max(heights), limit)
        space = 0.05 * (high - low) or 1.0  # beside a curve that is level
        panel.set_ylim(low - space, high + space)
        panel.axvline(TARGET, color="0.75", linewidth=0.8, zorder=0)
        panel.grid(visible=True, alpha=0.25)
        panel.set(title=title, xlabel=what_is_drawn([loss for _, loss in curves]))
    values.legend(fontsize=8)
    if path:
        figure.savefig(path, format="png", dpi=110)
    else:
        plt.show()
    plt.close(figure)


if __name__ == "__main__":
    main()
