"""What importing costs, and which file may name which engine."""

import os
import re
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from importlib.metadata import files, requires, version
from pathlib import Path

import pytest

import multiloss as ml
from build import difference
from multiloss._registry import losses

SOURCE = Path(ml.__file__).parent
ENGINE_NAMES = re.compile(r"numpy|torch|jax|cubed|dask|cupy|\bnp\b|\bjnp\b", re.IGNORECASE)


def loaded_by(statement: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  a command of the test
    return set(run.stdout.split())


ENGINES = {"torch", "jax", "jaxlib", "cubed", "dask", "array_api_strict"}


def test_importing_loads_no_engine() -> None:
    assert not ENGINES & loaded_by("import multiloss")


def test_using_it_in_numpy_loads_no_engine() -> None:
    assert not ENGINES & loaded_by("import multiloss as ml; ml.value_and_grad(ml.mse)([1], [2])")


@pytest.mark.parametrize("package", ["sqlite3", "wave"])
def test_the_tests_above_can_fail(package: str) -> None:
    # With packages of the standard library, so that it holds in every environment.
    assert package not in loaded_by("import multiloss")
    assert package in loaded_by(f"import multiloss, {package}")


MODULES = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))

# Where engines are told apart, their files, and where host data is read.
MAY_NAME_ENGINES = {
    "_engines/__init__.py",
    "_engines/chunked.py",
    "_engines/cubed.py",
    "_engines/dask.py",
    "_engines/generic.py",
    "_engines/jax.py",
    "_engines/numpy.py",
    "_engines/numpy_arithmetic.py",
    "_engines/numpy_namespace.py",
    "_engines/host.py",
    "_engines/torch.py",
    "_engines/torch_arithmetic.py",
    "_engines/torch_distributed.py",
    "_engines/torch_namespace.py",
    "_engines/torch_node.py",
    "_engines/torch_private.py",
    "_engines/torch_wide.py",
    "_adapter.py",
    "_explain.py",
    "_explanation.py",
    "_files/arrays.py",
    "_files/bootstrap.py",
    "_files/operands.py",
    "_files/picture.py",
    "_files/rows.py",
    "_files/sample.py",
    "_files/score.py",
    "_files/source.py",
    "_files/tables.py",
    "_module.py",
    "_partial.py",
    "boosting.py",
    "keras.py",
    "sklearn.py",
    "_planning/operands.py",
    "testing.py",
    "torch.py",
}
# What each layer may import: itself and what stands before it.
LAYERS = (
    "_typing",
    "_core",
    "_strategies",
    "_engines",
    "_planning",
    "_differentiated",
    "_call",
    "_losses",
    "_gradient",
    "_sum",
    "_registry",
    "_written",
    "_value",
    "_partial",
    "_explanation",
    "_explain",
    "_adapter",
    "_module",
    "_command_loss",
    "_output",
    "_files",
    "",
    "__main__",
)


# What users import by name beside the package itself.
PUBLIC = {"boosting", "keras", "sklearn", "testing", "torch"}


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("__init__").strip("/").replace("/", ".")


def layer_of(file: str) -> int:
    name = module_of(file).partition(".")[0]
    return LAYERS.index("" if name in PUBLIC else name)


def imports_of(file: str) -> set[str]:
    """Return the modules of the package that a file imports, but for annotations."""
    text = (SOURCE / file).read_text("utf-8").partition("if TYPE_CHECKING:")[0]
    return set(re.findall(r"^ *from multiloss\.?(\S*) import", text, flags=re.MULTILINE))


FILES = {module_of(file): file for file in MODULES}


def test_every_module_is_looked_at() -> None:
    assert set(MODULES) > MAY_NAME_ENGINES
    assert {layer_of(file) for file in MODULES} == set(range(len(LAYERS)))


@pytest.mark.parametrize("file", sorted(set(MODULES) - MAY_NAME_ENGINES))
def test_engines_are_named_only_where_they_are_told_apart(file: str) -> None:
    # Comments and docstrings may speak of them, but not where a loss is taken apart and run.
    code = (SOURCE / file).read_text("utf-8")
    if not file.startswith(("_core/", "_strategies/")):
        code = re.sub(r'""".*?"""|#[^\n]*', "", code, flags=re.DOTALL)
    code = code.replace("array_api_compat", "")
    assert not ENGINE_NAMES.findall(code)


@pytest.mark.parametrize("file", MODULES)
def test_imports_follow_the_layers(file: str) -> None:
    assert all(layer_of(FILES[each]) <= layer_of(file) for each in imports_of(file))


def test_no_imports_in_a_circle() -> None:
    graph = {name: imports_of(file) for name, file in FILES.items()}
    # Inside of functions, since no engine is loaded before it is needed.
    graph["_engines"] -= {"_engines.jax", "_engines.torch"}
    assert tuple(TopologicalSorter(graph).static_order())


def test_every_loss_is_exported() -> None:
    defined = set()
    for name in (each for each in FILES if each.startswith("_losses.")):
        module = import_module(f"multiloss.{name}")
        defined |= {
            each
            for each, function in vars(module).items()
            if hasattr(function, "__signature__") and function.__module__ == module.__name__
        }
    assert defined == set(losses())


def test_what_is_installed() -> None:
    assert version("multiloss") == ml.__version__
    runtime = {line for line in requires("multiloss") or () if "extra ==" not in line}
    assert runtime == {"array-api-compat>=1.15", "numpy>=2.0"}
    shipped = {str(file) for file in files("multiloss") or ()}
    assert "multiloss/py.typed" in shipped
    assert not any("test_" in file or "tests/" in file for file in shipped)


def test_tests_run_against_the_installed_package() -> None:
    assert "site-packages" in SOURCE.parts


def test_stale_build_is_refused(tmp_path: Path) -> None:
    fresh, stale = tmp_path / "fresh", tmp_path / "stale"
    for folder in (fresh, stale):
        shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert difference(fresh, stale) is None
    (stale / "_losses" / "squared.py").write_text("slope = 3\n")
    assert difference(fresh, stale) == "_losses/squared.py"
    (fresh / "new.py").write_text("")
    (stale / "_losses" / "squared.py").unlink()
    assert difference(fresh, stale) == "_losses/squared.py"


def test_pytest_stops_at_a_stale_build(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "multiloss")
    with (tmp_path / "multiloss" / "_planning" / "shapes.py").open("a") as stale:
        stale.write("STALE = True\n")
    command = [sys.executable, "-m", "pytest", "--collect-only", __file__]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(  # noqa: S603  a command of the test
        command, check=False, capture_output=True, text=True, env=environment
    )
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert (
        "src/multiloss/_planning/shapes.py is not what is installed; run 'make test-quick'"
        in run.stderr
    )


def test_lowest_versions_are_those_that_are_promised() -> None:
    root = Path(__file__).parent.parent
    promised = re.findall(
        r'"(array-api-compat|jax|numpy|torch)>=([\d.]+)"', (root / "pyproject.toml").read_text()
    )
    pinned = dict(
        line.split("==") for line in (root / "constraints-lowest.txt").read_text().split()
    )
    assert len(promised) == 4
    for name, version_ in promised:
        assert f"{pinned[name]}.0".startswith(f"{version_}.0")
