"""Which engine an array belongs to. Engines are told apart here and nowhere else.

The type of an array is looked up once. No engine is imported that the caller has not imported: an
array of its type could not exist otherwise.
"""

import sys
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from multiloss._engines.base import Engine
from multiloss._engines.cubed import CubedEngine
from multiloss._engines.dask import DaskEngine
from multiloss._engines.generic import GenericEngine
from multiloss._engines.host import NUMBERS
from multiloss._engines.numpy import NUMPY, NumPyEngine

__all__ = ["NUMBERS", "NUMPY", "Engine", "engine_of", "is_known", "is_list"]


# Import statements, since Dynamo traces the look-up and does not follow importlib.
def _torch() -> Engine:
    from multiloss._engines.torch import ENGINE

    return ENGINE


def _jax() -> Engine:
    from multiloss._engines.jax import ENGINE

    return ENGINE


# Imported when the first of their arrays arrives: their package and class, and the engine.
_TUNED_ENGINES = (("torch", "Tensor", _torch), ("jax", "Array", _jax))

# Whose modules import the library when they run, and not before.
_LAZY_ENGINES = {"cubed": CubedEngine, "dask": DaskEngine}

# The libraries of sparse arrays, which share no base class.
_SPARSE = ("scipy.sparse.", "sparse.", "jax.experimental.sparse.", "cupyx.scipy.sparse.")

# Of compressed arrays, which have a namespace whose results are expressions.
_COMPRESSED = "blosc2."

# Dynamo does not follow the search for the engine of host data, hence the types that come first.
# Of the classes that come by, those of the engines themselves are added. All others may be made and
# dropped, and this table would keep them alive.
_engine_of_type: dict[type, Engine] = dict.fromkeys((*NUMBERS, list, tuple, np.ndarray), NUMPY)
_REMEMBERED = ("numpy", "torch", "jax", "jaxlib")
_engine_of_other_type: WeakKeyDictionary[type, Engine] = WeakKeyDictionary()
_engine_of_namespace: dict[Any, Engine] = {}


def engine_of(role: str, value: object) -> Engine:
    """Return the engine of an operand; host data (numbers, lists, …) belongs to NumPy."""
    engine = _engine_of_type.get(type(value))
    if engine is None:
        engine = _find_engine(role, value)
        if type(value).__module__.partition(".")[0] in _REMEMBERED:
            _engine_of_type[type(value)] = engine
    return engine


def is_known(value: object) -> bool:
    """Tell whether a value is a number, or an array of a class that was seen before."""
    return type(value) in _engine_of_type


def is_list(value: object) -> bool:
    """Tell whether a value is a list, or as good as one to NumPy."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _find_engine(role: str, value: object) -> Engine:
    if isinstance(value, NumPyEngine.array_types):
        return NUMPY
    for package, class_name, load in _TUNED_ENGINES:
        array_class = getattr(sys.modules.get(package), class_name, ())
        if isinstance(value, array_class):
            return load()
    # Dynamo does not come this far: it follows no weak references.
    engine = _engine_of_other_type.get(type(value))
    if engine is None:
        engine = _engine_of_other_type[type(value)] = _find_other_engine(role, value)
    return engine


def _find_other_engine(role: str, value: object) -> Engine:
    array_type = type(value)
    if f"{array_type.__module__}.".startswith(_SPARSE):
        raise TypeError(
            f"{role} is sparse ({array_type.__module__}.{array_type.__qualname__}); make it dense "
            "first, for instance with .toarray() or .todense()"
        )
    from array_api_compat import array_namespace, is_array_api_obj

    if f"{array_type.__module__}.".startswith(_COMPRESSED):
        raise TypeError(f"{role} is a compressed array of blosc2; pass {role}[:]")
    if is_array_api_obj(value):
        namespace = array_namespace(value)
        if not hasattr(namespace, "__array_api_version__"):
            raise TypeError(
                f"{role} is an array of {namespace.__name__}, which does not follow the array API "
                f"standard yet; pass numpy.asarray({role})"
            )
        package = namespace.__name__.removeprefix("array_api_compat.").partition(".")[0]
        engine_class = _LAZY_ENGINES.get(package, GenericEngine)
        return _engine_of_namespace.setdefault(namespace, engine_class(namespace))
    if is_list(value) or isinstance(value, tuple(NUMBERS)) or hasattr(array_type, "__array__"):
        return NUMPY
    raise TypeError(
        f"{role} is of type {array_type.__name__}; pass an array of NumPy, PyTorch, JAX or any "
        "other array API library, a number, a list, or an object with __array__"
    )
