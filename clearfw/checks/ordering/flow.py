"""Which stores may still be under way where a function returns: along every path, through every call."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, TypeAlias

import attrs

from clearfw.checks.ordering.elf import instructions
from clearfw.checks.ordering.state import State
from clearfw.checks.ordering.step import Kind, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from clearfw.checks.ordering.code import Code
    from clearfw.checks.ordering.state import Fact, Value
    from clearfw.checks.ordering.step import Architecture

# Beyond that many ways to come to one place, what they have in common is all that is kept of them.
_MOST_STATES = 24
# Beyond that many ways to call a function, it is taken to be called with anything.
_MOST_ENTRIES = 8
_MOST_CASES = 8

# Of the core's functions this fences always; clear_pages() does so only where its primitive must.
_FENCE = "clear_page_make_coherent"
_NO_RETURN = "bug"
# What a compiler calls by itself: in a kernel they are the kernel's, whose stores are ordinary ones.
_ORDINARY = frozenset({"memset", "memcpy", "memmove", "memcmp"})


# What is known of arguments, by the register's name and the bytes it is about.
Facts: TypeAlias = "frozenset[tuple[str, int, Fact]]"


@attrs.frozen
class Case:
    """How a function may return.

    Attributes:
        facts: what its arguments were then.
        pending: addresses of its stores that may be under way.
        open: whether there was no fence, and so its caller's stores are under way as before.

    """

    facts: Facts
    pending: frozenset[int]
    open: bool

    def behind(self, state: State) -> State | None:
        """Return what a caller knows after a call that ended so; None: its arguments were not like that."""
        after: State | None = state.copy()
        for name, nbytes, fact in self.facts:
            if after is not None:
                after = after.believe(_number(state.registers.get(name, ())), nbytes, fact)
        if after is None:
            return None
        after.pending = self.pending | (state.pending if self.open else frozenset())
        after.open = state.open and self.open
        return after


@attrs.frozen
class Summary:
    """What a function does to its caller's stores and registers: none of CASES, and it does not return."""

    cases: frozenset[Case] = frozenset()
    written: frozenset[str] = frozenset()

    def joined(self, case: Case) -> Summary:
        """Return it with one more way to return."""
        cases = self.cases | {case}
        if len(cases) > _MOST_CASES:
            pending: frozenset[int] = frozenset().union(*(one.pending for one in cases))
            cases = frozenset({Case(frozenset(), pending, any(one.open for one in cases))})
        return attrs.evolve(self, cases=cases)

    @property
    def pending(self) -> frozenset[int]:
        """Addresses of the stores that may be under way when it returns."""
        return frozenset().union(*(case.pending for case in self.cases))


@attrs.frozen
class Entry:
    """Where a function begins, and what its callers there know of its arguments, by the register's name."""

    address: int
    constants: frozenset[tuple[str, Value]] = frozenset()
    facts: Facts = frozenset()

    def state(self, registers: Iterable[str]) -> State:
        """Return what is known there."""
        state = State.on_entry(registers)
        for name, nbytes, fact in self.facts:
            state.facts[state.registers[name], nbytes] = fact
        state.registers.update(self.constants)
        return state


def _number(value: Value) -> Value:
    """Return the number that an extended one has in its low half."""
    return value[1] if value[:1] in {("narrow",), ("wide",)} and isinstance(value[1], tuple) else value


def _entry(address: int, arguments: Iterable[str], state: State) -> Entry:
    constants: set[tuple[str, Value]] = set()
    facts: set[tuple[str, int, Fact]] = set()
    for name in arguments:
        value = state.registers.get(name, ())
        if value[:1] == ("const",):
            constants.add((name, value))
        widths = (1, 4, 8) if _number(value) == value else (1, 4)
        known = ((nbytes, state.facts.get((_number(value), nbytes))) for nbytes in widths)
        facts.update((name, nbytes, fact) for nbytes, fact in known if fact is not None)
    return Entry(address, frozenset(constants), frozenset(facts))


