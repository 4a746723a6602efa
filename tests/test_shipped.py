"""Every shipped strategy, on every configuration: all that it claims is zero, at every init point."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from clearfw import registry
from clearfw.errors import UnclaimedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw._core import Pages
    from clearfw.machine import Machine

    Boot = Callable[..., Machine]

DIRT = 0x5A
# Both halves of the kernel's helper: each claims where the other passes on.
STACKS = ("per_page", "s390_memset", "batched+highmem_fallback")
VMALLOC = ("vmalloc_contiguous", "vmalloc_per_page", "vmalloc_runs")
CONFIGS = [
    " ".join(words)
    for words in product(
        ("page_size=4K", "page_size=16K", "page_size=64K"),
        ("highmem=0", "highmem=8M"),
        ("kasan=off", "kasan=generic", "kasan=sw_tags", "kasan=hw_tags"),
    )
]
# Under hw_tags page_alloc asks a strategy only for what has no tag: by this every other block.
DROPS = "kasan.page_alloc.sample=2 kasan.page_alloc.sample.order=0"
ASKS = "kasan.vmalloc=off vmalloc_init=always init_on_alloc=1"


def test_every_shipped_strategy_is_tried_here() -> None:
    """A new one is to be added above."""
    shipped = {
        name
        for info in registry.default().plugins
        if info.origin.startswith("entry point clearfw_plugins.")
        for name in info.strategies
    }

    assert shipped == {*"+".join(STACKS).split("+"), *VMALLOC}


def soil(machine: Machine) -> None:
    """Fill everything that is free with garbage, past every init point that can be had to pass."""
    for gfp in ("GFP_KERNEL|__GFP_SKIP_ZERO", "GFP_HIGHUSER|__GFP_SKIP_ZERO"):
        pages = machine.alloc_pages_bulk(machine.nr_pages // 4, gfp)
        for page in pages:
            page.fill(DIRT)
        machine.free_pages_bulk(pages)


def block(machine: Machine, order: int, gfp: str) -> Pages:
    """Return a block of ORDER that was full of garbage just before it was freed."""
    dirty = machine.alloc_pages(order, gfp)
    dirty.fill(DIRT)
    dirty.free()
    pages = machine.alloc_pages(order, gfp)
    assert pages.pfn == dirty.pfn
    return pages


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("option", ["init_on_alloc", "init_on_free"])
@pytest.mark.parametrize("config", CONFIGS)
def test_all_pages_are_zero(boot: Boot, config: str, option: str, stack: str) -> None:
    """Blocks of small and large order and batches, in both zones; KASAN has nothing to report."""
    machine = boot(f"{config} {DROPS} {option}=1", stack)
    for gfp in ("GFP_KERNEL", "GFP_HIGHUSER"):
        for order in (0, 1, 4, 6):
            with block(machine, order, gfp) as pages:
                assert pages.first_not(0) is None
        soil(machine)
        batch = machine.alloc_pages_bulk(30, gfp)
        assert {page.first_not(0) for page in batch} == {None}
        machine.free_pages_bulk(batch)

    counters = machine.counters
    assert counters.inits > 0
    assert (counters.kasan_reports, counters.warnings, counters.sleeps) == (0, 0, 0)
    cleared = counters.memsets if stack == "s390_memset" else counters.cleared_pages
    assert cleared == counters.pages


@pytest.mark.parametrize("stack", VMALLOC)
@pytest.mark.parametrize("config", CONFIGS)
def test_all_areas_are_zero(boot: Boot, config: str, stack: str) -> None:
    """Areas of one byte, of a page and a byte, and of many pages; huge or not."""
    machine = boot(f"{config} {ASKS}", stack + "+per_page")
    page = machine.config.page_size
    for nbytes in (1, page, page + 1, 77 * page - 5):
        for huge in (False, True):
            soil(machine)
            machine.reset_counters()
            area = machine.vmalloc(nbytes, huge=huge)
            with memoryview(area) as view:
                assert not any(view.tobytes())
            assert machine.counters.inits == 1
            assert machine.counters.pages == machine.counters.cleared_pages == area.npages
    assert machine.counters.kasan_reports == 0


@pytest.mark.parametrize("kasan", ["off", "generic"])
@pytest.mark.parametrize(("highmem", "claims"), [("0", "batched"), ("8M", "highmem_fallback")])
def test_each_half_of_the_helper_claims_on_one_kind_of_kernel(
    boot: Boot, highmem: str, claims: str, kasan: str
) -> None:
    """CONFIG_HIGHMEM decides, at compile time, and for lowmem pages too."""
    for stack in ("batched", "highmem_fallback"):
        machine = boot(f"highmem={highmem} kasan={kasan} init_on_alloc=1", stack)
        if stack == claims:
            assert block(machine, 3, "GFP_KERNEL").first_not(0) is None
            continue
        with pytest.raises(UnclaimedError):
            machine.alloc_pages(3)


def test_what_each_costs_is_counted(boot: Boot) -> None:
    """A block of 16 pages: one primitive call batched, 16 page by page; an area of 16: so many look-ups."""
    calls = {}
    for stack in ("per_page", "batched"):
        machine = boot("init_on_alloc=1", stack)
        machine.alloc_pages(4)
        calls[stack] = (machine.counters.clear_calls, machine.counters.longest_clear)
    assert calls == {"per_page": (16, 1), "batched": (1, 16)}

    walks = {}
    for stack in VMALLOC:
        machine = boot("init_on_alloc=1 vmalloc_init=always", stack)
        machine.vmalloc(16 * 4096)
        walks[stack] = (machine.counters.page_walks, machine.counters.clear_calls)
    assert walks == {"vmalloc_contiguous": (0, 1), "vmalloc_per_page": (16, 16), "vmalloc_runs": (1, 1)}
