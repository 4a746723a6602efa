"""The configurations that checks walk over."""

from __future__ import annotations

# Two blocks of order 10, and with HIGHMEM two in either zone.
_LOWMEM = {"4K": "8M", "16K": "32M", "64K": "128M"}
_HIGHMEM = {"4K": "16M highmem=8M", "16K": "64M highmem=32M", "64K": "256M highmem=128M"}
PAGE_SIZES = tuple(_LOWMEM)
# The best backing that the host has: hugetlb where there is a pool, else transparent huge pages.
HUGE = f"memory={_LOWMEM['4K']} backing=auto"
OPTIONS = {"alloc": "init_on_alloc=1", "free": "init_on_free=1"}


def lowmem(page_size: str = "4K", kasan: str = "off") -> str:
    """Return the command line of a machine without HIGHMEM."""
    return f"memory={_LOWMEM[page_size]} page_size={page_size} kasan={kasan} backing=base"


def highmem(page_size: str = "4K", kasan: str = "off", kmap: str = "priced") -> str:
    """Return the command line of a machine with HIGHMEM.

    With kmap=strict a slot really maps and unmaps, at 4 us a page; priced, it is what was never mapped that
    faults.
    """
    return f"memory={_HIGHMEM[page_size]} page_size={page_size} kasan={kasan} kmap={kmap} backing=base"


def both(page_size: str = "4K", kasan: str = "off") -> tuple[str, str]:
    """Return the command lines of a machine without HIGHMEM, and of one with it."""
    return lowmem(page_size, kasan), highmem(page_size, kasan)
