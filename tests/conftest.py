import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import multiloss
from build import difference
from engines import CUDA_ENGINES, ENGINES, NUMPY_ENGINES, TUNED_ENGINES, Library

# What a test file needs beside the run-time dependencies stands in it, since it is imported before
# its marks are read: NEEDS = "engines", "newest" for what their old releases have not, "peers" for
# other packages to compare with or to draw, or "frameworks" for those that train models.
_NEEDS = re.compile(r'^NEEDS = "(\w+)"$', re.MULTILINE)
_IGNORED: dict[str, tuple[str, ...]] = {
    "all": ("frameworks",),
    "alone": ("frameworks", "newest", "peers"),
    "numpy": ("engines", "frameworks", "newest", "peers"),
    "cuda": ("frameworks", "newest", "peers"),
    "frameworks": (),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engines",
        choices=tuple(_IGNORED),
        default="all",
        help="alone: without their peers; numpy: only what needs no more than the package itself; "
        "cuda: the laws, on an accelerator; frameworks: training runs too",
    )
    parser.addoption(
        "--archives", help="the folder of the archives to check, which are built if not given"
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


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path.suffix != ".py":
        return None
    needs = _NEEDS.findall(collection_path.read_text("utf-8"))
    return True if set(needs) & set(_IGNORED[config.getoption("--engines")]) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    alone = {"numpy": NUMPY_ENGINES, "cuda": CUDA_ENGINES}
    others = tuple(name for name in ENGINES if name not in CUDA_ENGINES)
    wanted = alone.get(metafunc.config.getoption("--engines"), others)
    for fixture, names in (("engine", tuple(ENGINES)), ("tuned_engine", TUNED_ENGINES)):
        if fixture in metafunc.fixturenames:
            chosen = [name for name in names if name in wanted]
            metafunc.parametrize(fixture, chosen, indirect=True)


# Tests that are marked "family" are tried on the engines that differ: NumPy, PyTorch, JAX by
# default, and the standard at its strictest. The others run what they run in another setting, or as
# any library does; there, one loss stands for all, and the rest is exhaustive. The quick run has
# two engines.
_DIFFERENT = ("numpy", "torch", "torch-device", "jax", "strictest")
_QUICK = ("numpy", "torch")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to the longer runs what is the same law in one more setting."""
    if config.getoption("--engines") == "cuda":
        items[:] = [item for item in items if _is_of_cuda(item)]
        return
    for item in items:
        given = _parameters_of(item)
        engine = given.get("engine", given.get("tuned_engine", "numpy"))
        if not item.get_closest_marker("family") or given.get("name") in {"mse", "sse"}:
            continue
        if engine not in _QUICK:
            item.add_marker(pytest.mark.slow)
        # Large arrays are nothing special to JAX.
        if engine not in _DIFFERENT or ("tuned_engine" in given and engine == "jax"):
            item.add_marker(pytest.mark.exhaustive)


def _is_of_cuda(item: pytest.Item) -> bool:
    return item.path.stem == "test_cuda" or bool(
        {"engine", "tuned_engine"} & {*_parameters_of(item)}
    )


def _parameters_of(item: pytest.Item) -> dict[str, object]:
    parameters: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
    return parameters


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Library]:
    engine = ENGINES[request.param]()
    with engine.active():
        yield engine


# An engine with strategies beyond the operators.
tuned_engine = engine
