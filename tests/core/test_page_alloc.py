"""Allocation and freeing: the order of events, and who clears when."""

from __future__ import annotations

import ctypes
import itertools
from typing import TYPE_CHECKING

import pytest

from clearfw.errors import DoubleFreeError, ForeignFreeError, OrderError, OutOfMemoryError
from clearfw.gfp import Gfp

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Noting

    from clearfw._core import Pages
    from clearfw.machine import Machine
    from clearfw.strategies import NativeStrategy

    Boot = Callable[..., Machine]
    CStrategy = Callable[..., NativeStrategy]

KERNEL = "GFP_KERNEL"
ZERO = "GFP_KERNEL|__GFP_ZERO"
DIRT = 0x5A

# The first steps of post_alloc_hook(), and the first and last of __free_pages_prepare(), 7.3.
TAKEN = ["SET_PAGE_PRIVATE", "ARCH_ALLOC_PAGE"]
UNPOISONED = [*TAKEN, "KASAN_UNPOISON_PAGES"]
UNTAGGED = [*TAKEN, "PAGE_KASAN_TAG_RESET"]
ZEROED_TAGS = [*TAKEN, "TAG_CLEAR_HIGHPAGES"]
FREED = ["TRACE_MM_PAGE_FREE"]
KASAN_FREED = [*FREED, "KASAN_POISON_PAGES"]
GONE = ["ARCH_FREE_PAGE"]

