"""The pages: each block of code runs as it stands, and each loss is where it should be named."""

import doctest
import importlib
import math
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import multiloss as ml
from multiloss.__main__ import parser_of_commands
from multiloss._registry import losses

NEEDS = "engines"

ROOT = Path(__file__).parent.parent
# Those that need a package that is not installed here are run in tests/frameworks.
ADAPTERS = {"multiloss.boosting", "multiloss.keras", "multiloss.sklearn"}
MODULES = sorted(
    {each.name for each in pkgutil.walk_packages(ml.__path__, "multiloss.")}
    - {"multiloss.__main__", *ADAPTERS}
)
PAGES = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in sorted((*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))
}
# Pages that begin with something else than what they are for, and pages that are another file.
WITHOUT_OPENING = {"README.md", "CHANGELOG.md", "SECURITY.md", "docs/index.md"}
INCLUDED = {name for name, text in PAGES.items() if text.startswith("```{include}")}
# A fence of colons may hold others.
BLOCK = re.compile(r"^(`{3,}|:{3,})(.*)\n((?:.*\n)*?)\1$", re.MULTILINE)
FENCE = re.compile(r"^\s*(?:```|~~~).*$", re.MULTILINE)
# What shows no code: directives of the site.
DIRECTIVE = re.compile(
    r"\{(autosummary|eval-rst|formulas|glossary|image|include|same-elsewhere|toctree)\}"
)


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the blocks of a page, with the language or directive of each."""
    found: list[tuple[str, str]] = []
    for fence, kind, body in BLOCK.findall(text):
        found += blocks(body) if fence.startswith(":") else [(kind, body)]
    return found


SESSIONS = {
    name: "".join(body for kind, body in blocks(text) if kind == "pycon")
    for name, text in PAGES.items()
}
COMMANDS = sorted(
    {
        line.partition(" #")[0].strip()
        for text in PAGES.values()
        for kind, body in blocks(text)
        if kind == "sh"
        for line in body.splitlines()
    }
)


def test_every_block_is_of_a_kind_that_runs() -> None:
    kinds = [kind for text in PAGES.values() for kind, _ in blocks(text)]
    code = [kind for kind in kinds if not DIRECTIVE.match(kind)]
    assert set(code) == {"pycon", "sh"}
    assert len(code) > 30
    # None that the pattern overlooks, as one that is indented.
    fences = [line for text in PAGES.values() for line in re.findall(FENCE, text)]
    assert len(fences) == 2 * len(kinds)


@pytest.mark.parametrize("page", [name for name, text in SESSIONS.items() if text])
def test_sessions_run_as_they_stand(page: str) -> None:
    examples = doctest.DocTestParser().get_doctest(SESSIONS[page], {}, page, str(ROOT / page), 0)
    assert len(examples.examples) == len(re.findall(r"^>>>", SESSIONS[page], re.MULTILINE))
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples)
    assert failed == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for each in command.split(" && "):
        match shlex.split(each):
            case ["make", target]:
                is_file = target == ".venv/wheel" and "%/wheel:" in makefile
                assert is_file or re.search(rf"^\.PHONY: {target}$", makefile, re.MULTILINE)
            case ["multiloss", *arguments]:
                assert parser_of_commands().parse_args(arguments).run
            case [".venv/bin/python", "-m", "pytest", *files, "-k", _]:
                assert all((ROOT / file).exists() for file in files)
            case _:
                pytest.fail(f"nothing checks {each!r}")


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_every_public_function_has_an_executed_example() -> None:
    for name in set(ml.__all__) - {"__version__"}:
        assert doctest.DocTestFinder().find(getattr(ml, name))[0].examples, name


@pytest.mark.parametrize("loss", losses())
def test_every_loss_is_in_the_readme_and_in_the_reference(loss: str) -> None:
    assert re.search(rf"`(ml\.)?{loss}\b", PAGES["README.md"])
    assert re.search(rf"^   {loss}$", PAGES["docs/reference.md"], re.MULTILINE)


def test_every_public_name_is_in_the_reference() -> None:
    listed = re.findall(r"^   ([\w.]+)$", PAGES["docs/reference.md"], re.MULTILINE)
    public = {*ml.__all__} - {"__version__"}
    for module in ("boosting", "keras", "sklearn", "testing", "torch"):
        # Read, since not every library that they import is installed.
        source = Path(ml.__file__).with_name(f"{module}.py").read_text("utf-8")
        names = re.findall(r'"(\w+)"', source.partition("__all__ = [")[2].partition("]")[0])
        assert names
        public |= {f"{module}.{name}" for name in names}
    assert sorted(listed) == sorted(public)


def test_the_readme_fits_on_two_screens() -> None:
    # Of 55 lines each; a line of a table may take several.
    rows = sum(math.ceil(len(line) / 120) or 1 for line in PAGES["README.md"].splitlines())
    assert rows <= 110


@pytest.mark.parametrize(
    "page", sorted(name for name in PAGES if name not in {*WITHOUT_OPENING, *INCLUDED})
)
def test_a_page_begins_with_what_it_is_for(page: str) -> None:
    assert re.match(r"# .+\n\nThis page ", PAGES[page])
