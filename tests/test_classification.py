"""What holds for every loss of classification, on every engine, whatever its formula."""

from functools import partial
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from class_losses import CLASS_WEIGHT, DISTRIBUTIONS, LABELS, LOSSES, SCORES, VECTORS, expected
from engines import Library

pytestmark = pytest.mark.family

every = pytest.mark.parametrize("name", LOSSES)
every_vector = pytest.mark.parametrize("name", VECTORS)

WEIGHTS = {1: np.array([1.0, 0.0, 0.5, 3.0]), 2: np.array([[1.0, 0.0, 0.5, 3.0]]).T * [1, 2, 1]}
MASKS = {
    1: np.array([True, True, False, True]),
    2: np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], dtype=bool),
}


def ndim(name: str) -> int:
    """Return the number of axes of a loss."""
    return 1 if LOSSES[name].is_vector else 2


def target_of(engine: Library, name: str, target: Any) -> Any:
    is_integer = LOSSES[name].targets in {"labels", "bits"}
    return engine.array(target, "int32" if is_integer else "float64")


def operands(engine: Library, name: str) -> tuple[Any, Any]:
    prediction, target = LOSSES[name].operands()
    return engine.array(prediction), target_of(engine, name, target)


def close(engine: Library, result: Any, reference: Any, ulps: float = 16) -> None:
    """Check the engine, the shape and the values, relative to the largest of them."""
    if engine.array_type is not np.ndarray:
        assert isinstance(result, engine.array_type)
    reference = np.asarray(reference, dtype=float)
    assert tuple(result.shape) == reference.shape
    largest = np.max(np.abs(reference), initial=1e-300, where=np.isfinite(reference))
    tolerance = ulps * engine.eps(result)
    np.testing.assert_allclose(
        engine.numpy(result), reference, rtol=tolerance, atol=tolerance * largest
    )


def check(engine: Library, found: Any, reference: Any) -> None:
    for result, exact in zip(found, reference, strict=True):
        close(engine, result, exact)


@every
def test_definition_and_slope(engine: Library, name: str) -> None:
    found = ml.value_and_grad(LOSSES[name].function)(*operands(engine, name))
    check(engine, found, expected(name))
    close(engine, LOSSES[name].function(*operands(engine, name)), expected(name)[0])


@pytest.mark.slow
@every
def test_broadcasting(engine: Library, name: str) -> None:
    prediction, target = LOSSES[name].operands()
    prediction = prediction[:1] if LOSSES[name].is_vector else prediction[:, :1]
    # The same prediction for all, repeated by hand, whose gradients add up.
    shape = (4, 3)
    repeated = engine.array(np.broadcast_to(prediction, shape).copy())
    value, gradient = ml.value_and_grad(LOSSES[name].function)(
        repeated, target_of(engine, name, target)
    )
    axis = 0 if LOSSES[name].is_vector else 1
    total = engine.numpy(gradient).sum(axis=axis, keepdims=True)
    found = ml.value_and_grad(LOSSES[name].function)(
        engine.array(prediction), target_of(engine, name, target), broadcast=True
    )
    check(engine, found, (engine.numpy(value), total))


@every
def test_weights_and_masks_of_the_items(engine: Library, name: str) -> None:
    weight, mask = WEIGHTS[ndim(name)], MASKS[ndim(name)]
    found = ml.value_and_grad(LOSSES[name].function)(
        *operands(engine, name), weight=engine.array(weight), where=engine.array(mask, "bool")
    )
    check(engine, found, expected(name, weight * mask))


