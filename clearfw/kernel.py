"""Kernel functions for strategies in Python, with the names and meanings of clearfw/strategy.h.

Addresses are integers. What would crash a kernel raises an error here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw import _core
from clearfw._core import clear_pages, kmap_local_page, kunmap_local, vmalloc_to_page

if TYPE_CHECKING:
    from clearfw._core import PageRange

__all__ = [
    "PageHighMem",
    "clear_highpage",
    "clear_highpage_kasan_tagged",
    "clear_page",
    "clear_pages",
    "kasan_disable_current",
    "kasan_enable_current",
    "kasan_reset_tag",
    "kmap_local_page",
    "kunmap_local",
    "memset",
    "page_address",
    "page_to_pfn",
    "vmalloc_to_page",
]

_TAG = 0xFF << 56


def PageHighMem(page: PageRange) -> bool:  # noqa: N802  the kernel's name
    """Return whether the page lies in ZONE_HIGHMEM."""
    return page.highmem


def page_to_pfn(page: PageRange) -> int:
    """Return the page's frame number."""
    return page.pfn


def page_address(page: PageRange) -> int | None:
    """Return the page's direct-map address with its KASAN tag; None for HIGHMEM."""
    return page.address


def kasan_reset_tag(address: int) -> int:
    """Return the address with the match-all tag, which passes every check."""
    return address & ~_TAG


def kasan_disable_current() -> None:
    """Suppress KASAN's reports on this thread; nests."""
    _core.kasan_depth_add(-1)


def kasan_enable_current() -> None:
    """End one suppression."""
    _core.kasan_depth_add(1)


def clear_page(address: int) -> None:
    """Zero one page; raises FaultError if no page is mapped there."""
    clear_pages(address, 1)


def memset(address: int, byte: int, nbytes: int) -> bool:
    """Check with KASAN and write; return False without writing if KASAN reports an error."""
    return _core.checked_memset(address, byte, nbytes)


def clear_highpage(page: PageRange) -> None:
    """Map, clear and unmap one page."""
    address = kmap_local_page(page)
    clear_page(address)
    kunmap_local(address)


def clear_highpage_kasan_tagged(page: PageRange) -> None:
    """Map, clear and unmap one page, and ignore the tag of its address."""
    address = kmap_local_page(page)
    clear_page(kasan_reset_tag(address))
    kunmap_local(address)
