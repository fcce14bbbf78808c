"""
Choosing a loss
===============

This page helps to decide which loss a model is to be trained with. A loss says what a
good prediction is: the mean, the median, a quantile, or what most of the data say.
The pictures show what each makes of the same data.

.. list-table::
   :header-rows: 1

   * - what you have, and want
     - loss
   * - noise like a bell curve; the mean
     - :func:`~multiloss.mse`
   * - outliers that are mistakes; what the others say
     - :func:`~multiloss.huber`; for many of them :func:`~multiloss.tukey_biweight` or
       :func:`~multiloss.barron`
   * - outliers that are real, and a median
     - :func:`~multiloss.mae`
   * - a cost that differs above and below, or an interval
     - :func:`~multiloss.pinball`, or its smooth form :func:`~multiloss.quantile_huber`
   * - counts
     - :func:`~multiloss.poisson_deviance`, or of a logarithm
       :func:`~multiloss.poisson_nll`
   * - positive numbers over many orders of magnitude
     - :func:`~multiloss.msle`, :func:`~multiloss.gamma_deviance`
   * - positive numbers, with zeros among them
     - :func:`~multiloss.tweedie_deviance` with a power between 1 and 2
   * - a mean and how certain it is
     - :func:`~multiloss.gaussian_nll`
   * - vectors of which the direction counts
     - :func:`~multiloss.cosine_distance`
   * - one class of several
     - :func:`~multiloss.cross_entropy`; :func:`~multiloss.focal` where most are easy
   * - yes or no
     - :func:`~multiloss.binary_cross_entropy`; for small regions of an image
       :func:`~multiloss.tversky`
   * - a number to report
     - :func:`~multiloss.rmse` and :func:`~multiloss.mae` in the unit of the data,
       :func:`~multiloss.wmape` as a share

Outliers
--------

A line with noise, with 0, 15 and 40 per cent of its points replaced. SciPy finds the
best line, with the gradient that ``value_and_grad`` gives.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import multiloss as ml

rng = np.random.default_rng(1)
x = np.sort(rng.uniform(-1, 1, 150))
clean = 2 * x + 1 + rng.normal(0, 0.2, 150)


def contaminated(share):
    """Return the data with a share of them replaced."""
    return np.where(rng.random(len(x)) < share, rng.normal(-4, 0.5, len(x)), clean)


def fitted(loss, y, start):
    """Return the line that the loss is least for."""
    columns = np.stack([x, np.ones_like(x)])

    def objective(line):
        value, gradient = ml.value_and_grad(loss)(line @ columns, y)
        return value, columns @ gradient

    return minimize(objective, start, jac=True).x


losses = {
    "mse": ml.get("mse"),
    "mae": ml.get("mae"),
    "huber(delta=0.3)": ml.get("huber(delta=0.3)"),
    "tukey_biweight(scale=2)": ml.get("tukey_biweight(scale=2)"),
}
figure, panels = plt.subplots(
    1, 3, figsize=(10, 3.8), sharey=True, layout="constrained"
)
for panel, share in zip(panels, (0.0, 0.15, 0.4), strict=True):
    y = contaminated(share)
    panel.plot(x, y, ".", color="0.6", markersize=4)
    start = fitted(ml.huber, y, [0.0, 0.0])
    for name, loss in losses.items():
        slope, intercept = fitted(loss, y, start)
        panel.plot([-1, 1], [intercept - slope, intercept + slope], label=name)
    panel.plot([-1, 1], [-1, 3], "k:", label="without noise")
    panel.set(title=f"{share:.0%} replaced", xlabel="x")
panels[0].legend(fontsize=8)
plt.show()

# %%
# ``mse`` follows the outliers. ``mae`` and ``huber`` are moved less, but each outlier
# still pulls with full strength. ``tukey_biweight`` forgets what is farther away than
# its scale. It needs a start that is not too bad, here that of ``huber`` with
# ``delta=1``: far from all data its gradient is zero.
#
# Mean, median, quantile
# ----------------------
#
# For one number as the prediction, each loss is least at another one. These data are
# skewed, as prices and waiting times are:

data = rng.gamma(1.5, 1.0, 100_000)
candidates = np.linspace(0, 5, 501)
figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
axes.hist(data, bins=100, range=(0, 6), density=True, color="0.85")
texts = ("mse", "mae", "pinball(q=0.9)", "expectile(q=0.9)", "huber(delta=0.5)")
for number, text in enumerate(texts):
    losses = ml.get(text)(
        candidates[:, None], data[None, :5000], axis=1, broadcast=True
    )
    best = candidates[np.argmin(losses)]
    axes.axvline(
        best,
        label=f"{text}: {best:.2f}",
        color=f"C{number}",
        linestyle=("-", "--")[number % 2],
    )
axes.set(xlabel="data, and the best prediction for each loss")
axes.legend()
plt.show()

# %%
# ``mse`` asks for the mean, ``mae`` for the median, and ``pinball`` for a quantile.
# An ``expectile`` is to the mean what a quantile is to the median. The Huber loss
# stands between the median and the mean.
#
# Numbers over many orders of magnitude
# -------------------------------------
#
# How large each loss is for a prediction that is half of the truth:

print("target   half as much:   mse      msle   gamma_deviance")
for true in (1.0, 100.0, 10_000.0):
    values = [loss(true / 2, true) for loss in (ml.mse, ml.msle, ml.gamma_deviance)]
    print(f"{true:8.0f} {'':9}" + " ".join(f"{value:11.3f}" for value in values))

# %%
# For ``mse`` the large targets are all that counts. ``gamma_deviance`` looks at the
# quotient alone, and ``msle`` nearly so for numbers far above 1.
