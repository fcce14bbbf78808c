"""Losses, written once against the array API, for NumPy, PyTorch and JAX arrays."""

from multiloss._explain import explain
from multiloss._gradient import gradient_and_hessian, value_and_grad
from multiloss._losses.absolute import (
    epsilon_insensitive,
    mae,
    mape,
    minkowski,
    pinball,
    smape,
    wmape,
)
from multiloss._losses.binary import binary_cross_entropy, binary_focal
from multiloss._losses.categorical import (
    brier,
    cross_entropy,
    focal,
    jensen_shannon,
    kl_divergence,
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
from multiloss._losses.margin import (
    hinge,
    logistic,
    modified_huber,
    multiclass_hinge,
    squared_hinge,
)
from multiloss._losses.overlap import dice, tversky
from multiloss._losses.robust import (
    barron,
    cauchy,
    geman_mcclure,
    huber,
    log_cosh,
    pseudo_huber,
    quantile_huber,
    smooth_l1,
    tukey_biweight,
    welsch,
)
from multiloss._losses.squared import expectile, mse, msle, rmse, rmsle, sse
from multiloss._partial import Partial, partial
from multiloss._value import Loss, get

__all__ = [
    "Loss",
    "Partial",
    "__version__",
    "barron",
    "binary_cross_entropy",
    "binary_focal",
    "brier",
    "cauchy",
    "cosine_distance",
    "cross_entropy",
    "dice",
    "epsilon_insensitive",
    "expectile",
    "explain",
    "focal",
    "gamma_deviance",
    "gaussian_nll",
    "geman_mcclure",
    "get",
    "gradient_and_hessian",
    "hinge",
    "huber",
    "jensen_shannon",
    "kl_divergence",
    "log_cosh",
    "logistic",
    "mae",
    "make_loss",
    "mape",
    "minkowski",
    "modified_huber",
    "mse",
    "msle",
    "multiclass_hinge",
    "partial",
    "pinball",
    "poisson_deviance",
    "poisson_nll",
    "pseudo_huber",
    "quantile_huber",
    "rmse",
    "rmsle",
    "smape",
    "smooth_l1",
    "squared_hinge",
    "sse",
    "tukey_biweight",
    "tversky",
    "tweedie_deviance",
    "value_and_grad",
    "welsch",
    "wmape",
]

__version__ = "0.1.0.dev0"
