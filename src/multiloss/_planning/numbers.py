"""Python's numbers, which may be too large for any float, or for the dtype of an array."""

import math

_EVERY_FLOAT = 3e38  # holds what is smaller
_EVERY_INTEGER = 2**63


def as_float(role: str, number: float) -> float:
    """Return a number as a float, or raise ValueError if it is larger than any."""
    try:
        return float(number)
    except OverflowError:
        message = f"{role} is an integer beyond the largest float; pass a float, or inf"
        raise ValueError(message) from None


def fits_every_float(number: float) -> bool:
    """Tell whether a number is certain to be in the range of a dtype; False if in doubt."""
    return -_EVERY_FLOAT < number < _EVERY_FLOAT


def rounded(role: str, number: float, largest: float) -> float:
    """Return a number, or infinity in its place if it is beyond the largest of a dtype."""
    if -largest <= number <= largest:
        return number if -_EVERY_INTEGER < number < _EVERY_INTEGER else float(number)
    number = as_float(role, number)
    return number if math.isnan(number) else math.copysign(math.inf, number)


def clamped(number: float, largest: float) -> float:
    """Return a number, or the largest of a dtype in its place if it is finite and beyond."""
    is_finite = -math.inf < number < math.inf
    return max(-largest, min(number, largest)) if is_finite else number
