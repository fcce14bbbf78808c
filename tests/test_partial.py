"""Sums of parts: whatever the data are split into, they merge to the loss of the whole."""

import copy
import json
import math
import pickle
import subprocess
import sys
from fractions import Fraction
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import class_losses
import multiloss as ml
import multiloss._partial
from calls import MASK, WEIGHT
from engines import Library
from losses import LOSSES, every, expected

NEEDS = "engines"

# Whose type is Literal[0] too, for sum() of nothing.
total_of: Any = sum

ROWS = [slice(0, 1), slice(3, 4), slice(1, 1), slice(1, 3)]  # in another order, and an empty one


def merged(engine: Library, loss: Any, prediction: Any, target: Any, **by_item: Any) -> Any:
    """Return the merged sums of a loss over parts of its rows."""

    def part(rows: slice) -> Any:
        given = (prediction, target, *by_item.values())
        arrays = [engine.array(each[rows], str(each.dtype)) for each in given]
        options = dict(zip(by_item, arrays[2:], strict=True))
        return ml.partial(loss, arrays[0], arrays[1], **options)

    # Dask has no maximum of an empty array, not even of its classes.
    rows = [each for each in ROWS if engine.name != "dask" or each.start < each.stop]
    return sum(map(part, rows))


def close(engine: Library, result: Any, reference: Any, ulps: int = 8) -> None:
    reference = np.asarray(reference, dtype=float)
    assert tuple(result.shape) == reference.shape
    rtol = ulps * engine.eps(result)
    scale = np.max(np.abs(reference), initial=0.0)
    np.testing.assert_allclose(engine.numpy(result), reference, rtol=rtol, atol=rtol * scale)


@pytest.mark.family
@every(LOSSES)
def test_parts_merge_to_the_definition(engine: Library, name: str) -> None:
    row = LOSSES[name]
    result = merged(engine, row.function, *row.operands()).result()
    close(engine, result, expected(name)[0], row.ulps)
    if engine.array_type is not np.ndarray:
        assert isinstance(result, engine.array_type)


@pytest.mark.family
@every(LOSSES)
def test_parts_with_weights_and_masks(engine: Library, name: str) -> None:
    row = LOSSES[name]
    result = merged(engine, row.function, *row.operands(), weight=WEIGHT, where=MASK).result()
    close(engine, result, expected(name, WEIGHT * MASK)[0], row.ulps)


@pytest.mark.family
@pytest.mark.parametrize("name", class_losses.LOSSES)
def test_parts_of_losses_of_classes(engine: Library, name: str) -> None:
    row = class_losses.LOSSES[name]
    prediction, target = row.operands()
    # test_classification.py holds the whole against the definition.
    whole = row.function(prediction, target)
    close(engine, merged(engine, row.function, prediction, target).result(), whole)


@pytest.mark.parametrize("loss", ["mse", "rmse", "wmape", "0.5 * mse + rmse"])
def test_along_an_axis(engine: Library, loss: str) -> None:
    prediction, target = LOSSES["mse"].operands()
    whole = ml.get(loss)(prediction, target, axis=0)
    close(engine, merged(engine, ml.get(loss, axis=0), prediction, target).result(), whole)


# wmape by hand: (1 + 2 + 5) / (2 + 4 + 10)
def test_a_ratio_by_hand(engine: Library) -> None:
    one = ml.partial("wmape", engine.array([1.0, 2.0]), engine.array([2.0, 4.0]))
    two = ml.partial("wmape", engine.array([5.0]), engine.array([10.0]))
    close(engine, (one + two).result(), 0.5)


@pytest.mark.parametrize("function", [ml.tversky, ml.dice])
def test_overlaps(engine: Library, function: Any) -> None:
    prediction, target = class_losses.SCORES, class_losses.BITS
    loss = partial(function, smooth=0.5)
    close(engine, merged(engine, loss, prediction, target).result(), loss(prediction, target))


