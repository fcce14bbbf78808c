"""Train on sequences of several lengths with Keras, and save and load the model."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import tempfile

import keras
import numpy as np

from multiloss.keras import Loss, Metric

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
steps = rng.normal(size=(64, 8, 2)).astype("float32")
lengths = rng.integers(3, 9, size=64)
steps[np.arange(8) >= lengths[:, None]] = 0.0  # what Masking leaves out
truth = steps.sum(-1, keepdims=True)

model = keras.Sequential(
    [
        keras.Input((8, 2)),
        keras.layers.Masking(),
        keras.layers.TimeDistributed(keras.layers.Dense(1)),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(0.05),
    loss=Loss("huber", delta=0.5),
    weighted_metrics=[Metric("mae")],
)
history = model.fit(steps, truth, epochs=10, verbose=0).history
for epoch in (0, 4, 9):
    print(
        f"epoch {epoch + 1:2}: loss {history['loss'][epoch]:.4f}, mae {history['mae'][epoch]:.4f}"
    )

with tempfile.TemporaryDirectory() as folder:
    model.save(f"{folder}/model.keras")
    loaded = keras.models.load_model(f"{folder}/model.keras")
print(f"loaded with the loss {loaded.loss.name}")
