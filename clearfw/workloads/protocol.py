"""Workloads: what allocates and frees while strategies are timed, and on which machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import attrs

from clearfw.config import Backing, Config, Kasan
from clearfw.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearfw.machine import Machine
    from clearfw.strategies import Named

GIB = 1 << 30


@attrs.frozen(kw_only=True)
class Options:
    """Options of a workload run.

    Attributes:
        memory: bytes of the machine; 0 lets the workload choose.
        highmem: bytes of it in ZONE_HIGHMEM.
        init_on_free: clear when blocks are freed, and time that; else on allocation.
        touch: the consumer right after the clear: "none", "first" (a write to each page), "all" (each line).
        hot: clear the same block again and again.
        threads: how many allocate at the same time.
        dirty: of a hundred pages, how many hold anything before the clear; the others are zero already.

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
    dirty: int = 100
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
        """Cases that are timed one after the other: block orders, or None for a single case."""

    def run(self, case: int | None, turn: int) -> Mapping[int | None, Timing]:
        """Take one sample of CASE on the memory of TURN; several results where a run gives several."""

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:
        """Zero the same kind of memory with no allocator in the way."""

    def latencies(self) -> Mapping[int | None, Latency]:
        """Time single operations, by order, in a run of its own: reading the clock changes the sum."""

    def close(self) -> None:
        """Give the memory back."""


class Workload(Protocol):
    """A workload for `clearfw bench --workload`.

    Attributes:
        point: the init point it is about, "alloc" or "vmalloc".
        supports: the fields of Options that change what it does, beside those of memory and the seed.

    """

    name: str
    summary: str
    point: str
    supports: frozenset[str]

    def scenes(self, options: Options) -> Sequence[Scene]:
        """Return the machines it wants."""

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:
        """Return it set up on a machine booted for SCENE."""


_ALWAYS_SUPPORTED = {"memory", "highmem", "page_size", "backing", "seed"}


def supported(workload: Workload) -> frozenset[str]:
    """Return the fields of Options that change what WORKLOAD does.

    Until 0.2 the attribute was called `heeds`; a plugin written for that name still works.
    """
    fields: frozenset[str] | None = getattr(workload, "supports", None)
    return getattr(workload, "heeds", frozenset()) if fields is None else fields


def checked(named: Named) -> Workload:
    """Return NAMED, which a plugin offers, as a workload; raises ConfigError for what it lacks."""
    missing = [needed for needed in ("point", "scenes", "open") if not hasattr(named, needed)]
    if not hasattr(named, "supports") and not hasattr(named, "heeds"):
        missing.insert(1, "supports")
    if missing:
        msg = (
            f"workload {named.name} has no {', '.join(missing)}: see the protocol clearfw.workloads.Workload"
        )
        raise ConfigError(msg)
    return cast("Workload", named)


def check_supported(workload: Workload, options: Options) -> None:
    """Raise ConfigError if OPTIONS ask for what WORKLOAD does not support: results would be mislabelled."""
    fields = supported(workload)
    if options.dirty != 100 and options.hot:  # noqa: PLR2004  percent
        msg = f"dirty={options.dirty} does not work with hot, where blocks stay zero: leave one out"
        raise ConfigError(msg)
    for field in attrs.fields(Options):
        asked = getattr(options, field.name)
        if asked != field.default and field.name not in _ALWAYS_SUPPORTED | fields:
            msg = (
                f"{field.name}={asked} is not supported by workload {workload.name}, only "
                f"{', '.join(sorted(fields)) or 'none of these'}: leave it out, or choose another workload"
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
