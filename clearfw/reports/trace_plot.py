"""What a trace holds, as a picture: pages cleared by order, and live pages over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearfw.errors import MissingExtraError
from clearfw.traces.info import share

if TYPE_CHECKING:
    import types
    from pathlib import Path

    from clearfw.traces.info import TraceInfo

_SIZE_INCHES = (8, 7.5)
_DPI = 150
_STYLE = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"}


def matplotlib() -> types.ModuleType:
    """Return matplotlib, or raise MissingExtraError: it is an extra."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        msg = "pictures need matplotlib, which is not installed: pip install 'clearfw[reports]'"
        raise MissingExtraError(msg) from error
    found: types.ModuleType = mpl
    return found


def save(figures: TraceInfo, path: Path) -> None:
    """Draw the picture into PATH, in the format that its name ends in."""
    with matplotlib().rc_context(_STYLE):
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
        above, below = figure.subplots(2, 1)
        _cleared(above, figures)
        _live(below, figures)
        figure.savefig(path)


def _cleared(axes: Any, figures: TraceInfo) -> None:  # noqa: ANN401  matplotlib has no types
    orders = range(max((one.order for one in figures.orders), default=0) + 1)
    pages = dict.fromkeys(orders, 0) | {one.order: one.cleared_pages for one in figures.orders}
    total = sum(pages.values())
    bars = axes.bar(list(pages), list(pages.values()), color="tab:blue")
    axes.bar_label(bars, [share(count, total) for count in pages.values()], padding=2)
    axes.set_title(f"{total:,} pages cleared by the recording kernel, {figures.cleared_by}", loc="left")
    axes.set_xlabel("order")
    axes.set_ylabel("pages cleared")
    axes.set_xticks(list(orders))
    axes.yaxis.set_major_formatter(_short)
    axes.margins(y=0.12)


def _live(axes: Any, figures: TraceInfo) -> None:  # noqa: ANN401  likewise
    first = figures.first_ns or 0
    course = figures.course
    mib = figures.origin.page_size / (1 << 20)
    seconds = [(ts - first) / 1e9 for ts, _ in course]
    axes.fill_between(seconds, [pages * mib for _, pages in course], color="tab:blue", alpha=0.6, linewidth=0)
    peak = figures.census.peak_pages
    axes.set_title(f"live pages: {peak:,} at most ({peak * mib:,.1f} MiB)", loc="left")
    axes.set_xlabel("seconds since the first event")
    axes.set_ylabel("MiB allocated since then, not freed")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)


def _short(count: float, _: int) -> str:
    """Return 1500 as "1.5k"."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:g}{unit}"
    return f"{count:g}"
