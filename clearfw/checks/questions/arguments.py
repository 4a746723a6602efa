"""The arguments: any number of pages, and struct pages that stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks.check import check
from clearfw.checks.emulated import STRUCT_PAGE
from clearfw.checks.questions import machines
from clearfw.checks.questions.contents import look, look_around
from clearfw.checks.subject import GARBAGE

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject
    from clearfw.machine import Machine

# struct page of clearfw/abi.h, field by field; private shares its place with lru.
_FIELDS = ("flags", "pfn", "virtual", "private", "order", "kasan_tag", "zone", "reserved", "mapcount")


@check(
    "numpages is an int, and nothing says that it is a power of two: a loop that counts otherwise breaks "
    "with its next caller. It is never 0 (mm/page_alloc.c:kernel_init_pages, 7.3)."
)
def any_count(subject: Subject) -> None:
    """Runs of 1, 3, 5, 7, 17 and 100 pages, given to the init point as they are."""
    for config in machines.both():
        with subject.boot(config) as machine:
            for point in sorted(subject.points() & {"alloc", "free"}):
                for npages in (1, 3, 5, 7, 17, 100):
                    _run(subject, machine, point, npages)


def _run(subject: Subject, machine: Machine, point: str, npages: int) -> None:
    subject.at(point=point, npages=npages)
    # In the middle of the upper zone, whichever that is.
    pfn = machine.max_pfn - 1024
    machine.fill(GARBAGE)
    machine.init_pages(point, pfn, npages)
    look(subject, machine, pfn, npages)
    look_around(subject, machine, pfn, npages)


@check(
    "The struct pages are the allocator's, which reads their flags, tags and links again on its way back, "
    "and a list of pages is its caller's (mm/page_alloc.c:post_alloc_hook, 7.3)."
)
def arguments_untouched(subject: Subject) -> None:
    """Every field of every struct page, and the list of a bulk, before and after."""
    for config in machines.both():
        with subject.boot(config) as machine:
            for point in sorted(subject.points() & {"alloc", "free"}):
                subject.at(point=point, npages=8)
                before = machine.struct_pages()
                machine.init_pages(point, machine.max_pfn - 1024, 8)
                _compare(subject, machine, before)
                _list(subject, machine, point)


def _list(subject: Subject, machine: Machine, point: str) -> None:
    pfns = list(range(machine.max_pfn - 16, machine.max_pfn, 2))
    before = machine.struct_pages()
    after = machine.init_bulk(point, pfns)
    _compare(subject, machine, before)
    # What was passed on changes places; nothing comes or goes.
    if sorted(pfn or -1 for pfn in after) != pfns:
        shown = ", ".join("NULL" if pfn is None else f"{pfn:#x}" for pfn in after)
        raise subject.found(
            f"changed the list of pages it was given, which is now {shown}: it is its caller's"
        )


def _compare(subject: Subject, machine: Machine, before: bytes) -> None:
    after = machine.struct_pages()
    if before == after:
        return
    pages = zip(STRUCT_PAGE.iter_unpack(before), STRUCT_PAGE.iter_unpack(after), strict=True)
    pfn, (old, new) = next(
        (pfn, pair) for pfn, pair in enumerate(pages, machine.first_pfn) if pair[0] != pair[1]
    )
    field = next(index for index, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1])
    raise subject.found(
        f"changed {_FIELDS[field]} of the struct page of pfn {pfn:#x} from {old[field]:#x} to "
        f"{new[field]:#x}: struct pages are the allocator's",
        pfn=pfn,
    )
