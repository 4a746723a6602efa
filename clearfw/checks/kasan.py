"""KASAN: no report, no write skipped, nothing of its state changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks import machines
from clearfw.checks.contents import GFP, look
from clearfw.conformance import GARBAGE, check

if TYPE_CHECKING:
    from clearfw.conformance import Subject
    from clearfw.machine import Machine


def _free_blocks(subject: Subject, machine: Machine) -> None:
    for order in (0, 3, 9):
        subject.at(point="free", order=order, npages=1 << order)
        pages = machine.alloc_pages(order, GFP)
        pages.fill(GARBAGE)
        pfn = pages.pfn
        pages.free()
        _look_for_reports(subject, machine)
        look(subject, machine, pfn, 1 << order)


def _look_for_reports(subject: Subject, machine: Machine) -> None:
    if not machine.counters.kasan_reports:
        return
    report = machine.kasan_report
    shadow = f"shadow {report['memory_tag']:#04x}" if report else "?"
    pfn = report["pfn"] if report else None
    raise subject.found(
        f"memset() of a page that KASAN has marked free already ({shadow}) was reported, and so did not write: guard it "
        "with kasan_disable_current() and kasan_enable_current()",
        pfn=pfn,
    )


@check(
    "On free KASAN poisons before the clear, and s390's clear_page() is a memset() that KASAN checks: unguarded it is "
    "reported, and does not write (mm/kasan/shadow.c:memset, 7.3).",
    "free",
)
def kasan_generic_quiet(subject: Subject) -> None:
    """Frees under the generic mode: no report, and all zero."""
    with subject.boot(f"{machines.lowmem(kasan='generic')} init_on_free=1") as machine:
        _free_blocks(subject, machine)


@check(
    "page_address() carries the tag of the last owner, and memory the tag of nobody: kasan_reset_tag() before it is "
    "used (include/linux/highmem.h:clear_highpage_kasan_tagged, 7.3).",
)
def kasan_tag_reset(subject: Subject) -> None:
    """Allocation and free under both tag modes, where a tag left in an address faults."""
    for kasan in ("sw_tags", "hw_tags"):
        with subject.boot(f"{machines.lowmem(kasan=kasan)} init_on_free=1") as machine:
            _free_blocks(subject, machine)
        with subject.boot(f"{machines.lowmem(kasan=kasan)} init_on_alloc=1") as machine:
            for gfp in (GFP, f"{GFP}|__GFP_SKIP_KASAN"):
                subject.at(point="alloc", order=3, npages=8)
                pages = machine.alloc_pages(3, gfp)
                _look_for_reports(subject, machine)
                look(subject, machine, pages.pfn, 8)


@check(
    "kasan_depth counts for the whole task: a guard that is not taken back hides every later report "
    "(include/linux/kasan.h:kasan_enable_current, 7.3)."
)
def kasan_depth_balanced(subject: Subject) -> None:
    """Every way out of the strategy: the core refuses one that returns with another depth."""
    for kasan in ("generic", "sw_tags"):
        for config in (machines.lowmem(kasan=kasan), machines.highmem(kasan=kasan)):
            for option in ("init_on_alloc=1", "init_on_free=1"):
                with subject.boot(f"{config} {option}") as machine:
                    for order in (0, 3):
                        subject.at(point="alloc", order=order, npages=1 << order)
                        machine.alloc_pages(order, GFP).free()
                        subject.at(point="alloc", npages=2)
                        machine.free_pages_bulk(machine.alloc_pages_bulk(2, GFP))
