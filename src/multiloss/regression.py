"""The losses."""

from multiloss._evaluation import evaluate
from multiloss._formulas import squared_error
from multiloss._reduction import NAN
from multiloss._typing import ArrayT, Axis, Operand, ReductionName


def mse(
    prediction: ArrayT,
    target: Operand,
    *,
    weight: Operand | None = None,
    where: Operand | None = None,
    axis: Axis = None,
    keepdims: bool = False,
    reduction: ReductionName = "mean",
    half: bool = False,
    broadcast: bool = False,
    empty: Operand = NAN,
) -> ArrayT:
    r"""Return the mean squared error, without a factor ½ unless ``half=True``.

    .. math:: \mathrm{MSE} = \frac{\sum_i w_i \, |y_i - t_i|^2}{\sum_i w_i}

    with all :math:`w_i = 1` where no weights are given.

    Parameters
    ----------
    prediction : array
        The predictions :math:`y`, of any shape: an array of NumPy, PyTorch, JAX or another array
        API library, or host data (a number, a list, an object with ``__array__``). Booleans,
        integers, real and complex floats.
    target : array
        The targets :math:`t`, of the shape of the prediction, or a Python number. Host data follows
        the prediction to its engine and device, and the other way round.
    weight : array, optional
        Real weights :math:`w`, with as many axes as the loss, each of the same size or of size 1.
    where : array of bool, optional
        The elements that count, of a shape as for ``weight``. The others are left out before the
        arithmetic: a NaN among them reaches neither the value nor a gradient.
    axis : int or tuple of int, optional
        The axes to reduce over; all of them by default.
    keepdims : bool, default False
        Whether reduced axes stay, with size 1.
    reduction : {"mean", "sum", "none"}, default "mean"
        The sum of the weighted squares divided by that of the weights, the sum alone, or the
        weighted squares themselves, with zeros where ``where`` is false.
    half : bool, default False
        Whether to multiply by ½: the slope of ½ (y − t)² is the residual y − t itself.
    broadcast : bool, default False
        Whether shapes that differ may broadcast. By default they raise.
    empty : float or 0-d array, default nan
        The mean of nothing: of no elements, or of weights that sum to zero. Its gradient is zero.

    Returns
    -------
    array
        A 0-d array of the engine (a scalar of NumPy), or an array of the axes that are left. In the
        unit of the prediction squared. Its dtype is that of the operands, promoted as the array API
        standard says, but real and at least float32; two integer operands give the engine's default
        float up to 16 bits, and else float64 where the engine has it.

    Raises
    ------
    ValueError
        If shapes, devices, ``axis``, ``reduction`` or ``empty`` do not fit, or ``axis`` comes with
        ``reduction="none"``.
    TypeError
        If operands belong to two engines, are masked, sparse or not numeric, if weights are
        complex, or if ``where`` is not boolean.

    See Also
    --------
    sse : The sum instead of the mean, halved.
    value_and_grad : The gradient in closed form.

    Notes
    -----
    Differentiable everywhere with respect to prediction and target, and with respect to weights
    that do not sum to zero.

    The definition is that of a tutorial on loss functions, which remarks that a factor ½ may be
    used as well. ``torch.nn.functional.mse_loss``, ``sklearn.metrics.mean_squared_error`` and
    Keras agree on the missing ½; ``optax.l2_loss`` has it. Weighted means divide by the sum of the
    weights, as those of PyTorch and scikit-learn do; Keras divides by the number of elements.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.mse([0.5, 3.0], [1.0, 1.0])
    np.float64(2.125)
    >>> ml.mse([0.5, 3.0], [1.0, float("nan")], where=[True, False])
    np.float64(0.25)
    """
    return evaluate(
        squared_error,
        prediction,
        target,
        weight=weight,
        where=where,
        axis=axis,
        keepdims=keepdims,
        reduction=reduction,
        half=half,
        broadcast=broadcast,
        empty=empty,
    )


def sse(
    prediction: ArrayT,
    target: Operand,
    *,
    weight: Operand | None = None,
    where: Operand | None = None,
    axis: Axis = None,
    keepdims: bool = False,
    half: bool = True,
    broadcast: bool = False,
) -> ArrayT:
    r"""Return the sum of squared errors, with a factor ½ unless ``half=False``.

    .. math:: \mathrm{SSE} = \frac{1}{2} \sum_i w_i \, |y_i - t_i|^2

    with all :math:`w_i = 1` where no weights are given.

    Parameters
    ----------
    prediction : array
        The predictions :math:`y`, as for :func:`mse`.
    target : array
        The targets :math:`t`, of the shape of the prediction, or a Python number.
    weight : array, optional
        Real weights :math:`w`, with as many axes as the loss, each of the same size or of size 1.
    where : array of bool, optional
        The elements that count, of a shape as for ``weight``. The others are left out before the
        arithmetic: a NaN among them reaches neither the value nor a gradient.
    axis : int or tuple of int, optional
        The axes to sum over; all of them by default.
    keepdims : bool, default False
        Whether reduced axes stay, with size 1.
    half : bool, default True
        Whether to multiply by ½: the slope of ½ (y − t)² is the residual y − t itself.
    broadcast : bool, default False
        Whether shapes that differ may broadcast. By default they raise.

    Returns
    -------
    array
        A 0-d array of the engine (a scalar of NumPy), or an array of the axes that are left. In the
        unit of the prediction squared, with a dtype as for :func:`mse`. The sum of nothing is 0.

    Raises
    ------
    ValueError
        If shapes, devices or ``axis`` do not fit.
    TypeError
        If operands belong to two engines, are masked, sparse or not numeric, if weights are
        complex, or if ``where`` is not boolean.

    See Also
    --------
    mse : The mean instead of the sum, not halved.
    value_and_grad : The gradient in closed form.

    Notes
    -----
    Differentiable everywhere, with respect to prediction, target and weight.

    The half belongs to the definition here, which is that of a tutorial on loss functions;
    textbooks on statistics often leave it out. ``optax.l2_loss(...).sum()`` agrees;
    ``torch.nn.functional.mse_loss(reduction="sum")`` is twice this value. scikit-learn and Keras
    have no sum of squares.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.sse([0.5, 3.0], [1.0, 1.0])
    np.float64(2.125)
    >>> ml.sse([0.5, 3.0], [1.0, 1.0], half=False)
    np.float64(4.25)
    """
    return evaluate(
        squared_error,
        prediction,
        target,
        weight=weight,
        where=where,
        axis=axis,
        keepdims=keepdims,
        reduction="sum",
        half=half,
        broadcast=broadcast,
    )
