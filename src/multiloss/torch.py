"""The losses as ``torch.nn.Module``, named as those of ``torch.nn`` and in their place.

``import multiloss.torch as nn`` in a training script changes no other line. Each is a subclass of
the module of its name and keeps its constructor, its attributes and the order of its arguments;
``forward`` takes ``weight`` and ``where`` too. What differs is in docs/torch.md.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter

from multiloss._losses.absolute import mae
from multiloss._losses.binary import binary_cross_entropy
from multiloss._losses.categorical import cross_entropy
from multiloss._losses.divergence import kl_terms
from multiloss._losses.likelihood import gaussian_nll, poisson_nll
from multiloss._losses.robust import huber, smooth_l1
from multiloss._losses.squared import mse
from multiloss._module import LossModule, aligned, all_true, shown
from multiloss._planning.options import (
    REQUIRED,
    checked_reduction,
    keywords_of,
    name_of,
    no_such_option,
)
from multiloss._typing import Operand
from multiloss._value import Loss as Value
from multiloss._value import get

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "PoissonNLLLoss",
    "SSELoss",
    "SmoothL1Loss",
]


class Loss(LossModule):
    """Any loss as a module, with parameters that may be learned.

    Parameters
    ----------
    loss : callable, str, dict or multiloss.Loss
        A loss of this package, one of :func:`multiloss.make_loss` or :func:`multiloss.get`, or what
        the last takes: ``"0.5 * mse + 0.5 * mae"``.
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
    >>> from multiloss.torch import Loss
    >>> loss = Loss(ml.huber, delta=0.5, reduction="sum")
    >>> loss(torch.tensor([0.5, 3.0]), torch.tensor([1.0, 1.0]))
    tensor(1.)
    >>> loss = Loss(ml.barron, alpha=torch.nn.Parameter(torch.tensor(1.0)))
    >>> [name for name, _ in loss.named_parameters()]
    ['alpha']
    """

    loss: Callable[..., Any]  # type: ignore[misc]  # of the instance, here

    def __init__(self, loss: Callable[..., Any] | str | Mapping[str, Any], **options: Any) -> None:
        super().__init__()
        if isinstance(loss, (str, Mapping)):
            loss = get(loss)
        if isinstance(loss, Value) and len(loss.terms) == 1 and loss.terms[0].factor == 1.0:
            options = {**dict(loss.terms[0].options), **options}
            loss = loss.terms[0].function
        if not callable(loss):
            raise TypeError(f"Loss takes a loss such as multiloss.huber, got {loss!r}")
        self.loss = loss
        self._name = name_of(loss)
        self.reduction = self._take_reduction(options)
        tensors = {name: each for name, each in options.items() if isinstance(each, Tensor)}
        self._tensors = tuple(tensors)
        self._options = {name: each for name, each in options.items() if name not in tensors}
        for name, value in tensors.items():
            if hasattr(self, name):
                raise TypeError(
                    f"Loss cannot hold a tensor named {name}, the name of an attribute "
                    "that it has; rename the parameter, or pass it to forward()"
                )
            if isinstance(value, Parameter):
                self.register_parameter(name, value)
            else:
                self.register_buffer(name, value)

    def _take_reduction(self, options: dict[str, Any]) -> Any:
        """Check the names of the options, and take the reduction out of them."""
        keywords = _keywords(self.loss)
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
                f"{self._name} needs {missing[0]}; pass {missing[0]}= to Loss. It has "
                f"{', '.join(keywords)}"
            )
        if "reduction" not in keywords:
            return None
        return checked_reduction(options.pop("reduction", keywords["reduction"]))

    def forward(
        self,
        input: Tensor,  # noqa: A002  PyTorch's name
        target: Operand,
        **options: Any,
    ) -> Tensor:
        """Return the loss."""
        result: Tensor = self.loss(input, target, **{**self._current_options(), **options})
        return result

    def _current_options(self) -> dict[str, Any]:
        options = {**self._options, **{name: getattr(self, name) for name in self._tensors}}
        if self.reduction is not None:
            options["reduction"] = self.reduction
        return options

    def extra_repr(self) -> str:
        """Return the loss and its options, for the representation of the module."""
        options = self._current_options().items()
        return ", ".join([self._name, *(f"{name}={shown(each)}" for name, each in options)])


def _keywords(loss: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the keywords of a loss; those that all losses of a sum have."""
    if not isinstance(loss, Value):
        return keywords_of(loss)
    first, *others = (keywords_of(each.function) or {} for each in loss.terms)
    return {name: each for name, each in first.items() if all(name in more for more in others)}


class MSELoss(LossModule, torch.nn.MSELoss):
    """Mean squared error, (1/n) Σ (y − t)², as :func:`multiloss.mse` defines it.

    Parameters
    ----------
    size_average, reduce, reduction
        As in ``torch.nn.MSELoss``.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import MSELoss
    >>> prediction = torch.tensor([0.5, 3.0], requires_grad=True)
    >>> MSELoss()(prediction, torch.tensor([1.0, 1.0]))
    tensor(2.1250, grad_fn=<MseLossBackward0>)
    """

    loss = staticmethod(mse)


