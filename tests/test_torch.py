"""PyTorch: autograd, its transformations, the compiler, AMP, and tensors of every sort."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch._dynamo import config
from torch._dynamo.testing import CompileCounter
from torch.autograd import forward_ad, gradcheck, gradgradcheck

import multiloss as ml
from engines import ENGINES, strategies_of
from multiloss.torch import Loss, MSELoss, SSELoss
from reference import REFERENCES, TARGET, Reference

NEEDS = "engines"

references = pytest.mark.parametrize(
    "reference", [pytest.param(each, id=name) for name, each in REFERENCES.items()]
)


def double(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


MASK = torch.tensor([[True, False, True], [True, True, True]])
LOSSES: dict[str, Callable[..., Any]] = {
    "mean": ml.mse,
    "sum": ml.sse,
    "none": partial(ml.mse, reduction="none"),
    "axis": partial(ml.mse, axis=0, keepdims=True, half=True),
    "where": partial(ml.mse, where=MASK, axis=1),
    "no element": partial(ml.mse, where=torch.zeros_like(MASK), empty=0.0),
    "rmse": ml.rmse,
    "huber": partial(ml.huber, delta=0.5),
    "barron": partial(ml.barron, alpha=torch.tensor([[-2.0, 0.5, 1.0]], dtype=torch.float64)),
    "wmape": partial(ml.wmape, axis=0),
    "cosine_distance": ml.cosine_distance,
}
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@losses
def test_gradients_of_prediction_target_and_weight(loss: Any) -> None:
    operands = [
        each.requires_grad_()
        for each in (double(2, 3), double(2, 3, seed=1), double(2, 1, seed=2).abs() + 0.5)
    ]

    def weighted(prediction: Any, target: Any, weight: Any) -> Any:
        return loss(prediction, target, weight=weight)

    assert gradcheck(weighted, operands, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(weighted, operands)


@losses
def test_closed_form_equals_autograd(loss: Any) -> None:
    prediction, target = double(2, 3).requires_grad_(), double(2, 3, seed=1)
    value, gradient = ml.value_and_grad(loss)(prediction, target)
    (expected,) = torch.autograd.grad(loss(prediction, target).sum(), prediction)
    torch.testing.assert_close(gradient, expected)
    # The closed form is differentiable in turn: the second derivative is the same.
    (second,) = torch.autograd.grad(gradient.sum(), prediction, retain_graph=True)
    hessian = torch.func.hessian(lambda y: loss(y, target).sum())(prediction.detach())
    torch.testing.assert_close(second, hessian.reshape(6, 6).sum(0).reshape(2, 3))
    torch.testing.assert_close(value, loss(prediction, target), equal_nan=True)


@pytest.mark.parametrize("function", [ml.wmape, ml.cosine_distance], ids=["wmape", "cosine"])
def test_masked_weights_do_not_leak_into_gradients(function: Any) -> None:
    operands = [each.requires_grad_() for each in (double(3), double(3, seed=1))]
    weight = torch.tensor([1.0, 2.0, torch.nan], dtype=torch.float64, requires_grad=True)
    function(*operands, weight=weight, where=torch.tensor([True, True, False])).backward()
    for each in (*operands, weight):
        assert each.grad is not None
        assert torch.isfinite(each.grad).all()
        assert each.grad[2] == 0


def test_module_of_any_loss_learns_its_parameters() -> None:
    delta = torch.nn.Parameter(torch.tensor(0.5))
    module = Loss(ml.huber, delta=delta, reduction="sum")
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    prediction, target = torch.tensor([0.0, 3.0]), torch.tensor([0.0, 1.0])
    module(prediction, target).backward()
    optimizer.step()
    # d/dδ of δ (|r| - δ/2) is |r| - δ: 2 - 0.5, times the rate.
    assert delta.item() == pytest.approx(0.5 - 0.1 * 1.5)
    assert list(module.state_dict()) == ["delta"]
    assert "huber" in repr(module)
    assert "reduction='sum'" in repr(module)


def test_module_of_any_loss_moves_its_tensors_and_takes_options() -> None:
    module = Loss(ml.pinball, q=torch.tensor([[0.1, 0.9]]))
    assert [name for name, _ in module.named_buffers()] == ["q"]
    assert not list(module.parameters())
    assert dict(module.double().named_buffers())["q"].dtype == torch.float64
    value = module(torch.zeros(1, 2), torch.ones(1, 2), weight=torch.tensor([[1.0, 3.0]]))
    assert value.item() == pytest.approx((0.1 + 3 * 0.9) / 4)
    with pytest.raises(TypeError, match="Loss takes a loss such as"):
        Loss(cast(Any, None))


@pytest.mark.slow
@pytest.mark.parametrize("is_masked", [False, True], ids=["", "masked"])
@pytest.mark.parametrize("name", ["huber", "tukey_biweight", "mape", "minkowski", "gaussian_nll"])
def test_compiled_loss_takes_a_number_that_changes(name: str, is_masked: bool) -> None:
    parameter = {"huber": "delta", "tukey_biweight": "scale", "mape": "eps", "minkowski": "p"}.get(
        name, "variance"
    )
    function: Any = getattr(ml, name)

    def loss(y: Any, t: Any, value: float) -> Any:
        return function(y, t, where=t > 0 if is_masked else None, **{parameter: value})

    torch.compiler.reset()
    compiled: Any = torch.compile(loss, fullgraph=True, backend="eager")
    operands = double(4, 3), double(4, 3, seed=1)
    for value in (1.5, 1.75, 3.0):
        torch.testing.assert_close(compiled(*operands, value), loss(*operands, value))


@pytest.mark.parametrize("function", [ml.mae, ml.huber, ml.smooth_l1, ml.mse])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_kernels_are_the_formulas(function: Any, reduction: str) -> None:
    prediction, target = double(20, 3), double(20, 3, seed=1)
    prediction[0, 0] = target[0, 0]
    fused = function(prediction.requires_grad_(), target, reduction=reduction)
    # Weights keep the kernel away.
    plain = function(prediction, target, reduction=reduction, weight=torch.ones(1, 1))
    torch.testing.assert_close(fused, plain)
    (gradient,) = torch.autograd.grad(fused, prediction)
    (expected,) = torch.autograd.grad(plain, prediction)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("loss", [ml.mse, ml.rmse, ml.huber, ml.log_cosh], ids=lambda f: f.__name__)
@pytest.mark.parametrize("empty", [float("nan"), 0.0, 2.0])
def test_backward_of_a_mean_of_nothing(loss: Any, empty: float) -> None:
    prediction = double(5).requires_grad_()
    value = loss(prediction, double(5, seed=1), where=torch.zeros(5, dtype=torch.bool), empty=empty)
    value.backward()
    assert prediction.grad is not None
    assert not prediction.grad.any()
    np.testing.assert_equal(value.item(), empty)


LARGE = (1100, 1000)  # from here on one node of the graph, and blocks


def test_large_tensors_take_one_node_and_save_the_operands_alone() -> None:
    prediction, target = double(*LARGE).requires_grad_(), double(*LARGE, seed=1)
    saved: list[Any] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = ml.mse(prediction, target, weight=target.abs() + 1.0)
    assert loss.grad_fn is not None
    assert type(loss.grad_fn.next_functions[0][0]).__name__ == "AccumulateGrad"
    assert saved[:2] == [prediction.data_ptr(), target.data_ptr()]
    assert len(saved) == 3


@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": (1,), "keepdims": True}], ids=str)
@pytest.mark.parametrize("is_weighted", [False, True], ids=["", "weighted"])
def test_gradients_of_large_tensors(options: Any, is_weighted: bool) -> None:
    target, weight = double(*LARGE, seed=1), double(LARGE[0], 1, seed=2).abs() + 0.5
    prediction = double(*LARGE).requires_grad_()
    if is_weighted:
        options = {**options, "weight": weight, "where": target > -1.0}
    seed = double(*ml.mse(prediction, target, **options).shape, seed=3)
    first = (ml.mse(prediction, target, **options) * seed).sum()
    (gradient,) = torch.autograd.grad(first, prediction, create_graph=True)
    (second,) = torch.autograd.grad((gradient**2).sum(), prediction)
    # The same by operators alone, which a target that requires a gradient asks for.
    plain = (ml.mse(prediction, target.clone().requires_grad_(), **options) * seed).sum()
    (expected,) = torch.autograd.grad(plain, prediction, create_graph=True)
    (expected_second,) = torch.autograd.grad((expected**2).sum(), prediction)
    torch.testing.assert_close(first, plain)
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(second, expected_second)
    (alone,) = torch.autograd.grad((ml.mse(prediction, target, **options) * seed).sum(), prediction)
    torch.testing.assert_close(alone, expected)


def test_transformations_of_large_tensors() -> None:
    prediction, target, tangent = [double(*LARGE, seed=k) for k in range(3)]
    slope = 2 * (prediction - target)
    torch.testing.assert_close(torch.func.grad(ml.mse)(prediction, target), slope / slope.numel())
    torch.testing.assert_close(
        torch.func.vmap(torch.func.grad(ml.mse))(prediction, target), slope / LARGE[1]
    )
    derivative: Any = torch.func.jvp(lambda y: ml.mse(y, target), (prediction,), (tangent,))[1]
    torch.testing.assert_close(derivative, torch.mean(slope * tangent))
    with forward_ad.dual_level():
        dual = cast(Any, forward_ad).make_dual(prediction, tangent)
        derivative = cast(Any, forward_ad).unpack_dual(ml.mse(dual, target)).tangent
    torch.testing.assert_close(derivative, torch.mean(slope * tangent))


def test_batched_gradients_of_large_tensors() -> None:
    prediction, target = double(5, 2000).requires_grad_(), double(5, 2000, seed=1)
    result = ml.mse(prediction, target, axis=1)
    seeds = torch.eye(5, dtype=torch.float64)
    expected = seeds[..., None] * 2 * (prediction - target).detach() / 2000
    (rows,) = torch.autograd.grad(
        result, prediction, seeds, is_grads_batched=True, retain_graph=True
    )
    torch.testing.assert_close(rows, expected)
    rows = torch.vmap(lambda v: torch.autograd.grad(result, prediction, v, retain_graph=True)[0])(
        seeds
    )
    torch.testing.assert_close(rows, expected)


def test_scaled_half_precision_gradients_do_not_vanish() -> None:
    prediction = torch.full((10000,), 1e-4, dtype=torch.float16, requires_grad=True)
    loss = ml.mse(prediction, 0.0) * 2.0**16
    for create_graph in (False, True):
        (gradient,) = torch.autograd.grad(loss, prediction, create_graph=create_graph)
        # 2 · 1e-4 · 65536 / 10000
        torch.testing.assert_close(gradient[0].item(), 1.3107e-3, rtol=1e-2, atol=0)
        loss = ml.mse(prediction, 0.0) * 2.0**16


def test_gradient_of_an_empty_value() -> None:
    for size in (10, 10000):
        empty = torch.tensor(3.0, requires_grad=True)
        prediction = torch.zeros(size, requires_grad=True)
        loss = ml.mse(prediction, 0.0, weight=torch.zeros(size), empty=empty)
        assert torch.autograd.grad(loss, empty)[0].item() == 1.0


def test_targets_of_inference_mode() -> None:
    for size in (10, 10000):
        with torch.inference_mode():
            target = torch.ones(size)
        prediction = torch.zeros(size, requires_grad=True)
        (gradient,) = torch.autograd.grad(ml.mse(prediction, target), prediction)
        torch.testing.assert_close(gradient, torch.full((size,), -2.0 / size))


def test_weights_that_broadcast_far_keep_their_digits() -> None:
    prediction = torch.ones(5_000_000, 2, requires_grad=True)
    loss = ml.mse(prediction, 0.0, weight=torch.full((1, 2), 0.3))
    (gradient,) = torch.autograd.grad(loss, prediction)
    torch.testing.assert_close(loss.item(), 1.0, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient[0, 0].item(), 2e-7, rtol=1e-6, atol=0)


def test_in_place_changes_of_saved_operands_are_noticed() -> None:
    prediction, target = double(*LARGE).requires_grad_(), double(*LARGE, seed=1)
    loss = ml.mse(prediction, target)
    target.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()  # type: ignore[no-untyped-call]  # as torch ships it


def test_forward_mode() -> None:
    prediction, target, tangent = double(2, 3), double(2, 3, seed=1), double(2, 3, seed=2)
    with forward_ad.dual_level():
        value = ml.mse(cast(Any, forward_ad).make_dual(prediction, tangent), target)
        derivative = cast(Any, forward_ad).unpack_dual(value).tangent
    torch.testing.assert_close(derivative, torch.mean(2 * (prediction - target) * tangent))


def test_func_transformations() -> None:
    prediction, target = double(2, 3), double(2, 3, seed=1)
    slope = 2 * (prediction - target)
    torch.testing.assert_close(torch.func.grad(ml.mse)(prediction, target), slope / 6)
    by_row = torch.func.vmap(ml.mse)(prediction, target)
    torch.testing.assert_close(by_row, ((prediction - target) ** 2).mean(1))
    torch.testing.assert_close(
        torch.func.vmap(torch.func.grad(ml.mse))(prediction, target), slope / 3
    )
    rows = torch.func.jacrev(partial(ml.mse, axis=1))(prediction, target)
    torch.testing.assert_close(rows, torch.eye(2, dtype=torch.float64)[..., None] * slope / 3)
    torch.testing.assert_close(torch.func.jacfwd(ml.mse)(prediction, target), slope / 6)
    hessian = torch.func.hessian(ml.sse)(prediction, target)
    torch.testing.assert_close(hessian.reshape(6, 6), torch.eye(6, dtype=torch.float64))
    masked = torch.func.vmap(lambda y, t, m: ml.mse(y, t, where=m))(prediction, target, MASK)
    torch.testing.assert_close(masked, ml.mse(prediction, target, where=MASK, axis=1))


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_masked_elements_do_not_leak_through_autograd(poison: float) -> None:
    prediction = torch.tensor([1.0, 2.0, poison], requires_grad=True)
    target = torch.tensor([0.0, poison, 5.0], requires_grad=True)
    weight = torch.tensor([2.0, poison, poison], requires_grad=True)
    loss = ml.mse(prediction, target, weight=weight, where=torch.tensor([True, False, False]))
    gradients = torch.autograd.grad(loss, (prediction, target, weight))
    assert loss.item() == 1.0
    assert [each.tolist() for each in gradients] == [[2.0, 0, 0], [-2.0, 0, 0], [0, 0, 0]]


def test_weights_that_sum_to_zero_give_a_zero_gradient() -> None:
    prediction = torch.tensor([1.0, 2.0], requires_grad=True)
    for weight in (torch.zeros(2), torch.tensor([1.0, -1.0])):
        loss = ml.mse(prediction, torch.zeros(2), weight=weight, empty=3.0)
        (gradient,) = torch.autograd.grad(loss, prediction)
        assert loss.item() == 3.0
        assert gradient.tolist() == [0.0, 0.0]


def test_mixed_floats_back_propagate_into_their_own_dtypes() -> None:
    prediction = torch.tensor([1.0, 2.0], requires_grad=True)
    target = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)
    loss = ml.mse(prediction, target)
    gradients = torch.autograd.grad(loss, (prediction, target))
    assert loss.dtype == torch.float64
    assert [each.dtype for each in gradients] == [torch.float32, torch.float64]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_gradients(dtype: torch.dtype) -> None:
    prediction = torch.tensor([300.0, 0.0], dtype=dtype, requires_grad=True)
    loss = ml.mse(prediction, torch.tensor([0.0, 300.0], dtype=dtype))
    (gradient,) = torch.autograd.grad(loss, prediction)
    assert loss.dtype == torch.float32
    assert loss.item() == 90000.0
    assert gradient.dtype == dtype
    assert gradient.tolist() == [300.0, -300.0]


def test_complex_gradients_are_those_of_torch() -> None:
    prediction = torch.tensor([3 + 1j, 0], requires_grad=True)
    target = torch.tensor([0, -1j])
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target)
    (expected,) = torch.autograd.grad(((prediction - target).abs() ** 2).mean(), prediction)
    torch.testing.assert_close(gradient, expected)
    (gradient,) = torch.autograd.grad(value, prediction)
    torch.testing.assert_close(gradient, expected)
    operands = [double(3).to(torch.complex128).requires_grad_(), double(3, seed=1)]
    assert gradcheck(ml.mse, operands)


def test_result_is_attached_and_zero_gradient_flows_from_nothing() -> None:
    prediction = torch.zeros(0, 3, requires_grad=True)
    loss = ml.mse(prediction, torch.zeros(0, 3), empty=0.0)
    loss.backward()  # type: ignore[no-untyped-call]  # as torch ships it
    assert loss.item() == 0.0
    assert prediction.grad is not None
    assert prediction.grad.shape == (0, 3)


@pytest.mark.parametrize("device_type", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_changes_nothing(device_type: str, dtype: torch.dtype) -> None:
    if device_type == "cuda" and not torch.cuda.is_available():
        pytest.skip("autocast for CUDA has no effect without a device")
    prediction, target = double(4, 3).float().to(device_type), double(4, 3, seed=1).float()
    target = target.to(device_type)
    outside = ml.value_and_grad(ml.mse)(prediction, target)
    with torch.autocast(device_type, dtype=dtype):
        inside = ml.value_and_grad(ml.mse)(prediction, target)
    assert inside[0].dtype == outside[0].dtype
    assert torch.equal(inside[0], outside[0])
    assert torch.equal(inside[1], outside[1])


TENSORS: dict[str, Callable[[], torch.Tensor]] = {
    "transposed": lambda: double(3, 2).T,
    "strided": lambda: double(4, 6)[::2, ::2],
    "expanded": lambda: double(1, 3).expand(2, 3),
    "parameter": lambda: torch.nn.Parameter(double(2, 3)),
    "channels last": lambda: double(2, 3, 4, 4).to(memory_format=torch.channels_last),
    "0-d": double,
    "empty": lambda: double(0, 3),
    "conjugated": lambda: torch.conj(double(2, 3) + 1j * double(2, 3, seed=1)),
    "negated": lambda: torch.imag((double(2, 3) + 1j * double(2, 3, seed=1)).conj()),
    "inference": torch.inference_mode()(lambda: double(2, 3)),
}


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
def test_tensors_of_every_layout(make: Callable[[], torch.Tensor]) -> None:
    tensor = make()
    target = torch.ones_like(tensor.detach().clone()).requires_grad_()
    with torch.inference_mode(tensor.is_inference()):
        loss = ml.mse(tensor, target)
        expected = torch.nn.functional.mse_loss(
            torch.view_as_real(tensor.detach().resolve_conj()) if tensor.is_complex() else tensor,
            torch.view_as_real(target.detach()) if tensor.is_complex() else target,
        )
    # Over the parts of complex numbers torch's mean has twice as many elements.
    torch.testing.assert_close(loss, expected * (2 if tensor.is_complex() else 1), equal_nan=True)


def test_meta_tensors_have_shape_and_dtype_only() -> None:
    meta = torch.empty(4, 3, device="meta", dtype=torch.float16, requires_grad=True)
    options: Any = {"weight": torch.ones(4, 1, device="meta"), "where": [[True]] * 4}
    value, gradient = ml.value_and_grad(ml.mse)(meta, np.zeros((4, 3)), axis=1, **options)
    assert value.device.type == gradient.device.type == "meta"
    assert (value.shape, value.dtype) == ((4,), torch.float64)
    assert (gradient.shape, gradient.dtype) == ((4, 3), torch.float16)
    with pytest.raises(
        ValueError, match=r"prediction is on the device meta and target is on the device cpu; move"
    ):
        ml.mse(meta, torch.zeros(4, 3))


def test_host_data_is_copied() -> None:
    weight = np.array([1.0, 1.0], np.float32)
    prediction = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = ml.sse(prediction, 0.0, weight=weight)
    weight[:] = 100.0
    (gradient,) = torch.autograd.grad(loss, prediction)
    assert gradient.tolist() == [1.0, 2.0]


def test_masked_tensors_are_refused() -> None:
    with pytest.warns(UserWarning, match="prototype stage"):
        masked = torch.masked.masked_tensor(torch.ones(2), torch.tensor([True, False]))
    for target in (torch.ones(2), masked):
        with pytest.raises(
            TypeError, match=r"prediction is a MaskedTensor; pass its .get_data\(\)"
        ):
            ml.mse(masked, target)


def test_default_dtype_decides_for_narrow_integers() -> None:
    integers = torch.tensor([1, 0], dtype=torch.uint8)
    for default, expected in ((torch.float64, torch.float64), (torch.bfloat16, torch.float32)):
        torch.set_default_dtype(default)
        try:
            assert ml.mse(integers, integers).dtype == expected
        finally:
            torch.set_default_dtype(torch.float32)


def test_subclasses_stay_subclasses() -> None:
    class Tagged(torch.Tensor):
        pass

    prediction = double(3).as_subclass(Tagged)
    loss = ml.mse(prediction, double(3, seed=1))
    assert type(loss) is Tagged
    torch.testing.assert_close(loss.as_subclass(torch.Tensor), ml.mse(double(3), double(3, seed=1)))


# The compiler -----------------------------------------------------------------------------------


@pytest.mark.slow
@references
def test_reference_values_compiled(reference: Reference) -> None:
    target = torch.tensor(TARGET, dtype=torch.float64)
    prediction = torch.tensor(reference.prediction, dtype=torch.float64)
    compiled: Any = torch.compile(reference.loss, fullgraph=True)
    expected = float(reference.printed)
    assert compiled(prediction, target).item() == pytest.approx(expected, rel=4.5e-16)
    assert compiled(target=target, prediction=prediction).item() == pytest.approx(
        expected, rel=4.5e-16
    )


COMPILED: dict[str, Callable[..., Any]] = {
    "plain": ml.mse,
    "sum": ml.sse,
    "axis": partial(ml.mse, axis=(0, -1), keepdims=True),
    "where": lambda y, t: ml.mse(y, t, where=y > 0, empty=0.0),
    "weight": lambda y, t: ml.mse(y, t, weight=t.abs()),
    "number": lambda y, t: ml.mse(y, 0.5) + t.sum(),
    "integer": lambda y, t: ml.mse(y, t.to(torch.int32)),
    "half": lambda y, t: ml.mse(y.half(), t.half()).double(),
    "broadcast": lambda y, t: ml.mse(y, t[:1], broadcast=True),
    "gradient": lambda y, t: ml.value_and_grad(ml.mse)(y, t)[1].sum(),
    "module": MSELoss(),
}


# Dynamo sees the package; the backends see what is left of it.
exhaustive = partial(pytest.param, marks=pytest.mark.exhaustive)


@pytest.mark.slow
@pytest.mark.parametrize("loss", COMPILED.values(), ids=COMPILED)
@pytest.mark.parametrize(
    "dynamic",
    [True, exhaustive(False)],  # noqa: FBT003  a parameter
    ids=["dynamic", "static"],
)
@pytest.mark.parametrize("backend", ["eager", exhaustive("aot_eager"), exhaustive("inductor")])
def test_compiled_in_one_graph(loss: Any, dynamic: bool, backend: str) -> None:
    cast(Any, torch.compiler).reset()
    compiled: Any = torch.compile(loss, fullgraph=True, dynamic=dynamic, backend=backend)
    for rows in (4, 7):
        prediction, target = double(rows, 3).requires_grad_(), double(rows, 3, seed=1)
        value, expected = compiled(prediction, target), loss(prediction, target)
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(
            torch.autograd.grad(value, prediction), torch.autograd.grad(expected, prediction)
        )


@pytest.mark.slow
def test_dynamic_shapes_compile_once() -> None:
    cast(Any, torch.compiler).reset()
    counter = CompileCounter()
    compiled = torch.compile(ml.mse, fullgraph=True, dynamic=True, backend=counter)
    for rows in (4, 7, 11, 13):
        compiled(double(rows, 3), double(rows, 3))
    assert counter.frame_count == 1


# Once as a constant, and once for all others; once more where a formula asks for a range.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "parameter", "first"),
    [
        (ml.huber, "delta", 0.2),
        (ml.smooth_l1, "beta", 0.2),
        (ml.pinball, "q", 0.2),
        (ml.barron, "alpha", -0.5),
        (ml.tweedie_deviance, "power", 1.05),
        (ml.cauchy, "scale", 0.2),
        (ml.gaussian_nll, "variance", 0.2),
        (ml.minkowski, "p", 1.1),
        (ml.binary_focal, "gamma", 0.1),
        (ml.mse, "empty", 0.2),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_number_that_changes_compiles_not_each_time(
    loss: Any, parameter: str, first: float
) -> None:
    cast(Any, torch.compiler).reset()
    counter = CompileCounter()
    compiled: Any = torch.compile(loss, fullgraph=True, backend=counter)
    prediction, target = double(4, 3).abs() + 0.5, double(4, 3, seed=1).abs() + 0.5
    for step in range(8):
        given = {parameter: first + 0.09 * step}
        torch.testing.assert_close(
            compiled(prediction, target, **given), loss(prediction, target, **given)
        )
    assert counter.frame_count <= 3


@pytest.mark.slow
def test_first_call_of_a_process_may_be_compiled() -> None:
    code = (
        "import torch, multiloss as ml\n"
        "f = torch.compile(ml.mse, fullgraph=True, backend='eager')\n"
        "print(f(torch.tensor([0.5, 3.0]), torch.ones(2)).item())"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  a command of the test
    assert run.stdout == "2.125\n"
    assert run.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        "with torch.device('meta'): ml.mse(torch.zeros(3), torch.zeros(3))",
        "with FakeTensorMode(): ml.mse(torch.zeros(3), torch.zeros(3))",
        "torch.func.functionalize(lambda y: ml.mse(y, torch.ones(3)))(torch.ones(3))",
    ],
    ids=["default device", "fake tensors", "functionalize"],
)
def test_nothing_remains_of_the_mode_of_the_first_call(first: str) -> None:
    code = (
        "import torch, multiloss as ml\n"
        "from torch._subclasses.fake_tensor import FakeTensorMode\n"
        f"{first}\n"
        "y = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)\n"
        "where = torch.tensor([True, False, True])\n"
        "value = ml.mse(y, torch.zeros(3), where=where)\n"
        "value.backward()\n"
        "print(value.item(), y.grad.tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603  a command of the test
    assert run.stdout == "5.0 [1.0, 0.0, 3.0]\n"


@pytest.mark.slow
def test_sizes_that_depend_on_the_data() -> None:
    def loss(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        kept = target > 0
        return ml.mse(prediction[kept], target[kept]) + ml.sse(target[kept], 0.5)

    cast(Any, torch.compiler).reset()
    operands = double(4, 3), double(4, 3, seed=1)
    with config.patch(capture_dynamic_output_shape_ops=True):
        compiled: Any = torch.compile(loss, fullgraph=True)
        torch.testing.assert_close(compiled(*operands), loss(*operands))


class Regression(torch.nn.Module):
    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return ml.mse(prediction, target, weight=target.abs()) + ml.sse(prediction, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True], ids=["", "strict"])
def test_export(strict: bool) -> None:
    rows = torch.export.Dim("rows")
    exported = torch.export.export(
        Regression(),
        (double(4, 3), double(4, 3, seed=1)),
        dynamic_shapes=({0: rows}, {0: rows}),
        strict=strict,
    ).module()
    operands = double(9, 3), double(9, 3, seed=1)
    torch.testing.assert_close(exported(*operands), Regression()(*operands))


# The modules ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_mse_module_stands_in_for_torchs_own(reduction: str) -> None:
    prediction, target = double(2, 3), double(2, 3, seed=1)
    torch.testing.assert_close(
        MSELoss(reduction=reduction)(prediction, target),
        torch.nn.MSELoss(reduction=reduction)(prediction, target),
    )


@references
def test_modules_give_the_reference_values(reference: Reference) -> None:
    module = MSELoss() if reference.loss is ml.mse else SSELoss()
    prediction, target = (
        torch.tensor(each, dtype=torch.float64) for each in (reference.prediction, TARGET)
    )
    assert module(prediction, target).item() == pytest.approx(float(reference.printed), rel=4.5e-16)


@pytest.mark.parametrize(("module", "default"), [(MSELoss, "mean"), (SSELoss, "sum")])
def test_constructor_is_that_of_torch(module: Any, default: str) -> None:
    assert module().reduction == default
    assert repr(module()) == f"{module.__name__}(reduction={default!r})"
    assert module(None, None, "none").reduction == "none"
    for arguments, reduction in (
        ({"reduce": False}, "none"),
        ({"size_average": False}, "sum"),
        ({"size_average": True}, "mean"),
    ):
        with pytest.warns(UserWarning, match="size_average and reduce args will be deprecated"):
            assert module(**arguments).reduction == reduction
    with pytest.raises(ValueError, match=r"reduction='average' is unknown; .*'mean', 'sum', "):
        module(reduction="average")(torch.ones(2), torch.ones(2))


def test_modules_take_weights_and_masks() -> None:
    prediction, target = double(2, 3), double(2, 3, seed=1)
    options: Any = {"weight": torch.tensor([[1.0], [3.0]]), "where": MASK}
    assert torch.equal(
        MSELoss()(prediction, target, **options), ml.mse(prediction, target, **options)
    )
    assert torch.equal(
        SSELoss()(prediction, target, **options), ml.sse(prediction, target, **options)
    )
    assert torch.equal(
        SSELoss(reduction="mean")(prediction, target), ml.mse(prediction, target, half=True)
    )


@pytest.mark.parametrize("shape", [(100, 100), (90, 110)], ids=str)
@pytest.mark.parametrize("axis", [0, 1, None], ids=str)
@pytest.mark.parametrize("role", ["weight", "where", ""])
@pytest.mark.parametrize(
    "loss", [ml.mse, ml.huber, ml.rmse, ml.wmape], ids=lambda each: each.__name__
)
def test_gradients_of_the_node_that_can_be_differentiated(
    loss: Any, role: str, axis: int | None, shape: tuple[int, ...]
) -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, target, weight = (
        torch.rand(shape, dtype=torch.float64, generator=generator) for _ in range(3)
    )
    prediction.requires_grad_()
    options = {"weight": {"weight": weight}, "where": {"where": weight > 0.5}}.get(role, {})
    value = loss(prediction, target + 0.25, axis=axis, **options)
    ones = torch.ones_like(value)
    (expected,) = torch.autograd.grad(value, prediction, ones, retain_graph=True)
    (again,) = torch.autograd.grad(value, prediction, ones, create_graph=True)
    torch.testing.assert_close(again, expected, rtol=1e-12, atol=1e-15)
    (batch,) = torch.autograd.grad(
        value, prediction, torch.stack([ones, 2 * ones]), is_grads_batched=True
    )
    torch.testing.assert_close(batch, torch.stack([expected, 2 * expected]), rtol=1e-12, atol=1e-15)


COMBINED = {
    "rmse": ml.rmse,
    "minkowski": partial(ml.minkowski, p=3.0),
    "wmape": ml.wmape,
    "cosine_distance": ml.cosine_distance,
    "tversky": partial(ml.tversky, alpha=0.25, beta=2.0),
}


@pytest.mark.parametrize("loss", COMBINED.values(), ids=COMBINED)
@pytest.mark.parametrize("size", [2**15, 2**20 + 1])  # from which on a node, and a node in blocks
def test_gradient_of_a_node_of_sums(loss: Any, size: int) -> None:
    prediction, target = double(size) + 2.0, (double(size, seed=1) > 0).double()
    leaf = prediction.clone().requires_grad_()
    with strategies_of(ENGINES["torch"]()) as used:
        value = loss(leaf, target)
    assert used == ["kernel" if loss is ml.rmse and size == 2**15 else "node"]
    (3.0 * value).backward()
    _, gradient = ml.value_and_grad(loss)(prediction, target)
    torch.testing.assert_close(leaf.grad, 3.0 * gradient, rtol=1e-9, atol=0)


@pytest.mark.parametrize("size", [10, 10_000], ids=str)
def test_another_default_device(size: int) -> None:
    prediction, target = torch.rand(2, size) + 0.5
    expected = ml.gamma_deviance(prediction, target)
    with torch.device("meta"):
        assert ml.gamma_deviance(prediction, target) == expected


def test_complex_number_beyond_every_float() -> None:
    assert ml.mse(torch.tensor([1.0, 2.0]), complex(1e300, 0)).isnan()


@pytest.mark.parametrize("number", [1e-40, 1.0, 1e38], ids=str)
def test_gradient_of_an_extreme_norm_under_a_mask_on_a_device(number: float) -> None:
    prediction = torch.full((4,), number, requires_grad=True)
    where = torch.tensor([True, True, True, False])
    with ENGINES["torch-device"]().active():
        value = ml.rmse(prediction, torch.zeros(4), where=where)
        (gradient,) = torch.autograd.grad(value, prediction)
    # Each of three has a third of it.
    torch.testing.assert_close(gradient, torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0]))
