"""Named tuples with other fields."""

from typing import Any, TypeVar

RecordT = TypeVar("RecordT", bound=tuple[Any, ...])


def replaced(record: RecordT, **changes: Any) -> RecordT:
    """Return a named tuple with some other fields; old releases of Dynamo trace no _replace()."""
    kind: Any = type(record)
    fields = dict(zip(kind._fields, record, strict=True))
    fields.update(changes)
    result: RecordT = kind(**fields)
    return result
