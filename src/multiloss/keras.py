"""Losses and metrics of Keras, on its backends of PyTorch and JAX."""

from typing import Any

import keras
from keras.src.backend import get_keras_mask  # Keras has no public name for it

from multiloss._adapter import Adapted

__all__ = ["Loss", "Metric"]


class _PerSample(Adapted):
    """A loss that takes the truth first, and gives one number a sample, or a time step."""

    taken = (*Adapted.taken, "reduction", "class_axis")

    def selected(self, y_true: Any, y_pred: Any) -> Any:
        """Return the truth without what is masked, of which nothing may leave a trace.

        Keras multiplies by the mask afterwards, which leaves NaN what it is.
        """
        mask = get_keras_mask(y_pred)
        if mask is None:
            return y_true
        y_true = keras.ops.convert_to_tensor(y_true)
        is_selected = mask[..., None] if y_true.ndim > mask.ndim else mask
        return keras.ops.where(is_selected, y_true, keras.ops.cast(self.stand_in, y_true.dtype))

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        if self.is_vector:
            # Keras makes floats of labels, and may give them an axis.
            if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 and y_pred.shape[-1] > 1:
                y_true = y_true[..., 0]
            if y_true.ndim < y_pred.ndim:
                y_true = keras.ops.cast(y_true, "int32")
            return self.value(y_pred, y_true, reduction="none")
        if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
            y_true = y_true[..., None]
        if self.takes_signs:
            # 0 and 1 stand for -1 and 1, as in Keras. Both branches, since values may be traced.
            y_true = keras.ops.where(keras.ops.any(y_true < 0), y_true, 2 * y_true - 1)
        if y_pred.ndim < 2:  # noqa: PLR2004  no axis but that of the samples
            return self.value(y_pred, y_true, reduction="none")
        return self.value(y_pred, y_true, axis=-1)


@keras.saving.register_keras_serializable(package="multiloss")
class Loss(keras.losses.Loss):  # type: ignore[misc]  # Keras publishes no types
    """A loss for ``compile``, with ``sample_weight``, masks and saved models.

    Parameters
    ----------
    loss : callable, str, dict or multiloss.Loss
        What :func:`multiloss.get` takes.
    name : str, optional
        Its name, that of the loss by default.
    reduction : str, default "sum_over_batch_size"
        As of ``keras.losses.Loss``: Keras reduces what is one number a sample here, the mean over
        the last axis, or the loss of a vector of classes.
    dtype : optional
        As of ``keras.losses.Loss``.
    **options
        The parameters and options of the loss.

    Notes
    -----
    Labels are 0, 1, …, with an axis of size 1 or without; those of margins 0 and 1, or −1 and 1.
    Losses of classes take scores, unless ``from_logits=False``. A norm, as :func:`multiloss.rmse`,
    is that of each sample.

    Examples
    --------
    >>> import numpy as np
    >>> from multiloss.keras import Loss
    >>> loss = Loss("pinball", q=0.75)
    >>> float(loss(np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])))
    1.5
    """

    def __init__(
        self,
        loss: Any,
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
        **options: Any,
    ) -> None:
        _check_backend()
        self.loss = _PerSample(loss, options)
        super().__init__(name=name or self.loss.__name__, reduction=reduction, dtype=dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss."""
        return super().__call__(self.loss.selected(y_true, y_pred), y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one number a sample."""
        return self.loss(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return what a saved model holds."""
        return {**super().get_config(), "loss": self.loss.value.to_dict()}


@keras.saving.register_keras_serializable(package="multiloss")
class Metric(keras.metrics.MeanMetricWrapper):  # type: ignore[misc]  # ditto
    """The mean of a loss over all samples seen, whatever the sizes of the batches.

    Parameters
    ----------
    loss : callable, str, dict or multiloss.Loss
        What :func:`multiloss.get` takes.
    name : str, optional
        Its name, that of the loss by default.
    dtype : optional
        As of ``keras.metrics.Metric``.
    **options
        The parameters and options of the loss.

    Examples
    --------
    >>> import numpy as np
    >>> from multiloss.keras import Metric
    >>> metric = Metric("mae")
    >>> metric.update_state(np.array([[1.0], [2.0]]), np.array([[0.0], [0.0]]))
    >>> metric.update_state(np.array([[6.0]]), np.array([[0.0]]))
    >>> float(metric.result())
    3.0
    """

    def __init__(
        self, loss: Any, name: str | None = None, dtype: Any = None, **options: Any
    ) -> None:
        _check_backend()
        self.loss = _PerSample(loss, options)
        super().__init__(self.loss, name=name or self.loss.__name__, dtype=dtype)
        self._direction = "down"  # Keras has no public name for what a search minimizes

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add the losses of a batch."""
        return super().update_state(self.loss.selected(y_true, y_pred), y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return what a saved model holds."""
        return {"name": self.name, "dtype": self.dtype, "loss": self.loss.value.to_dict()}


def _check_backend() -> None:
    backend = keras.backend.backend()
    if backend not in {"jax", "torch"}:
        raise RuntimeError(
            f"Keras runs on {backend}, whose tensors are no arrays of the array API; set "
            "KERAS_BACKEND to torch or jax before Keras is imported"
        )
