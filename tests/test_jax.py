"""JAX: transformations, closed-over NumPy arrays, x64, strict promotion and sharding."""

import logging
import subprocess
import sys
from functools import partial
from typing import Any, cast

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import multiloss as ml
from engines import enable_x64
from reference import REFERENCES, TARGET, Reference

NEEDS = "engines"

PREDICTION = np.array([[0.5, -1.25, 3.0], [2.0, 0.0, -0.75]], dtype=np.float32)
TARGETS = np.array([[1.0, -1.0, 2.5], [2.0, -3.0, 0.75]], dtype=np.float32)
MASK = np.array([[True, False, True], [False, False, False]])

# What test_transformations.py, which has every loss, does not ask for.
LOSSES: dict[str, Any] = {
    "mean": ml.mse,
    "sum": ml.sse,
    "none": partial(ml.mse, reduction="none"),
    "axis": partial(ml.mse, axis=0, keepdims=True, half=True),
    "empty": partial(ml.mse, where=MASK, axis=1, empty=0.0),
    "host weight": partial(ml.mse, weight=np.array([[1.0], [3.0]], np.float32)),
}
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@pytest.mark.parametrize("loss", [ml.wmape, ml.cosine_distance], ids=["wmape", "cosine"])
def test_losses_of_two_formulas_under_transformations(loss: Any) -> None:
    prediction, target = jnp.asarray(PREDICTION), jnp.asarray(TARGETS)
    weight = jnp.asarray([[1.0], [2.0]])

    def total(y: Any) -> Any:
        return loss(y, target, weight=weight, where=MASK, axis=0).sum()

    gradient = jax.jit(jax.grad(total))(prediction)
    _, closed = ml.value_and_grad(loss)(prediction, target, weight=weight, where=MASK, axis=0)
    np.testing.assert_allclose(gradient, closed, rtol=1e-5, atol=1e-6)
    rows = jax.vmap(lambda y, t: loss(y, t, axis=None))(prediction, target)
    np.testing.assert_allclose(rows, loss(prediction, target, axis=1), rtol=1e-6)


@pytest.mark.parametrize(
    "reference", [pytest.param(each, id=name) for name, each in REFERENCES.items()]
)
def test_reference_values_jitted(reference: Reference) -> None:
    with enable_x64(True):
        prediction, target = jnp.asarray(reference.prediction), jnp.asarray(TARGET)
        jitted = jax.jit(reference.loss)
        for result in (
            jitted(prediction, target),
            jitted(target=target, prediction=prediction),
            jax.jit(ml.value_and_grad(reference.loss))(prediction, target)[0],
        ):
            # Two units in the last place.
            np.testing.assert_allclose(result, float(reference.printed), rtol=4.5e-16)


@pytest.mark.slow
@losses
def test_transformations_agree_with_the_plain_call(loss: Any) -> None:
    prediction, target = jnp.asarray(PREDICTION), jnp.asarray(TARGETS)
    plain = loss(prediction, target)
    np.testing.assert_allclose(jax.jit(loss)(prediction, target), plain, rtol=1e-6)

    def total(prediction: Any) -> Any:
        return jnp.sum(loss(prediction, target))

    value, gradient = ml.value_and_grad(loss)(prediction, target)
    jitted_value, jitted_gradient = jax.jit(ml.value_and_grad(loss))(prediction, target)
    np.testing.assert_allclose(jitted_value, value, rtol=1e-6)
    np.testing.assert_allclose(jitted_gradient, gradient, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(total)(prediction), gradient, rtol=1e-6)
    np.testing.assert_allclose(jax.jacfwd(total)(prediction), gradient, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(jax.checkpoint(total))(prediction), gradient, rtol=1e-6)
    check_grads(  # type: ignore[no-untyped-call]  # as JAX ships it
        total, (prediction,), order=2, modes=("fwd", "rev"), rtol=1e-2, atol=1e-2
    )
    np.testing.assert_allclose(
        jax.hessian(total)(prediction).reshape(6, 6).sum(1),
        jax.grad(lambda y: ml.value_and_grad(loss)(y, target)[1].sum())(prediction).ravel(),
        rtol=1e-6,
    )


