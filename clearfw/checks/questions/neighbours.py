"""Nothing else touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks.check import check
from clearfw.checks.questions import machines
from clearfw.checks.questions.contents import GFP, look_around
from clearfw.checks.subject import GARBAGE

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject
    from clearfw.machine import Machine

_OWNED = 0x55


@check(
    "Behind and before a block lies somebody else's memory, and behind the last page of a zone another "
    "zone, or nothing: no check stands between (mm/page_alloc.c:clear_highpages_kasan_tagged, 7.3)."
)
def nothing_else_touched(subject: Subject) -> None:
    """Blocks with garbage on both sides, all of memory watched; then memory full of blocks with owners."""
    for config in (*machines.both(), "memory=4M page_size=64K backing=base"):
        for point, option in machines.OPTIONS.items():
            with subject.boot(f"{config} {option}") as machine:
                for order in (0, 1, 5):
                    _one_block(subject, machine, point, order)
    for config in ("memory=1M backing=base", "memory=2M highmem=1M kmap=priced backing=base"):
        for order in (0, 1):
            with subject.boot(f"{config} init_on_alloc=1") as machine:
                _all_memory(subject, machine, order)


def _one_block(subject: Subject, machine: Machine, point: str, order: int) -> None:
    subject.at(point=point, order=order, npages=1 << order)
    # Once for nothing, to learn where it will be: the same block comes back.
    pages = machine.alloc_pages(order, GFP)
    machine.fill(GARBAGE)
    pages.free()
    if point == "alloc":
        machine.fill(GARBAGE)
        again = machine.alloc_pages(order, GFP)
        look_around(subject, machine, again.pfn, 1 << order)
        again.free()
    else:
        look_around(subject, machine, pages.pfn, 1 << order)


def _all_memory(subject: Subject, machine: Machine, order: int) -> None:
    blocks = []
    for _ in range(machine.nr_pages >> order):
        subject.at(point="alloc", order=order, npages=1 << order)
        block = machine.alloc_pages(order, GFP)
        # The pattern of its owner, which the next clear is to leave alone.
        block.fill(_OWNED)
        blocks.append(block)
    for block in blocks:
        wrong = block.first_not(_OWNED)
        if wrong is not None:
            pfn = block.pfn + wrong // machine.config.page_size
            raise subject.found(
                f"wrote at offset {wrong % machine.config.page_size:#x} of pfn {pfn:#x}, which somebody "
                "else had",
                pfn=pfn,
                offset=wrong % machine.config.page_size,
            )
