"""What is known at a place of one path: values in registers, what branches decided, stores under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

_Key = TypeVar("_Key")
_Held = TypeVar("_Held")

# ("const", n), ("address", a), ("core",): the core's table, ("function", name): one of it, ("outside", name),
# ("made", where, what): what that instruction made, ("and", value, n), ("flag", condition), ("wide", value)
# and ("narrow", value): extended by sign and by zeroes, ("table", a) and ("functions", a): an entry of one,
# ("target", a): the place that an entry leads to.
Value: TypeAlias = tuple[object, ...]

# What a comparison of two numbers can say, and which of it each condition of x86 accepts.
_LESS, _MORE = "less", "more"
_RELATIONS = frozenset({"equal", "less less", "less more", "more less", "more more"})  # signed, then unsigned
_ACCEPTED: dict[str, frozenset[str]] = {
    "e": frozenset({"equal"}),
    "l": frozenset({"less less", "less more"}),
    "g": frozenset({"more less", "more more"}),
    "b": frozenset({"less less", "more less"}),
    "a": frozenset({"less more", "more more"}),
}
for _one, _other in (("ne", "e"), ("ge", "l"), ("le", "g"), ("ae", "b"), ("be", "a")):
    _ACCEPTED[_one] = _RELATIONS - _ACCEPTED[_other]
_SWAPPED = {"l": "g", "g": "l", "le": "ge", "ge": "le", "b": "a", "a": "b", "be": "ae", "ae": "be"}
NEGATED = {
    one: other
    for pair in (("e", "ne"), ("l", "ge"), ("g", "le"), ("b", "ae"), ("a", "be"))
    for one, other in (pair, pair[::-1])
}


@attrs.frozen
class Condition:
    """A comparison of two values of so many bytes, and the condition of x86 on its flags."""

    left: Value
    right: Value
    nbytes: int
    code: str

    def negated(self) -> Condition:
        """Return what holds where this does not."""
        return attrs.evolve(self, code=NEGATED[self.code])

    def swapped(self) -> Condition:
        """Return the same with its sides exchanged."""
        return Condition(self.right, self.left, self.nbytes, _SWAPPED.get(self.code, self.code))


@attrs.frozen
class Fact:
    """What is known of a value: its range, signed, and what it is not; of two, how they relate."""

    low: int
    high: int
    none_of: frozenset[int] = frozenset()
    relations: frozenset[str] = _RELATIONS

    def both(self, other: Fact) -> Fact:
        """Return what is known where both are."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Fact(low, high, self.none_of | other.none_of, self.relations & other.relations)

    def excludes(self, number: int) -> bool:
        """Return whether the value is certainly not NUMBER."""
        return not self.low <= number <= self.high or number in self.none_of

    def is_possible(self) -> bool:
        """Return whether any value is like that."""
        low, high = self.low, self.high
        while low in self.none_of:
            low += 1
        while high in self.none_of:
            high -= 1
        return low <= high and bool(self.relations)


def _unbounded(nbytes: int) -> Fact:
    return Fact(-(1 << (8 * nbytes - 1)), (1 << (8 * nbytes - 1)) - 1)


def signed(number: int, nbytes: int) -> int:
    """Return the low NBYTES of NUMBER, read as a signed number."""
    half = 1 << (8 * nbytes - 1)
    return ((number + half) & (2 * half - 1)) - half


def _narrowed(fact: Fact, code: str, number: int) -> Fact:
    """Return FACT where CODE holds between the value and NUMBER, a signed one."""
    low, high = fact.low, fact.high
    if code == "ne":
        return attrs.evolve(fact, none_of=fact.none_of | {number})
    if code in {"b", "be"} and number >= 0:  # unsigned, and so not negative
        low = max(low, 0)
    if code in {"a", "ae"} and low >= 0 > number:  # unsigned, that is above all that is not negative
        high = -1
    if code in {"e", "g", "ge"} or (code in {"a", "ae"} and low >= 0 <= number):
        low = max(low, number + (code in {"g", "a"}))
    if code in {"e", "l", "le"} or (code in {"b", "be"} and number >= 0):
        high = min(high, number - (code in {"l", "b"}))
    return attrs.evolve(fact, low=low, high=high)


def _compare(left: int, right: int, nbytes: int) -> str:
    if left == right:
        return "equal"
    mask = (1 << 8 * nbytes) - 1
    return " ".join(_LESS if less else _MORE for less in (left < right, left & mask < right & mask))


