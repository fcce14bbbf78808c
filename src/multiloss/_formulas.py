"""Value and slope of each loss, element by element, on the namespace ``xp`` they are given.

The operands were checked before: floating-point arrays of one dtype whose shapes broadcast.
"""

from collections.abc import Callable
from typing import NamedTuple

from multiloss._typing import Array, Namespace


class Formula(NamedTuple):
    """A loss of one element, and its derivative with respect to the prediction."""

    value: Callable[[Namespace, Array, Array], Array]
    slope: Callable[[Namespace, Array, Array], Array]


# value = |y - t|²
# slope = 2 (y - t)
#
# For complex operands the modulus is squared from its two parts: abs() would take a root first,
# whose derivative at zero is not a number. The slope is then the direction of steepest ascent.
def _squared_error(xp: Namespace, prediction: Array, target: Array) -> Array:
    residual = prediction - target
    if xp.isdtype(residual.dtype, "complex floating"):
        real, imaginary = xp.real(residual), xp.imag(residual)
        return real * real + imaginary * imaginary
    return residual * residual


def _squared_error_slope(xp: Namespace, prediction: Array, target: Array) -> Array:  # noqa: ARG001  every slope is called alike
    return 2 * (prediction - target)


squared_error = Formula(_squared_error, _squared_error_slope)