# (command line, order, gfp): what happens on allocation, what on free.
ORDER_OF_EVENTS = {
    ("", 0, KERNEL): (TAKEN, [*FREED, *GONE]),
    ("", 0, ZERO): ([*TAKEN, "INIT"], [*FREED, *GONE]),
    ("init_on_alloc=1", 3, KERNEL): ([*TAKEN, "INIT"], [*FREED, *GONE]),
    ("init_on_free=1", 3, KERNEL): (TAKEN, [*FREED, "INIT", *GONE]),
    ("init_on_free=1", 0, ZERO): (TAKEN, [*FREED, "INIT", *GONE]),
    ("init_on_alloc=1 init_on_free=1", 0, KERNEL): (TAKEN, [*FREED, "INIT", *GONE]),
    # Poison is looked at before anything is cleared, which would hide the damage.
    ("page_poison=1", 0, KERNEL): (
        [*TAKEN, "KERNEL_UNPOISON_PAGES"],
        [*FREED, "KERNEL_POISON_PAGES", *GONE],
    ),
    ("page_poison=1 init_on_alloc=1 init_on_free=1", 0, ZERO): (
        [*TAKEN, "KERNEL_UNPOISON_PAGES", "INIT"],
        [*FREED, "KERNEL_POISON_PAGES", *GONE],
    ),
    ("page_poison=1 kasan=generic", 0, ZERO): (
        [*TAKEN, "KERNEL_UNPOISON_PAGES", "KASAN_UNPOISON_PAGES", "INIT"],
        [*FREED, "KERNEL_POISON_PAGES", "KASAN_POISON_PAGES", *GONE],
    ),
    # On free, KASAN has marked the pages before they are cleared.
    ("kasan=generic init_on_alloc=1", 0, KERNEL): ([*UNPOISONED, "INIT"], [*KASAN_FREED, *GONE]),
    ("kasan=generic init_on_free=1", 0, KERNEL): (UNPOISONED, [*KASAN_FREED, "INIT", *GONE]),
    ("kasan=sw_tags init_on_alloc=1", 0, KERNEL): ([*UNPOISONED, "INIT"], [*KASAN_FREED, *GONE]),
    ("kasan=sw_tags init_on_free=1", 0, KERNEL): (UNPOISONED, [*KASAN_FREED, "INIT", *GONE]),
    # The flags that only hw_tags knows change nothing in the software modes.
    ("kasan=generic init_on_alloc=1", 0, "GFP_KERNEL|__GFP_SKIP_ZERO|__GFP_SKIP_KASAN|__GFP_ZEROTAGS"): (
        [*UNPOISONED, "INIT"],
        [*KASAN_FREED, *GONE],
    ),
    # hw_tags clears as it tags, and asks nobody.
    ("kasan=hw_tags", 0, KERNEL): (UNPOISONED, [*KASAN_FREED, *GONE]),
    ("kasan=hw_tags init_on_alloc=1", 0, KERNEL): ([*UNPOISONED, "INTEGRATED_INIT"], [*KASAN_FREED, *GONE]),
    ("kasan=hw_tags init_on_free=1", 0, KERNEL): (UNPOISONED, [*KASAN_FREED, "INTEGRATED_INIT", *GONE]),
    # Memory that keeps the match-all tag is not poisoned on free either, so both clears are a strategy's.
    ("kasan=hw_tags init_on_alloc=1", 0, "GFP_KERNEL|__GFP_SKIP_KASAN"): (
        [*UNTAGGED, "INIT"],
        [*FREED, *GONE],
    ),
    ("kasan=hw_tags init_on_free=1", 0, "GFP_KERNEL|__GFP_SKIP_KASAN"): (
        UNTAGGED,
        [*FREED, "INIT", *GONE],
    ),
    ("kasan=hw_tags init_on_alloc=1", 0, "GFP_KERNEL|__GFP_SKIP_ZERO"): (UNPOISONED, [*KASAN_FREED, *GONE]),
    # __GFP_ZEROTAGS zeroes the tags, and the memory with them where it is to be cleared at all.
    ("kasan=hw_tags init_on_alloc=1", 0, "GFP_KERNEL|__GFP_ZEROTAGS"): (
        [*ZEROED_TAGS, "INTEGRATED_INIT", "KASAN_UNPOISON_PAGES"],
        [*KASAN_FREED, *GONE],
    ),
    ("kasan=hw_tags", 0, "GFP_KERNEL|__GFP_ZEROTAGS"): (
        [*ZEROED_TAGS, "KASAN_UNPOISON_PAGES"],
        [*KASAN_FREED, *GONE],
    ),
    ("kasan=hw_tags init_on_free=1", 0, "GFP_KERNEL|__GFP_ZEROTAGS|__GFP_ZERO"): (
        [*ZEROED_TAGS, "KASAN_UNPOISON_PAGES"],
        [*KASAN_FREED, "INTEGRATED_INIT", *GONE],
    ),
    ("kasan=hw_tags init_on_alloc=1", 0, "GFP_KERNEL|__GFP_ZEROTAGS|__GFP_SKIP_KASAN"): (
        [*ZEROED_TAGS, "INTEGRATED_INIT", "PAGE_KASAN_TAG_RESET"],
        [*FREED, *GONE],
    ),
    ("init_on_alloc=1", 0, "GFP_KERNEL|__GFP_ZEROTAGS"): ([*TAKEN, "INIT"], [*FREED, *GONE]),
    # KASAN keeps no track of HIGHMEM pages.
    ("kasan=generic highmem=8M init_on_alloc=1", 0, "GFP_HIGHUSER"): (
        [*TAKEN, "INIT"],
        [*KASAN_FREED, *GONE],
    ),
    ("kasan=hw_tags highmem=8M init_on_alloc=1", 0, "GFP_HIGHUSER"): ([*UNTAGGED, "INIT"], [*FREED, *GONE]),
    # A compound page is made after it was cleared, and a single page is none.
    ("init_on_alloc=1", 1, "GFP_KERNEL|__GFP_COMP"): (
        [*TAKEN, "INIT", "PREP_COMPOUND_PAGE"],
        [*FREED, *GONE],
    ),
    ("init_on_alloc=1", 0, "GFP_KERNEL|__GFP_COMP"): ([*TAKEN, "INIT"], [*FREED, *GONE]),
}


