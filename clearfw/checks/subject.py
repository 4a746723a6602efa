"""What a check is made of: the subject it asks, the finding it raises, and the list it is entered in.

A check is a function of a Subject, registered under its name with one sentence of why. It runs in a child
process of its own, and says what it found by raising Found.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from clearfw import _core
from clearfw.checks.emulated import EmulatedMachine
from clearfw.config import Config
from clearfw.errors import UnsupportedError
from clearfw.machine import Machine
from clearfw.strategies import NativeStrategy, points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearfw.isolation import Tell
    from clearfw.strategies import Strategy
    from clearfw.toolchain.architectures import Architecture

GARBAGE = _core.GARBAGE_BYTE
# The longest single clear that goes without a remark: PROCESS_PAGES_NON_PREEMPT_BATCH, 32 MiB (7.3).
LONGEST_CLEAR = 32 << 20


@attrs.frozen(kw_only=True)
class Evidence:
    """Where and how a strategy was found wanting, or worth a remark.

    Attributes:
        message: one sentence for people.
        config: the command line of the machine it happened on.
        point: the init point, "alloc", "free" or "vmalloc".
        order, npages: of the block concerned.
        pfn, offset, byte: the first wrong byte.

    """

    message: str
    config: str = ""
    point: str = ""
    order: int | None = None
    npages: int | None = None
    pfn: int | None = None
    offset: int | None = None
    byte: int | None = None


class Found(Exception):  # noqa: N818  it is what a check says, not a failure of the check
    """A check's answer, when the answer is no."""

    def __init__(self, **evidence: object) -> None:
        super().__init__(evidence.get("message", ""))
        self.evidence = evidence


class _Frame(NativeStrategy):
    """One of the core's own strategies, of which one stands above the strategy under test and one below."""

    def load(self, config: Config) -> _core.NativeStrategyHandle:  # noqa: ARG002
        """Return it, whatever CONFIG says."""
        return _core.garbage() if self.name == "garbage" else _core.witness()


def framed(strategy: Strategy) -> list[Strategy]:
    """Return the stack to test STRATEGY in: above it what dirties memory, below it what it passes on to."""
    above = _Frame("garbage", Path(__file__), "dirties what is to be cleared")
    below = _Frame("witness", Path(__file__), "sees what was passed on")
    return [above, strategy, below]


def served(strategy: Strategy, architecture: Architecture | None = None) -> frozenset[str]:
    """Return the init points that STRATEGY serves, here or on ARCHITECTURE; raises what loading it raises."""
    if architecture is None:
        return points(strategy, Config())
    machine = _emulated(strategy, Config.parse("memory=1M backing=base"), architecture)
    try:
        return machine.points()
    finally:
        machine.close()


def _emulated(strategy: Strategy, config: Config, architecture: Architecture | None) -> EmulatedMachine:
    if architecture is None or not isinstance(strategy, NativeStrategy):
        msg = f"{strategy.name} is no strategy in C: another architecture runs no other"
        raise UnsupportedError(msg)
    return EmulatedMachine(config, strategy, architecture)


class Subject:
    """A strategy under test: boots machines with it, and remembers which, to tell from where a crash came.

    The machines are of this computer, or of ARCHITECTURE: then what a check asks of the core itself, it asks
    through the subject.
    """

    def __init__(self, strategy: Strategy, tell: Tell, architecture: Architecture | None = None) -> None:
        self.strategy = strategy
        self._architecture = architecture
        self._emulated: EmulatedMachine | None = None  # the latest
        self._tell = tell
        self.config = ""
        self.where: dict[str, Any] = {}

    @property
    def architecture(self) -> Architecture | None:
        """Where it is asked; None is this computer."""
        return self._architecture

    def points(self) -> frozenset[str]:
        """Return the init points it serves."""
        return served(self.strategy, self._architecture)

    def kasans(self, *modes: str) -> tuple[str, ...]:
        """Return those of MODES that can be had, and remark on the others; raises UnsupportedError."""
        if self._architecture is None or self._architecture.bits > 32:  # noqa: PLR2004
            return modes
        had = tuple(mode for mode in modes if not mode.endswith("_tags"))
        left_out = ", ".join(mode for mode in modes if mode not in had)
        why = f"{self._architecture.name} has no byte for a tag in its 32-bit pointers"
        if not had:
            msg = f"asked of kasan={left_out} alone, and {why}"
            raise UnsupportedError(msg)
        if left_out:
            self._tell({"remark": {"message": f"not asked with kasan={left_out}: {why}"}})
        return had

    def take_witness(self) -> dict[str, int]:
        """Return what was passed on since the last call: times asked, times touched, at which pfn."""
        return self._emulated.take_witness() if self._emulated else dict(_core.take_witness())

    def nontemporal(self) -> list[str]:
        """Return the primitives whose stores are weakly ordered, of those the processor has."""
        if self._architecture is None:
            return [one["name"] for one in _core.primitives() if one["nontemporal"] and one["supported"]]
        with self.boot("memory=1M backing=base"):
            return self._emulated.nontemporal() if self._emulated else []

    @contextlib.contextmanager
    def fragmented(self, machine: Machine) -> Iterator[None]:
        """Leave nothing contiguous in MACHINE."""
        if self._emulated:
            self._emulated.fragment()
            yield
            return
        with _core.Arena(machine, 1 << 20) as arena:
            arena.fragment(1)
            yield

    @contextlib.contextmanager
    def boot(self, cmdline: str) -> Iterator[Machine]:
        """Boot a machine on which all that the strategy is asked to clear holds GARBAGE."""
        config = Config.parse(cmdline)
        self.config = cmdline
        self.at()
        machine = self._emulate(config) if self._architecture else self._start(config)
        try:
            yield machine
        finally:
            machine.close()
            self._emulated = None

    def _start(self, config: Config) -> Machine:
        machine = Machine(config, framed(self.strategy))
        # The frame is not to stand in what the core says of the strategy.
        machine.stack_name = self.strategy.name
        _core.take_witness()
        return machine

    def _emulate(self, config: Config) -> Machine:
        self._emulated = _emulated(self.strategy, config, self._architecture)
        # It has all of a Machine that checks use: tests/checks/test_emulated.py.
        return cast("Machine", self._emulated)

    def at(self, **where: object) -> None:
        """Say what is about to be done, for the evidence of whatever comes of it."""
        self.where = where
        self._tell({"at": {"config": self.config, **where}})

    def found(self, message: str, **evidence: object) -> Found:
        """Return the finding to raise, with where it happened."""
        return Found(message=message, config=self.config, **{**self.where, **evidence})

    def remark(self, message: str, **evidence: object) -> None:
        """Say something that is not wrong and worth knowing."""
        self._tell({"remark": {"message": message, "config": self.config, **self.where, **evidence}})
