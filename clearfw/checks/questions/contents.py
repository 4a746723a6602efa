"""Every byte zero, at every init point, whatever the block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw import _core
from clearfw.checks.check import check
from clearfw.checks.questions import machines
from clearfw.checks.subject import GARBAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clearfw.checks.subject import Subject
    from clearfw.machine import Machine

ORDERS = range(_core.MAX_ORDER + 1)
GFP = "GFP_HIGHUSER"

# Where an unsigned int of bytes is one page, and where it is 0; an int went below 0 at half of that.
_BEYOND_4_GIB = ((1 << 20) + 1, 1 << 20, 1 << 21)
_CHUNK = 512

# What a caller may add to __GFP_ZERO, and where it may be allocating from.
_GFPS = ("GFP_KERNEL", "GFP_ATOMIC", "GFP_HIGHUSER")
_MODIFIERS = ("", "|__GFP_COMP", "|__GFP_ZEROTAGS", "|__GFP_SKIP_KASAN", "|__GFP_SKIP_ZERO")


def look(subject: Subject, machine: Machine, pfn: int, npages: int) -> None:
    """Raise what was found if some byte of the pages is not zero."""
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


def look_around(subject: Subject, machine: Machine, pfn: int, npages: int) -> None:
    """Raise what was found if memory outside the pages no longer holds garbage."""
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


def alloc_and_look(subject: Subject, machine: Machine, orders: Iterable[int], gfp: str = GFP) -> None:
    """Allocate a block of each order, and look at all of it."""
    for order in orders:
        subject.at(point="alloc", order=order, npages=1 << order)
        pages = machine.alloc_pages(order, gfp)
        look(subject, machine, pages.pfn, pages.npages)
        pages.free()


def free_and_look(subject: Subject, machine: Machine, orders: Iterable[int]) -> None:
    """Free a block of each order, and look at all of it."""
    for order in orders:
        subject.at(point="free", order=order, npages=1 << order)
        pages = machine.alloc_pages(order, GFP)
        pfn = pages.pfn
        pages.free()
        look(subject, machine, pfn, 1 << order)


def _machines(subject: Subject, option: str) -> Iterator[Machine]:
    for page_size in machines.PAGE_SIZES:
        for config in machines.both(page_size):
            with subject.boot(f"{config} {option}") as machine:
                yield machine
    with subject.boot(f"{machines.HUGE} {option}") as machine:
        machine.populate()
        yield machine


@check(
    "post_alloc_hook() hands out what clear_highpages_kasan_tagged() was given: all of 1 << order pages "
    "(mm/page_alloc.c, 7.3).",
    "alloc",
)
def zero_on_alloc(subject: Subject) -> None:
    """Every order, with every page size, in lowmem and in HIGHMEM, on small and on huge pages of the host."""
    for machine in _machines(subject, machines.OPTIONS["alloc"]):
        alloc_and_look(subject, machine, ORDERS)


@check(
    "With init_on_free nothing clears again on allocation, __GFP_ZERO or not: what a free leaves dirty, the"
    " next owner reads (mm/page_alloc.c:__free_pages_prepare, 7.3).",
    "free",
)
def zero_on_free(subject: Subject) -> None:
    """Every order, with every page size, in lowmem and in HIGHMEM, on small and on huge pages of the host."""
    for machine in _machines(subject, machines.OPTIONS["free"]):
        free_and_look(subject, machine, ORDERS)


@check(
    "__GFP_ZERO asks for one block what init_on_alloc asks for all, and with __GFP_SKIP_KASAN or in HIGHMEM"
    " not even HW_TAGS clears it with its tags (mm/page_alloc.c:post_alloc_hook, 7.3).",
    "alloc",
)
def zero_on_gfp_zero(subject: Subject) -> None:
    """__GFP_ZERO with what else a caller gives, without KASAN and where KASAN may clear by itself."""
    for kasan in subject.kasans("off", "hw_tags"):
        for config in machines.both(kasan=kasan):
            with subject.boot(config) as machine:
                for gfp in _gfps(config, kasan):
                    alloc_and_look(subject, machine, (0, 3), gfp)


def _gfps(config: str, kasan: str) -> list[str]:
    # Lowmem of a HIGHMEM machine is highmem_mapped's; and under HW_TAGS __GFP_SKIP_ZERO means what it says.
    zones = ("GFP_HIGHUSER",) if "highmem" in config else _GFPS
    modifiers = [one for one in _MODIFIERS if (kasan, one) != ("hw_tags", "|__GFP_SKIP_ZERO")]
    return [f"{zone}|__GFP_ZERO{modifier}" for zone in zones for modifier in modifiers]


@check(
    "alloc_pages_bulk() and a list free clear pages that lie anywhere "
    "(mm/page_alloc.c:alloc_pages_bulk_noprof, 7.3).",
)
def zero_in_bulk(subject: Subject) -> None:
    """Lists of 1, 2, 100 and 513 order-0 pages, no two of them neighbours, allocated and freed."""
    for config in machines.both():
        for point, option in machines.OPTIONS.items():
            with subject.boot(f"{config} {option}") as machine:
                for count in (1, 2, 100, 513):
                    _bulk(subject, machine, count, point)


def _bulk(subject: Subject, machine: Machine, count: int, point: str) -> None:
    subject.at(point=point, npages=count)
    # Every second page of twice as many: what was freed last comes back first.
    both = machine.alloc_pages_bulk(2 * count, GFP)
    both.sort(key=lambda page: page.pfn)
    machine.free_pages_bulk(both[::2])
    pages = both[::2] if point == "free" else machine.alloc_pages_bulk(count, GFP)
    for page in pages:
        look(subject, machine, page.pfn, 1)
    if point == "alloc":
        machine.free_pages_bulk(pages)
    machine.free_pages_bulk(both[1::2])


@check(
    "A 1 GiB hugetlb page is one init of 262,144 pages, and a byte count in an int or unsigned int ends at "
    "2 or 4 GiB (mm/page_alloc.c:alloc_contig_frozen_range, 7.3).",
)
def zero_beyond_4_gib(subject: Subject) -> None:
    """Ranges of 4 GiB and a page, 4 GiB and 8 GiB; a window of a few MiB looks at every byte."""
    # Python takes a microsecond a page, and has no int that overflows.
    counts = _BEYOND_4_GIB[:1] if subject.strategy.interpreted else _BEYOND_4_GIB
    with subject.boot("memory=9G window=1 backing=base") as machine:
        for point in sorted(subject.points() & {"alloc", "free"}):
            for npages in counts:
                _window(subject, machine, point, npages)
            counts = counts[:1]


def _window(subject: Subject, machine: Machine, point: str, npages: int) -> None:
    subject.at(point=point, npages=npages)
    machine.fill(GARBAGE)
    machine.init_pages(point, _CHUNK, npages)
    look(subject, machine, _CHUNK, npages)
    look_around(subject, machine, _CHUNK, npages)
