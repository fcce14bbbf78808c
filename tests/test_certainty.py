"""Losses of classification at certainty, at infinite scores, and with labels that do not fit."""

from typing import Any

import numpy as np
import pytest

import multiloss as ml
from class_losses import softmax
from engines import Library
from losses import mp

pytestmark = pytest.mark.family

INF, NAN = np.inf, np.nan


def one_hot(label: int) -> Any:
    return np.eye(3)[label]


def both(engine: Library, loss: Any, prediction: Any, target: Any, **options: Any) -> Any:
    """Return value and gradient in NumPy."""
    found = ml.value_and_grad(loss)(engine.array(prediction, "float32"), target, **options)
    return tuple(map(engine.numpy, found))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("distance", [0.0, 0.5, 3.0, 20.0, 40.0, 80.0, 700.0])
@pytest.mark.parametrize("label", [0, 1])
def test_every_digit_from_doubt_to_certainty(
    engine: Library, dtype: str, distance: float, label: int
) -> None:
    dtype = dtype if engine.has_float64 else "float32"
    limits = np.finfo(dtype)
    scores = [distance, 0.0, 0.0]
    with mp.workdps(700):
        p = softmax([mp.mpf(each) for each in scores])
        value = float(-mp.log(p[label]))
        slopes = [float(each - t) for each, t in zip(p, one_hot(label).tolist(), strict=True)]
    prediction = engine.array([scores], dtype)
    exact: list[Any] = [value, [slopes]]
    for target in (engine.array([label], "int32"), engine.array([one_hot(label)], dtype)):
        found = ml.value_and_grad(ml.cross_entropy)(prediction, target)
        for result, reference in zip(found, exact, strict=True):
            np.testing.assert_allclose(
                engine.numpy(result),
                reference,
                rtol=8 * float(limits.eps),
                atol=4 * float(limits.tiny),
            )


@pytest.mark.parametrize("distance", [0.0, 1.0, 30.0, 80.0])
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_every_digit_of_two_classes(
    engine: Library, distance: float, label: int, sign: int
) -> None:
    opposed: Any = mp.mpf(sign * distance) * (1 - 2 * label)
    value = float(mp.log1p(mp.exp(opposed)))
    slope = float((1 - 2 * label) / (1 + mp.exp(-opposed)))
    eps = float(np.finfo(np.float32).eps)
    found = both(engine, ml.binary_cross_entropy, [sign * distance], engine.array([label], "int8"))
    np.testing.assert_allclose(found[0], value, rtol=8 * eps)
    np.testing.assert_allclose(found[1], [slope], rtol=8 * eps)


def test_loss_far_below_several(engine: Library) -> None:
    # exp(-200) is no number in single precision: 200 + mpmath.log(3)
    value, _ = both(engine, ml.cross_entropy, [[0.0, 0.0, 0.0, -200.0]], [3])
    assert float(value) == pytest.approx(201.09861228866811, rel=1e-7)


def test_loss_at_certainty(engine: Library) -> None:
    # mpmath.log1p(2 * mpmath.exp(-20))
    value, gradient = both(engine, ml.cross_entropy, [[20.0, 0.0, 0.0]], [0])
    assert float(value) == pytest.approx(4.1223072e-9, rel=1e-6)
    assert gradient[0, 0] == pytest.approx(-4.1223072e-9, rel=1e-6)


@pytest.mark.parametrize(
    ("scores", "label", "value"),
    [
        ([INF, 0, 0], 0, 0.0),
        ([INF, 0, 0], 1, INF),
        ([INF, INF, 0], 0, NAN),
        ([INF, INF, 0], 2, NAN),
        ([-INF, -INF, -INF], 0, NAN),
        ([-INF, 0, 0], 0, INF),
        ([0, -INF, 0], 0, np.log(2)),
        ([-INF, -INF, 0], 2, 0.0),
        ([NAN, 0, 0], 1, NAN),
    ],
    ids=str,
)
def test_infinite_scores(engine: Library, scores: Any, label: int, value: float) -> None:
    for target in (engine.array([label], "int32"), engine.array([one_hot(label)], "float32")):
        found, gradient = both(engine, ml.cross_entropy, [scores], target)
        np.testing.assert_allclose(found, value, rtol=1e-6)
        if np.isnan(value):
            assert np.all(np.isnan(gradient))
        else:
            assert np.all(np.isfinite(gradient))


def test_infinite_logit_of_two_classes(engine: Library) -> None:
    scores, bits = [INF, -INF, INF, -INF], engine.array([1, 0, 0, 1], "int8")
    value, gradient = both(engine, ml.binary_cross_entropy, scores, bits, reduction="none")
    np.testing.assert_array_equal(value, [0, 0, INF, INF])
    np.testing.assert_array_equal(gradient, [0, 0, 1, -1])


