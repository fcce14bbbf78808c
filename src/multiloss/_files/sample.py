"""A few rows that stand for all that went by, in a picture."""

from typing import Any

import numpy as np

from multiloss._files.rows import Rows

_KEPT = 20_000
_SEED = 0  # so that the same files give the same picture


class Sample:
    """Rows that are kept at random, each as likely as any other."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(_SEED)
        self.row_count = 0  # of all
        # Those with the smallest of random ranks are kept.
        self._columns: dict[str, Any] = {}

    def add(self, rows: Rows) -> None:
        """Keep some of more rows."""
        if rows.prediction.shape != rows.target.shape or rows.target.ndim != 1:
            raise ValueError("--plot draws one number in each row, not vectors; leave it out")
        self.row_count += len(rows.target)
        group = np.full(len(rows.target), "all", dtype=object)
        # As floats, since the residual of integers may wrap.
        prediction, target = rows.prediction.astype(float), rows.target.astype(float)
        new = {
            "rank": self._rng.random(len(rows.target)),
            "prediction": prediction,
            "target": target,
            "group": group if rows.group is None else rows.group,
        }
        with np.errstate(all="ignore"):
            chosen = np.isfinite(prediction - target)
        old = self._columns or {name: each[:0] for name, each in new.items()}
        if len(old["rank"]) == _KEPT:
            chosen &= new["rank"] < old["rank"].max()
        joined = {name: np.concatenate([old[name], new[name][chosen]]) for name in new}
        if len(joined["rank"]) > _KEPT:
            kept = np.argpartition(joined["rank"], _KEPT)[:_KEPT]
            joined = {name: each[kept] for name, each in joined.items()}
        self._columns = joined

    def column(self, name: str) -> Any:
        """Return the prediction, the target or the group of the rows that were kept."""
        return self._columns[name]
