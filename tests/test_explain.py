"""What explain() finds, on every engine, and what it prints."""

from functools import partial

import numpy as np
import pytest

import multiloss as ml
from engines import Library
from losses import FUNCTIONS, LOSSES, PREDICTION, TARGET, every

NAN, INF = float("nan"), float("inf")


@every(LOSSES)
def test_value_and_contributions_are_those_of_the_loss(name: str) -> None:
    prediction, target = LOSSES[name].operands()
    found = ml.explain(LOSSES[name].function, prediction, target)
    value, gradient = ml.value_and_grad(LOSSES[name].function)(prediction, target)
    assert found.value == value
    assert found.gradient_norm == pytest.approx(np.linalg.norm(gradient))
    assert (found.counted, found.masked, found.weightless, found.undefined) == (12, 0, 0, 0)
    # The textbook's, of the largest element.
    first = found.largest[0]
    own = float(LOSSES[name].value(float(prediction[first.at]), float(target[first.at])))
    assert first.loss == pytest.approx(LOSSES[name].scale * own, rel=1e-9)
    assert first.prediction == prediction[first.at]
    assert found.findings == [] or "one element is" in found.findings[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_loss_can_be_explained(name: str) -> None:
    found = ml.explain(
        FUNCTIONS[name], np.abs(PREDICTION) / 16 + 0.125, np.abs(TARGET) / 16 + 0.125
    )
    assert repr(found).startswith(found.loss)
    assert found.undefined == 0


@pytest.mark.family
def test_on_every_engine(engine: Library) -> None:
    prediction = engine.array([[1.0, NAN, 3.0], [INF, 2.0, 0.0]])
    target = engine.array([[1.0, 1.0, NAN], [1.0, 2.0, 10.0]])
    weight = engine.array([[1.0, 1.0, 1.0], [1.0, 0.0, 2.0]])
    where = engine.array([[True, True, False], [True, True, True]], "bool")
    found = ml.explain("mse", prediction, target, weight=weight, where=where)
    assert np.isnan(found.value)
    report = found.operands["prediction"]
    assert (report.nan, report.first_nan) == (1, (0, 1))
    assert (report.infinite, report.first_infinite) == (1, (1, 0))
    assert report.shape == (2, 3)
    assert report.dtype.endswith(engine.dtype_name(prediction))
    assert (found.operands["target"].nan, found.operands["target"].first_nan) == (1, (0, 2))
    assert (found.counted, found.masked, found.weightless) == (4, 1, 1)
    # Those that are not finite are made of operands that are not.
    assert found.undefined == 0
    # Of the finite ones: 0, and 2 · 10².
    assert [(each.at, each.loss, each.share) for each in found.largest] == [((1, 2), 100.0, 1.0)]
    assert found.largest[0].weight == 2.0


def test_vectors_of_classes() -> None:
    scores = np.zeros((2, 3, 4))
    scores[1, :, 2] = [9.0, 0.0, 0.0]
    labels = np.array([[0, 1, 2, 0], [1, 1, 1, 3]])
    found = ml.explain(ml.cross_entropy, scores, labels, class_axis=1)
    assert (found.undefined, found.first_undefined) == (1, (1, 3))
    assert found.largest[0].at == (1, 2)
    assert found.largest[0].prediction == [9.0, 0.0, 0.0]
    assert found.largest[0].target == 1
    assert found.counted == 8


def test_sums_add_their_contributions() -> None:
    found = ml.explain(ml.get("mse") + 2 * ml.get("mae"), [3.0, 0.0], [0.0, 1.0])
    # 9 + 2 · 3 and 1 + 2
    assert [each.loss for each in found.largest] == [15.0, 3.0]
    assert found.value == 9.0


def test_options_and_parameters() -> None:
    delta = np.array([[1.0, 2.0]])
    found = ml.explain("huber", [[3.0, 3.0]], [[0.0, 0.0]], delta=delta, reduction="sum", axis=1)
    # δ (r - δ/2)
    assert [each.loss for each in found.largest] == [4.0, 2.5]
    assert found.value == pytest.approx([6.5])
    assert found.operands["delta"].shape == (1, 2)


def test_nothing_is_in_the_domain() -> None:
    found = ml.explain("msle", [-3.0, -2.0], [1.0, 1.0])
    assert (found.undefined, found.first_undefined, found.largest) == (2, (0,), [])


def test_a_loss_without_a_slope() -> None:
    loss = ml.make_loss(lambda xp, y, t: xp.abs(y - t) ** 3)
    found = ml.explain(loss, [1.0, 3.0], [0.0, 0.0])
    assert found.gradient_norm is None
    assert found.value == 14.0


def test_what_it_prints() -> None:
    found = ml.explain("mse", [1.0, NAN], [1.0, 0.0], weight=[1.0, 0.0])
    assert repr(found) == (
        "mse = nan, norm of the gradient nan\n"
        "  prediction has 1 NaN, the first at (1,)\n"
        "operands, computed in float64, strategy 'whole'\n"
        "  prediction: NumPy float64, shape (2,), 1 NaN\n"
        "  target: NumPy float64, shape (2,)\n"
        "  weight: NumPy float64, shape (2,)\n"
        "elements: 1 count, 0 are masked, 1 have weight 0, 0 are not finite"
    )


def test_mistakes_are_those_of_the_loss() -> None:
    with pytest.raises(ValueError, match="broadcast=True"):
        ml.explain("mse", [1.0], [1.0, 2.0])
    with pytest.raises(TypeError, match="huber has no option delt; did you mean delta"):
        ml.explain("huber", [1.0], [1.0], delt=1.0)
    with pytest.raises(TypeError, match="no option weights; did you mean weight"):
        ml.explain(partial(ml.mse), [1.0], [1.0], weights=np.ones(1))
