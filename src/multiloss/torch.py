"""The losses as ``torch.nn.Module``, to stand where ``torch.nn.MSELoss`` stands."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from torch import Tensor
from torch.nn.modules.loss import _Loss

from multiloss._losses.squared import mse
from multiloss._reduction import checked_name
from multiloss._typing import Operand

__all__ = ["MSELoss", "SSELoss"]


class _RegressionLoss(_Loss):
    """A loss with PyTorch's constructor, whose ``forward`` also takes weights and a mask.

    A subclass names the function it evaluates.
    """

    loss: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        size_average: bool | None = None,  # noqa: FBT001  the signature is PyTorch's
        reduce: bool | None = None,  # noqa: FBT001  ditto
        reduction: str = "mean",
    ) -> None:
        # PyTorch turns its two deprecated arguments into ``reduction``, with a warning.
        super().__init__(size_average, reduce, reduction)
        checked_name(self.reduction)

    def forward(
        self,
        prediction: Tensor,
        target: Operand,
        *,
        weight: Operand | None = None,
        where: Operand | None = None,
    ) -> Tensor:
        """Return the loss; see :func:`multiloss.mse` for the arguments."""
        result: Tensor = self.loss(
            prediction, target, weight=weight, where=where, reduction=self.reduction
        )
        return result


class MSELoss(_RegressionLoss):
    """Mean squared error, (1/n) Σ (y − t)², as :func:`multiloss.mse` defines it.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated ways to name a reduction.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the squared errors of the elements.

    Raises
    ------
    ValueError
        If there is no such reduction.

    Notes
    -----
    Unlike ``torch.nn.MSELoss``, it raises where shapes differ instead of broadcasting with a
    warning, and computes in float32 what comes in 16 bits.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import MSELoss
    >>> prediction = torch.tensor([0.5, 3.0], requires_grad=True)
    >>> MSELoss()(prediction, torch.tensor([1.0, 1.0]))
    tensor(2.1250, grad_fn=<MseLossBackward0>)
    """

    loss = staticmethod(mse)


class SSELoss(_RegressionLoss):
    """Half the sum of squared errors, ½ Σ (y − t)², as :func:`multiloss.sse` defines it.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated ways to name a reduction.
    reduction : {"sum", "mean", "none"}, default "sum"
        What becomes of the halved squared errors of the elements.

    Raises
    ------
    ValueError
        If there is no such reduction.

    Notes
    -----
    PyTorch has no such module: ``torch.nn.MSELoss(reduction="sum")`` is twice this loss.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import SSELoss
    >>> SSELoss()(torch.tensor([0.5, 3.0]), torch.tensor([1.0, 1.0]))
    tensor(2.1250)
    """

    loss = staticmethod(partial(mse, half=True))

    def __init__(
        self,
        size_average: bool | None = None,  # noqa: FBT001  the signature is PyTorch's
        reduce: bool | None = None,  # noqa: FBT001  ditto
        reduction: str = "sum",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
