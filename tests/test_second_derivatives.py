"""The gradient and the diagonal of the Hessian are those of the definition."""

import pickle
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

import class_losses
import multiloss as ml
from engines import Library
from losses import LOSSES, elements, every, made, mp
from test_extremes import OF_RESIDUALS, residuals

# No norms, not even that of the exponent 1.
ELEMENTWISE = {
    name: row
    for name, row in LOSSES.items()
    if row.exponent == 1.0 and not name.startswith("minkowski")
}
OF_CLASSES = {
    name: row
    for name, row in class_losses.LOSSES.items()
    if name.startswith("cross_entropy") or not row.is_vector
}
# Where the definition has no second derivative.
KINKS: dict[str, Any] = {
    "smape": lambda y, _: y == 0,
    "squared_hinge": lambda y, t: y * t == 1,
    "modified_huber": lambda y, t: y * t == 1,
}
WEIGHT = np.array([[1.0, 2.0, 0.5], [0.0, 3.0, 1.0], [0.25, 1.0, 1.0], [2.0, 2.0, 4.0]])
MASK = WEIGHT > 0.5


def has_second(name: str) -> Any:
    """Return for which elements a loss has a second derivative."""
    row = LOSSES[name]
    prediction, target = row.operands()
    smooth = np.ones(prediction.shape, bool)
    if not row.is_smooth_when_perfect:
        smooth = prediction != target
    return smooth & ~kinks(name, prediction, target)


def kinks(name: str, prediction: Any, target: Any) -> Any:
    """Return for which elements a loss has none, other than perfect ones."""
    if name not in KINKS:
        return np.zeros(prediction.shape, bool)
    return KINKS[name](prediction, target)


def close(engine: Library, found: Any, reference: Any, ulps: int = 64) -> None:
    eps = engine.eps(found)
    # Where the second derivative changes its sign, two terms cancel.
    np.testing.assert_allclose(engine.numpy(found), reference, rtol=ulps * eps, atol=ulps * eps / 8)


@pytest.mark.family
@every(ELEMENTWISE)
def test_of_the_elements(engine: Library, name: str) -> None:
    row = LOSSES[name]
    operands = [engine.array(each) for each in row.operands()]
    gradient, hessian = ml.gradient_and_hessian(row.function)(*operands, **_summed(name))
    close(engine, gradient, elements(name, 1), 4 * row.ulps)
    smooth = has_second(name)
    found = engine.numpy(hessian)
    assert np.isfinite(found).all()
    close(
        engine,
        engine.array(np.where(smooth, found, 0.0), engine.dtype_name(hessian)),
        np.where(smooth, elements(name, 2), 0.0),
        16 * row.ulps,
    )


def _summed(name: str) -> dict[str, str]:
    return {"reduction": "sum"} if LOSSES[name].reduction == "mean" else {}


@cache
def second_of_items(name: str) -> Any:
    """Return the second partial derivatives of each item, by the difference quotient."""
    row = class_losses.LOSSES[name]

    def along(y: Any, t: Any, c: int, each: Any) -> Any:
        return row.value([*y[:c], each, *y[c + 1 :]], t)

    found = [
        [float(mp.chop(mp.diff(partial(along, y, t, c), y[c], 2), 1e-20)) for c in range(len(y))]
        for y, t in row.items()
    ]
    return np.reshape(found, row.operands()[0].shape)


@pytest.mark.family
@pytest.mark.parametrize("name", OF_CLASSES)
def test_of_the_classes(engine: Library, name: str) -> None:
    row = OF_CLASSES[name]
    prediction, target = row.operands()
    left_out = kinks(name, prediction, target)
    operands = engine.array(prediction), engine.array(target, str(target.dtype))
    _, hessian = ml.gradient_and_hessian(row.function)(*operands, reduction="sum")
    found = np.where(left_out, 0.0, engine.numpy(hessian))
    reference = np.where(left_out, 0.0, second_of_items(name))
    close(engine, engine.array(found, engine.dtype_name(hessian)), reference)


