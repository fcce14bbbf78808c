"""What the modules of multiloss.torch have in common."""

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

from torch import Tensor
from torch.fx import Proxy
from torch.nn.modules.loss import _Loss

from multiloss._engines.torch_private import is_symbolically_traced, is_traced, is_transformed
from multiloss._typing import Operand


class LossModule(_Loss):
    """A loss of PyTorch's that evaluates one of this package.

    Mixed into a module of ``torch.nn``, it keeps the constructor and the attributes, which are read
    at each call.
    """

    loss: ClassVar[Callable[..., Any]]  # that a subclass evaluates
    attributes: ClassVar[tuple[str, ...]] = ()  # of the module, that are options of the loss
    reduction: Any  # a string in PyTorch's losses, which all have the option

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the loss; where torch.fx traces, one node that is this module."""
        if is_symbolically_traced():
            for each in (*args, *kwargs.values()):
                if isinstance(each, Proxy):
                    tracer: Any = each.tracer
                    path = tracer.path_of_module(self)
                    return tracer.create_proxy("call_module", path, args, kwargs)
        return super().__call__(*args, **kwargs)

    def forward(
        self,
        input: Tensor,  # noqa: A002  PyTorch's name
        target: Operand,
        *,
        weight: Operand | None = None,
        where: Operand | None = None,
    ) -> Tensor:
        """Return the loss.

        Parameters
        ----------
        input : Tensor
            The prediction.
        target : Tensor
            The target, of the same shape.
        weight, where : Tensor, optional
            Weights, and which elements count, as for :func:`multiloss.mse`.

        Returns
        -------
        Tensor
            The loss, at least in float32.
        """
        names = self.attributes
        options = {name: getattr(self, name) for name in names} if names else {}
        result: Tensor = self.loss(
            input, target, weight=weight, where=where, reduction=self.reduction, **options
        )
        return result

    def extra_repr(self) -> str:
        """Return the options, for the representation of the module."""
        names = (*self.attributes, "reduction")
        return ", ".join(f"{name}={shown(getattr(self, name))}" for name in names)

    def __prepare_scriptable__(self) -> NoReturn:
        raise NotImplementedError(
            f"torch.jit.script does not compile {type(self).__name__}; compute the loss outside of "
            "the scripted module, or use torch.compile"
        )


def aligned(array: Tensor, other: Tensor) -> Tensor:
    """Return an array with as many axes as another one, by axes of size 1 in front."""
    return array[(None,) * (other.ndim - array.ndim)]


def all_true(mask: Tensor) -> bool:
    """Tell whether a mask is certain to select all, where that is known without waiting."""
    is_eager = type(mask) is Tensor and not is_traced() and not is_transformed()
    return is_eager and mask.device.type == "cpu" and bool(mask.all())


def shown(value: object) -> str:
    """Return an option as a representation shows it."""
    if not isinstance(value, Tensor):
        return repr(value)
    is_number = not value.ndim and not value.is_meta
    return f"{value.item():.4g}" if is_number else f"Tensor{list(value.shape)}"
