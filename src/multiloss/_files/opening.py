"""Which reader a file has, and what its errors say."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from multiloss._files import arrays, tables
from multiloss._files.source import Batch, Source

_OPENERS = {**arrays.OPENERS, **tables.OPENERS}


def open_source(name: str) -> Source:
    """Return a file as columns, or raise an error of one line that names it."""
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix not in _OPENERS:
        raise ValueError(
            f"{name} ends in {suffix or 'nothing'}; what can be read ends in "
            f"{', '.join(sorted(_OPENERS))}"
        )
    if not path.exists():
        raise FileNotFoundError(f"there is no file {name}")
    try:
        source = _OPENERS[suffix](path)
    except ImportError as error:
        raise ImportError(f"{name} needs {error.name}; pip install 'multiloss[files]'") from error
    # Whatever a reader raises for a file that is no such file.
    except Exception as error:
        raise ValueError(_message(name, error)) from error
    if not source.row_bytes:
        raise ValueError(f"{name} has no columns; save at least one")

    def read(roles: Mapping[str, str], size: int) -> Iterator[Batch]:
        try:
            yield from source.read(roles, size)
        except Exception as error:  # ditto, for one that is broken further on
            raise ValueError(_message(name, error)) from error

    return source._replace(read=read)


def _message(name: str, error: Exception) -> str:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return reason if name in reason else f"{name} cannot be read: {reason}"
