"""What can be pickled, and what is kept alive."""

import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import multiloss as ml
from losses import made


@ml.make_loss
def decorated(_xp: Any, prediction: Any, target: Any) -> Any:
    return (prediction - target) ** 4


LOSSES: dict[str, Any] = {"huber": ml.huber, "made": made, "decorated": decorated}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_losses(loss: Any) -> None:
    copy = pickle.loads(pickle.dumps(loss))  # noqa: S301  made by the test
    assert copy([3.0], [1.0]) == loss([3.0], [1.0])
    assert copy.__name__ == loss.__name__


@pytest.mark.parametrize("loss", [ml.huber, made], ids=["huber", "made"])
def test_value_and_grad(loss: Any) -> None:
    copy = pickle.loads(pickle.dumps(ml.value_and_grad(loss)))  # noqa: S301  made by the test
    value, gradient = copy([3.0], [1.0])
    expected = ml.value_and_grad(loss)([3.0], [1.0])
    assert value == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])


def test_a_loss_keeps_its_parameters() -> None:
    copy = pickle.loads(pickle.dumps(made))  # noqa: S301  made by the test
    assert copy([3.0], [1.0], scale=2.0) == 1.0
    assert ml.value_and_grad(copy)([3.0], [1.0], scale=2.0)[1].tolist() == [1.5]
    with pytest.raises(ValueError, match="scale=0 is out of bounds"):
        copy([3.0], [1.0], scale=0)


def test_classes_of_arrays_are_not_kept_alive() -> None:
    references = []
    for _ in range(3):
        dynamic = type("Dynamic", (np.ndarray,), {})
        assert ml.mse(np.ones(2).view(dynamic), np.zeros(2)) == 1.0
        references.append(weakref.ref(dynamic))
    del dynamic
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


def test_few_classes_of_host_data_are_kept_alive() -> None:
    references = []
    for _ in range(300):
        host = type("Host", (), {"__array__": lambda *_, **__: np.ones(2)})
        assert ml.mse(host(), np.zeros(2)) == 1.0
        references.append(weakref.ref(host))
    gc.collect()
    # array_api_compat remembers the last hundred that it was asked for.
    assert sum(reference() is not None for reference in references) < 200