class SSELoss(LossModule):
    """Half the sum of squared errors, ½ Σ (y − t)², as :func:`multiloss.sse` defines it.

    Parameters
    ----------
    size_average, reduce : bool, optional
        PyTorch's deprecated arguments for a reduction.
    reduction : {"sum", "mean", "none"}, default "sum"
        What becomes of the halved squared errors of the elements.

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


class L1Loss(LossModule, torch.nn.L1Loss):
    """Mean absolute error, as :func:`multiloss.mae` defines it.

    Parameters
    ----------
    size_average, reduce, reduction
        As in ``torch.nn.L1Loss``.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import L1Loss
    >>> L1Loss()(torch.tensor([0.5, 3.0]), torch.tensor([1.0, 1.0]))
    tensor(1.2500)
    """

    loss = staticmethod(mae)


class SmoothL1Loss(LossModule, torch.nn.SmoothL1Loss):
    """Smooth L1 loss, as :func:`multiloss.smooth_l1` defines it.

    Parameters
    ----------
    size_average, reduce, reduction, beta
        As in ``torch.nn.SmoothL1Loss``.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import SmoothL1Loss
    >>> SmoothL1Loss(beta=2.0)(torch.tensor([1.0, 3.0]), torch.zeros(2))
    tensor(1.1250)
    """

    loss = staticmethod(smooth_l1)
    attributes = ("beta",)


class HuberLoss(LossModule, torch.nn.HuberLoss):
    """Huber loss, as :func:`multiloss.huber` defines it.

    Parameters
    ----------
    reduction, delta
        As in ``torch.nn.HuberLoss``.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import HuberLoss
    >>> HuberLoss(delta=0.5)
    HuberLoss(delta=0.5, reduction='mean')
    >>> HuberLoss("sum", 0.5)(torch.tensor([0.5, 3.0]), torch.tensor([1.0, 1.0]))
    tensor(1.)
    """

    loss = staticmethod(huber)
    attributes = ("delta",)


class GaussianNLLLoss(LossModule, torch.nn.GaussianNLLLoss):
    """Negative log-likelihood of normal distributions, as :func:`multiloss.gaussian_nll` has it.

    Parameters
    ----------
    full, eps, reduction
        As in ``torch.nn.GaussianNLLLoss``.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import GaussianNLLLoss
    >>> GaussianNLLLoss()(torch.tensor([1.0, 3.0]), torch.zeros(2), torch.ones(2))
    tensor(2.5000)
    """

    loss = staticmethod(gaussian_nll)
    attributes = ("full", "eps")

    def forward(  # type: ignore[override]  # the variance is one argument more, as in PyTorch
        self,
        input: Tensor,  # noqa: A002  PyTorch's name
        target: Operand,
        var: Any,
        *,
        weight: Operand | None = None,
        where: Operand | None = None,
    ) -> Tensor:
        """Return the loss; ``var`` may lack the last axis, or have size 1 there."""
        if isinstance(var, Tensor) and 0 < var.ndim == input.ndim - 1:
            var = var[..., None]
        options = {"variance": var, "full": self.full, "eps": self.eps, "weight": weight}
        result: Tensor = self.loss(input, target, where=where, reduction=self.reduction, **options)
        return result


class PoissonNLLLoss(LossModule, torch.nn.PoissonNLLLoss):
    """Negative log-likelihood of counts, as :func:`multiloss.poisson_nll` defines it.

    Parameters
    ----------
    log_input, full, size_average, eps, reduce, reduction
        As in ``torch.nn.PoissonNLLLoss``.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import PoissonNLLLoss
    >>> PoissonNLLLoss()(torch.tensor([0.0]), torch.tensor([3.0]))
    tensor(1.)
    """

    loss = staticmethod(poisson_nll)
    attributes = ("log_input", "full", "eps")

    def forward(
        self,
        log_input: Tensor,
        target: Operand,
        *,
        weight: Operand | None = None,
        where: Operand | None = None,
    ) -> Tensor:
        """Return the loss."""
        return super().forward(log_input, target, weight=weight, where=where)


class CrossEntropyLoss(LossModule, torch.nn.CrossEntropyLoss):
    """Cross-entropy of scores along the axis 1, as :func:`multiloss.cross_entropy` defines it.

    Parameters
    ----------
    weight, size_average, ignore_index, reduce, reduction, label_smoothing
        As in ``torch.nn.CrossEntropyLoss``: ``weight`` has one number for each class. That of
        ``forward`` has one for each vector.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import CrossEntropyLoss
    >>> scores = torch.tensor([[2.0, 0.0], [0.0, 1.0], [9.0, 9.0]])
    >>> CrossEntropyLoss()(scores, torch.tensor([0, 0, -100]))
    tensor(0.7201)
    """

    loss = staticmethod(cross_entropy)
    attributes = ("label_smoothing",)

    def forward(
        self,
        input: Tensor,  # noqa: A002  PyTorch's name
        target: Any,
        *,
        weight: Operand | None = None,
        where: Operand | None = None,
    ) -> Tensor:
        """Return the loss of labels, or of probabilities in the shape of the scores."""
        if not isinstance(target, Tensor):
            target = torch.as_tensor(target, device=input.device)
        if not target.is_floating_point():
            is_label = target != self.ignore_index
            if where is not None:
                where = is_label & torch.as_tensor(where, device=is_label.device)
            elif not all_true(is_label):
                where = is_label
        result: Tensor = self.loss(
            input,
            target,
            class_axis=1 if input.ndim > 1 else 0,
            class_weight=self.weight,
            label_smoothing=self.label_smoothing,
            weight=weight,
            where=where,
            reduction=self.reduction,
        )
        return result


class _BinaryCrossEntropy(LossModule):
    """The forward of losses of two classes, whose attribute ``weight`` multiplies the losses."""

    loss = staticmethod(binary_cross_entropy)
    from_logits: ClassVar[bool]
    weight: Tensor | None

    def forward(
        self,
        input: Tensor,  # noqa: A002  PyTorch's name
        target: Operand,
        *,
        weight: Operand | None = None,
        where: Operand | None = None,
    ) -> Tensor:
        """Return the loss."""
        options: dict[str, Any] = {"from_logits": self.from_logits, "where": where}
        positive_weight = getattr(self, "pos_weight", None)
        if positive_weight is not None:
            options["positive_weight"] = aligned(positive_weight, input)
        reduction, weights = self.reduction, weight
        if self.weight is not None:
            factor = aligned(self.weight, input)
            weights = factor if weight is None else factor * torch.as_tensor(weight)
        is_mean_of_products = self.weight is not None and reduction == "mean"
        result: Tensor = self.loss(
            input,
            target,
            weight=weights,
            reduction="sum" if is_mean_of_products else reduction,
            **options,
        )
        if is_mean_of_products:
            # The mean divides by the weights of the call alone, the sum of mae of ones.
            result = result / mae(
                torch.ones_like(input), 0.0, weight=weight, where=where, reduction="sum"
            )
        return result


class BCEWithLogitsLoss(_BinaryCrossEntropy, torch.nn.BCEWithLogitsLoss):
    """Cross-entropy of two classes, as :func:`multiloss.binary_cross_entropy` defines it.

    Parameters
    ----------
    weight, size_average, reduce, reduction, pos_weight
        As in ``torch.nn.BCEWithLogitsLoss``: ``weight`` multiplies the losses of the elements,
        whose mean divides by their number, or by the sum of the weights of ``forward``.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import BCEWithLogitsLoss
    >>> BCEWithLogitsLoss()(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0]))
    tensor(0.4100)
    """

    from_logits = True


class BCELoss(_BinaryCrossEntropy, torch.nn.BCELoss):
    """Cross-entropy of the probabilities of two classes.

    As :func:`multiloss.binary_cross_entropy` has it with ``from_logits=False``.

    Parameters
    ----------
    weight, size_average, reduce, reduction
        As in ``torch.nn.BCELoss``; see :class:`BCEWithLogitsLoss`.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import BCELoss
    >>> BCELoss()(torch.tensor([0.5, 0.25]), torch.tensor([0.0, 1.0]))
    tensor(1.0397)
    """

    from_logits = False


class KLDivLoss(LossModule, torch.nn.KLDivLoss):
    """Kullback–Leibler divergence of the logarithms of probabilities, element by element.

    Parameters
    ----------
    size_average, reduce, reduction, log_target
        As in ``torch.nn.KLDivLoss``. ``"batchmean"`` divides the sum by the size of the first axis;
        ``"mean"`` divides it by the number of elements, as PyTorch does. The divergence of vectors
        of scores is ``Loss("kl_divergence")``.

    Examples
    --------
    >>> import torch
    >>> from multiloss.torch import KLDivLoss
    >>> logarithms, target = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.0, 1.0]])
    >>> KLDivLoss(reduction="batchmean")(logarithms, target)
    tensor(0.6931)
    """

    loss = staticmethod(kl_terms)

    def forward(
        self,
        input: Tensor,  # noqa: A002  PyTorch's name
        target: Operand,
        *,
        weight: Operand | None = None,
        where: Operand | None = None,
    ) -> Tensor:
        """Return the loss."""
        is_of_batch = self.reduction == "batchmean"
        result: Tensor = self.loss(
            input,
            target,
            log_target=self.log_target,
            weight=weight,
            where=where,
            reduction="sum" if is_of_batch else self.reduction,
        )
        return result / input.shape[0] if is_of_batch and input.ndim else result
