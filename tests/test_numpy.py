"""Scripts in NumPy: files, views, scalars and warnings."""

import copy
import itertools
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import multiloss as ml
from losses import OF_VECTORS
from multiloss._registry import losses

# Statically a loss of lists is a list.
MSE: Any = ml.mse
MSE_AND_GRADIENT: Any = ml.value_and_grad(ml.mse)


def test_memory_mapped_files(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.array([0.5, 3.0]))
    np.save(tmp_path / "t.npy", np.array([1.0, 1.0], dtype=">f4"))
    prediction = np.load(tmp_path / "y.npy", mmap_mode="r")
    target = np.load(tmp_path / "t.npy", mmap_mode="r")
    value, gradient = ml.value_and_grad(ml.mse)(prediction, target)
    assert repr(value) == "np.float64(2.125)"
    assert type(gradient) is np.ndarray
    assert gradient.tolist() == [-0.5, 2.0]


# The system hands a page over, which it clears first, at a page fault: 2^16 numbers of single
# precision have 64 pages of 4 KiB, so that 20 calls that get their temporaries anew have thousands.
PAGE_FAULTS = """
import resource
import numpy as np
import multiloss as ml

y = np.linspace(1, 3, 2**16, dtype=np.float32)
{call}(y, y[::-1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    {call}(y, y[::-1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems than glibc's allocate otherwise")
@pytest.mark.parametrize("call", ["ml.log_cosh", "ml.rmsle", "ml.value_and_grad(ml.huber)"])
def test_temporaries_are_not_had_from_the_system_again(call: str) -> None:
    code = PAGE_FAULTS.format(call=call)
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603  a command of the test
    assert int(run.stdout) < 500


@pytest.mark.parametrize("number", [3, 3.0, True, np.float32(3), np.int8(3), 3 + 0j], ids=repr)
def test_scalars(number: Any) -> None:
    value = ml.mse(number, 1)
    assert value == (complex(number).real - 1) ** 2
    assert isinstance(value, np.floating)


def test_result_is_a_scalar_of_numpy_whatever_the_options() -> None:
    for options in itertools.chain.from_iterable(
        itertools.combinations(
            [("weight", np.ones(2)), ("where", np.ones(2, dtype=bool)), ("axis", 0)], count
        )
        for count in range(4)
    ):
        chosen: dict[str, Any] = dict(options)
        value, gradient = MSE_AND_GRADIENT([0.5, 3.0], [1.0, 1.0], **chosen)
        assert type(value) is np.float64
        assert type(gradient) is np.ndarray


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::-1, ::2],
        lambda a: a.T,
        np.asfortranarray,
        lambda a: np.broadcast_to(a[:1], (5, 4)),
        lambda a: a[:, None, :, None],
        lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, axis=0),
    ],
    ids=["strided", "transposed", "fortran", "broadcast", "new axes", "overlapping"],
)
def test_views(view: Any) -> None:
    rng = np.random.default_rng(0)
    y, t = view(rng.normal(size=(3, 4))), view(rng.normal(size=(3, 4)))
    # math.fsum rounds once, at the end.
    expected = math.fsum(((y - t) ** 2).ravel()) / y.size
    assert ml.mse(y, t) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2], ids=str
)
def test_small_floats_of_ml_dtypes(dtype: Any) -> None:
    y, t = np.array([3.0, 16.0], dtype=dtype), np.array([1.0, 16.0], dtype=dtype)
    value, gradient = ml.value_and_grad(ml.mse)(y, t)
    assert repr(value) == "np.float32(2.0)"
    assert gradient.dtype == dtype
    assert gradient.tolist() == [2.0, 0.0]


@pytest.mark.parametrize("dtype", [ml_dtypes.int4, ml_dtypes.uint4], ids=str)
def test_small_integers_of_ml_dtypes(dtype: Any) -> None:
    value, gradient = MSE_AND_GRADIENT(np.array([3, 1]).astype(dtype), [1.0, 1.5])
    assert value == 2.125
    assert gradient.dtype == np.float64
    assert gradient.tolist() == [2.0, -0.5]


def test_masked_arrays_in_lists_are_refused() -> None:
    masked = np.ma.array([5.0, 1e6, 7.0], mask=[False, True, False])
    for given in ([masked], [[1.0, 2.0, 4.0], masked], [[1.0, 2.0, 4.0], [3.0, masked]]):
        with pytest.raises(TypeError, match=r"an element of prediction is a numpy.ma.MaskedArray"):
            ml.mse(given, np.zeros((len(given), 3)))


@pytest.mark.parametrize("empty", [np.float32(3), np.float64(3), np.array(3.0, "float32"), 3, True])
def test_empty_may_be_any_number(empty: Any) -> None:
    nothing = np.zeros(2, np.float32)
    value = ml.mse(nothing, nothing, where=nothing > 0, empty=empty)
    assert repr(value) == f"np.float32({float(empty)})"


def test_extended_precision_is_kept() -> None:
    tiny = np.longdouble(2) ** -60
    value = ml.mse(np.array([1 + tiny]), np.array([np.longdouble(1)]))
    assert value == tiny**2
    assert value.dtype == np.longdouble


def test_no_warning_is_raised_and_none_is_switched_off_for_the_caller() -> None:
    before = copy.copy(np.geterr())
    huge = np.array([1e200, np.inf, np.nan])
    assert np.isnan(ml.mse(huge, huge[::-1]))
    assert np.geterr() == before


def test_callers_error_state_does_not_turn_results_into_exceptions() -> None:
    with np.errstate(all="raise"):
        assert MSE([1e200], [0.0]) == np.inf


def test_threads_share_nothing() -> None:
    arrays = [np.full((50, 3), float(k)) for k in range(16)]

    def loss(array: Any) -> float:
        return float(ml.mse(array, np.zeros((50, 3)), weight=np.ones((50, 1)), axis=(0, 1)))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(loss, arrays * 20)) == [float(k * k) for k in range(16)] * 20


def test_as_many_axes_as_numpy_has() -> None:
    array = np.full((1,) * 63 + (2,), 2.0)
    for name, loss in losses().items():
        if name in OF_VECTORS:  # NumPy itself takes an index of an array with fewer axes alone
            continue
        needed = {"variance": 1.0} if loss is ml.gaussian_nll else {}
        value, gradient = ml.value_and_grad(loss)(array, array + 1, **needed)
        assert np.all(np.isfinite(value))
        assert gradient.shape == array.shape


@pytest.mark.parametrize("loss", [ml.wmape, ml.cosine_distance])
def test_many_axes_of_different_shapes(loss: Any) -> None:
    array = np.full((2,) + (1,) * 39 + (3,), 2.0)
    expected = loss(array, np.full(array.shape, 4.0), axis=None)
    for target in (4.0, np.array(4.0)):
        assert loss(array, target, axis=None) == pytest.approx(expected)
    stretched = np.full((1,) * 40 + (3,), 4.0)
    assert loss(array, stretched, axis=None, broadcast=True) == pytest.approx(expected)


def test_nothing_warns_or_raises_for_the_error_state_of_the_caller() -> None:
    huge, ones = np.full(3, 1e30, np.float32), np.ones(3, np.float32)
    with np.errstate(all="raise"):
        for name, loss in losses().items():
            if name in OF_VECTORS:
                ml.value_and_grad(loss)(huge, 1)
                ml.value_and_grad(loss)(-np.inf * huge, 1)
                continue
            needed = {"variance": 1e300} if loss is ml.gaussian_nll else {}
            ml.value_and_grad(loss)(huge, -ones, **needed)
            loss(huge, huge, weight=huge, **needed)
        assert ml.huber(ones, 0 * ones, delta=[1e300] * 3) == 0.5
        assert np.isnan(ml.cosine_distance(np.array([1e300, np.inf]), np.array([1.0, 1.0])))


# Added one after another, the blocks of 2^23 elements lose three units.
@pytest.mark.slow
def test_blocks_are_added_up_in_pairs() -> None:
    residual = np.random.default_rng(0).normal(size=2**23)
    exact = math.fsum(residual * residual) / len(residual)
    assert abs(float(ml.mse(residual, 0.0)) - exact) <= np.spacing(exact)
