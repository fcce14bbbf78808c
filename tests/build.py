"""Whether the installed package is what stands in src/."""

from pathlib import Path


def difference(source: Path, installed: Path) -> str | None:
    """Return the first file of the package that differs, or None if they are the same."""
    files = {
        str(path.relative_to(folder))
        for folder in (source, installed)
        for path in folder.rglob("*.py")
    }
    for file in sorted(files):
        one, other = source / file, installed / file
        if not (one.exists() and other.exists() and one.read_bytes() == other.read_bytes()):
            return file
    return None
