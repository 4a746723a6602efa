"""kmap_local_page() inside an init point: sixteen slots, last in first out, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clearfw import kernel
from clearfw.errors import FaultError, KmapError
from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clearfw._core import PageRange
    from clearfw.machine import Machine
    from clearfw.strategies import NativeStrategy

    Boot = Callable[..., Machine]
    CStrategy = Callable[..., NativeStrategy]

HIGH = "GFP_HIGHUSER|__GFP_ZERO"
DIRT = 0x5A
BOTH = pytest.mark.parametrize("kmap", ["strict", "priced"])


class Does:
    """A strategy that does DO, and claims."""

    def __init__(self, do: Callable[[PageRange], object]) -> None:
        self.do = do

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Do it."""
        self.do(pages)
        return True


def in_c(body: str) -> str:
    """Return a kernel_init_pages() with BODY."""
    return f"static void f(struct page *page, int numpages)\n{{\n{body}\n}}"


# What a strategy may do wrong: in C, in Python, and what the error says of it.
MAPS_TOO_MANY = """
	void *addr[17];

	for (int i = 0; i < 17; i++)
		addr[i] = kmap_local_page(page + i);
	*(volatile char *)addr[16] = 1;
	for (int i = 16; i >= 0; i--)
		kunmap_local(addr[i]);"""
UNMAPS_OUT_OF_ORDER = """
	void *first = kmap_local_page(page), *second = kmap_local_page(page + 1);

	kunmap_local(first);
	kunmap_local(second);"""
LEAKS = """
	kmap_local_page(page);
	kmap_local_page(page + 1);"""


def maps_too_many(pages: PageRange) -> None:
    """The 17th is refused at once."""
    mapped = [kernel.kmap_local_page(page) for page, _ in zip(pages, range(17), strict=False)]
    for address in reversed(mapped):
        kernel.kunmap_local(address)


def unmaps_out_of_order(pages: PageRange) -> None:
    """The first unmap is refused at once."""
    first, second = (kernel.kmap_local_page(page) for page, _ in zip(pages, range(2), strict=False))
    kernel.kunmap_local(first)
    kernel.kunmap_local(second)


def leaks(pages: PageRange) -> None:
    """Two stay mapped."""
    for page, _ in zip(pages, range(2), strict=False):
        kernel.kmap_local_page(page)


WRONG = {
    "more than 16 pages at once": (MAPS_TOO_MANY, maps_too_many),
    "mapping that is not the newest": (UNMAPS_OUT_OF_ORDER, unmaps_out_of_order),
    "with pages still mapped": (LEAKS, leaks),
}


@BOTH
@pytest.mark.parametrize("language", ["C", "Python"])
@pytest.mark.parametrize("what", WRONG)
def test_a_strategy_that_misuses_kmaps_is_stopped(
    boot: Boot, c_strategy: CStrategy, kmap: str, language: str, what: str
) -> None:
    """The allocation fails, the block goes back, no slot is lost, and the machine goes on."""
    body, function = WRONG[what]
    wrong = c_strategy("wrong", in_c(body), ".kernel_init_pages = f") if language == "C" else Does(function)
    machine = boot(f"highmem=8M kmap={kmap}", [wrong])

    for _ in range(20):
        with pytest.raises(KmapError, match=what):
            machine.alloc_pages(5, HIGH)

    assert machine.what_is_wrong() is None
    assert machine.nr_free == machine.nr_pages
    machine.set_stack("per_page")
    assert machine.alloc_pages(5, HIGH).first_not(0) is None


@BOTH
def test_an_exception_leaves_no_page_mapped(boot: Boot, kmap: str) -> None:
    """A strategy in Python that raises half-way costs no slot, however often."""

    def fail(pages: PageRange) -> None:
        kernel.kasan_disable_current()
        leaks(pages)
        msg = "mine"
        raise ZeroDivisionError(msg)

    machine = boot(f"highmem=8M kmap={kmap} kasan=generic", [Does(fail)])

    for _ in range(20):
        with pytest.raises(ZeroDivisionError, match="mine"):
            machine.alloc_pages(5, HIGH)
    assert machine.what_is_wrong() is None
    machine.set_stack("per_page")
    assert machine.alloc_pages(5, HIGH).first_not(0) is None


