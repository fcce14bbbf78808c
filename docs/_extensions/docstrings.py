"""Docstrings without references to others: "As for :func:`mse`" becomes what stands there.

``help()`` stays short. On the site each page is complete.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, TypeAlias

from numpydoc.docscrape import FunctionDoc, NumpyDocString, Parameter
from sphinx.application import Sphinx

import multiloss as ml

# Such as "As for :func:`mse`, real." and "As :func:`mse`, without a unit."
_REFERENCE = re.compile(r"As (?:for )?:func:`(?:multiloss\.)?(\w+)`[,;:.]? ?")
_AFTERWARDS = {"See Also", "Notes", "References", "Examples"}

Lines: TypeAlias = Sequence[str]


def completed(doc: NumpyDocString) -> NumpyDocString:
    """Return a docstring whose sections say themselves what they refer to."""
    doc["Parameters"] = [
        Parameter(name, each.type, _parameter(name, each.desc))
        for each in doc["Parameters"]
        for name in _names(each)
    ]
    doc["Returns"] = [
        Parameter(each.name, each.type, _returned(each.desc)) for each in doc["Returns"]
    ]
    doc["Raises"] = [new for each in doc["Raises"] for new in _raised(each)]
    return doc


def _names(parameter: Parameter) -> list[str]:
    """Return the names of an entry, one by one where it refers to another function."""
    refers = _REFERENCE.match(" ".join(parameter.desc))
    return parameter.name.split(", ") if refers else [parameter.name]


def _split(text: Lines) -> tuple[NumpyDocString | None, str]:
    """Return what a text refers to, completed, and the rest of the text."""
    joined = " ".join(text)
    found = _REFERENCE.match(joined)
    if not found or not hasattr(ml, found[1]):
        return None, joined
    rest = joined[found.end() :]
    return completed(FunctionDoc(getattr(ml, found[1]))), rest[:1].upper() + rest[1:]


def _joined(same: Lines, rest: str) -> Lines:
    """Return what another function says, with the rest in place of all but the first paragraph."""
    return [*takewhile(bool, same), "", rest] if rest else same


def _parameter(name: str, text: Lines) -> Lines:
    other, rest = _split(text)
    if other is None:
        return text
    (same,) = (each.desc for each in other["Parameters"] if each.name == name)
    return _joined(same, rest)


def _returned(text: Lines) -> Lines:
    other, rest = _split(text)
    return text if other is None else _joined(other["Returns"][0].desc, rest)


def _raised(entry: Parameter) -> list[Parameter]:
    other, rest = _split(entry.desc)
    if other is None:
        return [entry]
    rest = rest.removeprefix("And ")
    own = [Parameter("", entry.type, [f"Also {rest[:1].lower()}{rest[1:]}"])] if rest else []
    return [*other["Raises"], *own]


def _process(_: Sphinx, what: str, *others: Any) -> None:
    lines: list[str] = others[-1]
    if what != "function" or "Parameters" not in lines:
        return
    whole, sections = completed(NumpyDocString("\n".join(lines))), NumpyDocString("")
    for each in ("Parameters", "Returns", "Raises"):
        sections[each] = whole[each]
    start = lines.index("Parameters")
    stop = next((k for k, line in enumerate(lines) if line in _AFTERWARDS), len(lines))
    lines[start:stop] = [*str(sections).strip().split("\n"), ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Complete docstrings before numpydoc reads them."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
