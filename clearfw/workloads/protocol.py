"""Workloads: what allocates and frees while strategies are timed, and on which machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from clearfw import _core
from clearfw.config import Backing, Config, Kasan, format_size
from clearfw.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from clearfw.machine import Machine

HUGETLB_GFP = "GFP_HIGHUSER|__GFP_COMP|__GFP_NOWARN"  # htlb_alloc_mask(), 7.3
HUGE_NBYTES = 2 << 20
GIB = 1 << 30


@attrs.frozen(kw_only=True)
class Options:
    """How a workload is to run.

    Attributes:
        memory: bytes of the machine; 0 lets the workload choose.
        highmem: bytes of it in ZONE_HIGHMEM.
        init_on_free: clear when blocks are freed, and time that; else on allocation.
        touch: the consumer right after the clear: "none", "first" (a write to each page), "all" (each line).
        hot: clear the same block again and again.
        threads: how many allocate at the same time.

    """

    memory: int = 0
    highmem: int = 0
    page_size: int = 4096
    kasan: Kasan = "off"
    backing: Backing = "auto"
    init_on_free: bool = False
    touch: str = "none"
    hot: bool = False
    threads: int = 1
    seed: int = 0


@attrs.frozen
class Scene:
    """One machine that a workload is timed on."""

    label: str
    config: Config


@attrs.frozen(kw_only=True)
class Latency:
    """Nanoseconds of single operations with their clear, from a run of its own, and how many there were."""

    p50_ns: float
    p99_ns: float
    max_ns: int
    count: int
    total_ns: int


@attrs.frozen
class Timing:
    """One sample: the nanoseconds it took to clear nbytes; the offset of the first dirty byte, if any."""

    ns: int
    nbytes: int
    dirty: int | None = None


class Bench(Protocol):
    """A workload at work on one booted machine."""

    @property
    def cases(self) -> Sequence[int | None]:
        """What is timed one after the other: block orders, or None for the one case there is."""

    def run(self, case: int | None, turn: int) -> Mapping[int | None, Timing]:
        """Take one sample of CASE on the memory of TURN; several results where a run gives several."""

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:
        """Zero the same kind of memory with no allocator in the way."""

    def latencies(self) -> Mapping[int | None, Latency]:
        """Time single operations, by order, in a run of its own: reading the clock changes the sum."""

    def close(self) -> None:
        """Give the memory back."""


class Workload(Protocol):
    """What `clearfw bench --workload` names.

    Attributes:
        point: the init point it is about, "alloc" or "vmalloc".
        heeds: the fields of Options that change what it does, beside those of memory and the seed.

    """

    name: str
    summary: str
    point: str
    heeds: frozenset[str]

    def scenes(self, options: Options) -> Sequence[Scene]:
        """Return the machines it wants."""

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:
        """Return it set up on a machine booted for SCENE."""


_ALWAYS_HEEDED = {"memory", "highmem", "page_size", "backing", "seed"}
_BLOCKS_HEED = frozenset({"kasan", "init_on_free", "touch", "hot", "threads"})


def check_heeded(workload: Workload, options: Options) -> None:
    """Raise ConfigError where OPTIONS ask for what WORKLOAD does not do: results would be mislabelled."""
    for field in attrs.fields(Options):
        asked = getattr(options, field.name)
        if asked != field.default and field.name not in _ALWAYS_HEEDED | workload.heeds:
            heeded = ", ".join(sorted(workload.heeds)) or "none of these"
            msg = (
                f"{field.name}={asked} asked for, which workload {workload.name} does not heed "
                f"(it heeds {heeded}): leave it out, or choose another workload"
            )
            raise ConfigError(msg)


def _config(options: Options, memory: int) -> Config:
    return Config(
        memory=options.memory or memory,
        highmem=options.highmem,
        page_size=options.page_size,
        kasan=options.kasan,
        backing=options.backing,
        kmap="priced",
        init_on_alloc=not options.init_on_free,
        init_on_free=options.init_on_free,
        seed=options.seed,
    )


def _gfp(order: int) -> str:
    return HUGETLB_GFP if order else "GFP_HIGHUSER"


class ChunkBench:
    """Blocks of one order at a time, on chunks of cold memory in turn: of HIGHMEM, where there is any."""

    def __init__(self, machine: Machine, options: Options, orders: Sequence[int], most_nbytes: int) -> None:
        """Take chunks of MOST_NBYTES, or of what half of the zone holds where that is less."""
        config = machine.config
        self.orders = orders
        self._machine = machine
        self._options = options
        room = (config.highmem or config.memory) // 2
        # A power of two: aligned, it fits into any span twice as long.
        self._chunk_nbytes = min(most_nbytes, 1 << (room.bit_length() - 1))
        self._arena = _core.Arena(machine, self._chunk_nbytes)
        if not self._highmem_chunks():
            have, want = format_size(config.highmem), format_size(2 * self._arena.chunk_bytes)
            msg = f"highmem={have} asked for, which holds no aligned chunk to measure on: give {want} or more"
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
            threads=options.threads,
        )
        return {case: Timing(free_ns if options.init_on_free else alloc_ns, arena.chunk_bytes, dirty)}

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
            self._arena = _core.Arena(self._machine, nbytes)
        return self._arena


class Hugetlb:
    """The headline: a hugetlb pool grows by 2 MiB pages, each cleared as it is allocated."""

    name = "hugetlb"
    summary = "2 MiB blocks, as a hugetlb pool allocates them"
    point = "alloc"
    heeds = _BLOCKS_HEED

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
    heeds = _BLOCKS_HEED

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


# Share of allocations by order: an assumption, stated here and in the docs. Small orders by far the most,
# and most of the pages in the large ones, as where slabs and THP meet.
CHURN_MIX = {
    0: 0.62,
    1: 0.11,
    2: 0.09,
    3: 0.10,
    4: 0.025,
    5: 0.015,
    6: 0.01,
    7: 0.005,
    8: 0.005,
    9: 0.018,
    10: 0.002,
}
_CHURN_OPS = 10_000
_CHURN_FREE = 0x80  # csrc/bench/arena.h: CHURN_FREE
_CHURN_SLOT_SHIFT = 8
_CHURN_NPAGES = 8 << _core.MAX_ORDER  # a quarter of it holds two of the largest blocks
_GARBAGE = 0x9E


def churn_ops(npages: int, nops: int, seed: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint32]], int]:
    """Return a seeded mix of allocations and frees, and its number of slots.

    It never holds more than NPAGES, and ends with everything freed.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    orders = random.choice(list(CHURN_MIX), size=nops, p=list(CHURN_MIX.values())).tolist()
    picks = random.random(nops).tolist()
    ops: list[int] = []
    live: list[tuple[int, int]] = []
    unused: list[int] = []
    held = slots = 0
    for order, pick in zip(orders, picks, strict=True):
        while live and held + (1 << order) > npages:
            held -= _churn_free(ops, live, unused, int(pick * len(live)))
        if not unused:
            unused.append(slots)
            slots += 1
        slot = unused.pop()
        ops.append(slot << _CHURN_SLOT_SHIFT | order)
        live.append((slot, order))
        held += 1 << order
    while live:
        _churn_free(ops, live, unused, len(live) - 1)
    return np.array(ops, np.uint32), slots


