"""
A first loss, and training on three engines
===========================================

This page goes from one number to a model that NumPy, PyTorch and JAX train with the
same line. The outputs below the code were printed when the site was built.

A loss takes what a model predicts, and what is true.
"""

import numpy as np

import multiloss as ml

prediction = np.array([0.5, 3.0, 2.0])
target = np.array([1.0, 1.0, 2.0])
ml.mse(prediction, target)

# %%
# That is the mean of the squared differences, (0.25 + 4 + 0) / 3. Half of their sum
# is another loss, ``sse``:

ml.sse(prediction, target)

# %%
# What every loss takes
# ---------------------
#
# A weight says how much an element counts, and the mean divides by the sum of the
# weights. A mask, ``where=``, says whether it counts at all: what it leaves out may
# even be NaN.

ml.mse(prediction, target, weight=[1.0, 0.5, 0.5])

# %%

ml.mse(prediction, [1.0, np.nan, 2.0], where=[True, False, True])

# %%
# ``axis=`` gives one loss for each row or column, and ``reduction=`` the sum, or the
# losses of the elements themselves.

ml.mae(prediction, target, reduction="none")

# %%
# Shapes that differ raise, since they would broadcast into something that nobody meant:

try:
    ml.mse(prediction, target[:, None])
except ValueError as error:
    print(error)

# %%
# The gradient
# ------------
#
# To train is to follow the gradient. NumPy has none of its own, so ``value_and_grad``
# gives it in closed form, on every engine:

value, gradient = ml.value_and_grad(ml.mse)(prediction, target)
gradient

# %%
# Data with outliers
# ------------------
#
# A line, with noise, and a tenth of the points far off. The Huber loss is a square
# near zero and a line beyond, so that outliers pull less.

rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, 200)
y = 2 * x + 1 + rng.normal(0, 0.1, 200)
y[:20] += 8

import matplotlib.pyplot as plt

plt.figure(figsize=(5, 3), layout="constrained")
plt.plot(x, y, ".")
plt.show()

# %%
# Three trainings
# ---------------
#
# In each of them the model is ``slope * x + intercept``, and each step goes down the
# gradient. In NumPy the chain rule is written out:


def in_numpy(loss, steps=200, rate=0.5):
    slope, intercept, losses = 0.0, 0.0, []
    for _ in range(steps):
        value, gradient = ml.value_and_grad(loss)(slope * x + intercept, y)
        slope -= rate * np.sum(gradient * x)
        intercept -= rate * np.sum(gradient)
        losses.append(float(value))
    return slope, intercept, losses


# %%
# In PyTorch, ``backward()`` does it:

import torch


def in_torch(loss, steps=200, rate=0.5):
    data, truth = torch.tensor(x), torch.tensor(y)
    line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([line], lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(line[0] * data + line[1], truth)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return *line.tolist(), losses


# %%
# In JAX, ``jax.value_and_grad`` does, and ``jax.jit`` compiles the step:

import jax
import jax.numpy as jnp


def in_jax(loss, steps=200, rate=0.5):
    data, truth = jnp.asarray(x), jnp.asarray(y)
    step = jax.jit(
        jax.value_and_grad(lambda line: loss(line[0] * data + line[1], truth))
    )
    line, losses = jnp.zeros(2), []
    for _ in range(steps):
        value, gradient = step(line)
        line = line - rate * gradient
        losses.append(float(value))
    return *line.tolist(), losses


# %%
# The loss that all of them get is the same function:

from functools import partial

huber = partial(ml.huber, delta=0.3)
trained = {"NumPy": in_numpy(huber), "PyTorch": in_torch(huber), "JAX": in_jax(huber)}
for engine, (slope, intercept, losses) in trained.items():
    print(
        f"{engine:8} slope {slope:.4f}, intercept {intercept:.4f}, loss {losses[-1]:f}"
    )

# %%
# The three agree; JAX computes in single precision by default. The learning curves
# lie on each other:

_, (curves, points) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for width, (engine, (*_, losses)) in zip((7, 4, 1.5), trained.items(), strict=True):
    curves.plot(losses, linewidth=width, label=engine)
curves.set(title="huber", xlabel="step", ylabel="loss", yscale="log")
curves.legend()
points.plot(x, y, ".", color="0.6", markersize=4)
for name, loss in {"mse": ml.mse, "huber": huber}.items():
    slope, intercept, _ = in_numpy(loss)
    points.plot([-1, 1], [intercept - slope, intercept + slope], label=name)
points.set(title="What the losses make of it", xlabel="x", ylabel="y")
points.legend()
plt.show()

# %%
# The squared error follows the outliers, and the Huber loss does not. Which loss to
# take is the subject of :doc:`choosing_a_loss`.