# √((a² + b²) / 2), with sizes on both sides of where they are added up apart.
@pytest.mark.parametrize(
    ("one", "two"), [(3.0, 4.0), (0.75, 1.5), (1.0, 1.0), (1e-9, 1.0)], ids=str
)
@pytest.mark.parametrize("place", [-1, 0, 1])
def test_norms_of_any_size(engine: Library, one: float, two: float, place: int) -> None:
    bits = 1024 if engine.has_float64 else 128
    scale = 2.0 ** {-1: -15 * bits // 32, 0: 0, 1: 3 * bits // 8}[place]
    parts = [
        ml.partial(ml.rmse, engine.array([a * scale]), engine.array([0.0])) for a in (one, two)
    ]
    close(engine, total_of(parts).result(), math.hypot(one, two) / 2**0.5 * scale)


def test_norms_at_the_ends_of_the_range(engine: Library) -> None:
    limits = np.finfo("float64" if engine.has_float64 else "float32")
    for size in (float(limits.max) / 4, 8 * float(limits.tiny)):
        part = ml.partial(ml.rmse, engine.array([size, -size]), 0.0)
        close(engine, (part + part).result(), size)


@pytest.mark.parametrize("loss", ["mse", "rmse", "wmape", "0.5 * mse + rmse"])
def test_no_array_stands_for_two_sums(engine: Library, loss: str) -> None:
    # They may be added to in place.
    prediction, target = LOSSES["mse"].operands()
    part = ml.partial(loss, engine.array(prediction), engine.array(target), axis=0)
    assert len({*map(id, part.arrays)}) == len(part.arrays)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("loss", ["mse", "rmse", "wmape", "huber"])
def test_what_is_not_finite_shows(engine: Library, loss: str, value: float) -> None:
    zero = engine.array([1.0])
    parts = [ml.partial(loss, engine.array([each]), zero) for each in (2.0, value, 3.0)]
    result = float(engine.numpy(total_of(parts).result()))
    assert np.isnan(result) if np.isnan(value) else result == np.inf


def test_nothing_at_all(engine: Library) -> None:
    nothing = engine.array([])
    none = ml.partial(ml.mse, nothing, nothing)
    assert np.isnan(engine.numpy(none.result()))
    zero = ml.partial(ml.mse, nothing, nothing, empty=0.0)
    assert float(engine.numpy((zero + zero).result())) == 0.0
    assert float(engine.numpy(ml.partial(ml.rmse, nothing, nothing, empty=0.0).result())) == 0.0
    assert float(engine.numpy(ml.partial(ml.sse, nothing, nothing).result())) == 0.0


def exact(part: Any, place: int) -> Fraction:
    """Return a sum, with what is missing in it."""
    pair = part.arrays[2 * place : 2 * place + 2]
    return Fraction(float(pair[0])) + Fraction(float(pair[1]))


def test_single_precision_does_not_drift() -> None:
    ones = np.ones(2**13 + 1, dtype=np.float32)
    part = ml.partial(ml.mse, ones, 0.0)
    total, counter = part, np.float32(len(ones))
    for _ in range(2**12 - 1):
        total += part
        counter += np.float32(len(ones))
    assert total.result() == np.float32(1.0)
    assert exact(total, 0) == exact(total, 1) == 2**12 * (2**13 + 1)
    assert counter != 2**12 * (2**13 + 1)


def test_counts_keep_all_of_their_digits() -> None:
    part = ml.partial(ml.mse, np.ones(2**24 + 1, dtype=np.float32), 0.0)
    assert exact(part, 1) == 2**24 + 1


@pytest.mark.parametrize("array", [np.asarray, torch.tensor])
def test_a_norm_in_range_takes_one_pass(array: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def evaluate(loss: Any, *operands: Any, **options: Any) -> Any:
        passes.append(loss.name)
        return original(loss, *operands, **options)

    module: Any = multiloss._partial  # noqa: SLF001  whose calls are counted
    original = module.evaluate
    monkeypatch.setattr(module, "evaluate", evaluate)
    ml.partial(ml.rmse, array([3.0, 4.0]), array([0.0, 0.0]))
    assert passes == ["rmse"]


# The squares of each are in range, and their sum is not.
def test_norms_of_many_that_are_large() -> None:
    large = np.full(1000, 2.0**60, dtype=np.float32)
    part = ml.partial(ml.rmse, large, np.float32(0.0))
    assert (part + part).result() == np.float32(2.0**60)


# A float32 counter stops at 2^24: one more is rounded away.
@pytest.mark.slow
def test_a_stream_of_ones_in_a_scan() -> None:
    @jax.jit
    def stream(start: Any) -> Any:
        def step(total: Any, one: Any) -> Any:
            return total + ml.partial(ml.mse, one, 0.0), None

        ones = jnp.ones((2**25, 1), dtype=jnp.float32)
        return jax.lax.scan(step, start, ones)[0]

    total = stream(ml.partial(ml.mse, jnp.zeros((0,), dtype=jnp.float32), 0.0))
    assert exact(total, 0) == exact(total, 1) == 2**25
    assert float(total.result()) == 1.0


# A part of 10^6, a thousand times: the mean of all is that of the part.
@pytest.mark.slow
def test_a_billion_elements() -> None:
    rng = np.random.default_rng(0)
    part = ml.partial(ml.mse, rng.normal(size=10**6), rng.normal(size=10**6))
    total = part
    for _ in range(999):
        total += part
    assert exact(total, 1) == 10**9
    assert total.result() == part.result()


def test_parts_of_seven_against_exact_arithmetic() -> None:
    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=2000), rng.normal(size=2000)
    mean = total_of(Fraction(each) ** 2 for each in (prediction - target).tolist()) / 2000
    rows = [slice(k, k + 7) for k in range(0, 2000, 7)]
    rng.shuffle(rows)
    result = total_of([ml.partial(ml.mse, prediction[r], target[r]) for r in rows]).result()
    assert abs(Fraction(float(result)) - mean) <= 4 * Fraction(float(np.spacing(float(mean))))


def test_numbers_of_numpy_are_compared() -> None:
    one, two = (ml.partial(ml.huber, [1.0], [0.0], delta=np.float32(d)) for d in (2, 5))
    assert repr(one) == "Partial(huber(delta=2.0))"
    with pytest.raises(TypeError, match="do not add up"):
        one + two


# Of (3, 4) s, whose norm is √12.5 s: residual / (2 norm).
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("share", [-0.75, -0.4, -0.375, -0.1, 0.0, 0.1, 0.375, 0.4, 0.75])
def test_gradients_of_norms_of_any_size(dtype: torch.dtype, share: float) -> None:
    scale = 2.0 ** int(share * (128 if dtype == torch.float32 else 1024))
    y = (torch.tensor([3.0, 4.0], dtype=dtype) * scale).requires_grad_()
    total_of([ml.partial(ml.rmse, y[k : k + 1], 0.0) for k in (0, 1)]).result().backward()
    expected = torch.tensor([3.0, 4.0], dtype=dtype) / (2 * 12.5**0.5)
    torch.testing.assert_close(y.grad, expected)


@pytest.mark.slow
def test_second_derivatives_where_one_part_is_perfect() -> None:
    y = jnp.array([1.0, 2.0, 3.0])
    merged_hessian = jax.hessian(lambda y: ml.partial(ml.rmse, y, 1.0).result())(y)
    hessian: Any = jax.hessian(lambda y: ml.rmse(y, 1.0))(y)
    np.testing.assert_allclose(np.asarray(merged_hessian), np.asarray(hessian), rtol=1e-5)


def test_gradients_of_ragged_parts_are_those_of_the_whole() -> None:
    data = torch.tensor(np.random.default_rng(0).normal(size=(7, 3)))
    truth = torch.tensor(np.random.default_rng(1).normal(size=(7, 3)))
    for loss in ("mse", "rmse", "wmape", "huber", "0.5 * rmse + mae"):
        gradients = []
        for parts in ([slice(0, 7)], [slice(0, 1), slice(1, 5), slice(5, 7)]):
            weight = torch.ones(3, dtype=torch.float64, requires_grad=True)
            all_parts = [ml.partial(loss, data[p] * weight, truth[p]) for p in parts]
            total_of(all_parts).result().backward()
            gradients.append(weight.grad)
        whole = torch.ones(3, dtype=torch.float64, requires_grad=True)
        loss_of_all: Any = ml.get(loss)
        loss_of_all(data * whole, truth).backward()
        for each in gradients:
            torch.testing.assert_close(each, whole.grad, rtol=1e-14, atol=1e-15)


@pytest.mark.slow
def test_under_the_transformations_of_jax() -> None:
    prediction, target = jnp.arange(8.0).reshape(4, 2), jnp.ones((4, 2))
    for loss in (ml.mse, ml.rmse, ml.wmape):
        whole = float(loss(prediction, target))

        def on_a_device(y: Any, t: Any, loss: Any = loss) -> Any:
            psum: Any = jax.lax.psum
            return psum(ml.partial(loss, y, t), "devices").result()

        mapped = jax.jit(jax.vmap(on_a_device, axis_name="devices"))(prediction, target)
        np.testing.assert_allclose(np.asarray(mapped), whole, rtol=1e-6)

        def of_parts(y: Any, loss: Any = loss) -> Any:
            return (
                ml.partial(loss, y[:1], target[:1]) + ml.partial(loss, y[1:], target[1:])
            ).result()

        np.testing.assert_allclose(
            np.asarray(jax.jit(jax.grad(of_parts))(prediction)),
            np.asarray(jax.grad(loss)(prediction, target)),
            rtol=2e-6,
        )


# In a process of its own: what an earlier call has found out would be there when Dynamo traces.
COMPILED = """
import torch, multiloss as ml
loss = ml.get("huber(delta=2.0) + 0.5 * mae")
@torch.compile(fullgraph=True)
def of_parts(loss, y, t):
    return (ml.partial(loss, y[:3], t[:3]) + ml.partial(loss, y[3:], t[3:])).result()
y, t = torch.arange(8.0), torch.ones(8)
for loss in (ml.mse, loss):
    torch.testing.assert_close(of_parts(loss, y, t), loss(y, t))
"""


@pytest.mark.slow
def test_compiled_by_torch() -> None:
    subprocess.run([sys.executable, "-c", COMPILED], check=True)  # noqa: S603  a script of the test


def test_copies(engine: Library) -> None:
    prediction, target = LOSSES["huber"].operands()
    part = ml.partial(ml.huber, engine.array(prediction), engine.array(target), delta=2.0, axis=0)
    assert repr(part) == "Partial(huber(delta=2.0, axis=0))"
    if engine.name != "dask":
        again = pickle.loads(pickle.dumps(part))  # noqa: S301  of our own making
        close(engine, (again + part).result(), engine.numpy(part.result()))
    text = json.dumps(part.to_dict())
    of_text = ml.Partial.from_dict(json.loads(text))
    np.testing.assert_array_equal(np.asarray(of_text.result()), engine.numpy(part.result()))


def test_text_becomes_arrays_of_any_engine(engine: Library) -> None:
    one, zero = engine.array([[3.0], [4.0]]), engine.array([[0.0], [0.0]])
    part = ml.partial(ml.rmse, one, zero, axis=1)
    again = ml.Partial.from_dict(json.loads(json.dumps(part.to_dict())), like=one)
    assert isinstance(again.arrays[0], engine.array_type)
    close(engine, (again + part).result(), [3.0, 4.0])


def test_text_keeps_the_shape_of_nothing() -> None:
    nothing = np.zeros((0, 2, 3))
    part = ml.partial(ml.mse, nothing, nothing, axis=2)
    again = ml.Partial.from_dict(json.loads(json.dumps(part.to_dict())))
    assert (again + part).result().shape == (0, 2)


def array_as_text(**changes: Any) -> dict[str, Any]:
    return {"dtype": "float64", "shape": [], "values": 1.0, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": {"name": "mes"}}, "there is no loss 'mes'"),
        ({"loss": {"name": "cosine_distance"}}, "cosine_distance of a part depends"),
        ({"arrays": [array_as_text(dtype="float12")] * 4}, "float12"),
        ({"arrays": [array_as_text(dtype="object")] * 4}, "sums are floats, not object"),
        ({"arrays": [array_as_text(shape=[2])] * 4}, "cannot reshape"),
        ({"arrays": [array_as_text()] * 2}, "the sums of mse are 4 arrays, got 2"),
        ({"arrays": [array_as_text(values="one")] * 4}, "could not convert"),
        ({"loss": {"name": "rmse"}}, "the sums of rmse are 8 arrays, got 4"),
    ],
    ids=str,
)
def test_text_that_is_none(changes: dict[str, Any], message: str) -> None:
    of_text = {**ml.partial(ml.mse, [1.0], [0.0]).to_dict(), **changes}
    with pytest.raises(ValueError, match=message):
        ml.Partial.from_dict(of_text)


