"""Whether each link of the built pages leads to a file, and to a place in it, that exists."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.errors import SphinxError


class _Page(HTMLParser):
    """The links and the places of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a tag leads, and what it is called."""
        del tag
        named = dict(attrs)
        self.links |= {value for key in ("href", "src") if (value := named.get(key))}
        self.places |= {value for key in ("id", "name") if (value := named.get(key))}


@cache
def _page(path: Path) -> _Page:
    return _Page(path.read_text("utf-8"))


def broken(folder: Path) -> list[str]:
    """Return the links of the pages in a folder that lead nowhere, of those to no other host."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        for link in sorted(_page(path).links):
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            is_there = target.is_file() and (
                target.suffix != ".html" or unquote(url.fragment) in _page(target).places
            )
            if not is_there:
                found.append(f"{path.relative_to(folder)}: {link}")
    return found


def _check(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html" and (lost := broken(Path(app.outdir))):
        raise SphinxError("links that lead nowhere:\n" + "\n".join(lost))


def setup(app: Sphinx) -> dict[str, bool]:
    """Check the links when the pages are written."""
    app.connect("build-finished", _check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
