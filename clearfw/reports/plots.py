"""Plots of results: bars, curves and latencies, for a file or for the HTML report."""

from __future__ import annotations

import io
import math
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from clearfw.errors import MissingExtraError, to_install
from clearfw.files import replacing
from clearfw.reports.tables.grid import ns_text, share

if TYPE_CHECKING:
    import types
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

    from clearfw.results.bench import SavedRoofline, SavedRow
    from clearfw.results.saved_kernel import SavedOrder, SavedRatio
    from clearfw.traces.info import TraceInfo

SUFFIXES = (".png", ".svg")
# Colours in a file. The report replaces each by the CSS variable of that name.
COLOURS = {
    "ink": "#1b2330",
    "muted": "#5a6577",
    "rule": "#d5dae2",
    "series-0": "#2563c9",
    "series-1": "#c04e08",
    "series-2": "#16794a",
    "series-3": "#8146c7",
    "series-4": "#0b7583",
    "series-5": "#b52c6f",
}
_SERIES = tuple(colour for name, colour in COLOURS.items() if name.startswith("series"))
_MARKERS = "os^Dv*PX"
_ROOFLINE: dict[str, Any] = {"color": COLOURS["ink"], "linestyle": (0, (4, 3)), "linewidth": 1.1}
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": COLOURS["rule"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": COLOURS["ink"],
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "font.size": 8.5,
    "grid.color": COLOURS["rule"],
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.labelcolor": COLOURS["ink"],
    "svg.fonttype": "none",
    "svg.hashsalt": "clearfw",
    "text.color": COLOURS["ink"],
    "text.parse_math": False,
    "xtick.color": COLOURS["rule"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.color": COLOURS["rule"],
    "ytick.labelcolor": COLOURS["muted"],
}
# In inches; narrow enough for a phone.
_WIDTH = 4.7
_HEIGHT = 3.6
_TRACE_WIDTH = 6.8
_LONGEST = 34
_LONGEST_OF_TWO = 22


