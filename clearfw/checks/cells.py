"""The cells of the search: every shape that an init point may be asked in, on every kind of machine.

A job is what one compilation serves: a page size, HIGHMEM or not, a KASAN mode. Its cells are the product
of the rest: init point, how the pages lie, how many, where in which zone, what they held before.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Literal

import attrs

from clearfw.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

How = Literal["block", "list", "area"]

PAGE_SIZES = (4096, 16384, 65536)
KASANS = ("off", "generic", "sw_tags", "hw_tags")
POINTS = ("alloc", "free")

GARBAGE = 0x9E9E9E9E9E9E9E9E
# csrc/check/pattern.h
WHOLE, FIRST, LAST, ANY, MARKS = range(5)
ALL_PAGES, FIRST_PAGE, LAST_PAGE = range(3)

MAX_ORDER = 10
_4_GIB = 4 << 30

# Not powers of two: a count may be any (alloc_contig_range()), and what follows a power of two is where
# loops end.
_COUNTS = (3, 5, 6, 7, 9, 12, 15, 17, 24, 31, 33, 48, 63, 65, 100, 127, 129, 200, 255, 257, 384, 511, 513,
           768, 1000, 1023, 1025, 1536, 2047, 2049, 3000, 4097)  # fmt: skip
_LENGTHS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257,
            511, 512, 513, 1000, 1023, 1024, 1025, 2047)  # fmt: skip
# Of these every page size has some: more than a block of the largest order has.
_PAST_THE_LARGEST = (1025, 2049)
# Of an area, in pages; each also with a byte less and a byte more.
_AREAS = (1, 2, 3, 5, 8, 17, 33, 64, 100, 129, 256, 257, 511, 512, 513, 700, 1025)

# The most pages of a block, a list and an area for each page size.
_MOST_BLOCK = {4096: 4097, 16384: 2049, 65536: 257}
_MOST_LIST = {4096: 2047, 16384: 513, 65536: 129}
_MOST_AREA = {4096: 1100, 16384: 520, 65536: 140}


@attrs.frozen
class Dirt:
    """What pages hold before they are cleared: WORD, all over or at a spot, in all or some."""

    word: int = GARBAGE
    spot: int = WHOLE
    pages: int = ALL_PAGES


# From so many bytes on, a block is marked here and there: to fill it and read it again would take the time.
_LARGE = 4 << 20


def dirt_of(nbytes: int) -> Dirt:
    """Return what a block of so many bytes holds by default."""
    return Dirt(spot=MARKS) if nbytes > _LARGE else Dirt()


@attrs.frozen
class Cell:
    """One question: these pages, at this init point, with this in them.

    Attributes:
        pfns: of a block the first alone; of a list all; of an area none.
        npages: of a block.
        layout, nbytes: of an area.
        private: what every struct page's private holds; None: what the allocator leaves there.
        strict: whether kmap_local really maps.

    """

    how: How
    point: str
    pfns: tuple[int, ...] = ()
    npages: int = 0
    layout: str = ""
    nbytes: int = 0
    dirt: Dirt = Dirt()
    private: int | None = None
    strict: bool = True

    def size(self, page_size: int) -> int:
        """Return how many pages it has."""
        if self.how == "area":
            return -(-self.nbytes // page_size)
        return self.npages if self.how == "block" else len(self.pfns)


@attrs.frozen
class Job:
    """What a strategy is compiled for once, and then asked in all cells of."""

    page_size: int
    highmem: bool
    kasan: str

    @property
    def options(self) -> tuple[str, ...]:
        """What it is compiled with."""
        return Config.parse(self.cmdline()).kernel_options()

    def _common(self) -> str:
        return f"page_size={self.page_size >> 10}K kasan={self.kasan} kmap=strict backing=base"

    def cmdline(self) -> str:
        """Return the machine for blocks and lists, from physical address 0 on."""
        return f"memory=128M {'highmem=64M ' if self.highmem else ''}{self._common()}"

    def beyond(self) -> str:
        """Return a machine whose memory lies on both sides of physical address 4 GiB."""
        return f"memory=128M {'highmem=64M ' if self.highmem else ''}hole=4032M {self._common()}"

    def for_areas(self) -> str:
        """Return the machine for vmalloc areas."""
        memory = "memory=128M highmem=64M" if self.highmem else "memory=128M"
        return f"{memory} hole=4032M {self._common()} vmalloc_init=always kasan.vmalloc=off"


def jobs() -> list[Job]:
    """Return every job: page size, HIGHMEM and KASAN mode; neighbours differ in all three."""
    every = [Job(*one) for one in itertools.product(PAGE_SIZES, (False, True), KASANS)]
    # 24 jobs in steps of 5 are all 24; the first is the plainest.
    return [every[5 * step % len(every)] for step in range(len(every))]


# Where lists and blocks are longer than there is memory: every byte of them is looked at all the same.
WINDOW = "memory=9G window=1 backing=base"


def in_a_window(points: Sequence[str], *, bulk: bool) -> Iterator[Cell]:
    """Yield what 15 and 16 bits are too few to count."""
    for point in points:
        for npages in ((1 << 15) + 1, (1 << 16) + 1):
            yield Cell("block", point, (512,), npages)
            if bulk:
                yield Cell("list", point, tuple(range(512, 512 + npages)))


def lists_beyond(points: Sequence[str], zones: Sequence[Zone], page_size: int) -> Iterator[Cell]:
    """Yield lists of pages on both sides of physical address 4 GiB."""
    border = _4_GIB // page_size
    near = [pfn for pfn in range(border - 34, border + 34, 2) if any(z.start <= pfn < z.end for z in zones)]
    for point, nr in itertools.product(points, (1, 3, 17, len(near))):
        yield Cell("list", point, tuple(near[-nr:]))
        yield Cell("list", point, tuple(reversed(near[-nr:])))


@attrs.frozen
class Zone:
    """The pfns of a zone."""

    start: int
    end: int
    highmem: bool


def blocks(job: Job, points: Sequence[str], zones: Sequence[Zone]) -> Iterator[Cell]:
    """Yield blocks of every order and of other counts: at both ends of a zone, and in between."""
    for point in points:
        for zone in zones:
            yield from _orders(job, point, zone)
            yield from _counts(job, point, zone)
            yield from _dirts(point, zone)


def _orders(job: Job, point: str, zone: Zone) -> Iterator[Cell]:
    # Blocks of 4 MiB and more take time: at one position, they have to do.
    everywhere = {4096: 9, 16384: 7, 65536: 5}[job.page_size]
    for order in range(MAX_ORDER + 1):
        npages = 1 << order
        dirt = dirt_of(npages * job.page_size)
        # At both ends, and as aligned as a block of this order must be, and no more.
        starts = [zone.start, zone.end - npages, zone.start + npages]
        for start in starts[: 3 if order <= everywhere else 1]:
            if zone.start <= start and start + npages <= zone.end:
                strict = _is_strict(job, zone, npages)
                yield Cell("block", point, (start,), npages, dirt=dirt, strict=strict)
        if zone.highmem:
            yield Cell("block", point, (zone.start,), npages, dirt=dirt, strict=False)


def _is_strict(job: Job, zone: Zone, npages: int) -> bool:
    """Whether kmap_local really maps: two system calls a page."""
    return not zone.highmem or npages in {1, 2, 17, 512} or npages * job.page_size <= 1 << 20


def _counts(job: Job, point: str, zone: Zone) -> Iterator[Cell]:
    most = min(_MOST_BLOCK[job.page_size], zone.end - zone.start - 5)
    few = {4096: most, 16384: 513, 65536: 129}[job.page_size]
    for npages in _COUNTS:
        start = zone.start + 5
        if npages <= few or (npages <= most and npages in _PAST_THE_LARGEST and job.kasan == "off"):
            dirt = dirt_of(npages * job.page_size)
            yield Cell("block", point, (start,), npages, dirt=dirt, strict=_is_strict(job, zone, npages))
        if npages <= 65:  # noqa: PLR2004
            yield Cell("block", point, (zone.end - npages,), npages)


def _dirts(point: str, zone: Zone) -> Iterator[Cell]:
    dirts = [
        *(Dirt(spot=spot) for spot in (FIRST, LAST, ANY)),
        *(Dirt(spot=LAST, pages=pages) for pages in (FIRST_PAGE, LAST_PAGE)),
        *(Dirt(pages=pages) for pages in (FIRST_PAGE, LAST_PAGE)),
        Dirt(word=0),
        Dirt(word=2**64 - 1),
        Dirt(word=1),
        Dirt(word=1 << 63),
    ]
    for dirt, npages in itertools.product(dirts, (1, 2, 8, 33)):
        yield Cell("block", point, (zone.start + 64,), npages, dirt=dirt)


def beyond(points: Sequence[str], zones: Sequence[Zone], page_size: int) -> Iterator[Cell]:
    """Yield blocks below, across and above physical address 4 GiB, and up to the last page there is."""
    border = _4_GIB // page_size
    everything = (zones[0].start, zones[-1].end)
    for point, npages in itertools.product(points, (1, 2, 3, 8, 17, 64, 512)):
        if npages * page_size > _LARGE:
            continue
        for start in (border - npages, border - npages // 2, border, border + 1024, everything[1] - npages):
            if any(zone.start <= start and start + npages <= zone.end for zone in zones):
                yield Cell("block", point, (start,), npages)


def lists(job: Job, points: Sequence[str], zones: Sequence[Zone], *, bulk: bool) -> Iterator[Cell]:
    """Yield lists of pages that lie anywhere, in any order; a few where no list is taken as one."""
    rng = random.Random(1)  # noqa: S311  the same lists each time
    lengths = [n for n in _LENGTHS if n <= _MOST_LIST[job.page_size]] if bulk else [1, 2, 33]
    pools = [[*range(zone.start, min(zone.end, zone.start + 2 * lengths[-1] + 2), 2)] for zone in zones]
    for point, pool in itertools.product(points, pools):
        for nr in lengths:
            yield Cell("list", point, tuple(pool[:nr]))
        for nr in lengths[:12:2] if bulk else ():
            yield Cell("list", point, tuple(reversed(pool[:nr])))
            yield Cell("list", point, tuple(rng.sample(pool, nr)))
            yield Cell("list", point, tuple(pool[:nr]), dirt=Dirt(spot=LAST))
            yield Cell("list", point, tuple(pool[:nr]), dirt=Dirt(spot=ANY, pages=LAST_PAGE))
            # Neighbours, as a bulk allocation may well be given.
            yield Cell("list", point, tuple(range(pool[0], pool[0] + nr)))
    if len(pools) > 1:
        yield from _mixed(points, *pools)


def _mixed(points: Sequence[str], low: Sequence[int], high: Sequence[int]) -> Iterator[Cell]:
    # The last pages of lowmem and the first of HIGHMEM are neighbours.
    border = high[0]
    for point, nr in itertools.product(points, (1, 2, 3, 16)):
        across = range(border - nr, border + nr)
        yield Cell("list", point, tuple(across))
        yield Cell("list", point, tuple(reversed(across)))
    for point, nr in itertools.product(points, (1, 2, 3, 8, 16)):
        halves = low[:nr], high[:nr]
        yield Cell("list", point, (*halves[0], *halves[1]))
        yield Cell("list", point, (*halves[1], *halves[0]))
        yield Cell("list", point, tuple(itertools.chain(*zip(*halves, strict=True))))
        yield Cell("list", point, (low[0], *halves[1]))
        yield Cell("list", point, (high[0], *halves[0]))
        yield Cell("list", point, (*halves[0], high[0]))
        yield Cell("list", point, (*halves[1], low[0]))


LAYOUTS = ("blocks", "pages", "runs", "huge", "unaligned", "lowmem")


def areas(job: Job, layout: str, npages: int) -> Iterator[Cell]:
    """Yield the beginnings of an area of NPAGES pages that lie as LAYOUT has it: of any number of bytes."""
    page = job.page_size
    for pages in _AREAS:
        for nbytes in (pages * page - 1, pages * page, pages * page + 1):
            if 0 < nbytes <= npages * page:
                yield Cell("area", "vmalloc", layout=layout, nbytes=nbytes)
    for nbytes in (1, npages * page - 1, npages * page):
        yield Cell("area", "vmalloc", layout=layout, nbytes=nbytes)
    for pages, dirt in itertools.product(
        (1, 3), (Dirt(spot=FIRST), Dirt(spot=LAST), Dirt(spot=LAST, pages=LAST_PAGE), Dirt(word=0))
    ):
        yield Cell("area", "vmalloc", layout=layout, nbytes=pages * page - 5, dirt=dirt)


def most_of_an_area(job: Job) -> int:
    """Return the pages of the area that others are beginnings of."""
    return _MOST_AREA[job.page_size]


def derived(cell: Cell, value: int, page_size: int, limit: int) -> Iterator[Cell]:
    """Yield CELL with VALUE, which it was compared with, in the place of each of its inputs in turn.

    LIMIT is how many pages there are in a row from its first page on.
    """
    near = [v for v in (value - 1, value, value + 1) if 0 <= v < 1 << 64]
    counts = dict.fromkeys(
        v for v in (*near, *(n // page_size + d for n in near for d in (-1, 0, 1))) if v > 0
    )
    if cell.how == "block":
        yield from (attrs.evolve(cell, npages=v) for v in counts if v <= limit)
        yield from (attrs.evolve(cell, pfns=(v,)) for v in near if v < 1 << 32)
    elif cell.how == "list":
        run = cell.pfns[0]
        for v in counts:
            if v <= len(cell.pfns):
                yield attrs.evolve(cell, pfns=cell.pfns[:v])
            elif 2 * v <= limit:
                yield attrs.evolve(cell, pfns=tuple(range(run, run + 2 * v, 2)))
        yield from (
            attrs.evolve(cell, pfns=(v, *cell.pfns[1:])) for v in near if v not in cell.pfns and v < 1 << 32
        )
    else:
        sizes = dict.fromkeys((*near, *(v * page_size for v in counts)))
        yield from (attrs.evolve(cell, nbytes=v) for v in sizes if 0 < v <= limit * page_size)
    if value:
        yield from (attrs.evolve(cell, private=v) for v in near)
        yield from (attrs.evolve(cell, dirt=Dirt(word=word)) for word in dict.fromkeys(_words(value)))


def _words(value: int) -> Iterator[int]:
    """Yield VALUE as 64 bits, and repeated at each width that it fits."""
    yield value & (2**64 - 1)
    for bits in (8, 16, 32):
        if value < 1 << bits:
            yield sum(value << shift for shift in range(0, 64, bits))