@pytest.mark.parametrize("label", [-1, 3, 5, -100])
def test_label_that_is_no_class(engine: Library, label: int) -> None:
    scores, labels = np.zeros((2, 3)), engine.array([0, label], "int32")
    for loss in (ml.cross_entropy, ml.focal, ml.kl_divergence, ml.brier, ml.multiclass_hinge):
        value, gradient = both(engine, loss, scores, labels, reduction="none")
        assert np.isnan(value).tolist() == [False, True]
        assert np.isnan(gradient).tolist() == [[False] * 3, [True] * 3]
        mask = engine.array([True, False], "bool")
        masked, gradient = both(engine, loss, scores, labels, where=mask)
        np.testing.assert_allclose(masked, value[0], rtol=1e-6)
        assert not np.any(gradient[1])
        weighted, _ = both(
            engine, ml.cross_entropy, scores, labels, where=mask, class_weight=[2, 1, 1]
        )
        np.testing.assert_allclose(weighted, np.log(3), rtol=1e-6)


def test_class_without_weight_is_left_out(engine: Library) -> None:
    scores = [[-INF, 0.0, 0.0], [0.0, 0.0, 0.0]]
    for target in (engine.array([0, 1], "int32"), engine.array(np.eye(3)[:2], "float32")):
        value, _ = both(engine, ml.cross_entropy, scores, target, class_weight=[0, 1, 1])
        np.testing.assert_allclose(value, np.log(3), rtol=1e-6)


def test_smoothing_of_an_impossible_class(engine: Library) -> None:
    for target in (engine.array([0], "int32"), engine.array([one_hot(0)], "float32")):
        value, _ = both(engine, ml.cross_entropy, [[0, -INF, 0]], target, label_smoothing=0.1)
        assert value == INF


def test_half_precision_of_many_classes(engine: Library) -> None:
    dtype = "float16" if "float16" in engine.dtypes else "float32"
    # Dask has a task for each small chunk.
    classes = 700 if engine.name == "dask" else 70_000
    value = ml.cross_entropy(engine.array(np.zeros((1, classes)), dtype), [3])
    assert engine.eps(value) <= np.finfo(np.float32).eps
    np.testing.assert_allclose(engine.numpy(value), np.log(classes), rtol=1e-6)


def test_probability_zero_of_what_happened(engine: Library) -> None:
    value, _ = both(engine, ml.cross_entropy, [[0.0, 1.0]], [0], from_logits=False)
    assert value == INF
    bits = engine.array([1, 0], "int8")
    value, _ = both(
        engine, ml.binary_cross_entropy, [0, 0], bits, from_logits=False, reduction="none"
    )
    np.testing.assert_array_equal(value, [INF, 0])


def test_probabilities_are_taken_as_they_are(engine: Library) -> None:
    value, _ = both(engine, ml.cross_entropy, [[0.5, 3.0]], [0], from_logits=False)
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)


@pytest.mark.parametrize("loss", [ml.kl_divergence, ml.jensen_shannon])
def test_divergence_where_both_are_zero(engine: Library, loss: Any) -> None:
    shares = engine.array([[0.5, 0.5, 0.0]], "float32")
    value, gradient = both(engine, loss, [[0.5, 0.5, 0.0]], shares, from_logits=False)
    assert value == 0
    assert np.all(np.isfinite(gradient[:, :2]))
    value, gradient = both(engine, loss, [[0.0, 0.0, -INF]], shares)
    np.testing.assert_allclose(value, 0.0, atol=1e-7)
    assert np.all(np.isfinite(gradient))


