"""Regression losses, written once against the array API, for NumPy, PyTorch and JAX arrays."""

from multiloss._call import value_and_grad
from multiloss._losses.absolute import (
    epsilon_insensitive,
    mae,
    mape,
    minkowski,
    pinball,
    smape,
    wmape,
)
from multiloss._losses.custom import make_loss
from multiloss._losses.direction import cosine_distance
from multiloss._losses.likelihood import (
    gamma_deviance,
    gaussian_nll,
    poisson_deviance,
    poisson_nll,
    tweedie_deviance,
)
from multiloss._losses.robust import (
    barron,
    cauchy,
    geman_mcclure,
    huber,
    log_cosh,
    pseudo_huber,
    smooth_l1,
    tukey_biweight,
    welsch,
)
from multiloss._losses.squared import expectile, mse, msle, rmse, rmsle, sse

__all__ = [
    "__version__",
    "barron",
    "cauchy",
    "cosine_distance",
    "epsilon_insensitive",
    "expectile",
    "gamma_deviance",
    "gaussian_nll",
    "geman_mcclure",
    "huber",
    "log_cosh",
    "mae",
    "make_loss",
    "mape",
    "minkowski",
    "mse",
    "msle",
    "pinball",
    "poisson_deviance",
    "poisson_nll",
    "pseudo_huber",
    "rmse",
    "rmsle",
    "smape",
    "smooth_l1",
    "sse",
    "tukey_biweight",
    "tweedie_deviance",
    "value_and_grad",
    "welsch",
    "wmape",
]

__version__ = "0.1.0"
