"""The emulated machine: what a check asks of a Machine, answered by the C core on another architecture."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Self, TypeAlias, get_args

import attrs

from clearfw import _core
from clearfw.checks.server import Server, build
from clearfw.config import Backing, Kasan, Kmap, Preempt
from clearfw.errors import from_core
from clearfw.gfp import Gfp
from clearfw.host import check_memory
from clearfw.machine import Counters
from clearfw.toolchain import compiler

if TYPE_CHECKING:
    from pathlib import Path

    from clearfw.config import Config
    from clearfw.strategies import NativeStrategy
    from clearfw.toolchain.architectures import Architecture

_POINTS = ("alloc", "free", "vmalloc")
# struct page of include/clearfw/abi.h on this computer: flags, pfn, virtual, private, order, kasan_tag, zone,
# reserved, mapcount.
STRUCT_PAGE = struct.Struct("<IIQQBBBBi")
_NO_PRIMITIVE = "-"


@attrs.frozen
class Pages:
    """A block of 2^order pages."""

    machine: EmulatedMachine
    pfn: int
    order: int

    @property
    def npages(self) -> int:
        """How many pages."""
        return 1 << self.order

    def fill(self, byte: int) -> None:
        """Set every byte."""
        self.machine.fill(byte, self.pfn, self.npages)

    def first_not(self, byte: int = 0) -> int | None:
        """Return the offset of the first byte that is not BYTE, or None."""
        found = self.machine.first_not(byte, self.pfn, self.npages)
        return None if found is None else (found[0] - self.pfn) * self.machine.config.page_size + found[1]

    def free(self) -> None:
        """Give the block back."""
        self.machine.ask("free", self.pfn, self.order)


@attrs.frozen
class VmallocArea:
    """A vmalloc allocation."""

    machine: EmulatedMachine
    address: int
    pfns: list[int]
    nbytes: int

    @property
    def npages(self) -> int:
        """Pages that hold it."""
        return len(self.pfns)

    def free(self) -> None:
        """vfree()."""
        self.machine.ask("vfree", self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.free()


class EmulatedMachine:
    """A machine of another architecture, with one strategy between what dirties and the witness."""

    def __init__(self, config: Config, strategy: NativeStrategy, architecture: Architecture) -> None:
        """Boot it; raises what compiling STRATEGY and booting raise, MissingToolError and RunnerError."""
        check_memory(config.real_memory)
        self.config = config
        self.name = strategy.name
        compiled = compiler.compile_c(strategy.read, config.kernel_options(), architecture.compiler())
        command = [*architecture.emulator(), str(build(architecture))]
        self._server = Server(command, compiled, strategy.name)
        try:
            self.first_pfn, self.max_pfn, self.nr_pages = map(int, self.ask("boot", *words(config)))
        except BaseException:
            self.close()
            raise

    def ask(self, *request: object) -> list[str]:
        """Return the words of the server's reply; raises what the core refuses, and RunnerError."""
        return self._server.ask(*request)

    def close(self) -> None:
        """End it."""
        self._server.close()

    def points(self) -> frozenset[str]:
        """Return the init points that the strategy serves."""
        served = self.ask("points")
        return frozenset(point for point, serves in zip(_POINTS, served, strict=True) if serves == "1")

    def nontemporal(self) -> list[str]:
        """Return the primitives that need a fence, of those the processor has."""
        described = (one.split(",") for one in self.ask("primitives"))
        return [name for name, fenced, supported in described if fenced == supported == "1"]

    @property
    def counters(self) -> Counters:
        """What was counted so far, by all threads."""
        pairs = (word.split("=") for word in self.ask("stats"))
        return Counters(**{name: int(value) for name, value in pairs})

    def reset_counters(self) -> None:
        """Begin counting from zero."""
        self.ask("reset_stats")

    def take_witness(self) -> dict[str, int]:
        """Return what the witness saw since the last call: times asked, memory touched, and at which pfn."""
        return dict(zip(("asked", "touched", "pfn"), map(int, self.ask("witness")), strict=True))

    @property
    def kasan_report(self) -> dict[str, int] | None:
        """The latest KASAN report: pfn, memory_tag; None where there was none."""
        found = self.ask("kasan_report")
        return dict(zip(("pfn", "memory_tag"), map(int, found), strict=True)) if found else None

    def alloc_pages(self, order: int = 0, gfp: str = "GFP_KERNEL") -> Pages:
        """Return a block of 2^ORDER pages."""
        return Pages(self, int(self.ask("alloc", order, _bits(gfp))[0]), order)

    def alloc_contig(self, order: int, gfp: str = "GFP_KERNEL") -> Pages:
        """Return a block above MAX_PAGE_ORDER: one init of all of it."""
        return Pages(self, int(self.ask("alloc_contig", order, _bits(gfp))[0]), order)

    def alloc_pages_bulk(self, nr: int, gfp: str = "GFP_KERNEL") -> list[Pages]:
        """Return NR order-0 pages, cleared as one batch."""
        return [Pages(self, int(pfn), 0) for pfn in self.ask("alloc_bulk", nr, _bits(gfp))]

    def free_pages_bulk(self, pages: list[Pages]) -> None:
        """Give back a list of order-0 pages as one batch."""
        if pages:
            self.ask("free_bulk", *(page.pfn for page in pages))

    def vmalloc(
        self, nbytes: int, gfp: str = "GFP_KERNEL|__GFP_HIGHMEM", *, huge: bool = False
    ) -> VmallocArea:
        """Return NBYTES of virtually contiguous memory; HUGE tries PMD-sized mappings first."""
        address, *pfns = map(int, self.ask("vmalloc", nbytes, _bits(gfp), int(huge)))
        return VmallocArea(self, address, pfns, nbytes)

    def fill(self, byte: int, pfn: int | None = None, npages: int | None = None) -> None:
        """Set every byte of NPAGES pages (all, if not given) from PFN on."""
        self.ask("fill", byte, *self._page_range(pfn, npages))

    def _page_range(self, pfn: int | None, npages: int | None) -> tuple[int, int]:
        first = self.first_pfn if pfn is None else pfn
        return first, self.max_pfn - first if npages is None else npages

    def first_not(
        self, byte: int, pfn: int | None = None, npages: int | None = None
    ) -> tuple[int, int, int] | None:
        """Return (pfn, offset, byte) of the first byte of NPAGES pages that is not BYTE, or None."""
        found = self.ask("first_not", byte, *self._page_range(pfn, npages))
        if not found:
            return None
        where, offset, value = map(int, found)
        return where, offset, value

    def init_pages(self, point: str, pfn: int, npages: int) -> None:
        """Have NPAGES pages from PFN on cleared at POINT, whoever has them."""
        self.ask("init_pages", _POINTS.index(point), pfn, npages)

    def init_bulk(self, point: str, pfns: list[int]) -> list[int | None]:
        """Have a list of pages cleared as one batch; return the list as the strategy left it."""
        left = self.ask("init_bulk", _POINTS.index(point), *pfns)
        return [None if pfn == "-" else int(pfn) for pfn in left]

    def struct_pages(self) -> bytes:
        """Return every struct page, laid out as on this computer."""
        fields = (tuple(int(field, 16) for field in page.split(",")) for page in self.ask("struct_pages"))
        return b"".join(map(_pack, fields))

    def litmus(
        self, point: str, pfn: int, budget_ns: int, unfenced: str | None = None
    ) -> tuple[int, int | None]:
        """Clear page PFN again and again, another thread reading: (rounds, offset seen stale or None)."""
        asked = ("litmus", _POINTS.index(point), pfn, budget_ns, unfenced or _NO_PRIMITIVE)
        rounds, *stale = map(int, self.ask(*asked))
        return rounds, stale[0] if stale else None

    @property
    def nr_free(self) -> int:
        """Free pages."""
        return int(self.ask("nr_free")[0])

    def grow_pool(self, order: int, count: int) -> None:
        """Have a hugetlb pool grow by COUNT pages of ORDER, and shrink again."""
        self.ask("grow", order, count)

    def populate(self) -> None:
        """Fault all memory in."""
        self.ask("populate")

    def drain(self) -> None:
        """Give all per-CPU lists back to the buddy."""
        self.ask("drain")

    def fragment(self) -> None:
        """Take all memory and let go of every other page: nothing free is contiguous."""
        self.ask("fragment", 1 << 20, 1)

    def what_is_wrong(self) -> str | None:
        """Return None when every structure of the machine is valid, else the first thing that is not."""
        return " ".join(self.ask("what_is_wrong")) or None


