"""Ranges beyond 4 GiB in a window of a few MiB, and pfns beyond 4 GiB behind a hole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from clearfw import isolation
from clearfw._core import garbage, witness
from clearfw.checks.subject import GARBAGE, framed
from clearfw.config import Config
from clearfw.errors import ConfigError, OutOfMemoryError, VmallocError, WindowError
from clearfw.machine import Machine
from clearfw.registry import default

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.strategies import Strategy

pytestmark = pytest.mark.skipif(sys.maxsize < 1 << 32, reason="no such range fits 32 bits of address")

MIB = 256  # pages
CHUNK = 2 * MIB
GIB = 1024 * MIB
SMALL = "memory=256M window=1"

PER_PAGE = "for (int i = 0; i < numpages; i++) clear_page(page_address(page + i));"
BACKWARDS = "for (int i = numpages; i--;) clear_page(page_address(page + i));"
TO_THE_MIDDLE = """
	for (int i = 0; i < numpages / 2; i++) {
		clear_page(page_address(page + i));
		clear_page(page_address(page + numpages - 1 - i));
	}
	if (numpages % 2)
		clear_page(page_address(page + numpages / 2));
"""
DIRTY_ONLY = """
	for (int i = 0; i < numpages; i++) {
		u64 *at = page_address(page + i);

		if (*at || at[511])
			clear_page(at);
	}
"""
BY_PFN = "for (int i = 0; i < numpages; i++) clear_page(page_address(pfn_to_page(page_to_pfn(page) + i)));"
OWN_STORES = """
	unsigned long left = numpages * PAGE_SIZE / 8;
	void *at = page_address(page);

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(left) : "a"(0ul) : "memory");
"""
WHOLE = "clear_pages(page_address(page), numpages);"

INT_OF_BYTES = """
	int n = (int)((unsigned int)numpages << PAGE_SHIFT);

	for (int i = 0; i < n; i += PAGE_SIZE)
		clear_page(page_address(page++));
