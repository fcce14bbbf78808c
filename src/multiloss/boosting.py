"""Objectives and metrics of XGBoost and LightGBM."""

from collections.abc import Callable
from typing import Any

import numpy as np

from multiloss._adapter import Adapted, weight_for
from multiloss._gradient import gradient_and_hessian
from multiloss._planning.options import keywords_of
from multiloss._value import Loss, get

__all__ = ["metric", "objective"]


def objective(loss: Any, *, nonpositive: float = 1.0, **options: Any) -> Any:
    """Return an objective of XGBoost and LightGBM: the gradient and the second derivative.

    Parameters
    ----------
    loss : callable, str, dict or Loss
        What :func:`multiloss.get` takes, with second derivatives: see
        :func:`multiloss.gradient_and_hessian`.
    nonpositive : float, default 1.0
        What replaces a second derivative that is not positive, as that of ``mae``, since the
        libraries divide by it; in a sum, that of each loss before its factor. LightGBM takes 1.
    **options
        The parameters and options of the loss.

    Returns
    -------
    callable
        For ``xgboost.train(obj=)``, for ``lightgbm.train({"objective": …})``, and for
        ``objective=`` of the estimators of both. It adds up the losses, each times its weight. The
        predictions are scores: the labels are 0 and 1 for the losses of two classes, and 0, 1, …
        for :func:`multiloss.cross_entropy`.

    Raises
    ------
    TypeError
        If the loss has no second derivatives, and for a ``reduction``.

    Notes
    -----
    The objective of XGBoost and LightGBM for squared errors is ``"sse"``, with the factor ½; that
    of ``"mse"`` is twice as large, beside which a regularization counts half.

    Examples
    --------
    >>> from multiloss.boosting import objective
    >>> objective("huber", delta=2.0)([0.0, 0.0], [1.0, 5.0])
    (array([1., 2.]), array([1., 1.]))
    """
    return _Objective(loss, options, float(nonpositive))


def metric(loss: Any, **options: Any) -> Any:
    """Return a metric of XGBoost and LightGBM, of which less is better.

    Parameters
    ----------
    loss : callable, str, dict or Loss
        What :func:`multiloss.get` takes.
    **options
        The parameters and options of the loss.

    Returns
    -------
    callable
        For ``custom_metric=`` of ``xgboost.train``, ``feval=`` of ``lightgbm.train``, and
        ``eval_metric=`` of the estimators of both. Its name is that of the loss. With an objective
        of this module the predictions are scores.

    Examples
    --------
    >>> from multiloss.boosting import metric
    >>> metric("pinball", q=0.9)([0.0, 2.0], [1.0, 0.0])
    0.95
    """
    return _Metric(loss, options)


class _BoostingLoss(Adapted):
    """A loss that tells apart how the libraries call it.

    Their functions of training pass the predictions and the data, the estimators the truth and the
    predictions. LightGBM counts the parameters, and passes weights and groups by position where
    there are four; XGBoost passes weights by name.
    """

    def _read(self, first: Any, second: Any, others: tuple[Any, ...], weight: Any) -> Any:
        if hasattr(second, "get_label"):
            prediction, truth, weight = first, second.get_label(), second.get_weight()
        else:
            truth, prediction = first, second
            weight = others[0] if others else weight
        prediction = np.asarray(prediction)
        target = self.target(truth, prediction.shape[-1])
        return prediction, target, weight_for(weight, target, is_vector=self.is_vector)


class _Objective(_BoostingLoss):
    """What objective() returns."""

    taken = (*Adapted.taken, "reduction")

    def __init__(self, loss: Any, options: dict[str, Any], nonpositive: float) -> None:
        super().__init__(loss, options)
        self._both = gradient_and_hessian(_total(self.value), nonpositive=nonpositive)

    def __call__(
        self, first: Any, second: Any, *others: Any, sample_weight: Any = None
    ) -> tuple[Any, Any]:
        prediction, target, weight = self._read(first, second, others, sample_weight)
        gradient, hessian = self._both(prediction, target, weight=weight)
        return gradient, hessian


def _total(loss: Loss) -> Loss:
    """Return the sum over the samples, of each loss of a sum."""
    terms = [
        each.factor * get(each.function, **{**dict(each.options), **_summed(each.function)})
        for each in loss.terms
    ]
    return sum(terms[1:], terms[0])


def _summed(function: Callable[..., Any]) -> dict[str, str]:
    return {"reduction": "sum"} if "reduction" in (keywords_of(function) or ()) else {}


class _Metric(_BoostingLoss):
    """What metric() returns."""

    def __call__(self, first: Any, second: Any, *others: Any, sample_weight: Any = None) -> Any:
        prediction, target, weight = self._read(first, second, others, sample_weight)
        value = float(self.value(prediction, target, weight=weight))
        if others or type(second).__module__.startswith("lightgbm"):
            return self.__name__, value, False  # no, less is better
        return (self.__name__, value) if hasattr(second, "get_label") else value
