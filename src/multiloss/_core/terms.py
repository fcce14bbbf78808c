"""The terms of a loss: what is summed over the elements."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from multiloss._typing import Array, Namespace

# Takes the namespace, the prediction, the target, and the parameters in the order of their names.
Elementwise: TypeAlias = Callable[..., Array]


class Term(NamedTuple):
    """A function of one element, and its derivative with respect to the prediction.

    All return new arrays: what runs them may go on in place.
    """

    value: Elementwise
    slope: Elementwise | None = None  # the derivative divided by slope_scale
    slope_scale: float = 1.0  # kept apart, since a gradient is multiplied by a number anyway
    residual: Elementwise | None = None  # for a term that is a power of it
    residual_slope: Elementwise | None = None  # its derivative, where it is not one
    is_square: bool = False  # whether the term is |residual|²
    is_summed: bool = True  # False where the combination needs the slope alone


def difference(xp: Namespace, prediction: Array, target: Array, *_: Array) -> Array:  # noqa: ARG001
    """Return y - t."""
    return prediction - target


def square(residual: Elementwise, residual_slope: Elementwise | None = None) -> Term:
    """Return the term |residual|², of which the derivative is 2 residual · residual_slope.

    Of complex operands the slope is the direction of steepest ascent.
    """

    def value(xp: Namespace, prediction: Array, target: Array) -> Array:
        result = residual(xp, prediction, target)
        return result * result

    def slope(xp: Namespace, prediction: Array, target: Array) -> Array:
        factor: Elementwise = residual_slope  # type: ignore[assignment]
        return residual(xp, prediction, target) * factor(xp, prediction, target)

    return Term(
        value,
        residual if residual_slope is None else slope,
        slope_scale=2.0,
        residual=residual,
        residual_slope=residual_slope,
        is_square=True,
    )
