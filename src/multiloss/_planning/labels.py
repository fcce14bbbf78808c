"""Operands whose axes have labels: those that would be paired in another order raise."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from multiloss._engines import is_known
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
        labels = None if is_known(value) else _labels_of(value)
        if labels is not None:
            labelled[role] = labels
            result[role] = _unwrapped(value)
    roles = tuple(labelled)
    for other in roles[1:]:
        _check(roles[0], labelled[roles[0]], other, labelled[other])
    return result


def _is_of(package: str, value: object) -> bool:
    bases = type(value).__mro__
    return any(each.__module__.partition(".")[0] == package for each in bases)


def _labels_of(value: Any) -> _Labels | None:
    if _is_of("pandas", value) and hasattr(value, "axes"):
        return _Labels(None, tuple(value.axes))
    if _is_of("xarray", value) and hasattr(value, "dims") and hasattr(value, "dtype"):
        indexes = getattr(value, "indexes", {})
        return _Labels(tuple(value.dims), tuple(indexes.get(each) for each in value.dims))
    return None


def _unwrapped(value: Any) -> Any:
    # A DataArray on Dask stays lazy.
    return value.data if _is_of("xarray", value) else value


def _check(role: str, labels: _Labels, other_role: str, others: _Labels) -> None:
    if len(labels.indexes) != len(others.indexes):
        _check_trailing(role, labels.names, other_role, others.names)
        return
    if labels.names and others.names and labels.names != others.names:
        if set(labels.names) == set(others.names):
            raise ValueError(
                f"{role} has the axes {labels.names} and {other_role} has the axes "
                f"{others.names}; pass {other_role}.transpose{labels.names}"
            )
        return
    for index, other in zip(labels.indexes, others.indexes, strict=True):
        if index is None or other is None or index.equals(other):
            continue
        if _have_one_kind(index, other) and index.isin(other).all():
            raise ValueError(
                f"{role} and {other_role} have the same labels in another order; pass "
                f"{other_role}.reindex_like({role}), or arrays to pair them by position"
            )


def _check_trailing(role: str, names: Any, other_role: str, others: Any) -> None:
    """Check that axes which broadcast are the last ones by name too."""
    if names and others:
        count = min(len(names), len(others))
        if names[-count:] != others[-count:]:
            raise ValueError(
                f"{role} has the axes {names} and {other_role} has the axes {others}; pass "
                f"{other_role}.broadcast_like({role})"
            )


def _have_one_kind(index: Any, other: Any) -> bool:
    """Tell whether two indexes may hold the same labels, by a look at the first ones."""
    return (
        len(index) == len(other)
        and index.inferred_type == other.inferred_type
        and index.is_unique
        and index[0] in other
        and other[0] in index
    )
