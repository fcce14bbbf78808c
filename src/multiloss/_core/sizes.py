"""Squares of any size as three sums that add up, none of which overflows or vanishes (Blue, 1978).

With b the power of two up to which the dtype reaches, f = 2^(-5b/8) and g = 2^(19b/32),

    small   =  Σ (r g)²     where 0 < |r| < 2^(-15b/32)
    middle  =  Σ r²         elsewhere
    large   =  Σ (r f)²     where |r| > 2^(3b/8)

so that 2^(b/4) of them can be added up, and that the derivatives of the sums are in range too. The
unit of a norm would depend on what the other parts hold; these do not. Other powers than squares
would need more sizes: they are all in the middle. So are squares whose sum, as they are, is in
range: one pass is enough for them.
"""

import math
import sys
from typing import Any

from multiloss._core.combinations import ROOT, exponent_of, is_two
from multiloss._core.measures import safe_range
from multiloss._core.sums import Sums
from multiloss._core.terms import Term, difference
from multiloss._typing import Array, DType, Namespace, Parameter

SIZES = ("small", "middle", "large")


def square_of_size(
    term: Term, size: str, xp: Namespace, prediction: Array, target: Array, *_: Parameter
) -> Array:
    """Return the squares of the residuals of one size, and zero for those of others."""
    residual = (term.residual or difference)(xp, prediction, target)
    is_complex = xp.isdtype(residual.dtype, "complex floating")
    components = [xp.real(residual), xp.imag(residual)] if is_complex else [residual]
    sizes = [xp.abs(each) for each in components]
    largest = xp.maximum(*sizes) if is_complex else sizes[0]
    reach = _range_exponent(xp, largest.dtype)
    is_small = (largest > 0) & (largest < 2.0 ** -(15 * reach // 32))
    is_large = largest > 2.0 ** (3 * reach // 8)
    small_factor, large_factor = _factors(reach)
    chosen, scale = {
        "small": (is_small, small_factor),
        "middle": (~(is_small | is_large), 1.0),  # and what is not a number
        "large": (is_large, large_factor),
    }[size]
    # Multiplied before it is selected: a compiler would multiply both factors of the square, which
    # overflows.
    scaled = [xp.where(chosen, scale * each, 0.0) for each in components]
    squares = [each * each for each in scaled]
    return squares[0] + squares[1] if is_complex else squares[0]


def is_middle(xp: Namespace, dtype: DType, values: Any, parameters: tuple[Parameter, ...]) -> bool:
    """Tell whether sums of powers, as they are, may be those of the middle size.

    The values are None where they are not known yet.
    """
    if not is_two(exponent_of(parameters)):
        return True
    if values is None:
        return False
    low, high = safe_range(xp, dtype, 2.0)
    return bool(((values > low * low) & (values < high * high)).all())


def _range_exponent(xp: Namespace, dtype: DType) -> int:
    """Return the power of two up to which a dtype reaches."""
    largest = float(xp.finfo(dtype).max)
    # Extended precision reaches beyond Python's floats, whose range has to do.
    return math.frexp(min(largest, sys.float_info.max))[1]


def _factors(reach: int) -> tuple[float, float]:
    """Return what small and large residuals are multiplied with."""
    return 2.0 ** (19 * reach // 32), 2.0 ** -(5 * reach // 8)


# root = √(large + f² middle) / f   where some are large: small ones are below a digit then
#      = √small / g                 where all are small
#      = √(middle + small / g²)     otherwise
#
# each of the mean or the sum.
def root_of_sizes(
    xp: Namespace, sums: Sums, empty: Any, parameters: tuple[Parameter, ...], _: Any
) -> Array:
    """Return the root of the mean or the sum of all squares."""
    small, middle, large = sums.terms

    def root(total: Array) -> Array:
        return ROOT.value(xp, Sums((total,), sums.weight), empty, parameters, 1.0)

    if not is_two(exponent_of(parameters)):
        return root(middle)
    small_factor, large_factor = _factors(_range_exponent(xp, middle.dtype))
    # Weights may be negative, and what is not a number is not 0.
    is_large = large != 0
    is_small = (middle == 0) & (small != 0) & ~is_large
    # Times f twice, not times f², which vanishes; the selection keeps a compiler from joining them.
    middle_in_large = xp.where(is_large, middle * large_factor, 0.0) * large_factor
    small_in_middle = xp.where(is_large | is_small, 0.0, small / small_factor) / small_factor
    # Both branches of where() are differentiated: those that are dropped get 1.
    in_large = xp.where(is_large, large + middle_in_large, 1.0)
    in_small = xp.where(is_small, small, 1.0)
    in_middle = xp.where(is_large | is_small, 1.0, middle + small_in_middle)
    others = xp.where(is_small, root(in_small) / small_factor, root(in_middle))
    return xp.where(is_large, root(in_large) / large_factor, others)
