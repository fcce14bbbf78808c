"""Losses as they are written: ``huber(delta=2.0)``, and sums of them."""

import ast
import math
import reprlib
from typing import Any, NamedTuple


class Written(NamedTuple):
    """A loss as it was written: its factor, its name, and its options."""

    factor: float
    name: str
    options: dict[str, Any]


def read(text: str) -> list[Written]:
    """Return the losses of a sum that is written; raise ValueError if it is none."""
    try:
        return _terms(ast.parse(text, mode="eval").body)
    except (MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        raise ValueError(
            f"{reprlib.repr(text)} is no loss; write one as 'huber', 'huber(delta=0.5)' or "
            "'0.7 * mse + 0.3 * mae'"
        ) from None


def _terms(tree: ast.expr) -> list[Written]:
    match tree:
        case ast.BinOp(left, ast.Add(), right):
            return [*_terms(left), *_terms(right)]
        case ast.BinOp(left, ast.Sub(), right):
            return [*_terms(left), *_times(-1.0, _terms(right))]
        case ast.BinOp(left, ast.Mult(), right):
            return _times(_number(left), _terms(right))
        case ast.Call(ast.Name(name), [], keywords):
            options = {_name(each): _value(each.value) for each in keywords}
            return [Written(1.0, name, options)]
        case ast.Name(name):
            return [Written(1.0, name, {})]
    raise ValueError


def _times(factor: float, terms: list[Written]) -> list[Written]:
    return [each._replace(factor=factor * each.factor) for each in terms]


def _number(tree: ast.expr) -> float:
    value = _value(tree)
    if not isinstance(value, (int, float)):
        raise TypeError
    return float(value)


def _name(keyword: ast.keyword) -> str:
    if keyword.arg is None:  # **options
        raise ValueError
    return keyword.arg


def _value(tree: ast.expr) -> Any:
    # As Python prints them, which is no literal.
    match tree:
        case ast.Name("inf"):
            return math.inf
        case ast.Name("nan"):
            return math.nan
        case ast.UnaryOp(ast.USub(), ast.Name("inf")):
            return -math.inf
    return ast.literal_eval(tree)
