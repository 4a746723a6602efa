"""The figures of a trace, of traces whose answer is known; their text, their JSON and their picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.sample_traces import (
    ALLOC,
    BATCHED,
    ENDING,
    FREE,
    ORIGIN,
    Row,
    events,
    some_events,
    without,
    write,
)

from clearfw.errors import MissingExtraError
from clearfw.gfp import Gfp
from clearfw.reports import plots
from clearfw.reports.tables import trace as trace_report
from clearfw.results import info as results_info
from clearfw.traces.file import NO_PFN, Ending, Events, Origin, Trace, read
from clearfw.traces.info import OrderCount, TraceInfo, examine

if TYPE_CHECKING:
    from pathlib import Path

KERNEL, ZERO = int(Gfp.KERNEL), int(Gfp.KERNEL | Gfp.ZERO)
ROWS: list[Row] = [
    (ALLOC, 0, 0, KERNEL),
    (ALLOC, 8, 3, ZERO),
    (ALLOC, NO_PFN, 3, ZERO),
    (ALLOC, 512, 9, ZERO | Gfp.SKIP_ZERO),
    (FREE, 8, 3),
    (FREE, 64, 0),
    (BATCHED, 64, 0),
    (FREE, 0, 255),
]


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    """A trace with one of everything."""
    return read(write(tmp_path / "t.trace", events(*ROWS)))


def examined(path: Path, *batches: Events, **changes: Any) -> TraceInfo:  # noqa: ANN401  fields of Origin
    """Return the figures of a trace."""
    return examine(read(write(path, *batches, origin=attrs.evolve(ORIGIN, **changes))))


def shown(figures: TraceInfo, width: int = 80) -> str:
    """Return the text of figures."""
    console = Console(width=width, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(trace_report.info(figures))
    return capture.get()


def test_events_are_counted(trace: Trace) -> None:
    """By kind and order, failures left out of the blocks; and in order of time by the census."""
    figures = examine(trace)

    assert figures.kinds == {"alloc": 4, "free": 3, "free_batched": 1}
    assert figures.orders == (
        OrderCount(order=0, allocs=1, frees=1, cleared=1),
        OrderCount(order=3, allocs=1, frees=1, cleared=1),
        OrderCount(order=9, allocs=1, frees=0, cleared=0),
    )
    assert (figures.events, figures.zero_allocs, figures.first_ns, figures.last_ns) == (8, 3, 0, 70)
    assert figures.gfp == {ZERO: 2, KERNEL: 1, ZERO | Gfp.SKIP_ZERO: 1}
    assert figures.events_per_second == pytest.approx(8 / 70e-9)
    census = figures.census
    assert (census.failed, census.unmatched, census.oversized, census.peak_pages) == (1, 1, 1, 521)


@pytest.mark.parametrize(
    ("settings", "cleared_by", "pages"),
    [
        ({"init_on_alloc": True}, "init_on_alloc=1", {0: 1, 3: 8}),
        ({"init_on_alloc": False}, "__GFP_ZERO", {3: 8}),
        ({"init_on_alloc": None}, "__GFP_ZERO", {3: 8}),
        ({"init_on_alloc": True, "init_on_free": True}, "init_on_free=1", {0: 1, 3: 8}),
        ({"init_on_alloc": False, "init_on_free": True}, "init_on_free=1", {0: 1, 3: 8}),
    ],
)
def test_what_was_cleared_follows_the_recorded_settings(
    tmp_path: Path, settings: dict[str, bool | None], cleared_by: str, pages: dict[int, int]
) -> None:
    """want_init_on_alloc(), want_init_on_free() and should_skip_init(), as post_alloc_hook() asks them."""
    figures = examined(tmp_path / "t.trace", events(*ROWS), **settings)

    assert figures.cleared_by == cleared_by
    assert {one.order: one.cleared_pages for one in figures.orders if one.cleared} == pages


@given(seed=st.integers(0, 1 << 20), init=st.sampled_from(((True, False), (False, False), (False, True))))
def test_figures_equal_a_count_event_by_event(
    tmp_path_factory: pytest.TempPathFactory, seed: int, init: tuple[bool, bool]
) -> None:
    """However the events fall into batches, of any order the column can hold."""
    made = some_events(300, seed)
    made.order[::7] = 200
    made.pfn[::5] = NO_PFN
    init_on_alloc, init_on_free = init
    path = tmp_path_factory.mktemp("traces") / "t.trace"
    figures = examined(path, made[:100], made[100:], init_on_alloc=init_on_alloc, init_on_free=init_on_free)
    cleared = 0
    columns = (made.kind, made.pfn, made.order, made.gfp)
    for kind, pfn, order, gfp in zip(*(column.tolist() for column in columns), strict=True):
        want = kind == FREE if init_on_free else kind == ALLOC and pfn != NO_PFN and not gfp & Gfp.SKIP_ZERO
        if order <= 10 and want and (init_on_free or init_on_alloc or gfp & Gfp.ZERO):
            cleared += 1 << order

    assert sum(one.cleared_pages for one in figures.orders) == cleared
    assert sum(figures.kinds.values()) == sum(figures.cpus.values()) == 300
    assert sum(figures.gfp.values()) == figures.kinds["alloc"] == int((made.kind == ALLOC).sum())
    assert figures.first_ns == int(made.ts.min())


def test_a_trace_without_events_has_figures(tmp_path: Path) -> None:
    """Nothing is divided by nothing, in the text and in the picture either."""
    figures = examined(tmp_path / "t.trace")
    plots.trace(figures).save(tmp_path / "t.svg")

    assert (figures.events, figures.seconds, figures.events_per_second, figures.orders) == (0, None, None, ())
    assert "0 events" in shown(figures)
    assert (tmp_path / "t.svg").stat().st_size


def test_events_at_one_moment_have_no_speed(tmp_path: Path) -> None:
    """Neither a division by zero nor an infinite figure."""
    figures = examined(tmp_path / "t.trace", events((ALLOC, 0, 0)))

    assert (figures.seconds, figures.events_per_second) == (0, None)
    assert "a second" not in shown(figures)


def test_the_text_tells_what_was_found(trace: Trace) -> None:
    """Where it is from, counts by order, flags by their names, and what must be known to read them."""
    text = shown(examine(trace), 200)

    for line in (
        f"{trace.path}: record of sleep 1",
        "kernel 7.3.0",
        "pages of 4K, init_on_alloc=1, init_on_free not known, clock global",
        "user 0.50 s, system 1.50 s, elapsed 2.00 s (rusage)",
        "8 events: alloc 4, free 3, free_batched 1, none lost",
        "    2  50.0%  GFP_KERNEL | __GFP_ZERO",
        "    3  75.0%  with __GFP_ZERO",
        "live pages: 521 (2.0 MiB) at most, 513 (2.0 MiB) at the end",
        "failed allocations 1, unmatched frees 1",
        "oversized events, left out of all counts of pages: 1",
        "cleared: every allocation, because the recording kernel had init_on_alloc=1",
    ):
        assert line in text, line


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (None, "the trace has no end: the recording was cut off, or is still running"),
        (attrs.evolve(ENDING, lost=1234), "1,234 events were lost during the recording"),
        (attrs.evolve(ENDING, lost=None), "it is not known whether events were lost"),
        (attrs.evolve(ENDING, interrupted=True), "the recording was interrupted before its command ended"),
        (attrs.evolve(ENDING, bad_lines=3), "3 lines of the imported text could not be read"),
        (
            attrs.evolve(ENDING, unknown_gfp=("__GFP_NEW",)),
            "unknown gfp flags, left out: __GFP_NEW",
        ),
        (attrs.evolve(ENDING, exit_status=3), "exit status 3"),
    ],
)
def test_what_is_missing_from_a_trace_is_said(tmp_path: Path, ending: Ending | None, said: str) -> None:
    """A trace that is not the whole of what happened never looks like one."""
    figures = examine(read(write(tmp_path / "t.trace", some_events(), ending=ending)))

    assert said in shown(figures, 120)


def test_a_damaged_trace_is_said_to_be_one(tmp_path: Path) -> None:
    """Its figures are of what comes before the damage."""
    path = write(tmp_path / "t.trace", some_events(), some_events())
    path.write_bytes(path.read_bytes()[:-2000])

    assert "the file ends within a batch" in shown(examine(read(path)))


def test_text_of_a_stranger_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    """Escape sequences, line feeds and lone surrogates in metadata are shown as question marks."""
    bad = "\x1b[2Jx\ny\ud800"
    origin = Origin(source=bad, kernel=bad, cpu_model=bad, command=(bad,), clock=bad, started=bad)
    ending = attrs.evolve(ENDING, usage=bad, unknown_gfp=(bad,))
    figures = examine(read(write(tmp_path / "t.trace", some_events(), origin=origin, ending=ending)))
    text = shown(figures, 200)

    assert text.count("?[2Jx?y?") == 8
    assert "\x1b" not in text
    text.encode()


def test_the_json_is_plain_and_whole(trace: Trace) -> None:
    """It is JSON without NaN, flags by their names, and with all that the figures hold."""
    document = json.loads(json.dumps(results_info.to_json(examine(trace)), allow_nan=False))

    assert document["schema"] == "clearfw.info/1"
    assert document["orders"][1] == {"order": 3, "allocs": 1, "frees": 1, "cleared": 1, "cleared_pages": 8}
    assert document["gfp"][0] == {"flags": "GFP_KERNEL|__GFP_ZERO", "allocs": 2}
    assert (document["origin"]["kernel"], document["ending"]["lost"], document["exact"]) == ("7.3.0", 0, True)
    assert document["census"]["peak_pages"] == 521


def test_the_picture_tells_the_same(trace: Trace, tmp_path: Path) -> None:
    """As SVG, whose text can be read: pages cleared by order, and live pages over time."""
    plots.trace(examine(trace)).save(tmp_path / "t.svg")
    words = [text.strip() for text in ET.parse(tmp_path / "t.svg").getroot().itertext() if text.strip()]  # noqa: S314

    for said in (
        "9 pages cleared by the recording kernel, init_on_alloc=1",
        "88.9%",
        "11.1%",
        "live pages: 521 at most (2.0 MiB)",
        "order",
        "seconds since the first event",
    ):
        assert said in words


def test_a_picture_in_png_is_one(trace: Trace, tmp_path: Path) -> None:
    """The suffix of the name decides the format."""
    plots.trace(examine(trace)).save(tmp_path / "t.png")

    assert (tmp_path / "t.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    without(monkeypatch, "matplotlib")

    with pytest.raises(MissingExtraError, match=r"plots need matplotlib, .*pip install"):
        plots.matplotlib()


def test_time_stamps_at_the_ends_of_their_range(tmp_path: Path) -> None:
    """What a damaged trace can say of time is figured and drawn as any other."""
    made = events((ALLOC, 0, 0), (ALLOC, 1, 0))
    made.ts[:] = np.array([0, 2**64 - 1], np.uint64)
    figures = examined(tmp_path / "t.trace", made)
    plots.trace(figures).save(tmp_path / "t.png")

    assert figures.seconds == pytest.approx(2**64 / 1e9)
