from collections.abc import Iterator
from pathlib import Path

import pytest

import multiloss
from build import difference
from engines import ENGINES, NUMPY_ENGINES, TUNED_ENGINES, Engine

# These files compare with other packages, or draw.
_NEED_PEERS = ("test_benchmarks.py", "test_command.py", "test_demo.py", "test_family.py")
# These are about one other engine, or need more than the run-time dependencies.
_NEED_ALL_ENGINES = (
    *_NEED_PEERS,
    "test_autodiff.py",
    "test_check_loss.py",
    "test_dask.py",
    "test_dispatch.py",
    "test_engines_together.py",
    "test_jax.py",
    "test_modules.py",
    "test_pandas.py",
    "test_plans.py",
    "test_readme.py",
    "test_saved_tensors.py",
    "test_torch.py",
    "test_transformations.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engines",
        choices=("all", "alone", "numpy"),
        default="all",
        help="alone: without their peers; numpy: only what needs no more than the package itself",
    )


def pytest_configure() -> None:
    """Refuse to test a build that is not the one of the source beside the tests."""
    source = Path(__file__).parent.parent / "src" / "multiloss"
    file = difference(source, Path(multiloss.__file__).parent)
    if file is not None:
        raise pytest.UsageError(
            f"src/multiloss/{file} is not what is installed; run 'make test-quick', or 'make "
            ".venv/wheel' before pytest"
        )


def pytest_ignore_collect(collection_path: object, config: pytest.Config) -> bool | None:
    ignored = {"all": (), "alone": _NEED_PEERS, "numpy": _NEED_ALL_ENGINES}
    name = str(getattr(collection_path, "name", ""))
    return True if name in ignored[config.getoption("--engines")] else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_numpy_alone = metafunc.config.getoption("--engines") == "numpy"
    for fixture, names in (("engine", tuple(ENGINES)), ("tuned_engine", TUNED_ENGINES)):
        if fixture in metafunc.fixturenames:
            chosen = [name for name in names if name in NUMPY_ENGINES or not is_numpy_alone]
            metafunc.parametrize(fixture, chosen, indirect=True)


# Losses are tried on the engines that differ: NumPy, PyTorch, JAX as it comes, and the standard at
# its strictest. The others run what they run in another setting, or as any library does; there,
# one loss stands for all, and the rest is exhaustive. So is JAX on large arrays, which are nothing
# special to it. The quick run has two engines.
_FAMILY_FILES = (
    "test_compositions.py",
    "test_edges.py",
    "test_family.py",
    "test_laws.py",
    "test_custom_loss.py",
    "test_parameters.py",
    "test_strategies.py",
)
_DIFFERENT = ("numpy", "torch", "jax", "strictest")
_QUICK = ("numpy", "torch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the longer runs what is the same law in one more setting."""
    for item in items:
        given: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
        engine = given.get("engine", given.get("tuned_engine", "numpy"))
        name = item.path.name
        if name not in _FAMILY_FILES or given.get("name") in {"mse", "sse"}:
            continue
        if engine not in _QUICK:
            item.add_marker(pytest.mark.slow)
        if engine not in _DIFFERENT or (name == "test_strategies.py" and engine == "jax"):
            item.add_marker(pytest.mark.exhaustive)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = ENGINES[request.param]()
    with engine.active():
        yield engine


# An engine with strategies beyond the operators.
tuned_engine = engine
