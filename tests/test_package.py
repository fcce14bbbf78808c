"""What importing costs, and which file may name which engine."""

import re
import subprocess
import sys
from importlib.metadata import files, requires, version
from pathlib import Path

import pytest

import multiloss as ml

SOURCE = Path(ml.__file__).parent
ENGINE_NAMES = re.compile(r"numpy|torch|jax|dask|cupy|\bnp\b|\bjnp\b", re.IGNORECASE)


def loaded_by(statement: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  our own
    return set(run.stdout.split())


ENGINES = {"torch", "jax", "jaxlib", "dask", "array_api_strict"}


def test_importing_loads_no_engine() -> None:
    assert not ENGINES & loaded_by("import multiloss")


def test_using_it_in_numpy_loads_no_engine() -> None:
    assert not ENGINES & loaded_by("import multiloss as ml; ml.value_and_grad(ml.mse)([1], [2])")


@pytest.mark.parametrize("package", ["sqlite3", "wave"])
def test_the_tests_above_can_fail(package: str) -> None:
    # With packages of the standard library, so that it holds in every environment.
    assert package not in loaded_by("import multiloss")
    assert package in loaded_by(f"import multiloss, {package}")


@pytest.mark.parametrize(
    "file",
    [
        "_dtypes.py",
        "_evaluation.py",
        "_formulas.py",
        "_reduction.py",
        "_selection.py",
        "_shapes.py",
        "_engines/_engine.py",
    ],
)
def test_engines_are_named_only_where_they_are_told_apart(file: str) -> None:
    code = re.sub(r'""".*?"""|#[^\n]*', "", (SOURCE / file).read_text("utf-8"), flags=re.DOTALL)
    assert not ENGINE_NAMES.findall(code)


@pytest.mark.parametrize("file", ["_formulas.py", "_reduction.py"])
def test_formulas_and_reduction_name_no_engine_even_in_comments(file: str) -> None:
    assert not ENGINE_NAMES.findall((SOURCE / file).read_text("utf-8"))


@pytest.mark.parametrize("file", ["_formulas.py", "_reduction.py", "_selection.py", "_shapes.py"])
def test_the_leaves_import_no_sibling(file: str) -> None:
    imported = re.findall(r"from (multiloss\S*)", (SOURCE / file).read_text("utf-8"))
    assert set(imported) <= {"multiloss._typing"}


def test_what_is_installed() -> None:
    assert version("multiloss") == ml.__version__
    runtime = {line for line in requires("multiloss") or () if "extra ==" not in line}
    assert runtime == {"array-api-compat>=1.15", "numpy>=2.0"}
    shipped = {str(file) for file in files("multiloss") or ()}
    assert "multiloss/py.typed" in shipped
    assert not any("test" in file for file in shipped)


def test_tests_run_against_the_installed_package() -> None:
    assert "site-packages" in SOURCE.parts
