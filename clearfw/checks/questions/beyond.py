"""Ranges beyond 4 GiB, every byte of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks.check import check
from clearfw.checks.subject import GARBAGE

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject
    from clearfw.machine import Machine

# Where an unsigned int of bytes is 0, and where it is one page; an int went below 0 at half of that.
_BEYOND_4_GIB = ((1 << 20) + 1, 1 << 20, 1 << 21)
_CHUNK = 512
# Of vmalloc: where 16 bits of pages are 0, and 32 bits of bytes; each of whole huge leaves.
_AREAS = ((256 << 20) + (2 << 20), (4 << 30) + (2 << 20))


@check(
    "A 1 GiB hugetlb page is one init of 262,144 pages, and a byte count in an int or unsigned int ends at "
    "2 or 4 GiB, a page count in 16 bits at 256 MiB (mm/page_alloc.c:alloc_contig_frozen_range, 7.3).",
    "alloc",
    "free",
    "vmalloc",
)
def zero_beyond_4_gib(subject: Subject) -> None:
    """Ranges of 4 GiB and a page, 4 GiB and 8 GiB, and areas; a window of a few MiB looks at every byte."""
    # Python takes a microsecond a page, and has no int that overflows.
    counts = _BEYOND_4_GIB[:1] if subject.strategy.interpreted else _BEYOND_4_GIB
    with subject.boot("memory=9G window=1 backing=base") as machine:
        for point in sorted(subject.points() & {"alloc", "free"}):
            for npages in counts:
                _window(subject, machine, point, npages)
            counts = counts[:1]
    if "vmalloc" in subject.points():
        with subject.boot("memory=9G window=1 vmalloc_init=always init_on_alloc=1 backing=base") as machine:
            for nbytes in _AREAS:
                _area(subject, machine, nbytes)


def _area(subject: Subject, machine: Machine, nbytes: int) -> None:
    subject.at(point="vmalloc", npages=nbytes // machine.config.page_size)
    machine.fill(GARBAGE)
    with machine.vmalloc(nbytes, huge=True) as area:
        pfns = area.pfns
        for chunk in range(0, len(pfns), _CHUNK):
            _look(subject, machine, pfns[chunk], min(_CHUNK, len(pfns) - chunk))


def _window(subject: Subject, machine: Machine, point: str, npages: int) -> None:
    subject.at(point=point, npages=npages)
    machine.fill(GARBAGE)
    machine.init_pages(point, _CHUNK, npages)
    _look(subject, machine, _CHUNK, npages)
    _look_around(subject, machine, _CHUNK, npages)


def _look(subject: Subject, machine: Machine, pfn: int, npages: int) -> None:
    dirty = machine.first_not(0, pfn, npages)
    if dirty is None:
        return
    where, offset, byte = dirty
    left = "left" if byte == GARBAGE else "wrote"
    raise subject.found(
        f"{left} byte {byte:#04x} at offset {offset:#x} of pfn {where:#x}, page {where - pfn} of {npages}: "
        "not zero",
        pfn=where,
        offset=offset,
        byte=byte,
    )


def _look_around(subject: Subject, machine: Machine, pfn: int, npages: int) -> None:
    end = pfn + npages
    for start, count in ((machine.first_pfn, pfn - machine.first_pfn), (end, machine.max_pfn - end)):
        touched = machine.first_not(GARBAGE, start, count)
        if touched is not None:
            where, offset, byte = touched
            side = (
                f"{where - end + 1} after the end" if where >= end else f"{pfn - where} before the beginning"
            )
            raise subject.found(
                f"wrote byte {byte:#04x} at offset {offset:#x} of pfn {where:#x}: page {side} of its block",
                pfn=where,
                offset=offset,
                byte=byte,
            )
