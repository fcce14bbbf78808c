"""PyTorch's kernels in double precision: their digits, and when they are taken."""

from typing import Any

import numpy as np
import pytest
import torch

import multiloss as ml
from engines import ENGINES, strategies_of
from losses import mp
from multiloss._engines.torch_wide import WIDE_KERNELS

NEEDS = "engines"
pytestmark = pytest.mark.family

EPS = float(np.finfo(np.float32).eps)
# On both sides of the bounds from which on a kernel gives up, which are 18.4 + log(C - 1) and 16.
DISTANCES = [0.0, 1.0, 8.0, 15.0, 15.875, 16.125, 18.0, 18.875, 19.25, 25.0, 60.0, 80.0]


def differentiated(loss: Any, prediction: Any, target: Any, **options: Any) -> tuple[Any, Any]:
    """Return the loss and its gradient, as the strategy of wide kernels computes them."""
    y = torch.tensor(prediction, dtype=torch.float32, requires_grad=True)
    with strategies_of(ENGINES["torch"]()) as found:
        value = loss(y, torch.as_tensor(target), **options)
    assert found == ["wide kernel"]
    value.backward()
    return value.item(), y.grad


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("label", [0, 1])
def test_digits_of_a_vector(distance: float, label: int) -> None:
    # -log p = log1p(R / e), and p - 1 = -R / (R + e), e of the label and R the sum of the rest.
    with mp.workdps(60):
        e = [mp.exp(distance), mp.mpf(1), mp.mpf(1)]
        total = mp.fsum(e)
        rest = mp.fsum(each for c, each in enumerate(e) if c != label)
        value = float(mp.log1p(rest / e[label]))
        slopes = [float(-rest / total if c == label else each / total) for c, each in enumerate(e)]
    found = differentiated(ml.cross_entropy, [[distance, 0.0, 0.0]], [label])
    np.testing.assert_allclose(found[0], value, rtol=2 * EPS)
    np.testing.assert_allclose(found[1], [slopes], rtol=8 * EPS)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_digits_of_two_classes(distance: float, sign: float, target: float) -> None:
    y = mp.mpf(sign * distance)
    with mp.workdps(60):
        value = float(target * mp.log1p(mp.exp(-y)) + (1 - target) * mp.log1p(mp.exp(y)))
        slope = float((1 - target) / (1 + mp.exp(-y)) - target / (1 + mp.exp(y)))
    found = differentiated(ml.binary_cross_entropy, [sign * distance], [target])
    np.testing.assert_allclose(found[0], value, rtol=2 * EPS)
    np.testing.assert_allclose(found[1], [slope], rtol=8 * EPS)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 5, 3)], ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64], ids=str)
def test_labels_of_every_shape_and_dtype(
    reduction: str, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    prediction = torch.linspace(-2.0, 3.0, int(np.prod(shape))).reshape(shape)
    label = (torch.arange(int(np.prod(shape[:-1]))) % 3).to(dtype).reshape(shape[:-1])
    found = differentiated(ml.cross_entropy, prediction.tolist(), label, reduction=reduction)
    wide = prediction.double().requires_grad_()
    # The library's own, in double precision, which has no such kernel.
    expected = ml.cross_entropy(wide, label, reduction=reduction)  # type: ignore[arg-type]  # a name
    torch.autograd.backward(expected)
    assert found[0] == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(found[1], wide.grad, check_dtype=False, rtol=1e-6, atol=0)


@pytest.mark.parametrize("label", [3, 5, -1, -100, torch.iinfo(torch.int64).min])
def test_no_label_is_left_out(label: int) -> None:
    value, gradient = differentiated(ml.cross_entropy, [[1.0, 2.0, 3.0]] * 2, [0, label])
    assert np.isnan(value)
    assert gradient[0].isfinite().all()
    assert gradient[1].isnan().all()


@pytest.mark.parametrize(
    ("kernel", "prediction", "target", "is_taken"),
    [
        ("cross_entropy", [18.0, 0.0], 0, True),
        ("cross_entropy", [19.0, 0.0], 0, False),
        ("cross_entropy", [np.nan, 0.0], 0, False),
        ("cross_entropy", [np.inf, 0.0], 1, False),
        ("cross_entropy", [0.0, 0.0], 2, False),
        ("binary_cross_entropy", [15.0, -15.0], [0.0, 1.0], True),
        ("binary_cross_entropy", [17.0, 0.0], [0.0, 1.0], False),
        ("binary_cross_entropy", [0.0, -17.0], [0.0, 1.0], False),
        ("binary_cross_entropy", [np.nan, 0.0], [0.0, 1.0], False),
    ],
)
def test_a_kernel_gives_up_where_it_would_lose_digits(
    kernel: str, prediction: Any, target: Any, is_taken: bool
) -> None:
    result = WIDE_KERNELS[kernel](torch.tensor(prediction), torch.tensor(target), "mean")
    assert (result is not None) == is_taken


def test_gradients_of_gradients() -> None:
    y = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], requires_grad=True)
    target = torch.tensor([2, 1])
    (gradient,) = torch.autograd.grad(ml.cross_entropy(y, target), y, create_graph=True)
    (second,) = torch.autograd.grad(gradient[0, 0], y)
    # p₀ (δ - p) / N for the first vector, by its softmax.
    p = torch.softmax(y.detach()[0].double(), -1)
    expected = p[0] * (torch.tensor([1.0, 0.0, 0.0]) - p) / 2
    torch.testing.assert_close(second[0], expected, check_dtype=False, rtol=1e-6, atol=0)
    assert (second[1] == 0).all()
