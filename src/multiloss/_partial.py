"""The sums of a loss over a part of the data, which merge with those of other parts."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from multiloss._call import bound_loss, evaluate
from multiloss._core.additive import Additive, additive
from multiloss._core.compensated import Compensated, added
from multiloss._core.loss import Loss as Definition
from multiloss._core.sizes import is_middle
from multiloss._core.sums import Sums
from multiloss._engines import Engine, engine_of
from multiloss._planning.operands import checked_parameter
from multiloss._planning.options import (
    checked_empty,
    checked_reduction,
    keywords_of,
    name_of,
    no_such_option,
    required_of,
)
from multiloss._planning.shapes import equal_shapes
from multiloss._typing import OPTION_NAMES, Array, Operand
from multiloss._value import Loss, Summand, get

__all__ = ["Partial", "partial"]

_PART_OPTIONS = ("weight", "where", "broadcast")  # of a part; merged sums have none
_SUM_OPTIONS = ("axis", "keepdims", *_PART_OPTIONS)  # the others are for the result


class Partial:
    """The sums of a loss over a part of the data; made by :func:`partial`.

    Partials of one loss add up by ``+`` and ``sum()``, in any order, in twice the precision.
    :meth:`result` is the loss over all. It pickles, and is a pytree of JAX whose leaves add up:
    ``jax.lax.psum`` merges it between devices, and rounds once for each.

    Attributes
    ----------
    loss : Loss
        The loss, with those of its options that are no arrays. Arrays are not compared when sums
        are added.
    arrays : tuple of array
        The sums, in the engine: pairs of a rounded sum and of what is missing in it. To add up each
        array, as ``torch.distributed.all_reduce`` does, merges too, and rounds once for each
        process.

    Examples
    --------
    >>> import multiloss as ml
    >>> parts = [ml.partial(ml.rmse, [3.0, 4.0], [0.0, 0.0]), ml.partial(ml.rmse, [5.0], [0.0])]
    >>> sum(parts).result()
    np.float64(4.08248290463863)
    """

    __slots__ = ("arrays", "loss")
    loss: Loss
    arrays: tuple[Array, ...]

    def __init__(self, loss: Loss, arrays: tuple[Array, ...]) -> None:
        self.loss, self.arrays = loss, arrays

    def result(self) -> Array:
        """Return the loss over all that was added up, as the loss itself returns it."""
        engine = _engine_of(self.arrays)
        value = engine.without_warnings(_combined, engine, self.loss, _pairs(self.arrays))
        return cast(Array, engine.as_result(value))

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for JSON, which :meth:`from_dict` reads.

        Raises ValueError for a loss of :func:`make_loss`, which has no name there.
        """
        return {"loss": self.loss.to_dict(), "arrays": [_described(each) for each in self.arrays]}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], *, like: Any = None) -> "Partial":
        """Return the sums that :meth:`to_dict` described.

        Parameters
        ----------
        given : mapping
            What :meth:`to_dict` returned.
        like : array, optional
            Whose engine and device the arrays get; NumPy's by default.

        Raises
        ------
        ValueError
            If this is no such dictionary.
        """
        try:
            loss = get(given["loss"])
            arrays = [_read(each) for each in given["arrays"]]
            needed = 2 * sum(_count_of_sums(_call_of_merged(each)) for each in loss.terms)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no dictionary of sums, as to_dict() returns it: {error}") from error
        if len(arrays) != needed:
            raise ValueError(f"the sums of {loss} are {needed} arrays, got {len(arrays)}")
        if like is not None:
            engine = engine_of("like", like)
            arrays = [
                engine.from_host(each, getattr(engine.xp, each.dtype.name), like) for each in arrays
            ]
        return _registered(loss, tuple(arrays))

    def __add__(self, other: object) -> "Partial":
        if not isinstance(other, Partial):
            return NotImplemented
        if self.loss != other.loss:
            raise TypeError(
                f"the sums of {self.loss} and of {other.loss} do not add up; merge those of one "
                "loss with the same options"
            )
        one, two = self.arrays, other.arrays
        for a, b in zip(one, two, strict=True):
            if not equal_shapes(a.shape, b.shape):
                raise ValueError(
                    f"sums of the shapes {tuple(a.shape)} and {tuple(b.shape)} do not add up; "
                    "reduce over the axis that is split"
                )
        engine = _engine_of((*one, *two))
        merged = engine.without_warnings(_merged, engine, _pairs(one), _pairs(two))
        return Partial(self.loss, _flat(merged))

    def __radd__(self, other: object) -> "Partial":
        # sum() starts from zero.
        return self if type(other) is int and not other else NotImplemented

    def __repr__(self) -> str:
        return f"Partial({self.loss})"

    def __reduce__(self) -> Any:
        return _registered, (self.loss, self.arrays)

    def tree_flatten(self) -> tuple[tuple[Array, ...], Loss]:
        """Return the arrays, and what is fixed, as JAX asks for them."""
        return self.arrays, self.loss

    @classmethod
    def tree_unflatten(cls, loss: Loss, arrays: Any) -> "Partial":
        """Return the sums made of what :meth:`tree_flatten` returned."""
        return cls(loss, tuple(arrays))


