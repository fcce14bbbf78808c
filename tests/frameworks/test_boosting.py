"""Objectives and metrics in XGBoost and LightGBM, beside their own."""

from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost

import multiloss as ml
from multiloss.boosting import metric, objective

NEEDS = "frameworks"

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(200, 4))
TRUTH = np.sin(DATA[:, 0]) + DATA[:, 1] ** 2 + RNG.normal(size=200)
WEIGHT = RNG.uniform(0.5, 2.0, size=200)
BITS = (DATA[:, 0] + RNG.normal(size=200) > 0).astype(float)
CLASSES = np.argmax(DATA[:, :3] + RNG.normal(size=(200, 3)), axis=1).astype(float)
ROUNDS = 15
weights = pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])


def by_xgboost(truth: Any, weight: Any, params: Any, loss: Any = None) -> Any:
    data = xgboost.DMatrix(DATA, label=truth, weight=weight)
    params = {"base_score": 0.0, "max_depth": 3, "nthread": 2, **params}
    model = xgboost.train(params, data, ROUNDS, obj=loss)
    return model.predict(data, output_margin=True)


XGBOOST = {
    "squares": (TRUTH, {"objective": "reg:squarederror"}, objective("sse")),
    "pseudo_huber": (
        TRUTH,
        {"objective": "reg:pseudohubererror", "huber_slope": 1.5},
        objective("pseudo_huber", delta=1.5),
    ),
    "logistic": (
        BITS,
        {"objective": "binary:logistic", "base_score": 0.5},
        objective("binary_cross_entropy"),
    ),
    "margin": (BITS, {"objective": "binary:logistic", "base_score": 0.5}, objective("logistic")),
}


@weights
@pytest.mark.parametrize("name", XGBOOST)
def test_objectives_of_xgboost(name: str, weight: Any) -> None:
    truth, params, loss = XGBOOST[name]
    found = by_xgboost(truth, weight, {}, loss)
    expected = by_xgboost(truth, weight, params)
    # XGBoost adds up in single precision, also what decides between two splits.
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_classes_in_xgboost() -> None:
    params = {"num_class": 3}
    found = by_xgboost(CLASSES, WEIGHT, params, objective("cross_entropy"))
    assert found.shape == (200, 3)
    before = ml.cross_entropy(np.zeros((200, 3)), CLASSES.astype(int))
    assert ml.cross_entropy(found, CLASSES.astype(int)) < 0.7 * before


@pytest.mark.parametrize("loss", ["mae", "pinball(q=0.9)", "huber(delta=0.5)", "cauchy"])
@weights
def test_losses_with_straight_pieces_fall(loss: str, weight: Any) -> None:
    found = by_xgboost(TRUTH, weight, {}, objective(loss))
    value = ml.get(loss)
    assert value(found, TRUTH) < 0.8 * value(0.0 * found, TRUTH)


def by_lightgbm(truth: Any, weight: Any, params: Any) -> Any:
    data = lightgbm.Dataset(DATA, label=truth, weight=weight, free_raw_data=False)
    params = {"verbose": -1, "num_threads": 2, "boost_from_average": False, **params}
    return lightgbm.train(params, data, ROUNDS).predict(DATA, raw_score=True)


LIGHTGBM = {
    "squares": (TRUTH, {"objective": "regression"}, objective("sse")),
    "logistic": (BITS, {"objective": "binary"}, objective("binary_cross_entropy")),
}


@weights
@pytest.mark.parametrize("name", LIGHTGBM)
def test_objectives_of_lightgbm(name: str, weight: Any) -> None:
    truth, params, loss = LIGHTGBM[name]
    found = by_lightgbm(truth, weight, {"objective": loss})
    np.testing.assert_allclose(found, by_lightgbm(truth, weight, params), rtol=1e-4, atol=1e-5)


@weights
def test_first_step_of_a_quantile(weight: Any) -> None:
    # LightGBM's own: the gradient 1 - q or -q, and the second derivative 1, each times the weight.
    loss = objective("pinball", q=0.9)
    gradient, hessian = loss(TRUTH, np.zeros(200), sample_weight=weight)
    factor = np.ones(200) if weight is None else weight
    np.testing.assert_allclose(gradient, factor * np.where(TRUTH < 0, 0.1, -0.9), rtol=1e-12)
    np.testing.assert_allclose(hessian, factor, rtol=1e-12)