class Flow:
    """The dataflow over all that can be reached from some functions."""

    def __init__(self, code: Code, architecture: Architecture) -> None:
        self._code = code
        self._architecture = architecture
        self._summaries: dict[Entry, Summary] = {}
        self._nr_entries: collections.Counter[int] = collections.Counter()
        self._callers: dict[Entry, set[Entry]] = collections.defaultdict(set)
        self._waiting: collections.deque[Entry] = collections.deque()
        self.lost: dict[int, str] = {}  # what could not be told, by the place
        # Stores that need a fence and could be reached, by name; those of the core by the name of the call.
        self.unordered: dict[int, str] = {}

    def run(self, entries: Iterable[int]) -> None:
        """Look at every function that can be reached from ENTRIES, until no more is learnt."""
        for address in entries:
            self._ask(Entry(address))
        while self._waiting:
            entry = self._waiting.popleft()
            summary = self._walk(entry)
            if summary != self._summaries[entry]:
                self._summaries[entry] = summary
                self._enqueue(self._callers[entry])

    def summary(self, address: int) -> Summary:
        """Return what was learnt of the function at ADDRESS, whoever calls it."""
        return self._summaries[Entry(address)]

    def _enqueue(self, entries: Iterable[Entry]) -> None:
        self._waiting.extend(entry for entry in entries if entry not in self._waiting)

    def _ask(self, entry: Entry) -> Summary:
        if entry not in self._summaries:
            self._summaries[entry] = Summary()
            self._nr_entries[entry.address] += 1
            self._enqueue([entry])
        return self._summaries[entry]

    def _call(self, step: Step, caller: Entry) -> Summary:
        entry = _entry(step.to, self._architecture.arguments, step.state)
        if entry not in self._summaries and self._nr_entries[step.to] >= _MOST_ENTRIES:
            entry = Entry(step.to)
        self._callers[entry].add(caller)
        return self._ask(entry)

    def _walk(self, entry: Entry) -> Summary:
        """Follow every path through the function at ENTRY, jumps to others included."""
        summary = Summary()
        written: set[str] = set()
        places = _Places()
        places.reach(entry.address, entry.state(self._architecture.registers))
        while places.waiting:
            address, state = places.waiting.pop()
            for step in self._straight(address, state, places, written):
                for after in self._after(step, entry, written):
                    if after.kind is Kind.RETURN:
                        summary = summary.joined(self._case(after.state))
                    else:
                        places.reach(after.to, after.state)
        return attrs.evolve(summary, written=frozenset(written))

    def _case(self, state: State) -> Case:
        facts = {
            (str(key[0][2]), int(str(key[1])), fact)
            for key, fact in state.facts.items()
            if isinstance(key[0], tuple) and key[0][:2] == ("made", "entry") and not isinstance(key[1], tuple)
        }
        facts = {one for one in facts if one[0] in self._architecture.arguments}
        return Case(frozenset(facts), state.pending, state.open)

    def _straight(self, address: int, state: State, places: _Places, written: set[str]) -> list[Step]:
        """Run from ADDRESS to the first instruction that does more than go on to the next."""
        while True:
            instruction = self._code.at(address)
            if instruction is None:
                self.lost[address] = "no instruction can be decoded there"
                return []
            if self._architecture.is_store(instruction):
                self.unordered[address] = instruction.mnemonic
            written |= self._architecture.written(instruction)
            steps = self._architecture.step(instruction, state, self._code)
            behind = address + instruction.size
            if len(steps) != 1 or steps[0].kind is not Kind.NEXT or places.is_known(behind):
                return [_located(step, address, behind) for step in steps]
            address, state = behind, steps[0].state

    def _after(self, step: Step, entry: Entry, written: set[str]) -> Iterator[Step]:
        """Yield where a path goes on after a step: to a place, or back to the caller."""
        if step.kind in {Kind.RETURN, Kind.GOTO}:
            yield step
        elif step.kind is Kind.NEXT:
            yield attrs.evolve(step, to=step.behind)
        elif step.kind is Kind.CALL:
            called = self._call(step, entry)
            written |= called.written
            states = (case.behind(step.state) for case in called.cases)
            yield from (self._back(step, state, called.written) for state in states if state is not None)
        elif step.kind is not Kind.END and (step.kind, step.name) != (Kind.CORE, _NO_RETURN):
            self._leave(step)
            written |= set(self._architecture.clobbered)
            yield self._back(step, step.state, written)

    def _leave(self, step: Step) -> None:
        """A call of what is not in the strategy."""
        if step.kind is Kind.LOST:
            self.lost[step.at] = step.name
        elif step.kind is Kind.OUTSIDE and step.name not in _ORDINARY:
            self.lost[step.at] = f"{step.name}() is not in the strategy"
        elif step.kind is Kind.CORE and step.name == _FENCE:
            step.state.fence()
        elif step.kind is Kind.CORE and (name := self._incoherent(step)):
            self.unordered[step.at] = f"{name}()"
            step.state.pending |= {step.at}

    def _incoherent(self, step: Step) -> str:
        """Return the name of what leaves stores under way, or nothing."""
        if step.name == "clear_pages_incoherent":
            return step.name
        if step.name != "clear_pages_with":
            return ""
        # Without a constant it may be any of them.
        first = next(iter(self._architecture.arguments), "")
        value = step.state.registers.get(first, ())
        known = dict(enumerate(instructions()))
        which = known.get(int(str(value[1])), "nt") if value[:1] == ("const",) else "nt"
        return "" if which == "rep" else f"clear_pages_{which}_incoherent"

    def _back(self, step: Step, state: State, written: Collection[str]) -> Step:
        """Return what comes behind a call; its registers hold what the function left there."""
        if step.tail:
            return Step(Kind.RETURN, state)
        state.flags = None
        for name in self._architecture.clobbered:
            if name in written:
                state.registers[name] = state.make(step.at, name)
        return Step(Kind.GOTO, state, to=step.behind)


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
