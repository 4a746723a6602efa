"""Context: what may be done inside an init point, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks.check import check
from clearfw.checks.questions import machines
from clearfw.checks.questions.contents import GFP, ORDERS
from clearfw.checks.subject import LONGEST_CLEAR

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject
    from clearfw.machine import Machine


@check(
    "Allocation may be atomic, and the bulk allocator holds a spinlock: no might_sleep(), no "
    "cond_resched(), no allocation inside an init point (v2 of the batching patch dropped its "
    "cond_resched() for this, 2026)."
)
def atomic_context(subject: Subject) -> None:
    """Blocks and lists in both zones: the core counts what may sleep, and refuses what allocates."""
    for config in machines.both():
        for point, option in machines.OPTIONS.items():
            with subject.boot(f"{config} {option}") as machine:
                for order in (0, 5, 10):
                    subject.at(point=point, order=order, npages=1 << order)
                    machine.alloc_pages(order, GFP).free()
                    _look_for_sleep(subject, machine)
                subject.at(point=point, npages=64)
                machine.free_pages_bulk(machine.alloc_pages_bulk(64, GFP))
                _look_for_sleep(subject, machine)
    _remark_on_longest(subject)


def _look_for_sleep(subject: Subject, machine: Machine) -> None:
    counters = machine.counters
    if counters.sleeps:
        raise subject.found(
            f"called might_sleep() or cond_resched() {counters.sleeps} times: here the caller may hold a "
            "spinlock"
        )
    if counters.warnings:
        raise subject.found(f"WARN_ON() fired {counters.warnings} times")


def _remark_on_longest(subject: Subject) -> None:
    """One call may be one instruction, which nothing interrupts: not wrong, and worth knowing."""
    with subject.boot(f"{machines.lowmem('64K')} init_on_alloc=1") as machine:
        order = ORDERS[-1]
        subject.at(point="alloc", order=order, npages=1 << order)
        machine.alloc_pages(order, GFP)
        nbytes = machine.counters.longest_clear * machine.config.page_size
    if nbytes > LONGEST_CLEAR:
        subject.remark(
            f"clears {nbytes >> 20} MiB in one call with pages of 64 KiB, over the {LONGEST_CLEAR >> 20} "
            "MiB of PROCESS_PAGES_NON_PREEMPT_BATCH: nothing interrupts it"
        )
