"""Losses as values: functions with their options, and sums of them."""

import numbers
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast

from multiloss._call import bound_loss, evaluate
from multiloss._differentiated import Differentiated
from multiloss._planning.options import keywords_of, name_of, no_such_option, required_of
from multiloss._registry import losses
from multiloss._sum import sum_of
from multiloss._typing import OPTION_NAMES, ArrayT, Operand
from multiloss._written import read

__all__ = ["Loss", "get"]


class Summand(NamedTuple):
    """One loss of a sum: its factor, the function, and the options that are not by default."""

    factor: float
    function: Callable[..., Any]
    options: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.options)
        factor = "" if self.factor == 1.0 else f"{self.factor!r} * "
        return factor + name_of(self.function) + (f"({given})" if given else "")


class Loss:
    """A loss with its options, or a sum of such losses; made by :func:`get`.

    It is called as the function is, with every option as a default. It compares, hashes and pickles
    by value, prints as what makes it again, and can be a static argument of ``jax.jit``. Numbers
    multiply it, and losses add up; :func:`value_and_grad` takes it.

    Attributes
    ----------
    terms : tuple
        The losses of the sum: the factor, the function and the options of each.

    Examples
    --------
    >>> import multiloss as ml
    >>> loss = 0.5 * ml.get("mse") + 0.5 * ml.get("huber", delta=2.0)
    >>> loss
    0.5 * mse + 0.5 * huber(delta=2.0)
    >>> loss([3.0], [0.0])
    np.float64(6.5)
    >>> ml.value_and_grad(loss)([3.0], [0.0])
    (np.float64(6.5), array([4.]))
    >>> ml.get(repr(loss)) == loss
    True
    """

    __slots__ = ("__weakref__", "_one_pass", "terms")
    terms: tuple[Summand, ...]
    _one_pass: "_OnePass | None"

    def __init__(self, terms: Iterable[Summand]) -> None:
        object.__setattr__(self, "terms", tuple(terms))
        # Here, since compilers do not follow a cache in a call; one loss needs none.
        one_pass = None if len(self.terms) == 1 else _one_pass(self.terms)
        object.__setattr__(self, "_one_pass", one_pass)

    def __call__(self, prediction: ArrayT, target: Operand, **options: Any) -> ArrayT:
        """Return the loss; options override those that it has."""
        one_pass = self._one_pass
        if one_pass is not None and not _needs_each_term(prediction, options):
            loss, parameters, common = one_pass
            return evaluate(loss, prediction, target, *parameters, **{**common, **options})
        result: Any = None
        for factor, function, given in self.terms:
            part: Any = function(prediction, target, **{**dict(given), **options})
            multiple = part if factor == 1.0 else factor * part
            result = multiple if result is None else result + multiple
        return cast(ArrayT, result)

    def to_dict(self) -> dict[str, Any]:
        """Return what a configuration file holds, of which :func:`get` makes it again.

        Raises ValueError for a loss of :func:`make_loss`, which has no name there.
        """
        for each in self.terms:
            if not _is_named(each.function):
                raise ValueError(
                    f"{name_of(each.function)} is no loss of this package, and a dictionary holds "
                    "names alone; pickle the loss instead"
                )
        if len(self.terms) == 1 and self.terms[0].factor == 1.0:
            return {"name": name_of(self.terms[0].function), **dict(self.terms[0].options)}
        return {
            "sum": [
                {"factor": factor, "name": name_of(function), **dict(options)}
                for factor, function, options in self.terms
            ]
        }

    def __repr__(self) -> str:
        first, *others = self.terms
        return str(first) + "".join(
            f" - {each._replace(factor=-each.factor)}" if each.factor < 0 else f" + {each}"
            for each in others
        )

    def __eq__(self, other: object) -> bool:
        return self.terms == other.terms if isinstance(other, Loss) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.terms)

    def __setattr__(self, name: str, _: object) -> None:
        raise AttributeError(f"a loss is a value; make another one instead of setting {name}")

    def __reduce__(self) -> Any:
        if all(_is_named(each.function) for each in self.terms):
            return get, (self.to_dict(),)
        return Loss, (self.terms,)

    def __add__(self, other: object) -> "Loss":
        return Loss((*self.terms, *other.terms)) if isinstance(other, Loss) else NotImplemented

    def __radd__(self, other: object) -> "Loss":
        # sum() starts from zero.
        return self if type(other) is int and not other else NotImplemented

    def __mul__(self, factor: object) -> "Loss":
        if not isinstance(factor, (int, float)):
            return NotImplemented
        return Loss(each._replace(factor=float(factor) * each.factor) for each in self.terms)

    __rmul__ = __mul__

    def __neg__(self) -> "Loss":
        return -1.0 * self

    def __sub__(self, other: object) -> "Loss":
        return self + -other if isinstance(other, Loss) else NotImplemented

    def __truediv__(self, divisor: object) -> "Loss":
        return self * (1 / divisor) if isinstance(divisor, (int, float)) else NotImplemented


_SHARED = frozenset(OPTION_NAMES)
_EXACT = 2**53  # up to which an integer is a float of double precision


def _needs_each_term(prediction: object, options: Mapping[str, Any]) -> bool:
    """Tell whether a sum is computed term by term.

    An option of one loss is its own, and what replaces curvatures does so in each.
    """
    if any(name not in _SHARED for name in options):
        return True
    curvature = prediction.curvature if isinstance(prediction, Differentiated) else None
    return curvature is not None and curvature.nonpositive is not None


