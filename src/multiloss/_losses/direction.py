"""The loss between two directions."""

from typing import Unpack

from multiloss._composition import evaluate_cosine_distance
from multiloss._typing import ArrayT, Axis, Operand, VectorOptions


def cosine_distance(
    prediction: ArrayT,
    target: Operand,
    *,
    axis: Axis = -1,
    **options: Unpack[VectorOptions],
) -> ArrayT:
    r"""Return the cosine distance of vectors, 1 − cos(y, t).

    .. math:: 1 - \frac{\sum_i w_i \, y_i \, t_i}
        {\sqrt{\sum_i w_i \, y_i^2} \, \sqrt{\sum_i w_i \, t_i^2}}

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real, with at least one axis.
    axis : int or tuple of int, default -1
        The axis of the vectors; None for one vector of all elements.
    **options
        ``weight``, ``where``, ``keepdims`` and ``broadcast`` as for :func:`mse`. There is no
        ``reduction``: take the mean of the result for the loss of a batch.

    Returns
    -------
    array
        One distance for each vector, between 0 and 2, without a unit; with a dtype as for
        :func:`mse`. The distance of a vector of zeros from any other is 1, with zero gradient.

    Raises
    ------
    ValueError, TypeError
        As :func:`mse`, and if numbers are complex.

    Notes
    -----
    Differentiable but for vectors of zeros. Computed as half the squared distance of the unit
    vectors, which keeps the digits of small angles and is 0 for equal vectors.

    Same definition: ``optax.cosine_distance``, ``scipy.spatial.distance.cosine``.

    ``torch.nn.functional.cosine_similarity`` is 1 minus this, and
    ``keras.losses.cosine_similarity`` this minus 1.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.cosine_distance([[1.0, 0.0], [3.0, 4.0]], [[0.0, 2.0], [3.0, 4.0]])
    array([1., 0.])
    """
    return evaluate_cosine_distance(prediction, target, axis=axis, **options)
