"""Replay: a recorded trace through the init points of a machine, as a workload to be measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from clearfw import _core
from clearfw.config import Config
from clearfw.errors import ConfigError, TraceError
from clearfw.traces.census import follow
from clearfw.workloads.protocol import Latency, Scene, Timing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearfw.machine import Machine
    from clearfw.traces.census import Followed
    from clearfw.traces.file import Trace
    from clearfw.workloads.protocol import Bench, Options

# What clears: every allocation, every free, or what the recording kernel's own settings said.
Mode: TypeAlias = Literal["alloc", "free", "recorded"]

# A kernel has other memory to keep its free blocks whole with; a machine that just fits would fail instead.
_SLACK = 1.25
_LEAST = 64 << 20
_ROOFLINE_NBYTES = 64 << 20


def prepare(trace: Trace) -> Followed:
    """Return TRACE made ready for replay. Raises MemoryLimitError, and TraceError where it is empty."""
    if not trace.nevents:
        msg = f"{trace.path} has no events: record a program that allocates memory"
        raise TraceError(msg)
    return follow(trace)


def memory_for(replay: Followed) -> int:
    """Return the bytes of a machine that has room for all that was ever live, and for some fragmentation."""
    page_size = replay.trace.origin.page_size
    block = page_size << _core.MAX_ORDER
    wanted = max(_LEAST, int(replay.census.peak_pages * page_size * _SLACK))
    return -(-wanted // block) * block + block


def clears_nothing(workload: ReplayWorkload, config: Config) -> bool:
    """Whether a machine of CONFIG has nothing to clear in WORKLOAD."""
    census = workload.replay.census
    if config.init_on_free:
        return not any(census.free_blocks) and not census.unmatched
    if config.init_on_alloc:
        return not any(census.alloc_blocks)
    return not any(census.zero_blocks) and not (workload.faults and any(census.fault_blocks))


def bare_machine(config: Config) -> _core.CoreMachine:
    """Boot a machine that clears nothing: no byte of its memory is ever touched, so none is taken."""
    return _core.CoreMachine(attrs.evolve(config, init_on_alloc=False, init_on_free=False, backing="base"))


class ReplayWorkload:
    """A recorded trace as a workload: `clearfw replay`."""

    name = "replay"
    summary = "the events of a recorded trace"
    point = "alloc"
    supports = frozenset({"kasan", "touch"})

    def __init__(self, replay: Followed, mode: Mode = "alloc", *, faults: bool = False) -> None:
        """With FAULTS, pages that the kernel clears at the page fault are cleared at their allocation."""
        self.replay = replay
        self.mode = mode
        self.faults = faults

    def scenes(self, options: Options) -> Sequence[Scene]:
        """One machine, sized from the trace; raises ConfigError where its recorded settings are not known."""
        return [Scene("", self.config(options))]

    def config(self, options: Options) -> Config:
        """Return what the machine boots with."""
        init_on_alloc, init_on_free = self._init()
        return Config(
            memory=options.memory or memory_for(self.replay),
            highmem=options.highmem,
            page_size=self.replay.trace.origin.page_size,
            kasan=options.kasan,
            backing=options.backing,
            kmap="priced",
            init_on_alloc=init_on_alloc,
            init_on_free=init_on_free,
            seed=options.seed,
        )

    def _init(self) -> tuple[bool, bool]:
        if self.mode != "recorded":
            return self.mode == "alloc", self.mode == "free"
        origin = self.replay.trace.origin
        if origin.init_on_alloc is None or origin.init_on_free is None:
            msg = (
                f"{self.replay.trace.path} does not say whether init_on_alloc and "
                "init_on_free were on: import it again with these options, or replay with --init-on-alloc"
            )
            raise ConfigError(msg)
        return origin.init_on_alloc, origin.init_on_free

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:  # noqa: ARG002
        """Return it on a booted machine."""
        return ReplayBench(self.replay, machine, options, faults=self.faults)


class ReplayBench:
    """The same operations again and again; the time of a sample is that of the clears alone."""

    def __init__(self, replay: Followed, machine: Machine, options: Options, *, faults: bool = False) -> None:
        self.cases = (None,)
        self._faults = faults
        self._script = replay.script
        self._machine = machine
        self._touch = options.touch
        self._unseen = machine.config.init_on_free
        # What the same operations take where nothing clears, and no page is ever touched.
        self._bare = bare_machine(machine.config)
        self._dirty: dict[object, int | None] = {}

    def run(self, case: int | None, turn: int) -> Mapping[int | None, Timing]:  # noqa: ARG002
        """Replay it without clears, on the other machine, and with them: the difference is their time."""
        dirty = self._first_dirty()
        bare_ns = self._script.run(self._bare, clear=False, unseen=self._unseen)["ns"]
        self._machine.reset_counters()
        ran = self._run(touch=self._touch)
        counters = self._machine.counters
        nbytes = (counters.pages + counters.integrated_pages) * self._machine.config.page_size
        if not nbytes:
            msg = "nothing in this trace is cleared: no __GFP_ZERO, no init_on_alloc, no init_on_free"
            raise TraceError(msg)
        return {None: Timing(max(ran["ns"] - bare_ns, 1), nbytes, dirty)}

    def _run(self, **how: Any) -> dict[str, Any]:  # noqa: ANN401  what ReplayScript.run() takes
        return self._script.run(self._machine, faults=self._faults, unseen=self._unseen, **how)

    def _first_dirty(self) -> int | None:
        """Return the first dirty byte of a block that held garbage; each stack checks all blocks once."""
        stack = (self._machine.strategies, *self._machine.primitives)
        if stack not in self._dirty:
            checked = self._run(verify=True)
            self._dirty[stack] = checked["dirty_offset"] if checked["dirty"] else None
        return self._dirty[stack]

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:  # noqa: ARG002
        """Zero a part of the memory in one call."""
        with _core.Arena(self._machine, min(self._machine.config.memory // 4, _ROOFLINE_NBYTES)) as arena:
            nbytes = arena.chunk_bytes
            return Timing(arena.roofline(turn % arena.nchunks, primitive, nbytes), nbytes)

    def latencies(self) -> Mapping[int | None, Latency]:
        """Time whatever may clear, by order and all together."""
        timed = self._run(latency=True)["by_order"]
        return {
            order: Latency(count=count, total_ns=total, p50_ns=p50, p99_ns=p99, max_ns=most)
            for order, (count, total, p50, p99, most) in timed.items()
        }

    def close(self) -> None:
        """Give the memory of the other machine back."""
        self._bare.close()
