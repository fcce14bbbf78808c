"""Plans are remembered: a second call is short, and no call sees what belongs to another."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import multiloss as ml
from engines import enable_x64

NEEDS = "engines"

HOME = str(Path(ml.__file__).parent)
RNG = np.random.default_rng(0)
Y, T, W = (RNG.random(64) for _ in range(3))
MASK = W > 0.5
TENSORS = [torch.from_numpy(each).float() for each in (Y, T, W)]


def calls_into_the_package(function: Callable[[], object]) -> int:
    """Count the calls of the package's functions, the second time that a function runs."""
    count = 0

    def profile(frame: Any, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(HOME)

    function()
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


# The bound, and the call.
BOUNDS: dict[str, tuple[int, Callable[[], object]]] = {
    "mse in NumPy": (15, lambda: ml.mse(Y, T)),
    "mse in PyTorch": (16, lambda: ml.mse(*TENSORS[:2])),
    "weighted huber in NumPy": (40, lambda: ml.huber(Y, T, weight=W)),
    "weighted huber in PyTorch": (40, lambda: ml.huber(*TENSORS[:2], weight=TENSORS[2])),
    "weighted mse in NumPy": (35, lambda: ml.mse(Y, T, weight=W)),
    "masked mse in NumPy": (35, lambda: ml.mse(Y, T, where=MASK)),
    "weighted and masked mse in NumPy": (35, lambda: ml.mse(Y, T, weight=W, where=MASK)),
    "cosine_distance in NumPy": (66, lambda: ml.cosine_distance(Y, T)),
    "weighted value_and_grad in NumPy": (
        51,
        lambda: ml.value_and_grad(ml.huber)(Y, T, weight=W),
    ),
    "weighted value_and_grad in PyTorch": (
        55,
        lambda: ml.value_and_grad(ml.huber)(*TENSORS[:2], weight=TENSORS[2]),
    ),
}


@pytest.mark.parametrize(("bound", "call"), BOUNDS.values(), ids=BOUNDS)
def test_calls_into_the_package(bound: int, call: Callable[[], object]) -> None:
    assert 0 < calls_into_the_package(call) <= bound


# Calls that differ in one thing. Each has to give after all others what it gives alone.
ARRAYS: dict[str, Any] = {
    "float64": lambda: np.array([0.5, 3.0]),
    "float32": lambda: np.array([0.5, 3.0], np.float32),
    "float16": lambda: np.array([0.5, 300.0], np.float16),
    "int8": lambda: np.array([100, 3], np.int8),
    "swapped": lambda: np.array([0.5, 3.0], ">f8"),
    "column": lambda: np.array([[0.5], [3.0]]),
    "list": lambda: [0.5, 3.0],
    "tensor": lambda: torch.tensor([0.5, 3.0]),
    "tensor of doubles": lambda: torch.tensor([0.5, 3.0], dtype=torch.float64),
    "tracked tensor": lambda: torch.tensor([0.5, 3.0], requires_grad=True),
    "parameter": lambda: torch.nn.Parameter(torch.tensor([0.5, 3.0])),
    "tensor without numbers": lambda: torch.empty(2, device="meta"),
    "jax": lambda: jnp.array([0.5, 3.0]),
    "weak jax": lambda: jnp.full(2, 3.0),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weight": {"weight": 2.0},
    "where": {"where": True},
    "axis": {"axis": 0},
    "axis of a tuple": {"axis": (0,)},
    "keepdims": {"keepdims": True},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "empty": {"empty": 0.0},
    "delta": {"delta": 0.25},
    "integer delta": {"delta": 1},
    "huge delta": {"delta": 1e300},
    "tiny delta": {"delta": 1e-300},
    "array delta": {"delta": np.array(0.25)},
}


def given(make: Callable[[], Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, with weights and a mask in the shape of the prediction."""
    prediction = make()
    like = np.ones(
        np.shape(prediction) if isinstance(prediction, list) else tuple(prediction.shape)
    )
    arrays = {
        name: (like == 1) & (np.arange(like.size).reshape(like.shape) == 0)
        if name == "where"
        else value * like
        for name, value in options.items()
        if name in {"weight", "where"}
    }
    return {"prediction": prediction, "target": 0.0, **options, **arrays}


def result_of(loss: Any, arguments: dict[str, Any]) -> tuple[Any, ...]:
    value = loss(**arguments)
    parts = value if isinstance(value, tuple) else (value,)
    described = [(type(each), str(each.dtype), tuple(each.shape), str(each)) for each in parts]
    return tuple(described)


def test_no_call_leaks_into_another() -> None:
    cases = [
        (loss, make, options)
        for make in ARRAYS.values()
        for options in OPTIONS.values()
        for loss in (ml.huber, ml.value_and_grad(ml.huber))
    ]
    alone = []
    huber = sys.modules["multiloss._losses.robust"]
    plans: Any = vars(huber)["HUBER"].plans
    for loss, make, options in cases:
        plans.clear()
        alone.append(result_of(loss, given(make, options)))
    assert len(set(alone)) > 100
    known = [*zip(cases, alone, strict=True)]
    for (loss, make, options), expected in [*known, *reversed(known), *known]:
        assert result_of(loss, given(make, options)) == expected
    assert plans


def test_axis_is_told_by_its_type() -> None:
    ones: Any = np.ones((2, 3))
    assert ml.mse(ones, 0.0, axis=1).shape == (2,)
    wrong: Any = 1.0
    with pytest.raises(ValueError, match="axis must be"):
        ml.mse(ones, 0.0, axis=wrong)
    wrong = (1.0,)
    assert ml.mse(ones, 0.0, axis=(1,)).shape == (2,)
    with pytest.raises(ValueError, match="axis must be"):
        ml.mse(ones, 0.0, axis=wrong)


def test_half_belongs_to_one_call() -> None:
    assert [ml.mse(Y, Y + 1, half=half) for half in (False, True, False)] == pytest.approx(
        [1.0, 0.5, 1.0]
    )


def test_mask_may_change_in_place() -> None:
    where = np.array([True, False])
    prediction = np.array([1.0, 3.0])
    assert ml.mse(prediction, 0.0, where=where) == 1.0
    where[:] = [False, True]
    assert ml.mse(prediction, 0.0, where=where) == 9.0


def test_default_dtype_of_pytorch() -> None:
    integers = torch.tensor([1, 3], dtype=torch.int8)
    assert ml.mse(integers, integers).dtype == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert ml.mse(integers, integers).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert ml.mse(integers, integers).dtype == torch.float32


def test_double_precision_of_jax() -> None:
    integers = jnp.array([1, 3], jnp.int8)
    assert ml.mse(integers, integers).dtype == jnp.float32
    with enable_x64(True):
        assert ml.mse(integers, integers).dtype == jnp.float64
    assert ml.mse(integers, integers).dtype == jnp.float32


@pytest.mark.parametrize("untracked_first", [False, True])
def test_grad_mode_and_tracking_of_pytorch(untracked_first: bool) -> None:
    # Squares without a kernel: what is not tracked is squared in place.
    prediction, target = TENSORS[0].clone().requires_grad_(), TENSORS[1]
    _, expected = ml.value_and_grad(ml.msle)(prediction.detach(), target)
    vars(sys.modules["multiloss._losses.squared"])["MSLE"].plans.clear()
    if untracked_first:
        with torch.no_grad():
            assert not ml.msle(prediction, target).requires_grad
    for _ in range(2):
        assert not ml.msle(prediction.detach(), target).requires_grad
        (gradient,) = torch.autograd.grad(ml.msle(prediction, target), prediction)
        torch.testing.assert_close(gradient, expected)
        with torch.no_grad():
            assert not ml.msle(prediction, target).requires_grad
        assert ml.msle(prediction.detach(), target.clone().requires_grad_()).requires_grad


def test_autocast_changes_nothing() -> None:
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert ml.huber(*TENSORS[:2], weight=TENSORS[2]).dtype == torch.float32
        assert ml.huber(*TENSORS[:2], weight=TENSORS[2]).dtype == torch.float32


def test_transformations_between_plain_calls() -> None:
    prediction, target = TENSORS[:2]
    expected = ml.rmse(prediction, target)
    each = torch.func.vmap(ml.rmse)(torch.stack([prediction] * 3), torch.stack([target] * 3))
    torch.testing.assert_close(each, torch.stack([expected] * 3))
    gradient = torch.func.grad(ml.msle)(prediction, target)
    ml.msle(prediction, target)
    torch.testing.assert_close(torch.func.grad(ml.msle)(prediction, target), gradient)
    torch.testing.assert_close(ml.rmse(prediction, target), expected)
    assert jax.jit(ml.mse)(jnp.ones(2), jnp.zeros(2)) == ml.mse(jnp.ones(2), jnp.zeros(2)) == 1.0


def test_weak_types_of_jax() -> None:
    with enable_x64(True):
        prediction, strong = jnp.ones(2, jnp.float32), jnp.zeros(2, jnp.float64)
        weak = jnp.full(2, 0.0)
        assert weak.weak_type
        assert weak.dtype == strong.dtype
        for _ in range(2):
            assert ml.mse(prediction, strong).dtype == jnp.float64
            assert ml.mse(prediction, weak).dtype == jnp.float32


def test_numbers_of_another_kind() -> None:
    prediction = np.array([1.0, 1.0])
    for _ in range(2):
        assert ml.mse(prediction, 2.0) == 1.0
        assert ml.mse(prediction, 1j) == 2.0  # |1 - i|²
        assert ml.mse(prediction, 2) == 1.0
        assert ml.mse(prediction, target=True) == 0.0


def test_parameters_near_the_end_of_a_range() -> None:
    # r²/2 beta, of which the square overflows in single precision.
    prediction, zero = torch.tensor([2.0**70]), torch.zeros(1)
    for _ in range(2):
        assert float(ml.smooth_l1(prediction, zero, beta=1.0)) == 2.0**70
        assert float(ml.smooth_l1(prediction, zero, beta=2.0**100)) == 2.0**39


def test_mean_of_nothing_after_another() -> None:
    for make in (np.zeros, torch.zeros, jnp.zeros):
        nothing: Any = make(0)
        for _ in range(2):
            assert np.isnan(float(ml.mse(nothing, nothing)))
            assert float(ml.mse(nothing, nothing, empty=7.0)) == 7.0


def test_values_of_parameters_are_checked_each_time() -> None:
    assert ml.huber(Y, T, delta=1.0) > 0.0
    with pytest.raises(ValueError, match=r"delta=-1\.0 is out of bounds"):
        ml.huber(Y, T, delta=-1.0)


def test_threads() -> None:
    arrays = [np.full(size, float(size)) for size in range(1, 300)]
    wrong: list[int] = []

    def run() -> None:
        wrong.extend(each.size for each in arrays if ml.mse(each, 0.0) != each[0] ** 2)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_plans_are_bounded() -> None:
    definition: Any = vars(sys.modules["multiloss._losses.squared"])["MSE"]
    for size in range(1, 600):
        ml.mse(np.ones(size), 0.0)
    assert 0 < len(definition.plans) <= 256


def test_classes_and_losses_are_not_kept_alive() -> None:
    class Tagged(np.ndarray[Any, Any]):
        pass

    def quadratic(_xp: Any, prediction: Any, target: Any) -> Any:
        return (prediction - target) ** 2

    loss = ml.make_loss(quadratic)
    loss(np.ones(2), np.zeros(2))
    ml.mse(np.ones(2).view(Tagged), 0.0)
    kept = [weakref.ref(each) for each in (loss, Tagged)]
    del loss, Tagged
    gc.collect()
    assert [each() for each in kept] == [None, None]


def test_a_plan_can_be_printed() -> None:
    definition: Any = vars(sys.modules["multiloss._losses.robust"])["CAUCHY"]
    definition.plans.clear()
    ml.cauchy(Y, T, weight=W)
    (plan,) = definition.plans.values()
    assert "strategy=whole" in str(plan)
    assert "engine=numpy" in str(plan)
    assert "weight=Metadata(dtype=dtype('float64'), shape=(64,)" in str(plan)
