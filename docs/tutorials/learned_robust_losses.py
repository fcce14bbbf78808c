"""
A robust loss that is learned
=============================

This page lets a model learn how robust its loss is to be, by
:func:`multiloss.barron`, and shows three things that go wrong.

``barron`` has a shape, ``alpha``: at 2 it is a square, at 1 nearly a line, and below
0 it forgets outliers. It is a parameter like any other, so PyTorch can learn it. Here
are two sets of data, one
with a fifth of outliers:
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
# Without a penalty, alpha only falls
# -----------------------------------
#
# For every residual, a smaller ``alpha`` gives a smaller loss. So ``alpha`` falls and
# falls, for clean data too:


def trained(y, alpha_of, start, penalty, steps=600):
    raw = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([raw, line], lr=0.02)
    shapes = []
    for _ in range(steps):
        optimizer.zero_grad()
        alpha, prediction = alpha_of(raw), line[0] * x + line[1]
        loss = ml.barron(prediction, y, alpha=alpha, scale=0.2) + penalty * (2 - alpha)
        loss.backward()
        optimizer.step()
        shapes.append(alpha.item())
    return line.tolist(), shapes


for name, y in data.items():
    (slope, intercept), shapes = trained(y, torch.clone, start=1.0, penalty=0.0)
    print(f"{name:14} {slope:.3f} x + {intercept:.3f}, alpha {shapes[-1]:.2f}")

# %%
# The paper (Barron, 2019) adds the logarithm of a normalising integral, which makes
# large shapes cheap where the data are clean. That integral is not here. A bound and
# a penalty do the same work: ``alpha`` is kept between 0 and 2 by a sigmoid, and
# costs more the smaller it is.


def bounded(raw):
    return 2 * torch.sigmoid(raw)


figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
for name, y in data.items():
    (slope, intercept), shapes = trained(y, bounded, start=0.0, penalty=0.3)
    print(f"{name:14} {slope:.3f} x + {intercept:.3f}, alpha {shapes[-1]:.2f}")
    axes.plot(shapes, label=name)
axes.set(xlabel="step", ylabel="alpha", ylim=(0, 2.1))
axes.legend()
plt.show()

# %%
# For clean data ``alpha`` goes towards the square, and with outliers it stays small.
#
# Do not start at 2
# -----------------
#
# At exactly ``alpha=2`` the derivative with respect to ``alpha`` is infinite, and the
# gradient there is 0 by convention. A training that starts there never moves
# ``alpha``. Start at 1.

alpha = torch.tensor([2.0, 1.0], requires_grad=True)
ml.barron(torch.tensor([3.0, 3.0]), 0.0, alpha=alpha, reduction="sum").backward()
alpha.grad

# %%
# A learned scale needs its logarithm
# -----------------------------------
#
# A larger ``scale`` makes every loss smaller too, so one that is learned grows for
# ever. With its logarithm added it does not:

small = torch.tensor([0.05, 0.03])
for name, penalty in {"without": torch.zeros_like, "with": torch.log}.items():
    scale = torch.tensor(1.0, requires_grad=True)
    (ml.barron(small, 0.0, alpha=1.0, scale=scale) + penalty(scale)).backward()
    print(f"{name:8} gradient {scale.grad:+.4f}")

# %%
# A negative gradient makes ``scale`` larger. Without the logarithm it is negative for
# all data; with it, the sign changes where the scale fits the residuals.
