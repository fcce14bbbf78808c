"""Fit a line with SciPy, whatever the loss: the gradient is a closed form."""

import numpy as np
from scipy.optimize import minimize

import multiloss as ml

rng = np.random.default_rng(0)
x = np.linspace(0, 1, 100)
data = np.stack([x, np.ones(100)], axis=1)
truth = 2 * x + 1 + 0.05 * rng.normal(size=100)
truth[80:] = 0.0  # a sensor that failed

print("loss                        slope  intercept   (2 and 1 before it failed)")
for loss in (ml.get("mse"), ml.get("mae"), ml.get("huber", delta=0.1), ml.get("tukey_biweight")):
    both = ml.value_and_grad(ml.get(loss, scale=0.5) if "tukey" in repr(loss) else loss)

    def objective(line, both=both):  # type: ignore[no-untyped-def]  # as SciPy calls it
        """Return the loss of a line, and its gradient."""
        value, gradient = both(data @ line, truth)
        return value, data.T @ gradient

    line = minimize(objective, [0.0, 1.0], jac=True).x
    print(f"{loss!r:26} {line[0]:6.2f} {line[1]:6.2f}")
