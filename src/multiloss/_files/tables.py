"""Files of tables, which pyarrow reads: .csv, .parquet, .arrow and .feather."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from multiloss._files.source import GROUP, MISSING, Batch, Source, in_batches

_PARQUET_BUFFER = 2**16  # bytes
# https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format
_ARROW_FILE = b"ARROW1"
_CONTINUES = b"\xff\xff\xff\xff"
_END_OF_OLD_STREAM = bytes(4)
_END_OF_STREAM = _CONTINUES + _END_OF_OLD_STREAM


def _source(
    path: Path,
    schema: Any,
    length: int | None,
    read_tables: Callable[[Mapping[str, str], int], Iterable[Any]],
) -> Source:
    """Return a file of a table; ``read_tables`` yields some rows of columns that have roles."""

    def read(roles: Mapping[str, str], size: int) -> Iterator[Batch]:
        for name in roles.values():
            if schema.names.count(name) > 1:
                raise ValueError(f"it has several columns {name!r}; rename all but one")
        yield from in_batches((_arrays(each, roles) for each in read_tables(roles, size)), size)

    return Source(str(path), {each.name: _row_bytes(each.type) for each in schema}, length, read)


def _row_bytes(kind: Any) -> int:
    """Return how many bytes a row of a column takes as numbers."""
    size = getattr(kind, "list_size", None)
    return 8 if size is None else size * _row_bytes(kind.value_type)


def open_csv(path: Path) -> Source:
    """Open a file of values separated by commas, the first line of which names the columns."""
    import pyarrow as pa
    from pyarrow import csv

    # Or text that has several lines would be cut at one of them.
    parsing = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, parse_options=parsing) as reader:
        schema = reader.schema
    # A line without anything is a missing value where there is one column.
    parsing.ignore_empty_lines = len(schema) > 1
    # A first whole number does not say that all are, nor do first rows without any.
    are_numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
    numbers = {
        each.name: pa.float64() for each in schema if any(test(each.type) for test in are_numbers)
    }

    def read_tables(roles: Mapping[str, str], _: int) -> Iterator[Any]:
        # As they are written, unless the same are numbers in another role.
        others = {name for role, name in roles.items() if role != GROUP}
        texts = {name: pa.string() for name in set(roles.values()) - others}
        conversion = csv.ConvertOptions(
            include_columns=_wanted(roles), column_types=numbers | texts
        )
        with csv.open_csv(path, parse_options=parsing, convert_options=conversion) as reader:
            yield from reader

    return _source(path, schema, None, read_tables)


def open_parquet(path: Path) -> Source:
    """Open a file of Parquet."""
    from pyarrow import parquet

    # Or it would hold whole groups of rows, and memory would grow with the file.
    options: dict[str, Any] = {"pre_buffer": False, "buffer_size": _PARQUET_BUFFER}
    with parquet.ParquetFile(path) as file:
        schema, length = file.schema_arrow, file.metadata.num_rows

    def read_tables(roles: Mapping[str, str], size: int) -> Iterator[Any]:
        with parquet.ParquetFile(path, **options) as file:
            yield from file.iter_batches(batch_size=size, columns=_wanted(roles))

    return _source(path, schema, length, read_tables)


def open_arrow(path: Path) -> Source:
    """Open a file of Arrow, or a stream."""
    import pyarrow as pa

    with pa.OSFile(str(path), "rb") as file, _arrow_reader(file) as reader:
        schema = reader.schema

    def read_tables(roles: Mapping[str, str], _: int) -> Iterator[Any]:
        columns = [*map(schema.get_field_index, _wanted(roles))]
        with pa.OSFile(str(path), "rb") as file, _arrow_reader(file, columns) as reader:
            if isinstance(reader, pa.ipc.RecordBatchFileReader):
                yield from map(reader.get_batch, range(reader.num_record_batches))
                return
            yield from reader
            if file.tell() < file.size():
                raise ValueError("it goes on after the end of its stream; save one stream")

    return _source(path, schema, None, read_tables)


def _arrow_reader(file: Any, columns: list[int] | None = None) -> Any:
    import pyarrow as pa

    options = pa.ipc.IpcReadOptions(included_fields=columns)
    if file.read(len(_ARROW_FILE)) == _ARROW_FILE:
        return pa.ipc.open_file(file, options=options)
    file.seek(0)
    reader = pa.ipc.open_stream(file, options=options)
    # A stream may end after any batch, and pyarrow would say nothing.
    start = file.tell()
    file.seek(file.size() - len(_END_OF_STREAM))
    end = file.read()
    file.seek(0)
    is_old = file.read(len(_CONTINUES)) != _CONTINUES
    if not end.endswith(_END_OF_OLD_STREAM if is_old else _END_OF_STREAM):
        raise ValueError("it ends before its end is marked; copy it again")
    file.seek(start)
    return reader


def _wanted(roles: Mapping[str, str]) -> list[str]:
    return [*dict.fromkeys(roles.values())]


def _arrays(table: Any, roles: Mapping[str, str]) -> Batch:
    return {
        role: (_text if role == GROUP else _numbers)(table.column(name))
        for role, name in roles.items()
    }


def _numbers(column: Any) -> Any:
    """Return a column as an array: a missing number is NaN."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_fixed_size_list(column.type):
        return _vectors(column)
    if pa.types.is_boolean(column.type) and column.null_count:
        column = column.cast(pa.uint8())
    if pa.types.is_decimal(column.type) or (column.null_count and pa.types.is_integer(column.type)):
        column = column.cast(pa.float64(), safe=False)  # rounded, where they are long
    return column.to_numpy(zero_copy_only=False)


def _vectors(column: Any) -> Any:
    # Not flatten(), which leaves out the numbers of missing lists.
    size = column.type.list_size
    numbers = _numbers(column.values.slice(column.offset * size, len(column) * size))
    vectors = numbers.reshape(len(column), size, *numbers.shape[1:])
    if column.null_count:
        vectors = vectors.astype(float)
        vectors[column.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return vectors


def _text(column: Any) -> Any:
    """Return a column as an array of text."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    nothing = {None, "", "nan"} if pa.types.is_floating(column.type) else {None, ""}
    encoded = column.cast(pa.string()).dictionary_encode()
    texts = [MISSING if each in nothing else each for each in encoded.dictionary.to_pylist()]
    texts.append(MISSING)
    # Text that is missing has the last one.
    indices = encoded.indices.fill_null(len(texts) - 1)
    return np.array(texts, dtype=object)[indices.to_numpy(zero_copy_only=False)]


OPENERS: dict[str, Callable[[Path], Source]] = {
    ".arrow": open_arrow,
    ".csv": open_csv,
    ".feather": open_arrow,
    ".parquet": open_parquet,
}
