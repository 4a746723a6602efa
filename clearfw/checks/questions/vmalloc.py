"""vmalloc: scattered pages at consecutive addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks.check import check
from clearfw.checks.questions import machines
from clearfw.checks.subject import GARBAGE

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject
    from clearfw.machine import Machine

# As the kernel has it, and then what if it cleared every area.
_KERNEL = "kasan.vmalloc=off init_on_alloc=1"
_ALWAYS = "vmalloc_init=always init_on_alloc=1"


def _clears(subject: Subject) -> tuple[str, str]:
    """Return kasan= and the options with which a kernel clears areas at this point; else what if one did."""
    if "hw_tags" in subject.kasans("off", "hw_tags"):
        return "hw_tags", _KERNEL
    return "off", _ALWAYS


def _area(subject: Subject, machine: Machine, nbytes: int, *, huge: bool = False) -> None:
    """Have an area cleared: every page of it zero, the last one whole; every other page as it was."""
    subject.at(point="vmalloc", npages=-(-nbytes // machine.config.page_size))
    machine.fill(GARBAGE)
    with machine.vmalloc(nbytes, huge=huge) as area:
        for index, pfn in enumerate(area.pfns):
            dirty = machine.first_not(0, pfn, 1)
            if dirty is not None:
                raise subject.found(
                    f"left offset {dirty[1]:#x} of page {index} of {area.npages} dirty (pfn {pfn:#x}), in "
                    f"an area of {nbytes:,} bytes: every page counts whole, wherever it lies",
                    pfn=pfn,
                    offset=dirty[1],
                    byte=dirty[2],
                )
        _look_between(subject, machine, area.pfns)


def _look_between(subject: Subject, machine: Machine, pfns: list[int]) -> None:
    start = machine.first_pfn
    for pfn in [*sorted(pfns), machine.max_pfn]:
        touched = machine.first_not(GARBAGE, start, pfn - start)
        if touched is not None:
            raise subject.found(
                f"wrote to pfn {touched[0]:#x}, which is no page of the area: its pages are not contiguous",
                pfn=touched[0],
                offset=touched[1],
                byte=touched[2],
            )
        start = pfn + 1


@check(
    "init_vmalloc_pages() is given the size as asked for and clears the last page whole: size >> PAGE_SHIFT"
    " pages are one too few (mm/kasan/hw_tags.c:init_vmalloc_pages, 7.3).",
    "vmalloc",
)
def vmalloc_whole(subject: Subject) -> None:
    """Areas of a byte, a page, a page and a byte, and two pages but a byte, on every kind of machine."""
    kasan, when = _clears(subject)
    small = f"memory={{}} page_size={{}} kasan={kasan} {when} backing=base"
    configs = [small.format(*one) for one in (("1M", "4K"), ("4M highmem=2M", "16K"), ("8M", "64K"))]
    configs += [f"memory=1M kasan={kasan} {_ALWAYS} backing=base" for kasan in ("off", "generic")]
    configs += [f"memory=2M highmem=1M {_ALWAYS} kmap=strict backing=base"]
    for config in configs:
        with subject.boot(config) as machine:
            page = machine.config.page_size
            for nbytes in (1, page, page + 1, 2 * page - 1):
                _area(subject, machine, nbytes)


@check(
    "vmalloc pages lie anywhere, in runs of all lengths, some under one huge leaf: the direct map and "
    "virt_to_page() know nothing of them (mm/vmalloc.c:vm_area_alloc_pages, 7.3; Mark Rutland's fix "
    "6c2f761dad78, 2023).",
    "vmalloc",
)
def vmalloc_scattered(subject: Subject) -> None:
    """Areas of single pages, of runs of all lengths, and of PMD-sized leaves with small pages behind them."""
    kasan, when = _clears(subject)
    config = f"memory=8M kasan={kasan} {when} backing=base"
    with subject.boot(config) as machine, subject.fragmented(machine):
        for npages in (2, 100):
            _area(subject, machine, npages * machine.config.page_size)
    with subject.boot(config) as machine:
        _punch_holes(machine)
        for npages in (7, 700):
            _area(subject, machine, npages * machine.config.page_size)
    with subject.boot(f"{machines.lowmem(kasan=kasan)} {when}") as machine:
        _area(subject, machine, (2 << 20) + 3 * machine.config.page_size, huge=True)


def _punch_holes(machine: Machine) -> None:
    blocks = [machine.alloc_pages(order) for order in (0, 1, 0, 2, 0, 3, 0, 4)]
    for block in blocks[::2]:
        block.free()
    machine.drain()
