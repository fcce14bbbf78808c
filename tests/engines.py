"""The engines that the tests run on, and what a test needs to know of each."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest


def enable_x64(wanted: bool) -> AbstractContextManager[Any]:
    """Switch JAX to double precision and back, in each release as it wants it."""
    import jax
    import jax.experimental

    home: Any = jax if hasattr(jax, "enable_x64") else jax.experimental
    context: AbstractContextManager[Any] = home.enable_x64(wanted)
    return context


@dataclass(frozen=True)
class Library:
    """An array library as a test sees it."""

    name: str
    array_type: type
    asarray: Callable[[Any], Any]  # from a NumPy array, keeping its dtype
    default_float: str = "float64"
    has_float64: bool = True
    dtypes: tuple[str, ...] = ("float16", "bfloat16", "float32", "float64", "int8", "int64")
    numpy: Callable[[Any], Any] = np.asarray  # back again
    differentiates: bool = False  # by automatic differentiation
    is_on_device: bool = False  # where PyTorch's strategies are those of accelerators
    active: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)

    def array(self, data: Any, dtype: str = "float64") -> Any:
        """Return an array of this engine; float64 stands for its widest float."""
        if dtype == "float64" and not self.has_float64:
            dtype = "float32"
        return self.asarray(np.asarray(data, dtype=_numpy_dtype(dtype)))

    def dtype_name(self, array: Any) -> str:
        return str(array.dtype).rpartition(".")[2]

    def eps(self, array: Any) -> float:
        return float(np.finfo(self.dtype_name(array)).eps)


def _numpy_dtype(name: str) -> Any:
    if name == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return np.dtype(name)


def _numpy() -> Library:
    return Library("numpy", np.ndarray, lambda array: array.copy())


def _read_only() -> Library:
    def asarray(array: Any) -> Any:
        array = array.copy()
        array.flags.writeable = False
        return array

    return Library("read-only", np.ndarray, asarray)


def _torch() -> Library:
    import torch

    def asarray(array: Any) -> Any:
        # NumPy's bfloat16 is unknown to torch, and so are strides that run backwards.
        if array.dtype.name == "bfloat16":
            return torch.tensor(array.astype(np.float32)).bfloat16()
        return torch.tensor(array.copy())

    def numpy(tensor: Any) -> Any:
        tensor = tensor.detach()
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()

    return Library(
        "torch",
        torch.Tensor,
        asarray,
        default_float="float32",
        numpy=numpy,
        differentiates=True,
    )


@contextmanager
def _as_on_a_device() -> Iterator[None]:
    """Let PyTorch run tensors of the CPU as those of an accelerator."""
    from multiloss._engines import torch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "_is_on_host", lambda _: False)
        # So that no plan is found that was made before, or after.
        patch.setattr(torch.TorchEngine, "key", lambda *_: None)
        yield


def _torch_on_a_device() -> Library:
    return replace(_torch(), name="torch-device", is_on_device=True, active=_as_on_a_device)


def _torch_on_cuda() -> Library:
    host = _torch()
    return replace(
        host,
        name="torch-cuda",
        is_on_device=True,
        asarray=lambda array: host.asarray(array).cuda(),
        numpy=lambda tensor: host.numpy(tensor.cpu()),
    )


def _jax() -> Library:
    import jax
    import jax.numpy as jnp

    return Library(
        "jax",
        jax.Array,
        jnp.asarray,
        default_float="float32",
        has_float64=False,
        differentiates=True,
    )


def _jax_x64() -> Library:
    import jax
    import jax.numpy as jnp

    return Library(
        "jax-x64",
        jax.Array,
        jnp.asarray,
        differentiates=True,
        active=lambda: enable_x64(True),
    )


# What the standard has, which knows no 16-bit floats.
_STANDARD_DTYPES = ("float32", "float64", "int8", "int64")


def _strict() -> Library:
    import array_api_strict

    return Library(
        "strict",
        type(array_api_strict.asarray(0)),
        array_api_strict.asarray,
        dtypes=_STANDARD_DTYPES,
    )


def _strictest() -> Library:
    import array_api_strict

    @contextmanager
    def active() -> Iterator[None]:
        with array_api_strict.ArrayAPIStrictFlags(
            boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=()
        ):
            yield

    return Library(
        "strictest",
        type(array_api_strict.asarray(0)),
        array_api_strict.asarray,
        dtypes=_STANDARD_DTYPES,
        active=active,
    )


def _dask() -> Library:
    import dask.array

    def asarray(array: Any) -> Any:
        return dask.array.from_array(array, chunks=2)  # type: ignore[no-untyped-call]  # as dask ships it

    def compute(array: Any) -> Any:
        # The caller computes, after the library has returned, so NumPy's warnings are the caller's.
        with np.errstate(all="ignore"):
            return array.compute(scheduler="sync")

    dtypes = ("float16", *_STANDARD_DTYPES)
    return Library("dask", dask.array.Array, asarray, dtypes=dtypes, numpy=compute)


@contextmanager
def strategies_of(engine: Library) -> Iterator[list[str]]:
    """Record the strategy that an engine takes for each loss."""
    from multiloss._engines import engine_of

    engine_class = type(engine_of("prediction", engine.array([1.0])))
    names: list[str] = []

    def run(self: Any, plan: Any, operands: Any) -> Any:
        names.append(plan.strategy.name)
        return original_run(self, plan, operands)

    original_run = engine_class.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_class, "run", run)
        yield names


ENGINES: dict[str, Callable[[], Library]] = {
    "numpy": _numpy,
    "read-only": _read_only,
    "torch": _torch,
    "torch-device": _torch_on_a_device,
    "torch-cuda": _torch_on_cuda,
    "jax": _jax,
    "jax-x64": _jax_x64,
    "strict": _strict,
    "strictest": _strictest,
    "dask": _dask,
}

# The engine that needs an accelerator.
CUDA_ENGINES = ("torch-cuda",)

# The engines that need nothing but the run-time dependencies.
NUMPY_ENGINES = ("numpy", "read-only")

# The engines with strategies beyond the operators.
TUNED_ENGINES = ("numpy", "read-only", "torch", "torch-device", "torch-cuda", "jax", "jax-x64")
