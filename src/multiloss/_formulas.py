"""Value and slope of each loss, element by element, on the namespace ``xp`` they are given.

The operands were checked before: floating-point arrays of one dtype whose shapes broadcast.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from multiloss._typing import Array, Namespace

Elementwise: TypeAlias = Callable[[Namespace, Array, Array], Array]


class Formula(NamedTuple):
    """A loss of one element, and its derivative with respect to the prediction.

    A root has to be a new array: it may be squared in place.
    """

    value: Elementwise
    slope: Elementwise
    root: Elementwise | None = None  # value = |root|² and slope = 2 root: they take a pass less


# root  = y - t
# value = |y - t|²
# slope = 2 (y - t)
#
# For complex operands the modulus is squared from its two parts: abs() would take a root first,
# whose derivative at zero is not a number. The slope is then the direction of steepest ascent.
def _residual(xp: Namespace, prediction: Array, target: Array) -> Array:  # noqa: ARG001  as all
    return prediction - target


def _squared_error(xp: Namespace, prediction: Array, target: Array) -> Array:
    residual = _residual(xp, prediction, target)
    if xp.isdtype(residual.dtype, "complex floating"):
        real, imaginary = xp.real(residual), xp.imag(residual)
        return real * real + imaginary * imaginary
    return residual * residual


def _squared_error_slope(xp: Namespace, prediction: Array, target: Array) -> Array:
    return 2 * _residual(xp, prediction, target)


squared_error = Formula(_squared_error, _squared_error_slope, _residual)