def matplotlib() -> types.ModuleType:
    """Return matplotlib, an optional package, or raise MissingExtraError."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        msg = f"plots need matplotlib, which is not installed: {to_install('matplotlib')}"
        raise MissingExtraError(msg) from error
    found: types.ModuleType = mpl
    return found


class Cleared(Protocol):
    """Data of one order in a plot."""

    @property
    def order(self) -> int:
        """The order."""

    @property
    def cleared_pages(self) -> int:
        """Number of cleared pages in blocks of this order."""


@attrs.frozen
class Chart:
    """Rows that are drawn together, and their rooflines."""

    title: str
    rooflines: Sequence[SavedRoofline]
    rows: Sequence[SavedRow]

    @property
    def has_curves(self) -> bool:
        """Whether there are several orders."""
        return len({row.order for row in self.rows}) > 1

    @property
    def height(self) -> float:
        """Inches."""
        return _HEIGHT if self.has_curves else 1.2 + 0.4 * len(self.rows)


@attrs.frozen(eq=False)
class Picture:
    """A figure, and a description of it in words."""

    figure: Figure
    alt: str

    def save(self, path: Path) -> None:
        """Write the figure to PATH, a .png or .svg file."""
        kind = path.suffix[1:]
        with _style(), replacing(path) as file:
            self.figure.savefig(
                file, format=kind, dpi=200, facecolor="white", bbox_inches="tight", pad_inches=0.15
            )

    def svg(self, prefix: str) -> str:
        """Return an <svg> element with CSS variables as colours and ids that begin with PREFIX."""
        text = io.StringIO()
        with _style():
            nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            self.figure.savefig(text, format="svg", transparent=True, metadata=nothing)
        drawn = text.getvalue()
        drawn = re.sub(r' (?:width|height)="[\d.]+pt"', "", drawn[drawn.index("<svg") :], count=2)
        drawn = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}-", drawn)
        for name, colour in COLOURS.items():
            drawn = drawn.replace(colour, f"var(--{name})")
        return drawn


@contextmanager
def _style() -> Iterator[None]:
    from matplotlib import rc_context

    with rc_context(_STYLE), warnings.catch_warnings():
        # A name may contain any character. The font of the page renders it, not this one.
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def throughput(charts: Sequence[Chart]) -> Picture:
    """Return a plot of the speed of each row: bars, or curves for several orders. CHARTS are not empty."""
    from matplotlib.figure import Figure

    heights = [chart.height for chart in charts]
    with _style():
        figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
        below = figure.subfigures(len(charts), 1, height_ratios=heights, squeeze=False)[:, 0]
        said = [_draw(part, chart) for part, chart in zip(below, charts, strict=True)]
    return Picture(figure, " ".join(said))


def _draw(figure: FigureBase, chart: Chart) -> str:
    """Draw a chart, and return its description in words."""
    return (_curves if chart.has_curves else _bars)(figure, chart)


def _bars(figure: FigureBase, chart: Chart) -> str:
    """Draw the speed-up of each row over the baseline with its interval, the fastest first."""
    scale = _Scale.of(chart.rows)
    ranked = sorted(chart.rows, key=lambda row: -scale.value(row))
    roofs = [scale.roofline(roof.gbps) for roof in chart.rooflines]
    axes = figure.add_subplot()
    longest = max([scale.spread(row)[1] for row in ranked] + roofs)
    axes.set(xlim=(0, longest * 1.04), ylim=(len(ranked) - 0.35, -0.95), yticks=[], title=_short(chart.title))
    axes.set_xlabel(f"{scale.unit}\nwhiskers: {scale.interval}", loc="left")
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    # As in the curves: a colour a strategy; the baseline's primitive is drawn as an outline.
    colours = _colours(dict.fromkeys(row.strategy for row in chart.rows))
    first = next((row.baseline.primitive for row in ranked if row.baseline), None)
    for place, row in enumerate(ranked):
        colour = colours[row.strategy]
        inside = "none" if row.primitive == first else colour
        _bar(axes, place, row, scale, {"facecolor": inside, "edgecolor": colour})
    for top in roofs[:1]:
        axes.axvline(top, **_ROOFLINE)
        axes.text(top, -0.92, "roofline ", ha="right", va="top", fontsize=8, color=COLOURS["muted"])
    return _bars_in_words(ranked, scale, roofs)


@attrs.frozen
class _Scale:
    """The scale of the bars: the ratio to the baseline, or GB/s without a baseline."""

    baseline: SavedRow | None

    @classmethod
    def of(cls, rows: Sequence[SavedRow]) -> _Scale:
        compared = all(row.baseline for row in rows)
        return cls(next((row for row in rows if row.is_baseline), None) if compared else None)

    @property
    def unit(self) -> str:
        base = self.baseline
        return (
            f"times as fast as {_short(base.strategy)} with {_short(base.instructions)}" if base else "GB/s"
        )

    @property
    def interval(self) -> str:
        return "95 % interval" if self.baseline else "all rounds"

    def value(self, row: SavedRow) -> float:
        return row.baseline.ratio if self.baseline and row.baseline else row.gbps

    def spread(self, row: SavedRow) -> tuple[float, float]:
        if self.baseline and row.baseline:
            return row.baseline.ci95
        return row.bytes / row.seconds.max / 1e9, row.bytes / row.seconds.min / 1e9

    def roofline(self, gbps: float) -> float:
        return gbps / self.baseline.gbps if self.baseline else gbps


def _bar(axes: Axes, place: int, row: SavedRow, scale: _Scale, look: dict[str, Any]) -> None:
    value = scale.value(row)
    axes.barh(place, value, height=0.36, linewidth=1.4, zorder=2, **look)
    if not row.is_baseline:
        low, high = scale.spread(row)
        spread = [[max(0.0, value - low)], [max(0.0, high - value)]]
        axes.errorbar(value, place, xerr=spread, color=COLOURS["ink"], capsize=3, linewidth=1.1, zorder=3)
    axes.text(0, place - 0.24, _short(f"{row.strategy}, {row.instructions}"), va="bottom")
    said = [f"{value:.2f}x"] * (scale.baseline is not None) + [f"{row.gbps:.1f} GB/s"]
    where = ("axes fraction", "data")
    axes.annotate("\n".join(said), (1.02, place), xycoords=where, va="center", linespacing=1.3)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _colours(names: Mapping[str, Any]) -> dict[str, str]:
    return {name: _SERIES[place % len(_SERIES)] for place, name in enumerate(names)}


def _below(figure: FigureBase, labels: Sequence[str], **what: Any) -> None:  # noqa: ANN401  as Figure.legend has them
    columns = 2 if max(map(len, labels), default=0) <= _LONGEST_OF_TWO else 1
    figure.legend(loc="outside lower left", ncols=columns, **what)


def _bars_in_words(ranked: Sequence[SavedRow], scale: _Scale, roofs: Sequence[float]) -> str:
    said = [f"{row.strategy} with {row.instructions} {scale.value(row):.2f}" for row in ranked]
    roof = f"; the roofline is at {roofs[0]:.2f}" if roofs else ""
    return f"Bar chart, {scale.unit}: {', '.join(said)}{roof}."


def _curves(figure: FigureBase, chart: Chart) -> str:
    """Draw GB/s over the order, with a line for each strategy and primitive, and the roofline."""
    rows = [row for row in chart.rows if row.order is not None]
    orders = _orders(rows)
    axes = _over_orders(figure, orders, _short(chart.title))
    for label, colour, how, series in _series(rows):
        by_order = {row.order: row.gbps for row in series}
        points = [by_order.get(order, math.nan) for order in orders]
        axes.plot(range(len(orders)), points, label=label, color=colour, linewidth=1.6, **how)
    roofs = [roof.gbps for roof in chart.rooflines]
    if roofs:
        axes.axhline(max(roofs), label="roofline", **_ROOFLINE)
    axes.set(ylim=(0, None), ylabel="GB/s")
    _below(figure, [label for label, *_ in _series(rows)])
    return _curves_in_words(rows, roofs)


def _orders(rows: Sequence[SavedRow]) -> list[int]:
    return sorted({row.order for row in rows if row.order is not None})


def _over_orders(figure: FigureBase, orders: Sequence[int], title: str) -> Axes:
    axes = figure.add_subplot()
    axes.set(title=title, xlabel="order", xticks=range(len(orders)), xticklabels=list(map(str, orders)))
    axes.grid(axis="y")
    return axes


def _series(rows: Sequence[SavedRow]) -> Iterator[tuple[str, str, dict[str, Any], list[SavedRow]]]:
    """Yield label, colour, line style and rows: a colour for each strategy, a style for each primitive."""
    colours = _colours(dict.fromkeys(row.strategy for row in rows))
    markers = dict(zip(colours, _MARKERS * len(colours), strict=False))
    first = next((row.baseline.primitive for row in rows if row.baseline), None)
    for strategy, primitive in dict.fromkeys((row.strategy, row.primitive) for row in rows):
        series = [row for row in rows if (row.strategy, row.primitive) == (strategy, primitive)]
        line = (":", "none") if primitive == first else ("-", "full")
        how = {"marker": markers[strategy], "linestyle": line[0], "fillstyle": line[1], "markersize": 4.5}
        yield f"{_short(strategy)}, {_short(primitive)}", colours[strategy], how, series


def _curves_in_words(rows: Sequence[SavedRow], roofs: Sequence[float]) -> str:
    said = []
    for label, _, _, series in _series(rows):
        speeds = [row.gbps for row in series]
        said.append(f"{label} {min(speeds):.1f} to {max(speeds):.1f}")
    roof = f"; roofline {max(roofs):.1f}" if roofs else ""
    orders = _orders(rows)
    return f"Line chart, GB/s over orders {orders[0]} to {orders[-1]}: {', '.join(said)}{roof}."


def ratios(rows: Sequence[SavedOrder]) -> Picture:
    """Return the kernel's ratio at each order with its interval, and that of the model beside it."""
    from matplotlib.figure import Figure

    orders = [row.order for row in rows]
    series = {"kernel": [row.ratio for row in rows], "model": [row.model_ratio for row in rows]}
    shown = {name: found for name, found in series.items() if any(found)}
    with _style():
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        axes = _over_orders(figure, orders, "")
        axes.axhline(1, **_ROOFLINE)
        for place, (name, found) in enumerate(shown.items()):
            _ratio_line(axes, name, found, place)
        axes.set(ylabel="time before / time after")
        _below(figure, list(shown))
    said = ", ".join(f"order {row.order} {row.ratio.ratio:.2f}" for row in rows if row.ratio)
    return Picture(figure, f"Line chart, time before over time after by order; the kernel: {said}.")


