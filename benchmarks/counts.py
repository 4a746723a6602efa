"""Counts: what each strategy does for a fixed sequence of allocations, the same on every run and machine."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from .common import MIB, boot, skipping

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw import Machine

# Each stack with its workload.
CASES = (
    "orders: per_page",
    "orders: batched",
    "orders: s390_memset",
    "highmem: per_page",
    "highmem: batched+highmem_fallback",
    "bulk: per_page",
    "bulk: batched",
    "vmalloc: vmalloc_per_page",
    "vmalloc: vmalloc_runs",
    "vmalloc: vmalloc_contiguous",
)


def _nontemporal() -> str:
    """Return a primitive that needs fences, of which the count is the same for all that do."""
    from clearfw._core import primitives

    found = [one["name"] for one in primitives() if one["nontemporal"] and one["supported"]]
    return found[0] if found else "generic"


def _mixed(machine: Machine, gfp: str) -> None:
    """Allocate 200 blocks of random order, small ones more often, and free all."""
    seeded = random.Random(1)  # noqa: S311
    orders = [min(seeded.randrange(11), seeded.randrange(11)) for _ in range(200)]
    blocks = [machine.alloc_pages(order, gfp) for order in orders]
    for block in blocks:
        machine.free_pages(block)


def _orders(machine: Machine) -> None:
    _mixed(machine, "GFP_KERNEL")


def _highmem(machine: Machine) -> None:
    _mixed(machine, "GFP_HIGHUSER")


def _bulk(machine: Machine) -> None:
    for nr in (1, 16, 512):
        machine.free_pages_bulk(machine.alloc_pages_bulk(nr))


def _vmalloc(machine: Machine) -> None:
    # The odd byte makes a partial last page, and blocks of every order below the first.
    machine.vmalloc(16 * MIB - 1).free()


WORKLOADS: dict[str, tuple[str, Callable[[Machine], None]]] = {
    "orders": ("memory=256M init_on_alloc=1", _orders),
    "highmem": ("memory=256M highmem=192M kmap=priced init_on_alloc=1", _highmem),
    "bulk": ("memory=64M init_on_alloc=1", _bulk),
    "vmalloc": ("memory=64M kasan=hw_tags kasan.vmalloc=off init_on_alloc=1 seed=1", _vmalloc),
}


class Counts:
    """One counter a benchmark; the lower the better."""

    version = "1"
    unit = "count"
    params = (CASES,)
    param_names = ("case",)

    def setup(self, case: str) -> None:
        """Boot, and go through the workload once."""
        workload, stack = case.split(": ")
        cmdline, play = WORKLOADS[workload]
        with skipping():
            machine = boot(f"{cmdline} backing=base primitive={_nontemporal()}", stack)
            play(machine)
            self.counters = machine.counters

    def track_inits(self, case: str) -> int:  # noqa: ARG002
        """Times an init point asked its stack."""
        return self.counters.inits

    def track_clear_calls(self, case: str) -> int:  # noqa: ARG002
        """Calls of the primitive."""
        return self.counters.clear_calls

    def track_longest_clear(self, case: str) -> int:  # noqa: ARG002
        """Pages in the longest call of the primitive, which nothing interrupts."""
        return self.counters.longest_clear

    def track_fences(self, case: str) -> int:  # noqa: ARG002
        """Fences after non-temporal stores."""
        return self.counters.fences

    def track_kmaps(self, case: str) -> int:  # noqa: ARG002
        """HIGHMEM pages mapped."""
        return self.counters.kmaps

    def track_page_walks(self, case: str) -> int:  # noqa: ARG002
        """Look-ups in the page table or the area's pages."""
        return self.counters.page_walks
