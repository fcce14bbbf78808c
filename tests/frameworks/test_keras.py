"""Keras, on the backend that KERAS_BACKEND names: weights, masks, metrics, saved models."""

from typing import Any

import keras
import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

import multiloss as ml
from multiloss.keras import Loss, Metric

NEEDS = "frameworks"

RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(50, 4)).astype("float32")
TRUTH = (DATA @ [[1.0], [-2.0], [0.5], [0.0]] + 0.3).astype("float32")
WEIGHT = RNG.uniform(0.5, 2.0, size=50).astype("float32")
CLASSES = DATA[:, :3].argmax(1)


def network(outputs: int, activation: str | None = None) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )


def losses(model: Any, loss: Any, truth: Any, **options: Any) -> list[float]:
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
    history = model.fit(DATA, truth, batch_size=16, epochs=5, shuffle=False, verbose=0, **options)
    return list(history.history["loss"])


PAIRS: dict[str, tuple[int, Any, Any, Any]] = {
    "mse": (1, TRUTH, Loss("mse"), keras.losses.MeanSquaredError()),
    "mae": (1, TRUTH, Loss("mae"), keras.losses.MeanAbsoluteError()),
    "huber": (1, TRUTH, Loss("huber", delta=0.5), keras.losses.Huber(0.5)),
    "column": (1, TRUTH[:, 0], Loss("mse"), keras.losses.MeanSquaredError()),
    "several": (3, TRUTH * np.ones(3, "f"), Loss("mse"), keras.losses.MeanSquaredError()),
    "labels": (
        3,
        CLASSES,
        Loss("cross_entropy"),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
    "columns of labels": (
        3,
        CLASSES[:, None],
        Loss("cross_entropy"),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
    "one-hot": (
        3,
        np.eye(3, dtype="f")[CLASSES],
        Loss("cross_entropy", label_smoothing=0.1),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
    ),
    "binary": (
        1,
        (TRUTH > 0).astype("f"),
        Loss("binary_cross_entropy"),
        keras.losses.BinaryCrossentropy(from_logits=True),
    ),
    "hinge": (1, (TRUTH > 0).astype("f"), Loss("hinge"), keras.losses.Hinge()),
}


@pytest.mark.parametrize("options", [{}, {"sample_weight": WEIGHT}], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_as_those_of_keras(name: str, options: Any) -> None:
    outputs, truth, loss, reference = PAIRS[name]
    found = losses(network(outputs), loss, truth, **options)
    assert found[-1] < 0.9 * found[0]
    expected = losses(network(outputs), reference, truth, **options)
    np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_truth_comes_first() -> None:
    model = network(1)
    first = ml.pinball(np.asarray(model.predict(DATA[:16], verbose=0)), TRUTH[:16], q=0.9)
    model.compile(loss=Loss("pinball", q=0.9))
    assert model.evaluate(DATA[:16], TRUTH[:16], verbose=0) == pytest.approx(first, rel=1e-5)


def test_masks() -> None:
    steps = RNG.normal(size=(6, 5, 3)).astype("f")
    steps[:, 3:] = 0.0
    truth = steps.sum(-1, keepdims=True)
    truth[:, 3:] = 100.0

    def result(loss: Any) -> Any:
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((5, 3)),
                keras.layers.Masking(),
                keras.layers.TimeDistributed(keras.layers.Dense(1)),
            ]
        )
        metrics = [Metric("mae", name="here"), keras.metrics.MeanAbsoluteError(name="there")]
        model.compile(optimizer="sgd", loss=loss, weighted_metrics=metrics)
        history = model.fit(steps, truth, epochs=3, verbose=0, shuffle=False).history
        if np.isfinite(truth).all():
            np.testing.assert_allclose(history["here"], history["there"], rtol=1e-5)
        # With that of Keras the model is NaN too; on JAX Keras loses the mask of a metric.
        elif isinstance(loss, Loss) and keras.backend.backend() == "torch":
            assert np.isfinite(history["here"]).all()
        return history["loss"]

    found = result(Loss("mse"))
    np.testing.assert_allclose(found, result(keras.losses.MeanSquaredError()), rtol=1e-5)
    assert max(found) < 100.0
    # NaN behind a mask does not leak, as it does from those of Keras.
    truth[:, 3:] = np.nan
    np.testing.assert_allclose(result(Loss("mse")), found, rtol=1e-5)
    assert np.isnan(result(keras.losses.MeanSquaredError())).all()


def test_a_metric_is_the_mean_over_all_samples() -> None:
    # The last of the batches has two samples.
    model = network(1)
    model.compile(loss="mse", metrics=[Metric("mape")], weighted_metrics=[Metric("mae")])
    found = model.evaluate(
        DATA, TRUTH, sample_weight=WEIGHT, batch_size=16, verbose=0, return_dict=True
    )
    prediction = np.asarray(model.predict(DATA, verbose=0))
    assert found["mape"] == pytest.approx(ml.mape(prediction, TRUTH), rel=1e-4)
    expected = ml.mae(prediction, TRUTH, weight=WEIGHT[:, None])
    assert found["mae"] == pytest.approx(expected, rel=1e-5)


def test_a_saved_model_loads_and_goes_on(tmp_path: Any) -> None:
    model = network(1)
    loss = Loss("0.5 * mse + 0.5 * huber(delta=2.0)", name="mixed")
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss, metrics=[Metric("mae")])
    model.fit(DATA, TRUTH, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.name == "mixed"
    assert loaded.loss.get_config() == loss.get_config()
    histories = [
        each.fit(DATA, TRUTH, epochs=3, verbose=0, shuffle=False).history
        for each in (model, loaded)
    ]
    np.testing.assert_allclose(histories[1]["loss"], histories[0]["loss"], rtol=1e-5)
    np.testing.assert_allclose(histories[1]["mae"], histories[0]["mae"], rtol=1e-5)


def test_names() -> None:
    assert Loss("huber", delta=2.0).name == "huber(delta=2.0)"
    assert Metric("huber", name="huber").name == "huber"
    with pytest.raises(ValueError, match="there is no loss 'hubber'; did you mean huber"):
        Loss("hubber")


def test_an_asymmetric_loss_is_one_number_everywhere() -> None:
    from multiloss.boosting import metric
    from multiloss.sklearn import make_scorer

    class Model(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def predict(self, data: Any) -> Any:
            return data[:, 0]

    truth = TRUTH[:, 0]
    expected = ml.pinball(DATA[:, 0], truth, q=0.9)
    of_sklearn = -make_scorer("pinball", q=0.9)(Model(), DATA, truth)
    of_boosting = metric("pinball", q=0.9)(truth, DATA[:, 0])
    of_keras = float(Loss("pinball", q=0.9)(truth, DATA[:, 0]))
    assert [of_sklearn, of_boosting] == pytest.approx([expected] * 2, rel=1e-6)
    assert of_keras == pytest.approx(expected, rel=1e-5)