@pytest.mark.parametrize(("case", "expected"), list(ORDER_OF_EVENTS.items()), ids=str)
def test_events_happen_in_the_kernels_order(
    boot: Boot, case: tuple[str, int, str], expected: tuple[list[str], list[str]]
) -> None:
    """post_alloc_hook() and __free_pages_prepare(), step by step, with every option that changes them."""
    cmdline, order, gfp = case
    machine = boot(f"record_events=1 {cmdline}")

    pages = machine.alloc_pages(order, gfp)
    on_alloc = machine.take_events()
    pages.free()

    assert (on_alloc, machine.take_events()) == expected


def test_events_are_kept_only_when_asked_for(boot: Boot) -> None:
    """Without record_events=1 there are none to take; with it, taking forgets them."""
    quiet, recording = boot("init_on_alloc=1"), boot("record_events=1")
    quiet.alloc_pages()
    recording.alloc_pages()

    assert quiet.take_events() == []
    assert recording.take_events() != []
    assert recording.take_events() == []


OPTIONS = ("init_on_alloc", "init_on_free", "page_poison")


def recycled(machine: Machine, gfp: str, order: int = 0) -> Pages:
    """Return a block allocated with GFP which was dirty when it was freed just before."""
    dirty = machine.alloc_pages(order)
    dirty.fill(DIRT)
    pfn = dirty.pfn
    dirty.free()
    pages = machine.alloc_pages(order, gfp)
    assert pages.pfn == pfn
    return pages


@pytest.mark.parametrize("order", [0, 5])
@pytest.mark.parametrize("gfp", [KERNEL, ZERO])
@pytest.mark.parametrize("options", list(itertools.product([0, 1], repeat=3)), ids=str)
def test_what_memory_holds_when_options_meet(
    boot: Boot, options: tuple[int, int, int], gfp: str, order: int
) -> None:
    """Poisoning beats both options, __GFP_ZERO beats poisoning; init_on_free spares every clear at alloc."""
    on_alloc, on_free, poison = options
    machine = boot(" ".join(f"{name}={value}" for name, value in zip(OPTIONS, options, strict=True)))

    pages = recycled(machine, gfp, order)

    cleared_on_alloc = gfp == ZERO or (on_alloc and not poison)
    byte = 0 if cleared_on_alloc or (on_free and not poison) else 0xAA if poison else DIRT
    assert pages.first_not(byte) is None
    spared = on_free and not poison
    of_first = on_alloc and not poison and not spared
    expected_inits = of_first + (1 if spared else 0) + (cleared_on_alloc and not spared)
    assert machine.counters.inits == expected_inits
    assert (machine.init_on_alloc, machine.init_on_free) == (
        bool(on_alloc and not poison),
        bool(on_free and not poison),
    )


def test_init_on_free_rests_on_every_free_alone(boot: Boot, c_strategy: CStrategy) -> None:
    """A strategy that claims a free and clears nothing makes even __GFP_ZERO memory dirty."""
    liar = c_strategy("liar", "static void f(struct page *page, int numpages) {}", ".kernel_init_pages = f")
    machine = boot("init_on_free=1", [liar])

    assert recycled(machine, ZERO).first_not(DIRT) is None


def test_memory_begins_zeroed(boot: Boot) -> None:
    """What init_on_free relies on holds for memory that was never allocated: the kernel clears it at boot."""
    machine = boot("init_on_free=1")

    everything = [machine.alloc_pages(10, ZERO) for _ in range(4)]

    assert [pages.first_not(0) for pages in everything] == [None] * 4
    assert machine.counters.inits == 0


def test_damaged_poison_is_counted(boot: Boot) -> None:
    """A write to a free page shows when the page is allocated next, even by an allocation that clears it."""
    machine = boot("page_poison=1")
    pages = machine.alloc_pages(1)
    address, nbytes = pages.address, pages.nbytes
    assert address is not None
    pages.free()
    ctypes.memset(address + nbytes - 1, 0, 1)

    assert machine.alloc_pages(1, ZERO).first_not(0) is None
    assert machine.counters.poison_reports == 1


