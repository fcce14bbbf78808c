"""The sums of a loss over a part of the data, which merge with those of other parts."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from multiloss._call import bound_loss, evaluate
from multiloss._core.additive import Additive, additive
from multiloss._core.combinations import MEAN, RATIO, Combination
from multiloss._core.compensated import Compensated, added
from multiloss._core.loss import Loss as Definition
from multiloss._core.sums import Sums
from multiloss._engines import NUMPY, Engine, engine_of
from multiloss._planning.operands import checked_parameter
from multiloss._planning.options import (
    REQUIRED,
    checked_empty,
    checked_reduction,
    keywords_of,
    name_of,
    no_such_option,
)
from multiloss._typing import Array, Operand
from multiloss._value import Loss, Summand, get

__all__ = ["Partial", "partial"]

_OF_ITEMS = ("weight", "where", "broadcast")  # which are none of the whole
_OF_SUMS = ("axis", "keepdims", "weight", "where", "broadcast")


class _Whole(NamedTuple):
    """What becomes of the sums of one loss, but for their numbers."""

    factor: float
    combination: Combination
    is_mean: bool
    empty: float | None
    parameters: tuple[float, ...]  # those that the combination takes
    pairs: int  # how many sums there are, the one of the weights among them


class Partial:
    """The sums of a loss over a part of the data; made by :func:`partial`.

    Those of the same loss are added by ``+`` and ``sum()``, in any order, without loss of digits.
    :meth:`result` is the loss over all. It pickles, and is a pytree of JAX whose leaves add up, so
    that ``jax.lax.psum`` merges it between devices.

    Attributes
    ----------
    loss : Loss
        The loss, with those of its options that are no arrays.
    arrays : tuple of array
        The sums, in the engine: pairs of a sum and of what rounding lost. To add up each of them,
        as ``torch.distributed.all_reduce`` does, merges.

    Examples
    --------
    >>> import multiloss as ml
    >>> parts = [ml.partial(ml.rmse, [3.0, 4.0], [0.0, 0.0]), ml.partial(ml.rmse, [5.0], [0.0])]
    >>> sum(parts).result()
    np.float64(4.08248290463863)
    """

    __slots__ = ("_wholes", "arrays", "loss")
    loss: Loss
    arrays: tuple[Array, ...]
    _wholes: tuple[_Whole, ...]

    def __init__(self, loss: Loss, wholes: tuple[_Whole, ...], arrays: tuple[Array, ...]) -> None:
        self.loss, self._wholes, self.arrays = loss, wholes, arrays

    def result(self) -> Array:
        """Return the loss over all that was added up, as the loss itself returns it."""
        engine = _engine_of(self.arrays)
        value = engine.quietly(self._combined, engine)
        # where() gives 0-d arrays; NumPy's results are scalars.
        return cast(Array, value[()] if engine is NUMPY else value)

    def to_dict(self) -> dict[str, Any]:
        """Return numbers and text, as JSON holds them, of which :meth:`from_dict` makes it again.

        The numbers are NumPy's then, and ready to be merged with others of NumPy.
        """
        dtype = str(self.arrays[0].dtype).rpartition(".")[2]
        numbers = [np.asarray(getattr(each, "tolist", lambda e=each: e)()) for each in self.arrays]
        return {
            "loss": self.loss.to_dict(),
            "dtype": dtype,
            "arrays": [each.tolist() for each in numbers],
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "Partial":
        """Return what :meth:`to_dict` was called of."""
        loss = get(given["loss"])
        wholes = []
        for factor, function, options in loss.terms:
            keywords = keywords_of(function) or {}
            own = {name: 1.0 for name, default in keywords.items() if default is REQUIRED}
            call = _call_of(Summand(factor, function, options), own)
            wholes.append(call.whole)
        arrays = tuple(np.asarray(each, dtype=given["dtype"])[()] for each in given["arrays"])
        return cls(loss, tuple(wholes), arrays)

    def __add__(self, other: object) -> "Partial":
        if not isinstance(other, Partial):
            return NotImplemented
        if (self.loss, self._wholes) != (other.loss, other._wholes):
            raise TypeError(
                f"the sums of {self.loss} and of {other.loss} do not add up; merge those of one "
                "loss with the same options"
            )
        one, two = self.arrays, other.arrays
        if any(a.shape != b.shape for a, b in zip(one, two, strict=True)):
            raise ValueError(
                f"sums of the shapes {tuple(one[0].shape)} and {tuple(two[0].shape)} do not add "
                "up; reduce over the axis that is split"
            )
        engine = _engine_of((*one, *two))
        return Partial(self.loss, self._wholes, engine.quietly(_merged, engine, one, two))

    def __radd__(self, other: object) -> "Partial":
        # sum() starts from zero.
        return self if type(other) is int and not other else NotImplemented

    def __repr__(self) -> str:
        return f"Partial({self.loss})"

    def __reduce__(self) -> Any:
        return Partial, (self.loss, self._wholes, self.arrays)

    def _combined(self, engine: Engine) -> Array:
        result: Any = None
        start = 0
        for whole in self._wholes:
            pairs = self.arrays[start : start + 2 * whole.pairs]
            start += 2 * whole.pairs
            totals = tuple(a + b for a, b in zip(pairs[::2], pairs[1::2], strict=True))
            sums = Sums(totals[:-1], totals[-1]) if whole.is_mean else Sums(totals, None)
            value = whole.combination.value(engine.xp, sums, whole.empty, whole.parameters, None)
            multiple = value if whole.factor == 1.0 else whole.factor * value
            result = multiple if result is None else result + multiple
        return cast(Array, result)


def _engine_of(arrays: tuple[Array, ...]) -> Engine:
    engines = {engine_of("the sum", each) for each in arrays}
    if len(engines) > 1:
        names = " and ".join(sorted(map(str, engines)))
        raise TypeError(f"sums of {names} do not add up; merge those of one array library")
    return engines.pop()


def _merged(engine: Engine, one: tuple[Array, ...], two: tuple[Array, ...]) -> tuple[Array, ...]:
    pairs = (
        added(engine.xp, Compensated(*each), Compensated(*other))
        for each, other in zip(_pairs(one), _pairs(two), strict=True)
    )
    return tuple(array for pair in pairs for array in pair)


def _pairs(arrays: tuple[Array, ...]) -> Iterator[tuple[Array, Array]]:
    return zip(arrays[::2], arrays[1::2], strict=True)


class _Call(NamedTuple):
    """A loss of a sum, as it is called."""

    definition: Definition
    additive: Additive
    whole: _Whole
    parameters: tuple[Operand, ...]
    options: dict[str, Any]


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
    TypeError
        If the loss of a part depends on the other parts, as that of :func:`cosine_distance` does,
        or if a parameter of a norm or of an overlap, or ``empty``, is an array.
    ValueError, TypeError
        As the loss itself, and if ``reduction`` is "none".

    Notes
    -----
    Each sum is a pair of a number and of what rounding lost, so that merging loses nothing. The
    powers of :func:`minkowski` but for ``p=2`` are added up as they are: one that overflows makes
    the result infinite, where the loss of the whole would not be.

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
    arrays: list[Array] = []
    calls = [_call_of(each, options) for each in value.terms]
    for definition, parts, whole, parameters, given in calls:
        sums = [evaluate(each, prediction, target, *parameters, **given) for each in parts.sums]
        arrays += [each for array in sums for each in _exactly(array)]
        if whole.is_mean:
            count = _count(definition, prediction, given, sums[0])
            if count is None:
                total = evaluate(parts.weight, prediction, target, *parameters, **given)
                arrays += _exactly(total)
            else:
                arrays += _count_like(sums[0], count)
    engine = _engine_of(tuple(arrays))
    engine.register(Partial, ("loss", "_wholes"), "arrays")
    kept = {
        name: each for name, each in options.items() if name not in _OF_ITEMS and _is_fixed(each)
    }
    return Partial(get(value, **kept), tuple(each.whole for each in calls), tuple(arrays))


def _is_fixed(option: Any) -> bool:
    is_tuple = isinstance(option, tuple) and all(isinstance(each, int) for each in option)
    return option is None or isinstance(option, (bool, int, float, str)) or is_tuple


def _call_of(summand: Summand, options: Mapping[str, Any]) -> _Call:
    factor, function, given = summand
    chosen, keywords = {**dict(given), **options}, keywords_of(function) or {}
    for name in options:
        if name not in keywords:
            raise TypeError(no_such_option(name_of(function), name, tuple(keywords)))
    shared = {*_OF_SUMS, "reduction", "empty", "class_axis"}
    own = {name: each for name, each in chosen.items() if name not in shared}
    definition, parameters = bound_loss(function, **own)
    parts = additive(definition)
    reduction = chosen.get("reduction", keywords.get("reduction", definition.reduction))
    if checked_reduction(reduction) == "none":
        raise ValueError("reduction='none' has no sums; pass reduction='mean' or 'sum'")
    empty = checked_empty(definition, chosen["empty"]) if "empty" in chosen else None
    numbers: dict[str, Any] = {"empty": empty}
    if parts.combination not in {MEAN, RATIO}:
        for spec, each in zip(definition.parameters, parameters, strict=True):
            numbers[spec.name] = checked_parameter(spec, each)
    for name, each in numbers.items():
        if not isinstance(each, (float, type(None))):
            raise TypeError(f"{name} is an array, and sums of parts need it as a number")
    taken = tuple(each for name, each in numbers.items() if name != "empty")
    is_mean = reduction == "mean"
    whole = _Whole(factor, parts.combination, is_mean, empty, taken, len(parts.sums) + is_mean)
    passed = {name: chosen[name] for name in _OF_SUMS if name in chosen}
    if definition.is_vector:
        passed["class_axis"] = chosen.get("class_axis", keywords["class_axis"])
    return _Call(definition, parts, whole, parameters, passed)


def _count(
    definition: Definition, prediction: Any, options: Mapping[str, Any], result: Array
) -> int | None:
    """Return how many items are added up to one; None if they have to be counted."""
    shape: Any = getattr(prediction, "shape", (None,))
    kept = tuple(result.shape)
    if (
        definition.divisor is not None
        or any(options.get(name) is not None for name in ("weight", "where", "broadcast"))
        or not all(isinstance(size, int) for size in (*shape, *kept))
        or 0 in kept
    ):
        return None
    items = math.prod(shape)
    if definition.is_vector:
        items //= shape[options["class_axis"]] or 1
    return int(items // math.prod(kept))


def _exactly(array: Array) -> list[Array]:
    """Return a sum as a pair: nothing is known to be lost."""
    return [array, engine_of("the sum", array).xp.zeros_like(array)]


def _count_like(array: Array, count: int) -> list[Array]:
    """Return a count as a pair, in the dtype of a sum, which may not hold all of its digits."""
    xp = engine_of("the sum", array).xp
    rounded = float(count)
    if xp.finfo(array.dtype).bits == 32:  # noqa: PLR2004  of single precision
        rounded = float(np.float32(count))
    return [xp.full_like(array, rounded), xp.full_like(array, float(count - int(rounded)))]
