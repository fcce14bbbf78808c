"""The examples of the README and of the docstrings, run as they stand."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import multiloss as ml

NEEDS = "engines"

ROOT = Path(__file__).parent.parent
# Those that need a package that is not installed here are run in tests/frameworks.
ADAPTERS = {"multiloss.boosting", "multiloss.keras", "multiloss.sklearn"}
MODULES = sorted(
    {each.name for each in pkgutil.walk_packages(ml.__path__, "multiloss.")}
    - {"multiloss.__main__", *ADAPTERS}
)


PAGES = ("coming_from", "custom_loss", "explain", "torch")


@pytest.mark.parametrize("file", ["README.md", *(f"docs/{each}.md" for each in PAGES)])
def test_pages(file: str) -> None:
    text = (ROOT / file).read_text("utf-8").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(text, {}, file, str(ROOT / file), 0)
    assert len(examples.examples) > 4
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples)
    assert failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_every_public_function_has_an_executed_example() -> None:
    for name in set(ml.__all__) - {"__version__"}:
        assert doctest.DocTestFinder().find(getattr(ml, name))[0].examples, name