@pytest.mark.parametrize("kasan", ["off", "generic", "sw_tags"])
def test_skip_zero_is_hw_tags_own(boot: Boot, kasan: str) -> None:
    """__GFP_SKIP_ZERO is 0 in a kernel without CONFIG_KASAN_HW_TAGS: there memory is cleared all the same."""
    machine = boot(f"init_on_alloc=1 kasan={kasan}")

    assert recycled(machine, "GFP_KERNEL|__GFP_SKIP_ZERO").first_not(0) is None


def test_skip_zero_is_honoured_with_hw_tags(boot: Boot) -> None:
    """There somebody else clears later, so the memory comes dirty, even with __GFP_ZERO."""
    machine = boot("init_on_alloc=1 kasan=hw_tags")

    assert recycled(machine, "GFP_KERNEL|__GFP_ZERO|__GFP_SKIP_ZERO").first_not(DIRT) is None


@pytest.mark.parametrize("option", ["init_on_alloc", "init_on_free"])
def test_hw_tags_integrated_init_asks_no_strategy(boot: Boot, option: str) -> None:
    """The instruction that sets the tags clears: with no strategy memory is zero, and no init is counted."""
    machine = boot(f"{option}=1 kasan=hw_tags", [])

    assert recycled(machine, KERNEL, 3).first_not(0) is None
    assert machine.counters.inits == 0
    assert machine.counters.integrated_pages == {"init_on_alloc": 16, "init_on_free": 8}[option]


UNGUARDED = """
static void f(struct page *page, int numpages)
{
	memset(page_address(page), 0, numpages * PAGE_SIZE);
}"""
GUARDED = """
static void f(struct page *page, int numpages)
{
	kasan_disable_current();
	memset(kasan_reset_tag(page_address(page)), 0, numpages * PAGE_SIZE);
	kasan_enable_current();
}"""


@pytest.mark.parametrize("kasan", ["generic", "sw_tags"])
def test_an_unguarded_memset_on_free_leaves_the_pages_dirty(
    boot: Boot, c_strategy: CStrategy, kasan: str
) -> None:
    """KASAN has already marked the pages as free: memset() reports, writes nothing, and the content leaks."""
    machine = boot(f"init_on_free=1 kasan={kasan}", [c_strategy("bare", UNGUARDED, ".kernel_init_pages = f")])

    pages = recycled(machine, KERNEL, 2)

    assert pages.first_not(DIRT) is None
    assert machine.counters.kasan_reports == 1
    report = machine.kasan_report
    assert report is not None
    assert (report["pfn"], report["nbytes"]) == (pages.pfn, 4 * 4096)
    assert report["memory_tag"] == {"generic": 0xFF, "sw_tags": 0xFE}[kasan]


@pytest.mark.parametrize("kasan", ["off", "generic", "sw_tags", "hw_tags"])
@pytest.mark.parametrize("option", ["init_on_alloc", "init_on_free"])
def test_a_guarded_memset_clears(boot: Boot, c_strategy: CStrategy, option: str, kasan: str) -> None:
    """With reports suppressed and the tag reset, the same memset() writes, at both init points."""
    machine = boot(f"{option}=1 kasan={kasan}", [c_strategy("guarded", GUARDED, ".kernel_init_pages = f")])

    assert recycled(machine, KERNEL, 2).first_not(0) is None
    assert machine.counters.kasan_reports == 0


def test_an_unguarded_memset_on_alloc_is_allowed(boot: Boot, c_strategy: CStrategy) -> None:
    """There the pages have been marked allocated before the clear, so KASAN has nothing to say."""
    machine = boot("init_on_alloc=1 kasan=sw_tags", [c_strategy("bare", UNGUARDED, ".kernel_init_pages = f")])

    assert recycled(machine, KERNEL, 2).first_not(0) is None
    assert machine.counters.kasan_reports == 0


