"""Context: what may be done inside an init point, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks import machines
from clearfw.checks.contents import GFP
from clearfw.conformance import LONGEST_CLEAR, check

if TYPE_CHECKING:
    from clearfw.conformance import Subject


@check(
    "Allocation may be atomic, and the bulk allocator holds a spinlock: no might_sleep(), no cond_resched(), no "
    "allocation inside an init point (v2 of the batching patch dropped its cond_resched() for this, 2026)."
)
def atomic_context(subject: Subject) -> None:
    """Blocks and lists in both zones: the core counts what may sleep, and refuses what allocates."""
    for config in (machines.lowmem(), machines.highmem()):
        for option in ("init_on_alloc=1", "init_on_free=1"):
            with subject.boot(f"{config} {option}") as machine:
                for order in (0, 5, 10):
                    subject.at(point="alloc", order=order, npages=1 << order)
                    machine.alloc_pages(order, GFP).free()
                machine.free_pages_bulk(machine.alloc_pages_bulk(64, GFP))
                counters = machine.counters
                if counters.sleeps:
                    raise subject.found(f"called might_sleep() or cond_resched() {counters.sleeps} times")
                if counters.warnings:
                    raise subject.found(f"WARN_ON() fired {counters.warnings} times")


@check(
    "One clear is one instruction on some CPUs, and cannot be interrupted: the longest is to stay within "
    "PROCESS_PAGES_NON_PREEMPT_BATCH, 32 MiB (include/linux/mm.h, 7.3)."
)
def longest_clear(subject: Subject) -> None:
    """The longest single primitive call over every buddy order; beyond the limit a remark, in a buddy block a finding."""
    for page_size in ("4K", "64K"):
        with subject.boot(f"{machines.lowmem(page_size)} init_on_alloc=1") as machine:
            for order in range(11):
                subject.at(point="alloc", order=order, npages=1 << order)
                machine.reset_counters()
                machine.alloc_pages(order, GFP).free()
                pages = machine.counters.longest_clear
                if pages > 1 << order:
                    raise subject.found(f"one clear of {pages} pages for a block of {1 << order}")
                if pages * machine.config.page_size > LONGEST_CLEAR:
                    subject.remark(
                        f"clears {pages * machine.config.page_size >> 20} MiB in one call with {page_size} pages, over "
                        f"{LONGEST_CLEAR >> 20} MiB: nothing interrupts it"
                    )