def _ratio_line(axes: Axes, name: str, found: Sequence[SavedRatio | None], place: int) -> None:
    points = [(x, one) for x, one in enumerate(found) if one]
    spread = [
        [max(0.0, one.ratio - one.ci95[0]) for _, one in points],
        [max(0.0, one.ci95[1] - one.ratio) for _, one in points],
    ]
    axes.errorbar(
        [x + 0.12 * place for x, _ in points],
        [one.ratio for _, one in points],
        yerr=spread,
        label=name,
        color=_SERIES[place],
        marker=_MARKERS[place],
        markersize=4.5,
        linewidth=1.6,
        capsize=2,
    )


def latencies(rows: Sequence[SavedRow]) -> Picture:
    """Return a plot of single allocations by order: p50 (marker), p99 (line), maximum (stroke)."""
    from matplotlib.figure import Figure

    timed = [row for row in rows if row.latency and row.order is not None]
    orders = _orders(timed)
    with _style():
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        axes = _over_orders(figure, orders, "")
        series = list(_series(timed))
        for turn, (label, colour, how, some) in enumerate(series):
            shift = (turn - (len(series) - 1) / 2) * 0.7 / len(series)
            _latency(axes, some, [orders.index(row.order or 0) + shift for row in some], colour, how)
            axes.plot([], [], label=label, color=colour, **how | {"linestyle": ""})
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda ns, _: ns_text(ns))
        _below(figure, [label for label, *_ in series])
    return Picture(figure, _latencies_in_words(timed))