@pytest.mark.parametrize("order", [0, 4])
def test_a_bad_page_is_leaked_and_not_cleared(boot: Boot, order: int) -> None:
    """A mapcount on free: the block never comes back, and init_on_free does not clear it."""
    machine = boot("init_on_free=1 record_events=1")
    before = machine.nr_free
    pages = machine.alloc_pages(order)
    address = pages.address
    assert address is not None
    pages.fill(DIRT)
    pages.mapcount = 1
    machine.take_events()
    pages.free()

    assert machine.take_events() == ["TRACE_MM_PAGE_FREE", "BAD_PAGE"]
    assert ctypes.string_at(address, 4096) == bytes([DIRT]) * 4096
    assert (machine.counters.bad_pages, machine.counters.frees) == (1 << order, 0)
    assert before - machine.nr_free == 1 << order


def test_a_poisoned_single_page_never_comes_back(boot: Boot) -> None:
    """Memory failure: an order-0 page is left out for good, uncleared."""
    machine = boot("init_on_free=1 record_events=1")
    before = machine.nr_free
    pages = machine.alloc_pages()
    pages.hwpoison = True
    assert pages.hwpoison
    machine.take_events()
    pages.free()

    assert machine.take_events() == ["TRACE_MM_PAGE_FREE", "HWPOISON"]
    assert machine.counters.inits == 0
    assert machine.nr_free == before - 1


def test_a_poisoned_larger_block_goes_back(boot: Boot) -> None:
    """__free_pages_prepare() refuses hardware poison in order-0 pages only."""
    machine = boot()
    before = machine.nr_free
    pages = machine.alloc_pages(1)
    pages.hwpoison = True
    pages.free()

    assert (machine.nr_free, machine.counters.bad_pages) == (before, 0)


def test_a_block_allocated_is_counted_once(boot: Boot, noting: Noting) -> None:
    """One init of the whole block, whatever its order."""
    machine = boot("init_on_alloc=1", [noting])

    pages = machine.alloc_pages(7)

    assert noting.asked == [("alloc", pages.pfn, 128)]
    assert (machine.counters.inits, machine.counters.pages, machine.counters.allocs) == (1, 128, 1)


def test_a_compound_block_says_so(boot: Boot) -> None:
    """__GFP_COMP on an order above 0 makes one, and a free unmakes it."""
    machine = boot()
    compound = machine.alloc_pages(2, "GFP_KERNEL|__GFP_COMP")
    single = machine.alloc_pages(0, "GFP_KERNEL|__GFP_COMP")
    assert (compound.compound, single.compound) == (True, False)
    pfn = compound.pfn
    compound.free()

    again = machine.alloc_pages(2)

    assert (again.pfn, again.compound) == (pfn, False)


def test_page_private_is_reset(boot: Boot) -> None:
    """A block comes with page_private() 0, whatever its last owner kept there."""
    machine = boot()
    pages = machine.alloc_pages()
    pages.private = 0x1234
    assert pages.private == 0x1234
    pages.free()

    assert machine.alloc_pages().private == 0


@pytest.mark.parametrize("gfp", ["GFP_KERNEL|__GFP_ZERO", int(Gfp.KERNEL | Gfp.ZERO), Gfp.KERNEL | Gfp.ZERO])
def test_gfp_may_be_text_a_number_or_flags(boot: Boot, gfp: str | int) -> None:
    """All three mean the same."""
    machine = boot()
    dirty = machine.alloc_pages()
    dirty.fill(DIRT)
    dirty.free()

    assert machine.alloc_pages(gfp=gfp).first_not(0) is None


