"""Custom losses, each made of its value and its slope."""

import inspect
import math
import operator
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from types import MappingProxyType
from typing import Any, Protocol

from multiloss._call import evaluate
from multiloss._core.loss import NUMBER, Domain, Loss, ParameterSpec
from multiloss._core.sums import as_dtype_of
from multiloss._core.terms import Elementwise, Term
from multiloss._losses.classes import checked_label, has_labels
from multiloss._losses.options import SHARED_OPTIONS
from multiloss._planning.options import REQUIRED, remember_keywords
from multiloss._planning.shapes import broadcast_shape, equal_shapes
from multiloss._typing import OPTION_NAMES, Array, ArrayT, Namespace, Operand, Shape


class CustomLoss(Protocol):
    """A loss as :func:`make_loss` returns it: called as those of this package are."""

    def __call__(self, prediction: ArrayT, target: Operand, **options: Any) -> ArrayT:
        """Return the loss."""


def make_loss(
    value: Callable[..., Array],
    slope: Callable[..., Array] | None = None,
    *,
    bounds: Mapping[str, str] = MappingProxyType({}),
    vector: bool = False,
) -> CustomLoss:
    """Return a loss made of the value of one item, with every option, engine and strategy.

    Parameters
    ----------
    value : callable
        Takes an array API namespace ``xp``, the prediction and the target, and returns the loss of
        each element, in the shape that both have together. All further parameters of the function
        are parameters of the loss: numbers or arrays, passed by name. It has to be pure: what it
        returns depends on its arguments alone, since JAX keeps what it read from elsewhere when it
        was first called. It has to use array API functions alone, those of ``xp``, and to be
        differentiable where engines with automatic differentiation are to find the gradient. It
        has to be finite where prediction, target and parameters are 1, which stands in for masked
        elements.
    slope : callable, optional
        Takes the same, is as pure, and returns the derivative with respect to the prediction, for
        :func:`value_and_grad`. Without it, that needs an engine with automatic differentiation,
        which NumPy is not. Automatic differentiation itself goes by ``value``.
    bounds : mapping of str to str, optional
        For parameters by name, the interval of the numbers that are allowed, such as ``"(0, inf)"``
        or ``"[0, 1]"``, with a bracket where the end belongs to it. A number outside raises, and an
        array is NaN there. Without bounds, every number but NaN is allowed.
    vector : bool, default False
        Whether an item is the vector of the scores of the classes, as for :func:`cross_entropy`.
        The functions get the classes along the last axis; ``value`` returns one number for each
        vector, and ``slope`` one for each score. The target is labels, integers in the shape of the
        loss that are safe as indices, or distributions in the shape of the prediction. What masks a
        vector is 1 for each score and share, and the label 0.

    Returns
    -------
    callable
        Takes prediction and target, the parameters of ``value`` as keywords, and the options of
        :func:`mse` but for ``half``; of vectors also ``class_axis``. It has the name and the
        docstring of ``value``.

    Raises
    ------
    TypeError
        If ``value`` cannot be called with three arguments.
    ValueError
        If a parameter has the name of an option, and if ``bounds`` names no parameter, or holds no
        interval.

    Examples
    --------
    >>> import multiloss as ml
    >>> def quartic(xp, prediction, target, scale=1.0):
    ...     return ((prediction - target) / scale) ** 4
    >>> def quartic_slope(xp, prediction, target, scale=1.0):
    ...     return 4 / scale * ((prediction - target) / scale) ** 3
    >>> loss = ml.make_loss(quartic, quartic_slope, bounds={"scale": "(0, inf)"})
    >>> loss([1.0, 4.0], [0.0, 2.0], scale=2.0)
    np.float64(0.53125)
    >>> ml.value_and_grad(loss)([1.0, 4.0], [0.0, 2.0], reduction="sum")
    (np.float64(17.0), array([ 4., 32.]))
    """
    for function in (value,) if slope is None else (value, slope):
        if not callable(function):
            raise TypeError(
                f"make_loss takes functions of xp, prediction and target, got {function!r}"
            )
    return _CustomLoss(value, slope, bounds, is_vector=vector)


