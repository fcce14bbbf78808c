"""Scorers in scikit-learn: truth first, weights, routing, classes, several outputs."""

from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor, Ridge
from sklearn.metrics import get_scorer, log_loss, mean_pinball_loss
from sklearn.metrics import make_scorer as make_scorer_of_sklearn
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

import multiloss as ml
from multiloss.sklearn import make_scorer

NEEDS = "frameworks"

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(60, 3))
TRUTH = DATA @ [1.0, -2.0, 0.5] + RNG.exponential(size=60)
WEIGHT = RNG.uniform(0.5, 2.0, size=60)
CLASSES = np.argmax(DATA + RNG.normal(size=(60, 3)), axis=1)
MODEL = LinearRegression().fit(DATA, TRUTH)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("mse", "neg_mean_squared_error"),
        ("mae", "neg_mean_absolute_error"),
        ("rmse", "neg_root_mean_squared_error"),
        ("mape", "neg_mean_absolute_percentage_error"),
    ],
)
@pytest.mark.parametrize("given", [{}, {"sample_weight": WEIGHT}], ids=["plain", "weighted"])
def test_the_same_as_those_of_sklearn(name: str, reference: str, given: Any) -> None:
    found = make_scorer(name)(MODEL, DATA, TRUTH, **given)
    assert found == pytest.approx(get_scorer(reference)(MODEL, DATA, TRUTH, **given), rel=1e-12)


def test_truth_comes_first() -> None:
    # A loss that is not symmetric.
    for q in (0.1, 0.9):
        found = make_scorer(ml.pinball, q=q)(MODEL, DATA, TRUTH)
        prediction = MODEL.predict(DATA)
        assert found == pytest.approx(-mean_pinball_loss(TRUTH, prediction, alpha=q), rel=1e-12)
        assert found == pytest.approx(-ml.pinball(prediction, TRUTH, q=q), rel=1e-15)


def test_grid_search_finds_the_quantile() -> None:
    search = GridSearchCV(
        QuantileRegressor(alpha=0.0, solver="highs"),
        {"quantile": [0.1, 0.5, 0.9]},
        scoring={"high": make_scorer("pinball(q=0.9)"), "low": make_scorer("pinball(q=0.1)")},
        refit="high",
        cv=3,
    )
    assert search.fit(DATA, TRUTH).best_params_ == {"quantile": 0.9}
    results = search.cv_results_
    assert int(np.argmax(results["mean_test_low"])) == 0


def test_metadata_routing() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer("mae").set_score_request(sample_weight=True)
        model = Ridge().set_fit_request(sample_weight=True)
        found = cross_val_score(
            model, DATA, TRUTH, cv=3, scoring=scorer, params={"sample_weight": WEIGHT}
        )
        reference = make_scorer_of_sklearn(
            sklearn.metrics.mean_absolute_error, greater_is_better=False
        ).set_score_request(sample_weight=True)
        expected = cross_val_score(
            model, DATA, TRUTH, cv=3, scoring=reference, params={"sample_weight": WEIGHT}
        )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_weights_change_what_a_grid_search_finds() -> None:
    # Three quarters of the truths are 0, and the rest, 4, has most of the weight.
    truth, weight = np.tile([0.0, 0.0, 0.0, 4.0], 10), np.tile([1.0, 1.0, 1.0, 10.0], 10)
    data, grid = np.zeros((40, 1)), {"constant": [0.0, 4.0]}
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer("mae").set_score_request(sample_weight=True)
        model = DummyRegressor(strategy="constant").set_fit_request(sample_weight=False)
        search = GridSearchCV(model, grid, scoring=scorer, cv=5)
        assert search.fit(data, truth, sample_weight=weight).best_params_ == {"constant": 4.0}
    search = GridSearchCV(model, grid, scoring=make_scorer("mae"), cv=5)
    assert search.fit(data, truth).best_params_ == {"constant": 0.0}


def test_several_outputs() -> None:
    both = np.stack([TRUTH, 2 * TRUTH], axis=1)
    model = LinearRegression().fit(DATA, both)
    found = make_scorer("mse")(model, DATA, both, sample_weight=WEIGHT)
    expected = get_scorer("neg_mean_squared_error")(model, DATA, both, sample_weight=WEIGHT)
    assert found == pytest.approx(expected, rel=1e-12)


def test_probabilities() -> None:
    model = LogisticRegression().fit(DATA, CLASSES)
    found = make_scorer("cross_entropy")(model, DATA, CLASSES, sample_weight=WEIGHT)
    expected = -log_loss(CLASSES, model.predict_proba(DATA), sample_weight=WEIGHT)
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "cross_entropy", "logistic"])
def test_two_classes(name: str) -> None:
    truth = (CLASSES > 0).astype(int)
    model = LogisticRegression().fit(DATA, truth)
    found = make_scorer(name)(model, DATA, truth, sample_weight=WEIGHT)
    expected = -log_loss(truth, model.predict_proba(DATA), sample_weight=WEIGHT)
    assert found == pytest.approx(expected, rel=1e-9)


def test_margins() -> None:
    truth = (CLASSES > 0).astype(int)
    model = LogisticRegression().fit(DATA, truth)
    expected = -sklearn.metrics.hinge_loss(truth, model.decision_function(DATA))
    assert make_scorer("hinge")(model, DATA, truth) == pytest.approx(expected, rel=1e-12)


def test_jobs_and_several_scorers() -> None:
    scoring = {"loss": make_scorer("0.5 * mse + 0.5 * huber(delta=2.0)"), "mae": make_scorer("mae")}
    found = cross_validate(Ridge(), DATA, TRUTH, cv=2, scoring=scoring, n_jobs=2)
    assert set(found) >= {"test_loss", "test_mae"}
    assert (found["test_loss"] < 0).all()


def test_one_output_with_and_without_its_axis() -> None:
    model = LinearRegression().fit(DATA, TRUTH[:, None])
    found = make_scorer("mse")(model, DATA, TRUTH)
    assert found == pytest.approx(make_scorer("mse")(MODEL, DATA, TRUTH[:, None]), rel=1e-9)


@pytest.mark.parametrize("name", ["cross_entropy", "hinge"])
def test_labels_that_are_text(name: str) -> None:
    truth = np.array(["no", "yes"])[(CLASSES > 0).astype(int)]
    model = LogisticRegression().fit(DATA, truth)
    with pytest.raises(TypeError, match=r"the labels are .*; encode them as 0, 1, "):
        make_scorer(name)(model, DATA, truth)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="there is no loss 'rms'; did you mean rmse"):
        make_scorer("rms")
    with pytest.raises(TypeError, match="pinball has no option alpha"):
        make_scorer("pinball", alpha=0.9)
