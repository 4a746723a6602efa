"""How Sphinx makes the site: `make site`."""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "clearfw"
release = metadata.version("clearfw")
author = "the authors of clearfw"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["vendor"]
myst_heading_anchors = 3  # the anchors that GitHub makes
suppress_warnings = ["myst.header"]
default_role = "literal"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_ivar = True

html_theme = "furo"
html_title = "clearfw"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
templates_path = ["_templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/history.html",
        "sidebar/scroll-end.html",
    ]
}

_PARTS = ("tutorial", "how-to", "reference", "explanation")


def _add_contents(_: Sphinx, document: str, source: list[str]) -> None:
    """Add the tables of contents that Sphinx needs to the first page, whose own lists are for readers."""
    if document == "index":
        for part in _PARTS:
            options = f":hidden:\n:glob:\n:caption: {part.capitalize()}"
            source[0] += f"\n```{{toctree}}\n{options}\n\n{part}/*\n```\n"
        source[0] += "\n```{toctree}\n:hidden:\n\ncontributing\n```\n"


def _as_plain_text(*event: Any) -> None:  # noqa: ANN401  as Sphinx passes it
    """Keep Sphinx from reading a final "_" in a docstring, as in CONFIG_, as a reference."""
    lines: list[str] = event[-1]
    lines[:] = [re.sub(r"_(?=[\s,.:;)]|$)", r"\\_", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Connect both functions to Sphinx."""
    app.connect("source-read", _add_contents)
    app.connect("autodoc-process-docstring", _as_plain_text)
