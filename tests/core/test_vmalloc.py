"""vmalloc: scattered pages at consecutive addresses, who clears them, and what bounds it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearfw import kernel
from clearfw._core import Arena
from clearfw.errors import (
    ClearfwError,
    FaultError,
    MapCountError,
    OutOfMemoryError,
    UnclaimedError,
    VmallocError,
)
from clearfw.machine import Machine
from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Noting

    from clearfw._core import PageRange, VmallocArea, VmallocRange
    from clearfw.strategies import NativeStrategy

    Boot = Callable[..., Machine]
    CStrategy = Callable[..., NativeStrategy]

ZERO = "GFP_KERNEL|__GFP_HIGHMEM|__GFP_ZERO"
HW = "kasan=hw_tags kasan.vmalloc=off"
DIRT = 0x5A
PAGE = 4096


def content(area: VmallocArea) -> bytes:
    """Return a copy of all bytes of the area's pages."""
    with memoryview(area) as view:
        return bytes(view)


def make_dirty(machine: Machine) -> None:
    """Fill all free memory with garbage."""
    for page in (pages := machine.alloc_pages_bulk(machine.nr_free, "GFP_HIGHUSER|__GFP_SKIP_ZERO")):
        page.fill(DIRT)
    machine.free_pages_bulk(pages)
    machine.reset_counters()


def test_an_area_of_scattered_pages_is_contiguous(boot: Boot) -> None:
    """Where no two free pages are neighbours, each page is mapped alone, at consecutive addresses."""
    machine = boot()
    arena = Arena(machine, 4 << 20)
    arena.fragment(seed=1)
    area = machine.vmalloc(100 * PAGE)
    pfns = area.pfns

    assert (area.nruns, area.npages, len(set(pfns))) == (100, 100, 100)
    assert all(pfn % 2 for pfn in pfns)
    assert pfns != sorted(pfns)
    with memoryview(area) as view:
        for index in range(100):
            view[index * PAGE] = index
    assert content(area)[::PAGE] == bytes(range(100))
    area.free()
    arena.close()


def test_an_area_takes_the_largest_blocks_first(boot: Boot) -> None:
    """vm_area_alloc_pages(): for 5000 pages four blocks of 1024, and one for each further binary digit."""
    area = boot("memory=64M").vmalloc(5000 * PAGE)

    assert area.npages == 5000
    assert area.nruns <= 4 + (5000 - 4096).bit_count()


def test_pages_of_an_area_are_the_allocators(boot: Boot) -> None:
    """They are gone while the area lives, and each is free for itself afterwards."""
    machine = boot()
    area = machine.vmalloc(1000 * PAGE - 17)
    assert (area.nbytes, area.npages) == (1000 * PAGE - 17, 1000)
    assert machine.nr_free == machine.nr_pages - 1000
    assert all(0 <= pfn < machine.nr_pages for pfn in area.pfns)

    area.free()

    assert machine.nr_free == machine.nr_pages
    assert len([machine.alloc_pages(10) for _ in range(4)]) == 4


