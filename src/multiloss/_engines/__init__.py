"""Which engine an array belongs to. Engines are told apart here and nowhere else.

The type of an array is looked up once. No engine is imported that the caller has not imported: an
array of its type could not exist otherwise.
"""

import sys
from collections.abc import Sequence
from typing import Any

import array_api_compat
import numpy as np

from multiloss._engines._engine import Engine
from multiloss._engines._numpy import NUMPY, NumPyBackedEngine, NumPyEngine

__all__ = ["NUMBERS", "NUMPY", "Engine", "engine_of"]

# The numbers without a dtype of their own, and a dtype of their kind.
NUMBERS = {bool: "bool", int: "int32", float: "float32", complex: "complex64"}


def _torch() -> Engine:
    from multiloss._engines._torch import ENGINE

    return ENGINE


def _jax() -> Engine:
    from multiloss._engines._jax import ENGINE

    return ENGINE


# The engines with a file of their own: the package and class of their arrays, and the engine.
_OWN_ENGINES = (("torch", "Tensor", _torch), ("jax", "Array", _jax))

_engine_of_type: dict[type, Engine] = dict.fromkeys((*NUMBERS, list, tuple, np.ndarray), NUMPY)
_engine_of_namespace: dict[Any, Engine] = {}


def engine_of(role: str, value: object) -> Engine:
    """Return the engine of an operand; host data (numbers, lists, …) belongs to NumPy."""
    array_type = type(value)
    if array_type not in _engine_of_type:
        _engine_of_type[array_type] = _find_engine(role, value)
    return _engine_of_type[array_type]


def _find_engine(role: str, value: object) -> Engine:
    if isinstance(value, NumPyEngine.array_types):
        return NUMPY
    for package, class_name, own_engine in _OWN_ENGINES:
        if package in sys.modules and isinstance(value, getattr(sys.modules[package], class_name)):
            return own_engine()
    array_type = type(value)
    if "sparse" in array_type.__module__:
        raise TypeError(
            f"{role} is sparse ({array_type.__module__}.{array_type.__qualname__}); make it dense "
            "first, for instance with .toarray() or .todense()"
        )
    if array_api_compat.is_array_api_obj(value):
        namespace = array_api_compat.array_namespace(value)
        if namespace not in _engine_of_namespace:
            _engine_of_namespace[namespace] = NumPyBackedEngine(namespace)
        return _engine_of_namespace[namespace]
    is_list = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    if is_list or hasattr(array_type, "__array__"):
        return NUMPY
    raise TypeError(
        f"{role} is of type {array_type.__name__}; pass an array of NumPy, PyTorch, JAX or any "
        "other array API library, a number, a list, or an object with __array__"
    )
