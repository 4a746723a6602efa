"""The commands over traces and results, as their users meet them: info, export and diff."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from support.commands import Command, finished, program, wait_for
from support.sample_traces import ALLOC, FREE, events, some_events, without, write

from clearfw.traces.file import read

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace in a file."""
    return write(tmp_path / "t.trace", some_events(1000), some_events(1000, 1))


def test_info_tells_and_draws(command: Command, trace: Path, tmp_path: Path) -> None:
    """The tables, the JSON and the picture of one trace, in one run."""
    done = command("info", trace, "--plot", tmp_path / "t.png", "--json", tmp_path / "t.json")

    assert (done.status, done.err) == (0, "")
    assert "2,000 events" in done.out
    assert json.loads((tmp_path / "t.json").read_text())["events"] == 2000
    assert (tmp_path / "t.png").stat().st_size > 1000


def test_info_leaves_standard_output_to_json(command: Command, trace: Path) -> None:
    """With "-" nothing else goes there."""
    assert command("info", trace, "--json", "-").json["schema"] == "clearfw.info/1"


def test_info_of_what_is_no_trace_is_one_line(command: Command, tmp_path: Path) -> None:
    """Nothing there, a directory, and another file."""
    (tmp_path / "text").write_text("no trace")

    for path, said in (
        (tmp_path / "none", "none' does not exist"),
        (tmp_path, "is a directory"),
        (tmp_path / "text", "text is not a trace: no Arrow stream: make one with clearfw record"),
    ):
        done = command("info", path)
        assert (done.status, said in done.line) == (2, True)


def test_a_picture_that_cannot_be_drawn_is_refused_first(
    command: Command, trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, its directory, or for want of matplotlib: before the trace is read."""
    for name, said in (
        ("t.jpg", "must end in .png or .svg"),
        ("no/t.png", "the directory no does not exist"),
    ):
        done = command("info", trace, "--plot", name)
        assert (done.status, said in done.line) == (2, True)
    without(monkeypatch, "matplotlib")

    assert "-m pip install matplotlib" in command("info", trace, "--plot", "t.png").line


def test_export_says_what_it_wrote(command: Command, trace: Path, tmp_path: Path) -> None:
    """In each of its formats."""
    for name in ("a.parquet", "a.trace"):
        done = command("export", trace, "-o", tmp_path / name)

        assert done.status == 0
        assert f"2,000 events, {(tmp_path / name).stat().st_size:,} bytes in" in done.out
    assert read(tmp_path / "a.trace").nevents == 2000


def test_export_of_a_damaged_trace_says_what_is_missing(command: Command, trace: Path) -> None:
    """It keeps what is whole."""
    trace.write_bytes(trace.read_bytes()[:40_000])
    done = command("export", trace, "-o", trace.with_name("part.trace"))

    assert done.status == 0
    assert "1,000 events" in done.out
    assert "ends within a batch, or is damaged there" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "a.csv"], "has an unknown suffix: use .parquet or .trace"),
        (["-o", "no/a.trace"], "the directory no does not exist: create it first"),
        ([], "Missing option '-o'"),
    ],
)
def test_export_refuses_what_it_cannot_write(
    command: Command, trace: Path, arguments: list[str], said: str
) -> None:
    """Before anything is read."""
    done = command("export", trace, *arguments)

    assert (done.status, said in done.line) == (2, True)


def test_an_interrupted_info_ends_in_one_line(tmp_path: Path) -> None:
    """Ctrl-C while it follows millions of events: exit status 130, and no traceback."""
    many = events(*[(kind, pfn, 0) for pfn in range(32768) for kind in (ALLOC, FREE)])
    path = write(tmp_path / "t.trace", *[many] * 64)
    marked = tmp_path / "marked"
    before = f"""
from clearfw.traces import info as trace_info
examine = trace_info.examine
def marked(trace):
    open({str(marked)!r}, "w").close()
    return examine(trace)
trace_info.examine = marked
"""
    process = program("info", path, before=before)
    wait_for(marked)
    process.send_signal(signal.SIGINT)
    done = finished(process)

    assert (done.status, done.out) == (130, "")
    assert done.err.strip().startswith("clearfw: interrupted")
    assert len(done.err.strip().splitlines()) == 1


def test_diff_of_checks_ends_by_what_is_worse(command: Command, tmp_path: Path) -> None:
    """0 for the same and for better, 1 for worse."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    assert command("check", "per_page", "--only", "vmalloc_whole", "--json", old).status == 0
    document = json.loads(old.read_text())
    document["results"][0]["checks"][0]["status"] = "FAIL"
    new.write_text(json.dumps(document))

    assert [command("diff", *pair).status for pair in ((old, old), (old, new), (new, old))] == [0, 1, 0]
    found = command("diff", old, new, "--json", "-").json
    assert (found["schema"], found["worse"], found["results"][0]["verdict"]) == ("clearfw.diff/1", 1, "worse")


def test_diff_of_what_cannot_be_compared_is_one_line(command: Command, trace: Path, tmp_path: Path) -> None:
    """A file that is none, and one of another kind."""
    info, check = tmp_path / "info.json", tmp_path / "check.json"
    command("info", trace, "--json", info)
    command("check", "per_page", "--only", "vmalloc_whole", "--json", check)

    for pair, said in (
        ((trace, info), "is not a result, a JSON object with a schema"),
        ((info, check), "cannot compare clearfw.info/1 with clearfw.check/1"),
        ((info, tmp_path / "none"), "does not exist"),
    ):
        done = command("diff", *pair)
        assert (done.status, said in done.line) == (2, True)
