"""HIGHMEM: nothing without a mapping, and mappings as a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks.check import check
from clearfw.checks.questions import machines
from clearfw.checks.questions.contents import alloc_and_look, free_and_look

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject


@check(
    "A HIGHMEM page has no address before kmap_local_page() and none after kunmap_local(), of which the "
    "newest comes first and 16 are the most (mm/highmem.c, 7.3)."
)
def highmem_mapped(subject: Subject) -> None:
    """Blocks of both zones, with slots that really map and unmap."""
    for page_size in ("4K", "64K"):
        config = machines.highmem(page_size, kmap="strict")
        with subject.boot(f"{config} init_on_alloc=1") as machine:
            for gfp in ("GFP_HIGHUSER", "GFP_KERNEL"):
                alloc_and_look(subject, machine, (0, 1, 5), gfp)
        with subject.boot(f"{config} init_on_free=1") as machine:
            free_and_look(subject, machine, (0, 5))


@check(
    "The decision is CONFIG_HIGHMEM's, at compile time: on such a kernel lowmem too is mapped page by page,"
    " and a mapping that is not needed costs nothing (include/linux/highmem.h:clear_highpage_kasan_tagged, "
    "7.3).",
    "alloc",
)
def kmaps_as_few_as_pages(subject: Subject) -> None:
    """Counts mappings: at most one a page, and none at all for lowmem."""
    with subject.boot(f"{machines.highmem()} init_on_alloc=1") as machine:
        for gfp, most in (("GFP_HIGHUSER", 32), ("GFP_KERNEL", 0)):
            subject.at(point="alloc", order=5, npages=32)
            machine.reset_counters()
            machine.alloc_pages(5, gfp)
            kmaps = machine.counters.kmaps
            if kmaps > most and not subject.take_witness()["asked"]:
                raise subject.found(f"mapped {kmaps} times for 32 pages, {most} is the most that is needed")
