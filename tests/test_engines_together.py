"""Arrays of two engines, and arrays that no engine takes."""

import itertools
import re
from typing import Any

import array_api_strict
import jax.experimental.sparse
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
import torch

import multiloss as ml
from engines import ENGINES

NEEDS = "engines"

OTHERS = ("torch", "jax", "strict", "dask")
LIBRARIES = {"strict": "array_api_strict"}


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(OTHERS, 2)), ids="-".join)
@pytest.mark.parametrize("role", ["target", "weight"])
def test_two_engines(first: str, second: str, role: str) -> None:
    mine, other = ENGINES[first](), ENGINES[second]()
    operands = {"prediction": mine.array([1.0]), "target": mine.array([1.0])}
    operands[role] = other.array([1.0])
    message = (
        f"prediction is an array of {LIBRARIES.get(first, first)} and {role} is an array of "
        f"{LIBRARIES.get(second, second)}; convert one of them"
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        ml.mse(**operands)


def test_two_devices_of_one_engine() -> None:
    here = array_api_strict.ones(2)
    there = array_api_strict.ones(2, device=array_api_strict.Device("device1"))
    message = r"\Aprediction is on the device .*CPU.* and target is on the device .*device1.*; move"
    with pytest.raises(ValueError, match=message):
        ml.mse(here, there)


def test_lists_of_tensors_are_not_detached() -> None:
    tensor = torch.tensor(1.0, requires_grad=True)
    message = r"\Aprediction is a (list|tuple) of Tensor; make one array of it"
    nested: list[Any] = [[tensor, 2.0], [1.0, tensor], [1.0, 2.0, [3.0, tensor]], (0.0, tensor)]
    for given in nested:
        with pytest.raises(TypeError, match=message):
            ml.mse(given, [0.0, 0.0])


SPARSE: dict[str, Any] = {
    "scipy": lambda: scipy.sparse.csr_array(np.eye(2)),
    "scipy-matrix": lambda: scipy.sparse.coo_matrix(np.eye(2)),
    "jax": lambda: jax.experimental.sparse.BCOO.fromdense(jnp.eye(2)),
    "torch-coo": lambda: torch.eye(2).to_sparse(),
    "torch-nested": lambda: torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged),
    "torch-nested-strided": lambda: torch.nested.nested_tensor([torch.ones(2)]),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.parametrize("make", SPARSE.values(), ids=SPARSE)
@pytest.mark.parametrize("role", ["prediction", "target"])
def test_sparse_arrays(make: Any, role: str) -> None:
    sparse = make()
    dense = torch.ones(2, 2) if isinstance(sparse, torch.Tensor) else np.ones((2, 2))
    operands = {"prediction": dense, "target": dense, role: sparse}
    with pytest.raises(TypeError, match=rf"\A{role} (is sparse|has the layout).*dense"):
        ml.mse(**operands)
