"""Which strategy runs a call: each condition, with a call on either side of it."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

import multiloss as ml
from engines import ENGINES, strategies_of
from losses import made

NEEDS = "engines"


def tensor(*shape: int, dtype: torch.dtype = torch.float32, tracked: bool = False) -> torch.Tensor:
    generator = torch.Generator().manual_seed(len(shape))
    result = torch.rand(shape, generator=generator).to(dtype) + 0.5
    return result.requires_grad_(tracked)


class Tagged(torch.Tensor):
    pass


def tagged(*shape: int) -> torch.Tensor:
    return tensor(*shape).as_subclass(Tagged)


def labels(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.int64)


def in_inference(make: Callable[[], torch.Tensor]) -> torch.Tensor:
    with torch.inference_mode():
        return make()


def inference(*shape: int) -> torch.Tensor:
    return in_inference(lambda: tensor(*shape))


tracked = partial(tensor, tracked=True)
elsewhere = partial(torch.empty, device="meta")
WHOLE_DEVICE = "whole on a device"
SMALL, NODE, LARGE = (64,), (2**15,), (2**21 + 1,)  # elements of float32; 2²¹ are 8 MiB
without_slope = ml.make_loss(lambda _xp, y, t: (y - t) ** 2)


def dual(loss: Any) -> Any:
    with forward_ad.dual_level():
        return loss(cast(Any, forward_ad).make_dual(tensor(*SMALL), tensor(*SMALL)), tensor(*SMALL))


def in_forward_level() -> Any:
    with forward_ad.dual_level():
        return ml.mse(tensor(*SMALL), tensor(*SMALL))


def untracked(make: Callable[[], Any]) -> Any:
    with torch.no_grad():
        return make()


TORCH: dict[str, tuple[Callable[[], Any], str]] = {
    # The kernel of PyTorch, and what keeps it away.
    "kernel": (lambda: ml.mse(tensor(*SMALL), tensor(*SMALL)), "kernel"),
    "kernel, tracked": (lambda: ml.mse(tracked(*SMALL), tensor(*SMALL)), "kernel"),
    "kernel, target tracked": (lambda: ml.mse(tensor(*SMALL), tracked(*SMALL)), "kernel"),
    "kernel, 8 MiB": (lambda: ml.mse(tensor(2**21), tensor(2**21)), "kernel"),
    "kernel, large with a tracked target": (
        lambda: ml.mse(tensor(*LARGE), tracked(*LARGE)),
        "kernel",
    ),
    "kernel, sum": (lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), reduction="sum"), "kernel"),
    "kernel, sum with empty": (
        lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), reduction="sum", empty=0.0),
        "kernel",
    ),
    "kernel with a parameter": (
        lambda: ml.huber(tensor(*SMALL), tensor(*SMALL), delta=0.5),
        "kernel",
    ),
    "no kernel": (lambda: ml.log_cosh(tensor(*SMALL), tensor(*SMALL)), "one term"),
    "empty": (lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), empty=0.0), "whole"),
    "weight": (lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), weight=tensor(*SMALL)), "whole"),
    "mask": (lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), where=tensor(*SMALL) > 0), "whole"),
    "axis": (lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), axis=0), "whole"),
    "keepdims": (lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), keepdims=True), "whole"),
    "converted prediction": (lambda: ml.mse(tensor(*SMALL).half(), tensor(*SMALL)), "whole"),
    "converted target": (lambda: ml.mse(tensor(*SMALL), tensor(*SMALL).half()), "whole"),
    "broadcast target": (
        lambda: ml.mse(tensor(4, 3), tensor(4, 1), broadcast=True),
        "one term",
    ),
    "target of inference mode": (lambda: ml.mse(tensor(*SMALL), inference(*SMALL)), "one term"),
    "parameter that is an array": (
        lambda: ml.huber(tensor(*SMALL), tensor(*SMALL), delta=torch.tensor([0.5])),
        "one term",
    ),
    "parameter too small": (
        lambda: ml.huber(tensor(*SMALL), tensor(*SMALL), delta=2.0**-30),
        "one term",
    ),
    "parameter small": (
        lambda: ml.huber(tensor(*SMALL), tensor(*SMALL), delta=2.0**-29),
        "kernel",
    ),
    "parameter too large": (
        lambda: ml.huber(tensor(*SMALL), tensor(*SMALL), delta=2.0**30),
        "one term",
    ),
    "parameter large": (
        lambda: ml.huber(tensor(*SMALL), tensor(*SMALL), delta=2.0**29),
        "kernel",
    ),
    # Blocks.
    "large": (lambda: ml.mse(tensor(*LARGE), tensor(*LARGE)), "blocks"),
    "large, not tracked": (
        lambda: untracked(lambda: ml.log_cosh(tracked(*LARGE), tensor(*LARGE))),
        "blocks",
    ),
    "8 MiB": (lambda: ml.log_cosh(tensor(2**21), tensor(2**21)), "one term"),
    # One node of the graph, and what keeps it away.
    "node": (lambda: ml.log_cosh(tracked(*NODE), tensor(*NODE)), "node"),
    "too small for a node": (
        lambda: ml.log_cosh(tracked(2**15 - 1), tensor(2**15 - 1)),
        "one term",
    ),
    "no node, since a kernel": (
        lambda: ml.mse(tracked(*NODE), tensor(*NODE), weight=tensor(*NODE)),
        "eager",
    ),
    "large node": (lambda: ml.mse(tracked(*LARGE), tensor(*LARGE)), "node"),
    "tracked target": (lambda: ml.log_cosh(tracked(*NODE), tracked(*NODE)), "one term"),
    "tracked target alone": (lambda: ml.log_cosh(tensor(*NODE), tracked(*NODE)), "one term"),
    "tracked weight": (
        lambda: ml.mse(tracked(*NODE), tensor(*NODE), weight=tracked(*NODE)),
        "eager",
    ),
    "tracked weight alone": (
        lambda: ml.mse(tensor(*NODE), tensor(*NODE), weight=tracked(*NODE)),
        "eager",
    ),
    "tracked parameter": (
        lambda: ml.huber(
            tracked(*NODE), tensor(*NODE), delta=torch.tensor([0.5], requires_grad=True)
        ),
        "one term",
    ),
    "nothing is tracked": (
        lambda: untracked(lambda: ml.log_cosh(tracked(*NODE), tracked(*NODE))),
        "one term",
    ),
    "node, target of inference mode": (
        lambda: ml.log_cosh(tracked(*NODE), inference(*NODE)),
        "one term",
    ),
    "node, empty is an array": (
        lambda: ml.log_cosh(tracked(*NODE), tensor(*NODE), empty=torch.tensor(0.0)),
        "operators",
    ),
    "loss without a slope": (lambda: without_slope(tracked(*NODE), tensor(*NODE)), "one term"),
    "slope of the caller": (lambda: made(tracked(*NODE), tensor(*NODE)), "one term"),
    # Value and gradient at once.
    "gradient": (lambda: ml.value_and_grad(ml.mse)(tensor(*SMALL), tensor(*SMALL)), "whole"),
    "gradient, large": (
        lambda: ml.value_and_grad(ml.mse)(tensor(*LARGE), tensor(*LARGE)),
        "blocks",
    ),
    "gradient of what is tracked": (
        lambda: ml.value_and_grad(ml.mse)(tracked(*SMALL), tensor(*SMALL)),
        "operators",
    ),
    # A kernel in double precision, and what keeps it away.
    "few vectors": (lambda: ml.cross_entropy(tracked(8, 4), labels(8)), "wide kernel"),
    "few vectors of three axes": (
        lambda: ml.cross_entropy(tracked(2, 8, 4), labels(2, 8)),
        "wide kernel",
    ),
    "few scores": (
        lambda: ml.binary_cross_entropy(tensor(*SMALL), tensor(*SMALL)),
        "wide kernel",
    ),
    "many vectors": (lambda: ml.cross_entropy(tracked(2**11, 4), labels(2**11)), "node"),
    "vectors in double precision": (
        lambda: ml.cross_entropy(tensor(8, 4, dtype=torch.float64), labels(8)),
        "whole",
    ),
    "no vectors": (lambda: ml.cross_entropy(tensor(0, 4), labels(0)), "whole"),
    "vectors with a mask": (
        lambda: ml.cross_entropy(tracked(8, 4), labels(8), where=labels(8) == 0),
        "node",
    ),
    "vectors with weights": (
        lambda: ml.cross_entropy(tracked(8, 4), labels(8), weight=tensor(8)),
        "node",
    ),
    "vectors along an axis": (
        lambda: ml.cross_entropy(tracked(2, 8, 4), labels(2, 8), axis=1),
        "node",
    ),
    "weights of classes": (
        lambda: ml.cross_entropy(tracked(8, 4), labels(8), class_weight=tensor(4)),
        "node",
    ),
    "distributions": (lambda: ml.cross_entropy(tracked(8, 4), tensor(8, 4)), "node"),
    "one label for all": (lambda: ml.cross_entropy(tracked(8, 4), 1), "node"),
    "probabilities": (
        lambda: ml.cross_entropy(tracked(8, 4), labels(8), from_logits=False),
        "node",
    ),
    "labels of inference mode": (
        lambda: ml.cross_entropy(tensor(8, 4), in_inference(lambda: labels(8))),
        "whole",
    ),
    "tracked target of scores": (
        lambda: ml.binary_cross_entropy(tracked(*SMALL), tracked(*SMALL)),
        "one term",
    ),
    # What is not eager, on a CPU and as it comes.
    "no reduction": (
        lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), reduction="none"),
        "kernel",
    ),
    "no reduction of a root": (
        lambda: ml.rmse(tensor(*SMALL), tensor(*SMALL), reduction="none"),
        "whole",
    ),
    "no reduction, large and tracked": (
        lambda: ml.log_cosh(tracked(*LARGE), tensor(*LARGE), reduction="none"),
        "eager",
    ),
    "subclass": (lambda: ml.mse(tagged(*SMALL), tensor(*SMALL)), "operators"),
    "target of a subclass": (lambda: ml.mse(tensor(*SMALL), tagged(*SMALL)), "operators"),
    "weight of a subclass": (
        lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), weight=tagged(*SMALL)),
        "operators",
    ),
    "mask of a subclass": (
        lambda: ml.mse(tensor(*SMALL), tensor(*SMALL), where=tagged(*SMALL) > 0),
        "operators",
    ),
    "parameter of the network": (
        lambda: ml.mse(torch.nn.Parameter(tensor(*SMALL)), tensor(*SMALL)),
        "kernel",
    ),
    # On another device.
    "kernel on a device": (lambda: ml.mse(elsewhere(*LARGE), elsewhere(*LARGE)), "kernel"),
    "tracked kernel on a device": (
        lambda: ml.mse(elsewhere(*LARGE).requires_grad_(), elsewhere(*LARGE)),
        "kernel",
    ),
    "root on a device": (lambda: ml.rmse(elsewhere(*SMALL), elsewhere(*SMALL)), WHOLE_DEVICE),
    "on a device": (lambda: ml.log_cosh(elsewhere(*SMALL), elsewhere(*SMALL)), WHOLE_DEVICE),
    "gradient on a device": (
        lambda: ml.value_and_grad(ml.mse)(elsewhere(*SMALL), elsewhere(*SMALL)),
        WHOLE_DEVICE,
    ),
    "node on a device": (
        lambda: ml.log_cosh(elsewhere(*SMALL).requires_grad_(), elsewhere(*SMALL)),
        "node on a device",
    ),
    "tracked target on a device": (
        lambda: ml.log_cosh(elsewhere(*SMALL), elsewhere(*SMALL).requires_grad_()),
        "operators",
    ),
    "no reduction on a device": (
        lambda: ml.log_cosh(
            elsewhere(*SMALL).requires_grad_(), elsewhere(*SMALL), reduction="none"
        ),
        "node on a device",
    ),
    "complex": (
        lambda: ml.mse(tensor(*SMALL, dtype=torch.complex64), tensor(*SMALL)),
        "operators",
    ),
    "broadcast prediction": (
        lambda: ml.mse(tensor(4, 1), tensor(4, 3), broadcast=True),
        "operators",
    ),
    "functional transformation": (
        lambda: torch.func.grad(ml.mse)(tensor(*SMALL), tensor(*SMALL)),
        "operators",
    ),
    "forward mode": (lambda: dual(ml.mse), "operators"),
    "inside of forward mode": (in_forward_level, "operators"),
    "traced": (
        lambda: cast(Any, torch.jit).trace(
            ml.mse, (tensor(*SMALL), tensor(*SMALL)), check_trace=False
        ),
        "operators",
    ),
    "compiled": (
        lambda: cast(Any, torch).compile(ml.mse, backend="eager", fullgraph=True)(
            tensor(*SMALL), tensor(*SMALL)
        ),
        "operators",
    ),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # shapes become constants
@pytest.mark.parametrize(("call", "strategy"), TORCH.values(), ids=TORCH)
def test_pytorch(call: Any, strategy: str) -> None:
    with strategies_of(ENGINES["torch"]()) as found:
        call()
    assert found == [strategy]


@pytest.mark.parametrize(
    ("loss", "strategies"),
    [
        (ml.rmse, ["kernel"]),
        (partial(ml.minkowski, p=3.0), ["whole"]),
        (partial(ml.rmse, weight=tensor(*SMALL)), ["whole"]),
    ],
    ids=["rmse", "minkowski", "weighted"],
)
def test_roots_in_pytorch(loss: Any, strategies: list[str]) -> None:
    with strategies_of(ENGINES["torch"]()) as found:
        loss(tensor(*SMALL), tensor(*SMALL))
    assert found == strategies


def array(*shape: int, dtype: str = "float64") -> Any:
    return np.random.default_rng(0).random(shape).astype(dtype)


NUMPY: dict[str, tuple[Callable[[], Any], str]] = {
    "squares": (lambda: ml.mse(array(9), array(9)), "squares"),
    "squares, 4 MiB": (lambda: ml.mse(array(2**19), array(2**19)), "squares"),
    "blocks": (lambda: ml.mse(array(2**19 + 1), array(2**19 + 1)), "blocks"),
    "squares with a gradient": (
        lambda: ml.value_and_grad(ml.mse)(array(2**19 + 1), array(2**19 + 1)),
        "squares",
    ),
    "squares with a broadcast prediction": (
        lambda: ml.value_and_grad(ml.mse)(array(3, 1), array(3, 9), broadcast=True),
        "whole",
    ),
    "no square": (lambda: ml.mae(array(9), array(9)), "one term"),
    "weight": (lambda: ml.mse(array(9), array(9), weight=array(9)), "whole"),
    "mask": (lambda: ml.mse(array(9), array(9), where=array(9) > 0.5), "whole"),
    "axis": (lambda: ml.mse(array(9), array(9), axis=0), "squares"),
    "axis and gradient": (lambda: ml.value_and_grad(ml.mse)(array(9), array(9), axis=0), "whole"),
    "none": (
        lambda: ml.mse(array(2**19 + 1), array(2**19 + 1), reduction="none"),
        "squares",
    ),
    "keepdims": (lambda: ml.mse(array(9), array(9), keepdims=True), "whole"),
    "prediction": (lambda: ml.mse(array(9, dtype="float32"), array(9)), "whole"),
    "target": (lambda: ml.mse(array(9), array(9, dtype="float32")), "whole"),
    "complex": (
        lambda: ml.mse(array(9, dtype="complex128"), array(9, dtype="complex128")),
        "whole",
    ),
    "root": (lambda: ml.rmse(array(9), array(9)), "squares"),
    "root of blocks": (lambda: ml.rmse(array(2**20), array(2**20)), "blocks"),
    "root of each": (lambda: ml.rmse(array(9), array(9), reduction="none"), "whole"),
}


@pytest.mark.parametrize(("call", "strategy"), NUMPY.values(), ids=NUMPY)
def test_numpy(call: Any, strategy: str) -> None:
    with strategies_of(ENGINES["numpy"]()) as found:
        call()
    assert found == [strategy]


JAX: dict[str, tuple[Callable[[], Any], str]] = {
    "eager": (lambda: ml.mse(jnp.ones(9), jnp.zeros(9)), "compiled"),
    "eager closed form": (
        lambda: ml.value_and_grad(ml.mse)(jnp.ones(9), jnp.zeros(9)),
        "compiled",
    ),
    "empty is an array": (
        lambda: ml.mse(jnp.ones(9), jnp.zeros(9), empty=jnp.zeros(())),
        "operators",
    ),
    "traced": (lambda: jax.jit(ml.mse)(jnp.ones(9), jnp.zeros(9)), "operators"),
    "traced target": (
        lambda: jax.jit(lambda t: ml.mse(jnp.ones(9), t))(jnp.zeros(9)),
        "operators",
    ),
    "traced weight": (
        lambda: jax.jit(lambda w: ml.mse(jnp.ones(9), jnp.zeros(9), weight=w))(jnp.ones(9)),
        "operators",
    ),
    "traced mask": (
        lambda: jax.jit(lambda w: ml.mse(jnp.ones(9), jnp.zeros(9), where=w))(jnp.ones(9) > 0),
        "operators",
    ),
    "traced parameter": (
        lambda: jax.jit(lambda d: ml.huber(jnp.ones(9), jnp.zeros(9), delta=d))(1.0),
        "operators",
    ),
}


@pytest.mark.parametrize(("call", "strategy"), JAX.values(), ids=JAX)
def test_jax(call: Any, strategy: str) -> None:
    with strategies_of(ENGINES["jax"]()) as found:
        call()
    assert found == [strategy]


# Without them operators run, which nothing else would show.
PRIVATE = (
    "_C._nn.l1_loss",
    "_C._nn.huber_loss",
    "_C._nn.smooth_l1_loss",
    "_C._nn.mse_loss",
    "_C._are_functorch_transforms_active",
    "_C._functorch.is_batchedtensor",
    "_C._functorch.is_legacy_batchedtensor",
    "autograd.forward_ad._current_level",
)


@pytest.mark.parametrize("name", PRIVATE)
def test_private_names_of_pytorch_are_there(name: str) -> None:
    assert attrgetter(name)(torch) is not None


@pytest.mark.parametrize("loss", ["huber", "smooth_l1"])
@pytest.mark.parametrize("parameter", [2.0**-100, 2.0**-40, 1.0, 2.0**40, 2.0**100])
@pytest.mark.parametrize("residual", [2.0**-70, 1.0, 2.0**70])
def test_kernels_at_the_ends_of_their_parameters(
    loss: str, parameter: float, residual: float
) -> None:
    function: Any = getattr(ml, loss)
    given = {"huber": "delta", "smooth_l1": "beta"}[loss]
    prediction = torch.tensor([residual], requires_grad=True)
    value = function(prediction, torch.zeros(1), **{given: parameter})
    value.backward()
    # c (r - c/2) for c = r clipped, in double precision; smooth_l1 is that divided by beta.
    clipped = min(residual, parameter)
    expected = [clipped * (residual - clipped / 2), clipped]
    if loss == "smooth_l1":
        expected = [each / parameter for each in expected]
    assert prediction.grad is not None
    for result, reference in zip((value.item(), prediction.grad.item()), expected, strict=True):
        single = reference if reference < float(np.finfo(np.float32).max) else np.inf
        assert result == pytest.approx(single, rel=1e-6, abs=1.2e-38)