class _OnePass(NamedTuple):
    """A sum as one loss, its parameters, and the options that all its losses have."""

    loss: Any
    parameters: tuple[Any, ...]
    options: dict[str, Any]


@lru_cache(maxsize=256)
def _one_pass(terms: tuple[Summand, ...]) -> _OnePass | None:
    """Return a sum as one loss; None if it is not that easy."""
    options = [{k: v for k, v in each.options if k in _SHARED} for each in terms]
    if any(each != options[0] for each in options):
        return None
    definitions = []
    for _, function, given in terms:
        if not _is_named(function):
            return None
        own = {name: value for name, value in given if name not in _SHARED}
        if not own.keys() >= set(required_of(function)):
            return None
        definitions.append(bound_loss(function, **own))
    loss = sum_of([each.loss for each in definitions], [each.factor for each in terms])
    if loss is None:
        return None
    parameters = tuple(p for each in definitions for p in each.parameters)
    return _OnePass(loss, parameters, options[0])


def get(loss: Any, **options: Any) -> Loss:
    """Return a loss with options as a value.

    Parameters
    ----------
    loss : str, dict, callable or Loss
        The name of a loss, or one as it is written, ``"huber(delta=2.0)"``, also a sum; what
        :meth:`Loss.to_dict` returned; or a loss of this package, or of :func:`make_loss`.
    **options
        Its parameters and options: numbers, text, and tuples of them. Arrays are passed to the
        call.

    Returns
    -------
    Loss
        The value.

    Raises
    ------
    ValueError
        If there is no loss of a name, or what is written is none.
    TypeError
        If a loss has no option of a name, or an option is an array.

    Examples
    --------
    >>> import multiloss as ml
    >>> ml.get("huber", delta=2.0)
    huber(delta=2.0)
    >>> ml.get("huber(delta=2.0)") == ml.get({"name": "huber", "delta": 2.0})
    True
    """
    if isinstance(loss, Loss):
        if not options:
            return loss
        return Loss(_summand(w, f, {**dict(given), **options}) for w, f, given in loss.terms)
    if isinstance(loss, str):
        written = read(loss)
        return Loss(_summand(w, _named(n), {**given, **options}) for w, n, given in written)
    if isinstance(loss, Mapping):
        return _of_dict(loss, options)
    if isinstance(loss, partial) and not loss.args:
        return get(loss.func, **{**loss.keywords, **options})
    if not callable(loss):
        raise TypeError(
            f"get() takes the name of a loss, a loss, or a dictionary, got a {type(loss).__name__}"
        )
    return Loss([_summand(1.0, loss, options)])


def _of_dict(given: Mapping[str, Any], options: dict[str, Any]) -> Loss:
    if "sum" in given:
        parts = given["sum"]
        if not isinstance(parts, (list, tuple)) or not parts:
            raise TypeError(f"sum={parts!r} is no list of losses; write [{{'name': 'huber'}}]")
        return Loss(term for each in parts for term in _of_dict(each, options).terms)
    chosen = {**given, **options}
    factor, name = chosen.pop("factor", 1.0), chosen.pop("name", None)
    if name is None:
        raise ValueError(f"{given!r} has no name; write {{'name': 'huber', 'delta': 2.0}}")
    return Loss([_summand(factor, _named(name), chosen)])


def _is_named(function: Callable[..., Any]) -> bool:
    return losses().get(name_of(function)) is function


def _named(name: object) -> Callable[..., Any]:
    if not isinstance(name, str):
        raise TypeError(f"the name of a loss is text, got {name!r}; write 'huber'")
    named = losses()
    if name in named:
        return named[name]
    meant = get_close_matches(name, named, n=3)
    hint = f"did you mean {' or '.join(meant)}? There" if meant else "there"
    raise ValueError(f"there is no loss {name!r}; {hint} are {', '.join(named)}")


def _summand(factor: float, function: Callable[..., Any], options: Mapping[str, Any]) -> Summand:
    """Return a loss of a sum, whose options are checked and those that are not by default."""
    keywords = keywords_of(function) or {}
    for name in options:
        if name not in keywords:
            raise TypeError(no_such_option(name_of(function), name, tuple(keywords)))
    frozen = {}
    for name, value in options.items():
        frozen[name] = _frozen(name, value)
        is_number = type(frozen[name]) is int and type(keywords[name]) is float
        if is_number and abs(frozen[name]) <= _EXACT:
            frozen[name] = float(frozen[name])
    given = [(name, frozen[name]) for name in keywords if name in frozen]
    return Summand(
        float(factor), function, tuple(each for each in given if not _is_default(*each, keywords))
    )


def _is_default(name: str, value: Any, keywords: Mapping[str, Any]) -> bool:
    # By what they print, since NaN is equal to nothing, and 1 and True to 1.0.
    return repr(value) == repr(keywords[name])


def _frozen(name: str, value: Any) -> Any:
    """Return an option as what can be compared and written."""
    if value is None or isinstance(value, (bool, str)):
        return value
    # Those of NumPy are numbers too, and print in another way.
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(name, each) for each in value)
    raise TypeError(
        f"{name} is a {type(value).__name__}, and a value holds numbers and text; pass it to the "
        "call instead"
    )
