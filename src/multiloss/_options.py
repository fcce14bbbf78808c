"""The keywords of the losses, and what to say about one that is none of them."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Never, get_args

from multiloss._formulas.formula import Formula
from multiloss._typing import OPTION_NAMES

# What other libraries call an option. A slip of the pen is found without a table.
_ALIASES = {"dim": "axis", "mask": "where", "sample_weight": "weight"}
_REQUIRED = inspect.Parameter.empty


class Keywords(NamedTuple):
    """The keywords that a loss takes."""

    names: tuple[str, ...]
    required: tuple[str, ...]
    defaults: dict[str, Any]  # those that the signature tells


def keywords_of(loss: Callable[..., Any]) -> Keywords | None:
    """Return the keywords of a loss, or None for a function that does not tell them all."""
    try:
        _, _, *parameters = inspect.signature(loss).parameters.values()
    except ValueError:  # no signature, or less than two arguments
        return None
    names: list[str] = []
    required, defaults = [], {}
    for each in parameters:
        if each.kind in {each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD}:
            names.append(each.name)
            if each.default is _REQUIRED:
                required.append(each.name)
            else:
                defaults[each.name] = each.default
        elif each.kind is not each.VAR_KEYWORD:
            return None
        elif each.annotation is not Never:
            common = next(iter(get_args(each.annotation)), None)
            keys = getattr(common, "__optional_keys__", None)
            if keys is None:
                return None
            names += [name for name in OPTION_NAMES if name in keys]
    return Keywords(tuple(names), tuple(required), defaults)


def unknown_option(formula: Formula, unknown: Iterable[str]) -> str:
    """Return what to say about keywords that are no options of a loss."""
    allowed = (*(each.name for each in formula.parameters), *formula.options)
    return no_such_option(formula.name, next(iter(unknown)), allowed)


def no_such_option(loss: str, given: str, allowed: Sequence[str]) -> str:
    """Return one line that lists the options of a loss, and the one that may have been meant."""
    from difflib import get_close_matches

    meant = _ALIASES.get(given) or next(iter(get_close_matches(given, allowed, n=1)), "")
    hint = f"did you mean {meant}? It" if meant in allowed else "it"
    return f"{loss} has no option {given}; {hint} has {', '.join(allowed)}"
