"""Sections of the report: a renderer for each schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clearfw.reports.html.bench import bench, replay
from clearfw.reports.html.blocks import Facts, Section
from clearfw.reports.html.check import checks
from clearfw.reports.html.kernel import bench as kernel_bench
from clearfw.reports.html.kernel import checks as kernel_checks
from clearfw.reports.html.size import sizes
from clearfw.reports.html.trace import info
from clearfw.results import bench as results_bench
from clearfw.results import check, size
from clearfw.results import info as results_info
from clearfw.results import replay as results_replay
from clearfw.results.saved_kernel import SavedKernelBench, SavedKernelChecks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from clearfw.reports.html.blocks import Block
    from clearfw.results.document import Document

    Renderer = Callable[[Any, str], tuple[str, Iterable[Block]]]

# Parts of documents that are shown unchanged and collapsed.
_FACTS = {
    "environment": "Measured on",
    "config": "Options",
    "origin": "Recorded on",
    "census": "Blocks alive",
}


def section(document: Document, anchor: str) -> Section:
    """Return the section of a document; its ids begin with ANCHOR."""
    title, content = _RENDERERS[type(document.content)](document.content, anchor)
    shown = (*content, *_facts(document.raw))
    return Section(anchor=anchor, title=title, source=document.name, blocks=shown)


def _facts(raw: Mapping[str, Any]) -> Iterator[Facts]:
    for name, caption in _FACTS.items():
        if isinstance(raw.get(name), dict):
            yield Facts(caption, {key.replace("_", " "): _said(value) for key, value in raw[name].items()})


def _said(value: object) -> str:
    """Return a readable text for a JSON value; deeper levels stay JSON."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)


_RENDERERS: Mapping[type[Any], Renderer] = {
    results_bench.SavedBench: bench,
    check.SavedChecks: checks,
    results_info.SavedInfo: info,
    results_replay.SavedReplay: replay,
    size.SavedSizes: sizes,
    SavedKernelBench: kernel_bench,
    SavedKernelChecks: kernel_checks,
}