@every
@pytest.mark.parametrize(
    ("poison", "poisoned"),
    [(np.nan, (0,)), (np.nan, (1,)), (np.inf, (0, 1)), (-100, (1,))],
    ids=str,
)
def test_masked_items_reach_neither_value_nor_gradient(
    engine: Library, name: str, poison: float, poisoned: tuple[int, ...]
) -> None:
    mask = MASKS[ndim(name)]
    arrays = list(LOSSES[name].operands())
    for role in poisoned:
        array = arrays[role]
        selected = mask[..., None] if array.ndim > mask.ndim else mask
        integer = array.dtype.kind == "i" and not np.isfinite(poison)
        arrays[role] = np.where(selected, array, -100 if integer else poison).astype(array.dtype)
    found = ml.value_and_grad(LOSSES[name].function)(
        engine.array(arrays[0]),
        target_of(engine, name, arrays[1]),
        where=engine.array(mask, "bool"),
    )
    check(engine, found, expected(name, mask))


@every
def test_reductions_and_axes(engine: Library, name: str) -> None:
    both = ml.value_and_grad(LOSSES[name].function)
    for reduction in ("sum", "none"):
        found = both(*operands(engine, name), reduction=reduction)
        check(engine, found, expected(name, reduction=reduction))
    value, gradient = both(*operands(engine, name), axis=0, keepdims=True)
    reference = expected(name, axis=0)
    check(engine, (value[0, ...], gradient), reference)


@every
def test_mean_of_nothing(engine: Library, name: str) -> None:
    nothing = engine.array(np.zeros(MASKS[ndim(name)].shape, dtype=bool), "bool")
    value, gradient = ml.value_and_grad(LOSSES[name].function)(
        *operands(engine, name), where=nothing, empty=7.0
    )
    close(engine, value, 7.0)
    assert not np.any(engine.numpy(gradient))


@every
def test_every_dtype_has_the_same_loss_of_the_same_numbers(engine: Library, name: str) -> None:
    function = LOSSES[name].function
    prediction, target = LOSSES[name].operands()
    reference = expected(name)[0]
    for dtype in engine.dtypes:
        if "int" not in dtype:
            value = function(engine.array(prediction, dtype), target_of(engine, name, target))
            assert engine.eps(value) <= np.finfo(np.float32).eps
            np.testing.assert_allclose(engine.numpy(value), reference, rtol=32 * 1.2e-7)


@every_vector
@pytest.mark.parametrize("axis", [0, 1, -2])
def test_class_axis_may_stand_anywhere(engine: Library, name: str, axis: int) -> None:
    # Two images of two pixels.
    prediction, target = LOSSES[name].operands()
    shape = (2, 2)
    prediction = np.moveaxis(prediction.reshape(*shape, 3), -1, axis)
    target = target.reshape(*shape, *target.shape[1:])
    if target.ndim > len(shape):
        target = np.moveaxis(target, -1, axis)
    value, gradient = ml.value_and_grad(LOSSES[name].function)(
        engine.array(prediction), target_of(engine, name, target), class_axis=axis
    )
    exact, slopes = expected(name)
    close(engine, value, exact)
    close(engine, gradient, np.moveaxis(slopes.reshape(*shape, 3), -1, axis))


# Laws that hold between losses, and between ways to call one -------------------------------------

SOFTMAXES = [name for name, row in VECTORS.items() if row.from_logits and "hinge" not in name]
of_softmax = pytest.mark.parametrize("name", SOFTMAXES)


@of_softmax
def test_shifting_all_logits_changes_nothing(engine: Library, name: str) -> None:
    prediction, target = operands(engine, name)
    found = ml.value_and_grad(LOSSES[name].function)(prediction + 1024.0, target)
    check(engine, found, expected(name))


@of_softmax
def test_slopes_sum_to_zero_along_the_classes(engine: Library, name: str) -> None:
    _, gradient = ml.value_and_grad(LOSSES[name].function)(*operands(engine, name))
    sums = engine.numpy(gradient).sum(axis=-1)
    np.testing.assert_allclose(sums, 0.0, atol=8 * engine.eps(gradient))


# Class weights would have to follow.
UNWEIGHTED = [name for name in SOFTMAXES if not VECTORS[name].has_class_weight]