def test_booleans_are_signs_to_a_margin(engine: Library) -> None:
    for loss in (ml.hinge, ml.squared_hinge, ml.modified_huber, ml.logistic):
        scores, bits = [0.5, -2.0], engine.array([True, False], "bool")
        signs = engine.array([1, -1], "int8")
        for one, other in zip(
            both(engine, loss, scores, bits), both(engine, loss, scores, signs), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_logistic_far_from_its_class(engine: Library) -> None:
    scores, signs = [-1000.0, 1000.0], engine.array([1, 1], "int8")
    value, gradient = both(engine, ml.logistic, scores, signs, reduction="none")
    np.testing.assert_array_equal(value, [1000, 0])
    np.testing.assert_array_equal(gradient, [-1, 0])


@pytest.mark.parametrize("gamma", [0.0, 0.25, 1.0, 2.0])
def test_focal_loss_of_a_certain_and_right_prediction(engine: Library, gamma: float) -> None:
    for distance in (50.0, 1000.0, INF):
        value, gradient = both(engine, ml.focal, [[distance, 0, 0]], [0], gamma=gamma)
        assert abs(value) < 1e-19
        assert np.all(np.abs(gradient) < 1e-19)
        value, gradient = both(
            engine, ml.binary_focal, [distance], engine.array([1], "int8"), gamma=gamma
        )
        assert abs(value) < 1e-19
        assert np.all(np.abs(gradient) < 1e-19)


def test_positive_weight_for_each_column(engine: Library) -> None:
    scores, bits = np.zeros((2, 3)), engine.array([[1, 1, 0], [0, 1, 0]], "int8")
    factors = engine.array([[1.0, 2.0, 3.0]], "float32")
    value, _ = both(engine, ml.binary_cross_entropy, scores, bits, positive_weight=factors)
    np.testing.assert_allclose(value, np.log(2) * (1 + 2 + 1 + 1 + 2 + 1) / 6, rtol=1e-6)


def test_gamma_for_each_vector(engine: Library) -> None:
    scores, labels = [[1.0, 0, 0], [0, 1.0, 0]], engine.array([0, 0], "int32")
    gammas = engine.array([0.5, 3.0], "float32")
    value, gradient = both(engine, ml.focal, scores, labels, gamma=gammas, reduction="none")
    for k, gamma in enumerate((0.5, 3.0)):
        alone, slopes = both(engine, ml.focal, scores[k : k + 1], labels[k : k + 1], gamma=gamma)
        np.testing.assert_allclose(value[k], alone, rtol=1e-6)
        np.testing.assert_allclose(gradient[k : k + 1], slopes, rtol=1e-5)


def test_margin_zero_is_the_perceptron(engine: Library) -> None:
    value, gradient = both(
        engine, ml.hinge, [0.5, -2.0], engine.array([1, 1], "int8"), margin=0, reduction="none"
    )
    np.testing.assert_array_equal(value, [0, 2])
    np.testing.assert_array_equal(gradient, [0, -1])
    with pytest.raises(ValueError, match="margin=-1"):
        ml.hinge([0.5], [1], margin=-1)


def test_one_hot_booleans_for_the_hinge_of_classes(engine: Library) -> None:
    scores = [[2.0, 0.0, 1.5], [0.0, 3.0, 0.0]]
    labels = both(engine, ml.multiclass_hinge, scores, engine.array([0, 2], "int32"))
    bits = both(engine, ml.multiclass_hinge, scores, engine.array(np.eye(3)[[0, 2]], "bool"))
    for one, other in zip(labels, bits, strict=True):
        np.testing.assert_array_equal(one, other)
    # (1 + 1.5 - 2 + 1 + 3 - 0) / 2, and of the two best scores none is tied.
    assert labels[0] == 2.25
    np.testing.assert_array_equal(labels[1], [[-0.5, 0, 0.5], [0, 0.5, -0.5]])


def test_best_wrong_scores_that_tie_share_the_gradient(engine: Library) -> None:
    _, gradient = both(engine, ml.multiclass_hinge, [[0.0, 1.0, 1.0]], [0])
    np.testing.assert_array_equal(gradient, [[-1, 0.5, 0.5]])


def test_single_class(engine: Library) -> None:
    for loss in (ml.cross_entropy, ml.focal, ml.brier, ml.multiclass_hinge):
        value, gradient = both(engine, loss, [[3.0], [-2.0]], engine.array([0, 0], "int32"))
        assert value == 0
        np.testing.assert_array_equal(gradient, [[0], [0]])


BAD_SHAPES = [
    ((3, 2), "int32", (3, 2), r"pass target.argmax\(-1\) if they are one-hot, or floats"),
    ((3, 2), "int32", (2,), r"give them the shape \(3,\), without the axis of the classes"),
    ((3, 2), "float32", (3,), "give distributions the shape of the prediction, and labels an int"),
    ((3, 2), "float32", (), "give distributions the shape of the prediction, and labels an int"),
    ((3, 0), "int32", (3,), "without a class along class_axis=-1"),
    ((), "int32", (), "class_axis=-1 is out of range"),
]


@pytest.mark.parametrize(("given", "dtype", "target", "message"), BAD_SHAPES, ids=str)
def test_shapes_that_do_not_fit(
    engine: Library, given: Any, dtype: str, target: Any, message: str
) -> None:
    for loss in (ml.cross_entropy, ml.focal, ml.kl_divergence, ml.jensen_shannon, ml.brier):
        with pytest.raises(ValueError, match=message):
            loss(engine.array(np.zeros(given)), engine.array(np.zeros(target), dtype))


def test_what_else_does_not_fit(engine: Library) -> None:
    scores, labels = engine.array(np.zeros((3, 2))), engine.array([0, 1, 1], "int32")
    for options, message in (
        ({"class_weight": [1, 2, 3]}, r"there are 2 classes: give it the shape \(2,\)"),
        ({"class_weight": 2.0}, r"class_weight has the shape \(\)"),
        ({"class_axis": 2}, "class_axis=2 is out of range"),
        ({"class_axis": "last"}, "class_axis must be an int"),
        ({"label_smoothing": 1.5}, "label_smoothing=1.5 is out of bounds"),
        ({"weight": engine.array(np.ones((3, 2)))}, r"the loss has the shape \(3,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            ml.cross_entropy(scores, labels, **options)
    with pytest.raises(TypeError, match="takes the indices of the classes"):
        ml.multiclass_hinge(scores, engine.array(np.zeros((3, 2))))
    wrong: list[dict[str, Any]] = [{"class_axis": 0}, {"ignore_index": -100}]
    with pytest.raises(TypeError, match="mse has no option class_axis"):
        ml.mse(labels, labels, **wrong[0])
    with pytest.raises(TypeError, match="ignore_index; did you mean where"):
        ml.cross_entropy(scores, labels, **wrong[1])
    with pytest.raises(ValueError, match="give them one shape"):
        ml.binary_cross_entropy(labels, labels[:, None])


def test_broadcast_of_labels_and_distributions(engine: Library) -> None:
    scores = engine.array(np.arange(6.0).reshape(2, 3))
    shares = engine.array([0.5, 0.25, 0.25])
    value = ml.cross_entropy(scores, shares, broadcast=True)
    full = engine.array(np.tile([0.5, 0.25, 0.25], (2, 1)))
    np.testing.assert_allclose(engine.numpy(value), engine.numpy(ml.cross_entropy(scores, full)))
    label = engine.array([2], "int32")
    value, gradient = ml.value_and_grad(ml.cross_entropy)(scores[:1, :], label, broadcast=True)
    wide = engine.array([2, 2], "int32")
    other = ml.value_and_grad(ml.cross_entropy)(scores[:1, :], wide, broadcast=True)
    np.testing.assert_allclose(engine.numpy(value), engine.numpy(other[0]))
    np.testing.assert_allclose(engine.numpy(gradient), engine.numpy(other[1]))


@pytest.mark.parametrize("loss", [ml.cross_entropy, ml.brier, ml.multiclass_hinge])
def test_single_vector_that_is_large(tuned_engine: Library, loss: Any) -> None:
    scores = np.zeros(1_200_000)
    scores[3] = 4.0
    alone = ml.value_and_grad(loss)(tuned_engine.array(scores), 3)
    row = ml.value_and_grad(loss)(tuned_engine.array(scores[None]), [3])
    np.testing.assert_allclose(tuned_engine.numpy(alone[0]), tuned_engine.numpy(row[0]), rtol=1e-6)
    np.testing.assert_allclose(
        tuned_engine.numpy(alone[1]), tuned_engine.numpy(row[1])[0], rtol=1e-6
    )


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"label_smoothing": 1.0}])
def test_masked_probabilities(engine: Library, options: Any) -> None:
    bits, mask = engine.array([1, 0], "int8"), engine.array([True, False], "bool")
    weight = engine.array([1.0, 2.0], "float32")
    for loss in (ml.binary_cross_entropy, ml.binary_focal):
        alone = both(engine, loss, [0.25], engine.array([1], "int8"), from_logits=False, **options)
        for given in ({}, {"weight": weight}):
            value, gradient = both(
                engine, loss, [0.25, NAN], bits, where=mask, from_logits=False, **given, **options
            )
            np.testing.assert_allclose(value, alone[0], rtol=1e-6)
            np.testing.assert_allclose(gradient, [*alone[1], 0.0], rtol=1e-6)


def test_focal_loss_of_a_wrong_and_infinite_score(engine: Library) -> None:
    for gamma in (0.0, 0.5, 2.0):
        value, gradient = both(engine, ml.focal, [[0, INF, 0]], [0], gamma=gamma)
        assert value == INF
        np.testing.assert_allclose(gradient, [[-1, 1, 0]])
        one = engine.array([1], "int8")
        value, gradient = both(engine, ml.binary_focal, [-INF], one, gamma=gamma)
        assert value == INF
        np.testing.assert_allclose(gradient, [-1])


def test_slopes_of_margins_at_infinity(engine: Library) -> None:
    signs = engine.array([1, 1, 1], "int8")
    value, gradient = both(engine, ml.hinge, [-INF, INF, NAN], signs, reduction="none")
    np.testing.assert_array_equal(value, [INF, 0, NAN])
    np.testing.assert_array_equal(gradient, [-1, 0, NAN])
    value, gradient = both(engine, ml.multiclass_hinge, [[0, INF, 1]], [0])
    assert value == INF
    np.testing.assert_array_equal(gradient, [[-1, 1, 0]])
