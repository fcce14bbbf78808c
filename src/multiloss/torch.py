"""The losses as ``torch.nn.Module``, to stand where ``torch.nn.MSELoss`` stands."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.modules.loss import _Loss

from multiloss._losses.squared import mse
from multiloss._planning.options import REQUIRED, checked_reduction, keywords_of, no_such_option
from multiloss._typing import Operand

__all__ = ["MSELoss", "RegressionLoss", "SSELoss"]


class RegressionLoss(_Loss):
    """Any loss as a module, with parameters that may be learned.

    Parameters
    ----------
    loss : callable
        A loss of this package, or of :func:`multiloss.make_loss`.
    **options
        Its parameters and options. A ``torch.nn.Parameter`` becomes one of the module, and any
        other tensor a buffer, which moves with it to another device.

    Attributes
    ----------
    reduction : str or None
        The reduction, which is read at each call; None for a loss that has no such option.

    Raises
    ------
    TypeError
        If ``loss`` cannot be called, has no option of a name, or needs one that is missing, and if
        a tensor has the name of an attribute of the module.

    Notes
    -----
    ``forward`` takes further options, such as ``weight`` and ``where``, which override those of
    the module.

    Examples
    --------
    >>> import torch
    >>> import multiloss as ml
    >>> from multiloss.torch import RegressionLoss
    >>> loss = RegressionLoss(ml.huber, delta=0.5, reduction="sum")
    >>> loss(torch.tensor([0.5, 3.0]), torch.tensor([1.0, 1.0]))
    tensor(1.)
    >>> loss = RegressionLoss(ml.barron, alpha=torch.nn.Parameter(torch.tensor(1.0)))
    >>> [name for name, _ in loss.named_parameters()]
    ['alpha']
    """

    reduction: Any  # a string in PyTorch's losses, which all have the option

    def __init__(self, loss: Callable[..., Any], **options: Any) -> None:
        super().__init__()
        if not callable(loss):
            raise TypeError(f"RegressionLoss takes a loss such as multiloss.huber, got {loss!r}")
        self.loss = loss
        self._name = str(getattr(loss, "__name__", repr(loss)))
        self.reduction = self._take_reduction(options)
        tensors = {name: each for name, each in options.items() if isinstance(each, Tensor)}
        self._tensors = tuple(tensors)
        self._options = {name: each for name, each in options.items() if name not in tensors}
        for name, value in tensors.items():
            if hasattr(self, name):
                raise TypeError(
                    f"RegressionLoss cannot hold a tensor named {name}, the name of an attribute "
                    "that it has; rename the parameter, or pass it to forward()"
                )
            if isinstance(value, Parameter):
                self.register_parameter(name, value)
            else:
                self.register_buffer(name, value)

    def _take_reduction(self, options: dict[str, Any]) -> Any:
        """Check the names of the options, and take the reduction out of them."""
        keywords = keywords_of(self.loss)
        if keywords is None:
            return options.pop("reduction", None)
        unknown = [name for name in options if name not in keywords]
        if unknown:
            raise TypeError(no_such_option(self._name, unknown[0], tuple(keywords)))
        missing = [
            name for name, each in keywords.items() if each is REQUIRED and name not in options
        ]
        if missing:
            raise TypeError(
                f"{self._name} needs {missing[0]}; pass {missing[0]}= to RegressionLoss. It has "
                f"{', '.join(keywords)}"
            )
        if "reduction" not in keywords:
            return None
        return checked_reduction(options.pop("reduction", keywords["reduction"]))

    def forward(self, prediction: Tensor, target: Operand, **options: Any) -> Tensor:
        """Return the loss."""
        chosen = {**self._options, **{name: getattr(self, name) for name in self._tensors}}
        if self.reduction is not None:
            chosen["reduction"] = self.reduction
        result: Tensor = self.loss(prediction, target, **{**chosen, **options})
        return result

    def extra_repr(self) -> str:
        """Return the loss and its options, for the representation of the module."""
        options = dict(self._options)
        if self.reduction is not None:
            options["reduction"] = self.reduction
        return ", ".join([self._name, *(f"{key}={value}" for key, value in options.items())])


class _SquaredErrorLoss(_Loss):
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
        checked_reduction(self.reduction)

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


class MSELoss(_SquaredErrorLoss, torch.nn.MSELoss):
    """Mean squared error, (1/n) Σ (y − t)², as :func:`multiloss.mse` defines it.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated arguments for a reduction.
    reduction : {"mean", "sum", "none"}, default "mean"
        What becomes of the squared errors of the elements.

    Raises
    ------
    ValueError
        If there is no such reduction.

    Notes
    -----
    A subclass of ``torch.nn.MSELoss``, which raises where shapes differ instead of broadcasting
    with a warning, and computes in float32 what comes in 16 bits.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import MSELoss
    >>> prediction = torch.tensor([0.5, 3.0], requires_grad=True)
    >>> MSELoss()(prediction, torch.tensor([1.0, 1.0]))
    tensor(2.1250, grad_fn=<MseLossBackward0>)
    """

    loss = staticmethod(mse)


class SSELoss(_SquaredErrorLoss):
    """Half the sum of squared errors, ½ Σ (y − t)², as :func:`multiloss.sse` defines it.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated arguments for a reduction.
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