@weights
def test_estimators(weight: Any) -> None:
    native = by_xgboost(TRUTH, weight, {}, objective("huber", delta=2.0))
    of_xgboost = xgboost.XGBRegressor(
        n_estimators=ROUNDS,
        max_depth=3,
        base_score=0.0,
        n_jobs=2,
        objective=objective("huber", delta=2.0),
    )
    of_xgboost.fit(DATA, TRUTH, sample_weight=weight)
    np.testing.assert_allclose(of_xgboost.predict(DATA), native, rtol=1e-5, atol=1e-6)
    native = by_lightgbm(TRUTH, weight, {"objective": objective("huber", delta=2.0)})
    of_lightgbm = lightgbm.LGBMRegressor(
        n_estimators=ROUNDS, n_jobs=2, verbose=-1, objective=objective("huber", delta=2.0)
    )
    of_lightgbm.fit(DATA, TRUTH, sample_weight=weight)
    found = of_lightgbm.booster_.predict(DATA, raw_score=True)
    np.testing.assert_allclose(found, native, rtol=1e-5, atol=1e-6)


@weights
def test_metrics(weight: Any) -> None:
    name, loss = "pinball(q=0.9)", metric("pinball", q=0.9)
    history: Any = {}
    data = xgboost.DMatrix(DATA, label=TRUTH, weight=weight)
    params = {"base_score": 0.0, "disable_default_eval_metric": 1}
    model = xgboost.train(
        params,
        data,
        3,
        custom_metric=loss,
        evals=[(data, "train")],
        evals_result=history,
        verbose_eval=False,
    )
    expected = ml.pinball(model.predict(data), TRUTH, q=0.9, weight=weight)
    assert history["train"][name][-1] == pytest.approx(expected, rel=1e-5)

    of_xgboost = xgboost.XGBRegressor(n_estimators=3, base_score=0.0, eval_metric=loss)
    of_xgboost.fit(
        DATA,
        TRUTH,
        sample_weight=weight,
        eval_set=[(DATA, TRUTH)],
        sample_weight_eval_set=None if weight is None else [weight],
        verbose=False,
    )
    expected = ml.pinball(of_xgboost.predict(DATA), TRUTH, q=0.9, weight=weight)
    found = of_xgboost.evals_result()["validation_0"][name][-1]
    assert found == pytest.approx(expected, rel=1e-5)

    history = {}
    train = lightgbm.Dataset(DATA, label=TRUTH, weight=weight, free_raw_data=False)
    booster = lightgbm.train(
        {"objective": "regression", "metric": "None", "verbose": -1},
        train,
        3,
        valid_sets=[train],
        feval=loss,
        callbacks=[lightgbm.record_evaluation(history)],
    )
    expected = ml.pinball(booster.predict(DATA), TRUTH, q=0.9, weight=weight)
    assert history["training"][name][-1] == pytest.approx(expected, rel=1e-5)

    of_lightgbm = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1, metric="None")
    of_lightgbm.fit(
        DATA,
        TRUTH,
        sample_weight=weight,
        eval_set=[(DATA, TRUTH)],
        eval_sample_weight=None if weight is None else [weight],
        eval_metric=loss,
    )
    expected = ml.pinball(of_lightgbm.predict(DATA), TRUTH, q=0.9, weight=weight)
    found = next(iter(of_lightgbm.evals_result_.values()))[name][-1]
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_sum_adds_up_every_loss() -> None:
    # 1 + 0.001 each; sse alone has no reduction.
    for loss in ("0.001 * sse + mae", "0.0005 * mse + mae"):
        gradient, hessian = objective(loss)(np.zeros(4), np.ones(4))
        np.testing.assert_allclose(gradient, np.full(4, 1.001), rtol=1e-12)
        np.testing.assert_allclose(hessian, np.full(4, 1.001), rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "truth", "message"),
    [
        ("hinge", [1.0, 2.0], "the label 2.0 is none of 0 and 1"),
        ("cross_entropy", [0.5, 1.0], "the label 0.5 is none of 3 classes"),
        ("cross_entropy", [1.0, 3.0], "the label 3.0 is none of 3 classes"),
    ],
)
def test_labels(loss: str, truth: Any, message: str) -> None:
    scores = np.zeros((2, 3)) if loss == "cross_entropy" else np.zeros(2)
    with pytest.raises(ValueError, match=message):
        objective(loss)(truth, scores)


def test_mistakes() -> None:
    with pytest.raises(TypeError, match="weight= is what this adapter or the library passes"):
        metric("mse", weight=[1.0])
    with pytest.raises(TypeError, match="reduction= is what this adapter or the library passes"):
        objective("mse", reduction="mean")
    with pytest.raises(TypeError, match="rmse has no second derivative in closed form"):
        objective("rmse")([1.0], [2.0])


def test_names() -> None:
    assert metric("huber", delta=2.0).__name__ == "huber(delta=2.0)"
