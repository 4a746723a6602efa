"""Anything a user may do, in any order, on any configuration: a model predicts what must come of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clearfw._core import HugetlbPool
from clearfw.errors import OutOfMemoryError, UnclaimedError
from clearfw.gfp import Gfp
from clearfw.machine import Machine
from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clearfw._core import PageRange, Pages, VmallocArea

POISON = 0xAA
PATTERNS = st.integers(1, 255).filter(lambda byte: byte != POISON)
GFP = st.builds(
    lambda base, *more: int(sum(more, start=base)),
    st.sampled_from([Gfp.KERNEL, Gfp.HIGHUSER]),
    *(
        st.sampled_from([Gfp(0), flag])
        for flag in (Gfp.ZERO, Gfp.COMP, Gfp.SKIP_ZERO, Gfp.SKIP_KASAN, Gfp.ZEROTAGS)
    ),
)
CONFIGS = st.builds(
    "memory=32M backing=thp {} {} {} {} {} {} {}".format,
    st.sampled_from(["", "init_on_alloc=1"]),
    st.sampled_from(["", "init_on_free=1"]),
    st.sampled_from(["", "", "", "page_poison=1"]),
    st.sampled_from(["", "highmem=8M", "highmem=20M kmap=priced"]),
    st.sampled_from(
        ["", "kasan=generic", "kasan=sw_tags", "kasan=hw_tags", "kasan=hw_tags kasan.vmalloc=off"]
    ),
    st.sampled_from(["", "", "kasan.page_alloc.sample=3 kasan.page_alloc.sample.order=1"]),
    st.sampled_from(["", "vmalloc_init=always"]),
)
STACKS = (
    "per_page+vmalloc_per_page",
    "batched+highmem_fallback+vmalloc_contiguous",
    "s390_memset+vmalloc_runs",
)
POOL_ORDER = 5


class PassesOn:
    """Makes pages go through pluggy."""

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> None:
        """Pass on."""

    @hookimpl
    def clearfw_init_on_free(self, pages: PageRange) -> None:
        """Pass on."""


@attrs.define
class Block:
    """What the model knows of a live block: the byte it is full of."""

    pages: Pages
    pattern: int

    @property
    def pfns(self) -> Iterable[int]:
        """Its page frames."""
        return range(self.pages.pfn, self.pages.pfn + self.pages.npages)

    def is_intact(self) -> bool:
        """Whether nobody else wrote to it."""
        return self.pages.first_not(self.pattern) is None


@attrs.define
class Area:
    """What the model knows of a live vmalloc area."""

    area: VmallocArea
    pattern: int
    pfns: list[int]

    def is_intact(self) -> bool:
        """Whether nobody else wrote to it."""
        return is_full_of(self.area, self.pattern)


def is_full_of(area: VmallocArea, byte: int) -> bool:
    """Return whether each byte of the area's pages is BYTE."""
    return bool((np.frombuffer(memoryview(area), dtype=np.uint8) == byte).all())


