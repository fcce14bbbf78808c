"""Links: those between files become links between pages, and each has to lead somewhere."""

import re
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
        named = {key: value for key, value in attrs if value}
        self.links |= {named[key] for key in ("href", "src") if key in named}
        self.links |= {each.split()[0] for each in named.get("srcset", "").split(",") if each}
        self.places |= {named[key] for key in ("id", "name") if key in named and tag != "meta"}


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
            is_there = target.is_file() and target.is_relative_to(folder.resolve())
            is_there = is_there and (
                target.suffix != ".html" or unquote(url.fragment) in _page(target).places
            )
            if not is_there:
                found.append(f"{path.relative_to(folder)}: {link}")
    return found


def _check(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html" and (lost := broken(Path(app.outdir))):
        raise SphinxError("links that lead nowhere:\n" + "\n".join(lost))


def _to_pages(_app: Sphinx, _page_name: str, source: list[str]) -> None:
    """Lead to the page that is made of a file, where the file itself is what a link names."""
    text = source[0].replace("(../CONTRIBUTING.md", "(contributing.md")
    source[0] = re.sub(r"\(tutorials/(\w+)\.py\)", r"(executed/\1.rst)", text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Change links when a page is read, and check them when all are written."""
    app.connect("source-read", _to_pages)
    app.connect("build-finished", _check, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
