"""Attempts: what is told of each version of a strategy, and the table of the last of them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import attrs
import pytest
from rich.console import Console
from support.commands import PYTHON, in_c

from clearfw import registry
from clearfw.bench.plan import Plan
from clearfw.checks import conformance
from clearfw.reports.tables import watch
from clearfw.strategies import from_file
from clearfw.watch import attempt as attempts
from clearfw.watch.attempt import Attempt, Speed
from clearfw.workloads import protocol

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

MIB = 1 << 20
ROW = Speed("", None, "mine", "best", 20.0, 2.5, 2.4, 2.6, dirty=False)
GOOD = """
kasan_disable_current();
for (; n > 0; n--, page++)
	clear_highpage_kasan_tagged(page);
kasan_enable_current();
"""


def plan(path: Path) -> Plan:
    """Return the smallest measurement of the strategy in PATH against the baseline."""
    stacks = [("per_page", (registry.default().strategies["per_page"],)), ("mine", (from_file(path),))]
    options = protocol.Options(memory=16 * MIB)
    return Plan(
        workload=registry.default().workloads["hugetlb"],
        options=options,
        stacks=stacks,
        primitives=["memset"],
        rounds=2,
    )


def attempt(path: Path) -> Attempt:
    """Return what comes of the strategy in PATH."""
    return attempts.start(lambda: plan(path), [path])()


def text(renderable: RenderableType) -> str:
    """Return what is printed."""
    file = io.StringIO()
    Console(file=file, width=80).print(renderable)
    return file.getvalue()


def test_a_sound_strategy_is_checked_and_timed(tmp_path: Path) -> None:
    """All checks of its init points but the slow ones, and a row for each variant."""
    path = tmp_path / "mine.c"
    path.write_text(in_c(GOOD))

    found = attempt(path)

    quick = [one for name, one in conformance.checks().items() if name not in attempts.LATER]
    assert found.passed == sum(bool({"alloc", "free"} & one.points) for one in quick)
    assert found.findings == ()
    assert {row.strategy: row.dirty for row in found.rows} == {"per_page": False, "mine": False}
    assert re.fullmatch(rf"\d\d:\d\d:\d\d  {found.passed} checks passed\n", text(watch.summary(found)))


def test_the_checks_that_are_left_out_exist() -> None:
    """Otherwise a renamed check would run unnoticed."""
    assert set(conformance.checks()) >= attempts.LATER


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("mine.c", in_c("folio_zero(page);"), r"mine\.c:4:\d+: error: implicit declaration"),
        ("mine.c", "int x;\n", "exports no clearfw_strategy"),
        ("mine.c", in_c("*(volatile int *)8 = 1;"), "SIGSEGV"),
        ("mine.py", PYTHON.format(body="raise RuntimeError('of all things')"), "of all things"),
        ("mine.py", "def f(:\n", "raised SyntaxError"),
        ("mine.py", "import os; os._exit(3)\n", "it ended the process with exit status 3"),
    ],
    ids=["compiler", "no strategy", "crash", "exception", "syntax", "exit"],
)
def test_what_cannot_be_timed_is_told(name: str, source: str, said: str, tmp_path: Path) -> None:
    """Whatever the file does, in words, and without rows."""
    path = tmp_path / name
    path.write_text(source)

    found = attempt(path)

    assert found.rows == ()
    assert re.search(said, "\n".join(found.findings))
    assert text(watch.summary(found)).splitlines()[0].endswith("finding" + "s" * (len(found.findings) > 1))


def test_what_leaves_memory_dirty_fails_checks_and_has_no_ratio(tmp_path: Path) -> None:
    """Its time would be of no use."""
    path = tmp_path / "mine.c"
    path.write_text(in_c("clear_pages(page_address(page), n > 1 ? n - 1 : n);"))

    found = attempt(path)

    said = "\n".join(found.findings)
    assert "zero_on_alloc: " in said
    assert "left memory dirty, first at byte" in said
    assert "dirty" in text(watch.table([found]))


def test_warnings_of_the_compiler_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though they stop nothing."""
    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(tmp_path))
    path = tmp_path / "mine.c"
    path.write_text(in_c(f"int unused;\n{GOOD}"))

    found = attempt(path)

    assert "unused variable" in found.findings[0]
    assert len(found.rows) == 2


def test_attempts_stand_side_by_side() -> None:
    """By the time of each, with the interval; a row that one of them lacks stays empty there."""
    first = Attempt("12:00:01", 9, (), (ROW,))
    other = attrs.evolve(ROW, strategy="other", ratio=3.0, low=2.9, high=3.1, gbps=24.0)
    baseline = attrs.evolve(ROW, strategy="per_page", ratio=1.0, low=1.0, high=1.0)
    last = Attempt("12:00:09", 9, (), (other, attrs.evolve(ROW, ratio=2.7), baseline))

    printed = text(watch.table([first, last]))

    assert re.search(r"strategy +primitive +GB/s +12:00:01 +12:00:09", printed)
    assert re.search(r"mine +best +20\.00 +2\.50 +2\.70\n +2\.40-2\.60 +2\.40-2\.60", printed)
    assert re.search(r"other +best +24\.00 +3\.00\n +2\.90-3\.10", printed)
    assert re.search(r"per_page +best +20\.00 +1\.00 *\n", printed)
    assert printed.index("per_page") < printed.index("mine") < printed.index("other")


def test_four_attempts_fit_eighty_columns() -> None:
    """With every column at its widest."""
    row = attrs.evolve(ROW, ratio=12.34, low=12.34, high=12.35, gbps=123.45, order=10)

    printed = text(watch.table([Attempt(f"12:00:0{n}", 9, (), (row,)) for n in range(4)]))

    assert printed.count("12.34-12.35") == 4
    assert max(map(len, printed.splitlines())) <= 80
