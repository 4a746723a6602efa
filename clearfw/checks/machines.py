"""The configurations that checks walk over."""

from __future__ import annotations

import itertools

# Room for blocks of every order, and for one more beside them.
_MEMORY = {"4K": "12M", "16K": "48M", "64K": "192M"}
KASANS = ("off", "generic", "sw_tags", "hw_tags")


def lowmem(page_size: str = "4K", kasan: str = "off") -> str:
    """Return the command line of a machine without HIGHMEM."""
    return f"memory={_MEMORY[page_size]} page_size={page_size} kasan={kasan} backing=base"


def highmem(page_size: str = "4K", kasan: str = "off") -> str:
    """Return the command line of a machine with HIGHMEM, whose kmap slots really map and unmap."""
    # Order 10 has to fit into either zone, and a strict kmap is dear: 4 us a page.
    total, high = {"4K": ("16M", "8M"), "16K": ("64M", "32M"), "64K": ("256M", "128M")}[page_size]
    return f"memory={total} highmem={high} page_size={page_size} kasan={kasan} kmap=strict backing=base"


def every(*page_sizes: str) -> list[str]:
    """Return every combination of page size (all three, unless some are named), HIGHMEM and KASAN mode."""
    return [
        zone(page_size, kasan)
        for zone, page_size, kasan in itertools.product((lowmem, highmem), page_sizes or _MEMORY, KASANS)
    ]
