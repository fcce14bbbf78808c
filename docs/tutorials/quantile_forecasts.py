"""
Quantile forecasts
==================

This page trains a forecast of several quantiles at once, and checks what can be wrong
with it: how often the truth lies below, and whether quantiles cross.

The data have noise that grows with x:
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import multiloss as ml

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0, 1, 2000))
y = np.sin(6 * x) + rng.normal(0, 0.05 + 0.4 * x)
is_training = np.arange(2000) % 20 == 0  # few, as in practice

# %%
# The pinball loss is least at the quantile ``q``. A parameter may be an array, so one
# call takes all quantiles: the model has one output for each, and ``broadcast=True``
# compares the one target with all of them.

quantiles = torch.tensor([[0.05, 0.25, 0.5, 0.75, 0.95]])
features = torch.tensor(np.stack([x**k for k in range(6)], axis=1), dtype=torch.float32)
target = torch.tensor(y[is_training], dtype=torch.float32)[:, None]


def trained(loss, **options):
    torch.manual_seed(0)
    hidden, output = torch.nn.Linear(6, 32), torch.nn.Linear(32, 5)
    model = torch.nn.Sequential(hidden, torch.nn.Tanh(), output)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(400):
        optimizer.zero_grad()
        prediction = model(features[is_training])
        loss(prediction, target, q=quantiles, broadcast=True, **options).backward()
        optimizer.step()
    return model(features).detach().numpy()


forecast = trained(ml.pinball)

# %%
# How often the truth lies below
# ------------------------------
#
# Below the forecast of the quantile q there should be a share q of the truth. It is
# nearly so, for 1,900 points that the training of 100 has not seen:

for q, column in zip(quantiles[0].tolist(), forecast.T, strict=True):
    loss = ml.pinball(column, y, q=q, where=~is_training)
    print(
        f"q = {q:.2f}: {np.mean((y < column)[~is_training]):.3f} below, loss {loss:.4f}"
    )

# %%
# Whether quantiles cross
# -----------------------
#
# Nothing keeps the forecast of 0.25 below that of 0.5. Count where it is not, and sort:
# the sorted forecasts are never worse, in the mean over the quantiles (Chernozhukov,
# Fernández-Val and Galichon, 2010).


def crossings(forecast):
    return int(np.sum(np.any(np.diff(forecast, axis=1) < 0, axis=1)))


def all_quantiles(forecast):
    return float(ml.pinball(forecast, y[:, None], q=quantiles.numpy(), broadcast=True))


in_order = np.sort(forecast, axis=1)
print(f"{crossings(forecast)} of {len(x)} points cross, sorted {crossings(in_order)}")
print(f"loss {all_quantiles(forecast):.6f}, sorted {all_quantiles(in_order):.6f}")
assert all_quantiles(in_order) <= all_quantiles(forecast)

# %%
# A slope without a jump
# ----------------------
#
# The slope of the pinball loss jumps at the truth, so the last steps of a training
# jump too. ``quantile_huber`` is smooth there, and a line beyond ``delta``. Its
# minimum is only close to the quantile.

smooth = trained(ml.quantile_huber, delta=0.05)
figure, panels = plt.subplots(
    1, 2, figsize=(10, 3.8), sharey=True, layout="constrained"
)
for panel, name, curves in zip(
    panels, ("pinball", "quantile_huber"), (in_order, smooth), strict=True
):
    panel.plot(x, y, ".", color="0.7", markersize=3)
    panel.plot(x, curves)
    panel.set(title=name, xlabel="x")
plt.show()
