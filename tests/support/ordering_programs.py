"""Small strategies written at random, with what is true of their stores known by construction."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is under way: no stores, stores, or the function has returned with one of the two.
NONE, SOME = "none", "some"
Statement: TypeAlias = "Store | Fence | Ordinary | Branch | Loop | Call | Return | Flagged"

STORES = {
    "movnti": '__asm__ volatile("movnti %1, %0" : "=m"(*at) : "r"(0ul))',
    "movntdq": '__asm__ volatile("movntdq %%xmm0, %0" : "=m"(*at) :: "memory")',
    "vmovntdq": '__asm__ volatile("vmovntdq %%ymm0, %0" : "=m"(*at) :: "memory")',
    "movdir64b": '__asm__ volatile("movdir64b (%0), %1" :: "r"(at), "r"(at) : "memory")',
    "clzero": '__asm__ volatile("clzero" :: "a"(at) : "memory")',
    "maskmovdqu": '__asm__ volatile("maskmovdqu %%xmm1, %%xmm0" :: "D"(at) : "memory")',
    "incoherent": "clear_pages_incoherent(at, 1)",
}
FENCES = {
    "sfence": '__asm__ volatile("sfence" ::: "memory")',
    "mfence": '__asm__ volatile("mfence" ::: "memory")',
    "lock": '__asm__ volatile("lock addl $0, (%%rsp)" ::: "memory", "cc")',
    "xchg": "__atomic_exchange_n(&scratch, 1, __ATOMIC_SEQ_CST)",
    "coherent": "clear_page_make_coherent()",
}
ORDINARY = ("*(volatile u64 *)at = 0", "clear_pages(at, 1)", "noise(at)", "lfence()")


@attrs.frozen
class Store:
    """One of STORES."""

    kind: str


@attrs.frozen
class Fence:
    """One of FENCES."""

    kind: str


@attrs.frozen
class Ordinary:
    """What neither leaves a store under way nor orders one."""

    text: str


@attrs.frozen
class Condition:
    """One on the number of pages, or (LIMIT is None) one that may come out either way each time."""

    limit: int | None


@attrs.frozen
class Branch:
    """One of two."""

    condition: Condition
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@attrs.frozen
class Loop:
    """Once for each page."""

    body: tuple[Statement, ...]


@attrs.frozen
class Call:
    """Of a function that is not inlined."""

    body: tuple[Statement, ...]


@attrs.frozen
class Flagged:
    """Stores on a condition, remembered in a variable, and a fence where it is set."""

    condition: Condition
    store: Store


@attrs.frozen
class Return:
    """The function ends here."""


def outcomes(body: tuple[Statement, ...], npages: int, before: str) -> set[tuple[str, bool]]:
    """Return what may be under way behind BODY, and whether it returned from the function by then."""
    states = {(before, False)}
    for statement in body:
        after: set[tuple[str, bool]] = set()
        for under_way, returned in states:
            after |= {(under_way, True)} if returned else _behind(statement, npages, under_way)
        states = after
    return states


def _behind(statement: Statement, npages: int, before: str) -> set[tuple[str, bool]]:  # noqa: PLR0911
    match statement:
        case Store():
            return {(SOME, False)}
        case Fence():
            return {(NONE, False)}
        case Return():
            return {(before, True)}
        case Call(body):
            return {(under_way, False) for under_way, _ in outcomes(body, npages, before)}
        case Flagged(condition):
            untouched = {(before, False)} if False in condition_outcomes(condition, npages) else set()
            return untouched | ({(NONE, False)} if True in condition_outcomes(condition, npages) else set())
        case Branch(condition, then, otherwise):
            found: set[tuple[str, bool]] = set()
            for holds in condition_outcomes(condition, npages):
                found |= outcomes(then if holds else otherwise, npages, before)
            return found
        case Loop(body):
            return _repeated(body, npages, before)
    return {(before, False)}


def condition_outcomes(condition: Condition, npages: int) -> set[bool]:
    """Return how CONDITION may come out."""
    return {True, False} if condition.limit is None else {npages > condition.limit}


def _repeated(body: tuple[Statement, ...], npages: int, before: str) -> set[tuple[str, bool]]:
    states = {(before, False)}
    for _ in range(min(max(npages, 0), 4)):  # two states settle by then
        states = set(
            itertools.chain.from_iterable(
                {state} if state[1] else outcomes(body, npages, state[0]) for state in states
            )
        )
    return states


def may_leave_stores(body: tuple[Statement, ...]) -> bool:
    """Return whether some number of pages and some course of the conditions leaves stores under way."""
    return any(SOME in dict(outcomes(body, npages, NONE)) for npages in (*range(-1, 12), 600))


class Writer:
    """Writes programs: C for the compiler, and the statements it is made of for may_leave_stores()."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._helpers: list[str] = []

    def body(self, depth: int = 3) -> tuple[Statement, ...]:
        """Return some statements."""
        return tuple(self._statement(depth) for _ in range(self._random.randint(1, 4)))

    def _statement(self, depth: int) -> Statement:
        flat = [self._store, self._fence, lambda: Ordinary(self._random.choice(ORDINARY))]
        deep = [
            lambda: Branch(
                self._condition(), self.body(depth - 1), self.body(depth - 1) if self._half() else ()
            ),
            lambda: Loop(self.body(depth - 1)),
            lambda: Call(self.body(depth - 1)),
            lambda: Flagged(self._condition(), self._store()),
            Return,
        ]
        return self._random.choice([*flat, *deep] if depth else flat)()

    def _half(self) -> bool:
        return self._random.random() < 0.5

    def _store(self) -> Store:
        return Store(self._random.choice([*STORES]))

    def _fence(self) -> Fence:
        return Fence(self._random.choice([*FENCES]))

    def _condition(self) -> Condition:
        return Condition(None if self._half() else self._random.choice((0, 1, 7, 8, 511)))

    def function(self, name: str, body: tuple[Statement, ...]) -> str:
        """Return BODY as a function in C, behind those it calls."""
        self._helpers = []
        lines = "".join(self._lines(body, name))
        helpers = "".join(self._helpers)
        return (
            f"{helpers}static bool {name}(struct page *page, int numpages)\n{{\n"
            f"\tu64 *at __maybe_unused = page_address(page);\n{lines}\treturn true;\n}}\n"
        )

    def _lines(self, body: tuple[Statement, ...], name: str) -> Iterator[str]:
        for index, statement in enumerate(body):
            yield from self._line(statement, f"{name}_{index}")

    def _line(self, statement: Statement, name: str) -> Iterator[str]:
        match statement:
            case Store(kind):
                yield f"{STORES[kind]};\n"
            case Fence(kind):
                yield f"{FENCES[kind]};\n"
            case Ordinary(text):
                yield f"{text};\n"
            case Return():
                yield "return false;\n"
            case Branch(condition, then, otherwise):
                yield f"if ({_c(condition)}) {{\n{''.join(self._lines(then, name + 'a'))}}}"
                yield f" else {{\n{''.join(self._lines(otherwise, name + 'b'))}}}\n"
            case Loop(inner):
                yield f"for (int i{name} = 0; i{name} < numpages; i{name}++) {{\n"
                yield from self._lines(inner, name + "l")
                yield "}\n"
            case Flagged(condition, store):
                yield "{ bool dirty = false;\n"
                yield f"if ({_c(condition)}) {{ {STORES[store.kind]}; dirty = true; }}\n"
                yield f"noise(at);\nif (dirty) {FENCES['sfence']}; }}\n"
            case Call(inner):
                self._helper(name, inner)
                yield f"helper_{name}(at, numpages);\n"

    def _helper(self, name: str, inner: tuple[Statement, ...]) -> None:
        lines = "".join(self._lines(inner, name + "h"))
        head = f"static noinline bool helper_{name}(u64 *at, int numpages)\n"
        self._helpers.append(f"{head}{{\n{lines}\treturn numpages > 3;\n}}\n")


def _c(condition: Condition) -> str:
    return "coin" if condition.limit is None else f"numpages > {condition.limit}"


HEAD = """#include <clearfw/strategy.h>
static volatile int coin __maybe_unused;
static int scratch __maybe_unused;
static noinline __maybe_unused void noise(u64 *at) { *(volatile u64 *)at = coin; }
static inline void lfence(void) { __asm__ volatile("lfence" ::: "memory"); }
"""


def source(functions: dict[str, str]) -> str:
    """Return a strategy of FUNCTIONS, the members of its record with their text in C."""
    members = ", ".join(f".{member} = {member}" for member in functions)
    return HEAD + "".join(functions.values()) + f"CLEARFW_STRATEGY(random_program, {members});\n"