class Rules(RuleBasedStateMachine):
    """A machine, and beside it what must be true of it."""

    booted: Machine | None = None

    @property
    def machine(self) -> Machine:
        """The machine, which initialize() booted."""
        assert self.booted is not None
        return self.booted

    @initialize(config=CONFIGS, stack=st.sampled_from(STACKS))
    def boot(self, config: str, stack: str) -> None:
        """Any configuration; all memory is free."""
        self.booted = Machine.boot(config, stack=stack)
        self.stack = stack
        self.pool = HugetlbPool(self.machine, POOL_ORDER)
        self.blocks: list[Block] = []
        self.areas: list[Area] = []
        self.pooled: dict[int, int] = {}
        self.huge: list[Block] = []
        self.leaked = 0

    # What the model predicts

    def first_byte(self, gfp: int, *, area: bool = False) -> int | None:
        """Return what fresh memory must be full of; None where it may hold anything."""
        config = self.machine.config
        if self.machine.init_on_free:
            return 0
        skipped = gfp & Gfp.SKIP_ZERO and config.kasan == "hw_tags" and not area
        if (self.machine.init_on_alloc or gfp & Gfp.ZERO) and not skipped:
            return 0
        return POISON if config.page_poison else None

    def in_use(self) -> int:
        """Return the pages that are not free."""
        live = sum(one.pages.npages for one in (*self.blocks, *self.huge))
        return (
            live + sum(len(one.pfns) for one in self.areas) + (len(self.pooled) << POOL_ORDER) + self.leaked
        )

    def take(self, pages: Pages, expected: int | None, pattern: int) -> Block:
        """Check what a fresh block holds, and fill it."""
        assert expected is None or pages.first_not(expected) is None, (pages, expected)
        pages.fill(pattern)
        return Block(pages, pattern)

    def attempt(self, allocate: Callable[[], object], at_least: int) -> bool:
        """Return whether ALLOCATE found memory; one that needs single pages fails for want of them alone."""
        free = self.machine.nr_free
        try:
            allocate()
        except OutOfMemoryError:
            assert self.machine.nr_free == free
            lowmem = self.machine.nr_pages - self.machine.config.highmem // self.machine.config.page_size
            assert at_least == 0 or free < at_least + self.machine.nr_pages - lowmem
            return False
        return True

    # What a user does

    @rule(order=st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), gfp=GFP, pattern=PATTERNS)
    def alloc(self, order: int, gfp: int, pattern: int) -> None:
        """A block of any order."""

        def allocate() -> None:
            pages = self.machine.alloc_pages(order, gfp)
            assert pages.compound == bool(order and gfp & Gfp.COMP)
            self.blocks.append(self.take(pages, self.first_byte(gfp), pattern))

        self.attempt(allocate, 1 if order == 0 else 0)

    @rule(nr=st.integers(1, 300), gfp=GFP, pattern=PATTERNS)
    def alloc_bulk(self, nr: int, gfp: int, pattern: int) -> None:
        """A batch of single pages."""

        def allocate() -> None:
            batch = self.machine.alloc_pages_bulk(nr, gfp)
            self.blocks += [self.take(pages, self.first_byte(gfp), pattern) for pages in batch]

        self.attempt(allocate, nr)

    @rule(order=st.sampled_from([11, 12]), gfp=GFP, pattern=PATTERNS)
    def alloc_contig(self, order: int, gfp: int, pattern: int) -> None:
        """A block beyond the buddy's."""

        def allocate() -> None:
            pages = self.machine.alloc_contig(order, gfp)
            self.blocks.append(self.take(pages, self.first_byte(gfp), pattern))

        self.attempt(allocate, 0)

    @rule(nbytes=st.integers(1, 3 << 20), huge=st.booleans(), gfp=GFP, pattern=PATTERNS)
    def vmalloc(self, nbytes: int, huge: bool, gfp: int, pattern: int) -> None:  # noqa: FBT001
        """A virtually contiguous area."""

        def allocate() -> None:
            area = self.machine.vmalloc(nbytes, gfp, huge=huge)
            expected = self.first_byte(gfp, area=True)
            assert expected is None or is_full_of(area, expected)
            np.frombuffer(memoryview(area), dtype=np.uint8)[:] = pattern
            self.areas.append(Area(area, pattern, area.pfns))

        self.attempt(allocate, -(-nbytes // 4096))

    @precondition(lambda self: self.blocks)
    @rule(index=st.integers(0), pattern=PATTERNS)
    def rewrite(self, index: int, pattern: int) -> None:
        """A block's bytes through its own mapping, or page by page through kmap_local()."""
        block = self.blocks[index % len(self.blocks)]
        if block.pages.highmem:
            for page in range(block.pages.npages):
                with block.pages.kmap_local(page) as mapped:
                    np.frombuffer(memoryview(mapped), dtype=np.uint8)[:] = pattern
        else:
            np.frombuffer(memoryview(block.pages), dtype=np.uint8)[:] = pattern
        block.pattern = pattern

    @precondition(lambda self: self.blocks)
    @rule(index=st.integers(0))
    def free(self, index: int) -> None:
        """Any live block."""
        self.blocks.pop(index % len(self.blocks)).pages.free()

    @precondition(lambda self: self.blocks)
    @rule(start=st.integers(0), nr=st.integers(1, 200))
    def free_bulk(self, start: int, nr: int) -> None:
        """Some single pages as a batch."""
        singles = [block for block in self.blocks if block.pages.order == 0][start % 50 :][:nr]
        self.machine.free_pages_bulk([block.pages for block in singles])
        self.blocks = [block for block in self.blocks if not block.pages.is_freed]

    @precondition(lambda self: self.areas)
    @rule(index=st.integers(0))
    def vfree(self, index: int) -> None:
        """Any live area."""
        area = self.areas.pop(index % len(self.areas))
        assert area.area.pfns == area.pfns
        area.area.free()

    @precondition(lambda self: self.blocks and self.leaked < 64)
    @rule(index=st.integers(0), mapped=st.booleans())
    def free_bad(self, index: int, mapped: bool) -> None:  # noqa: FBT001
        """A block with a mapcount, or hardware poison: it is leaked where the kernel leaks it."""
        block = self.blocks.pop(index % len(self.blocks))
        if mapped:
            block.pages.mapcount = 1
        elif block.pages.order == 0:
            block.pages.hwpoison = True
        if mapped or block.pages.order == 0:
            self.leaked += block.pages.npages
        block.pages.free()

    @rule(nr=st.integers(1, 4))
    def pool_grow(self, nr: int) -> None:
        """More huge pages, fresh ones."""
        if self.machine.nr_free > 8192 - 2048:  # so that there are blocks of that order
            before = self.pool.nr_free
            assert self.pool.grow(nr) == nr
            held = [self.pool.get() for _ in range(self.pool.nr_free)]
            for pages in reversed(held):
                fresh = pages.pfn not in self.pooled
                block = self.take(pages, self.first_byte(Gfp.HIGHUSER), 1) if fresh else None
                self.pooled[pages.pfn] = block.pattern if block else self.pooled[pages.pfn]
                self.pool.put(pages)
            assert self.pool.nr_free == before + nr

    @precondition(lambda self: self.pooled)
    @rule()
    def pool_get(self) -> None:
        """One of the pool, as it was left."""
        pages = self.pool.get()
        block = Block(pages, self.pooled.pop(pages.pfn))
        assert block.is_intact()
        self.huge.append(block)

    @precondition(lambda self: self.huge)
    @rule(index=st.integers(0), pattern=PATTERNS)
    def pool_put(self, index: int, pattern: int) -> None:
        """A used one goes back."""
        block = self.huge.pop(index % len(self.huge))
        block.pages.fill(pattern)
        self.pooled[block.pages.pfn] = pattern
        self.pool.put(block.pages)

    @rule()
    def pool_shrink(self) -> None:
        """All that are free go back to the allocator."""
        self.pool.shrink(len(self.pooled))
        self.pooled.clear()

    @rule()
    def drain(self) -> None:
        """The per-CPU lists go back to the buddy."""
        self.machine.drain()

    @rule(stack=st.sampled_from(STACKS), through_pluggy=st.booleans())
    def set_stack(self, stack: str, through_pluggy: bool) -> None:  # noqa: FBT001
        """Another stack clears from now on."""
        self.machine.set_stack(stack)
        self.stack = stack
        if through_pluggy:
            self.machine.register(PassesOn())

    @rule(order=st.integers(0, 10), gfp=GFP)
    def alloc_unclaimed(self, order: int, gfp: int) -> None:
        """Without a strategy only blocks that need no clear can be allocated."""
        self.machine.set_stack([])
        try:
            pages = self.machine.alloc_pages(order, gfp)
        except (UnclaimedError, OutOfMemoryError):
            pass
        else:
            self.blocks.append(self.take(pages, self.first_byte(gfp), 7))
        self.machine.set_stack(self.stack)

    # What must always be true

    @invariant()
    def structures_are_valid(self) -> None:
        """Every list, flag, count and page table agrees with every other."""
        if self.booted is not None:
            assert self.machine.what_is_wrong() is None

    @invariant()
    def free_pages_add_up(self) -> None:
        """Each page is free, in use, or leaked, to the page."""
        if self.booted is not None:
            assert self.machine.nr_free == self.machine.nr_pages - self.in_use()
            assert self.machine.counters.bad_pages == self.leaked

    @invariant()
    def nobody_writes_to_anothers_memory(self) -> None:
        """Every live block holds its pattern, and no two share a page."""
        if self.booted is None:
            return
        live: list[Block | Area] = [*self.blocks, *self.areas, *self.huge]
        assert all(one.is_intact() for one in live)
        pfns = [pfn for one in live for pfn in one.pfns]
        assert len(pfns) == len(set(pfns))

    def teardown(self) -> None:
        """Everything can be given back, and is."""
        if self.booted is None:
            return
        with self.machine as machine:
            for block in self.blocks:
                block.pages.free()
            for area in self.areas:
                area.area.free()
            for block in self.huge:
                self.pool.put(block.pages)
            self.pool.shrink(self.pool.nr_pages)
            assert machine.what_is_wrong() is None
            assert machine.nr_free == machine.nr_pages - self.leaked
            assert machine.counters.poison_reports == 0
            assert machine.counters.kasan_reports == 0


TestRules = Rules.TestCase
TestRules.settings = settings(stateful_step_count=30)
