"""What pages show of the losses, read from their docstrings: formulas, and peers."""

import re

from docutils import nodes
from numpydoc.docscrape import FunctionDoc
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import multiloss as ml
from multiloss.__main__ import definition, peers
from multiloss._registry import losses


class Formulas(SphinxDirective):
    """The formula of each loss that is named, beside a link to the reference."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the formulas."""
        text = "\n\n".join(
            f"{{func}}`~multiloss.{name}`\n\n```{{math}}\n{formula(name)}\n```"
            for name in self.arguments[0].split()
        )
        return self.parse_text_to_nodes(text)


class SameElsewhere(SphinxDirective):
    """A table of all losses, their definitions, and the functions of others that are the same."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        lines = ["| loss | definition | the same elsewhere |", "|---|---|---|"]
        for name, loss in losses().items():
            cells = (
                f"{{func}}`~multiloss.{name}`",
                re.sub(r":func:`(\w+)`", r"{func}`~multiloss.\1`", definition(loss)),
                "<br>".join(f"`{each}`" for each in peers(loss)) or "—",
            )
            lines.append("| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |")
        return self.parse_text_to_nodes("\n".join(lines))


def formula(name: str) -> str:
    """Return the formula that stands in the docstring of a loss."""
    doc = FunctionDoc(getattr(ml, name))
    text = "\n".join(doc["Extended Summary"])
    (first, *_) = re.findall(r"^\.\. math:: (.*(?:\n +.*)*)", text, flags=re.MULTILINE)
    return str(first)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("formulas", Formulas)
    app.add_directive("same-elsewhere", SameElsewhere)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