def partial(loss: Any, prediction: Operand, target: Operand, **options: Any) -> Partial:
    r"""Return the sums of a loss over a part of the data, which merge with those of other parts.

    .. math:: \mathrm{loss} = f\left(\sum_{\text{parts}} \sum_{i \in \text{part}} w_i \,
        \mathrm{term}_i, \; \sum_{\text{parts}} \sum_{i \in \text{part}} w_i\right)

    Nothing is divided before the end, so that a mean over parts of unequal size is that over all.
    The sums stay in the engine, and are differentiated as the loss is.

    Parameters
    ----------
    loss : callable, str, dict or Loss
        What :func:`get` takes.
    prediction, target : array
        Those of the part.
    **options
        The parameters and options of the loss, but for ``reduction="none"``.

    Returns
    -------
    Partial
        The sums. ``sum(parts).result()`` is the loss over all parts.

    Raises
    ------
    ValueError
        As the loss itself; and if ``reduction`` is "none".
    TypeError
        As the loss itself; if the loss of a part depends on the other parts, as that of
        :func:`cosine_distance` does; and if ``empty``, or a parameter of a norm or of an overlap,
        is an array.

    Notes
    -----
    Each sum is a pair of a number and of what rounding lost, which is about twice the precision of
    the dtype. The powers of :func:`minkowski` other than ``p=2`` are added up without a unit: one
    that overflows makes the result infinite, where the loss of the whole would not be.

    Examples
    --------
    >>> import multiloss as ml
    >>> parts = [ml.partial(ml.mse, [1.0, 2.0], [0.0, 0.0]), ml.partial(ml.mse, [4.0], [0.0])]
    >>> sum(parts).result()
    np.float64(7.0)
    >>> ml.partial("huber(delta=2.0)", [3.0], [0.0])
    Partial(huber(delta=2.0))
    """
    value = get(loss)
    pairs: list[Compensated] = []
    # Loops, since old releases of Dynamo trace no generators.
    for each in value.terms:
        pairs.extend(_sums(_call_of(each, options), prediction, target))
    fixed = {
        name: each.item() if isinstance(each, np.generic) else each
        for name, each in options.items()
        if name not in _PART_OPTIONS and not _has_items(name, each)
    }
    arrays = _flat(pairs)
    return _registered(get(value, **fixed), arrays)


class _Call(NamedTuple):
    """One loss of a sum, as it is called."""

    factor: float
    definition: Definition
    additive: Additive
    parameters: tuple[Operand, ...]
    is_mean: bool
    empty: float | None
    options: dict[str, Any]  # of each sum


def _call_of(summand: Summand, options: Mapping[str, Any]) -> _Call:
    """Return how a loss is called with the options that it has, and more."""
    factor, function, given = summand
    chosen, keywords = {**dict(given), **options}, keywords_of(function) or {}
    for name in options:
        if name not in keywords:
            raise TypeError(no_such_option(name_of(function), name, tuple(keywords)))
    shared = {*OPTION_NAMES, "class_axis"}
    own = {name: each for name, each in chosen.items() if name not in shared}
    definition, parameters = bound_loss(function, **own)
    sums = additive(definition)
    reduction = chosen.get("reduction", keywords.get("reduction", definition.reduction))
    if checked_reduction(reduction) == "none":
        raise ValueError("reduction='none' has no sums; pass reduction='mean' or 'sum'")
    if sums.takes_parameters:
        parameters = tuple(
            _as_number(spec.name, checked_parameter(spec, each))
            for spec, each in zip(definition.parameters, parameters, strict=True)
        )
    empty = None
    if "empty" in chosen:
        empty = _as_number("empty", checked_empty(definition, chosen["empty"]))
    passed = {name: chosen[name] for name in _SUM_OPTIONS if name in chosen}
    if definition.is_vector:
        passed["class_axis"] = chosen.get("class_axis", keywords["class_axis"])
    return _Call(factor, definition, sums, parameters, reduction == "mean", empty, passed)


def _has_items(name: str, value: Any) -> bool:
    """Tell whether an option has a number for each item of a part, which merged sums have not."""
    return _is_array(value) or (isinstance(value, (list, tuple)) and name != "axis")


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and not isinstance(value, np.generic)


