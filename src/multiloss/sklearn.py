"""Scorers of scikit-learn, for ``GridSearchCV`` and ``cross_val_score``."""

from typing import Any

import numpy as np
import sklearn.metrics

from multiloss._adapter import Adapted, weight_for

__all__ = ["make_scorer"]


def make_scorer(loss: Any, *, response_method: str | None = None, **options: Any) -> Any:
    """Return a scorer of scikit-learn: the negative loss, so that greater is better.

    Parameters
    ----------
    loss : callable, str, dict or Loss
        What :func:`multiloss.get` takes.
    response_method : str, optional
        The method of an estimator that makes the predictions. By default ``"predict_proba"`` for
        the losses of probabilities, which get ``from_logits=False`` then, ``"decision_function"``
        for those of margins, and ``"predict"`` for all others.
    **options
        The parameters and options of the loss.

    Returns
    -------
    callable
        The scorer, which takes an estimator, the data and the truth. ``sample_weight`` is one
        number a sample, also by metadata routing. The labels of classes are 0, 1, …, those of two
        classes 0 and 1; several outputs have a column each.

    Raises
    ------
    TypeError, ValueError
        As :func:`multiloss.get`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from multiloss.sklearn import make_scorer
    >>> scorer = make_scorer("pinball", q=0.9)
    >>> data, truth = np.zeros((3, 1)), np.array([0.0, 1.0, 5.0])
    >>> scorer(DummyRegressor().fit(data, truth), data, truth)
    -1.0
    """
    score = _Score(loss, options)
    has_probabilities = score.has_option("from_logits")
    if response_method is None:
        response_method = "predict"
        if has_probabilities:
            response_method = "predict_proba"
        elif score.takes_signs or score.is_vector:
            response_method = "decision_function"
    if has_probabilities and response_method == "predict_proba":
        score = _Score(loss, {"from_logits": False, **options})
    return sklearn.metrics.make_scorer(
        score, response_method=response_method, greater_is_better=False
    )


class _Score(Adapted):
    """A loss that takes the truth first, and gives a number."""

    def __call__(self, y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> float:
        prediction = np.asarray(y_pred)
        if self.is_vector and prediction.ndim == 1:
            # Of two classes scikit-learn gives the probability or the score of the second one.
            first = 1 - prediction if self.has_option("from_logits") else 0 * prediction
            prediction = np.stack([first, prediction], axis=1)
        target = self.target(y_true, prediction.shape[-1])
        if not self.is_vector and prediction.size == target.size:
            # Estimators drop or add the axis of one output.
            prediction = np.reshape(prediction, target.shape)
        weight = weight_for(sample_weight, target, is_vector=self.is_vector)
        return float(self.value(prediction, target, weight=weight))
