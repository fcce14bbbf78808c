"""The files that a public host reads: valid, and with commands that exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

NEEDS = "peers"

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "test.yml"


def run_checked(command: str, *options: str) -> None:
    """Run a command of the environment, which raises if it fails."""
    subprocess.run([str(Path(sys.executable).parent / command), *options], check=True)  # noqa: S603  a command of the test


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        (".github/workflows/test.yml", "github-workflows"),
        (".github/ISSUE_TEMPLATE/bug.yml", "github-issue-forms"),
        (".github/ISSUE_TEMPLATE/new_loss.yml", "github-issue-forms"),
        (".github/ISSUE_TEMPLATE/config.yml", "github-issue-config"),
        ("CITATION.cff", "citation-file-format"),
    ],
)
def test_files_follow_their_schema(file: str, schema: str) -> None:
    run_checked("check-jsonschema", "--builtin-schema", f"vendor.{schema}", str(ROOT / file))


def test_the_hooks_of_pre_commit_are_valid() -> None:
    run_checked("pre-commit", "validate-config", str(ROOT / ".pre-commit-config.yaml"))
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [each["entry"].split()[0] for each in hooks] == [
        ".venv/bin/ruff",
        ".venv/bin/ruff",
        ".venv/bin/mypy",
    ]


def test_the_workflow_runs_the_commands_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    commands = {
        name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()
    }
    assert commands["test"] == ["make test"]
    assert commands["lowest"] == ["make test-lowest"]
    for command in (each for job in commands.values() for each in job):
        make, target, *variables = command.split()
        assert make == "make"
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
        for each in variables:
            assert re.search(rf"^{each.partition('=')[0]} :?\??=", makefile, re.MULTILINE)


def test_the_workflow_has_every_python_that_the_package_names() -> None:
    named = set(
        re.findall(
            r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text()
        )
    )
    matrix = yaml.safe_load(WORKFLOW.read_text())["jobs"]["test"]["strategy"]["matrix"]
    assert set(matrix["python"]) == named == {"3.11", "3.12", "3.13", "3.14"}
    assert {each.partition("-")[0] for each in matrix["os"]} == {"ubuntu", "macos"}
