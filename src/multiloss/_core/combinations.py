"""What becomes of the sums of a loss, and the derivative with respect to each sum."""

from collections.abc import Callable
from typing import Any, NamedTuple

from multiloss._core.namespaces import is_constant
from multiloss._core.sums import Factor, Sums, divided, replaced_where_empty
from multiloss._typing import Array, Namespace, Parameter


class Combination(NamedTuple):
    """A function of the sums, and its derivatives: one for each term that has a slope.

    ``value`` takes the namespace, the sums, the mean of nothing, the parameters of the loss and the
    unit of its terms; ``slopes`` takes the same but for the mean of nothing.
    """

    value: Callable[[Namespace, Sums, Any, tuple[Parameter, ...], Any], Array]
    slopes: Callable[[Namespace, Sums, tuple[Parameter, ...], Any], tuple[Factor, ...]]
    is_linear: bool = False  # in the sums that depend on the prediction


# value  = Σ₁ / Σw, or Σ₁ where a sum is asked for
# slope₁ =  1 / Σw, or 1
def _mean(xp: Namespace, sums: Sums, empty: Any, *_: Any) -> Array:
    return divided(xp, sums.terms[0], sums.weight, empty)


def _mean_slopes(_: Namespace, sums: Sums, *__: Any) -> tuple[Factor, ...]:
    return ((1.0, sums.weight),)


MEAN = Combination(_mean, _mean_slopes, is_linear=True)


# m      = the mean or the sum of the p-th powers of what is measured in a unit
# value  = unit m^(1/p)
# slope₁ = m^(1/p - 1) / p / Σw, and 0 where m is 0
#        = 1/2 / Σw / √m            where p is 2; a slope over zero is zero
#
# p is the only parameter that such a loss may have, or else 2. The slopes of the terms are those
# with respect to the measured prediction, so that the unit cancels in the gradient. Without a unit
# the caller looks at the result: a root near zero is not exact then, and has no derivative.
def _root(
    xp: Namespace, sums: Sums, empty: Any, parameters: tuple[Parameter, ...], unit: Any
) -> Array:
    mean, exponent = sums.terms[0], exponent_of(parameters)
    if unit is None:
        return _power_root(xp, divided(xp, mean, sums.weight, None), exponent)
    # A mean of nothing is zero until the end, so that it has a root and a gradient. A count may be
    # one that a compiler does not know: the shape alone makes that mean NaN.
    is_count = isinstance(sums.weight, int) and empty is None
    mean = divided(xp, mean, sums.weight, None if is_count else 0.0)
    root = _root_or_zero(xp, mean, exponent)
    result = root if is_one(unit) else unit * root
    return result if is_count else replaced_where_empty(xp, result, sums.weight, empty)


def _root_or_zero(xp: Namespace, mean: Array, exponent: Parameter) -> Array:
    """Return m^(1/p); at zero, where the derivative is infinite, m itself."""
    if is_constant(xp):
        return _power_root(xp, mean, exponent)
    nothing = mean == 0
    return xp.where(nothing, mean, _power_root(xp, xp.where(nothing, 1.0, mean), exponent))


def _root_slopes(
    xp: Namespace, sums: Sums, parameters: tuple[Parameter, ...], _: Any
) -> tuple[Factor, ...]:
    exponent, mean = exponent_of(parameters), divided(xp, sums.terms[0], sums.weight, 0.0)
    total = sums.weight
    # Not below the root: a compiler may multiply both with the unit, which overflows.
    if is_two(exponent) and (total is None or (isinstance(total, int) and total)):
        return ((0.5 if total is None else 0.5 / total, _root_or_zero(xp, mean, exponent)),)
    nothing = mean == 0
    safe = xp.where(nothing, 1.0, mean)
    slope = xp.where(nothing, 0.0, safe ** (1 / exponent - 1) / exponent)
    return ((slope, total),)


def _power_root(xp: Namespace, mean: Array, exponent: Parameter) -> Array:
    """Return m^(1/p)."""
    return xp.sqrt(mean) if is_two(exponent) else mean ** (1 / exponent)


def exponent_of(parameters: tuple[Parameter, ...]) -> Parameter:
    """Return the exponent of a norm."""
    return parameters[0] if parameters else 2.0


def is_two(exponent: Parameter) -> bool:
    """Tell whether an exponent is certain to be 2."""
    return isinstance(exponent, float) and exponent == 2.0  # noqa: PLR2004  as its name says


def is_one(number: Any) -> bool:
    """Tell whether a number is certain to be 1."""
    return isinstance(number, float) and number == 1.0


ROOT = Combination(_root, _root_slopes)


# value  = Σ₁ / Σ₂, and not a number where Σ₂ has overflowed
# slope₁ =  1 / Σ₂; Σ₂ does not depend on the prediction
def _ratio(xp: Namespace, sums: Sums, empty: Any, *_: Any) -> Array:
    above, below = sums.terms
    return xp.where(below < xp.inf, divided(xp, above, below, empty), xp.nan)


def _ratio_slopes(xp: Namespace, sums: Sums, *_: Any) -> tuple[Factor, ...]:
    below = sums.terms[1]
    return ((xp.where(below < xp.inf, xp.ones_like(below), xp.nan), below),)


RATIO = Combination(_ratio, _ratio_slopes, is_linear=True)
