"""What PyTorch is asked for on an accelerator, counted on the device that has no numbers."""

from typing import Any

import pytest
import torch

from class_losses import LOSSES as CLASS_LOSSES
from losses import LOSSES
from operators import CASES, CLASSES, SIZE, of_pair, on_meta, used_by

NEEDS = "engines"
pytestmark = pytest.mark.family


def scores_and_target(targets: str, vectors: int) -> tuple[Any, Any]:
    scores = on_meta(vectors, CLASSES)
    is_label = targets == "labels"
    return scores, on_meta(vectors, dtype=torch.int64) if is_label else scores.clone()


KERNELS = ("mse", "mae", "huber", "smooth_l1", "mse, none")


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_those_of_pytorch(name: str) -> None:
    ours, by_hand = of_pair(CASES[name])
    assert ours.total() <= by_hand.total()


# To keep nothing but the operands, a gradient begins again with the residual; by hand it is kept.
# Digits that are lost by hand, and sums of weights that may be zero, take operators too.
BEYOND = {
    "rmse": 14,
    "msle": 29,
    "rmsle": 39,
    "expectile": 15,
    "mape": 15,
    "smape": 34,
    "wmape": 21,
    "minkowski": 50,
    "epsilon_insensitive": 13,
    "pseudo_huber": 27,
    "cauchy": 25,
    "barron": 46,
    "poisson_nll of rates": 22,
    "poisson_deviance": 49,
    "gamma_deviance": 45,
    "binary_cross_entropy": 23,
    "hinge": 15,
    "logistic": 20,
    "cross_entropy": 38,
    "mse, weighted": 15,
    "mse, masked": 15,
}


@pytest.mark.parametrize("name", [name for name in CASES if name not in KERNELS])
def test_number_of_operators(name: str) -> None:
    ours, by_hand = of_pair(CASES[name])
    bound = (2.0 if CASES[name].keeps_digits else 1.25) * by_hand.total()
    assert ours.total() <= BEYOND.get(name, bound), (ours.forward, ours.backward)


@pytest.mark.parametrize("name", BEYOND)
def test_what_is_beyond_the_bound_is_known(name: str) -> None:
    _, by_hand = of_pair(CASES[name])
    assert BEYOND[name] > (2.0 if CASES[name].keeps_digits else 1.25) * by_hand.total()


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_is_kept_but_the_operands(name: str) -> None:
    kept = used_by(LOSSES[name].function, on_meta(SIZE), on_meta(SIZE)).kept
    assert len({id(each) for each in kept}) <= 2, name


MANY = 2**20  # more vectors than those of which a small gradient is kept
PLAIN = [name for name, row in CLASS_LOSSES.items() if not row.has_class_weight]


@pytest.mark.parametrize("name", PLAIN)
def test_nothing_is_kept_of_many_classes_but_the_operands(name: str) -> None:
    row = CLASS_LOSSES[name]
    kept = used_by(row.function, *scores_and_target(row.targets, MANY)).kept
    assert len({id(each) for each in kept}) <= 2, name
