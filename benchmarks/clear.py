"""Clearing: the time of a page by strategy, primitive and order, and the ratios that have a bar."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from .common import MIB, boot, clock, ratio, skipping

if TYPE_CHECKING:
    from .common import Run

GIGANTIC = 18
CHUNK_NBYTES = 32 * MIB

LOWMEM = "init_on_alloc=1 memory=128M"
HIGHMEM = "init_on_alloc=1 memory=192M highmem=96M kmap=priced"
ONE_GIB = "init_on_alloc=1 memory=1G"


class _Chunks:
    """A machine's memory in chunks, each dirtied, evicted and then allocated as a whole, block by block."""

    def __init__(self, cmdline: str, stack: str, chunk_nbytes: int, gfp: str = "GFP_KERNEL") -> None:
        from clearfw._core import Arena

        self.machine = boot(cmdline, stack)
        self.arena = Arena(self.machine, chunk_nbytes)
        self.gfp = gfp
        self.turn = 0
        # HIGHMEM lies above lowmem, and the machines here have as many chunks of one as of the other.
        first = self.arena.nchunks // 2 if "highmem" in cmdline else 0
        self.chunks = range(first, self.arena.nchunks)

    def chunk(self, turn: int) -> int:
        return self.chunks[turn % len(self.chunks)]

    def run(self, turn: int, order: int, **how: Any) -> int:  # noqa: ANN401
        """Return the nanoseconds that allocating a chunk took, with its pages cleared and proved zero."""
        _, ns, _, dirty = self.arena.run(self.chunk(turn), order, self.gfp, **how)
        if dirty is not None:
            msg = f"byte {dirty} of the chunk is not zero"
            raise AssertionError(msg)
        return ns


@functools.cache
def _warm_chunks(strategy: str, primitive: str, order: int) -> _Chunks:
    chunks = _chunks(strategy, primitive, order)
    chunks.run(0, order)
    return chunks


def _chunks(strategy: str, primitive: str, order: int) -> _Chunks:
    if strategy == "s390_memset" and primitive != "stosb":
        msg = "s390_memset has its own instructions, so one measurement is enough"
        raise NotImplementedError(msg)
    if strategy != "highmem_fallback":
        cmdline, nbytes = (ONE_GIB, 1024 * MIB) if order == GIGANTIC else (LOWMEM, CHUNK_NBYTES)
        return _Chunks(f"{cmdline} primitive={primitive}", strategy, nbytes)
    if order == GIGANTIC:
        msg = "there are no gigantic pages in HIGHMEM"
        raise NotImplementedError(msg)
    return _Chunks(f"{HIGHMEM} primitive={primitive}", strategy, CHUNK_NBYTES, "GFP_HIGHUSER")


class Clear:
    """The time to allocate and clear a page of 4 KiB, as part of a block of 2^order, on cold memory."""

    version = "1"
    timer = clock
    repeat = (5, 20, 2.0)
    params = (
        ("per_page", "batched", "s390_memset", "highmem_fallback"),
        ("stosb", "best"),
        (0, 3, 5, 9, 10, GIGANTIC),
    )
    param_names = ("strategy", "primitive", "order")

    def setup(self, strategy: str, primitive: str, order: int) -> None:
        """Boot once a process."""
        with skipping():
            self.chunks = _warm_chunks(strategy, primitive, order)

    def time_page(self, strategy: str, primitive: str, order: int) -> None:  # noqa: ARG002
        """Report the nanoseconds that the C loop took, for one page."""
        self.chunks.turn += 1
        clock.add(self.chunks.run(self.chunks.turn, order), self.chunks.arena.chunk_bytes >> 12)


class _Ratio:
    """Variants that take turns on the same memory; the lower the better."""

    version = "1"
    unit = "time / baseline time"

    def setup(self, *params: object) -> None:  # noqa: ARG002
        """Boot with the primitives found best on this CPU, and without a strategy."""
        with skipping():
            self.chunks = _Chunks("init_on_alloc=1 memory=512M primitive=best", "", 256 * MIB)
            self.best: list[str] = self.chunks.machine.primitives

    def variant(self, stack: str, primitive: str, order: int, **how: Any) -> Run:  # noqa: ANN401
        """Return the allocation of a chunk in blocks of 2^ORDER, with that stack and primitive."""
        machine = self.chunks.machine

        def run(turn: int) -> float:
            machine.set_stack(stack)
            machine.set_primitives(self.best if primitive == "best" else [primitive])
            return self.chunks.run(turn, order, **how)

        return run

    def roofline(self) -> Run:
        """Return the best primitive in one call over the whole chunk, with no allocator in the way."""
        arena = self.chunks.arena
        return lambda turn: float(arena.roofline(self.chunks.chunk(turn), self.best[-1], arena.chunk_bytes))


class ToBaseline(_Ratio):
    """2 MiB blocks against per_page with rep stosb: what batching gains, the primitive, and both."""

    params = (("batched/stosb", "per_page/best", "batched/best"),)
    param_names = ("variant",)

    def track_ratio(self, variant: str) -> float:
        """The bar is 1/2.3 for batched/best, where wide non-temporal stores exist."""
        stack, primitive = variant.split("/")
        with skipping():
            self.chunks.machine.set_primitives(["stosb"])
        return ratio(self.variant(stack, primitive, 9), self.variant("per_page", "stosb", 9))


class ToRoofline(_Ratio):
    """batched with the best primitives against the roofline."""

    params = ((5, 8, 9, 10),)
    param_names = ("order",)

    def track_ratio(self, order: int) -> float:
        """The bars are 1/0.93 for orders 5 to 8 and 1/0.97 above."""
        return ratio(self.variant("batched", "best", order), self.roofline())


class Bulk(_Ratio):
    """Lists of order-0 pages, one fence a list, in the order the allocator hands them out."""

    def track_ratio(self) -> float:
        """The bar is 1/0.9, on huge backing."""
        return ratio(self.variant("batched", "best", 0, bulk=512), self.roofline())


class TwoThreads(_Ratio):
    """The same memory cleared by two threads against one."""

    def setup(self, *params: object) -> None:
        """Two threads want two processors."""
        if len(os.sched_getaffinity(0)) < 2:  # noqa: PLR2004
            msg = "one processor"
            raise NotImplementedError(msg)
        super().setup(*params)

    def track_ratio(self) -> float:
        """The bar is 1/1.9, on idle processors."""
        return ratio(self.variant("batched", "best", 9, threads=2), self.variant("batched", "best", 9))
