"""Dask."""

from typing import Any

import numpy as np

from multiloss._engines.chunked import ChunkedEngine
from multiloss._typing import Array


class DaskEngine(ChunkedEngine):
    """Runs a loss when its result is computed."""

    def blockwise(self, function: Any, axes: Any, *arrays: Any, **options: Any) -> Array:
        import dask.array

        blockwise: Any = dask.array.blockwise
        meta = np.empty((0,) * len(axes), dtype=options["dtype"])
        # What a dashboard shows.
        token = f"multiloss-{function.plan.loss.name}"
        return blockwise(function, axes, *arrays, meta=meta, token=token, **options)