@pytest.mark.parametrize("differentiate", [False, True], ids=["forward", "both"])
def test_a_trace_costs_no_more_than_one_by_hand(differentiate: bool) -> None:
    def by_hand(prediction: Any, target: Any) -> Any:
        return jnp.mean((prediction - target) ** 2)

    costs: list[Any] = []
    for loss in (ml.mse, by_hand):
        function: Any = jax.value_and_grad(loss) if differentiate else loss
        compiled = jax.jit(function).lower(jnp.ones(1000), jnp.zeros(1000)).compile()
        costs.append(compiled.cost_analysis())
    assert costs[0]["bytes accessed"] <= costs[1]["bytes accessed"]
    if not differentiate:
        # The gradient of a product has one addition more for each element than that of a square.
        assert costs[0]["flops"] <= costs[1]["flops"]


@pytest.mark.parametrize("option", ["empty", "delta"])
def test_numbers_that_change_compile_once(option: str) -> None:
    from multiloss._engines.jax import _compiled

    _compiled.cache_clear()
    prediction, target = jnp.asarray(PREDICTION), jnp.asarray(TARGETS)
    loss: Any = ml.huber
    with jax.log_compiles(), pytest.MonkeyPatch.context() as patch:
        compiled: list[str] = []
        patch.setattr(logging.Logger, "handle", lambda _, record: compiled.append(record.msg))
        for number in (0.25, 0.5, 3.0, 7.0):
            loss(prediction, target, **{option: number})
    assert len([each for each in compiled if each.startswith("Compiling")]) == 1


def test_an_eager_call_is_compiled_once_per_shape_and_option() -> None:
    from multiloss._engines.jax import _compiled

    _compiled.cache_clear()
    prediction, target = jnp.asarray(PREDICTION), jnp.asarray(TARGETS)
    for _ in range(3):
        ml.mse(prediction, target)
        ml.mse(prediction, target, axis=0, empty=float("nan"))
        ml.mse(prediction[0], target[0])
    assert _compiled.cache_info().misses == 3
    limit = _compiled.cache_info().maxsize
    assert limit is not None
    assert limit <= 1024


def test_closed_form_of_a_jitted_loss() -> None:
    value, gradient = ml.value_and_grad(jax.jit(ml.mse))(jnp.array([0.5, 3.0]), jnp.ones(2))
    assert value == 2.125
    assert gradient.tolist() == [-0.5, 2.0]


def test_empty_may_be_traced() -> None:
    nothing = jnp.zeros((2, 0))
    result = jax.jit(ml.mse, static_argnames="axis")(nothing, nothing, axis=1, empty=3.0)
    assert result.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("target", [[1e300, 1.0], np.array([1e300, 1.0]), 1e300], ids=type)
def test_host_data_overflows_without_a_warning(target: Any) -> None:
    with np.errstate(all="raise"):
        assert ml.mse(jnp.ones(2), target) == np.inf


def test_shapes_may_be_symbols() -> None:
    shape = cast(Any, jax.ShapeDtypeStruct)(jax.export.symbolic_shape("rows, 3"), "float32")
    exported: Any = jax.export.export(jax.jit(ml.mse))(shape, shape)
    expected: Any = ml.mse(PREDICTION, TARGETS)
    np.testing.assert_allclose(exported.call(PREDICTION, TARGETS), expected, rtol=1e-6)


