"""Import of a kernel's raw ring-buffer pages."""

from __future__ import annotations

import lzma
import re
from typing import IO, TYPE_CHECKING, Any

from clearfw.errors import TraceError
from clearfw.files import open_input
from clearfw.traces import event_format
from clearfw.traces.file import Ending, Origin, TraceWriter
from clearfw.traces.ring_buffer import Decoder, Lane, _text, clock_in_use, losses, read_formats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from clearfw.traces.import_text import Import

_RAW = re.compile(r"cpu(\d{1,5})\.raw(?:\.xz)?")

# Sub-buffers that are read from a file at a time.
_CHUNK = 256


def import_folder(folder: Path, output: Path, about: Mapping[str, Any] | None = None) -> Ending:
    """Write a trace of the raw pages in FOLDER, and return its ending; raises TraceError and OSError.

    FOLDER has cpuN.raw or cpuN.raw.xz, what each per_cpu/cpuN/trace_pipe_raw gave; header_page and the
    .format files of that kernel; and trace_clock and stats.txt, which may be missing. ABOUT is what else the
    Origin is to have.
    """
    from importlib.metadata import version

    raws = _raws(folder)
    formats = {kind: folder / f"{name}.format" for kind, name in event_format.EVENTS.items()}
    header_page = folder / "header_page"
    if not header_page.exists():
        msg = f"{folder} has no header_page: copy it from events/ of the tracefs that was recorded"
        raise TraceError(msg)
    decoder = Decoder(_text(header_page), read_formats(formats))
    clock = folder / "trace_clock"
    origin = Origin(
        source="trace_pipe_raw",
        clock=clock_in_use(_text(clock)) if clock.exists() else None,
        lanes="cpu",
        clearfw=version("clearfw"),
        **(about or {}),
    )
    with TraceWriter(output, origin) as writer:
        torn = sum([_decode_file(decoder, path, cpu, writer) for cpu, path in raws])
        ending = _ending(decoder, folder / "stats.txt", torn)
        writer.end(ending)
    return ending


def _raws(folder: Path) -> list[tuple[int, Path]]:
    names = ((_RAW.fullmatch(path.name), path) for path in folder.iterdir())
    raws = sorted((int(name[1]), path) for name, path in names if name)
    if not raws:
        msg = f"{folder} has no cpuN.raw or cpuN.raw.xz: save each per_cpu/cpuN/trace_pipe_raw as one"
        raise TraceError(msg)
    if raws[-1][0] >= 1 << 16:
        msg = f"{raws[-1][1]} has a processor number above 65535: rename it"
        raise TraceError(msg)
    return raws


def _ending(decoder: Decoder, stats: Path, torn: int) -> Ending:
    counts = decoder.counts
    malformed = counts["malformed"] + torn
    lost = losses(_text(stats)) if stats.exists() else None
    if counts["missed_pages"]:
        lost = max(lost or 0, counts["missed"], counts["missed_pages"])
    return Ending(
        lost=None if malformed else lost,
        bad_lines=malformed,
        other_events=counts["other"],
        unknown_gfp=decoder.unknown_gfp,
    )


def _decode_file(decoder: Decoder, path: Path, cpu: int, writer: TraceWriter) -> int:
    """Decode a raw file; return 1 where it ends within a sub-buffer."""
    lane = Lane(cpu)
    for pages in _chunks(path, decoder.page_nbytes * _CHUNK):
        decoder.decode(pages, lane, writer)
    decoder.flush(lane, writer)
    return int(len(pages) % decoder.page_nbytes != 0)


def _chunks(path: Path, nbytes: int) -> Iterable[bytes]:
    """Yield what PATH holds, NBYTES at a time but for the last."""
    file: IO[bytes]
    try:
        raw = open_input(path)
        with raw, lzma.open(raw) if path.suffix == ".xz" else raw as file:
            while len(pages := file.read(nbytes)) == nbytes:
                yield pages
            yield pages
    except (lzma.LZMAError, EOFError) as error:
        msg = f"{path} cannot be unpacked ({error}): copy it again"
        raise TraceError(msg) from error


def import_raw(folder: Path, output: Path, about: dict[str, Any]) -> Import:
    """Import what per_cpu/cpuN/trace_pipe_raw gave, saved with the format files of that kernel."""
    import numpy as np

    from clearfw.traces.file import NO_PFN, Kind, read
    from clearfw.traces.import_text import Import

    ending = import_folder(folder, output, about)
    batches = read(output).batches
    kinds = sum((np.bincount(batch.kind, minlength=len(Kind)) for batch in batches), np.zeros(len(Kind), int))
    failed = sum(int((batch.pfn[batch.kind == Kind.ALLOC] == NO_PFN).sum()) for batch in batches)
    return Import(
        form="trace_pipe_raw",
        events={kind.name.lower(): int(kinds[kind]) for kind in Kind},
        failed=failed,
        lines={
            "all": 0,
            "comments": 0,
            "other_events": ending.other_events,
            "losses": 0,
            "bad": ending.bad_lines,
        },
        bad=(),
        lost=ending.lost,
        backwards=0,
        unknown_gfp=ending.unknown_gfp,
        interrupted=False,
    )