def _latency(
    axes: Axes, rows: Sequence[SavedRow], places: Sequence[float], colour: str, how: dict[str, Any]
) -> None:
    times = [row.latency for row in rows if row.latency]
    half, most = [time.p50_ns for time in times], [time.max_ns for time in times]
    axes.plot(places, half, color=colour, **how | {"linestyle": ""})
    axes.vlines(places, half, [time.p99_ns for time in times], color=colour, linewidth=1.4)
    axes.plot(places, most, color=colour, marker="_", linestyle="", markersize=6)


def _latencies_in_words(rows: Sequence[SavedRow]) -> str:
    said = [
        f"{label} p50 {ns_text(some[0].latency.p50_ns)} to {ns_text(some[-1].latency.p50_ns)}"
        for label, _, _, some in _series(sorted(rows, key=lambda row: row.order or 0))
        if some[0].latency and some[-1].latency
    ]
    return f"Latency of single allocations from the lowest to the highest order: {', '.join(said)}."


def cleared(orders: Sequence[Cleared]) -> Picture:
    """Return a plot of cleared pages by order."""
    from matplotlib.figure import Figure

    with _style():
        figure = Figure(figsize=(_WIDTH, _HEIGHT * 0.8), layout="constrained")
        said = _draw_cleared(figure, orders, "")
    return Picture(figure, said)


def _draw_cleared(figure: FigureBase, orders: Sequence[Cleared], title: str) -> str:
    """Draw a bar for each order, and return a description in words."""
    pages = dict.fromkeys(range(max((one.order for one in orders), default=0) + 1), 0)
    pages |= {one.order: one.cleared_pages for one in orders}
    total = sum(pages.values())
    shares = [share(count, total) for count in pages.values()]
    axes = _over_orders(figure, list(pages), title)
    drawn = axes.bar(range(len(pages)), list(pages.values()), color=COLOURS["series-0"], zorder=2)
    axes.bar_label(drawn, shares, padding=2, fontsize=8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set(ylabel="pages cleared", ylim=(0, max([*pages.values(), 1]) * 1.12))
    said = ", ".join(f"order {order} {share}" for order, share in enumerate(shares) if share)
    return f"Bar chart, share of {total:,} cleared pages: {said or 'none'}."


def trace(figures: TraceInfo) -> Picture:
    """Return a plot of a trace: cleared pages by order, and live pages over time."""
    from matplotlib.figure import Figure

    total = sum(one.cleared_pages for one in figures.orders)
    with _style():
        figure = Figure(figsize=(_TRACE_WIDTH, 2 * _HEIGHT), layout="constrained")
        above, below = (figure.add_subfigure(figure.add_gridspec(2, 1)[place, 0]) for place in range(2))
        title = f"{total:,} pages cleared by the recording kernel, {figures.cleared_by}"
        said = _draw_cleared(above, figures.orders, title)
        _draw_live(below, figures)
    return Picture(figure, said)


def _draw_live(figure: FigureBase, figures: TraceInfo) -> None:
    """Draw live pages over time."""
    mib = figures.origin.page_size / (1 << 20)
    seconds = [(ts - (figures.first_ns or 0)) / 1e9 for ts, _ in figures.course]
    peak = figures.census.peak_pages
    axes = figure.add_subplot()
    live = [pages * mib for _, pages in figures.course]
    axes.fill_between(seconds, live, color=COLOURS["series-0"], alpha=0.6, linewidth=0)
    axes.set(
        title=f"live pages: {peak:,} at most ({peak * mib:,.1f} MiB)",
        xlabel="seconds since the first event",
        ylabel="MiB allocated since then, not freed",
    )
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
