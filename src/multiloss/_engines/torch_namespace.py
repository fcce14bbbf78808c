"""What formulas compute with in PyTorch: the namespace of array-api-compat, and more."""

import math
from functools import partial
from types import ModuleType
from typing import Any

import array_api_compat.torch
import torch

from multiloss._engines.torch_distributed import with_full_shards, with_whole_vectors
from multiloss._engines.torch_private import is_traced


def _sign(tensor: torch.Tensor) -> torch.Tensor:
    """Return -1, 0 or 1, and NaN of NaN, for which PyTorch's sign() is 0.

    That of array_api_compat assigns to the NaNs, which no transformation follows.
    """
    # All that is left by clamp() between the signs are NaNs.
    signs = torch.sign(tensor)
    return torch.clamp(tensor.detach(), signs, signs)


def _log_of_number(number: float, other: torch.Tensor) -> Any:
    """Return the logarithm of a number, which a compiler may not know."""
    if is_traced():
        # Of a number that changes from call to call, math.log() is compiled again for each.
        return torch.full((), number, dtype=other.dtype, device=other.device).log()
    return math.log(number) if number else -math.inf


# What the losses of classification compute with beyond the standard.
def _put_at_label(tensor: torch.Tensor, label: torch.Tensor, value: Any) -> torch.Tensor:
    return tensor.scatter(-1, label, value)


def _put_at_label_in_place(tensor: torch.Tensor, label: torch.Tensor, value: Any) -> torch.Tensor:
    return tensor.scatter_(-1, label, value)


_SHORT_VECTOR = 32  # of which PyTorch's softmax takes longer than its parts


def _exponentials(scores: torch.Tensor) -> torch.Tensor:
    """Return exp(x - m) for the largest score m, or a multiple of that."""
    if scores.shape[-1] < _SHORT_VECTOR:
        return (scores - scores.amax(-1, keepdim=True)).exp_()
    return torch.softmax(scores, -1)


def _all_above(tensor: torch.Tensor, bound: float) -> bool:
    return not tensor.numel() or tensor.min().item() > bound


def _all_indices(label: torch.Tensor, classes: int) -> bool:
    if not label.numel():
        return True
    lowest, highest = torch.aminmax(label)
    return lowest.item() >= 0 and highest.item() < classes


def _is_positive(tensor: torch.Tensor) -> torch.Tensor:
    # Into floats, since to convert the result takes as long as the comparison.
    return torch.gt(tensor, 0.0, out=torch.empty_like(tensor))


def _log1p_exp(tensor: torch.Tensor) -> torch.Tensor:
    # As -log(1 - sigmoid(x)), since exp() takes twice as long as sigmoid(); for x <= 0.
    return torch.sigmoid(tensor).neg_().log1p_().neg_()


def _log1p_exp_on_device(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.exp().log1p_()


def _all_numbers(tensor: torch.Tensor) -> bool:
    """Tell whether nothing is NaN; infinities of both signs count as NaN."""
    return not math.isnan(tensor.sum().item())


def _take_along_axis(tensor: torch.Tensor, index: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.gather(tensor, axis, index)


_BITS: dict[Any, Any] = {torch.float32: torch.int32, torch.float64: torch.int64}


def _where_by_bits(condition: Any, first: Any, second: Any) -> Any:
    """Return where(), by bits: to branch by a condition without a pattern is slow."""
    array = first if type(second) is float else second
    bits = _BITS.get(getattr(array, "dtype", None))
    if bits is None or not _have_one_layout(condition, first, second, array):
        return array_api_compat.torch.where(condition, first, second)
    # All bits of what is selected, and none of the others.
    mask = condition.view(torch.int8).to(bits).neg_()
    # 0.0 has no bits, and -0.0 has.
    if type(second) is float and str(second) == "0.0":
        mask &= first.view(bits)
        return mask.view(array.dtype)
    ones, others = (
        torch.tensor(each, dtype=array.dtype, device=array.device) if type(each) is float else each
        for each in (first, second)
    )
    mask &= ones.view(bits) ^ others.view(bits)
    mask ^= others.view(bits)
    return mask.view(array.dtype)


def _have_one_layout(condition: Any, first: Any, second: Any, array: Any) -> bool:
    """Tell whether a condition, and two tensors or a tensor and a number, have one layout."""
    wanted = (condition, torch.bool), (first, array.dtype), (second, array.dtype)
    return all(
        each.dtype == dtype and each.shape == array.shape and each.is_contiguous()
        for each, dtype in wanted
        if type(each) is not float
    )


def _max(tensor: torch.Tensor, **options: Any) -> torch.Tensor:
    maximum: torch.Tensor = array_api_compat.torch.max(with_full_shards(tensor), **options)
    return maximum


# The namespace of array_api_compat, but for its clip(), which the compiler does not trace for a
# number that changes from call to call, and which takes several operators where PyTorch has one.
xp: Any = ModuleType(array_api_compat.torch.__name__)
vars(xp).update(
    vars(array_api_compat.torch),
    clip=torch.clamp,
    max=_max,
    sign=_sign,
    take_along_axis=_take_along_axis,
    moveaxis=torch.movedim,  # which vmap knows
    log_of_number=_log_of_number,
    stop_gradient=torch.Tensor.detach,
    put_at_label=_put_at_label,
    with_whole_vectors=with_whole_vectors,
)
# What computes in place where autograd does not look.
xp_on_device: Any = ModuleType(xp.__name__)
vars(xp_on_device).update(
    vars(xp),
    put_at_label=_put_at_label_in_place,
    exponentials=partial(torch.softmax, dim=-1),
    is_positive=_is_positive,
    log1p_exp=_log1p_exp_on_device,
    sigmoid_of_negative=torch.sigmoid,
    is_constant=True,
)

# What may look at numbers, too, which takes no time on the CPU.
xp_on_host: Any = ModuleType(xp.__name__)
vars(xp_on_host).update(
    vars(xp_on_device),
    exponentials=_exponentials,
    log1p_exp=_log1p_exp,
    all_above=_all_above,
    all_indices=_all_indices,
    all_numbers=_all_numbers,
    is_eager=True,
)

# The same for many elements, with a selection whose time does not depend on the condition.
xp_by_bits: Any = ModuleType(xp.__name__)
vars(xp_by_bits).update(vars(xp_on_host), where=_where_by_bits)
