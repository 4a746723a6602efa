"""What a kernel itself says of its page allocator: boots that each answer one question, with its own lines.

The kernel is built with its own checkers: lib/test_meminit.c, generic KASAN, DEBUG_VM and page poisoning. The
guest's module looks at contents. Of KASAN a User-Mode Linux reports what its C code does: the instruction
that clears is assembly, and so is not checked, as on x86-64.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import KernelBootError
from clearfw.kernel_tree.boot import Job, boot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from clearfw.kernel_tree.boot import Booted
    from clearfw.kernel_tree.store import Build

PASS, FAIL, NOT_ASKED, AS_BEFORE = "pass", "FAIL", "not asked", "as before"
_MIB = 1 << 20
_ORDERS = tuple(range(11))
_WORKING_SET = 128 * _MIB
_MEMINIT = re.compile(r"test_meminit: (all \d+ tests passed!|failures: .*|.* failed.*)")
# What DEBUG_VM, KASAN, poisoning and the kernel's own assertions begin their reports with.
_REPORT = re.compile(
    r"BUG: |WARNING: |Oops|Kernel panic|page dumped because|general protection|"
    r"pagealloc: (?:memory corruption|single bit error)"
)
_REPORT_LINES = 16
_NUMBER = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\b\d+\b")


@attrs.frozen
class Question:
    """One boot: its arguments, and whether the memory that it hands out must be zero, or must be dirty."""

    name: str
    summary: str
    arguments: tuple[str, ...]
    zero: bool = False
    cleared: bool = True


QUESTIONS = (
    Question("init_on_alloc", "allocations are zero", ("init_on_alloc=1", "init_on_free=0")),
    Question("init_on_free", "what was freed is zero when allocated", ("init_on_alloc=0", "init_on_free=1")),
    Question("init_on_both", "allocations are zero", ("init_on_alloc=1", "init_on_free=1")),
    Question("gfp_zero", "__GFP_ZERO is zero", ("init_on_alloc=0", "init_on_free=0"), zero=True),
    Question(
        "gfp_zero_on_free", "so it is where frees clear", ("init_on_alloc=0", "init_on_free=1"), zero=True
    ),
    Question(
        "control",
        "with neither, what was dirtied is dirty",
        ("init_on_alloc=0", "init_on_free=0"),
        cleared=False,
    ),
    Question("page_poison", "poisoning finds no page changed", ("page_poison=1",), zero=True),
)
MEMINIT = "test_meminit"
REPORTS = "no_reports"


@attrs.frozen
class Answer:
    """What one kernel answered, one of the four words above, and its own lines as evidence."""

    kernel: str
    name: str
    status: str
    summary: str
    evidence: tuple[str, ...] = ()


def check(
    builds: Mapping[str, Build], arguments: Sequence[str], timeout_s: float, progress: Callable[[str], None]
) -> Iterator[Answer]:
    """Yield the answers of each kernel, booted with ARGUMENTS after those of each question.

    What the first kernel reports already is told of the others as AS_BEFORE.
    """
    known: set[str] = set()
    for label, build in builds.items():
        reports: dict[str, list[str]] = {}
        for question in QUESTIONS:
            progress(f"{label}: {question.name}")
            job = Job("contents", _ORDERS, _WORKING_SET, zero=question.zero)
            try:
                booted = boot(build, label, job, (*question.arguments, *arguments), timeout_s)
            except KernelBootError as error:
                _note(reports, error.lines, question)
                lines = tuple(str(error).splitlines())
                yield Answer(label, question.name, FAIL, question.summary, lines)
                continue
            _note(reports, booted.lines, question)
            yield _contents(label, question, booted)
            if question.name == "init_on_alloc":
                yield _meminit(label, booted)
        yield _reported(label, reports, known)
        known |= reports.keys()


def _note(reports: dict[str, list[str]], lines: Sequence[str], question: Question) -> None:
    """Add the first report among LINES to REPORTS, by what does not change from boot to boot."""
    for number, line in enumerate(lines):
        if _REPORT.search(line):
            shown = [f"booted with {' '.join(question.arguments)}:", *lines[number : number + _REPORT_LINES]]
            reports.setdefault(_NUMBER.sub("N", line), shown)
            return


def _reported(label: str, reports: Mapping[str, list[str]], known: set[str]) -> Answer:
    summary = "KASAN, DEBUG_VM and poisoning report nothing"
    new = [line for name, lines in reports.items() if name not in known for line in lines]
    if new:
        return Answer(label, REPORTS, FAIL, summary, tuple(new))
    old = tuple(lines[1] for lines in reports.values())
    return Answer(label, REPORTS, AS_BEFORE if old else PASS, summary, old)


def _contents(label: str, question: Question, booted: Booted) -> Answer:
    found = [line.facts for line in booted.of("contents")]
    shown = tuple(
        f"order {one['order']}: {one['dirty']} of {one['blocks']} blocks are dirty"
        for one in found
        if bool(one["dirty"]) is question.cleared
    )
    if len(found) < len(_ORDERS):
        shown = (*shown, f"{len(found)} of {len(_ORDERS)} orders were looked at")
    elif not shown and question.cleared:
        blocks = sum(one["blocks"] for one in found)
        return Answer(
            label, question.name, PASS, question.summary, (f"{blocks} blocks of all orders are zero",)
        )
    elif not shown:
        dirty = sum(one["dirty"] for one in found)
        return Answer(
            label, question.name, PASS, question.summary, (f"{dirty} blocks are dirty, of all orders",)
        )
    return Answer(label, question.name, FAIL, question.summary, shown)


def _meminit(label: str, booted: Booted) -> Answer:
    summary = "lib/test_meminit.c passes"
    said = tuple(match[0] for line in booted.lines if (match := _MEMINIT.search(line)))
    if not said:
        return Answer(
            label, MEMINIT, NOT_ASKED, summary, ("this kernel was built without CONFIG_TEST_MEMINIT",)
        )
    passed = all("passed!" in line for line in said)
    return Answer(label, MEMINIT, PASS if passed else FAIL, summary, said)
