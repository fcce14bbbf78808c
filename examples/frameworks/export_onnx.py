"""Export a loss as an ONNX graph, and run that without Python's array libraries knowing of it."""

from typing import Any

import ndonnx as ndx
import numpy as np
import onnxruntime

import multiloss as ml

# The arguments stand for arrays: what is computed with them is written down.
shape = ("batch", 3)
prediction = ndx.argument(shape=shape, dtype=ndx.float32)
target = ndx.argument(shape=shape, dtype=ndx.float32)
loss: Any = ml.huber(prediction, target, delta=0.5)
model = ndx.build({"prediction": prediction, "target": target}, {"loss": loss})

session = onnxruntime.InferenceSession(model.SerializeToString())
rng = np.random.default_rng(0)
for batch in (2, 5):
    y, t = rng.normal(size=(2, batch, 3)).astype(np.float32)
    (of_graph,) = session.run(None, {"prediction": y, "target": t})
    print(f"batch of {batch}: {of_graph:.6f} by the graph, {ml.huber(y, t, delta=0.5):.6f} here")
