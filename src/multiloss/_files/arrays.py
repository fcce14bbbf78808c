"""Files of arrays, each a column: .npz, .safetensors and .zarr, and .npy with one array."""

import itertools
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from multiloss._files.source import GROUP, MISSING, Batch, Source, in_batches, together

_BUFFERS = 3
_UNNAMED = "array"  # the column of a file whose only array has no name


class _Array(NamedTuple):
    """What a file says of an array before its numbers."""

    shape: Sequence[int]
    item_bytes: int


def _source(
    path: Path, arrays: Mapping[str, _Array], read_one: Callable[[str, int], Iterator[Any]]
) -> Source:
    """Return a file of arrays; ``read_one`` yields the rows of one by its name."""
    row_bytes = {name: each.item_bytes * math.prod(each.shape[1:]) for name, each in arrays.items()}
    lengths = {each.shape[0] for each in arrays.values() if each.shape}

    def read(roles: Mapping[str, str], size: int) -> Iterator[Batch]:
        streams = {}
        for name in roles.values():
            if not arrays[name].shape:
                raise ValueError(f"{_named(path, name)} is one number; save an array of them")
            streams[_named(path, name)] = _column(name, read_one(name, size))
        for batch in together(streams):
            yield {
                role: _as_text(batch[name]) if role == GROUP else batch[name]
                for role, name in roles.items()
            }

    return Source(str(path), row_bytes, lengths.pop() if len(lengths) == 1 else None, read)


def _column(name: str, batches: Iterator[Any]) -> Iterator[Batch]:
    for each in batches:
        yield {name: each}


def _as_text(values: Any) -> Any:
    """Return text in an array of objects, of which equal ones are the same."""
    kinds = {"S": str, "T": object}  # bytes, and text that NumPy cannot sort
    found, number_of_row = np.unique(
        values.astype(kinds.get(values.dtype.kind, values.dtype)), return_inverse=True
    )
    return np.array([*map(_name, found)], dtype=object)[number_of_row]


def _name(value: Any) -> str:
    """Return a value as text, as a table has it: whole floats without a point."""
    if value != value:  # noqa: PLR0124  NaN, and no time
        return MISSING
    if isinstance(value, np.floating):
        return str(value + 0).removesuffix(".0")  # and no zero with a sign
    return str(value).lower() if isinstance(value, np.bool) else str(value) or MISSING


def _named(path: Path, name: str) -> str:
    return str(path) if name == _UNNAMED else f"{path}:{name}"


def open_npy(path: Path) -> Source:
    """Open a file of one array of NumPy."""
    with path.open("rb") as file:
        header = _header(file)
        start = file.tell()
    expected, found = start + header.bytes, path.stat().st_size
    if found < expected:
        raise ValueError(f"{path} ends after {found:,} of {expected:,} bytes; copy it again")

    def read(_: str, size: int) -> Iterator[Any]:
        if header.is_by_columns:
            yield from _rows_of_columns(path, header.shape[0], size)
            return
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            yield from _rows_of(file, header, size)

    return _source(path, {_UNNAMED: header.array}, read)


def open_npz(path: Path) -> Source:
    """Open an archive of arrays of NumPy."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as file:
                    arrays[name.removesuffix(".npy")] = _header(file).array

    def read(name: str, size: int) -> Iterator[Any]:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            yield from _rows_of(file, _header(file), size)

    return _source(path, arrays, read)


class _Header(NamedTuple):
    """What stands in an .npy file before the numbers."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]

    @property
    def array(self) -> _Array:
        return _Array(self.shape, self.dtype.itemsize)

    @property
    def is_by_columns(self) -> bool:
        return self.is_fortran and len(self.shape) > 1

    @property
    def bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


def _header(file: IO[bytes]) -> _Header:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    return _Header(*read(file))


def _rows_of(file: IO[bytes], header: _Header, size: int) -> Iterator[Any]:
    (length, *inner), _, dtype = header
    if dtype.hasobject:
        raise ValueError("it holds objects of Python, which may run code; save numbers")
    if header.is_by_columns:
        raise ValueError("it is stored by columns; save numpy.ascontiguousarray() of it")
    # In turn, since new memory takes longer to get than to fill: one is read, and one is used.
    buffers = [np.empty((min(size, length), *inner), dtype) for _ in range(_BUFFERS)]
    for start, buffer in zip(range(0, length, size), itertools.cycle(buffers)):
        batch = buffer[: length - start]
        filled = batch.reshape(-1).view(np.uint8)
        if file.readinto(filled.data) < batch.nbytes:  # type: ignore[attr-defined]  # binary
            raise ValueError("it ends before its last row; copy it again")
        yield batch


def _rows_of_columns(path: Path, length: int, size: int) -> Iterator[Any]:
    for start in range(0, length, size):
        # Mapped again for each batch: what is mapped of the file counts as memory until it ends.
        yield np.ascontiguousarray(np.load(path, mmap_mode="r")[start : start + size])


def open_safetensors(path: Path) -> Source:
    """Open a file of tensors."""
    import ml_dtypes  # noqa: F401  bfloat16, which safetensors looks for in NumPy
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        names = file.keys()
        # As wide as numbers get, since some of its dtypes are none of NumPy.
        arrays = {name: _Array(file.get_slice(name).get_shape(), 8) for name in names}

    def read(name: str, size: int) -> Iterator[Any]:
        length = arrays[name].shape[0]
        for start in range(0, length, size):
            # Opened again for each batch: what it maps of the file counts as memory until it ends.
            with safe_open(path, "numpy") as file:
                batch = file.get_slice(name)[start : min(start + size, length)]
            yield batch.astype(np.float32) if _is_narrow(batch.dtype) else batch

    return _source(path, arrays, read)


def _is_narrow(dtype: np.dtype[Any]) -> bool:
    """Tell whether a dtype is bfloat16, which NumPy does not have itself."""
    return dtype.kind == "V" and dtype.names is None


def open_zarr(path: Path) -> Source:
    """Open an array of Zarr, or a group of them."""
    import zarr

    opened: Any = zarr.open(path, mode="r")
    members: Any = {_UNNAMED: opened} if isinstance(opened, zarr.Array) else dict(opened.arrays())
    arrays = {name: _Array(each.shape, each.dtype.itemsize) for name, each in members.items()}

    def read_chunks(name: str, size: int) -> Iterator[Batch]:
        array = members[name]
        # Whole chunks, so that none is decoded twice.
        step = max(1, size // array.chunks[0]) * array.chunks[0]
        for start in range(0, array.shape[0], step):
            yield {name: np.asarray(array[start : start + step])}

    def read(name: str, size: int) -> Iterator[Any]:
        for batch in in_batches(read_chunks(name, size), size):
            yield batch[name]

    return _source(path, arrays, read)


OPENERS: dict[str, Callable[[Path], Source]] = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".safetensors": open_safetensors,
    ".zarr": open_zarr,
}