def test_text_of_sums_along_different_axes() -> None:
    prediction = np.arange(6.0).reshape(2, 3)
    part = ml.partial("mse(axis=0) + mae", prediction, np.zeros((2, 3)))
    again = ml.Partial.from_dict(json.loads(json.dumps(part.to_dict())))
    np.testing.assert_array_equal((again + part).result(), part.result())


def test_a_parameter_for_each_item() -> None:
    one = ml.partial(ml.huber, [1.0, 2.0], 0.0, delta=[1.0, 2.0])
    two = ml.partial(ml.huber, [3.0], 0.0, delta=np.array([1.0]))
    assert repr(one) == "Partial(huber)"
    assert (one + two).result() == ml.huber([1.0, 2.0, 3.0], 0.0, delta=[1.0, 2.0, 1.0])


def test_booleans_of_numpy() -> None:
    part = ml.partial(ml.mse, np.ones((2, 2)), 0.0, axis=0, keepdims=np.bool_(True))  # noqa: FBT003
    assert (part + part).result().shape == (1, 2)


def test_the_arrays_that_differ_are_named() -> None:
    two, four = (ml.partial("mae + mse(axis=1)", np.ones((n, 3)), np.zeros((n, 3))) for n in (2, 4))
    with pytest.raises(ValueError, match=r"sums of the shapes \(2,\) and \(4,\) do not add up"):
        two + four


