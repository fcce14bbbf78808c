"""The examples of the frameworks run, and print what they say."""

import re
import runpy
from pathlib import Path

import pytest

NEEDS = "frameworks"

FOLDER = Path(__file__).parent.parent.parent / "examples" / "frameworks"
# What a line of the output has to be.
PRINTED = {
    "export_onnx": r"batch of 5: (\d\.\d{6}) by the graph, \1 here",
    "labels_transformers": r"step 40: loss 0\.\d+",
    "masks_keras": r"loaded with the loss huber\(delta=0\.5\)",
    "outliers_boosting": r"cauchy\(scale=0\.5\) +0\.[012]\d+ +0\.[012]\d+",
    "outliers_scipy": r"tukey_biweight +2\.0\d +0\.9\d|tukey_biweight +1\.9\d +1\.0\d",
    "private_opacus": r"epoch 5: accuracy [789]\d%, epsilon \d\.\d+",
    "quantiles_lightning": r"below the line of 0\.9: (8[5-9]|9[0-5])%",
    "quantiles_sklearn": r"0\.9 +0\.\d+ +0\.\d+",
    "regression_skorch": r"best: (HuberLoss|L1Loss)",
    "robust_flax": r"welsch +[12]\.[09]\d +[01]\.[09]\d",
    "sequences_equinox": r"of_sequences +first \d\.\d+, last 0\.\d+",
}


def test_every_example_is_run() -> None:
    assert {each.stem for each in FOLDER.glob("*.py")} == set(PRINTED)


@pytest.mark.parametrize("name", PRINTED)
def test_what_it_prints(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert any(re.fullmatch(PRINTED[name], each.strip()) for each in lines), "\n".join(lines)
