"""Pictures: what is drawn, what is said of it, and that a page can take it in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import attrs
import pytest

from clearfw.reports import plots
from clearfw.reports.plots import Chart
from clearfw.reports.tables import grid
from clearfw.results import bench as results_bench
from clearfw.results import document, info

if TYPE_CHECKING:
    from pathlib import Path

    from clearfw.results.bench import SavedBench, SavedRow

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def bench(saved: dict[str, dict[str, Any]]) -> SavedBench:
    """A bench of two rows."""
    content: SavedBench = document.parse(saved["bench"], "bench.json").content
    return content


@pytest.fixture
def chart(bench: SavedBench) -> Chart:
    """Its chart."""
    return Chart("", bench.scenes[0].rooflines, bench.results)


def over_orders(rows: tuple[SavedRow, ...]) -> list[SavedRow]:
    """Return rows for each of three orders."""
    return [attrs.evolve(row, order=order) for order in (0, 3, 9) for row in rows]


def texts(svg: str) -> list[str]:
    """Return what is written in a picture."""
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  our own


def test_bars_are_ranked_and_name_each_row(chart: Chart) -> None:
    """The fastest comes first, with its ratio, its speed and the roofline."""
    drawn = plots.throughput([chart])

    assert [text for text in texts(drawn.svg("p")) if text in {"batched, stosb", "per_page, stosb"}] == [
        "batched, stosb",
        "per_page, stosb",
    ]
    assert {"2.00x", "1.00x", "roofline "} <= set(texts(drawn.svg("p")))
    assert "times as fast as per_page with stosb: batched with stosb 2.00, per_page" in drawn.alt


def test_without_a_baseline_bars_are_speeds(chart: Chart) -> None:
    """Where nothing was compared, GB/s are drawn, with the spread of all rounds."""
    alone = attrs.evolve(chart, rows=[attrs.evolve(row, baseline=None) for row in chart.rows])

    assert "whiskers: all rounds" in texts(plots.throughput([alone]).svg("p"))


def test_several_orders_are_curves(chart: Chart) -> None:
    """There is a line for each row and one for the roofline, and each order is named."""
    drawn = plots.throughput([attrs.evolve(chart, rows=over_orders(tuple(chart.rows)))])

    assert {"0", "3", "9", "batched, stosb", "roofline"} <= set(texts(drawn.svg("p")))
    assert drawn.alt.startswith("Line chart, GB/s over orders 0 to 9: batched, stosb")


def test_latencies_have_their_units(bench: SavedBench) -> None:
    """The axis says ns and us, the words the first and the last order."""
    latency = results_bench.SavedLatency(300, 5_000, 90_000)
    rows = [attrs.evolve(row, latency=latency) for row in over_orders(bench.results)]

    drawn = plots.latencies(rows)

    assert "batched, stosb p50 300 ns to 300 ns" in drawn.alt
    assert any(text.endswith(" us") for text in texts(drawn.svg("p")))


def test_the_cleared_pages_are_shares() -> None:
    """Each order's share of the pages stands on its bar, and an order without any has none."""
    orders = [info.SavedOrder(0, 8, 8, 5, 25), info.SavedOrder(9, 1, 1, 1, 75)]

    drawn = plots.cleared([*orders, info.SavedOrder(10, 1, 0, 0, 0)])

    assert {"25.0%", "75.0%"} <= set(texts(drawn.svg("p")))
    assert drawn.alt == "Bar chart, share of 100 cleared pages: order 0 25.0%, order 9 75.0%."


@pytest.mark.parametrize(
    ("ns", "said"),
    [(1, "1 ns"), (999, "999 ns"), (1_000, "1 us"), (2_345_678, "2.35 ms"), (3e9, "3 s")],
)
def test_nanoseconds_have_the_unit_people_say(ns: float, said: str) -> None:
    """Three digits, and the largest unit of which there is one."""
    assert said == grid.ns_text(ns)


def test_a_page_gives_the_colours(chart: Chart) -> None:
    """No colour of the series is left in the element: all are variables of the page."""
    drawn = plots.throughput([chart]).svg("p")

    assert {f"--{name}" for name in ("ink", "muted", "rule", "series-0")} <= set(
        re.findall(r"var\((--[\w-]+)\)", drawn)
    )
    assert [colour for colour in plots.COLOURS.values() if colour in drawn] == []


def test_ids_of_two_pictures_are_apart(chart: Chart) -> None:
    """On one page each id is there once, and what refers to it finds it."""
    drawn = [plots.throughput([chart]).svg(prefix) for prefix in ("a", "b")]
    ids = [re.findall(r' id="([^"]+)"', one) for one in drawn]
    referred = [re.findall(r'(?:url\(#|href="#)([^)"]+)', one) for one in drawn]

    assert not set(ids[0]) & set(ids[1])
    assert all(set(wanted) <= set(given) for wanted, given in zip(referred, ids, strict=True))


def test_the_same_rows_give_the_same_picture(chart: Chart) -> None:
    """Nothing in it is of the day or of chance."""
    assert plots.throughput([chart]).svg("p") == plots.throughput([chart]).svg("p")


@pytest.mark.parametrize("name", ["<script>", "a&b", "$\\frac{x", "]]>--", "\N{CJK UNIFIED IDEOGRAPH-6F22}"])
def test_a_name_is_written_as_it_is(chart: Chart, name: str) -> None:
    """No name is markup, mathematics, or a warning."""
    rows = [attrs.evolve(row, strategy=name) for row in chart.rows]

    assert f"{name}, stosb" in texts(plots.throughput([attrs.evolve(chart, rows=rows)]).svg("p"))


def test_a_long_name_is_cut(chart: Chart) -> None:
    """So that the bar has room; the table has all of it."""
    rows = [attrs.evolve(row, strategy="s" * 300) for row in chart.rows]

    assert max(map(len, texts(plots.throughput([attrs.evolve(chart, rows=rows)]).svg("p")))) < 80


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_a_picture_is_saved_as_its_name_says(chart: Chart, suffix: str, magic: bytes, tmp_path: Path) -> None:
    """Of the kinds that the command line takes."""
    path = tmp_path / f"picture{suffix}"

    plots.throughput([chart, chart]).save(path)

    assert path.read_bytes().startswith(magic)
    assert suffix in plots.SUFFIXES