@BOTH
def test_sixteen_at_once_are_allowed(boot: Boot, c_strategy: CStrategy, kmap: str) -> None:
    """Each its own page, at its own address."""
    body = """
	char *addr[16];

	for (int i = 0; i < 16; i++)
		addr[i] = kmap_local_page(page + i);
	for (int i = 0; i < 16; i++)
		addr[i][i] = (char)(i + 1);
	for (int i = 15; i >= 0; i--)
		kunmap_local(addr[i]);"""
    machine = boot(f"highmem=8M kmap={kmap}", [c_strategy("sixteen", in_c(body), ".kernel_init_pages = f")])

    content = machine.alloc_pages(4, HIGH).read()

    assert [content[i * 4096 + i] for i in range(16)] == list(range(1, 17))
    assert sum(content) == sum(range(1, 17))
    assert machine.counters.kmaps == 16


@BOTH
def test_any_address_within_the_page_unmaps_it(boot: Boot, kmap: str) -> None:
    """kunmap_local() looks at the page, not at the offset."""

    def clear(pages: PageRange) -> None:
        for page in pages:
            address = kernel.kmap_local_page(page)
            kernel.clear_page(address)
            kernel.kunmap_local(address + 4095)

    assert boot(f"highmem=8M kmap={kmap}", [Does(clear)]).alloc_pages(5, HIGH).first_not(0) is None


@BOTH
def test_lowmem_takes_no_slot(boot: Boot, kmap: str) -> None:
    """kmap_local_page() is page_address() there, and unmapping in any order does nothing."""

    def clear(pages: PageRange) -> None:
        mapped = [kernel.kmap_local_page(page) for page in pages]
        assert mapped == [page.address for page in pages]
        for address in mapped:
            kernel.clear_page(address)
            kernel.kunmap_local(address)

    machine = boot(f"highmem=8M kmap={kmap}", [Does(clear)])

    assert machine.alloc_pages(5, "GFP_KERNEL|__GFP_ZERO").first_not(0) is None
    assert machine.counters.kmaps == 0


@BOTH
@pytest.mark.parametrize("page_size", ["4K", "16K", "64K"])
def test_a_highmem_block_is_mapped_page_by_page(boot: Boot, kmap: str, page_size: str) -> None:
    """One kmap and one primitive call a page, and the whole block is clear; so for lowmem, with no kmap."""
    machine = boot(f"highmem=8M kmap={kmap} page_size={page_size} init_on_alloc=1")
    high, low = machine.alloc_pages(4, "GFP_HIGHUSER"), machine.alloc_pages(2)
    for pages in (high, low):
        pages.fill(DIRT)
        pages.free()
    machine.reset_counters()

    assert machine.alloc_pages(4, "GFP_HIGHUSER").first_not(0) is None
    assert (machine.counters.kmaps, machine.counters.clear_calls) == (16, 16)
    assert machine.alloc_pages(2).first_not(0) is None
    assert (machine.counters.kmaps, machine.counters.clear_calls) == (16, 20)


@BOTH
def test_an_unmapped_page_cannot_be_cleared(boot: Boot, kmap: str) -> None:
    """The address is no longer mapped, in both modes."""
    seen: list[str] = []

    def clear(pages: PageRange) -> None:
        address = kernel.kmap_local_page(pages)
        kernel.kunmap_local(address)
        try:
            kernel.clear_page(address)
        except FaultError as error:
            seen.append(str(error))
        kernel.clear_highpage(pages)

    machine = boot(f"highmem=8M kmap={kmap}", [Does(clear)])
    machine.alloc_pages(0, HIGH)

    assert len(seen) == 1
    assert "a HIGHMEM page not mapped" in seen[0]


STRAY = """
import sys
from clearfw.machine import Machine
with Machine.boot("memory=4M highmem=2M backing=thp kmap=" + sys.argv[2], stack=sys.argv[1]) as machine:
    machine.alloc_pages(0, "GFP_HIGHUSER|__GFP_ZERO")
"""


@pytest.mark.parametrize(("kmap", "status"), [("strict", -signal.SIGSEGV), ("priced", 0)])
def test_a_stray_store_really_faults_in_strict_mode(tmp_path: Path, kmap: str, status: int) -> None:
    """A strategy in C that uses an address after kunmap_local() is killed there; priced mode lets it pass."""
    body = """
	volatile char *addr = kmap_local_page(page);

	kunmap_local((void *)addr);
	*addr = 1;"""
    path = tmp_path / "stray.c"
    path.write_text(
        f"#include <clearfw/strategy.h>\n{in_c(body)}\nCLEARFW_STRATEGY(stray, .kernel_init_pages = f);\n"
    )

    done = subprocess.run([sys.executable, "-c", STRAY, str(path), kmap], capture_output=True, check=False)

    assert done.returncode == status
