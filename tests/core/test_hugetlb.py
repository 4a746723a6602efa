"""The hugetlb pool: cleared when it grows, recycled as it was left."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from clearfw._core import HugetlbPool
from clearfw.errors import (
    ForeignFreeError,
    FreedPagesError,
    OrderError,
    OutOfMemoryError,
    PagesInUseError,
    UnclaimedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Noting

    from clearfw.machine import Machine

    Boot = Callable[..., Machine]

DIRT = 0x5A


def test_a_pool_is_cleared_as_it_grows(boot: Boot, noting: Noting) -> None:
    """Each huge page once, whole, at the allocator's init point."""
    machine = boot("init_on_alloc=1 memory=32M", [noting])
    pool = HugetlbPool(machine)

    assert pool.grow(3) == 3

    assert [(point, npages) for point, _, npages in noting.asked] == [("alloc", 512)] * 3
    assert (pool.nr_pages, pool.nr_free, machine.counters.allocs) == (3, 3, 3)


@pytest.mark.parametrize("options", ["init_on_alloc=1", "init_on_alloc=1 init_on_free=1"])
def test_a_huge_page_is_recycled_dirty(boot: Boot, options: str) -> None:
    """Back in the pool it is not freed: neither option clears it, and the next owner gets it as it was."""
    machine = boot(options)
    pool = HugetlbPool(machine)
    pages = pool.get()
    assert (pages.order, pages.compound, pages.first_not(0)) == (9, True, None)
    pages.fill(DIRT)
    pfn, inits = pages.pfn, machine.counters.inits
    pool.put(pages)

    again = pool.get()

    assert (again.pfn, again.first_not(DIRT)) == (pfn, None)
    assert (machine.counters.inits, machine.counters.frees) == (inits, 0)


def test_a_pool_that_shrinks_gives_back_and_clears(boot: Boot) -> None:
    """No more than is free in it; init_on_free clears what goes."""
    machine = boot("init_on_free=1")
    pool = HugetlbPool(machine, 3)
    pool.grow(4)
    held = pool.get()
    held.fill(DIRT)
    pool.put(held)
    held = pool.get()

    pool.shrink(10)

    assert (pool.nr_pages, pool.nr_free) == (1, 0)
    assert machine.nr_free == machine.nr_pages - 8
    assert machine.counters.frees == machine.counters.inits == 3
    pool.put(held)
    pool.shrink(1)
    assert machine.nr_free == machine.nr_pages
    assert machine.alloc_pages(10).first_not(0) is None


def test_gigantic_pages_come_from_contiguous_memory(boot: Boot) -> None:
    """Above MAX_PAGE_ORDER, each one init."""
    machine = boot("init_on_alloc=1 memory=64M")
    pool = HugetlbPool(machine, 12)
    pool.grow(2)

    assert (machine.counters.inits, machine.counters.longest_clear) == (2, 4096)
    assert pool.get().npages == 4096


def test_a_pool_keeps_what_it_got_before_memory_ran_out(boot: Boot) -> None:
    """grow() raises, and the pool is as large as it could be."""
    machine = boot()
    pool = HugetlbPool(machine)

    with pytest.raises(OutOfMemoryError):
        pool.grow(100)

    assert (pool.nr_pages, pool.nr_free) == (8, 8)
    pool.shrink(8)
    assert machine.nr_free == machine.nr_pages


def test_a_pool_grows_by_no_unclaimed_page(boot: Boot) -> None:
    """Dirty memory does not get into it; and none that fails to be cleared leaves it."""
    machine = boot("init_on_alloc=1", [])
    pool = HugetlbPool(machine, 2)
    for grow in (pool.get, lambda: pool.grow(1)):
        with pytest.raises(UnclaimedError):
            grow()
    assert (pool.nr_pages, machine.nr_free) == (0, machine.nr_pages)

    machine = boot("init_on_free=1", [])
    pool = HugetlbPool(machine, 2)
    pool.grow(2)
    with pytest.raises(UnclaimedError):
        pool.shrink(2)
    assert (pool.nr_pages, pool.nr_free) == (2, 2)


def test_a_pools_page_goes_back_to_its_pool_alone(boot: Boot) -> None:
    """The allocator does not take it, nor a pool of another size; and no pool takes any other page."""
    machine = boot()
    pool, other = HugetlbPool(machine, 3), HugetlbPool(machine, 5)
    huge, plain = pool.get(), machine.alloc_pages(3)

    with pytest.raises(ForeignFreeError, match=f"order 3 at pfn {huge.pfn:#x}"):
        huge.free()
    with pytest.raises(ForeignFreeError, match="order 3, are not of this pool of order 5"):
        other.put(huge)
    with pytest.raises(ForeignFreeError, match="not of this pool"):
        pool.put(plain)
    with pytest.raises(ForeignFreeError, match="not of this pool"):
        HugetlbPool(boot(), 3).put(huge)

    assert not huge.is_freed
    pool.put(huge)
    with pytest.raises(FreedPagesError):
        pool.put(huge)
    assert (pool.nr_pages, pool.nr_free, other.nr_free) == (1, 1, 0)


def test_a_huge_page_with_a_view_stays_with_its_owner(boot: Boot) -> None:
    """The next would see what this one writes."""
    pool = HugetlbPool(boot(), 3)
    huge = pool.get()
    view = memoryview(huge)

    with pytest.raises(PagesInUseError, match="the huge page at pfn"):
        pool.put(huge)
    view.release()
    pool.put(huge)


def test_an_order_nobody_has_is_refused(boot: Boot) -> None:
    """When the pool is to grow."""
    with pytest.raises(OrderError, match="order 21"):
        HugetlbPool(boot(), 21).grow(1)


def test_threads_share_a_pool(boot: Boot) -> None:
    """No huge page is in two hands, and none is lost."""
    machine = boot("init_on_alloc=1 memory=64M")
    pool = HugetlbPool(machine, 6)
    errors: list[str] = []

    def work(pattern: int) -> None:
        for _ in range(300):
            held = [pool.get() for _ in range(3)]
            for pages in held:
                pages.fill(pattern)
            errors.extend(repr(pages) for pages in held if pages.first_not(pattern) is not None)
            for pages in held:
                pool.put(pages)

    threads = [threading.Thread(target=work, args=(pattern,)) for pattern in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert pool.nr_free == pool.nr_pages <= 9
    pool.shrink(9)
    assert machine.nr_free == machine.nr_pages