def test_sums_of_numpy_go_into_functions_of_jax() -> None:
    script = """
import jax, jax.numpy as jnp, numpy as np, multiloss as ml
part = ml.partial(ml.mse, np.arange(8.0), np.ones(8))
merged = jax.jit(lambda part, y: (part + ml.partial(ml.mse, y, 0.0)).result())
assert float(merged(part, jnp.ones(8))) == 6.25
"""
    subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603  ditto


def test_text_without_a_part() -> None:
    of_text = ml.partial(ml.mse, [1.0], [0.0]).to_dict()
    for name in of_text:
        with pytest.raises(ValueError, match=f"no dictionary of sums.*{name}"):
            ml.Partial.from_dict({key: each for key, each in of_text.items() if key != name})


def quartic(xp: Any, prediction: Any, target: Any) -> Any:  # noqa: ARG001  as make_loss() calls it
    return (prediction - target) ** 4


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])  # noqa: S301  of our own making
def test_copies_of_custom_losses(copied: Any) -> None:
    part = ml.partial(ml.make_loss(quartic), [2.0], [0.0])
    assert (copied(part) + part).result() == 16.0


def test_of_text_with_a_required_parameter() -> None:
    part = ml.partial(ml.gaussian_nll, [1.0], [2.0], variance=np.array([0.5]))
    again = ml.Partial.from_dict(json.loads(json.dumps(part.to_dict())))
    assert again.result() == part.result()


