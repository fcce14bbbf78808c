"""Every loss under every transformation of PyTorch and JAX that the README names.

Each loss is called with a weight, a mask and an axis at once; the exhaustive run tries them one by
one, and PyTorch's compiler behind Dynamo.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import multiloss as ml
from class_losses import VECTORS
from engines import enable_x64
from losses import FUNCTIONS, domain_of
from losses import NAMES as NAMES_OF_ELEMENTS

NEEDS = "engines"

RNG = np.random.default_rng(0)
PREDICTION, TARGET = RNG.standard_normal((2, 4, 3))
Options = Callable[[Any], dict[str, Any]]

# Vectors of three classes.
SCORES = RNG.standard_normal((4, 3, 3))
LABELS = RNG.integers(0, 3, (4, 3))
DISTRIBUTIONS = RNG.dirichlet([1.0, 1.0, 1.0], (4, 3))
OF_VECTORS = (
    "cross_entropy",
    "cross_entropy-labels",
    "cross_entropy-weighted-labels",
    "focal",
    "kl_divergence",
    "jensen_shannon",
    "brier",
    "multiclass_hinge",
)
OF_DISTRIBUTIONS = [name for name in OF_VECTORS if VECTORS[name].targets != "labels"]
WEIGHTED = [name for name in OF_VECTORS if VECTORS[name].has_class_weight]
NAMES = {*NAMES_OF_ELEMENTS, *OF_VECTORS}
ALL = {**FUNCTIONS, **{name: VECTORS[name].function for name in OF_VECTORS}}

# What a call passes beside the operands, made from the target.
OPTIONS: dict[str, Options] = {
    "all": lambda t: {"weight": abs(t) + 0.5, "where": t > -1.0, "axis": 0},
    "nothing": lambda _: {},
    "weight": lambda t: {"weight": abs(t) + 0.5},
    "mask": lambda t: {"where": t > -1.0},
    "axis": lambda _: {"axis": 0},
}
CALLS = [
    pytest.param(
        name,
        options,
        id=f"{name}-{options}",
        marks=() if options == "all" and name in NAMES else pytest.mark.exhaustive,
    )
    for name in ALL
    for options in OPTIONS
]
every_call = pytest.mark.parametrize(("name", "options"), CALLS)


def operands(name: str) -> tuple[Any, Any]:
    """Return operands in the domain, at no kink."""
    if name in VECTORS:
        return SCORES, LABELS if VECTORS[name].targets == "labels" else DISTRIBUTIONS
    if domain_of(name) == "positive":
        return np.abs(PREDICTION) + 0.125, np.abs(TARGET) + 0.125
    return PREDICTION, TARGET


def options_of(name: str, options: str, target: Any) -> dict[str, Any]:
    """Return what a call passes, of the shape of the loss."""
    is_distribution = name in OF_DISTRIBUTIONS
    chosen = OPTIONS[options](target[..., 0] if is_distribution else target)
    if name in WEIGHTED:
        # In the place of a list, of which compilers make no array.
        weight = target[0, 0] if is_distribution else target[0]
        chosen["class_weight"] = 0.25 * abs(weight) + 0.5
    return chosen


def total(name: str, options: str, prediction: Any, target: Any) -> Any:
    """Return the loss with options; the sum, where it is not a scalar."""
    return ALL[name](prediction, target, **options_of(name, options, target)).sum()


def tensors(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    prediction, target = operands(name)
    return torch.tensor(prediction, requires_grad=True), torch.tensor(target)


# PyTorch ----------------------------------------------------------------------------------------

# Behind Dynamo, which sees the options, the other backends see what is left of them.
COMPILED = [
    pytest.param(
        name,
        options,
        backend,
        dynamic,
        id=f"{name}-{options}-{backend}-{'dynamic' if dynamic else 'static'}",
        marks=()
        if (options, backend, dynamic) == ("all", "eager", True) and name in NAMES
        else pytest.mark.exhaustive,
    )
    for name in ALL
    for options in OPTIONS
    for backend in ("eager", "aot_eager", "inductor")
    for dynamic in (False, True)
    if backend == "eager" or (options == "all" and not (backend == "inductor" and dynamic))
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "backend", "dynamic"), COMPILED)
def test_compiled_in_one_graph(name: str, options: str, backend: str, dynamic: bool) -> None:
    cast(Any, torch.compiler).reset()
    loss = partial(total, name, options)
    compiled: Any = torch.compile(loss, fullgraph=True, dynamic=dynamic, backend=backend)
    prediction, target = operands(name)
    for rows in (4, 3):
        y, t = torch.tensor(prediction[:rows], requires_grad=True), torch.tensor(target[:rows])
        value, expected = compiled(y, t), loss(y, t)
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(
            torch.autograd.grad(value, y), torch.autograd.grad(expected, y), rtol=1e-6, atol=1e-9
        )


class Module(torch.nn.Module):
    def __init__(self, name: str, options: str) -> None:
        super().__init__()
        self.loss = partial(total, name, options)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.loss(prediction, target)
        return result


@pytest.mark.slow
@every_call
def test_exported(name: str, options: str) -> None:
    prediction, target = (each.detach() for each in tensors(name))
    rows = torch.export.Dim("rows")
    module = Module(name, options)
    exported = torch.export.export(
        module, (prediction, target), dynamic_shapes=({0: rows}, {0: rows})
    ).module()
    taller = torch.cat([prediction, prediction + 0.5]), torch.cat([target, target])
    torch.testing.assert_close(exported(*taller), module(*taller))


@every_call
def test_functional_transformations(name: str, options: str) -> None:
    y, t = tensors(name)
    loss = partial(total, name, options)
    (gradient,) = torch.autograd.grad(loss(y, t), y, create_graph=True)
    y = y.detach()
    torch.testing.assert_close(torch.func.grad(loss)(y, t), gradient)
    tangent = torch.ones_like(y)
    slope: Any = torch.func.jvp(lambda y: loss(y, t), (y,), (tangent,))[1]
    torch.testing.assert_close(slope, gradient.sum())
    rows = torch.func.vmap(loss)(y[:, None], t[:, None])
    expected = torch.stack([loss(y[k : k + 1], t[k : k + 1]) for k in range(len(y))])
    assert expected.isfinite().any()
    torch.testing.assert_close(rows, expected, equal_nan=True)


@pytest.mark.slow
@every_call
def test_derivatives_of_both_orders_forward_and_in_batches(name: str, options: str) -> None:
    y, t = tensors(name)
    y, t = y.detach()[:2].requires_grad_(), t[:2]
    loss = partial(total, name, options)
    assert gradcheck(loss, (y, t), check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(loss, (y, t))
    hessian = torch.func.hessian(lambda y: loss(y, t))(y.detach())
    (gradient,) = torch.autograd.grad(loss(y, t), y, create_graph=True)
    size = y.numel()
    second = torch.zeros(size)
    if gradient.requires_grad:
        second = torch.autograd.grad(gradient.sum(), y)[0]
    hessian = hessian.reshape(size, size)
    torch.testing.assert_close(hessian.sum(0), second.reshape(size).to(hessian.dtype))


@every_call
def test_meta_tensors(name: str, options: str) -> None:
    y, t = (each.detach() for each in tensors(name))
    arguments = options_of(name, options, t)
    value, gradient = ml.value_and_grad(ALL[name])(
        y.to("meta"),
        t.to("meta"),
        **{
            key: each.to("meta") if isinstance(each, torch.Tensor) else each
            for key, each in arguments.items()
        },
    )
    expected, expected_gradient = ml.value_and_grad(ALL[name])(y, t, **arguments)
    assert value.device.type == gradient.device.type == "meta"
    assert (value.shape, value.dtype) == (expected.shape, expected.dtype)
    assert (gradient.shape, gradient.dtype) == (expected_gradient.shape, expected_gradient.dtype)


# JAX --------------------------------------------------------------------------------------------


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["", "x64"])
def x64(request: pytest.FixtureRequest) -> Any:
    with enable_x64(request.param):
        yield request.param


def close(one: Any, other: Any, *, x64: bool) -> None:
    other = np.asarray(other)
    rtol = 1e-9 if x64 else 1e-4
    np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.nanmax(np.abs(other)))


@pytest.mark.slow
@every_call
def test_jitted_checkpointed_and_mapped(name: str, options: str, x64: bool) -> None:
    y, t = map(jnp.asarray, operands(name))
    loss = partial(total, name, options)
    arguments = options_of(name, options, t)
    value, gradient = ml.value_and_grad(ALL[name])(y, t, **arguments)
    close(jax.jit(loss)(y, t), value.sum(), x64=x64)
    close(jax.jit(jax.grad(jax.checkpoint(loss)))(y, t), gradient, x64=x64)
    close(jax.jacfwd(loss)(y, t), gradient, x64=x64)
    rows = jax.jit(jax.vmap(loss))(y[:, None], t[:, None])
    expected = [total(name, options, y[k : k + 1], t[k : k + 1]) for k in range(len(y))]
    close(rows, expected, x64=x64)


@pytest.mark.slow
@every_call
def test_hessian_is_the_derivative_of_the_closed_form(name: str, options: str, x64: bool) -> None:
    y, t = (jnp.asarray(each[:2]) for each in operands(name))
    hessian = jax.jit(jax.hessian(partial(total, name, options)))(y, t)

    def closed(y: Any) -> Any:
        _, gradient = ml.value_and_grad(ALL[name])(y, t, **options_of(name, options, t))
        return gradient

    close(hessian, jax.jit(jax.jacfwd(closed))(y), x64=x64)


@pytest.mark.slow
@every_call
def test_shapes_alone(name: str, options: str, x64: bool) -> None:
    y, t = map(jnp.asarray, operands(name))
    loss = partial(total, name, options)
    value = loss(y, t)
    shape = jax.eval_shape(loss, y, t)
    assert (shape.shape, shape.dtype) == (value.shape, value.dtype)
    rows = jax.export.symbolic_shape("rows")
    symbolic = [cast(Any, jax.ShapeDtypeStruct)((*rows, *a.shape[1:]), a.dtype) for a in (y, t)]
    exported: Any = jax.export.export(jax.jit(loss))(*symbolic)
    close(exported.call(y, t), value, x64=x64)
