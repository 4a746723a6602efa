"""Every byte zero, at every init point, whatever the block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw import _core
from clearfw.checks import machines
from clearfw.conformance import GARBAGE, check

if TYPE_CHECKING:
    from clearfw._core import Pages
    from clearfw.conformance import Subject
    from clearfw.machine import Machine

ORDERS = range(_core.MAX_ORDER + 1)
GFP = "GFP_HIGHUSER"


def look(subject: Subject, machine: Machine, pfn: int, npages: int) -> None:
    """Raise what was found if some byte of the pages is not zero."""
    dirty = machine.first_not(0, pfn, npages)
    if dirty is None:
        return
    where, offset, byte = dirty
    left = "left" if byte == GARBAGE else "wrote"
    raise subject.found(
        f"{left} byte {byte:#04x} at offset {offset:#x} of pfn {where:#x}, page {where - pfn} of {npages}: not zero",
        pfn=where,
        offset=offset,
        byte=byte,
    )


def alloc_and_look(subject: Subject, machine: Machine, order: int, gfp: str = GFP) -> Pages:
    """Allocate a block over garbage and look at all of it."""
    subject.at(point="alloc", order=order, npages=1 << order)
    pages = machine.alloc_pages(order, gfp)
    look(subject, machine, pages.pfn, pages.npages)
    return pages


@check(
    "post_alloc_hook() hands out what clear_highpages_kasan_tagged() was given: all of 1 << order pages "
    "(mm/page_alloc.c, 7.3).",
    "alloc",
)
def zero_on_alloc(subject: Subject) -> None:
    """Every order on every configuration under init_on_alloc."""
    for config in machines.every():
        with subject.boot(f"{config} init_on_alloc=1") as machine:
            for order in ORDERS:
                pages = alloc_and_look(subject, machine, order)
                pages.fill(GARBAGE)
                pages.free()


@check(
    "With init_on_free nothing clears again on allocation, __GFP_ZERO or not: what a free leaves dirty, the next "
    "owner reads (mm/page_alloc.c:__free_pages_prepare, 7.3).",
    "free",
)
def zero_on_free(subject: Subject) -> None:
    """Every order on every configuration under init_on_free."""
    for config in machines.every():
        with subject.boot(f"{config} init_on_free=1") as machine:
            for order in ORDERS:
                subject.at(point="free", order=order, npages=1 << order)
                pages = machine.alloc_pages(order, GFP)
                pages.fill(GARBAGE)
                pfn = pages.pfn
                pages.free()
                look(subject, machine, pfn, 1 << order)


@check("__GFP_ZERO asks for one block what init_on_alloc asks for all (include/linux/mm.h:want_init_on_alloc, 7.3).", "alloc")
def zero_on_gfp_zero(subject: Subject) -> None:
    """__GFP_ZERO with what else a caller gives, and with init_on_alloc off."""
    flags = ("", "|__GFP_COMP", "|__GFP_ZEROTAGS", "|__GFP_SKIP_KASAN", "|__GFP_SKIP_ZERO")
    for kasan in machines.KASANS:
        for config in (machines.lowmem(kasan=kasan), machines.highmem(kasan=kasan)):
            with subject.boot(config) as machine:
                for flag in flags:
                    if kasan == "hw_tags" and flag == "|__GFP_SKIP_ZERO":
                        continue  # there it means what it says
                    for order in (0, 3):
                        alloc_and_look(subject, machine, order, f"GFP_HIGHUSER|__GFP_ZERO{flag}")


@check(
    "alloc_pages_bulk() and a list free clear pages that lie anywhere (mm/page_alloc.c:alloc_pages_bulk_noprof, 7.3).",
)
def zero_in_bulk(subject: Subject) -> None:
    """Lists of 1, 2, 100 and 513 order-0 pages, scattered, allocated and freed."""
    for config in (machines.lowmem(), machines.highmem(), machines.lowmem(kasan="generic")):
        for option in ("init_on_alloc=1", "init_on_free=1"):
            with subject.boot(f"{config} {option}") as machine:
                for count in (1, 2, 100, 513):
                    _bulk(subject, machine, count, on_free=option == "init_on_free=1")


def _bulk(subject: Subject, machine: Machine, count: int, *, on_free: bool) -> None:
    subject.at(point="free" if on_free else "alloc", npages=count)
    # Every second page of twice as many, so that no two are neighbours.
    both = machine.alloc_pages_bulk(2 * count, GFP)
    for page in both:
        page.fill(GARBAGE)
    machine.free_pages_bulk(both[::2])
    machine.drain()
    if not on_free:
        # What was freed is garbage still, and comes back first.
        pages = machine.alloc_pages_bulk(count, GFP)
        for page in pages:
            look(subject, machine, page.pfn, 1)
        machine.free_pages_bulk(pages)
    else:
        for page in both[::2]:
            look(subject, machine, page.pfn, 1)
    machine.free_pages_bulk(both[1::2])


@check(
    "A 1 GiB hugetlb page is one init of 262,144 pages, and a byte count in an int or unsigned int ends at 2 or 4 GiB "
    "(mm/page_alloc.c:alloc_contig_frozen_range, 7.3).",
    "alloc",
)
def zero_beyond_4_gib(subject: Subject) -> None:
    """Blocks of 1, 2 and 4 GiB, on few real pages mapped again and again: so what counts is how much was cleared."""
    with subject.boot("memory=12G alias=2M init_on_alloc=1 backing=base") as machine:
        for order in (18, 19, 20):
            subject.at(point="alloc", order=order, npages=1 << order)
            machine.fill(GARBAGE, 0, 512)
            machine.reset_counters()
            pages = machine.alloc_contig(order)
            counters = machine.counters
            cleared = counters.cleared_pages + counters.memset_bytes // machine.config.page_size
            if not _core.take_witness()["asked"]:
                _count(subject, cleared, 1 << order)
                look(subject, machine, 0, 512)
            pages.free()


def _count(subject: Subject, cleared: int, wanted: int) -> None:
    # Stores of a strategy's own are not counted: then the real pages have to speak.
    if cleared and cleared != wanted:
        raise subject.found(f"cleared {cleared:,} pages of {wanted:,}: a byte count too narrow?", npages=wanted)
