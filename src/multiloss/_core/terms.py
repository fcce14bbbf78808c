"""The terms of a loss: what is summed over the items."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from multiloss._typing import Array, Namespace

# Takes the namespace, the prediction, the target, and the parameters in the order in which the
# loss names them.
Elementwise: TypeAlias = Callable[..., Array]


class Scaled(NamedTuple):
    """The slopes of vectors, and what all those of a vector are multiplied with and divided by.

    What else a slope is multiplied with is one number for each vector too, so that the slopes have
    to be multiplied once.
    """

    slopes: Array
    above: Array | float  # with an axis of size 1 for the classes
    below: Array | float  # ditto


def with_class_axis(value: Any) -> Any:
    """Return what there is one of for each item in a shape that broadcasts with its classes."""
    # A number that a compiler traces has no shape.
    if value is None or isinstance(value, (int, float)) or not len(value.shape):
        return value
    return value[..., None]


class Term(NamedTuple):
    """A function of one item, and its derivative with respect to the prediction.

    All return new arrays: what runs them may go on in place.
    """

    value: Elementwise
    # The derivative divided by slope_scale; of vectors perhaps Scaled.
    slope: Elementwise | None = None
    slope_scale: float = 1.0  # kept apart, since a gradient is multiplied by a number anyway
    residual: Elementwise | None = None  # for a term that is a power of it
    residual_slope: Elementwise | None = None  # its derivative, where it is not one
    is_square: bool = False  # whether the term is |residual|²
    is_summed: bool = True  # False where the combination needs the slope alone
    # For a term of which value and slope have most in common: returns a function for each.
    prepare: Callable[..., "Prepared"] | None = None
    # The second derivative, divided by slope_scale too; None where there is no closed form.
    curvature: Elementwise | None = None


Prepared: TypeAlias = tuple[Callable[[], Array], Callable[[], Array | Scaled]]


def prepared(prepare: Callable[..., Prepared], curvature: Elementwise | None = None) -> Term:
    """Return the term of which the value and the slope are computed from the same intermediates.

    The function takes what a value takes, and returns the value and the slope as functions without
    arguments.
    """
    return Term(
        lambda *arguments: prepare(*arguments)[0](),
        lambda *arguments: prepare(*arguments)[1](),
        prepare=prepare,
        curvature=curvature,
    )


def difference(xp: Namespace, prediction: Array, target: Array, *_: Array) -> Array:  # noqa: ARG001
    """Return y - t."""
    return prediction - target


def zero_curvature(xp: Namespace, prediction: Array, target: Array, *_: Array) -> Array:
    """Return 0, the curvature of straight pieces, and by convention of the kinks between them."""
    return xp.zeros_like(prediction - target)


def unit_curvature(xp: Namespace, prediction: Array, target: Array, *_: Array) -> Array:
    """Return the curvature of ½ (y - t)², which is 1."""
    return xp.ones_like(prediction - target)


def square(
    residual: Elementwise,
    residual_slope: Elementwise | None = None,
    curvature: Elementwise | None = None,
) -> Term:
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
        curvature=unit_curvature if residual_slope is None else curvature,
    )
