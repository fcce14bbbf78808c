"""The options that losses share: their names in a signature, and their text in a docstring."""

import inspect
import re
from collections.abc import Callable
from typing import Any, get_args

from multiloss._planning.options import NAN, remember_keywords
from multiloss._typing import OPTION_NAMES, Options, P, R

_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("weight", "where", "axis")),
    **dict.fromkeys(("keepdims", "broadcast"), False),
    "reduction": "mean",
    "empty": NAN,
}

_TEXT = """\
    weight : array, optional
        Real weights :math:`w`, with as many axes as the loss, each of the same size or of size 1.
    where : array of bool, optional
        The elements that count, of a shape as for ``weight``. The others are left out before the
        arithmetic: a NaN among them reaches neither the value nor a gradient.
    axis : int or tuple of int, optional
        The axes to reduce over; all of them by default.
    keepdims : bool, default False
        Whether reduced axes stay, with size 1.
    reduction : {"mean", "sum", "none"}, default "mean"
        The sum of the weighted terms divided by that of the weights, the sum alone, or the weighted
        terms themselves, with zeros where ``where`` is false.
    broadcast : bool, default False
        Whether shapes that differ may broadcast. By default they raise.
    empty : float or 0-d array, default nan
        The mean of nothing: of no elements, or of weights that sum to zero. Its gradient is zero.
"""
_TEXTS = {
    name: text
    for text, name in re.findall(r"^(    (\w+) : .*\n(?:        .*\n)+)", _TEXT, re.MULTILINE)
}

# As they stand in a signature.
SHARED_OPTIONS = tuple(
    inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=_DEFAULTS[name],
        annotation=Options.__annotations__[name],
    )
    for name in OPTION_NAMES
)


def with_options(loss: Callable[P, R]) -> Callable[P, R]:
    """Name each option that a function takes as ``**options`` in its signature and docstring."""
    signature = inspect.signature(loss)
    *named, rest = signature.parameters.values()
    (typed,) = get_args(rest.annotation)
    names = typed.__optional_keys__ - signature.parameters.keys()
    added = [each for each in SHARED_OPTIONS if each.name in names]
    function: Any = loss
    function.__signature__ = signature.replace(parameters=[*named, *added])
    remember_keywords(function)
    # Without docstrings, as Python runs with -OO, there is nothing to complete.
    text = "".join(_TEXTS[each.name] for each in added)
    function.__doc__ = re.sub(
        r"^    \*\*options\n(?:        .*\n)+", text, loss.__doc__ or "", flags=re.MULTILINE
    )
    return loss


def is_given(parameter: Any, default: float) -> bool:
    """Tell whether a parameter has to be computed with, since it is not the number by default."""
    return not isinstance(parameter, (int, float)) or bool(parameter != default)