@pytest.mark.parametrize("name", UNWEIGHTED)
def test_order_of_classes_does_not_matter(engine: Library, name: str) -> None:
    order = [2, 0, 1]
    prediction, target = LOSSES[name].operands()
    target = np.argsort(order)[target] if target.ndim == 1 else target[:, order]
    value, gradient = ml.value_and_grad(LOSSES[name].function)(
        engine.array(prediction[:, order]), target_of(engine, name, target)
    )
    exact, slopes = expected(name)
    check(engine, (value, gradient), (exact, slopes[:, order]))


BY_LABELS: dict[str, Any] = {
    "cross_entropy": ml.cross_entropy,
    "class_weight": partial(ml.cross_entropy, class_weight=CLASS_WEIGHT),
    "smoothed": partial(ml.cross_entropy, class_weight=CLASS_WEIGHT, label_smoothing=0.25),
    "probabilities": partial(ml.cross_entropy, from_logits=False),
    "focal": partial(ml.focal, class_weight=CLASS_WEIGHT),
    "kl_divergence": ml.kl_divergence,
    "jensen_shannon": ml.jensen_shannon,
    "brier": ml.brier,
}


@pytest.mark.parametrize("function", BY_LABELS.values(), ids=BY_LABELS)
@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_labels_are_one_hot_distributions(engine: Library, function: Any, dtype: str) -> None:
    prediction = engine.array(np.abs(SCORES) / 16, "float32")
    labels = engine.array(LABELS, "int32")
    value, gradient = ml.value_and_grad(function)(prediction, labels)
    one_hot = engine.array(np.eye(3)[LABELS], dtype)
    found = ml.value_and_grad(function)(prediction, one_hot)
    close(engine, found[0], engine.numpy(value))
    close(engine, found[1], engine.numpy(gradient))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_labels_of_every_integer_dtype(engine: Library, dtype: str) -> None:
    if dtype == "int64" and not engine.has_float64:
        dtype = "int32"
    value = ml.cross_entropy(engine.array(SCORES), engine.array(LABELS, dtype))
    close(engine, value, expected("cross_entropy-labels")[0])


def test_labels_of_the_host(engine: Library) -> None:
    prediction = engine.array(SCORES)
    for labels in (LABELS, LABELS.astype("uint16"), LABELS.tolist()):
        close(engine, ml.cross_entropy(prediction, labels), expected("cross_entropy-labels")[0])
    one = ml.cross_entropy(prediction, 1)
    close(engine, one, engine.numpy(ml.cross_entropy(prediction, np.ones(4, int))))


def test_labels_of_the_host_do_not_wrap(engine: Library) -> None:
    for label in (2**32, 2**63 - 1, -(2**32), -1, 3, -100):
        labels = np.array([0, 2, 1, label])
        values = engine.numpy(ml.cross_entropy(engine.array(SCORES), labels, reduction="none"))
        assert np.isnan(values).tolist() == [False, False, False, True]


def test_class_weights_of_one_are_none(engine: Library) -> None:
    both = ml.value_and_grad(ml.cross_entropy)
    for target in (engine.array(LABELS, "int32"), engine.array(DISTRIBUTIONS)):
        found = both(engine.array(SCORES), target, class_weight=[1, 1, 1])
        plain = both(engine.array(SCORES), target)
        for one, other in zip(found, plain, strict=True):
            close(engine, one, engine.numpy(other))


def test_smoothing_mixes_the_target_with_an_even_one(engine: Library) -> None:
    prediction = engine.array(SCORES)
    mixed = engine.array(0.75 * DISTRIBUTIONS + 0.25 / 3)
    value = ml.cross_entropy(prediction, engine.array(DISTRIBUTIONS), label_smoothing=0.25)
    close(engine, value, engine.numpy(ml.cross_entropy(prediction, mixed)))


