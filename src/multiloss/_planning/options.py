"""The keywords of the losses: what they may be, and what to say about one that is none of them."""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

from multiloss._core.loss import Loss
from multiloss._planning.operands import as_float
from multiloss._typing import Axis, ReductionName

# What other libraries call an option. A misspelling is found by similarity.
_ALIASES = {
    "dim": "axis",
    "ignore_index": "where",
    "mask": "where",
    "pos_weight": "positive_weight",
    "sample_weight": "weight",
}
REQUIRED = inspect.Parameter.empty


# The default of ``empty``, told from others by identity.
NAN = math.nan

# The default of ``reduction`` of a loss that defines one.
UNSET: Any = object()

_REDUCTIONS: tuple[ReductionName, ...] = get_args(ReductionName)


def checked_reduction(name: object, axis: Axis = None) -> ReductionName:
    """Return the name of a reduction, or raise ValueError if there is none of this name."""
    if not (isinstance(name, str) and name in _REDUCTIONS):
        allowed = ", ".join(map(repr, _REDUCTIONS))
        raise ValueError(f"reduction={name!r} is unknown; the reductions are {allowed}")
    if name == "none" and axis is not None:
        raise ValueError(f"reduction='none' reduces over no axis; leave out axis={axis!r}")
    return name


def checked_scalar(name: str, value: Any) -> Any:
    """Return a parameter, or raise ValueError if it may have more than one number."""
    if not isinstance(value, (int, float)) and getattr(value, "shape", None) != ():
        raise ValueError(f"{name} is a {type(value).__name__}; pass one number, or a 0-d array")
    return value


def checked_empty(loss: Loss, empty: Any) -> Any:
    """Return the value of a mean of nothing, None for NaN; raise ValueError if it is no number.

    An array or a traced value is taken unchanged.
    """
    if "empty" not in loss.options:
        raise TypeError(unknown_option(loss, ("empty",)))
    if isinstance(empty, (int, float)):
        # As a plain float: a subclass may have a dtype, which would take part in promotion.
        # Compared with itself, since a compiler that traces numbers does not follow math.isnan().
        return None if empty != empty else as_float("empty", empty) + 0.0  # noqa: PLR0124
    if not hasattr(empty, "dtype"):
        raise ValueError(f"empty={empty!r} is not a number; pass one, such as 0.0 or nan")
    return empty


def keywords_of(loss: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the keywords of a loss and their defaults, or None if the signature hides some."""
    # Those of this package have them ready: a signature takes long to read, and Dynamo cannot read
    # it after a dictionary has changed.
    ready: dict[str, Any] | None = getattr(loss, "_keywords", None)
    return _keywords_of(loss) if ready is None else ready


def required_of(loss: Callable[..., Any]) -> list[str]:
    """Return the keywords of a loss that have no default."""
    return [name for name, each in (keywords_of(loss) or {}).items() if each is REQUIRED]


def remember_keywords(loss: Any) -> None:
    """Let keywords_of() find what the signature of a loss says."""
    loss._keywords = _keywords_of(loss)  # noqa: SLF001  of this function


def _keywords_of(loss: Callable[..., Any]) -> dict[str, Any] | None:
    try:
        _, _, *parameters = inspect.signature(loss).parameters.values()
    except ValueError:  # no signature, or less than two arguments
        return None
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(each.kind not in named for each in parameters):
        return None
    return {each.name: each.default for each in parameters}


def name_of(function: Any) -> str:
    """Return the name of a function, or what else prints it."""
    return str(getattr(function, "__name__", repr(function)))


def unknown_option(loss: Loss, unknown: Iterable[str]) -> str:
    """Return what to say about keywords that are no options of a loss."""
    # Once each, since some losses compute with a parameter only where it is given.
    allowed = dict.fromkeys([*(each.name for each in loss.parameters), *loss.options])
    return no_such_option(loss.name, next(iter(unknown)), tuple(allowed))


def no_such_option(loss: str, given: str, allowed: Sequence[str]) -> str:
    """Return one line that lists the options of a loss, and the one that may have been meant."""
    from difflib import get_close_matches

    meant = _ALIASES.get(given) or next(iter(get_close_matches(given, allowed, n=1)), "")
    hint = f"did you mean {meant}? It" if meant in allowed else "it"
    return f"{loss} has no option {given}; {hint} has {', '.join(allowed)}"
