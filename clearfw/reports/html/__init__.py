"""The report: any number of saved results as one HTML file that needs no other file."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from clearfw.reports.html.sections import section
from clearfw.reports.plots import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from clearfw.results.document import Document

# Light colours are those of plots. All have the contrast that WCAG 2.2 AA requires.
_DARK = {
    "ink": "#e6eaf1",
    "muted": "#a3adbd",
    "rule": "#38414f",
    "series-0": "#78a9ff",
    "series-1": "#f28b46",
    "series-2": "#4fc78c",
    "series-3": "#bb98f8",
    "series-4": "#45c4d1",
    "series-5": "#f380b5",
}
_HERE = Path(__file__).parent


def page(documents: Sequence[Document], title: str) -> str:
    """Return the page of DOCUMENTS, in their order."""
    template = _template()
    script = (_HERE / "page.js").read_text()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template.render(
        title=title,
        sections=[section(one, f"run{place}") for place, one in enumerate(documents, 1)],
        style=(_HERE / "page.css").read_text(),
        script=script,
        script_digest=digest,
        light=COLOURS,
        dark=_DARK,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")
