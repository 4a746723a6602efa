"""`clearfw replay`: tables and JSON of a recorded trace, the prediction, and what it refuses."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from support.commands import PYTHON, finished, in_c, program, wait_for
from support.sample_traces import alloc, events, free, write

from clearfw.traces import file
from clearfw.traces.file import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from support.commands import Command

ROWS = [alloc(0, 9, "GFP_HIGHUSER|__GFP_COMP"), alloc(512, 0, "GFP_KERNEL|__GFP_ZERO"), free(0, 9)] * 5
SAID = {"init_on_alloc": False, "init_on_free": False}
KNOWN = Origin(source="test", kernel="7.3.0", command=("sort", "big"), **SAID)
QUICK = ("--rounds", "2", "--primitive", "stosb")


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace of a kernel that clears on request, with the system time of the program."""
    path = tmp_path / "sort.trace"
    write(path, events(*ROWS), ending=file.Ending(lost=0, system_s=2.0), origin=KNOWN)
    return path


def test_the_tables(command: Command, trace: Path) -> None:
    """The output has the recording, its oddities, every strategy's clears, and a labelled prediction."""
    done = command("replay", trace, *QUICK)

    assert (done.status, done.err) == (0, "")
    printed = " ".join(done.out.split())
    assert "15 events of Linux 7.3.0: sort big" in printed
    assert "4 allocations of live pages" in printed
    assert "10 inits, 2,565 pages, 10.0 MiB a replay" in printed
    assert "Predicted system time, not a measurement:" in printed
    assert "predicted = recorded system time - the recording kernel's own clears" in printed
    for name in ("per_page", "batched", "s390_memset"):
        assert done.out.count(f"\n{name} ") >= 2


def test_the_document(command: Command, trace: Path) -> None:
    """Schema clearfw.replay/1: results as a bench's, the census, and the prediction with its formula kept."""
    done = command("replay", trace, *QUICK, "--strategy", "batched", "--json", "-")

    document = done.json
    assert document["schema"] == "clearfw.replay/1"
    assert document["census"]["allocs"] == 10
    assert document["trace"]["origin"]["command"] == ["sort", "big"]
    assert document["mode"] == "alloc"
    base, batched = sorted(document["results"], key=lambda one: one["strategy"] != "per_page")
    assert batched["counters"]["inits"] == 10
    assert batched["bytes"] == 2565 * 4096
    assert {one["order"]: one["count"] for one in batched["latency_by_order"]} == {0: 5, 9: 5}
    recorded = document["prediction"]["recorded"]
    assert recorded["system_s"] == 2.0
    found = document["prediction"]["results"]
    first, second = sorted(found, key=lambda one: one["strategy"] != "per_page")
    assert first["predicted_s"] == pytest.approx(2 - recorded["clears_s"] + base["seconds"]["median"])
    assert second["change"] == pytest.approx(second["predicted_s"] / 2 - 1)
    assert second["change_over_baseline"] == pytest.approx(second["predicted_s"] / first["predicted_s"] - 1)


def test_as_recorded_the_baseline_changes_nothing(command: Command, trace: Path) -> None:
    """What is taken out is put back, but for the noise of two measurements."""
    done = command("replay", trace, *QUICK, "--as-recorded", "--json", "-")

    document = done.json
    assert {one["counters"]["pages"] for one in document["results"]} == {5}
    (base,) = (one for one in document["prediction"]["results"] if one["strategy"] == "per_page")
    assert base["change"] == pytest.approx(0, abs=0.001)


def test_where_the_kernel_cleared_nothing_nothing_is_taken_out(command: Command, tmp_path: Path) -> None:
    """No __GFP_ZERO, and neither init_on_alloc nor init_on_free."""
    path = tmp_path / "a.trace"
    write(path, events(alloc(0, 9)), ending=file.Ending(lost=0, system_s=2.0), origin=KNOWN)
    assert command("replay", path, *QUICK, "--json", "-").json["prediction"]["recorded"]["clears_s"] == 0


@pytest.mark.parametrize(
    ("system_s", "origin", "touch", "why"),
    [
        (None, SAID, "none", "give it with --system-time"),
        (1.0, {}, "none", "does not say what its kernel cleared"),
        (1.0, SAID, "all", "also times the consumer"),
        (1e-9, SAID | {"init_on_alloc": True}, "none", "it is another machine's"),
    ],
)
def test_without_the_facts_nothing_is_predicted(  # noqa: PLR0913, PLR0917
    command: Command, tmp_path: Path, system_s: float | None, origin: dict[str, bool], touch: str, why: str
) -> None:
    """And it says which fact is missing."""
    path = tmp_path / "a.trace"
    ending = file.Ending(lost=0, system_s=system_s)
    write(path, events(*ROWS), ending=ending, origin=Origin(source="test", **origin))
    done = command("replay", path, *QUICK, "--touch", touch)

    assert done.status == 0
    assert why in " ".join(done.out.split("No prediction: ")[1].split())


