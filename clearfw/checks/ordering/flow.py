"""Which stores may still be under way where a function returns: along every path, through every call."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.checks.ordering.state import State
from clearfw.checks.ordering.step import Kind, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clearfw.checks.ordering.code import Code
    from clearfw.checks.ordering.step import Architecture

# Beyond that many ways to come to one place, what they have in common is all that is kept of them.
_MOST_STATES = 24

INCOHERENT = "clear_pages_incoherent"
# Of the core's functions: these fence, whatever the primitive; clear_pages() does so only where its primitive must.
_FENCES = frozenset({"clear_page_make_coherent", "clear_pages_nt"})
# What a compiler calls by itself: in a kernel they are the kernel's, whose stores are ordinary ones.
_ORDINARY = frozenset({"memset", "memcpy", "memmove", "memcmp"})


@attrs.frozen
class Summary:
    """What a function does to its caller's stores.

    Attributes:
        pending: addresses of its stores that may be under way when it returns.
        open: whether it may return without a fence of its own, and so with its caller's stores under way.
        returns: whether it returns at all, as far as is known yet.

    """

    pending: frozenset[int] = frozenset()
    open: bool = False
    returns: bool = False

    def joined(self, state: State) -> Summary:
        """Return it with one more path to a return."""
        return Summary(self.pending | state.pending, self.open or state.open, returns=True)


class Flow:
    """The dataflow over all that can be reached from some functions."""

    def __init__(self, code: Code, architecture: Architecture) -> None:
        self._code = code
        self._architecture = architecture
        self._summaries: dict[int, Summary] = {}
        self._callers: dict[int, set[int]] = collections.defaultdict(set)
        self._waiting: collections.deque[int] = collections.deque()
        self.lost: dict[int, str] = {}  # what could not be told, by the place
        self.unordered: set[int] = set()  # stores that need a fence, and could be reached

    def run(self, entries: Iterable[int]) -> None:
        """Look at every function that can be reached from ENTRIES, until no more is learnt."""
        for entry in entries:
            self._ask(entry)
        while self._waiting:
            entry = self._waiting.popleft()
            summary = self._walk(entry)
            if summary != self._summaries[entry]:
                self._summaries[entry] = summary
                self._enqueue(self._callers[entry])

    def summary(self, entry: int) -> Summary:
        """Return what was learnt of the function at ENTRY."""
        return self._summaries[entry]

    def _enqueue(self, entries: Iterable[int]) -> None:
        self._waiting.extend(sorted(set(entries) - set(self._waiting)))

    def _ask(self, entry: int, caller: int | None = None) -> Summary:
        if caller is not None:
            self._callers[entry].add(caller)
        if entry not in self._summaries:
            self._summaries[entry] = Summary()
            self._enqueue([entry])
        return self._summaries[entry]

    def _walk(self, entry: int) -> Summary:
        """Follow every path through the function at ENTRY, jumps to others included."""
        summary = Summary()
        places = _Places()
        places.reach(entry, State.on_entry(self._architecture.registers))
        while places.waiting:
            address, state = places.waiting.pop()
            for step in self._straight(address, state, places):
                for after in self._after(step, entry):
                    if after.kind is Kind.RETURN:
                        summary = summary.joined(after.state)
                    else:
                        places.reach(after.to, after.state)
        return summary

    def _straight(self, address: int, state: State, places: _Places) -> list[Step]:
        """Run from ADDRESS to the first instruction that does more than go on to the next."""
        while True:
            instruction = self._code.at(address)
            if instruction is None:
                self.lost[address] = "no instruction can be decoded there"
                return []
            if self._architecture.is_store(instruction):
                self.unordered.add(address)
            steps = self._architecture.step(instruction, state, self._code)
            behind = address + instruction.size
            if len(steps) != 1 or steps[0].kind is not Kind.NEXT or places.is_known(behind):
                return [_located(step, address, behind) for step in steps]
            address, state = behind, steps[0].state

    def _after(self, step: Step, entry: int) -> list[Step]:
        """Return where a path goes on after a step: to a place, or back to the caller."""
        state, behind = step.state, step.behind
        if step.kind is Kind.CALL:
            called = self._ask(step.to, entry)
            if not called.returns:
                return []
            state.pending = called.pending | (state.pending if called.open else frozenset())
            state.open = state.open and called.open
        elif step.kind is Kind.CORE:
            self._call_core(step)
        elif step.kind is Kind.OUTSIDE and step.name not in _ORDINARY:
            self.lost[step.at] = f"{step.name}() is not in the strategy"
        elif step.kind is Kind.LOST:
            self.lost[step.at] = step.name
        elif step.kind is Kind.END:
            return []
        if step.kind in {Kind.RETURN, Kind.GOTO, Kind.NEXT}:
            return [attrs.evolve(step, to=behind) if step.kind is Kind.NEXT else step]
        if step.tail:
            return [Step(Kind.RETURN, state)]
        self._clobber(state, step.at)
        return [Step(Kind.GOTO, state, to=behind)]

    def _call_core(self, step: Step) -> None:
        if step.name == INCOHERENT:
            self.unordered.add(step.at)
            step.state.pending |= {step.at}
        elif step.name in _FENCES:
            step.state.fence()

    def _clobber(self, state: State, where: int) -> None:
        state.flags = None
        for name in self._architecture.clobbered:
            state.registers[name] = state.make(where, name)


def _located(step: Step, at: int, behind: int) -> Step:
    return attrs.evolve(step, at=at, behind=behind)


class _Places:
    """Where paths meet, and what was known there of each that came."""

    def __init__(self) -> None:
        self._states: dict[int, dict[object, State]] = {}
        self._merged: dict[int, State] = {}
        self.waiting: list[tuple[int, State]] = []

    def is_known(self, address: int) -> bool:
        """Return whether a path was led there by a jump."""
        return address in self._states

    def reach(self, address: int, state: State) -> None:
        """Go on from ADDRESS, unless one was there with the same knowledge."""
        state.trim()
        states = self._states.setdefault(address, {})
        merged = self._merged.get(address)
        if merged is not None:
            state = merged.merge(state)
            if state.key() == merged.key():
                return
            self._merged[address] = state
        elif state.key() in states:
            return
        elif len(states) >= _MOST_STATES:
            for other in states.values():
                state = state.merge(other)
            self._merged[address] = state
        else:
            states[state.key()] = state
        self.waiting.append((address, state.copy()))
