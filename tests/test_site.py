"""What the site is made of: completed docstrings, formulas, tables, links, and scripts that run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from latex2mathml.converter import convert
from numpydoc.docscrape import FunctionDoc, NumpyDocString

import multiloss as ml
from docstrings import complete
from links import broken
from multiloss._registry import losses
from tables import formula

NEEDS = "peers"

DOCS = Path(__file__).parent.parent / "docs"
BLOCK_FORMULA = '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'


@pytest.mark.parametrize("loss", losses())
def test_a_docstring_is_complete_on_the_site(loss: str) -> None:
    doc = complete(FunctionDoc(losses()[loss]))
    entries = [each for name in ("Parameters", "Returns", "Raises") for each in doc[name]]
    for each in entries:
        assert not re.search(r"\b[Aa]s (for )?:func:", " ".join(each.desc)), each
    names = [each.name for each in doc["Parameters"]]
    assert names[:2] == ["prediction", "target"]
    assert "array API" in " ".join(doc["Parameters"][0].desc)
    assert re.search("Host data|distributions|one-hot", " ".join(doc["Parameters"][1].desc))
    if "class_axis" in names:
        assert "scores" in " ".join(doc["Parameters"][0].desc)
        assert not re.search("[Ll]abel|distribution", " ".join(doc["Parameters"][0].desc))
    assert "0-d array of the engine" in " ".join(doc["Returns"][0].desc)
    assert {"ValueError", "TypeError"} <= {each.type for each in doc["Raises"]}


def test_what_is_referred_to_stands_before_what_is_said() -> None:
    text = """Return something.

    Parameters
    ----------
    prediction, target : array
        As for :func:`mse`, real.
    other : float
        As it is.

    Returns
    -------
    array
        As :func:`mse`, without a unit.

    Raises
    ------
    ValueError
        As :func:`mse`, and if it is late.
    """
    doc = complete(NumpyDocString(text))
    prediction, target, other = doc["Parameters"]
    of_mse = FunctionDoc(ml.mse)
    first = of_mse["Parameters"][0].desc
    assert prediction.desc == [*first[: first.index("")], "", "Real."]
    assert target.desc == [*of_mse["Parameters"][1].desc, "", "Real."]
    assert other.desc == ["As it is."]
    assert doc["Returns"][0].desc[-1] == "Without a unit."
    assert not any("unit" in line for line in doc["Returns"][0].desc[:-1])
    assert doc["Raises"][:-1] == of_mse["Raises"]
    assert doc["Raises"][-1].desc == ["Also raised if it is late."]


@pytest.mark.parametrize("loss", losses())
def test_a_formula_is_drawn_by_browsers(loss: str) -> None:
    drawn = convert(formula(loss), display="block")
    # What the converter does not know it leaves as it is.
    assert "\\" not in drawn
    assert drawn.count("<mrow") > 0


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text(
        '<p id="here"><a href="#here"></a><a href="two.html#there"></a><a href="https://x.org"></a>'
    )
    (tmp_path / "two.html").write_text('<p id="there"><img src="one.html"><a href="one.html">')
    assert broken(tmp_path) == []
    (tmp_path / "three.html").write_text(
        '<a href="two.html#gone"></a><a href="four.html"></a><img src="no.png"><a href="#no"></a>'
        '<meta name="m"><a href="#m"></a><img srcset="one.html 1x,gone.png 2x">'
        f'<a href="../{tmp_path.name}.txt"></a>'
    )
    tmp_path.with_suffix(".txt").write_text("not of the site")
    assert broken(tmp_path) == [
        "three.html: #m",
        "three.html: #no",
        f"three.html: ../{tmp_path.name}.txt",
        "three.html: four.html",
        "three.html: gone.png",
        "three.html: no.png",
        "three.html: two.html#gone",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(path.name for path in (DOCS / "tutorials").glob("*.py")))
def test_a_tutorial_runs(script: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(DOCS / "tutorials" / script)]
    environment = {**os.environ, "MPLBACKEND": "pdf"}  # agg warns that it shows nothing
    run = subprocess.run(  # noqa: S603  a command of the test
        command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    # In a copy, without what an earlier build left. The tutorials run in the test above.
    root, pages = DOCS.parent, tmp_path / "pages"
    for file in subprocess.check_output(["git", "ls-files"], cwd=root, text=True).split():  # noqa: S607  ditto
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / file, tmp_path / file)
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet"]
    run = subprocess.run(  # noqa: S603  a command of the test
        [*command, "-D", "plot_gallery=0", str(tmp_path / "docs"), str(pages)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    for page, said in {
        "index.html": "One implementation",
        # The formula, and what mse says of a prediction.
        "generated/multiloss.huber.html": BLOCK_FORMULA,
        "generated/multiloss.cauchy.html": "an array of NumPy, PyTorch, JAX",
        "gallery.html": BLOCK_FORMULA,
        "elsewhere.html": "torch.nn.functional.l1_loss</span></code><br",
        "reference.html": "generated/multiloss.torch.KLDivLoss.html",
        "coming_from.html": "executed/learned_robust_losses.html",
        "executed/choosing_a_loss.html": "contaminated",
    }.items():
        assert said in (pages / page).read_text("utf-8"), page
    assert "mean absolute error, the mean of" in (pages / "elsewhere.html").read_text("utf-8")


@pytest.mark.parametrize("link", ["here.html", "gone.html"])
def test_a_broken_link_fails_the_build(link: str, tmp_path: Path) -> None:
    folder = str(DOCS / "_extensions")
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {folder!r})\nextensions = ['links']\n"
    )
    page = f"Page\n====\n\n.. raw:: html\n\n   <a href='{link}'>there</a>\n"
    (tmp_path / "index.rst").write_text(page)
    (tmp_path / "here.rst").write_text(":orphan:\n\nHere\n====\n")
    command = [sys.executable, "-m", "sphinx", "--quiet", str(tmp_path), str(tmp_path / "pages")]
    run = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  ditto
    assert ("index.html: gone.html" in run.stderr) == (link == "gone.html")
    assert bool(run.returncode) == (link == "gone.html")
