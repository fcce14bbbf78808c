"""What PyTorch is asked for on an accelerator, counted on the device that has no numbers."""

from typing import Any

import pytest
import torch

from class_losses import LOSSES as CLASS_LOSSES
from losses import LOSSES
from operators import CASES, CLASSES, SIZE, elsewhere, of_pair, used_by

NEEDS = "engines"
pytestmark = pytest.mark.family


def scores_and_target(targets: str, vectors: int) -> tuple[Any, Any]:
    scores = elsewhere(vectors, CLASSES)
    is_label = targets == "labels"
    return scores, elsewhere(vectors, dtype=torch.int64) if is_label else scores.clone()


KERNELS = ("mse", "mae", "huber", "smooth_l1", "mse, none")


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_those_of_pytorch(name: str) -> None:
    ours, by_hand = of_pair(CASES[name])
    assert ours.total() <= by_hand.total()


# To keep nothing but the operands, a gradient begins again with the residual. Digits that are lost
# by hand take operators too; so does a sum of weights that may be zero.
MOST = {
    "rmse": 14,
    "msle": 29,
    "rmsle": 39,
    "expectile": 15,
    "pinball": 17,
    "mape": 15,
    "smape": 34,
    "wmape": 21,
    "minkowski": 50,
    "epsilon_insensitive": 13,
    "pseudo_huber": 27,
    "log_cosh": 16,
    "cauchy": 25,
    "geman_mcclure": 34,
    "welsch": 20,
    "tukey_biweight": 22,
    "barron": 46,
    "poisson_nll": 9,
    "poisson_nll of rates": 22,
    "gaussian_nll": 15,
    "poisson_deviance": 49,
    "gamma_deviance": 45,
    "tweedie_deviance": 24,
    "cosine_distance": 42,
    "binary_cross_entropy": 23,
    "hinge": 15,
    "squared_hinge": 14,
    "logistic": 20,
    "cross_entropy": 40,
    "mse, weighted": 15,
    "mse, masked": 15,
}


def test_every_case_has_its_bound() -> None:
    assert {*KERNELS, *MOST} == CASES.keys()


@pytest.mark.parametrize("name", MOST)
def test_number_of_operators(name: str) -> None:
    ours, _ = of_pair(CASES[name])
    assert ours.total() <= MOST[name], (ours.forward, ours.backward)


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_is_kept_but_the_operands(name: str) -> None:
    kept = used_by(LOSSES[name].function, elsewhere(SIZE), elsewhere(SIZE)).kept
    assert len({id(each) for each in kept}) <= 2, name


MANY = 2**20  # more vectors than those of which a small gradient is kept
PLAIN = [name for name, row in CLASS_LOSSES.items() if not row.has_class_weight]


@pytest.mark.parametrize("name", PLAIN)
def test_nothing_is_kept_of_many_classes_but_the_operands(name: str) -> None:
    row = CLASS_LOSSES[name]
    kept = used_by(row.function, *scores_and_target(row.targets, MANY)).kept
    assert len({id(each) for each in kept}) <= 2, name
