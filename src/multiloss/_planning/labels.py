"""Operands whose axes have labels: those that would be paired in another order raise."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from multiloss._engines import NUMBERS
from multiloss._typing import Operand


class _Labels(NamedTuple):
    """The names of the axes, None without; and the index of each, None without labels."""

    names: tuple[Any, ...] | None
    indexes: tuple[Any, ...]


def without_labels(given: Mapping[str, Operand]) -> dict[str, Operand]:
    """Return operands as arrays of what holds their numbers; raise if labels contradict the order.

    Operands whose labels differ, and not only in their order, are paired by position. Each is
    compared with the first that has labels.
    """
    result, labelled = dict(given), {}
    for role, value in given.items():
        # Old releases of Dynamo do not trace the class of a number.
        labels = None if type(value) in NUMBERS else _labels_of(value)
        if labels is not None:
            labelled[role] = labels
            result[role] = _unwrapped(value)
    roles = tuple(labelled)
    for other in roles[1:]:
        _check(roles[0], labelled[roles[0]], other, labelled[other])
    return result


def _package_of(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _labels_of(value: Any) -> _Labels | None:
    package = _package_of(value)
    if package == "pandas" and hasattr(value, "axes"):
        return _Labels(None, tuple(value.axes))
    if package == "xarray" and hasattr(value, "dims"):
        indexes = getattr(value, "indexes", {})
        return _Labels(tuple(value.dims), tuple(indexes.get(each) for each in value.dims))
    return None


def _unwrapped(value: Any) -> Any:
    # A DataArray on Dask stays lazy.
    return value.data if _package_of(value) == "xarray" else value


def _check(role: str, labels: _Labels, other_role: str, others: _Labels) -> None:
    if len(labels.indexes) != len(others.indexes):
        return
    if labels.names and others.names and labels.names != others.names:
        if set(labels.names) == set(others.names):
            raise ValueError(
                f"{role} has the axes {labels.names} and {other_role} has the axes "
                f"{others.names}; pass {other_role}.transpose{labels.names}"
            )
        return
    for index, other in zip(labels.indexes, others.indexes, strict=True):
        if index is None or other is None or index.equals(other) or len(index) != len(other):
            continue
        if index.isin(other).all() and other.isin(index).all():
            raise ValueError(
                f"{role} and {other_role} have the same labels in another order; pass "
                f"{other_role}.reindex_like({role}), or arrays to pair them by position"
            )
