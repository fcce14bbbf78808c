"""Selection by bits: to the last bit what where() of each engine returns."""

from typing import Any

import numpy as np
import pytest
import torch

from multiloss._engines.numpy_namespace import xp_by_bits as in_numpy
from multiloss._engines.torch_namespace import xp_by_bits as in_torch

NEEDS = "engines"

SIZE = 20_000
RNG = np.random.default_rng(0)
SPECIAL = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-40, 3e38])
CONDITIONS = {
    "random": RNG.random(SIZE) < 0.5,
    "all": np.ones(SIZE, bool),
    "none": np.zeros(SIZE, bool),
    "strided": (RNG.random(2 * SIZE) < 0.5)[::2],
    "broadcast": np.broadcast_to(np.array([True]), SIZE),
}
NUMBERS = (0.0, -0.0, 1.5, np.nan, np.inf)


def numbers(dtype: str) -> Any:
    special = RNG.choice(SPECIAL, SIZE)
    return np.where(RNG.random(SIZE) < 0.3, special, RNG.standard_normal(SIZE)).astype(dtype)


def bits(array: Any) -> Any:
    array = np.asarray(array)
    return array.view(f"i{array.itemsize}")


def in_pytorch(condition: Any) -> torch.Tensor:
    """Return a condition with the same strides."""
    if condition.strides == (0,):
        return torch.tensor([bool(condition[0])]).expand(SIZE)
    return torch.from_numpy(condition)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_every_bit_is_that_of_where(dtype: str, condition: Any) -> None:
    one, other = numbers(dtype), numbers(dtype)
    cases: list[tuple[Any, Any]] = [(one, other)]
    cases += [pair for number in NUMBERS for pair in ((one, number), (number, other))]
    for pair in cases:
        expected = np.where(condition, *pair)
        tensors = [torch.tensor(each) if isinstance(each, np.ndarray) else each for each in pair]
        for found in (
            in_numpy.where(condition, *pair),
            in_torch.where(in_pytorch(condition), *tensors),
        ):
            assert np.asarray(found).dtype == expected.dtype
            np.testing.assert_array_equal(bits(found), bits(expected))


def test_the_result_is_new() -> None:
    one, other = numbers("float32"), numbers("float32")
    for condition in CONDITIONS.values():
        in_numpy.where(condition, one, other)[...] = 7.0
        in_torch.where(in_pytorch(condition), torch.from_numpy(one), 0.0)[...] = 7.0
    assert not (one == 7.0).any()
    assert not (other == 7.0).any()
