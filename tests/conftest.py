from collections.abc import Iterator

import pytest

from engines import ENGINES, NUMPY_ENGINES, TUNED_ENGINES, Engine

# These files are about one other engine, or need more than the run-time dependencies.
_NEED_ALL_ENGINES = (
    "test_autodiff.py",
    "test_benchmarks.py",
    "test_command.py",
    "test_dask.py",
    "test_demo.py",
    "test_engines_together.py",
    "test_family.py",
    "test_jax.py",
    "test_pandas.py",
    "test_readme.py",
    "test_torch.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engines",
        choices=("all", "numpy"),
        default="all",
        help="numpy: only what needs no package but the run-time dependencies",
    )


def pytest_ignore_collect(collection_path: object, config: pytest.Config) -> bool | None:
    name = str(getattr(collection_path, "name", ""))
    return True if config.getoption("--engines") == "numpy" and name in _NEED_ALL_ENGINES else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_numpy_alone = metafunc.config.getoption("--engines") == "numpy"
    for fixture, names in (("engine", tuple(ENGINES)), ("tuned_engine", TUNED_ENGINES)):
        if fixture in metafunc.fixturenames:
            chosen = [name for name in names if name in NUMPY_ENGINES or not is_numpy_alone]
            metafunc.parametrize(fixture, chosen, indirect=True)


# The quick run takes the files on the family on two engines; the full run takes them on all. Only
# the squares, with which each engine's ways began, are in both.
_FAMILY_FILES = (
    "test_compositions.py",
    "test_edges.py",
    "test_family.py",
    "test_laws.py",
    "test_own_loss.py",
    "test_parameters.py",
)
_QUICK = ("numpy", "torch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the full run what takes long to compile."""
    for item in items:
        given: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
        is_quick = given.get("engine", "numpy") in _QUICK or given.get("name") in {"mse", "sse"}
        if item.path.name in _FAMILY_FILES and not is_quick:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = ENGINES[request.param]()
    with engine.active():
        yield engine


# An engine with ways of its own to run a formula.
tuned_engine = engine
