"""In a stack, and on several CPUs: claim what was cleared, pass on what was not, let others see it."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

from clearfw import _core
from clearfw.checks.check import check
from clearfw.checks.questions import machines
from clearfw.checks.questions.contents import GFP, look
from clearfw.checks.subject import GARBAGE

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject
    from clearfw.machine import Machine

# How long to wait for this CPU to show an unfenced store late, and how many times longer for a strategy's.
_CONTROL_NS = 250_000_000
_PATIENCE = 8

# Of each thread on each machine: the threads meet at once on two processors, and as a rule on one.
_TURNS = 100


@check(
    "What is passed on is cleared by the next in the stack: to clear it and pass it on is to clear it "
    "twice (our stacks)."
)
def passed_on_untouched(subject: Subject) -> None:
    """Whatever the witness below is asked for holds its garbage whole."""
    for kasan in subject.kasans("off", "hw_tags"):
        for config in machines.both(kasan=kasan):
            for point, option in machines.OPTIONS.items():
                with subject.boot(f"{config} {option}") as machine:
                    for order in (0, 4):
                        subject.at(point=point, order=order, npages=1 << order)
                        machine.alloc_pages(order, GFP).free()
                        _look_below(subject)


def _look_below(subject: Subject) -> None:
    seen = subject.take_witness()
    if seen["touched"]:
        raise subject.found(
            f"wrote to pfn {seen['pfn']:#x} and passed it on all the same: claim what was cleared",
            pfn=seen["pfn"],
        )


@check(
    "A strategy that passes everything on, everywhere, clears nothing: it is no strategy (our stacks).",
    "alloc",
    "free",
    "vmalloc",
)
def claims_something(subject: Subject) -> None:
    """On some configuration, at some point it serves, it claims."""
    for kasan, option in itertools.product(subject.kasans("off", "hw_tags"), machines.OPTIONS.values()):
        for config in machines.both(kasan=kasan):
            with subject.boot(f"{config} {option} vmalloc_init=always") as machine:
                subject.at(npages=2)
                machine.alloc_pages(1, GFP).free()
                machine.vmalloc(2 * machine.config.page_size).free()
                if subject.take_witness()["asked"] < machine.counters.inits:
                    return
    raise subject.found("passed on every block and every area, with and without HIGHMEM and KASAN")


@check(
    "Allocation runs on every CPU at once: a strategy keeps no state that is not the task's "
    "(mm/page_alloc.c, 7.3)."
)
def two_threads(subject: Subject) -> None:
    """Two threads allocate, dirty and free at the same time, and each looks at every byte."""
    for config in machines.both():
        for point, option in machines.OPTIONS.items():
            with subject.boot(f"{config} {option}") as machine:
                subject.at(point=point)
                _together(subject, machine)


def _together(subject: Subject, machine: Machine) -> None:
    wrong: list[BaseException] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        try:
            for turn in range(_TURNS):
                # Large blocks: the lock of the interpreter is let go, and even on one processor some clear is
                # interrupted by another.
                pages = machine.alloc_pages(_core.MAX_ORDER - turn % 2, GFP)
                look(subject, machine, pages.pfn, pages.npages)
                pages.fill(GARBAGE)
                pages.free()
        except BaseException as error:  # noqa: BLE001  it is raised again below, in the thread that asks
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


@check(
    "Non-temporal stores are weakly ordered: without a fence before the init point returns, another CPU may"
    " read what was there before (Arora's proposals of 2022: clear_page_make_coherent())."
)
def visible_on_return(subject: Subject) -> None:
    """The core refuses a return without the fence; a strategy's own stores face a litmus test.

    That test can find a missing fence, and never prove that there is one.
    """
    nontemporal = subject.nontemporal()
    if not nontemporal:
        subject.remark("this CPU has no non-temporal primitive: nothing here could be out of order")
        return
    for option in machines.OPTIONS.values():
        with subject.boot(f"{machines.lowmem()} {option} primitive={nontemporal[0]}") as machine:
            for order in (0, 5):
                subject.at(order=order, npages=1 << order)
                machine.alloc_pages(order, GFP).free()
            machine.free_pages_bulk(machine.alloc_pages_bulk(64, GFP))
    if not subject.strategy.interpreted:  # Python has no stores but the core's
        _litmus(subject, nontemporal[0])


def _litmus(subject: Subject, unfenced: str) -> None:
    """Two threads: one clears and sets a flag, the other sees the flag and reads."""
    with subject.boot(machines.lowmem()) as machine:
        # Whether this CPU shows at all what is looked for: only then does seeing nothing say something.
        began = time.monotonic_ns()
        rounds, shown = machine.litmus("alloc", 1, _CONTROL_NS, unfenced)
        if shown is None:
            subject.remark(
                f"this CPU showed no unfenced store late in {rounds:,} rounds of a litmus test: stores that"
                " are not the core's went untested"
            )
            return
        patience_ns = min(4 * _CONTROL_NS, _PATIENCE * (time.monotonic_ns() - began))
        for point in sorted(subject.points() & {"alloc", "free"}):
            subject.at(point=point, npages=1)
            rounds, late = machine.litmus(point, 1, patience_ns)
            if late is not None:
                raise subject.found(
                    f"another CPU read old data at offset {late:#x} after the init point had returned (round "
                    f"{rounds:,}): fence non-temporal stores before returning",
                    pfn=1,
                    offset=late,
                )