def test_the_system_time_may_be_given(command: Command, tmp_path: Path) -> None:
    """For a trace that does not say it."""
    path = tmp_path / "a.trace"
    write(path, events(*ROWS), origin=KNOWN)
    document = command("replay", path, *QUICK, "--system-time", "3", "--json", "-").json
    assert document["prediction"]["recorded"]["system_s"] == 3


@pytest.mark.parametrize("missing", ["lost", "cut"])
def test_a_trace_that_lost_events_is_refused_unless_told(
    command: Command, tmp_path: Path, missing: str
) -> None:
    """With status 1: the replay would not be exact."""
    path = tmp_path / "a.trace"
    write(path, events(*ROWS), ending=file.Ending(lost=7))
    if missing == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    done = command("replay", path, *QUICK)

    assert done.status == 1
    assert ("lost 7 events" if missing == "lost" else "was cut off") in done.line
    assert "--allow-lost" in done.line
    assert command("replay", path, *QUICK, "--allow-lost").status == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a trace: an empty file"),
        (b"# tracer: nop\n", "clearfw import"),
        (None, "has no events"),
    ],
)
def test_what_is_no_trace_is_refused(
    command: Command, tmp_path: Path, content: bytes | None, said: str
) -> None:
    """In one line, with what to do."""
    path = tmp_path / "a.trace"
    if content is None:
        write(path)
    else:
        path.write_bytes(content)
    done = command("replay", path)

    assert done.status == 2
    assert said in done.line


def test_a_missing_trace_is_told(command: Command, tmp_path: Path) -> None:
    """By its name."""
    done = command("replay", tmp_path / "none.trace")
    assert done.status == 2
    assert "none.trace" in done.line


def test_a_machine_too_small_says_so(command: Command, tmp_path: Path) -> None:
    """What found no block was left out, and how much it was."""
    path = tmp_path / "a.trace"
    write(path, events(*[alloc(pfn, 10) for pfn in range(0, 1 << 15, 1024)]))
    done = command("replay", path, *QUICK, "--memory", "64M")

    assert done.status == 0
    assert "16 allocations found no free block" in " ".join(done.out.split())


def test_a_strategy_that_leaves_memory_dirty_fails(command: Command, trace: Path, tmp_path: Path) -> None:
    """It is found with the first replay, and has no ratio."""
    path = tmp_path / "mine.c"
    path.write_text(in_c("if (n == 1) clear_pages(page_address(page), 1);"))
    done = command("replay", trace, *QUICK, "--strategy", path)

    assert done.status == 1
    assert "mine (stosb) left memory dirty" in " ".join(done.out.split())


def test_a_strategy_that_crashes_is_told_before_anything_is_timed(
    command: Command, trace: Path, tmp_path: Path
) -> None:
    """In one line."""
    path = tmp_path / "mine.c"
    path.write_text(in_c("*(volatile int *)8 = n;"))
    done = command("replay", trace, "--strategy", path)

    assert done.status == 2
    assert "mine" in done.line


def test_an_interrupt_prints_what_was_measured(trace: Path, tmp_path: Path) -> None:
    """Whole rounds of it; nothing is predicted from them."""
    marker, path, saved = tmp_path / "marker", tmp_path / "mine.py", tmp_path / "run.json"
    # The process that measures, and not the one that tries the strategy out.
    here = "(__import__('os').environ['MAIN'] == str(__import__('os').getpid()))"
    count = f"self.n = getattr(self, 'n', 0) + {here}; self.n == 300 and open({str(marker)!r}, 'w').close()"
    path.write_text(PYTHON.format(body=count))
    options = ("--strategy", path, "--primitive", "stosb", "--rounds", "1000000", "--json", saved)
    process = program("replay", trace, *options, before="import os; os.environ['MAIN'] = str(os.getpid())")
    wait_for(marker)
    process.send_signal(signal.SIGINT)
    done = finished(process)

    assert done.status == 130
    assert "No prediction: it was interrupted" in done.out
    assert json.loads(saved.read_text())["scenes"][0]["interrupted"]