@attrs.define
class State:
    """One path's knowledge at one place.

    Attributes:
        registers: by the name of the whole register.
        slots: values on the stack and their bytes, by offset from where it was on entry; None: something may
            write to them unseen.
        depth: of the stack pointer, None: not known.
        flags: the comparison that set them.
        facts: what branches have decided, by value and bytes, or by two values and bytes.
        pending: addresses of the stores that no fence has followed yet.
        open: whether no fence was met since the function began.

    """

    registers: dict[str, Value]
    slots: dict[int, tuple[Value, int]] | None
    depth: int | None
    flags: tuple[Value, Value, int] | None
    facts: dict[Value, Fact]
    pending: frozenset[int]
    open: bool

    @classmethod
    def on_entry(cls, registers: Iterable[str]) -> State:
        """Return what is known where a function begins."""
        held: dict[str, Value] = {name: ("made", "entry", name) for name in registers}
        return cls(held, {}, 0, None, {}, frozenset(), open=True)

    def copy(self) -> State:
        """Return one that changes by itself."""
        slots = None if self.slots is None else dict(self.slots)
        return attrs.evolve(self, registers=dict(self.registers), slots=slots, facts=dict(self.facts))

    def register(self, name: str, where: int) -> Value:
        """Return the value of a register; an unknown one is made by instruction WHERE, which reads it."""
        if name not in self.registers:
            self.registers[name] = self.make(where, name)
        return self.registers[name]

    def make(self, where: int, what: str) -> Value:
        """Return a new value: what instruction WHERE writes to WHAT this time."""
        value: Value = ("made", where, what)
        self._forget(value)
        return value

    def _forget(self, value: Value) -> None:
        """An instruction that runs again makes another value: what still holds the old one is unknown now."""
        self.registers = {key: held for key, held in self.registers.items() if value not in _parts(held)}
        if self.slots is not None:
            self.slots = {key: held for key, held in self.slots.items() if value not in _parts(held)}
        self.facts = {key: fact for key, fact in self.facts.items() if value not in _parts(key)}
        if self.flags is not None and (value in _parts(self.flags[0]) or value in _parts(self.flags[1])):
            self.flags = None

    def fence(self) -> None:
        """Every store so far is visible."""
        self.pending = frozenset()
        self.open = False

    def assume(self, condition: Condition | None) -> State | None:
        """Return what is known where CONDITION holds; None: it cannot hold here."""
        if condition is None or condition.code not in _ACCEPTED:
            return self.copy()
        if condition.left[0] == "const":
            condition = condition.swapped()
        if condition.left[0] == "const":
            left, right = (int(str(side[1])) for side in (condition.left, condition.right))
            holds = _compare(
                signed(left, condition.nbytes), signed(right, condition.nbytes), condition.nbytes
            )
            return self.copy() if holds in _ACCEPTED[condition.code] else None
        inner = condition.left[1] if condition.left[0] == "flag" else None
        if isinstance(inner, Condition) and condition.right == ("const", 0):
            return self.assume({"ne": inner, "e": inner.negated()}.get(condition.code))
        return self._learn(condition)

    def believe(self, value: Value, nbytes: int, fact: Fact) -> State | None:
        """Return what is known where FACT holds too of VALUE; None: it cannot."""
        if not value:
            return self.copy()
        if value[0] == "const":
            return None if fact.excludes(signed(int(str(value[1])), nbytes)) else self.copy()
        inner = value[1] if value[0] == "flag" else None
        if isinstance(inner, Condition) and not fact.excludes(0) and fact.low == fact.high:
            return self.assume(inner.negated())
        if isinstance(inner, Condition) and fact.excludes(0):
            return self.assume(inner)
        after = self.copy()
        key = (value, nbytes)
        after.facts[key] = fact.both(self.facts[key]) if key in self.facts else fact
        return after if after.facts[key].is_possible() else None

    def _learn(self, condition: Condition) -> State | None:
        key: Value
        if condition.right[0] == "const":
            key = (condition.left, condition.nbytes)
            number = signed(int(str(condition.right[1])), condition.nbytes)
            fact = _narrowed(self.facts.get(key, _unbounded(condition.nbytes)), condition.code, number)
        else:
            if repr(condition.left) > repr(condition.right):
                condition = condition.swapped()
            key = (condition.left, condition.right, condition.nbytes)
            known = self.facts.get(key, Fact(0, 0))
            fact = attrs.evolve(known, relations=known.relations & _ACCEPTED[condition.code])
        if not fact.is_possible():
            return None
        after = self.copy()
        after.facts[key] = fact
        return after

    def trim(self) -> None:
        """Forget what is known of values that nothing holds any more, but for the function's arguments."""
        held: set[Value] = set()
        for value in (*self.registers.values(), *(self.slots or {}).values(), self.flags or ()):
            held.update(_parts(value))
        self.facts = {
            key: fact
            for key, fact in self.facts.items()
            if all(part in held or part[1] == "entry" for part in _parts(key))
        }

    def key(self) -> object:
        """Return what two states have in common that are the same."""
        slots = None if self.slots is None else frozenset(self.slots.items())
        registers, facts = frozenset(self.registers.items()), frozenset(self.facts.items())
        return registers, slots, self.depth, self.flags, facts, self.pending, self.open

    def merge(self, other: State) -> State:
        """Return what holds on both paths."""
        return State(
            _common(self.registers, other.registers),
            None if self.slots is None or other.slots is None else _common(self.slots, other.slots),
            self.depth if self.depth == other.depth else None,
            self.flags if self.flags == other.flags else None,
            _common(self.facts, other.facts),
            self.pending | other.pending,
            self.open or other.open,
        )


def _parts(value: Value) -> set[Value]:
    """Return the values made by instructions that VALUE is of."""
    found: set[Value] = {value} if value and value[0] == "made" else set()
    for part in value:
        if isinstance(part, Condition):
            found |= _parts(part.left) | _parts(part.right)
        elif isinstance(part, tuple):
            found |= _parts(part)
    return found


def _common(one: dict[_Key, _Held], other: dict[_Key, _Held]) -> dict[_Key, _Held]:
    return {key: held for key, held in one.items() if other.get(key) == held}