class _CustomLoss:
    """What make_loss() returns: a class, so that it can be pickled."""

    def __init__(
        self,
        value: Callable[..., Array],
        slope: Callable[..., Array] | None,
        bounds: Mapping[str, str],
        is_vector: bool = False,  # noqa: FBT001, FBT002  pickled by position
    ) -> None:
        update_wrapper(self, value)
        # Set by the line before; the signature would be that of the function.
        del self.__wrapped__  # type: ignore[attr-defined]  # ditto
        name = getattr(value, "__name__", type(value).__name__)
        self.__name__ = name
        self.__qualname__ = str(getattr(value, "__qualname__", name))
        self._definition = value, slope, dict(bounds), is_vector
        self._defaults = defaults = _parameters_of(name, value)
        self.__signature__ = _signature(defaults, is_vector=is_vector)
        remember_keywords(self)
        names = tuple(defaults)
        checked = partial(_checked, name, names=names)
        if is_vector:
            checked = partial(_checked_vector, name, names=names)
        term = Term(checked(value), None if slope is None else checked(slope, is_slope=True))
        domains = {each: _domain_of(interval) for each, interval in bounds.items()}
        unknown = [each for each in domains if each not in names]
        if unknown:
            raise ValueError(f"bounds has {unknown[0]}, which is no parameter of {name}; remove it")
        parameters = tuple(ParameterSpec(each, domains.get(each, NUMBER)) for each in names)
        self._loss = Loss(name, (term,), parameters=parameters, is_custom=True, is_vector=is_vector)

    def __call__(self, prediction: ArrayT, target: Operand, **options: Any) -> ArrayT:
        given = [options.pop(name, default) for name, default in self._defaults.items()]
        named = zip(self._defaults, given, strict=True)
        missing = [name for name, each in named if each is REQUIRED]
        if missing:
            raise TypeError(f"{self.__name__} needs {', '.join(missing)}; pass it as a keyword")
        if self._loss.is_vector:
            options.setdefault("class_axis", -1)
        return evaluate(self._loss, prediction, target, *given, **options)

    def __repr__(self) -> str:
        return f"<loss {self.__qualname__}>"

    def __eq__(self, other: object) -> bool:
        """Compare what it is made of, so that one that was pickled is the same loss."""
        if isinstance(other, _CustomLoss):
            return self._definition == other._definition
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.__qualname__)

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle by name where it took the name of its function, as a decorator does."""
        found: Any = sys.modules.get(self.__module__)
        for part in self.__qualname__.split("."):
            found = getattr(found, part, None)
        return self.__qualname__ if found is self else (_CustomLoss, self._definition)


_TAKEN = ("prediction", "target", "half", "class_axis", *OPTION_NAMES)


def _parameters_of(name: str, value: Callable[..., Array]) -> dict[str, Any]:
    """Return the names of the parameters behind the first three, and their defaults."""
    parameters = list(inspect.signature(value).parameters.values())
    behind = parameters[3:]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if len(parameters) < 3 or any(each.kind in variadic for each in parameters):  # noqa: PLR2004
        raise TypeError(
            f"{name} takes {inspect.signature(value)}; write it as (xp, prediction, target), with "
            "each parameter of the loss by name"
        )
    taken = [each.name for each in behind if each.name in _TAKEN]
    if taken:
        raise ValueError(
            f"{name} has a parameter {taken[0]}, the name of an argument of every loss; rename it"
        )
    return {each.name: each.default for each in behind}


_INTERVAL = re.compile(r"([\[(])(.+),(.+)([\])])")


def _domain_of(interval: str) -> Domain:
    """Return the numbers of an interval, which is written as in mathematics."""
    try:
        left, low, high, right = _INTERVAL.fullmatch(interval).groups()  # type: ignore[union-attr]  # caught
        lowest, highest = float(low), float(high)
    except (AttributeError, TypeError, ValueError):
        lowest, highest = math.nan, math.nan
    if not lowest <= highest:
        raise ValueError(f"{interval!r} is no interval; write one as '(0, inf)' or '[0, 1]'")
    above = operator.ge if left == "[" else operator.gt
    below = operator.le if right == "]" else operator.lt
    return Domain(
        f"a number in {interval}", lambda value: above(value, lowest) & below(value, highest)
    )


def _signature(defaults: dict[str, Any], *, is_vector: bool) -> inspect.Signature:
    """Return the signature of a loss with these parameters, written as those of the package are."""
    kinds = inspect.Parameter
    return inspect.Signature(
        [
            *(kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in ("prediction", "target")),
            *(kinds(name, kinds.KEYWORD_ONLY, default=each) for name, each in defaults.items()),
            *([kinds("class_axis", kinds.KEYWORD_ONLY, default=-1)] if is_vector else []),
            *SHARED_OPTIONS,
        ]
    )


def _checked(
    name: str,
    function: Callable[..., Array],
    *,
    names: tuple[str, ...],
    is_slope: bool = False,  # noqa: ARG001  both have the shape of the elements
) -> Elementwise:
    """Return the function of a formula: it gives new arrays of the right shape and dtype."""

    def elementwise(xp: Namespace, prediction: Array, target: Array, *parameters: Any) -> Array:
        result = function(xp, prediction, target, **dict(zip(names, parameters, strict=True)))
        wanted = broadcast_shape(prediction.shape, target.shape)
        return _of_shape(xp, name, result, prediction, wanted, "element")

    return elementwise


def _checked_vector(
    name: str, function: Callable[..., Array], *, names: tuple[str, ...], is_slope: bool = False
) -> Elementwise:
    """Return the same of vectors, with labels that are safe, and NaN for those out of range."""

    def of_vectors(xp: Namespace, prediction: Array, target: Array, *parameters: Any) -> Array:
        one = None
        if has_labels(prediction, target):
            label, one = checked_label(xp, prediction, target)
            target = label[..., 0]
        result = function(xp, prediction, target, **dict(zip(names, parameters, strict=True)))
        wanted = prediction.shape if is_slope else prediction.shape[:-1]
        result = _of_shape(xp, name, result, prediction, wanted, "score" if is_slope else "vector")
        if one is None:
            return result
        return result * (one if is_slope else one[..., 0])

    return of_vectors


def _of_shape(  # noqa: PLR0917  as they stand in the message
    xp: Namespace, name: str, result: Any, prediction: Array, wanted: Shape | None, item: str
) -> Array:
    """Return a new array of the dtype of the prediction; raise if it has not the shape."""
    shape = getattr(result, "shape", None)
    if shape is None or wanted is None or not equal_shapes(shape, wanted):
        raise ValueError(
            f"{name} returned {_described(result)} for operands of the shape {wanted}; return "
            f"an array with one number for each {item}"
        )
    return 1.0 * as_dtype_of(xp, result, prediction)


def _described(result: object) -> str:
    shape = getattr(result, "shape", None)
    return f"a {type(result).__name__}" if shape is None else f"the shape {tuple(shape)}"
