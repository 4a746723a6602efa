"""Stores that are not ordered, found in the machine code: they reach a return with no fence behind them.

A litmus test shows such a store when another CPU happens to read in time. This follows every path of the
compiled strategy, through calls and jumps, and so needs no luck: what it passes has a fence on every path.
What it cannot follow, it names.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import to_install

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from clearfw.checks.ordering.code import Code
    from clearfw.checks.ordering.flow import Flow
    from clearfw.checks.ordering.step import Architecture

_NEEDS = {"capstone": "capstone", "elftools": "pyelftools"}
# ELF's names: these store in order, or have no store that another may overtake but for a barrier in any case.
_WITHOUT = {"EM_S390": "s390x", "EM_ARM": "arm"}


@attrs.frozen
class Finding:
    """A store that may still be under way when an init point returns.

    Attributes:
        message: one sentence for people.
        functions: the members of the strategy's record that it may reach the return of.
        place: "file.c:12", or the address where the compiler left no line.
        instruction: its name, or "clear_pages_incoherent()".

    """

    message: str
    functions: tuple[str, ...]
    place: str
    instruction: str


@attrs.frozen
class Ordering:
    """What the machine code says of one compiled strategy.

    Attributes:
        findings: what is wrong, by place.
        untested: what could not be followed, a sentence each; with none, and no finding, all is fenced.
        remark: what is not wrong and worth knowing, or nothing.

    """

    findings: tuple[Finding, ...] = ()
    untested: tuple[str, ...] = ()
    remark: str = ""


def look(shared_object: Path) -> Ordering:
    """Follow every path through the init functions of SHARED_OBJECT, a compiled strategy; raises OSError."""
    missing = [package for module, package in _NEEDS.items() if importlib.util.find_spec(module) is None]
    if missing:
        return Ordering(untested=(f"{' and '.join(missing)} not installed: {to_install(' '.join(missing))}",))
    from clearfw.checks.ordering.code import Code

    try:
        code = Code(shared_object)
    except ValueError as error:
        return Ordering(untested=(str(error),))
    if code.machine in _WITHOUT:
        return Ordering(remark=f"{_WITHOUT[code.machine]} has no store that only a fence puts in order")
    architecture = _architectures().get(code.machine)
    if architecture is None:
        return Ordering(untested=(f"{code.machine}: only the code of x86-64 and arm64 can be followed",))
    return _follow(code, architecture)


def _architectures() -> dict[str, Architecture]:
    from clearfw.checks.ordering.arm64 import ARM64
    from clearfw.checks.ordering.x86 import X86_64

    return {"EM_X86_64": X86_64, "EM_AARCH64": ARM64}


def _follow(code: Code, architecture: Architecture) -> Ordering:
    from clearfw.checks.ordering.flow import Flow

    code.decode_with(architecture.decoder(), architecture.longest)
    functions = code.functions()
    flow = Flow(code, architecture)
    flow.run(functions.values())
    found = tuple(_findings(code, architecture, flow, functions))
    if architecture.excuse:
        remark = "; ".join(f"{one.message}, {architecture.excuse}" for one in found)
        return Ordering((), _untested(code, architecture, flow), remark)
    return Ordering(found, _untested(code, architecture, flow))


def _findings(
    code: Code, architecture: Architecture, flow: Flow, functions: dict[str, int]
) -> Iterator[Finding]:
    reached: dict[int, list[str]] = {}
    for name, entry in functions.items():
        for address in flow.summary(entry).pending:
            reached.setdefault(address, []).append(name)
    for address in sorted(reached):
        yield _finding(code, architecture, flow, address, reached[address])


def _finding(
    code: Code, architecture: Architecture, flow: Flow, address: int, names: Iterable[str]
) -> Finding:
    what = flow.unordered[address]
    fences = "clear_page_make_coherent()" if what.endswith("()") else architecture.fences
    place, names = code.place(address), tuple(sorted(names))
    return Finding(
        f"{what} at {place} can reach the return of {' and '.join(names)} with no {fences} behind it",
        names,
        place,
        what,
    )


def _untested(code: Code, architecture: Architecture, flow: Flow) -> tuple[str, ...]:
    """Return what could not be followed, where that matters: with no store to order, nothing does."""
    if not flow.lost or not (flow.unordered or any(map(architecture.is_store, code.sweep()))):
        return ()
    return tuple(dict.fromkeys(f"{code.place(address)}: {why}" for address, why in sorted(flow.lost.items())))
