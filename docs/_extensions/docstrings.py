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


def complete(doc: NumpyDocString) -> NumpyDocString:
    """Complete a docstring in place, and return it."""
    doc["Parameters"] = [new for each in doc["Parameters"] for new in _parameters(each)]
    doc["Returns"] = [_returned(each) for each in doc["Returns"]]
    doc["Raises"] = [new for each in doc["Raises"] for new in _raised(each)]
    return doc


def _parameters(entry: Parameter) -> list[Parameter]:
    """Return the entries of each name, where a text for several refers to another function."""
    other, addition = _resolved(entry.desc)
    if other is None:
        return [entry]
    inherited = {each.name: each.desc for each in other["Parameters"]}
    return [
        Parameter(name, entry.type, _joined(inherited[name], addition))
        for name in entry.name.split(", ")
    ]


def _returned(entry: Parameter) -> Parameter:
    other, addition = _resolved(entry.desc)
    if other is None:
        return entry
    return Parameter(entry.name, entry.type, _joined(other["Returns"][0].desc, addition))


def _raised(entry: Parameter) -> list[Parameter]:
    other, addition = _resolved(entry.desc)
    if other is None:
        return [entry]
    added = addition.removeprefix("And ")
    own = Parameter("", entry.type, [f"Also raised {added[:1].lower()}{added[1:]}"])
    return [*other["Raises"], own] if added else other["Raises"]


def _resolved(text: Lines) -> tuple[NumpyDocString | None, str]:
    """Return the docstring that a text refers to, completed, and what the text adds to it."""
    joined = " ".join(text)
    found = _REFERENCE.match(joined)
    if not found:
        return None, joined
    addition = joined[found.end() :]
    return complete(FunctionDoc(getattr(ml, found[1]))), addition[:1].upper() + addition[1:]


def _joined(inherited: Lines, addition: str) -> Lines:
    """Return what another function says; before an addition, the first paragraph of it alone."""
    return [*takewhile(bool, inherited), "", addition] if addition else inherited


def _process(
    _app: Sphinx, what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    if what != "function" or "Parameters" not in lines:
        return
    whole, sections = complete(NumpyDocString("\n".join(lines))), NumpyDocString("")
    for each in ("Parameters", "Returns", "Raises"):
        sections[each] = whole[each]
    start = lines.index("Parameters")
    stop = next((k for k, line in enumerate(lines) if line in _AFTERWARDS), len(lines))
    lines[start:stop] = [*str(sections).strip().split("\n"), ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Complete docstrings before numpydoc reads them."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
