"""KASAN: no report, no write skipped, nothing of its state changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks.check import check
from clearfw.checks.questions import machines
from clearfw.checks.questions.contents import GFP, ORDERS, alloc_and_look, free_and_look

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject
    from clearfw.machine import Machine


def _walk(subject: Subject, kasan: str) -> None:
    """Every order with 4 KiB pages and a few with 64 KiB, in both zones, on alloc and on free."""
    for page_size, orders in (("4K", ORDERS), ("64K", (0, 3))):
        for config in machines.both(page_size, kasan):
            with subject.boot(f"{config} init_on_alloc=1") as machine, _watched(subject, machine):
                alloc_and_look(subject, machine, orders)
            with subject.boot(f"{config} init_on_free=1") as machine, _watched(subject, machine):
                free_and_look(subject, machine, orders)


class _watched:  # noqa: N801  it reads as a with statement
    """Raises KASAN's report, if there was one, before whatever else was found: it is the cause."""

    def __init__(self, subject: Subject, machine: Machine) -> None:
        self.subject, self.machine = subject, machine

    def __enter__(self) -> None:
        pass

    def __exit__(self, *raised: object) -> None:
        if not self.machine.counters.kasan_reports:
            return
        report = self.machine.kasan_report
        shadow, pfn = (report["memory_tag"], report["pfn"]) if report else (0, None)
        raise self.subject.found(
            f"memset() of memory that KASAN does not let through (shadow or tag {shadow:#04x}) was "
            "reported, and so did not write: guard it with kasan_disable_current() and "
            "kasan_enable_current(), and kasan_reset_tag()",
            pfn=pfn,
        ) from None


@check(
    "On free KASAN poisons before the clear, and s390's clear_page() is a memset() that KASAN checks: "
    "unguarded it is reported, and does not write (mm/kasan/shadow.c:memset, 7.3)."
)
def kasan_generic_quiet(subject: Subject) -> None:
    """Allocations and frees under the generic mode: no report, and all zero."""
    _walk(subject, "generic")


@check(
    "page_address() carries the tag of the last owner, and memory the tag of nobody: kasan_reset_tag() "
    "before it is used (include/linux/highmem.h:clear_highpage_kasan_tagged, 7.3).",
    "alloc",
    "free",
    "vmalloc",
)
def kasan_tag_reset(subject: Subject) -> None:
    """Every init point under the tag modes, where a tag left in an address faults."""
    for kasan in subject.kasans("sw_tags", "hw_tags"):
        if subject.points() & {"alloc", "free"}:
            _walk(subject, kasan)
    if "vmalloc" in subject.points():
        with subject.boot(
            "memory=8M kasan=sw_tags vmalloc_init=always init_on_alloc=1 backing=base"
        ) as machine:
            subject.at(point="vmalloc", npages=3)
            with machine.vmalloc(3 * machine.config.page_size), _watched(subject, machine):
                pass


@check(
    "kasan_depth counts for the whole task: a guard that is not taken back hides every later report "
    "(include/linux/kasan.h:kasan_enable_current, 7.3)."
)
def kasan_depth_balanced(subject: Subject) -> None:
    """Blocks and lists: the core refuses a strategy that returns with another depth."""
    for config in machines.both(kasan="generic"):
        for point, option in machines.OPTIONS.items():
            with subject.boot(f"{config} {option}") as machine:
                for order in (0, 3):
                    subject.at(point=point, order=order, npages=1 << order)
                    machine.alloc_pages(order, GFP).free()
                for npages in (1, 2, 33):
                    subject.at(point=point, npages=npages)
                    machine.free_pages_bulk(machine.alloc_pages_bulk(npages, GFP))
