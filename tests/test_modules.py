"""The modules of multiloss.torch, where other libraries look at them."""

import pickle
from typing import Any

import pytest
import torch
from torch.nn.modules.loss import _Loss

import multiloss as ml
from losses import FUNCTIONS, made
from multiloss.torch import Loss, MSELoss, SSELoss

NEEDS = "engines"

PREDICTION, TARGET = torch.tensor([0.5, 3.0]), torch.tensor([1.0, 1.0])


def test_they_are_losses_of_pytorch() -> None:
    for module in (MSELoss(), SSELoss(), Loss(ml.huber)):
        assert isinstance(module, _Loss)
    assert isinstance(MSELoss(), torch.nn.MSELoss)
    assert not isinstance(SSELoss(), torch.nn.MSELoss)


MODULES: dict[str, Any] = {
    "mse": MSELoss,
    "sse": SSELoss,
    "huber": lambda: Loss(ml.huber),
    "minkowski": lambda: Loss(ml.minkowski, p=3.0),
    "made": lambda: Loss(made),
}


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_reduction_is_read_at_each_call(make: Any) -> None:
    module = make()
    assert module.reduction in {"mean", "sum"}
    module.reduction = "none"
    assert module(PREDICTION, TARGET).shape == (2,)
    module.reduction = "sum"
    assert module(PREDICTION, TARGET).shape == ()
    module.reduction = "average"
    with pytest.raises(ValueError, match="reduction='average' is unknown"):
        module(PREDICTION, TARGET)


def test_default_reduction_is_that_of_the_loss() -> None:
    assert Loss(ml.huber).reduction == "mean"
    assert Loss(ml.minkowski).reduction == "sum"
    assert Loss(ml.huber, reduction="none").reduction == "none"
    with pytest.raises(ValueError, match="reduction='average' is unknown"):
        Loss(ml.huber, reduction="average")


@pytest.mark.parametrize("loss", [ml.sse, ml.wmape, ml.cosine_distance])
def test_loss_without_a_reduction(loss: Any) -> None:
    module = Loss(loss)
    assert module.reduction is None
    torch.testing.assert_close(module(PREDICTION, TARGET), loss(PREDICTION, TARGET))
    # Set by others, it must not be ignored.
    module.reduction = "none"
    with pytest.raises(TypeError, match="has no option reduction"):
        module(PREDICTION, TARGET)


def positional(prediction: Any, target: Any, delta: float = 1.0, reduction: str = "mean") -> Any:
    return ml.huber(prediction, target, delta=delta, reduction=reduction)  # type: ignore[arg-type]  # a name of one


def test_any_function_of_prediction_and_target() -> None:
    module = Loss(positional, delta=0.5)
    assert module.reduction == "mean"
    torch.testing.assert_close(module(PREDICTION, TARGET), ml.huber(PREDICTION, TARGET, delta=0.5))
    module = Loss(loss=torch.nn.functional.huber_loss, delta=0.5, reduction="sum")
    assert module(PREDICTION, TARGET).item() == pytest.approx(0.125 + 0.875)
    with pytest.raises(TypeError, match="positional has no option beta; did you mean delta"):
        Loss(positional, beta=0.5)
    # One without a signature cannot be asked.
    module = Loss(torch.dist, p=2.0)
    assert module.reduction is None
    torch.testing.assert_close(module(PREDICTION, TARGET), torch.dist(PREDICTION, TARGET))


def untold(prediction: Any, target: Any, **options: Any) -> Any:
    return ml.huber(prediction, target, **options)


def test_options_are_checked_when_the_module_is_made() -> None:
    with pytest.raises(TypeError, match=r"huber has no option delt; did you mean delta\? It has "):
        Loss(ml.huber, delt=1.0)
    with pytest.raises(
        TypeError, match=r"mse has no option mask; did you mean where\? It has half, wei"
    ):
        Loss(ml.mse, mask=TARGET)
    with pytest.raises(TypeError, match="cubic has no option delta; it has scale, weight"):
        Loss(made, delta=1.0)
    with pytest.raises(TypeError, match=r"gaussian_nll needs variance; pass variance= to .*full"):
        Loss(ml.gaussian_nll)
    # A function that does not tell its options takes what it takes.
    module = Loss(untold, delta=0.5)
    torch.testing.assert_close(module(PREDICTION, TARGET), ml.huber(PREDICTION, TARGET, delta=0.5))


@pytest.mark.parametrize("name", ["training", "type", "forward"])
@pytest.mark.parametrize("wrap", [torch.tensor, lambda x: torch.nn.Parameter(torch.tensor(x))])
def test_tensor_with_the_name_of_an_attribute(name: str, wrap: Any) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def square(xp, y, t, {name}=1.0): return (y - t) ** 2", namespace)  # noqa: S102  a name
    loss = ml.make_loss(namespace["square"])
    with pytest.raises(TypeError, match=f"cannot hold a tensor named {name}, the name of "):
        Loss(loss, **{name: wrap(1.0)})


@pytest.mark.parametrize("name", ["huber", "made"])
def test_modules_can_be_pickled(name: str) -> None:
    module = MODULES[name]()
    copy = pickle.loads(pickle.dumps(module))  # noqa: S301  made by the test
    assert copy.reduction == module.reduction
    torch.testing.assert_close(copy(PREDICTION, TARGET), module(PREDICTION, TARGET))


def test_every_public_loss_can_be_a_module() -> None:
    for name in {name.partition("-")[0] for name in FUNCTIONS}:
        needed = {"gaussian_nll": {"variance": 1.0}}.get(name, {})
        loss = getattr(ml, name)
        module = Loss(loss, **needed)
        torch.testing.assert_close(
            module(TARGET + 0.5, TARGET), loss(TARGET + 0.5, TARGET, **needed)
        )
