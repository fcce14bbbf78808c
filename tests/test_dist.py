"""What a release uploads: its contents, version, types, and section of the changelog."""

import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import multiloss as ml

NEEDS = "peers"

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

USER_CODE = """\
from typing import assert_type

import numpy as np
import numpy.typing as npt

import multiloss as ml


def loss(prediction: npt.NDArray[np.float64], target: list[float]) -> float:
    assert_type(ml.huber(prediction, target, delta=2.0), npt.NDArray[np.float64])
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target)
    assert_type(gradient, npt.NDArray[np.float64])
    return float(value)
"""
MISTAKE = 'ml.mse([1.0], [2.0], reduction="avg")\n'


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  a command of the test
        [str(each) for each in command], check=False, capture_output=True, text=True, cwd=cwd
    )


def tracked(*paths: str) -> list[str]:
    """Return the files of the repository that git tracks."""
    found = run("git", "ls-files", *paths, cwd=ROOT)
    assert found.returncode == 0, f"these tests need a clone: {found.stderr}"
    return found.stdout.split()


def text_of(file: str) -> str:
    return (ROOT / file).read_text("utf-8", errors="ignore")


@pytest.fixture(scope="module")
def dist(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = request.config.getoption("--archives")
    if given:
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("dist")
    built = run(
        sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


def test_version_comes_from_one_place(dist: Path, wheel: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    assert sdist.name == f"multiloss-{ml.__version__}.tar.gz"
    assert wheel.name == f"multiloss-{ml.__version__}-py3-none-any.whl"
    written = [each for each in tracked(":!tests") if f'"{ml.__version__}"' in text_of(each)]
    assert written == ["src/multiloss/__init__.py"]


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {each.removeprefix("src/") for each in tracked("src")}
    assert "multiloss/py.typed" in package
    about = f"multiloss-{ml.__version__}.dist-info"
    extra = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    assert names == package | {f"{about}/{each}" for each in extra}


def test_the_source_archive_holds_what_is_tracked_and_nothing_else(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {each.name.partition("/")[2] for each in archive.getmembers() if each.isfile()}
    assert names - {"PKG-INFO"} == set(tracked(":!.ci"))


def test_the_types_are_those_of_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    installed = run(
        python, "-m", "pip", "install", "--quiet", "--constraint", constraints, wheel, cwd=tmp_path
    )
    assert installed.returncode == 0, installed.stderr
    project = tmp_path / "project"
    project.mkdir()
    for name, code in {"right.py": USER_CODE, "wrong.py": USER_CODE + MISTAKE}.items():
        (project / name).write_text(code)
    checkers: dict[str, list[str | Path]] = {
        "mypy": ["mypy", "--strict", "--python-executable", python],
        "pyright": ["basedpyright", "--level", "error", "--pythonpath", python],
    }
    for name, checker in checkers.items():
        right = run(sys.executable, "-m", *checker, "right.py", cwd=project)
        assert right.returncode == 0, f"{name}: {right.stdout}{right.stderr}"
        wrong = run(sys.executable, "-m", *checker, "wrong.py", cwd=project)
        assert wrong.returncode == 1, f"{name}: {wrong.stdout}{wrong.stderr}"
        assert "reduction" in wrong.stdout


def has_section(changelog: str, version: str) -> bool:
    """Tell whether a changelog has a section of a version; of a development version, Unreleased."""
    heading = "Unreleased" if ".dev" in version else rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d"
    section = re.search(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", changelog, flags=re.MULTILINE | re.DOTALL
    )
    return section is not None and re.search(r"^- ", section[1], re.MULTILINE) is not None


def test_the_changelog_has_a_section_of_the_version() -> None:
    assert has_section((ROOT / "CHANGELOG.md").read_text("utf-8"), ml.__version__)


@pytest.mark.parametrize(
    ("changelog", "version", "expected"),
    [
        ("## 1.2.0 - 2026-01-31\n\n- One.\n", "1.2.0", True),
        ("## 1.2.0\n\n- One.\n", "1.2.0", False),
        ("## 1.2.0 - 2026-01-31\n\n## 1.1.0 - 2025-01-31\n\n- One.\n", "1.2.0", False),
        ("## Unreleased\n\n- One.\n", "1.2.0", False),
        ("## Unreleased\n\n- One.\n", "1.2.0.dev0", True),
        ("## Unreleased\n\n", "1.2.0.dev0", False),
        ("## 1x2.0 - 2026-01-31\n\n- One.\n", "1.2.0", False),
    ],
)
def test_a_missing_section_is_found(changelog: str, version: str, expected: bool) -> None:
    assert has_section(changelog, version) is expected