"""
U32_OF_BYTES = "unsigned n = (unsigned)numpages << 12; for (; n; n -= 4096) clear_page(page_address(page++));"
U16_OF_PAGES = "for (u16 i = 0; i != (u16)numpages; i++) clear_page(page_address(page++));"
AT_MOST_1G = "clear_pages(page_address(page), min(numpages, 1 << 18));"
U32_INDEX = (
    "char *at = page_address(page); for (int i = 0; i < numpages; i++) clear_page(at + (u32)(i << 12));"
)
ONE_TOO_MANY = "clear_pages(page_address(page), numpages + 1);"
HALF_OF_ONE = (
    "clear_pages(page_address(page), numpages); ((char *)page_address(page + numpages / 2))[99] = 1;"
)


@pytest.fixture
def strategy(c_strategy: Callable[..., Strategy]) -> Callable[[str], Strategy]:
    """Write a strategy whose function at both init points has a body."""

    def write(body: str) -> Strategy:
        function = f"static void clear(struct page *page, int numpages)\n{{\n{body}\n}}"
        return c_strategy("windowed", function, ".kernel_init_pages = clear")

    return write


def cleared(machine: Machine, point: str, npages: int) -> list[tuple[int, int, int] | None]:
    """Have NPAGES pages cleared; return the first wrong byte in them, before them and behind them."""
    machine.fill(GARBAGE)
    machine.init_pages(point, CHUNK, npages)
    behind = CHUNK + npages
    return [
        machine.first_not(0, CHUNK, npages),
        machine.first_not(GARBAGE, 0, CHUNK),
        machine.first_not(GARBAGE, behind, machine.nr_pages - behind),
    ]


@pytest.mark.parametrize("body", [PER_PAGE, BACKWARDS, TO_THE_MIDDLE, DIRTY_ONLY, BY_PFN, WHOLE])
def test_right_ones(body: str, strategy: Callable[[str], Strategy]) -> None:
    """In whatever order, read before or not: all of it is clear, and nothing else touched."""
    with Machine.boot(SMALL, stack=framed(strategy(body))) as machine:
        for npages in (1, CHUNK, 100 * MIB + 1):
            for point in ("alloc", "free"):
                assert cleared(machine, point, npages) == [None, None, None]


@pytest.mark.parametrize("npages", [4 * GIB, 4 * GIB + 1, 8 * GIB])
def test_beyond_4_gib(npages: int) -> None:
    """Every byte of it is looked at."""
    with Machine.boot("memory=9G window=1", stack=framed(default().strategies["batched"])) as machine:
        assert cleared(machine, "alloc", npages) == [None, None, None]


@pytest.mark.skipif("sys.platform != 'linux' or __import__('os').uname().machine != 'x86_64'")
def test_own_stores_beyond_4_gib(strategy: Callable[[str], Strategy]) -> None:
    """Stores that no counter sees are looked at like any others."""
    with Machine.boot("memory=5G window=1", stack=framed(strategy(OWN_STORES))) as machine:
        assert cleared(machine, "free", 4 * GIB + 1) == [None, None, None]


@pytest.mark.parametrize(
    ("body", "npages", "wrong"),
    [
        (INT_OF_BYTES, 2 * GIB, CHUNK),
        (INT_OF_BYTES, 4 * GIB + 1, CHUNK + 1),
        (U32_OF_BYTES, 4 * GIB, CHUNK),
        (U32_OF_BYTES, 4 * GIB + 1, CHUNK + 1),
        (U16_OF_PAGES, 1 << 16, CHUNK),
        (U16_OF_PAGES, 4 * GIB + 1, CHUNK + 1),
        (AT_MOST_1G, 4 * GIB, CHUNK + GIB),
        (U32_INDEX, 4 * GIB + 1, CHUNK + 4 * GIB),
    ],
)
def test_counts_that_are_too_narrow(
    body: str, npages: int, wrong: int, strategy: Callable[[str], Strategy]
) -> None:
    """The first page that was left is named."""
    with Machine.boot("memory=5G window=1", stack=framed(strategy(body))) as machine:
        assert cleared(machine, "alloc", npages) == [(wrong, 0, GARBAGE), None, None]


def test_neighbours(strategy: Callable[[str], Strategy]) -> None:
    """One page more is seen, and one byte that is not zero."""
    with Machine.boot(SMALL, stack=framed(strategy(ONE_TOO_MANY))) as machine:
        assert cleared(machine, "alloc", 77) == [None, None, (CHUNK + 77, 0, 0)]
        machine.set_stack(framed(strategy(HALF_OF_ONE)))
        assert cleared(machine, "alloc", 60 * MIB) == [(CHUNK + 30 * MIB, 99, 1), None, None]


def test_allocation(strategy: Callable[[str], Strategy]) -> None:
    """Gigantic blocks are allocated and freed there as anywhere."""
    config = "memory=5G window=1 init_on_alloc=1 init_on_free=1"
    with Machine.boot(config, stack=[default().strategies["batched"]]) as machine:
        pages = machine.alloc_contig(18)
        machine.fill(GARBAGE, pages.pfn, pages.npages)
        pfn = pages.pfn
        pages.free()
        assert machine.first_not(0, pfn, GIB) is None
        assert machine.what_is_wrong() is None
        with pytest.raises(OutOfMemoryError):
            machine.alloc_contig(20), machine.alloc_contig(20)


def test_the_frame_is_quick_and_exact() -> None:
    """What dirties and what is passed on to note what they write, and write nothing."""
    with Machine.boot(
        "memory=9G window=1", stack=framed(default().strategies["highmem_fallback"])
    ) as machine:
        machine.init_pages("alloc", CHUNK, 8 * GIB)
        assert machine.first_not(0) is None
        machine.fill(GARBAGE, CHUNK, 7)
        assert machine.first_not(0) == (CHUNK, 0, GARBAGE)
        assert machine.first_not(GARBAGE, CHUNK, 8) == (CHUNK + 7, 0, 0)
    assert garbage().name == "garbage"
    assert witness().name == "witness"


def test_other_bytes_go_through_memory() -> None:
    """A fill with a byte that is neither zero nor garbage is seen, byte by byte."""
    with Machine.boot(SMALL, stack="per_page") as machine:
        machine.fill(0x55, 5, 3 * CHUNK)
        assert machine.first_not(0x55, 5, 3 * CHUNK) is None
        assert machine.first_not(0) == (5, 0, 0x55)
        assert machine.first_not(GARBAGE, 5, 1) == (5, 0, 0x55)
        assert machine.first_not(0x55) == (0, 0, 0)


def test_to_and_fro(strategy: Callable[[str], Strategy]) -> None:
    """A strategy that nothing can follow is run to its end, and no answer is made up."""
    body = (
        "for (int at = 0; at < 512; at++) for (int i = at; i < numpages; i += 512)"
        " clear_page(page_address(page + i));"
    )
    with Machine.boot(SMALL, stack=framed(strategy(body))) as machine:
        machine.fill(GARBAGE)
        machine.init_pages("alloc", 0, 200 * MIB)
        with pytest.raises(WindowError, match="windowed"):
            machine.first_not(0, 0, 200 * MIB)
        assert cleared(machine, "alloc", 30 * MIB) == [None, None, None]


@pytest.mark.parametrize("name", ["vmalloc_contiguous", "vmalloc_per_page", "vmalloc_runs"])
def test_areas_beyond_4_gib(name: str) -> None:
    """An area is the memory of its pages under another address, whichever of the two is used."""
    config = "memory=5G window=1 vmalloc_init=always init_on_alloc=1"
    with Machine.boot(config, stack=framed(default().strategies[name])) as machine:
        machine.fill(GARBAGE)
        with machine.vmalloc((4 << 30) + (2 << 20) - 1, huge=True) as area:
            pages = set(area.pfns)
            runs = sorted(pfn for pfn in pages if pfn - 1 not in pages)
            ends = sorted(pfn + 1 for pfn in pages if pfn + 1 not in pages)
            for start, end in zip(runs, ends, strict=True):
                assert machine.first_not(0, start, end - start) is None
            for start, end in zip([0, *ends], [*runs, machine.nr_pages], strict=True):
                assert machine.first_not(GARBAGE, start, end - start) is None
        assert machine.what_is_wrong() is None


def test_an_area_of_other_sizes_is_refused() -> None:
    """A window maps whole chunks."""
    with Machine.boot(f"{SMALL} vmalloc_init=always", stack="vmalloc_runs") as machine:
        with pytest.raises(VmallocError, match="2 MiB"):
            machine.vmalloc(4096, huge=True)
        assert machine.what_is_wrong() is None


def test_other_faults_are_told_as_ever(strategy: Callable[[str], Strategy]) -> None:
    """What is not in the window goes to who tells of crashes."""
    stack = framed(strategy("clear_page(page_address(page + numpages - 1) + PAGE_SIZE);"))

    def beyond(_: isolation.Tell) -> None:
        with Machine.boot(SMALL, stack=stack) as machine:
            machine.init_pages("alloc", machine.nr_pages - 8, 8)

    end = isolation.run(beyond, 10).end

    assert "past the end of the direct map" in end
    assert "asked to clear 8 pages from pfn 0xfff8" in end


@pytest.mark.parametrize("wrong", ["memory=3M", "highmem=16M", "kasan=generic", "page_poison=1"])
def test_what_a_window_lacks(wrong: str) -> None:
    """Refused in one line that says what to leave out."""
    with pytest.raises(ConfigError, match="window=1 is not valid"):
        Config.parse(f"memory=64M window=1 {wrong}")


# A hole below memory

HOLES = [
    "hole=4G",
    "hole=4092M",
    "hole=4G page_size=64K",
    "hole=4G highmem=8M kmap=strict",
    "hole=4G kasan=hw_tags",
    "hole=4G kasan=generic",
    "hole=4G window=1",
    "hole=4G page_poison=1",
]


@pytest.mark.parametrize("options", HOLES)
def test_pfns_beyond_4_gib(options: str) -> None:
    """Memory lies where the hole ends, and is like any other."""
    config = f"memory=64M backing=base init_on_alloc=1 init_on_free=1 {options}"
    with Machine.boot(config, stack="batched+highmem_fallback") as machine:
        machine.fill(GARBAGE)
        for order in range(11):
            for gfp in ("GFP_KERNEL", "GFP_HIGHUSER"):
                pages = machine.alloc_pages(order, gfp)
                assert machine.first_pfn <= pages.pfn < machine.max_pfn
                assert pages.pfn >= 0xF000
                pages.free()
        assert machine.first_pfn == Config.parse(config).hole // machine.config.page_size
        assert machine.max_pfn - machine.first_pfn == machine.nr_pages == machine.config.npages
        assert machine.nr_free == machine.nr_pages
        assert machine.what_is_wrong() is None
        with pytest.raises(IndexError):
            machine.first_not(0, machine.first_pfn - 1, 1)
        assert len(machine.struct_pages()) == 32 * machine.nr_pages


def test_the_first_page_has_an_address(strategy: Callable[[str], Strategy]) -> None:
    """The direct map begins at address 0, memory or not: every page is found from there."""
    body = """
	char *base = page_address(pfn_to_page(0));
	unsigned long phys = page_to_pfn(page) << PAGE_SHIFT;

	if (virt_to_page(base) != pfn_to_page(0) || page_to_pfn(pfn_to_page(7)) != 7)
		return;
	clear_pages(base + phys, numpages);
