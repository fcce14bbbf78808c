"""A loss as the caller of a command writes it."""

from multiloss._planning.options import keywords_of, name_of, required_of
from multiloss._typing import OPTION_NAMES
from multiloss._value import Loss, get

_OF_ARRAYS = {*OPTION_NAMES, "class_axis"}  # what a command decides itself


def checked_loss(text: str, reason: str) -> Loss:
    """Return a loss, or raise an error; ``reason`` says why options of arrays are refused."""
    loss = get(text)
    for _, function, options in loss.terms:
        given = dict(options)
        refused = [each for each in given if each in _OF_ARRAYS]
        if refused:
            raise ValueError(f"{refused[0]} {reason}; leave it out of {text!r}")
        missing = [each for each in required_of(function) if each not in given]
        if missing:
            name = name_of(function)
            raise ValueError(f"{name} needs {missing[0]}; write '{name}({missing[0]}=1.0)'")
    return loss


def has_classes(loss: Loss) -> bool:
    """Tell whether a loss is one of vectors of classes; raise an error if it is of both kinds."""
    kinds = {"class_axis" in (keywords_of(each.function) or {}) for each in loss.terms}
    if len(kinds) > 1:
        raise ValueError(f"{loss} adds losses of elements and of vectors; take them apart")
    return kinds == {True}