def test_focal_without_focus_is_cross_entropy(engine: Library) -> None:
    prediction, target = engine.array(SCORES), engine.array(DISTRIBUTIONS)
    both = ml.value_and_grad(partial(ml.focal, gamma=0.0))(prediction, target)
    check(engine, both, expected("cross_entropy"))
    shares = engine.array(np.abs(SCORES) / 8)
    binary = ml.value_and_grad(ml.binary_cross_entropy)(prediction, shares)
    found = ml.value_and_grad(partial(ml.binary_focal, gamma=0.0))(prediction, shares)
    for one, other in zip(found, binary, strict=True):
        close(engine, one, engine.numpy(other))


def test_cross_entropy_is_divergence_plus_entropy(engine: Library) -> None:
    prediction, target = engine.array(SCORES), engine.array(DISTRIBUTIONS)
    entropy = -np.sum(DISTRIBUTIONS * np.log(np.where(DISTRIBUTIONS > 0, DISTRIBUTIONS, 1)), -1)
    divergence = engine.numpy(ml.kl_divergence(prediction, target, reduction="none"))
    found = ml.cross_entropy(prediction, target, reduction="none")
    close(engine, found, divergence + entropy)


def test_brier_is_the_squared_error_of_the_softmax(engine: Library) -> None:
    exponentials = np.exp(SCORES - SCORES.max(-1, keepdims=True))
    softmax = exponentials / exponentials.sum(-1, keepdims=True)
    found = ml.brier(engine.array(SCORES), engine.array(DISTRIBUTIONS))
    errors = ml.mse(softmax, DISTRIBUTIONS, axis=-1, reduction="sum")
    close(engine, found, np.mean(errors))


PAIRS = {
    "cross_entropy": (ml.binary_cross_entropy, ml.cross_entropy),
    "smoothed": (
        partial(ml.binary_cross_entropy, label_smoothing=0.25),
        partial(ml.cross_entropy, label_smoothing=0.25),
    ),
    "focal": (partial(ml.binary_focal, gamma=0.5), partial(ml.focal, gamma=0.5)),
}


@pytest.mark.parametrize(("binary", "of_classes"), PAIRS.values(), ids=PAIRS)
def test_binary_losses_are_those_of_two_classes(
    engine: Library, binary: Any, of_classes: Any
) -> None:
    shares = np.abs(SCORES) / 8
    logits = np.stack([np.zeros_like(SCORES), SCORES], -1)
    target = np.stack([1 - shares, shares], -1)
    value, gradient = ml.value_and_grad(binary)(engine.array(SCORES), engine.array(shares))
    two = ml.value_and_grad(of_classes)(engine.array(logits), engine.array(target))
    close(engine, two[0], engine.numpy(value))
    close(engine, two[1][..., 1], engine.numpy(gradient))


def test_logistic_is_the_binary_cross_entropy_of_booleans(engine: Library) -> None:
    prediction, bits = engine.array(SCORES), SCORES > 1
    value, gradient = ml.value_and_grad(ml.logistic)(prediction, engine.array(bits, "bool"))
    other = ml.value_and_grad(ml.binary_cross_entropy)(prediction, engine.array(bits, "float32"))
    close(engine, other[0], engine.numpy(value))
    close(engine, other[1], engine.numpy(gradient))


def test_impossible_class_is_the_same_without_it(engine: Library) -> None:
    impossible = np.concatenate([SCORES, np.full((4, 1), -np.inf)], axis=1)
    wider = np.concatenate([DISTRIBUTIONS, np.zeros((4, 1))], axis=1)
    for name in ("cross_entropy", "focal", "kl_divergence", "jensen_shannon", "brier"):
        value, gradient = ml.value_and_grad(LOSSES[name].function)(
            engine.array(impossible), engine.array(wider)
        )
        check(engine, (value, gradient[:, :3]), expected(name))
        assert not np.any(engine.numpy(gradient)[:, 3])
