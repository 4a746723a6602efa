"""The page and vmalloc cases of the kernel's lib/test_meminit.c (7.3), as a table.

Memory is allocated, filled with garbage, freed and allocated again: with init_on_alloc or init_on_free
not one byte of the garbage may be left. Without either it is, or the test would prove nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.machine import Machine

    Boot = Callable[..., Machine]

GARBAGE = 0x9E
CONFIGS = (
    "",
    "highmem=8M",
    "kasan=generic",
    "kasan=sw_tags",
    "kasan=hw_tags",
    "kasan=hw_tags kasan.vmalloc=off",
    "kasan=hw_tags highmem=8M kasan.vmalloc=off",
    "page_size=16K",
    "vmalloc_init=always",
)
OPTIONS = ("init_on_alloc=1", "init_on_free=1", "init_on_alloc=1 init_on_free=1")


def pages_left_dirty(machine: Machine, gfp: str) -> list[int]:
    """Return the orders (test_pages(): 0 to MAX_PAGE_ORDER) at which garbage is left."""
    found = []
    for order in range(9 if machine.config.highmem or machine.config.page_size > 4096 else 11):
        pages = machine.alloc_pages(order, gfp)
        pages.fill(GARBAGE)
        pages.free()
        with machine.alloc_pages(order, gfp) as again:
            if GARBAGE in again.read():
                found.append(order)
    return found


def soil(machine: Machine) -> None:
    """Fill everything that is free with garbage, and free it again."""
    for page in (pages := machine.alloc_pages_bulk(machine.nr_free, "GFP_HIGHUSER")):
        page.fill(GARBAGE)
    machine.free_pages_bulk(pages)


def areas_left_dirty(machine: Machine) -> list[int]:
    """Return the sizes (test_kvmalloc(): 1 byte to 512 KiB) at which garbage is left in an area."""
    found = []
    soil(machine)
    for shift in range(20):
        area = machine.vmalloc(1 << shift)
        with memoryview(area) as view:
            if GARBAGE in view.tobytes():
                found.append(1 << shift)
            view[:] = bytes([GARBAGE]) * view.nbytes
        area.free()
    return found


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("config", CONFIGS)
def test_no_garbage_is_left(boot: Boot, config: str, options: str) -> None:
    """In blocks of every order, in both zones, and in areas of every size."""
    machine = boot(f"{config} {options}")

    assert pages_left_dirty(machine, "GFP_KERNEL") == []
    assert pages_left_dirty(machine, "GFP_HIGHUSER") == []
    assert areas_left_dirty(machine) == []


@pytest.mark.parametrize("config", CONFIGS)
def test_garbage_is_left_without_either_option(boot: Boot, config: str) -> None:
    """In every block and area, which is what makes the other test mean something."""
    machine = boot(config)

    orders = 9 if "highmem" in config or "page_size" in config else 11
    assert pages_left_dirty(machine, "GFP_KERNEL") == list(range(orders))
    assert areas_left_dirty(machine) == [1 << shift for shift in range(20)]