@pytest.mark.parametrize("page_size", ["4K", "16K", "64K"])
def test_a_huge_area_begins_with_huge_pages(boot: Boot, page_size: str) -> None:
    """PMD-sized blocks under PMD leaves where such a block exists; the rest is mapped page by page."""
    machine = boot(f"page_size={page_size} memory=256M")
    nbytes = machine.config.page_size
    per_huge = nbytes // 8  # entries of a page table
    npages = 2 * per_huge + 5
    if npages * nbytes > machine.config.memory:
        npages = machine.nr_pages // 2
    area = machine.vmalloc(npages * nbytes, huge=True)
    has_blocks = per_huge <= 1024

    assert area.huge_pages == (2 * per_huge if has_blocks else 0)
    if has_blocks:
        assert area.address % (per_huge * nbytes) == 0
        assert [area.pfns[i] % per_huge for i in (0, per_huge)] == [0, 0]
    assert machine.vmalloc(npages * nbytes // 4).huge_pages == 0


def test_a_huge_area_from_fragmented_memory_has_small_pages(boot: Boot) -> None:
    """No such block, no leaf; the area comes all the same."""
    machine = boot()
    arena = Arena(machine, 4 << 20)
    arena.fragment(seed=2)
    area = machine.vmalloc(600 * PAGE, huge=True)

    assert (area.huge_pages, area.nruns) == (0, 600)
    area.free()
    arena.close()


class Walks:
    """Walks the page table for every page of an area, and clears through the page."""

    def __init__(self) -> None:
        self.pfns: list[int] = []
        self.beyond: list[int] = []

    @hookimpl
    def clearfw_init_on_vmalloc(self, area: VmallocRange) -> bool:
        """Note the pfns, and the addresses around the area that have no page."""
        nbytes = area.machine.config.page_size  # type: ignore[attr-defined]
        for index in range(area.npages):
            page = kernel.vmalloc_to_page(area.address + index * nbytes + index % nbytes)
            self.pfns.append(page.pfn)
            kernel.clear_highpage_kasan_tagged(page)
        try:
            kernel.vmalloc_to_page(area.address + area.npages * nbytes)
        except FaultError as error:
            self.beyond.append(error.address - area.address)
        return True


@pytest.mark.parametrize("huge", [False, True])
@pytest.mark.parametrize("cmdline", [HW, "vmalloc_init=always", "vmalloc_init=always highmem=48M"])
def test_vmalloc_to_page_walks_the_page_table(boot: Boot, cmdline: str, *, huge: bool) -> None:
    """Every address of an area gives its page, under a huge leaf too; the guard page behind has none."""
    machine = boot(f"{cmdline} memory=64M init_on_alloc=1", "per_page")
    make_dirty(machine)
    machine.set_stack([walks := Walks()])

    area = machine.vmalloc(700 * PAGE, huge=huge)

    assert area.huge_pages == (512 if huge else 0)
    assert walks.pfns == area.pfns
    assert walks.beyond == [700 * PAGE]
    assert content(area) == bytes(700 * PAGE)
    assert machine.counters.page_walks == 701


def test_virt_to_page_does_not_know_vmalloc(boot: Boot, c_strategy: CStrategy) -> None:
    """It is arithmetic on the direct map (Rutland, 2023): for a vmalloc address there is no page that way."""
    asks = """
static bool pages(struct page *page, int numpages)
{
	WARN_ON(virt_to_page(page_address(page)) != page);
	WARN_ON(pfn_to_page(page_to_pfn(page)) != page);
	WARN_ON(is_vmalloc_addr(page_address(page)));
	clear_pages(page_address(page), numpages);
	return true;
}
static bool area(const void *start, unsigned long size)
{
	WARN_ON(!is_vmalloc_addr(start));
	WARN_ON(is_vmalloc_addr((char *)&size));
	might_sleep();
	if (virt_to_page(start))
		return false;
	clear_pages((void *)start, DIV_ROUND_UP(size, PAGE_SIZE));
	return true;
}"""
    strategy = c_strategy("asks", asks, ".init_on_alloc = pages, .init_on_vmalloc = area")
    machine = boot("init_on_alloc=1 vmalloc_init=always", [strategy])
    machine.alloc_pages(3)

    machine.vmalloc(10 * PAGE)

    assert (machine.counters.warnings, machine.counters.sleeps) == (0, 1)


# Who clears


@pytest.mark.parametrize(
    ("cmdline", "asked"),
    [
        ("init_on_alloc=1", "alloc"),
        ("init_on_alloc=1 kasan=generic", "alloc"),
        ("init_on_alloc=1 kasan=sw_tags", "alloc"),
        ("init_on_alloc=1 kasan=sw_tags kasan.vmalloc=off", "alloc"),
        ("init_on_alloc=1 kasan=hw_tags kasan.vmalloc=off", "vmalloc"),
        ("init_on_alloc=1 kasan=hw_tags", "nobody"),
        ("init_on_alloc=1 vmalloc_init=always", "vmalloc"),
        ("init_on_alloc=1 kasan=generic vmalloc_init=always", "vmalloc"),
        ("init_on_alloc=1 highmem=8M vmalloc_init=always", "vmalloc"),
        ("kasan=hw_tags kasan.vmalloc=off", "nobody, and it stays dirty"),
        ("vmalloc_init=always", "nobody, and it stays dirty"),
        ("init_on_alloc=1 page_poison=1", "nobody, and it is poisoned"),
    ],
)
def test_an_area_is_cleared_exactly_once(boot: Boot, noting: Noting, cmdline: str, asked: str) -> None:
    """By page_alloc, the vmalloc point (hw_tags with kasan.vmalloc=off, or always), or integrated init."""
    machine = boot(cmdline, [noting])
    make_dirty(machine)
    noting.asked.clear()

    area = machine.vmalloc(20 * PAGE + 1)

    byte = DIRT if "dirty" in asked else 0xAA if "poisoned" in asked else 0
    assert content(area) == bytes([byte]) * 21 * PAGE
    points = [point for point, _, _ in noting.asked]
    assert set(points) == (set() if asked.startswith("nobody") else {asked})
    assert sum(npages for _, _, npages in noting.asked) == (21 if points else 0)
    if asked == "vmalloc":
        assert noting.asked == [("vmalloc", area.address, 21)]
    assert machine.counters.integrated_pages == (21 if cmdline.endswith("kasan=hw_tags") else 0)


@pytest.mark.parametrize("kasan", ["", "kasan=hw_tags", HW])
def test_gfp_zero_asks_for_one_area(boot: Boot, kasan: str) -> None:
    """Without init_on_alloc, __GFP_ZERO has it cleared; the next area is dirty again."""
    machine = boot(kasan)
    make_dirty(machine)

    assert content(machine.vmalloc(5 * PAGE, ZERO)) == bytes(5 * PAGE)
    assert content(machine.vmalloc(5 * PAGE)) == bytes([DIRT]) * 5 * PAGE


@pytest.mark.parametrize("kasan", ["", "kasan=generic", "kasan=hw_tags", HW, "vmalloc_init=always"])
def test_init_on_free_spares_areas_as_well(boot: Boot, kasan: str) -> None:
    """No clear when an area is made, whatever asks; every page is cleared when it goes."""
    machine = boot(f"init_on_free=1 init_on_alloc=1 {kasan}")
    make_dirty(machine)
    area = machine.vmalloc(20 * PAGE, ZERO)
    assert content(area) == bytes(20 * PAGE)
    assert (machine.counters.inits, machine.counters.integrated_pages) == (0, 0)

    with memoryview(area) as view:
        view[:] = bytes([DIRT]) * view.nbytes
    area.free()

    assert {page.first_not(0) for page in machine.alloc_pages_bulk(machine.nr_free, "GFP_HIGHUSER")} == {None}


STRATEGIES = ("vmalloc_contiguous", "vmalloc_per_page", "vmalloc_runs")


@given(
    nbytes=st.integers(1, 40 * PAGE),
    config=st.sampled_from([HW, f"{HW} highmem=1M", "vmalloc_init=always", "vmalloc_init=always highmem=1M"]),
    stack=st.sampled_from(STRATEGIES),
    seed=st.none() | st.integers(0, 2**32),
)
def test_the_last_page_is_cleared_whole(nbytes: int, config: str, stack: str, seed: int | None) -> None:
    """Every shipped strategy clears areas of any size, with a partial last page, scattered or contiguous."""
    with Machine.boot(
        f"memory=8M backing=thp init_on_alloc=1 {config}", stack=f"{stack}+per_page"
    ) as machine:
        make_dirty(machine)
        arena = Arena(machine, 4 << 20) if seed is not None else None
        if arena is not None and seed is not None:
            arena.fragment(seed)
        area = machine.vmalloc(nbytes)

        assert not any(content(area))
        assert machine.counters.cleared_pages == machine.counters.pages == -(-nbytes // PAGE)
        assert area.nruns == area.npages or seed is None


def test_reinit_clears_an_area_again(boot: Boot) -> None:
    """Garbage first, then the init point: and it says whether all of it was cleared."""
    machine = boot(f"{HW} init_on_alloc=1", "vmalloc_runs")
    area = machine.vmalloc(10 * PAGE)

    ns, clean = area.reinit()

    assert clean
    assert ns > 0
    assert not any(content(area))


def test_reinit_finds_a_page_left_dirty(boot: Boot, c_strategy: CStrategy) -> None:
    """The last, partial one, which size >> PAGE_SHIFT forgets."""
    short = "static void g(const void *p, unsigned long size) { clear_pages((void *)p, size >> PAGE_SHIFT); }"
    machine = boot(f"{HW} init_on_alloc=1", [c_strategy("short", short, ".init_vmalloc_pages = g")])

    assert machine.vmalloc(10 * PAGE).reinit()[1] is True
    assert machine.vmalloc(10 * PAGE + 1).reinit()[1] is False


# What goes wrong


def test_an_unclaimed_area_is_taken_apart_again(boot: Boot) -> None:
    """The error says how many bytes were not cleared; no page, address or mapping is lost."""
    machine = boot(f"{HW} init_on_alloc=1", "per_page")

    for _ in range(3):
        with pytest.raises(UnclaimedError, match=f"'per_page' claimed {3 * PAGE}"):
            machine.vmalloc(3 * PAGE)
        assert machine.what_is_wrong() is None
        assert machine.nr_free == machine.nr_pages
    machine.set_stack("vmalloc_contiguous")
    machine.vmalloc(3 * PAGE)


def test_an_area_whose_pages_nobody_clears_on_free_says_so(boot: Boot) -> None:
    """The area no longer exists, and its dirty pages are leaked rather than reused."""
    machine = boot("init_on_free=1", [])
    area = machine.vmalloc(3 * PAGE)

    with pytest.raises(UnclaimedError, match="claimed 1 pages"):
        area.free()

    assert area.is_freed
    assert machine.nr_free == machine.nr_pages - 3
    with pytest.raises(VmallocError, match=r"not \(or no longer\) of this machine"):
        area.free()


def test_an_exception_on_free_is_raised_by_vfree(boot: Boot) -> None:
    """And by nothing later."""

    class Raises:
        @hookimpl
        def clearfw_init_on_free(self, pages: PageRange) -> bool:
            msg = "mine"
            raise ZeroDivisionError(msg)

    machine = boot("init_on_free=1", [Raises()])
    area = machine.vmalloc(3 * PAGE)

    with pytest.raises(ZeroDivisionError, match="mine"):
        area.free()
    with pytest.raises(OutOfMemoryError):
        machine.alloc_pages_bulk(5000)


def test_an_area_is_freed_once_and_by_its_own_machine(boot: Boot) -> None:
    """Twice, or by another machine, is an error."""
    machine, other = boot(), boot()
    area = machine.vmalloc(PAGE)

    with pytest.raises(VmallocError):
        other.vfree(area)
    area.free()
    with pytest.raises(VmallocError):
        area.free()
    assert machine.nr_free == machine.nr_pages


@pytest.mark.parametrize("nbytes", [(16 << 20) + 1, 1 << 62])
def test_more_than_there_is_memory_is_refused(boot: Boot, nbytes: int) -> None:
    """The message has the size."""
    with pytest.raises(VmallocError, match=f"vmalloc of {nbytes} bytes"):
        boot().vmalloc(nbytes)


def test_an_area_of_no_bytes_is_refused(boot: Boot) -> None:
    """It is a mistake of the caller, told before the core is asked."""
    with pytest.raises(ClearfwError, match="vmalloc asked for 0"):
        boot().vmalloc(0)


def test_too_little_memory_gives_all_pages_back(boot: Boot) -> None:
    """Those that were had before the last was missing."""
    machine = boot()
    pages = machine.alloc_pages_bulk(10)

    with pytest.raises(OutOfMemoryError):
        machine.vmalloc(machine.nr_pages * PAGE)

    assert machine.nr_free == machine.nr_pages - 10
    machine.free_pages_bulk(pages)
    machine.vmalloc(machine.nr_pages * PAGE)


def test_areas_never_overlap(boot: Boot) -> None:
    """Holes of freed areas are filled, and between two areas lies at least a guard page."""
    machine = boot("memory=64M")
    areas = [machine.vmalloc((1 + i % 7) * PAGE) for i in range(60)]
    for area in areas[::2]:
        area.free()
    areas = areas[1::2] + [machine.vmalloc((1 + i % 5) * PAGE) for i in range(40)]

    spans = sorted((area.address, area.address + area.npages * PAGE) for area in areas)

    assert all(end + PAGE <= start for (_, end), (start, _) in itertools.pairwise(spans))
    assert machine.what_is_wrong() is None


def test_max_map_count_is_an_error_before_it_is_reached(boot: Boot) -> None:
    """An area of so many runs that the process may not map it: nothing is mapped, the machine goes on."""
    limit = int(Path("/proc/sys/vm/max_map_count").read_text())
    if limit > 1 << 18:
        pytest.skip(f"vm.max_map_count={limit} would take a larger machine")
    machine = boot(f"memory={(limit // 512 + 2) * 4}M")
    arena = Arena(machine, 4 << 20)
    arena.fragment(seed=3)
    free = machine.nr_free
    assert free > limit

    with pytest.raises(MapCountError, match=r"vm\.max_map_count leaves \d+: map less, or raise it") as caught:
        machine.vmalloc(free * PAGE)

    assert caught.value.wanted > caught.value.found > 0
    assert (machine.what_is_wrong(), machine.nr_free) == (None, free)
    area = machine.vmalloc(free // 2 * PAGE)
    assert area.nruns == free // 2
    area.free()
    arena.close()


def test_an_area_is_made_of_single_pages(boot: Boot) -> None:
    """__GFP_COMP asks for what cannot be split, and is passed over: each page is free for itself later."""
    machine = boot()
    machine.vmalloc(1000 * PAGE, "GFP_KERNEL|__GFP_COMP").free()

    assert machine.what_is_wrong() is None
    assert not any(page.compound for page in machine.alloc_pages_bulk(machine.nr_free))


SKIPPED = "GFP_KERNEL|__GFP_ZERO|__GFP_SKIP_KASAN"


@pytest.mark.parametrize("tagging", ["on", "off"])
def test_an_area_that_skips_kasan_is_cleared_by_the_page_allocator(
    boot: Boot, noting: Noting, tagging: str
) -> None:
    """Under hw_tags, whose vmalloc would tag and clear it else: its user has match-all pointers alone."""
    machine = boot(f"kasan=hw_tags kasan.vmalloc={tagging}", [noting])

    area = machine.vmalloc(5 * machine.config.page_size, SKIPPED)

    assert {point for point, *_ in noting.asked} == {"alloc"}
    assert sum(npages for *_, npages in noting.asked) == 5
    assert machine.counters.integrated_pages == 0
    assert area.address >> 56 == 0
    assert all(machine.first_not(0, pfn, 1) is None for pfn in area.pfns)


@pytest.mark.parametrize("kasan", ["off", "generic", "sw_tags"])
def test_only_hw_tags_know_of_skipping_kasan(boot: Boot, noting: Noting, kasan: str) -> None:
    """The flag is 0 in other kernels: the area is what it would be without."""
    machine = boot(f"kasan={kasan} seed=1", [noting])

    with machine.vmalloc(8192, SKIPPED) as area:
        tagged = area.address >> 56 != 0
        assert all(machine.first_not(0, pfn, 1) is None for pfn in area.pfns)

    assert tagged == (kasan == "sw_tags")
    assert machine.counters.kasan_reports == 0
