"""Nothing else touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks import machines
from clearfw.checks.contents import GFP
from clearfw.conformance import GARBAGE, check

if TYPE_CHECKING:
    from clearfw.conformance import Subject
    from clearfw.machine import Machine


def look_around(subject: Subject, machine: Machine, pfn: int, npages: int) -> None:
    """Raise what was found if memory outside the pages no longer holds garbage, or a struct page is not right."""
    end = pfn + npages
    for start, count in ((0, pfn), (end, machine.nr_pages - end)):
        touched = machine.first_not(GARBAGE, start, count)
        if touched is not None:
            where, offset, byte = touched
            side = f"{where - end + 1} after the end" if where >= end else f"{pfn - where} before the beginning"
            raise subject.found(
                f"wrote byte {byte:#04x} at offset {offset:#x} of pfn {where:#x}: page {side} of its block",
                pfn=where,
                offset=offset,
                byte=byte,
            )
    wrong = machine.what_is_wrong()
    if wrong is not None:
        raise subject.found(f"damaged the allocator's own structures: {wrong}")


@check(
    "Behind and before a block lies somebody else's memory, and no check stands between "
    "(mm/page_alloc.c:clear_highpages_kasan_tagged, 7.3)."
)
def nothing_else_touched(subject: Subject) -> None:
    """Blocks with garbage on both sides, the memory of both zones watched to its last byte."""
    for config in (machines.lowmem(), machines.highmem(), machines.lowmem("64K"), machines.highmem("16K")):
        for option in ("init_on_alloc=1", "init_on_free=1"):
            with subject.boot(f"{config} {option}") as machine:
                for order in (0, 1, 4, 9):
                    _one_block(subject, machine, order, on_free=option == "init_on_free=1")


def _one_block(subject: Subject, machine: Machine, order: int, *, on_free: bool) -> None:
    subject.at(point="free" if on_free else "alloc", order=order, npages=1 << order)
    pages = machine.alloc_pages(order, GFP)
    pfn = pages.pfn
    if on_free:
        pages.fill(GARBAGE)
        pages.free()
    look_around(subject, machine, pfn, 1 << order)
    if not on_free:
        pages.fill(GARBAGE)
        pages.free()
    machine.fill(GARBAGE)


@check("The last page of a zone has no page behind it: one too far is a fault, or another zone (mm/page_alloc.c, 7.3).")
def last_page(subject: Subject) -> None:
    """All of memory allocated in single pages and in pairs, the last of each zone among them."""
    for config in ("memory=1M backing=base", "memory=2M highmem=1M kmap=strict backing=base"):
        for order in (0, 1):
            with subject.boot(f"{config} init_on_alloc=1 init_on_free=0") as machine:
                _all_memory(subject, machine, order)


def _all_memory(subject: Subject, machine: Machine, order: int) -> None:
    blocks = []
    for _ in range(machine.nr_pages >> order):
        subject.at(point="alloc", order=order, npages=1 << order)
        block = machine.alloc_pages(order, GFP)
        # The pattern of its owner, which the next clear is to leave alone.
        block.fill(0x55)
        blocks.append(block)
    for block in blocks:
        wrong = block.first_not(0x55)
        if wrong is not None:
            raise subject.found(
                f"wrote into pfn {block.pfn + wrong // machine.config.page_size:#x}, which somebody else had",
                pfn=block.pfn,
                offset=wrong,
            )