"""
    with Machine.boot("memory=8M hole=4G init_on_alloc=1", stack=[strategy(body)]) as machine:
        pages = machine.alloc_pages(10)
        machine.fill(GARBAGE)
        machine.init_pages("alloc", pages.pfn, 1024)
        assert pages.first_not(0) is None
        assert machine.first_not(GARBAGE, pages.pfn - 1024, 1024) is None


def test_physical_addresses_in_32_bits(strategy: Callable[[str], Strategy]) -> None:
    """They lead to where no memory is, and the crash report says so."""
    body = """
	u32 phys = page_to_pfn(page) << PAGE_SHIFT;

	clear_pages(page_address(pfn_to_page(0)) + phys, numpages);
"""
    stack = framed(strategy(body))

    def ask(_: isolation.Tell) -> None:
        with Machine.boot("memory=8M hole=4G init_on_alloc=1", stack=stack) as machine:
            machine.alloc_pages(3)

    end = isolation.run(ask, 10).end

    assert "where no memory is: the first pfn is 0x100000" in end
    assert "asked to clear 8 pages from pfn 0x1" in end


@pytest.mark.parametrize("hole", ["1M", "2M", "20T"])
def test_holes_that_cannot_be(hole: str) -> None:
    """A hole ends where a block of the largest order begins, and pfns have 32 bits."""
    with pytest.raises(ConfigError, match="hole="):
        Config.parse(f"memory=64M hole={hole}")
