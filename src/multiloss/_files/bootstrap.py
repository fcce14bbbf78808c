"""A paired bootstrap interval of the difference of two losses."""

from typing import Any, NamedTuple

import numpy as np

from multiloss._files.operands import loss_ndim, operands
from multiloss._files.rows import Rows
from multiloss._partial import Partial, partial
from multiloss._value import Loss

_BINS = 2**13
_FEWEST_ROWS = 20  # of which an interval says which prediction is better
_SAMPLES, _AT_ONCE = 2000, 50
_PERCENT = (2.5, 97.5)
_SEED = 0  # so that the same files give the same interval


class Comparison(NamedTuple):
    """A loss of two predictions, and the interval of 95 of 100 differences of rows drawn again."""

    a: float
    b: float
    low: float
    high: float
    row_count: int
    weighted_count: int  # of rows that weigh anything

    @property
    def difference(self) -> float:
        """Return by how much the loss of the first prediction is larger."""
        return self.a - self.b

    @property
    def better(self) -> str | None:
        """Return the prediction of less loss; None where the rows do not show it."""
        if self.weighted_count < _FEWEST_ROWS:
            return None
        if self.high < 0:
            return "A"
        return "B" if self.low > 0 else None


class Bootstrap:
    """Resamples the rows of both predictions, by the sums of bins of rows.

    Of many rows each goes into a bin at random, so that memory stays the same, and the order of
    the rows means nothing. Both predictions have the same bins: what makes rows difficult for both
    is no difference.
    """

    def __init__(self, loss: Loss) -> None:
        self._loss = loss
        self._rng = np.random.default_rng(_SEED)
        self._row_count = self._weighted_count = 0
        self._rows_of_bins = np.zeros(_BINS)
        self._sums: Any = 0.0  # of the first prediction, and below them those of the second

    def add(self, rows: Rows) -> None:
        """Add rows."""
        own = operands(rows, self._loss)
        count = len(own.target)
        bins = np.arange(self._row_count, self._row_count + count)
        if bins[-1] >= _BINS:
            bins = np.where(bins < _BINS, bins, self._rng.integers(_BINS, size=count))
        predictions = own.prediction, own.other_prediction
        sums = np.concatenate([self._sums_of(each, own) for each in predictions])
        self._sums = self._sums + np.stack([np.bincount(bins, each, _BINS) for each in sums])
        self._rows_of_bins += np.bincount(bins, minlength=_BINS)
        self._row_count += count
        self._weighted_count += _weighted_count(own)

    def result(self) -> Comparison:
        """Return the losses, and the interval of their difference."""
        is_used = self._rows_of_bins > 0
        sums, rows_of_bins = self._sums[:, is_used], self._rows_of_bins[is_used]
        ((a,), (b,)) = self._losses(sums.sum(axis=1, keepdims=True))
        count = len(rows_of_bins)
        differences = []
        with np.errstate(all="ignore"):
            for _ in range(_SAMPLES // _AT_ONCE):
                # How often each bin is drawn, and as if as many rows were drawn as there are.
                times = self._rng.multinomial(count, np.full(count, 1 / count), size=_AT_ONCE)
                scale = self._row_count / (times @ rows_of_bins)
                of_a, of_b = self._losses(scale * (sums @ times.T))
                differences.append(of_a - of_b)
            drawn = np.concatenate(differences)
            drawn = drawn[~np.isnan(drawn)]  # of samples that weigh anything
            low, high = np.percentile(drawn, _PERCENT).tolist() if len(drawn) else (np.nan, np.nan)
        return Comparison(float(a), float(b), low, high, self._row_count, self._weighted_count)

    def _losses(self, sums: Any) -> list[Any]:
        """Return the losses of both predictions."""
        return [Partial(self._loss, tuple(each)).result() for each in np.split(sums, 2)]

    def _sums_of(self, prediction: Any, rows: Rows) -> Any:
        """Return the sums of each row."""
        # Each is reduced by itself, over an axis that even rows of one number have.
        weight = rows.weight
        part = partial(
            self._loss,
            prediction[:, None],
            rows.target[:, None],
            weight=None if weight is None else weight[:, None],
            axis=tuple(range(1, loss_ndim(rows, self._loss) + 1)),
        )
        return np.asarray(part.arrays, dtype=float)


def _weighted_count(rows: Rows) -> int:
    if rows.weight is None:
        return len(rows.target)
    return int(np.count_nonzero(rows.weight.reshape(len(rows.target), -1).any(axis=1)))
