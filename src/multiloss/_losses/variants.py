"""A loss in each of its variants, so that nothing is computed that a call does not ask for."""

from collections.abc import Callable
from typing import TypeAlias

from multiloss._core.loss import FRACTION, NOT_NEGATIVE, Loss, ParameterSpec
from multiloss._losses.options import is_given
from multiloss._typing import Array, Operand, Parameter

# By whether it takes logits, has weights of classes, and smooths its target.
Variants: TypeAlias = dict[bool, dict[bool, dict[bool, Loss]]]

SMOOTHING = ParameterSpec("label_smoothing", FRACTION)
GAMMA = ParameterSpec("gamma", NOT_NEGATIVE)
STAND_IN = 0.5  # for masked probabilities: no logarithm is infinite, smoothed or not
_BOTH = (False, True)


def variants(loss: Callable[[bool, bool, bool], Loss]) -> Variants:
    """Return a loss in all variants at once, since a compiler does not follow a cache."""
    return {a: {b: {c: loss(a, b, c) for c in _BOTH} for b in _BOTH} for a in _BOTH}


def chosen(
    losses: Variants, *, from_logits: bool, weight: Operand | None, label_smoothing: Operand
) -> tuple[Loss, list[Operand]]:
    """Return the variant of a call, and the parameters that it takes: weights first."""
    is_smoothed = is_given(label_smoothing, 0.0)
    parameters = [] if weight is None else [weight]
    if is_smoothed:
        parameters.append(label_smoothing)
    return losses[bool(from_logits)][weight is not None][is_smoothed], parameters


def smoothed(target: Array, smoothing: Parameter, classes: int) -> Array:
    """Return (1 - ε) t + ε / C."""
    return (1 - smoothing) * target + smoothing / classes


def special_case(losses: tuple[tuple[float, Loss], ...], parameter: Operand) -> Loss | None:
    """Return the loss that another one is for a number."""
    if isinstance(parameter, (int, float)):
        # One by one, since compilers do not trace a number as a key.
        for number, loss in losses:
            if parameter == number:
                return loss
    return None
