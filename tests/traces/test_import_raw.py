"""ftrace: folders of raw pages into traces."""

from __future__ import annotations

import collections
import lzma
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support import raw_pages

from clearfw.errors import TraceError
from clearfw.gfp import Gfp
from clearfw.traces import file, import_raw
from clearfw.traces.file import Kind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the smaller recording, to be damaged."""
    return shutil.copytree(raw_pages.THP, tmp_path / "raw")


def imported(folder: Path, tmp_path: Path) -> file.Trace:
    """Return the trace that a folder becomes."""
    import_raw.import_folder(folder, tmp_path / "t.arrow")
    return file.read(tmp_path / "t.arrow")


def kinds(trace: file.Trace, order: int | None = None) -> dict[int, int]:
    """Return how many events there are of each kind, or of those of one order."""
    counter: collections.Counter[int] = collections.Counter()
    for batch in trace.batches:
        wanted = batch.kind if order is None else batch.kind[batch.order == order]
        counter.update(wanted.tolist())
    return dict(counter)


def test_the_storm_has_the_kernels_counts(tmp_path: Path) -> None:
    """1500 processes on two processors: as many events as the kernel counted, none lost, none unknown."""
    trace = imported(raw_pages.STORM, tmp_path)

    assert kinds(trace) == {Kind.ALLOC: 74_561, Kind.FREE: 77_337, Kind.FREE_BATCHED: 26_190}
    assert trace.exact
    assert trace.ending is not None
    assert trace.ending.unknown_gfp == ()
    assert (trace.origin.source, trace.origin.lanes, trace.origin.clock) == (
        "trace_pipe_raw",
        "cpu",
        "global",
    )


def test_huge_pages_have_their_order(tmp_path: Path) -> None:
    """4 GiB of huge pages are 2048 allocations of order 9, zeroed and compound."""
    trace = imported(raw_pages.THP, tmp_path)
    huge = [batch.gfp[(batch.kind == Kind.ALLOC) & (batch.order == 9)] for batch in trace.batches]

    assert kinds(trace) == {Kind.ALLOC: 4_167, Kind.FREE: 4_194, Kind.FREE_BATCHED: 2_083}
    assert kinds(trace, order=9)[Kind.ALLOC] == 2_048
    assert np.all(np.concatenate(huge) & int(Gfp.COMP))
    assert not any(batch.gfp[batch.kind != Kind.ALLOC].any() for batch in trace.batches)


def test_each_batch_is_of_one_processor_in_time_order(tmp_path: Path) -> None:
    """That is what lanes "cpu" promises."""
    for batch in imported(raw_pages.STORM, tmp_path).batches:
        assert len(set(batch.cpu.tolist())) == 1
        assert np.all(batch.ts[1:] >= batch.ts[:-1])


def test_a_folder_may_be_unpacked_and_lack_what_is_told_of_it(folder: Path, tmp_path: Path) -> None:
    """Without clock and stats the events are the same, and the loss is not known."""
    for packed in folder.glob("*.xz"):
        packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
        packed.unlink()
    (folder / "trace_clock").unlink()
    (folder / "stats.txt").unlink()
    (folder / "mm_page_free_batched.format").unlink()
    trace = imported(folder, tmp_path)

    assert trace.ending is not None
    assert kinds(trace) == {Kind.ALLOC: 4_167, Kind.FREE: 4_194}
    assert (trace.origin.clock, trace.ending.lost, trace.ending.other_events) == (None, None, 2_083)


def test_what_else_is_known_is_kept(tmp_path: Path) -> None:
    """Who has the pages may know more of the kernel than they tell."""
    import_raw.import_folder(
        raw_pages.THP, tmp_path / "t.arrow", {"kernel": "7.3.0-rc7", "init_on_alloc": True}
    )
    origin = file.read(tmp_path / "t.arrow").origin

    assert (origin.kernel, origin.init_on_alloc, origin.page_size) == ("7.3.0-rc7", True, 4096)


def test_losses_are_told(folder: Path, tmp_path: Path) -> None:
    """What the stats say was dropped, or the pages where they know more, is the trace's loss."""
    stats = folder / "stats.txt"
    stats.write_text("overrun: 3\ncommit overrun: 4\ndropped events: 5\nentries: 9\n")

    assert import_raw.import_folder(folder, tmp_path / "t.arrow").lost == 12

    raw = bytearray(raw_pages.pages(folder, 1))
    raw[11] |= 0x80  # RB_MISSED_EVENTS
    (folder / "cpu1.raw.xz").unlink()
    (folder / "cpu1.raw").write_bytes(raw)
    stats.unlink()

    assert import_raw.import_folder(folder, tmp_path / "t.arrow").lost == 1


def test_a_torn_file_is_told(folder: Path, tmp_path: Path) -> None:
    """Half a sub-buffer at the end, or one with a length that cannot be: what was lost is not known."""
    raw = bytearray(raw_pages.pages(folder, 1))
    raw[8:12] = b"\xff\xff\xff\x0f"
    (folder / "cpu1.raw.xz").unlink()
    (folder / "cpu1.raw").write_bytes(raw[:-100])
    ending = import_raw.import_folder(folder, tmp_path / "t.arrow")

    assert (ending.lost, ending.bad_lines) == (None, 2)


def test_unknown_flags_are_named_where_they_occur(folder: Path, tmp_path: Path) -> None:
    """A flag without a name here is dropped from the events, and told."""
    path = folder / "mm_page_alloc.format"
    path.write_text(path.read_text().replace('"__GFP_COMP"', '"__GFP_STRANGE"'))
    trace = imported(folder, tmp_path)

    assert trace.ending is not None
    assert trace.ending.unknown_gfp == ("__GFP_STRANGE",)
    assert not any(np.any(batch.gfp & int(Gfp.COMP)) for batch in trace.batches)


def test_what_is_missing_is_told(folder: Path, tmp_path: Path) -> None:
    """A folder without pages, without header_page, without formats, with a broken file: one line each."""
    output = tmp_path / "t.arrow"
    (folder / "cpu0.raw.xz").write_bytes(b"no xz")
    with pytest.raises(TraceError, match=r"cpu0\.raw\.xz cannot be unpacked"):
        import_raw.import_folder(folder, output)
    (folder / "cpu0.raw.xz").rename(folder / "cpu70000.raw")
    with pytest.raises(TraceError, match="has a processor number above 65535"):
        import_raw.import_folder(folder, output)
    for path in folder.glob("*.format"):
        path.unlink()
    (folder / "cpu70000.raw").unlink()
    with pytest.raises(TraceError, match="no format of mm_page_alloc"):
        import_raw.import_folder(folder, output)
    (folder / "header_page").unlink()
    with pytest.raises(TraceError, match="has no header_page"):
        import_raw.import_folder(folder, output)
    (folder / "cpu1.raw.xz").unlink()
    with pytest.raises(TraceError, match=r"has no cpuN\.raw"):
        import_raw.import_folder(folder, output)


def test_format_files_that_cannot_be_are_refused(folder: Path, tmp_path: Path) -> None:
    """Fields outside of a sub-buffer do not reach the decoder."""
    path = folder / "mm_page_free.format"
    text = path.read_text()
    for wrong in ("offset:99999;", "offset:99999999999;"):
        path.write_text(text.replace("offset:16;", wrong))
        with pytest.raises(TraceError, match="the format files are not valid"):
            import_raw.import_folder(folder, tmp_path / "t.arrow")