def test_vmap_and_scan() -> None:
    by_row = ml.mse(PREDICTION, TARGETS, axis=1)
    np.testing.assert_allclose(jax.vmap(ml.mse)(PREDICTION, TARGETS), by_row, rtol=1e-6)
    masked = jax.vmap(lambda y, t, m: ml.mse(y, t, where=m, empty=-1.0))(PREDICTION, TARGETS, MASK)
    np.testing.assert_allclose(
        masked, ml.mse(PREDICTION, TARGETS, where=MASK, axis=1, empty=-1.0), rtol=1e-6
    )

    def step(total: Any, row: Any) -> Any:
        loss = ml.mse(*row)
        return total + loss, loss

    total, scanned = jax.lax.scan(step, jnp.float32(0), (PREDICTION, TARGETS))
    np.testing.assert_allclose(scanned, by_row, rtol=1e-6)
    np.testing.assert_allclose(total, by_row.sum(), rtol=1e-6)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_masked_elements_do_not_leak_under_jit(poison: float) -> None:
    @jax.jit
    @partial(jax.value_and_grad, argnums=(0, 1, 2))
    def loss(prediction: Any, target: Any, weight: Any) -> Any:
        return ml.mse(prediction, target, weight=weight, where=jnp.array([True, False, False]))

    value, gradients = loss(
        jnp.array([1.0, 2.0, poison]),
        jnp.array([0.0, poison, 5.0]),
        jnp.array([2.0, poison, poison]),
    )
    assert value == 1.0
    assert [each.tolist() for each in gradients] == [[2.0, 0, 0], [-2.0, 0, 0], [0, 0, 0]]


def test_weights_that_sum_to_zero_give_a_zero_gradient() -> None:
    def loss(prediction: Any) -> Any:
        return ml.mse(prediction, jnp.zeros(2), weight=jnp.zeros(2), empty=3.0)

    value, gradient = jax.value_and_grad(loss)(jnp.ones(2))
    assert value == 3.0
    assert gradient.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", ">f4"])
def test_numpy_targets_closed_over(dtype: str) -> None:
    target = np.array([1, 1]).astype(dtype)

    @jax.jit
    @jax.value_and_grad
    def loss(prediction: Any) -> Any:
        return ml.mse(prediction, target)

    value, gradient = loss(jnp.array([0.5, 3.0]))
    assert value == 2.125
    assert value.dtype == "float32"
    assert gradient.tolist() == [-0.5, 2.0]


@pytest.mark.parametrize("x64", [False, True], ids=["x32", "x64"])
def test_strict_promotion(x64: bool) -> None:
    with enable_x64(x64), jax.numpy_dtype_promotion("strict"):
        prediction = jnp.array([0.5, 3.0], dtype="float32")
        for target in (
            jnp.array([1.0, 1.0], dtype="float32"),
            jnp.array([1, 1], dtype="uint8"),
            jnp.array([1, 1], dtype="bfloat16"),
            [1, 1],
            [1.0, 1.0],
            1.0,
            1.0 + 0j,
        ):
            value, gradient = jax.jit(
                lambda y, target=target: ml.value_and_grad(ml.mse)(
                    y, target, weight=np.array([1, 1]), where=np.array([True, True]), half=True
                )
            )(prediction)
            assert value == 2.125 / 2
            assert value.dtype == gradient.dtype == "float32"


def test_weak_arrays_have_no_say() -> None:
    with enable_x64(True):
        prediction = jnp.array([0.5, 3.0], dtype="float32")
        result = jax.jit(partial(ml.mse, broadcast=True))(prediction, 1.0)
        assert result.dtype == "float32"
        assert result == 2.125


def test_x64_decides_at_every_call() -> None:
    integers = np.array([2**24 + 1, 0], dtype=np.int32)
    for x64, dtype in ((False, "float32"), (True, "float64"), (False, "float32")):
        with enable_x64(x64):
            assert ml.mse(jnp.asarray(integers), jnp.asarray(integers)).dtype == dtype


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "bfloat16", "float16"])
def test_small_floats(dtype: str) -> None:
    prediction, target = jnp.array([16.0, 0], dtype=dtype), jnp.array([0, 16.0], dtype=dtype)
    value, gradient = jax.value_and_grad(ml.mse)(prediction, target)
    assert value == 256.0
    assert value.dtype == "float32"
    assert gradient.dtype == dtype


