"""
A robust loss that is learned
=============================

This page lets a model learn how robust its loss is to be, by :func:`multiloss.barron`, and shows
the three things that go wrong.

``barron`` has a shape, ``alpha``: at 2 it is a square, at 1 nearly a line, and below 0 it forgets
outliers. It is a parameter like any other, so PyTorch can learn it. Here are two sets of data,
one with outliers in every fifth place:
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import multiloss as ml

rng = np.random.default_rng(0)
x = torch.tensor(rng.uniform(-1, 1, 400))
noise = torch.tensor(rng.normal(0, 0.1, 400))
outliers = torch.tensor(np.where(rng.random(400) < 0.2, 5.0, 0.0))
data = {"clean": 2 * x + 1 + noise, "with outliers": 2 * x + 1 + noise + outliers}

# %%
# The first thing: a loss that may choose its shape chooses the smallest
# -----------------------------------------------------------------------
#
# For every residual, a smaller ``alpha`` gives a smaller loss. So ``alpha`` falls and falls,
# whatever the data are:


def trained(y, alpha_of, start, penalty, steps=600):
    raw = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([raw, line], lr=0.02)
    shapes = []
    for _ in range(steps):
        optimizer.zero_grad()
        alpha = alpha_of(raw)
        loss = ml.barron(line[0] * x + line[1], y, alpha=alpha, scale=0.2) + penalty(alpha)
        loss.backward()
        optimizer.step()
        shapes.append(alpha.item())
    return line.tolist(), shapes


def as_it_is(raw):
    return raw


def free(alpha):
    return 0.0 * alpha


for name, y in data.items():
    (slope, intercept), shapes = trained(y, as_it_is, 1.0, free)
    print(f"{name:14} slope {slope:.3f}, intercept {intercept:.3f}, alpha {shapes[-1]:.2f}")

# %%
# The paper (Barron, 2019) adds the logarithm of a normalising integral that makes large shapes
# cheap where the data are clean. That integral is not here. What does the same work is a bound
# and a price: ``alpha`` between 0 and 2 by a sigmoid, and a cost for being robust.


def bounded(raw):
    return 2 * torch.sigmoid(raw)


def price(alpha):
    return 0.3 * (2 - alpha)


figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
for name, y in data.items():
    (slope, intercept), shapes = trained(y, bounded, 0.0, price)
    print(f"{name:14} slope {slope:.3f}, intercept {intercept:.3f}, alpha {shapes[-1]:.2f}")
    axes.plot(shapes, label=name)
axes.set(xlabel="step", ylabel="alpha", ylim=(0, 2.1))
axes.legend()
plt.show()

# %%
# Clean data keep the square, and outliers are worth the price.
#
# The second thing: the start
# ---------------------------
#
# At ``alpha=2`` the gradient with respect to ``alpha`` is zero, so a training that starts there
# stays. Start at 1.

alpha = torch.tensor([2.0, 1.0], requires_grad=True)
ml.barron(torch.tensor([3.0, 3.0]), 0.0, alpha=alpha, reduction="sum").backward()
alpha.grad

# %%
# The third thing: the scale
# --------------------------
#
# A larger ``scale`` makes every loss smaller too. One that is learned runs away, unless its
# logarithm is added:

scale = torch.tensor(1.0, requires_grad=True)
loss = ml.barron(torch.tensor([3.0, 0.5]), 0.0, alpha=1.0, scale=scale)
loss.backward()
print(f"without: {scale.grad:.3f}")
scale.grad = None
(ml.barron(torch.tensor([0.05, 0.03]), 0.0, alpha=1.0, scale=scale) + scale.log()).backward()
print(f"with its logarithm, for small residuals: {scale.grad:.3f}")