def _bits(gfp: str) -> int:
    return int(Gfp.parse(gfp))


def words(config: Config) -> list[object]:
    """Return CONFIG in the order of csrc/check/server/server.c:take_config."""
    return [
        config.memory,
        config.hole,
        config.highmem,
        config.page_shift,
        get_args(Backing).index(config.backing),
        get_args(Kasan).index(config.kasan),
        get_args(Kmap).index(config.kmap),
        get_args(Preempt).index(config.preempt),
        int(config.init_on_alloc),
        int(config.init_on_free),
        int(config.page_poison),
        int(config.kasan_vmalloc),
        int(config.vmalloc_init == "always"),
        config.kasan_sample,
        config.kasan_sample_order,
        config.seed,
        config.primitive,
    ]


def _pack(page: tuple[int, ...]) -> bytes:
    """Return a struct page of the server's fields: its union as the two halves of lru."""
    *head, next_pfn, prev_pfn, order, tag, zone, mapcount = page
    signed = mapcount - (mapcount >> 31 << 32)
    return STRUCT_PAGE.pack(*head, next_pfn | prev_pfn << 32, order, tag, zone, 0, signed)


_Dirt: TypeAlias = "tuple[int, int, int]"
# csrc/check/finding.h, in its order.
_KINDS = _core.FINDINGS


