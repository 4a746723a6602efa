"""Many single pages as one batch, and contiguous blocks beyond the buddy's largest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw.errors import DoubleFreeError, ForeignFreeError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.machine import Machine

    Boot = Callable[..., Machine]

DIRT = 0x5A


def test_a_bulk_allocation_is_one_init(boot: Boot) -> None:
    """All pages are cleared as one batch, and counted so."""
    machine = boot("init_on_alloc=1")
    for page in (dirty := machine.alloc_pages_bulk(50)):
        page.fill(DIRT)
    machine.free_pages_bulk(dirty)
    machine.reset_counters()

    pages = machine.alloc_pages_bulk(50)

    assert {page.first_not(0) for page in pages} == {None}
    assert len({page.pfn for page in pages}) == 50
    counters = machine.counters
    assert (counters.inits, counters.pages, counters.cleared_pages, counters.allocs) == (1, 50, 50, 50)


def test_a_bulk_free_is_one_init(boot: Boot) -> None:
    """Under init_on_free the same batch is cleared when it goes back."""
    machine = boot("init_on_free=1")
    for page in (dirty := machine.alloc_pages_bulk(50)):
        page.fill(DIRT)
    machine.free_pages_bulk(dirty)

    assert (machine.counters.inits, machine.counters.cleared_pages) == (1, 50)
    assert {page.first_not(0) for page in machine.alloc_pages_bulk(50)} == {None}


def test_a_bulk_allocation_is_all_or_nothing(boot: Boot) -> None:
    """One page too many, and none is taken."""
    machine = boot()
    free = machine.nr_free

    with pytest.raises(OutOfMemoryError, match=f"no free block of {free + 1} pages"):
        machine.alloc_pages_bulk(free + 1)

    assert machine.nr_free == free
    assert len(machine.alloc_pages_bulk(free)) == free


def test_a_bulk_free_is_all_or_nothing(boot: Boot) -> None:
    """If one page cannot be freed, or the list has it twice, no page is freed."""
    machine = boot()
    pages = machine.alloc_pages_bulk(3)
    free = machine.nr_free

    with pytest.raises(DoubleFreeError):
        machine.free_pages_bulk([*pages, pages[0]])
    with pytest.raises(ForeignFreeError):
        machine.free_pages_bulk([*pages, machine.alloc_pages(1)])
    with pytest.raises(TypeError):
        machine.free_pages_bulk([*pages, None])  # type: ignore[list-item]

    assert machine.nr_free == free - 2
    assert not any(page.is_freed for page in pages)
    machine.free_pages_bulk(pages)
    assert machine.nr_free == free + 1


def test_a_bad_page_in_a_bulk_free_is_leaked_alone(boot: Boot) -> None:
    """The others are cleared and go back."""
    machine = boot("init_on_free=1")
    free = machine.nr_free
    pages = machine.alloc_pages_bulk(5)
    pages[2].mapcount = 1

    machine.free_pages_bulk(pages)

    assert (machine.counters.pages, machine.counters.bad_pages, machine.nr_free) == (4, 1, free - 1)


# Contiguous blocks


@pytest.mark.parametrize("order", [11, 12])
def test_a_contiguous_block_is_cleared_at_once(boot: Boot, order: int) -> None:
    """One init of all of it, one primitive call, though the buddy has no block that large."""
    machine = boot("init_on_alloc=1 memory=64M")
    free = machine.nr_free
    for pages in (dirty := [machine.alloc_pages(10) for _ in range(16)]):
        pages.fill(DIRT)
    for pages in dirty:
        pages.free()
    machine.reset_counters()

    block = machine.alloc_contig(order)

    assert block.first_not(0) is None
    assert (block.nbytes, block.compound) == (4096 << order, True)
    counters = machine.counters
    assert (counters.inits, counters.pages, counters.longest_clear) == (1, 1 << order, 1 << order)
    block.free()
    assert machine.nr_free == free


def test_a_gigantic_page_is_one_uninterruptible_clear(boot: Boot) -> None:
    """1 GiB: a single call of 262144 pages, against the 1024 that MAX_PAGE_ORDER would allow."""
    machine = boot("init_on_alloc=1 memory=1G")

    block = machine.alloc_contig(18)

    assert block.first_not(0) is None
    assert (machine.counters.inits, machine.counters.longest_clear) == (1, 262144)


def test_a_contiguous_block_needs_a_free_range(boot: Boot) -> None:
    """Enough pages are not enough: nothing is migrated out of the way."""
    machine = boot()
    held = [machine.alloc_pages(10) for _ in range(4)]
    assert [pages.pfn // 1024 for pages in sorted(held, key=lambda pages: pages.pfn)] == [0, 1, 2, 3]
    for pages in held:
        if pages.pfn // 1024 in (1, 2):
            pages.free()

    with pytest.raises(OutOfMemoryError, match=r"contiguous range.*2048 pages are free"):
        machine.alloc_contig(11)


def test_pages_on_the_cpu_lists_do_not_stand_in_the_way(boot: Boot) -> None:
    """When no block is found the per-CPU lists are drained, and buddies merge again."""
    for order, call in ((10, "alloc_pages"), (12, "alloc_contig")):
        machine = boot()
        for page in machine.alloc_pages_bulk(4096):
            page.free()

        blocks = [getattr(machine, call)(order) for _ in range(4096 >> order)]

        assert sum(block.npages for block in blocks) == 4096