def test_dtype_of_keys_is_refused() -> None:
    with pytest.raises(TypeError, match=r"prediction has the dtype key.*convert it"):
        ml.mse(jax.random.key(0), jax.random.key(1))


def test_sharded_computations() -> None:
    # The number of devices is fixed when JAX starts, hence a separate process.
    code = """
import jax, jax.numpy as jnp, multiloss as ml
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
try:
    from jax import shard_map
except ImportError:  # old releases
    from jax.experimental.shard_map import shard_map
mesh = Mesh(jax.devices(), ("batch",))
y, t = jnp.arange(8.0), jnp.ones(8)
local = lambda y, t: jax.lax.psum(ml.sse(y, t), "batch")
mapped = jax.jit(shard_map(local, mesh=mesh, in_specs=P("batch"), out_specs=P()))
sharded = jax.device_put((y, t), NamedSharding(mesh, P("batch")))
print(mapped(y, t), jax.jit(ml.sse)(*sharded), ml.sse(*sharded), ml.sse(sharded[0], [1.0] * 8))
"""
    run = subprocess.run(  # noqa: S603  a command of the test
        [sys.executable, "-W", "error", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"},
    )
    # ½ (1 + 0 + 1 + 4 + 9 + 16 + 25 + 36)
    assert run.stdout.split() == ["46.0"] * 4


def test_sharded_vectors_of_classes() -> None:
    # Split along the batch, along the classes, and along both.
    code = """
import jax, jax.numpy as jnp, numpy as np, multiloss as ml
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("batch", "classes"))
y = jnp.asarray(np.random.default_rng(0).standard_normal((8, 6)), "float32")
t = jnp.arange(8) % 6
for loss in (ml.cross_entropy, ml.focal, ml.multiclass_hinge):
    both = jax.value_and_grad(loss)
    value, gradient = both(y, t)
    for spec in (P("batch"), P(None, "classes"), P("batch", "classes")):
        scores = jax.device_put(y, NamedSharding(mesh, spec))
        labels = jax.device_put(t, NamedSharding(mesh, P(spec[0])))
        np.testing.assert_allclose(loss(scores, labels), value, rtol=1e-5)
        for found, exact in zip(jax.jit(both)(scores, labels), (value, gradient)):
            np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-6)
        print(loss.__name__)
"""
    run = subprocess.run(  # noqa: S603  a command of the test
        [sys.executable, "-W", "error", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"},
    )
    assert len(run.stdout.split()) == 9


SCORES, LABELS = PREDICTION, np.array([0, 2])


@pytest.mark.parametrize(
    "loss",
    [
        ml.cross_entropy,
        ml.focal,
        ml.kl_divergence,
        ml.jensen_shannon,
        ml.brier,
        ml.multiclass_hinge,
    ],
)
def test_strict_promotion_of_classes(loss: Any) -> None:
    with jax.numpy_dtype_promotion("strict"):
        scores, weight = jnp.asarray(SCORES), jnp.asarray([1.0, 2.0])
        for labels in (jnp.asarray(LABELS), LABELS, LABELS.tolist(), jnp.asarray(LABELS, "uint8")):
            value, gradient = ml.value_and_grad(loss)(scores, labels, weight=weight)
            assert value.dtype == gradient.dtype == "float32"
            jax.jit(jax.grad(partial(loss, target=labels)))(scores)


def test_scan_over_batches_of_classes() -> None:
    def step(scores: Any, labels: Any) -> Any:
        value, gradient = jax.value_and_grad(ml.cross_entropy)(scores, labels)
        return scores - gradient, value

    _, values = jax.lax.scan(step, jnp.asarray(SCORES), jnp.asarray([LABELS] * 3))
    assert values[0] > values[1] > values[2]
    np.testing.assert_allclose(values[0], ml.cross_entropy(SCORES, LABELS), rtol=1e-6)