def no_loss(_prediction: Any, _target: Any) -> float:
    return 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ml.partial(ml.cosine_distance, [1.0], [1.0]), "cosine_distance of a part depends"),
        (
            lambda: ml.partial(ml.mse, [1.0], [1.0], reduction="none"),
            "reduction='none' has no sums",
        ),
        (lambda: ml.partial(ml.mse, [1.0], [1.0], mask=[True]), "did you mean where?"),
        (lambda: ml.partial(ml.mse, [1.0], [1.0], empty=np.array(0.0)), "empty is an array"),
        (lambda: ml.partial(ml.minkowski, [1.0], [1.0], p=np.array(3.0)), "p is an array"),
        (lambda: ml.partial(ml.mse, [1.0], [[1.0]]), "prediction has the shape"),
        (
            lambda: ml.partial(ml.mse, [1.0], [1.0]) + ml.partial(ml.mae, [1.0], [1.0]),
            "the sums of mse and of mae do not add up",
        ),
        (
            lambda: (
                ml.partial(ml.mse, [[1.0]], [[1.0]], axis=1)
                + ml.partial(ml.mse, [[1.0], [2.0]], [[1.0], [2.0]], axis=1)
            ),
            "reduce over the axis that is split",
        ),
        (
            lambda: (
                ml.partial(ml.mse, [1.0], [1.0]) + ml.partial(ml.mse, torch.ones(1), torch.ones(1))
            ),
            "sums of numpy and torch do not add up",
        ),
        (lambda: ml.partial(no_loss, [1.0], [1.0]), "no_loss is no loss of multiloss"),
        (lambda: ml.partial(ml.mse, [1.0], [1.0]) + 1, "unsupported operand"),
    ],
)
def test_mistakes(call: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)
