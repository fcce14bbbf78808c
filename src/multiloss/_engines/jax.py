"""JAX."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from multiloss._core.loss import Loss
from multiloss._core.plan import Metadata, Operands, Plan, arrays_of
from multiloss._engines.base import Engine, Kind, Strategy
from multiloss._engines.host import HOST_KEYS
from multiloss._strategies.arithmetic import MeasuringArithmetic
from multiloss._strategies.whole import whole
from multiloss._typing import Array, DType, Namespace, Parameter

_FEW_CLASSES = 64  # of which a comparison is faster than arithmetic


# Of many classes by arithmetic: a comparison keeps XLA from vectorizing a reduction, which then
# takes three times as long. The square of the distance from the label is 0 for itself, and at least
# 1 for all others.
@jax.custom_jvp
def _exp_of_others(shifted: Array, label: Array) -> Array:
    result = jnp.exp(jnp.minimum(shifted, 0.0))
    if shifted.shape[-1] < _FEW_CLASSES:
        return jnp.where(jnp.arange(shifted.shape[-1]) == label, 0.0, result)
    classes = jnp.arange(shifted.shape[-1], dtype=shifted.dtype)
    distance = classes - label.astype(shifted.dtype)
    return result * jnp.minimum(distance * distance, 1.0)


# The derivative of minimum() would be half of this for the largest score, which is at its bound.
@_exp_of_others.defjvp
def _exp_of_others_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> Any:
    result = _exp_of_others(*primals)
    return result, result * tangents[0]


class _Namespace:
    """``jax.numpy``, but for the derivative of abs() at zero, which is zero as in PyTorch."""

    __name__ = "jax"

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    @staticmethod
    def abs(array: Array) -> Array:
        # Of two that are equal, each gets half of the derivative of their maximum.
        is_complex = jnp.iscomplexobj(array)
        return jnp.abs(array) if is_complex else jnp.maximum(array, -array)

    # Beyond the standard, for the losses of classes.
    stop_gradient = staticmethod(jax.lax.stop_gradient)

    exp_of_others = staticmethod(_exp_of_others)

    @staticmethod
    def with_whole_vectors(array: Any) -> Array:
        # Of a mesh with explicit axes, whose types say where an array is; else they say nothing.
        # Old releases have no such meshes.
        if not hasattr(jax, "typeof"):
            return array
        spec = jax.typeof(array).sharding.spec
        if not spec or spec[-1] is None:
            return array
        whole: Any = PartitionSpec(*spec[:-1], None)  # type: ignore[no-untyped-call]
        reshard: Any = jax.sharding.reshard
        return reshard(array, whole)


class _ConstantNamespace(_Namespace):
    """For a compiled call, whose result nothing differentiates."""

    is_constant = True


_xp = _Namespace()
_CONSTANT = MeasuringArithmetic(_ConstantNamespace())
_ARRAY = type(jnp.zeros(()))


# So that the same loss is the same key of the cache below.
@lru_cache(maxsize=512)
def _differentiated(loss: Loss) -> Loss:
    (term,) = loss.terms

    def slope(_: Namespace, prediction: Array, target: Array, *parameters: Parameter) -> Array:
        xp = _xp  # which can be differentiated
        full = prediction if loss.is_vector else xp.broadcast_arrays(prediction, target)[0]
        return jax.grad(lambda y: xp.sum(term.value(xp, y, target, *parameters)))(full)

    return replace(loss, terms=(term._replace(slope=slope),))


# One entry for each plan, so that the oldest shapes are forgotten in time: the cache of a jitted
# function would keep them all.
@lru_cache(maxsize=512)
def _compiled(plan: Plan) -> Callable[..., Any]:
    return jax.jit(lambda *operands: whole(_CONSTANT, plan, Operands(*operands)))


def _run_compiled(plan: Plan, operands: Operands) -> Any:
    return _compiled(plan)(*operands)


class JAXEngine(Engine):
    """Traces a loss with ``jax.numpy``; a call outside of any trace is one compiled call."""

    def __init__(self) -> None:
        super().__init__(_xp)
        self.keys = {**HOST_KEYS, _ARRAY: attrgetter("dtype", "shape", "weak_type")}
        self.strategies = (Strategy("compiled", _is_eager, _run_compiled), *self.strategies)

    def key(self, operands: Operands) -> Any:
        arrays = super().key(operands)
        is_wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]  # made at import
        return None if arrays is None else (arrays, is_wide)

    def metadata(self, array: Array) -> Metadata:
        return Metadata(
            array.dtype,
            array.shape,
            is_weak=bool(getattr(array, "weak_type", False)),
            is_plain=not isinstance(array, jax.core.Tracer),
        )

    def device_of(self, array: Array) -> Any:  # noqa: ARG002  the same for all
        # Host data stays uncommitted: it follows the other operands, sharded or not.
        return None

    def kind(self, dtype: DType) -> Kind | None:
        # isdtype() raises for the extended dtypes, such as those of random keys.
        return None if jnp.issubdtype(dtype, jax.dtypes.extended) else super().kind(dtype)

    def register_pytree(self, container: type) -> None:
        _register_pytree(container)

    def with_slope(self, loss: Loss) -> Loss:
        return loss if loss.terms[0].slope else _differentiated(loss)


@lru_cache
def _register_pytree(container: Any) -> None:
    jax.tree_util.register_pytree_node_class(container)


def _is_eager(plan: Plan) -> bool:
    return plan.empty != "array" and all(each.is_plain for each in arrays_of(plan))


ENGINE = JAXEngine()
