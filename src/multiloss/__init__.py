"""Regression losses, written once against the array API, for NumPy, PyTorch and JAX arrays."""

from multiloss._evaluation import value_and_grad
from multiloss.regression import mse, sse

__all__ = ["__version__", "mse", "sse", "value_and_grad"]

__version__ = "0.1.0"
