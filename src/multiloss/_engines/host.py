"""Host data: what it may be, and NumPy without warnings."""

from collections.abc import Callable
from contextvars import Context
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")

# The numbers without a dtype, and a dtype of their kind.
NUMBERS = {bool: "bool", int: "int32", float: "float32", complex: "complex64"}

# What a plan depends on of host data, by its class.
HOST_KEYS: dict[type, Callable[[Any], Any]] = {
    np.ndarray: attrgetter("dtype", "shape"),
    **dict.fromkeys((*NUMBERS, type(None)), type),
}

# Overflow and NaN show in the result, as they do on other engines. NumPy keeps its error state in a
# context variable. To run in a copy of a context where it is set takes a fraction of the time of
# np.errstate(), and a copy for each call makes it safe in threads.
NO_WARNINGS = Context()
NO_WARNINGS.run(np.seterr, all="ignore")


def without_warnings(function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """Call a function of NumPy, which sees no other context variable of the caller."""
    return NO_WARNINGS.copy().run(function, *args, **kwargs)