def _as_number(name: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if _is_array(value):
        raise TypeError(f"{name} is an array, and sums of parts need it as a number")
    return value


def _sums(call: _Call, prediction: Any, target: Any) -> list[Compensated]:
    """Return the sums of a loss; for a mean, what it divides by comes last."""
    totals = _totals(call, prediction, target)
    sums = [_exactly(each) for each in totals]
    if not call.is_mean:
        return sums
    count = _count(call, prediction, totals[0].shape)
    if count is not None:
        return [*sums, _count_like(totals[0], count)]
    divisor: Any = evaluate(
        call.additive.divisor, prediction, target, *call.parameters, **call.options
    )
    return [*sums, _exactly(divisor)]


def _totals(call: _Call, prediction: Any, target: Any) -> list[Array]:
    """Return the sums of the terms."""
    given, parameters, options = call.additive, call.parameters, call.options
    if given.powers is not None:
        total: Any = evaluate(given.powers, prediction, target, *parameters, **options)
        engine = engine_of("the sum", total)
        if is_middle(engine.xp, total.dtype, engine.known_values(total), parameters):
            zeros_like = engine.xp.zeros_like
            # Two arrays: they are added to in place, as all_reduce() does.
            return [zeros_like(total), total, zeros_like(total)]
    return [evaluate(each, prediction, target, *parameters, **options) for each in given.sums]


def _count(call: _Call, prediction: Any, kept: Any) -> int | None:
    """Return how many items each sum adds up; None where only a sum of ones can tell.

    A sum of ones is no count beyond 2²⁴ in single precision, and takes a pass.
    """
    shape: Any = getattr(prediction, "shape", (None,))
    if (
        call.definition.divisor is not None
        or any(call.options.get(name) is not None for name in _PART_OPTIONS)
        or not all(isinstance(size, int) for size in (*shape, *kept))
        or 0 in kept
    ):
        return None
    items = math.prod(shape)
    if call.definition.is_vector and items:
        items //= shape[call.options["class_axis"]]
    return int(items // math.prod(kept))


def _exactly(array: Array) -> Compensated:
    """Return a sum of which nothing is known to be missing."""
    return Compensated(array, engine_of("the sum", array).xp.zeros_like(array))


def _count_like(array: Array, count: int) -> Compensated:
    """Return a count in the dtype of a sum, which may not hold all of its digits."""
    engine = engine_of("the sum", array)
    is_single = engine.float_bits(array.dtype) < 64  # noqa: PLR2004  bits of double precision
    rounded = float(np.float32(count)) if is_single else float(count)
    full_like = engine.xp.full_like
    return Compensated(full_like(array, rounded), full_like(array, float(count - int(rounded))))


def _call_of_merged(summand: Summand) -> _Call:
    """Return the call behind merged sums.

    Parameters that were arrays are lost, and what combines the sums does not need them.
    """
    given = dict(summand.options)
    return _call_of(summand, {n: given.get(n, 1.0) for n in required_of(summand.function)})


def _count_of_sums(call: _Call) -> int:
    return len(call.additive.sums) + call.is_mean


def _combined(engine: Engine, loss: Loss, pairs: list[Compensated]) -> Any:
    """Return a loss of its sums."""
    result: Any = None
    totals = iter([each.rounded + each.correction for each in pairs])
    for summand in loss.terms:
        call = _call_of_merged(summand)
        terms = tuple([next(totals) for _ in call.additive.sums])
        sums = Sums(terms, next(totals) if call.is_mean else None)
        parameters = call.parameters if call.additive.takes_parameters else ()
        value = call.additive.combine(engine.xp, sums, call.empty, parameters, None)
        multiple = value if call.factor == 1.0 else call.factor * value
        result = multiple if result is None else result + multiple
    return result


def _merged(engine: Engine, one: list[Compensated], two: list[Compensated]) -> list[Compensated]:
    return [added(engine.xp, a, b) for a, b in zip(one, two, strict=True)]


def _pairs(arrays: tuple[Array, ...]) -> list[Compensated]:
    return [Compensated(*each) for each in zip(arrays[::2], arrays[1::2], strict=True)]


def _flat(pairs: list[Compensated]) -> tuple[Array, ...]:
    return tuple([array for pair in pairs for array in pair])


def _engine_of(arrays: tuple[Array, ...]) -> Engine:
    # A list, since old releases of Dynamo trace no set of engines.
    engines = [engine_of("the sum", each) for each in arrays]
    for each in engines:
        if each is not engines[0]:
            names = " and ".join(sorted([str(engines[0]), str(each)]))
            raise TypeError(f"sums of {names} do not add up; merge those of one array library")
    return engines[0]


def _registered(loss: Loss, arrays: tuple[Array, ...]) -> Partial:
    """Return sums that the engine knows, whose arrays may come from another process."""
    _engine_of(arrays).register_pytree(Partial)
    return Partial(loss, arrays)


def _described(array: Array) -> dict[str, Any]:
    """Return an array as text and numbers; one that is spread over processes as a whole."""
    whole: Any = array.full_tensor() if hasattr(array, "full_tensor") else array
    return {
        "dtype": str(whole.dtype).rpartition(".")[2],  # PyTorch writes torch.float32
        "shape": list(whole.shape),
        # PyTorch's tolist() takes what requires a gradient, too; Dask has none.
        "values": whole.tolist() if hasattr(whole, "tolist") else np.asarray(whole).tolist(),
    }


def _read(described: Mapping[str, Any]) -> Any:
    dtype = np.dtype(described["dtype"])
    if dtype.kind not in "fc":
        raise TypeError(f"sums are floats, not {dtype}")
    return np.asarray(described["values"], dtype=dtype).reshape(tuple(described["shape"]))[()]
