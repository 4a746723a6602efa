"""vmalloc: scattered pages at consecutive addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw import _core
from clearfw.conformance import GARBAGE, check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearfw._core import VmallocArea
    from clearfw.conformance import Subject
    from clearfw.machine import Machine

_MACHINE = "memory=32M kasan=hw_tags kasan.vmalloc=off init_on_alloc=1 backing=base"
_PAGE = 4096


def _look(subject: Subject, machine: Machine, area: VmallocArea) -> None:
    """Every page of the area zero, the last one whole; every other page as it was."""
    own = set(area.pfns)
    for index, pfn in enumerate(area.pfns):
        dirty = machine.first_not(0, pfn, 1)
        if dirty is not None:
            raise subject.found(
                f"left offset {dirty[1]:#x} of page {index} of {area.npages} dirty (pfn {pfn:#x}), in an area of "
                f"{area.nbytes:,} bytes: the last page counts whole",
                pfn=pfn,
                offset=dirty[1],
                byte=dirty[2],
            )
    start = 0
    for pfn in [*sorted(own), machine.nr_pages]:
        touched = machine.first_not(GARBAGE, start, pfn - start)
        if touched is not None:
            raise subject.found(
                f"wrote to pfn {touched[0]:#x}, which is no page of the area: its pages are not contiguous",
                pfn=touched[0],
                offset=touched[1],
                byte=touched[2],
            )
        start = pfn + 1


def _areas(machine: Machine, subject: Subject, sizes: tuple[int, ...], *, huge: bool = False) -> Iterator[VmallocArea]:
    for nbytes in sizes:
        subject.at(point="vmalloc", npages=-(-nbytes // _PAGE))
        area = machine.vmalloc(nbytes, huge=huge)
        yield area
        for pfn in area.pfns:
            machine.fill(GARBAGE, pfn, 1)
        area.free()


@check(
    "init_vmalloc_pages() is given the size as asked for and clears the last page whole: size >> PAGE_SHIFT pages are "
    "one too few (mm/kasan/hw_tags.c:init_vmalloc_pages, 7.3).",
    "vmalloc",
)
def vmalloc_whole(subject: Subject) -> None:
    """Areas of one byte, one page, a page and a byte, and many pages."""
    with subject.boot(_MACHINE) as machine:
        for area in _areas(machine, subject, (1, _PAGE, _PAGE + 1, 5 * _PAGE - 1, 300 * _PAGE)):
            _look(subject, machine, area)


@check(
    "vmalloc pages lie anywhere: virt_to_page() and the direct map know nothing of them (Mark Rutland's fix of "
    "6c2f761dad78, 2023).",
    "vmalloc",
)
def vmalloc_scattered(subject: Subject) -> None:
    """Areas of pages of which no two are neighbours."""
    with subject.boot(_MACHINE) as machine, _core.Arena(machine, 4 << 20) as arena:
        arena.fragment(1)
        machine.fill(GARBAGE)
        for area in _areas(machine, subject, (2 * _PAGE, 100 * _PAGE)):
            _look(subject, machine, area)


@check(
    "vm_area_alloc_pages() takes the largest blocks there are, so that runs of all lengths stand beside each other, "
    "some of them under one huge leaf (mm/vmalloc.c, 7.3).",
    "vmalloc",
)
def vmalloc_runs_and_leaves(subject: Subject) -> None:
    """Areas of runs of 1, 2, 4 and more pages, and of PMD-sized leaves with small pages behind them."""
    with subject.boot(_MACHINE) as machine:
        holes = [machine.alloc_pages(order) for order in (0, 1, 0, 2, 0, 3, 0, 4)]
        for hole in holes[::2]:
            hole.free()
        machine.drain()
        for kept in holes[1::2]:
            kept.fill(GARBAGE)
        machine.fill(GARBAGE)
        for area in _areas(machine, subject, (7 * _PAGE, 700 * _PAGE)):
            _look(subject, machine, area)
        for area in _areas(machine, subject, ((2 << 20) + 3 * _PAGE, 4 << 20), huge=True):
            _look(subject, machine, area)