@pytest.mark.family
@pytest.mark.parametrize("options", ["weight", "where", "axis", "none", "both"])
@pytest.mark.parametrize("name", ["mse", "smooth_l1", "cauchy", "gamma_deviance"])
def test_options_count_as_for_the_gradient(engine: Library, name: str, options: str) -> None:
    row = LOSSES[name]
    prediction, target = row.operands()
    weight, mask = engine.array(WEIGHT), engine.array(MASK, "bool")
    # Σ w l / Σ w, whose second derivative is w l'' / Σ w.
    given, factor = {
        "weight": ({"weight": weight}, WEIGHT / WEIGHT.sum()),
        "where": ({"where": mask}, MASK / MASK.sum()),
        "axis": ({"weight": weight, "axis": 0}, WEIGHT / WEIGHT.sum(axis=0)),
        "none": ({"reduction": "none"}, 1.0),
        "both": (
            {"weight": weight, "where": mask, "reduction": "sum"},
            WEIGHT * MASK,
        ),
    }[options]
    both = ml.gradient_and_hessian(row.function)
    gradient, hessian = both(engine.array(prediction), engine.array(target), **given)
    close(engine, gradient, factor * elements(name, 1), 4 * row.ulps)
    close(engine, hessian, factor * elements(name, 2), 16 * row.ulps)


@pytest.mark.family
def test_where_it_is_broadcast(engine: Library) -> None:
    # Σ over three of (y - t)², whose second derivative is 6.
    both = ml.gradient_and_hessian(ml.mse)
    prediction, target = engine.array([[1.0]]), engine.array([[0.0, 1.0, 2.0]])
    gradient, hessian = both(prediction, target, broadcast=True, reduction="sum")
    close(engine, gradient, [[0.0]])
    close(engine, hessian, [[6.0]])


@pytest.mark.family
def test_a_mask_keeps_nan_out(engine: Library) -> None:
    prediction = engine.array([float("nan"), 2.0])
    mask = engine.array([False, True], "bool")
    both = ml.gradient_and_hessian(ml.log_cosh)
    gradient, hessian = both(prediction, engine.array([0.0, 2.0]), where=mask)
    close(engine, gradient, [0.0, 0.0])
    close(engine, hessian, [0.0, 1.0])


# w c and w [|r| <= 1], with r = 0.5 and 3, c = 0.5 and 1, w = 2 and 3. What replaces a zero is
# multiplied by w too.
@pytest.mark.parametrize(("nonpositive", "expected"), [(None, 0.0), (1.0, 1.0), (0.25, 0.25)])
def test_what_stands_on_straight_pieces(nonpositive: float | None, expected: float) -> None:
    both = ml.gradient_and_hessian(ml.huber, nonpositive=nonpositive)
    gradient, hessian = both([0.5, 3.0], [0.0, 0.0], reduction="sum", weight=[2.0, 3.0])
    np.testing.assert_array_equal(gradient, [1.0, 3.0])
    np.testing.assert_array_equal(hessian, [2.0, 3 * expected])
    # At a kink, as beside it.
    of_kink = ml.gradient_and_hessian(ml.mae, nonpositive=nonpositive)
    np.testing.assert_array_equal(of_kink([1.0], [1.0])[1], [expected])


def test_what_stands_where_a_loss_is_concave() -> None:
    # log(1 + z²/2) has (1 - z²/2) / (1 + z²/2)² = -1/9 at z = 2.
    _, hessian = ml.gradient_and_hessian(ml.cauchy)([2.0], [0.0])
    np.testing.assert_allclose(hessian, [-1 / 9], rtol=1e-15)
    _, hessian = ml.gradient_and_hessian(ml.cauchy, nonpositive=0.5)([2.0], [0.0])
    np.testing.assert_array_equal(hessian, [0.5])
    # A factor of the loss, as ½ of msle, does not multiply it.
    concave = ml.gradient_and_hessian(ml.msle, nonpositive=0.5)
    np.testing.assert_array_equal(concave([9.0], [0.0], half=True)[1], [0.5])


@every(ELEMENTWISE)
def test_nan_has_no_second_derivative(name: str) -> None:
    for operands in (([np.nan, 1.0], [1.0, 1.0]), ([1.0, 1.0], [np.nan, 1.0])):
        for nonpositive in (None, 1.0):
            both = ml.gradient_and_hessian(LOSSES[name].function, nonpositive=nonpositive)
            assert np.isnan(both(*operands)[1]).tolist() == [True, False]


@pytest.mark.parametrize("prediction", [1e-20, 1e-25, 1e-9])
def test_focal_of_a_probability_that_vanishes(prediction: float) -> None:
    # p² (-log(1 - p)) is p³ there, with the second derivative 6 p.
    both = ml.gradient_and_hessian(ml.binary_focal)
    operands = np.array([prediction], np.float32), np.zeros(1, np.float32)
    _, hessian = both(*operands, from_logits=False)
    assert hessian[0] == pytest.approx(6 * prediction, rel=1e-5, abs=1e-24)


def test_barron_of_a_scale_that_vanishes() -> None:
    # z = r/s is large: (1 + z²)^(-3/2) / s² = s / r³
    _, hessian = ml.gradient_and_hessian(ml.barron)(np.ones(1), np.zeros(1), scale=1e-200)
    assert hessian[0] == pytest.approx(1e-200, rel=1e-12)