class EmulatedExaminer:
    """The examiner there, with all that the search asks of the one here (_core.Examiner)."""

    def __init__(self, machine: EmulatedMachine, strategy: Path, patience_s: float, max_events: int) -> None:
        """Begin to examine STRATEGY, a shared object of that architecture."""
        self._machine = machine
        self._dirt: _Dirt = (0, 0, 0)
        self._said: list[str] = []
        words = machine.ask("examiner_start", int(patience_s * 1e9), max_events, strategy)
        self.is_observed, self.bulk = (word == "1" for word in words)

    def close(self) -> None:
        """Let go of the machine."""
        self._machine.ask("examiner_close")

    def seal(self) -> None:
        """Have all RAM readable only."""
        self._machine.ask("examiner_seal")

    def unseal(self) -> None:
        """Undo seal()."""
        self._machine.ask("examiner_unseal")

    def keep_open(self, pfns: list[int]) -> None:
        """Seal all RAM but these pages."""
        self._machine.ask("examiner_keep_open", *pfns)

    def strict_kmaps(self, strict: bool) -> None:  # noqa: FBT001  as _core.Examiner has it
        """Have kmap_local really map, or only count."""
        self._machine.ask("examiner_strict", int(strict))

    def options(self, init_on_alloc: bool, init_on_free: bool) -> None:  # noqa: FBT001
        """Set the machine's static keys."""
        self._machine.ask("examiner_options", int(init_on_alloc), int(init_on_free))

    def begin(self, word: int = 0x9E9E9E9E9E9E9E9E, spot: int = 0, pages: int = 0) -> None:
        """Begin a cell."""
        self._dirt = (word, spot, pages)
        self._said = []
        self._machine.ask("examiner_begin", *self._dirt)

    def block(self, point: str, pfn: int, npages: int, private: int | None = None) -> None:
        """Ask for a block."""
        self._cell("block", private, _POINTS.index(point), pfn, npages)

    def pages(self, point: str, pfns: list[int], private: int | None = None) -> None:
        """Ask for a list of pages."""
        self._cell("pages", private, _POINTS.index(point), *pfns)

    def area(self, area: VmallocArea, nbytes: int, private: int | None = None) -> None:
        """Ask for the first NBYTES of a vmalloc area."""
        self._cell("area", private, area.address, nbytes)

    def _cell(self, how: str, private: int | None, *what: int) -> None:
        there = (0, 0) if private is None else (1, private)
        self._said = self._machine.ask(f"examiner_{how}", *self._dirt, *there, *what)

    def _look(self) -> list[str]:
        if not self._said:
            self._said = self._machine.ask("examiner_look")
        return self._said

    @property
    def counts(self) -> dict[str, int]:
        """Of the cell: calls, claims, events, new_blocks, new_sites."""
        names = ("calls", "claims", "events", "new_blocks", "new_sites")
        return dict(zip(names, map(int, self._look()), strict=False))

    @property
    def exhausted(self) -> bool:
        """Whether the call did too much to be observed."""
        return self._look()[5] == "1"

    @property
    def finding(self) -> dict[str, Any] | None:
        """What was found in this cell, or None."""
        kind, code, pfn, offset, byte = map(int, self._look()[6:11])
        if not kind:
            return None
        message = " ".join(self._look()[17:])
        if code:
            facts = {"pfn": pfn if pfn < _NONE else 0, "wanted": 0, "found": 0, "zone": -1, "sys_errno": 0}
            message = str(from_core(code, **facts, detail="strategy", stack=self._machine.name))
        return {
            "kind": _KINDS[kind],
            "code": code,
            "pfn": pfn if pfn < _NONE else None,
            "offset": offset if offset < _NONE else None,
            "byte": byte if byte >= 0 else None,
            "frames": [int(word) for word in self._look()[11:17] if word != "0"],
            "message": message,
        }

    @property
    def seen(self) -> list[int]:
        """The blocks that ran."""
        return [int(word) for word in self._machine.ask("examiner_seen")]

    @property
    def compares(self) -> list[tuple[int, ...]]:
        """The comparisons that ran: (offset, left, right, constant, left varies, right varies)."""
        return [tuple(map(int, word.split(","))) for word in self._machine.ask("examiner_compares")]

    @property
    def shared(self) -> list[tuple[int, ...]]:
        """Static storage written to without an atomic."""
        return [tuple(map(int, word.split(","))) for word in self._machine.ask("examiner_shared")]

    @property
    def waste(self) -> dict[str, Any]:
        """Of all cells: the most pages cleared again, mapped again, and the longest clear."""
        again, of, remaps, remaps_of, longest = map(int, self._machine.ask("examiner_waste"))
        return {"cleared_again": (again, of), "mapped_again": (remaps, remaps_of), "longest_clear": longest}


_NONE = 2**64 - 1