def _churn_free(ops: list[int], live: list[tuple[int, int]], unused: list[int], index: int) -> int:
    live[index], live[-1] = live[-1], live[index]
    slot, order = live.pop()
    ops.append(slot << _CHURN_SLOT_SHIFT | _CHURN_FREE | order)
    unused.append(slot)
    return 1 << order


class ChurnBench:
    """The same seeded operations again and again."""

    def __init__(self, machine: Machine, options: Options) -> None:
        import numpy as np

        self.cases = (None,)
        self._machine = machine
        if machine.nr_pages < _CHURN_NPAGES:
            want = format_size(_CHURN_NPAGES * machine.config.page_size)
            msg = f"{machine.config} asked for, too little to churn large blocks: give memory={want} or more"
            raise ConfigError(msg)
        # A quarter of the memory live, so that the buddy always finds a block.
        self._ops, self._slots = churn_ops(machine.nr_pages // 4, _CHURN_OPS, options.seed)
        allocations = self._ops[self._ops & _CHURN_FREE == 0] & (_CHURN_FREE - 1)
        self._nbytes = int((machine.config.page_size << allocations.astype(np.int64)).sum())
        self._order_nbytes = {
            int(order): int(count) * (machine.config.page_size << int(order))
            for order, count in zip(*np.unique(allocations, return_counts=True), strict=True)
        }

    def run(self, case: int | None, turn: int) -> Mapping[int | None, Timing]:  # noqa: ARG002
        """Run the mix twice: with a clock reading around each operation, and for its total time."""
        dirty = self._first_dirty()
        _, by_order = self._machine.time_churn(self._ops, self._slots, "GFP_HIGHUSER", by_order=True)
        # What a sample counts is one run of the mix.
        self._machine.reset_counters()
        total_ns, _ = self._machine.time_churn(self._ops, self._slots, "GFP_HIGHUSER")
        timings: dict[int | None, Timing] = {None: Timing(total_ns, self._nbytes, dirty)}
        for order, (ns, _) in by_order.items():
            timings[order] = Timing(ns, self._order_nbytes[order], dirty)
        return timings

    def _first_dirty(self) -> int | None:
        """Return where a block that held garbage is dirty: the mix itself looks at none of its blocks."""
        for order in CHURN_MIX:
            with self._machine.alloc_pages(order, "GFP_HIGHUSER") as pages:
                pages.fill(_GARBAGE)
            with self._machine.alloc_pages(order, "GFP_HIGHUSER") as pages:
                dirty = pages.first_not(0)
            if dirty is not None:
                return dirty
        return None

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:  # noqa: ARG002
        """Zero a quarter of the memory in one call."""
        with _core.Arena(self._machine, self._machine.config.memory // 4) as arena:
            return Timing(
                arena.roofline(turn % arena.nchunks, primitive, arena.chunk_bytes), arena.chunk_bytes
            )

    def latencies(self) -> Mapping[int | None, Latency]:
        """Return none."""
        return {}

    def close(self) -> None:
        """Hold nothing, and so give nothing back."""


class Churn:
    """A mix of orders with the frees in between, once clearing on allocation and once on free."""

    name = "churn"
    summary = "a mix of orders, frees interleaved, under init_on_alloc and under init_on_free"
    point = "alloc"
    heeds = frozenset({"kasan"})

    def scenes(self, options: Options) -> Sequence[Scene]:
        """Two machines of 512 MiB."""
        return [
            Scene("init_on_alloc", _config(attrs.evolve(options, init_on_free=False), GIB // 2)),
            Scene("init_on_free", _config(attrs.evolve(options, init_on_free=True), GIB // 2)),
        ]

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:  # noqa: ARG002
        """Return the mix, generated from the seed."""
        return ChurnBench(machine, options)


class VmallocBench:
    """One area, whose init point is asked again and again: mapping it is not part of the time."""

    def __init__(self, machine: Machine, options: Options, *, fragmented: bool) -> None:
        self.cases = (None,)
        # Of its own machine, since this one's memory is taken apart.
        self._roof = _core.CoreMachine()
        config = attrs.evolve(machine.config, kasan="off", highmem=0)
        self._roof._boot(config)  # noqa: SLF001  no strategy needed
        self._roof.populate()
        self._roof_arena = _core.Arena(self._roof, machine.config.memory // 4)
        self._hold = _core.Arena(machine, machine.config.memory // 4)
        if fragmented:
            self._hold.fragment(options.seed)
        else:
            self._hold.close()
        # Each scattered page is a mapping, and vm.max_map_count is 65530 as a rule.
        self._area = machine.vmalloc(min(machine.config.memory // 8, 64 << 20))

    def run(self, case: int | None, turn: int) -> Mapping[int | None, Timing]:  # noqa: ARG002
        """Fill the area with garbage, and time its init point."""
        ns, clean = self._area.reinit()
        return {case: Timing(ns, self._area.nbytes, None if clean else 0)}

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:  # noqa: ARG002
        """Zero contiguous memory with the same backing."""
        arena = self._roof_arena
        return Timing(arena.roofline(turn % arena.nchunks, primitive, arena.chunk_bytes), arena.chunk_bytes)

    def latencies(self) -> Mapping[int | None, Latency]:
        """Return none."""
        return {}

    def close(self) -> None:
        """Unmap the area and give the memory back."""
        self._area.free()
        self._hold.close()
        self._roof_arena.close()
        self._roof._destroy()  # noqa: SLF001


class Vmalloc:
    """A vmalloc area of scattered pages, and one of contiguous pages."""

    name = "vmalloc"
    summary = (
        "a vmalloc area, of scattered and of contiguous pages, whose init is left to init_vmalloc_pages()"
    )
    point = "vmalloc"
    heeds: frozenset[str] = frozenset()

    def scenes(self, options: Options) -> Sequence[Scene]:
        """Two machines of 512 MiB, booted as the one configuration in which the kernel's init point fires."""
        config = attrs.evolve(
            _config(options, GIB // 2),
            kasan="hw_tags",
            kasan_vmalloc=False,
            # 4 KiB mappings of huge pages are slow now and then for reasons of the host's own.
            backing="base" if options.backing == "auto" else options.backing,
            # Mapping the area is not to ask the init point: the samples do.
            init_on_alloc=False,
            init_on_free=False,
        )
        return [Scene("fragmented", config), Scene("contiguous", config)]

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:
        """Return an area of an eighth of the memory, 64 MiB at most."""
        return VmallocBench(machine, options, fragmented=scene.label == "fragmented")
