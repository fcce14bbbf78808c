"""Sums of parts of norms under torch.compile, which PyTorch 2.8 does not trace."""

import subprocess
import sys

import pytest

NEEDS = "newest"

# In a process of its own: what an earlier call has found out would be there when Dynamo traces.
COMPILED = """
import torch, multiloss as ml
@torch.compile(fullgraph=True)
def of_parts(loss, y, t):
    return (ml.partial(loss, y[:3], t[:3]) + ml.partial(loss, y[3:], t[3:])).result()
y, t = torch.arange(8.0), torch.ones(8)
for loss in (ml.rmse, ml.rmsle, ml.get("mse + 0.5 * rmse")):
    torch.testing.assert_close(of_parts(loss, y, t), loss(y, t))
"""


@pytest.mark.slow
def test_compiled_norms() -> None:
    subprocess.run([sys.executable, "-c", COMPILED], check=True)  # noqa: S603  a script of the test
