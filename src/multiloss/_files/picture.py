"""A picture of predictions and residuals."""

import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from multiloss._files.sample import Sample
from multiloss._files.score import order

_EQUAL = 1e-6  # a difference beside the largest residual
_FORMATS = (".png", ".pdf", ".svg")
_MOST_BARS, _MOST_GROUPS, _MOST_LEVEL_LABELS, _LONGEST_LABEL = 100, 12, 4, 20


def check_picture(path: str) -> None:
    """Raise an error if no picture can be drawn there, before the rows are read."""
    try:
        import matplotlib as mpl  # noqa: F401  whether it is there
    except ImportError as error:
        raise ImportError("--plot needs matplotlib; pip install 'multiloss[files]'") from error
    if Path(path).suffix.lower() not in _FORMATS or Path(path).is_dir():
        raise ValueError(f"--plot cannot write {path!r}; name a .png, .pdf or .svg file")
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"--plot finds no folder {Path(path).parent}; make it first")


def draw(sample: Sample, path: str) -> None:
    """Draw prediction against target, the residuals, and those of each group, into a file."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    prediction, target, group = map(sample.column, ("prediction", "target", "group"))
    if not len(target):
        raise ValueError("--plot draws finite numbers, and there are none; leave it out")
    residual = prediction - target
    groups = sorted(set(group.tolist()), key=order)
    shown, has_groups = groups[:_MOST_GROUPS], len(groups) > 1
    figure, panels = plt.subplots(
        1, 2 + has_groups, figsize=(5 * (2 + has_groups), 4.4), layout="constrained"
    )
    ends = [min(prediction.min(), target.min()), max(prediction.max(), target.max())]
    panels[0].plot(ends, ends, color="0.6", linewidth=0.8, zorder=0)
    panels[0].scatter(target, prediction, s=3, alpha=0.3, edgecolors="none")
    panels[0].set(xlabel="target", ylabel="prediction", title=_title(sample))
    panels[1].hist(residual, bins=_bins(residual))
    panels[1].axvline(0.0, color="0.6", linewidth=0.8)
    panels[1].set(xlabel="prediction - target", ylabel="rows", title="residuals")
    if has_groups:
        of_groups = [residual[group == each] for each in shown]
        panels[2].boxplot(of_groups, tick_labels=[*map(_label, shown)], sym="")
        for label in panels[2].get_xticklabels():
            label.set_parse_math(False)
        panels[2].axhline(0.0, color="0.6", linewidth=0.8)
        panels[2].tick_params(axis="x", labelrotation=45 * (len(shown) > _MOST_LEVEL_LABELS))
        which = "" if shown == groups else f" (the first {len(shown)} of {len(groups)})"
        panels[2].set(ylabel="prediction - target", title=f"residuals by group{which}")
    # In memory first, so that nothing is left of one that is interrupted.
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that the font has not
        figure.savefig(picture, format=Path(path).suffix[1:].lower(), dpi=110)
    plt.close(figure)
    Path(path).write_bytes(picture.getvalue())


def _bins(residual: Any) -> Any:
    """Return the ends of the bars, also where all residuals are as good as equal."""
    low, high = float(residual.min()), float(residual.max())
    largest = max(abs(low), abs(high))
    space = 0.0 if high - low > _EQUAL * largest else largest or 1.0
    return np.linspace(low - space, high + space, min(_MOST_BARS, math.isqrt(len(residual))) + 2)


def _label(group: str) -> str:
    return group if len(group) <= _LONGEST_LABEL else f"{group[:_LONGEST_LABEL]}…"


def _title(sample: Sample) -> str:
    shown = len(sample.column("target"))
    return (
        f"{shown:,} rows"
        if shown == sample.row_count
        else f"{shown:,} of {sample.row_count:,} rows"
    )