@pytest.mark.parametrize("loss", ["2 * mae", "mae + mae"])
def test_each_loss_of_a_sum_is_replaced(loss: str) -> None:
    both = ml.gradient_and_hessian(ml.get(loss), nonpositive=1.0)
    np.testing.assert_array_equal(both([1.0], [2.0])[1], [2.0])


def test_nan_stays_nan_outside_of_the_domain() -> None:
    # Outside of the domain; and 2 (2 t/y - 1) / y² / 2 = 1.
    for nonpositive in (None, 1.0):
        both = ml.gradient_and_hessian(ml.gamma_deviance, nonpositive=nonpositive)
        np.testing.assert_array_equal(both([-1.0, 1.0], [1.0, 1.0])[1], [np.nan, 1.0])


# At a jump that of the side below, q/δ and 2 q, as automatic differentiation finds.
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (partial(ml.quantile_huber, q=0.25, delta=0.5), 0.5),
        (partial(ml.expectile, q=0.25), 0.5),
    ],
)
def test_where_it_jumps(loss: Any, expected: float) -> None:
    _, hessian = ml.gradient_and_hessian(loss)([1.0], [1.0])
    np.testing.assert_array_equal(hessian, [expected])


# 2 · 0.5 for the squares; 0.3 within delta, and nothing beyond
@pytest.mark.parametrize(
    "loss",
    [
        0.5 * ml.get("mse") + 0.3 * ml.get("huber", delta=2.0),
        0.5 * ml.get("mse") + 0.3 * ml.get("huber", delta=2.0) + 0.0 * ml.get("sse") / 2,
        lambda y, t, **k: 0.5 * ml.mse(y, t, **k) + 0.3 * ml.huber(y, t, delta=2.0, **k),
    ],
    ids=["one pass", "sum and mean", "function"],
)
def test_of_sums(loss: Any) -> None:
    gradient, hessian = ml.gradient_and_hessian(loss)([1.0, 4.0], [0.0, 0.0])
    np.testing.assert_allclose(2 * gradient, [1.3, 4.6], rtol=1e-14)
    np.testing.assert_allclose(2 * hessian, [1.3, 1.0], rtol=1e-14)


@pytest.mark.slow
@every({name: row for name, row in OF_RESIDUALS.items() if name in ELEMENTWISE})
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_from_the_smallest_residual_to_the_largest(name: str, dtype: str) -> None:
    limits = np.finfo(dtype)
    given = np.array([each for each in residuals(dtype) if each >= limits.tiny], dtype)
    both = ml.gradient_and_hessian(LOSSES[name].function)
    _, hessian = both(given, np.zeros_like(given), **_summed(name))
    exact = np.array([second_of_residual(name, float(each)) for each in given])
    np.testing.assert_allclose(
        hessian.astype(float), exact, rtol=4096 * float(limits.eps), atol=2 * float(limits.tiny)
    )


@cache
def second_of_residual(name: str, residual: float) -> float:
    """Return the second derivative, by a step that is small beside the residual and 1."""
    row = LOSSES[name]
    with mp.workdps(1400):
        y = mp.mpf(residual)
        step = y * mp.mpf(10) ** -300
        ahead, here, behind = (row.value(y + each, mp.mpf(0)) for each in (step, 0, -step))
        return float(row.scale * (ahead - 2 * here + behind) / step**2)


def test_what_has_none() -> None:
    for loss in (ml.rmse, ml.minkowski, ml.cosine_distance, ml.dice, ml.brier, made):
        with pytest.raises(TypeError, match="has no second derivative in closed form"):
            ml.gradient_and_hessian(loss)([[0.5, 1.0]], [[1.0, 1.0]])
    with pytest.raises(TypeError, match="mse of complex numbers is not defined"):
        ml.gradient_and_hessian(ml.mse)([1j], [0.0])
    with pytest.raises(TypeError, match="gradient_and_hessian takes a loss"):
        ml.gradient_and_hessian(3)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="use gradient_and_hessian"):
        ml.value_and_grad(ml.value_and_grad(ml.mse))([1.0], [0.0])


def test_it_can_be_pickled() -> None:
    both = ml.gradient_and_hessian(ml.huber, nonpositive=1.0)
    copy = pickle.loads(pickle.dumps(both))  # noqa: S301  made by the test
    assert repr(copy) == "gradient_and_hessian(huber)"
    np.testing.assert_array_equal(copy([3.0], [0.0]), [[1.0], [1.0]])