def test_zones_fall_back_downwards_only(boot: Boot) -> None:
    """__GFP_HIGHMEM takes HIGHMEM and then NORMAL; without it HIGHMEM is never touched."""
    machine = boot("highmem=4M")
    zones = [machine.alloc_pages(10, "GFP_HIGHUSER").zone for _ in range(4)]

    assert zones == ["HIGHMEM", "NORMAL", "NORMAL", "NORMAL"]

    machine = boot("highmem=12M")
    assert machine.alloc_pages(10).zone == "NORMAL"
    with pytest.raises(OutOfMemoryError):
        machine.alloc_pages(10)


def test_exhausted_memory_is_an_error_that_says_how_much_is_left(boot: Boot) -> None:
    """The error has the wanted and the free pages; everything can be freed and allocated again."""
    machine = boot()
    blocks = [machine.alloc_pages(10) for _ in range(3)]
    single = machine.alloc_pages()
    with pytest.raises(OutOfMemoryError, match=r"no free block of 1024 pages.*1023 pages are free") as caught:
        machine.alloc_pages(10)
    assert (caught.value.wanted, caught.value.found) == (1024, 1023)
    for pages in (*blocks, single):
        pages.free()

    assert len([machine.alloc_pages(10) for _ in range(4)]) == 4


@pytest.mark.parametrize(
    ("order", "call"), [(11, "alloc_pages"), (2**31, "alloc_pages"), (21, "alloc_contig")]
)
def test_an_order_out_of_range_is_refused(boot: Boot, order: int, call: str) -> None:
    """Above MAX_PAGE_ORDER, or above what a contiguous allocation goes to."""
    machine = boot()

    with pytest.raises(OrderError, match=f"order {order}") as caught:
        getattr(machine, call)(order)

    assert caught.value.order == order


def test_a_small_contiguous_order_is_sent_elsewhere(boot: Boot) -> None:
    """alloc_contig() is for what alloc_pages() cannot do, and says so."""
    with pytest.raises(OrderError, match=r"order 10: give 11 to 20, alloc_pages\(\) has the smaller"):
        boot().alloc_contig(10)


def test_a_double_free_is_found_out(boot: Boot) -> None:
    """The second free changes nothing and names the block."""
    machine = boot()
    pages = machine.alloc_pages(3)
    pages.free()
    free = machine.nr_free

    with pytest.raises(DoubleFreeError, match=f"pfn {pages.pfn:#x}, order 3, were freed before") as caught:
        pages.free()
    with pytest.raises(DoubleFreeError):
        machine.free_pages(pages)

    assert (caught.value.pfn, machine.nr_free) == (pages.pfn, free)


def test_pages_go_back_to_their_own_machine(boot: Boot) -> None:
    """Another machine refuses them, one by one and in bulk, even after theirs has gone."""
    mine, other = boot(), boot()
    pages = mine.alloc_pages()

    with pytest.raises(ForeignFreeError, match="another machine"):
        other.free_pages(pages)
    with pytest.raises(ForeignFreeError, match="this machine's order-0 pages"):
        other.free_pages_bulk([pages])
    mine.close()
    with pytest.raises(ForeignFreeError, match="another machine"):
        other.free_pages(pages)


@pytest.mark.parametrize("page_size", ["16K", "64K"])
def test_larger_pages_are_cleared_whole(boot: Boot, page_size: str) -> None:
    """Block, neighbour and counters, in pages of that size."""
    machine = boot(f"page_size={page_size} memory=128M init_on_alloc=1")
    nbytes = machine.config.page_size
    held = machine.alloc_pages_bulk(8)
    for page in held:
        page.fill(DIRT)
    page = held.pop()
    page.free()
    machine.reset_counters()

    again = machine.alloc_pages()

    assert (again.nbytes, again.first_not(0)) == (nbytes, None)
    assert {page.first_not(DIRT) for page in held} == {None}
    assert (machine.counters.pages, machine.counters.cleared_pages) == (1, 1)
    assert machine.alloc_pages(4).nbytes == 16 * nbytes
