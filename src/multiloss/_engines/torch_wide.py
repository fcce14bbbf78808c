"""PyTorch's kernels of the cross-entropies, for a few numbers in single precision.

Near certainty the kernels lose digits: they take a difference from 1. In double precision enough
are left for a result in single precision, unless a prediction is very certain. A node of our own
takes twice as long, since each of its operators costs more than its work.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

_SURE = 1e-8  # 1 - p, from which on 2⁻⁵³ beside it is less than half a unit of single precision
_FAR = 16.0  # the same for |y|, which is subtracted: 16 · 2⁻⁵³ beside exp(-16)


def _cross_entropy(prediction: Tensor, label: Tensor, reduction: str) -> Tensor | None:
    label = label.reshape(-1).long()
    logarithms = torch.log_softmax(prediction, -1, dtype=torch.float64)
    # Negated, so that NaN gives None too. PyTorch leaves out a negative label, -100.
    if not logarithms.detach().max().item() < -_SURE or label.min().item() < 0:
        return None
    try:
        return functional.nll_loss(
            logarithms.reshape(-1, logarithms.shape[-1]), label, reduction=reduction
        )
    except IndexError:  # a label out of range
        return None


def _binary_cross_entropy(prediction: Tensor, target: Tensor, reduction: str) -> Tensor | None:
    prediction = prediction.double()
    lowest, highest = torch.aminmax(prediction.detach())
    if not (lowest.item() > -_FAR and highest.item() < _FAR):
        return None
    return functional.binary_cross_entropy_with_logits(
        prediction, target.double(), reduction=reduction
    )


# By the name of the kernel: functions of prediction, target and reduction, which return None where
# digits would be lost, or a label is out of range.
WIDE_KERNELS: dict[str | None, Callable[[Tensor, Tensor, str], Tensor | None]] = {
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
}
