"""In a stack, and on several CPUs: claim what was cleared, pass on what was not, and see to it that others see it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from clearfw import _core
from clearfw.checks import machines
from clearfw.checks.contents import GFP, look
from clearfw.conformance import GARBAGE, check

if TYPE_CHECKING:
    from clearfw.conformance import Subject
    from clearfw.machine import Machine


@check("What is passed on is cleared by the next in the stack: to clear it and pass it on is to clear it twice (our stacks).")
def passed_on_untouched(subject: Subject) -> None:
    """Whatever the witness below is asked for holds its garbage whole."""
    for config in machines.every("4K"):
        for option in ("init_on_alloc=1", "init_on_free=1"):
            with subject.boot(f"{config} {option}") as machine:
                for order in (0, 4):
                    subject.at(point=option[8:-2], order=order, npages=1 << order)
                    pages = machine.alloc_pages(order, GFP)
                    pages.fill(GARBAGE)
                    pages.free()
                seen = _core.take_witness()
                if seen["touched"]:
                    raise subject.found(
                        f"wrote to pfn {seen['pfn']:#x} and passed it on all the same: claim what was cleared",
                        pfn=seen["pfn"],
                    )


@check("A strategy that passes everything on, everywhere, clears nothing: it is no strategy (our stacks).")
def claims_something(subject: Subject) -> None:
    """On some configuration, at some point it serves, it claims."""
    for config in (machines.lowmem(), machines.highmem()):
        for option in ("init_on_alloc=1", "init_on_free=1"):
            with subject.boot(f"{config} {option}") as machine:
                asked = 0
                for order in (0, 1, 9):
                    subject.at(order=order, npages=1 << order)
                    machine.alloc_pages(order, GFP).free()
                    asked += 1
                if _core.take_witness()["asked"] < asked:
                    return
    raise subject.found("passed on every block of every order, with and without HIGHMEM")


@check("Allocation runs on every CPU at once: a strategy keeps no state that is not the task's (mm/page_alloc.c, 7.3).")
def two_threads(subject: Subject) -> None:
    """Two threads allocate, dirty and free at the same time, and each looks at every byte."""
    for config in (machines.lowmem(), "memory=32M highmem=16M kmap=priced backing=base"):
        for option in ("init_on_alloc=1", "init_on_free=1"):
            with subject.boot(f"{config} {option}") as machine:
                subject.at(npages=64)
                machine.fill(0 if "free" in option else GARBAGE)
                _together(subject, machine)


def _together(subject: Subject, machine: Machine) -> None:
    wrong: list[BaseException] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        try:
            for turn in range(150):
                # Above order 3 the lock of the interpreter is let go, and the clears really overlap.
                pages = machine.alloc_pages(4 + turn % 5, GFP)
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
    "Non-temporal stores are weakly ordered: without a fence before the init point returns, another CPU may read what was "
    "there before (Arora's proposals of 2022: clear_page_make_coherent())."
)
def visible_on_return(subject: Subject) -> None:
    """With a non-temporal primitive where this CPU has one: the core refuses a return without the fence."""
    nontemporal = [one["name"] for one in _core.primitives() if one["nontemporal"] and one["supported"]]
    if not nontemporal:
        subject.remark("this CPU has no non-temporal primitive: nothing here could be out of order")
        return
    for option in ("init_on_alloc=1", "init_on_free=1"):
        with subject.boot(f"{machines.lowmem()} {option} primitive={nontemporal[0]}") as machine:
            for order in (0, 5):
                subject.at(order=order, npages=1 << order)
                machine.alloc_pages(order, GFP).free()
            machine.free_pages_bulk(machine.alloc_pages_bulk(64, GFP))
