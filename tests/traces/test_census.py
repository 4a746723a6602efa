"""The census: what it counts of sequences whose answer is known, and that it keeps track of every page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from support.sample_traces import ALLOC, BATCHED, FREE, Row, events

from clearfw.traces.census import follow
from clearfw.traces.file import NO_PFN, Ending, Events, Origin, Trace

if TYPE_CHECKING:
    from collections.abc import Sequence


def trace(*batches: Events, lanes: str = "time") -> Trace:
    """Return a trace of BATCHES."""
    return Trace(Path("t"), Origin(source="record", lanes=lanes), Ending(lost=0), batches, truncated=False)


def counted(*rows: Row) -> dict[str, Any]:
    """Return what a census finds in ROWS, less what is 0."""
    found = attrs.asdict(follow(trace(events(*rows))).census)
    del found["events"]
    return {name: value for name, value in found.items() if isinstance(value, int) and value}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([(ALLOC, 8, 3), (FREE, 8, 3)], {"allocs": 1, "frees": 1, "peak_pages": 8}),
        ([(FREE, 8, 3)], {"frees": 1, "unmatched": 1}),
        ([(FREE, 8, 0), (FREE, 8, 0)], {"frees": 2, "unmatched": 2, "untraced": 1}),
        ([(ALLOC, NO_PFN, 4)], {"failed": 1}),
        ([(BATCHED, 8, 0)], {"batched": 1}),
        ([(ALLOC, 0, 11), (FREE, 0, 255)], {"oversized": 2}),
        ([(ALLOC, NO_PFN, 11)], {"oversized": 1}),
        ([(ALLOC, 1, 1), (FREE, 3, 2)], {"misaligned": 2}),
        ([(FREE, NO_PFN, 0)], {"frees": 1, "unmatched": 1}),
        (
            [(ALLOC, 8, 1), (BATCHED, 8, 0), (FREE, 8, 1)],
            {"allocs": 1, "batched": 1, "frees": 1, "peak_pages": 2},
        ),
    ],
)
def test_single_events(rows: Sequence[Row], found: dict[str, int]) -> None:
    """Each kind of event counts where the kernel's tracepoints say."""
    assert found == counted(*rows)


def test_a_block_freed_page_by_page_is_followed() -> None:
    """split_page() and alloc_pages_exact(): one allocation, a free for each of its pages."""
    frees = [(FREE, pfn, 0) for pfn in (3, 0, 1, 2)]

    assert counted((ALLOC, 0, 2), *frees[:3]) == {
        "allocs": 1,
        "frees": 3,
        "mismatched": 2,  # 3 leaves the block of 0 and 1, and 2; 0 leaves 1
        "live_pages": 1,
        "peak_pages": 4,
    }
    assert counted((ALLOC, 0, 2), *frees)["frees"] == 4
    assert "live_pages" not in counted((ALLOC, 0, 2), *frees)


def test_the_other_pieces_of_a_split_block_are_live_blocks() -> None:
    """What a buddy would be left with: freeing each of them whole matches."""
    assert counted((ALLOC, 8, 3), (FREE, 13, 0), (FREE, 12, 0), (FREE, 14, 1), (FREE, 8, 2)) == {
        "allocs": 1,
        "frees": 4,
        "mismatched": 1,
        "peak_pages": 8,
    }


def test_a_larger_free_takes_all_blocks_within() -> None:
    """It counts once, whatever of it was live."""
    assert counted((ALLOC, 0, 0), (ALLOC, 2, 1), (FREE, 0, 2), (FREE, 2, 1)) == {
        "allocs": 2,
        "frees": 2,
        "mismatched": 1,
        "unmatched": 1,
        "untraced": 1,
        "peak_pages": 3,
    }


@pytest.mark.parametrize(
    ("before", "after", "pages"),
    [((8, 0), (8, 0), 1), ((8, 3), (9, 0), 1), ((9, 0), (8, 3), 8), ((8, 3), (8, 3), 8)],
)
def test_an_allocation_of_live_pages_frees_them_first(
    before: tuple[int, int], after: tuple[int, int], pages: int
) -> None:
    """A free that was not seen: every block that overlaps goes, whole, and it counts once."""
    found = counted((ALLOC, *before), (ALLOC, *after))

    assert (found["reallocated"], found["live_pages"]) == (1, pages)


def test_processors_are_merged_by_time() -> None:
    """A free on one of a block allocated on another matches, though its batch was written first."""
    late = events((FREE, 8, 0), first_ts=5, cpu=1)
    early = events((ALLOC, 8, 0), (ALLOC, 8, 0), cpu=0)

    by_time = follow(trace(late, early, lanes="cpu")).census
    as_written = follow(trace(late, early)).census

    assert (by_time.unmatched, by_time.reallocated) == (0, 0)
    assert (as_written.unmatched, as_written.reallocated) == (1, 1)


def test_at_one_moment_the_lower_processor_is_first() -> None:
    """Equal time stamps have one order, whichever batch was written first."""
    batches = [events((FREE, 8, 0), cpu=1), events((ALLOC, 8, 0), cpu=0)]

    assert [follow(trace(*order, lanes="cpu")).census.unmatched for order in (batches, batches[::-1])] == [
        0,
        0,
    ]


def test_the_course_has_the_peak_and_the_end() -> None:
    """However many events there are, in a thousand steps at most."""
    rows = [(ALLOC, pfn, 0) for pfn in range(3000)] + [(FREE, pfn, 0) for pfn in range(2999)]
    found = follow(trace(events(*rows)))

    assert len(found.course) <= 1000
    assert max(pages for _, pages in found.course) == found.census.peak_pages == 3000
    assert found.course[-1][0] == 10 * (len(rows) - 1)
    assert follow(trace()).course == []
