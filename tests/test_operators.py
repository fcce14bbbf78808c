"""What PyTorch is asked for on an accelerator, counted on the device that has no numbers."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

import multiloss as ml
from class_losses import LOSSES as CLASS_LOSSES
from losses import LOSSES

NEEDS = "engines"
pytestmark = pytest.mark.family

SIZE, VECTORS, CLASSES = 1000, 100, 10
# No kernel is launched for a view, and one that fills takes next to nothing.
FREE = {
    "alias",
    "as_strided",
    "detach",
    "diagonal",
    "empty",
    "empty_like",
    "empty_strided",
    "expand",
    "fill_",
    "full",
    "full_like",
    "new_empty",
    "new_zeros",
    "ones_like",
    "permute",
    "scalar_tensor",
    "select",
    "slice",
    "squeeze",
    "transpose",
    "unsqueeze",
    "view",
    "zeros",
    "zeros_like",
}


class Operators(TorchDispatchMode):
    """Counts what is called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as torch ships it
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func).split(".")[1]
        if name not in FREE:
            self.calls[name] += 1
        return func(*args, **(kwargs or {}))


def elsewhere(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def run(loss: Callable[[Any, Any], Any], target: Any = None, shape: Any = (SIZE,)) -> Any:
    """Return the operators of a loss and its gradient, and the arrays that are kept between."""
    prediction = elsewhere(*shape).requires_grad_()
    target = elsewhere(*shape) if target is None else target
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with Operators() as used:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            value = loss(prediction, target)
        value.sum().backward() if value.ndim else value.backward()
    return used.calls, [each for each in kept if each.numel() >= VECTORS]


WEIGHT, WHERE = elsewhere(SIZE), elsewhere(SIZE, dtype=torch.bool)
# What is ours, what is written by hand or PyTorch's own, and what it may take beyond.
BOUNDS: dict[str, tuple[Any, Any, Callable[[int], float]]] = {
    "mse": (ml.mse, functional.mse_loss, lambda n: n),
    "mae": (ml.mae, functional.l1_loss, lambda n: n),
    "huber": (ml.huber, functional.huber_loss, lambda n: n),
    "smooth_l1": (ml.smooth_l1, functional.smooth_l1_loss, lambda n: n),
    "weighted": (
        partial(ml.mse, weight=WEIGHT),
        lambda y, t: ((y - t) ** 2 * WEIGHT).sum() / WEIGHT.sum(),
        lambda n: n + 4,  # two of them for weights that sum to zero
    ),
    "masked": (
        partial(ml.mse, where=WHERE),
        lambda y, t: (torch.where(WHERE, y - t, 0) ** 2).sum() / WHERE.sum(),
        lambda n: n + 4,  # ditto
    ),
    "pinball": (
        partial(ml.pinball, q=0.8),
        lambda y, t: torch.maximum(0.8 * (t - y), -0.2 * (t - y)).mean(),
        lambda n: 1.25 * n,
    ),
    "poisson_nll": (ml.poisson_nll, functional.poisson_nll_loss, lambda n: 1.25 * n),
    "squared_hinge": (
        ml.squared_hinge,
        lambda y, t: (functional.relu(1 - t * y) ** 2).mean(),
        lambda n: 1.25 * n,
    ),
    "tweedie_deviance of power 0": (
        ml.tweedie_deviance,
        lambda y, t: ((y - t) ** 2).mean(),
        lambda n: n,
    ),
    # These keep digits that those by hand lose.
    "log_cosh": (
        ml.log_cosh,
        lambda y, t: ((y - t) + functional.softplus(-2 * (y - t)) - 0.6931).mean(),
        lambda n: 2 * n,
    ),
    "geman_mcclure": (
        ml.geman_mcclure,
        lambda y, t: (2 * (y - t) ** 2 / ((y - t) ** 2 + 4)).mean(),
        lambda n: 2 * n,
    ),
    "welsch": (
        ml.welsch,
        lambda y, t: (1 - torch.exp(-0.5 * (y - t) ** 2)).mean(),
        lambda n: 2 * n,
    ),
    "tukey_biweight": (
        ml.tukey_biweight,
        lambda y, t: (1 - (1 - ((y - t) / 4.685).clamp(-1, 1) ** 2) ** 3).mean(),
        lambda n: 2 * n,
    ),
}


@pytest.mark.parametrize(("ours", "by_hand", "bound"), BOUNDS.values(), ids=BOUNDS)
def test_number_of_operators(ours: Any, by_hand: Any, bound: Any) -> None:
    (found, _), (reference, _) = run(ours), run(by_hand)
    assert found.total() <= bound(reference.total()), found


def operands_of(name: str) -> tuple[Any, Any]:
    """Return the target and the shape of a loss of classification."""
    row = CLASS_LOSSES[name]
    if row.targets == "labels":
        return elsewhere(VECTORS, dtype=torch.int64), (VECTORS, CLASSES)
    return elsewhere(VECTORS, CLASSES), (VECTORS, CLASSES)


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_is_kept_but_the_operands(name: str) -> None:
    _, kept = run(LOSSES[name].function)
    assert len({id(each) for each in kept}) <= 2, name


PLAIN = [name for name, row in CLASS_LOSSES.items() if not row.has_class_weight]


@pytest.mark.parametrize("name", PLAIN)
def test_nothing_is_kept_of_classes_but_the_operands(name: str) -> None:
    target, shape = operands_of(name)
    _, kept = run(CLASS_LOSSES[name].function, target, shape)
    assert len({id(each) for each in kept}) <= 2, name
