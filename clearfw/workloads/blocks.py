"""Blocks of one size after another: hugetlb and orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw import _core
from clearfw.config import format_size
from clearfw.errors import ConfigError
from clearfw.workloads.protocol import GIB, Bench, Latency, Options, Scene, Timing, _config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearfw.machine import Machine

HUGETLB_GFP = "GFP_HIGHUSER|__GFP_COMP|__GFP_NOWARN"  # htlb_alloc_mask(), 7.3

HUGE_NBYTES = 2 << 20

_SUPPORTED = frozenset({"kasan", "init_on_free", "touch", "hot", "threads", "dirty"})

# The most that vmalloc asks alloc_pages_bulk() for at a time (mm/vmalloc.c:vm_area_alloc_pages, 7.3).
LIST_PAGES = 100


def _gfp(order: int) -> str:
    return HUGETLB_GFP if order else "GFP_HIGHUSER"


class ChunkBench:
    """Blocks of one order at a time, on chunks of cold memory in turn: of HIGHMEM, where there is any."""

    bulk = 0  # pages a list, where they are allocated and freed in lists

    def __init__(self, machine: Machine, options: Options, orders: Sequence[int], most_nbytes: int) -> None:
        """Take chunks of MOST_NBYTES, or of what half of the zone holds where that is less."""
        config = machine.config
        self.orders = orders
        self._machine = machine
        self._options = options
        room = (config.highmem or config.memory) // 2
        # A power of two: aligned, it fits into any span twice as long.
        self._chunk_nbytes = min(most_nbytes, 1 << (room.bit_length() - 1))
        self._arena = _core.Arena(machine, self._chunk_nbytes, options.dirty)
        if not self._highmem_chunks():
            have, want = format_size(config.highmem), format_size(2 * self._arena.chunk_bytes)
            msg = f"highmem={have} is too small for an aligned chunk: give {want} or more"
            raise ConfigError(msg)

    @property
    def cases(self) -> Sequence[int | None]:
        """The orders, one after the other."""
        return self.orders

    @property
    def arena(self) -> _core.Arena:
        """The memory, in chunks."""
        return self._arena

    def chunk(self, turn: int) -> int:
        """Return the chunk whose turn it is."""
        chunks = self._highmem_chunks()
        return chunks[turn % len(chunks)]

    def _highmem_chunks(self) -> range:
        # The arena lists NORMAL before HIGHMEM, from pfn 0 (csrc/bench/arena.c:arena_init).
        config = self._machine.config
        lowmem = config.memory - config.highmem if config.highmem else 0
        return range(lowmem // self._arena.chunk_bytes, self._arena.nchunks)

    def run(self, case: int | None, turn: int) -> Mapping[int | None, Timing]:
        """Allocate and free a whole chunk in blocks of order CASE."""
        order = case or 0
        arena = self._arena_for(order)
        options = self._options
        _, alloc_ns, free_ns, dirty = arena.run(
            self.chunk(turn),
            order,
            _gfp(order),
            touch=options.touch,
            hot=options.hot,
            bulk=self.bulk,
            threads=options.threads,
        )
        # A hot block is allocated and freed in one loop, whose time is that of both.
        ns = free_ns if options.init_on_free and not options.hot else alloc_ns
        return {case: Timing(ns, arena.chunk_bytes, dirty)}

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:
        """Zero a whole chunk in one call."""
        arena = self._arena_for(case or 0)
        nbytes = arena.chunk_bytes
        return Timing(arena.roofline(self.chunk(turn), primitive, nbytes), nbytes)

    def latencies(self) -> Mapping[int | None, Latency]:
        """Time each allocation of a cold chunk, of every order where there are several."""
        options = self._options
        cold = options.touch == "none" and not options.hot and options.threads == 1
        if len(self.orders) == 1 or options.init_on_free or not cold:
            return {}
        return {order: self._latency(order) for order in self.orders}

    def _latency(self, order: int) -> Latency:
        import numpy as np

        arena = self._arena_for(order)
        found = np.empty(arena.chunk_bytes // self._machine.config.page_size, np.uint32)
        ns = found[: arena.latencies(self.chunk(0), order, _gfp(order), found)]
        p50, p99 = np.percentile(ns, [50, 99])
        return Latency(
            p50_ns=float(p50), p99_ns=float(p99), max_ns=int(ns.max()), count=len(ns), total_ns=int(ns.sum())
        )

    def close(self) -> None:
        """Give the memory back."""
        self._arena.close()

    def _arena_for(self, order: int) -> _core.Arena:
        """Chunks must hold one block at least: gigantic blocks have larger ones."""
        nbytes = max(self._chunk_nbytes, self._machine.config.page_size << order)
        if self._arena.chunk_bytes != nbytes:
            self._arena.close()
            self._arena = _core.Arena(self._machine, nbytes, self._options.dirty)
        return self._arena


class ListBench(ChunkBench):
    """Order-0 pages in lists: allocated a list at a time, and freed so."""

    bulk = LIST_PAGES


class Hugetlb:
    """The headline: a hugetlb pool grows by 2 MiB pages, each cleared as it is allocated."""

    name = "hugetlb"
    summary = "2 MiB blocks, as a hugetlb pool allocates them"
    point = "alloc"
    supports = _SUPPORTED

    def scenes(self, options: Options) -> Sequence[Scene]:
        """One machine of 2 GiB."""
        return [Scene("", _config(options, 2 * GIB))]

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:
        """Chunks of 256 MiB."""
        order = (HUGE_NBYTES // scene.config.page_size).bit_length() - 1
        return ChunkBench(machine, options, [order], 256 << 20)


class Orders:
    """Blocks of every order, and of 1 GiB where there is room for one."""

    name = "orders"
    summary = "blocks of order 0 to 10, and of 1 GiB"
    point = "alloc"
    supports = _SUPPORTED

    def scenes(self, options: Options) -> Sequence[Scene]:
        """One machine of 2 GiB."""
        return [Scene("", _config(options, 2 * GIB))]

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:
        """Chunks of 64 MiB: every sample is cold all the same."""
        config = scene.config
        orders = list(range(_core.MAX_ORDER + 1))
        gigantic = (GIB // config.page_size).bit_length() - 1
        # A chunk of its own size, and one thread: nothing to share out.
        room = config.memory >= GIB and not config.highmem
        if gigantic > _core.MAX_ORDER and room and options.threads == 1:
            orders.append(gigantic)
        return ChunkBench(machine, options, orders, 64 << 20)


class Lists:
    """Single pages by the list, as vmalloc, the page pool of network drivers and file systems take them."""

    name = "lists"
    summary = f"order-0 pages in lists of {LIST_PAGES}, as alloc_pages_bulk() has them"
    point = "alloc"
    supports = _SUPPORTED - {"touch", "hot"}

    def scenes(self, options: Options) -> Sequence[Scene]:
        """One machine of 2 GiB."""
        return [Scene("", _config(options, 2 * GIB))]

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:  # noqa: ARG002  the machine says it
        """Chunks of 64 MiB."""
        return ListBench(machine, options, [0], 64 << 20)
