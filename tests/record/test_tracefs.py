"""tracefs: an instance of our own, and nothing left of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.fake_tracefs import INSTANCES, TRACEFS, left_behind, needs_tracing

from clearfw.errors import TracingError
from clearfw.gfp import Gfp
from clearfw.record import tracefs
from clearfw.record.command import Command
from clearfw.record.tracefs import Instance
from clearfw.traces import file
from clearfw.traces.file import Kind, TraceWriter
from clearfw.traces.ring_buffer import Decoder, Lane

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = re.compile(
    r"-(?P<pid>\d+) +\[(?P<cpu>\d+)\] \S+ +(?P<s>\d+)\.(?P<us>\d+): (?P<name>\w+): page=\S+ pfn=(?P<pfn>\w+) "
    r"order=(?P<order>\d+)(?: migratetype=(?P<migratetype>-?\d+) gfp_flags=(?P<gfp>\S+))?"
)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory that looks like tracefs from outside, used in its place, as root would."""
    (tmp_path / "instances").mkdir()
    monkeypatch.setattr(tracefs, "_PLACES", (tmp_path,))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(tracefs, "_FIRST_PID_NAMESPACE", Path("/proc/self/ns/pid").stat().st_ino)
    return tmp_path


def text_events(text: str) -> list[tuple[int, ...]]:
    """Return ts in microseconds, cpu, pid, pfn, order, gfp and migratetype of the kernel's own text.

    Without __GFP_SKIP_KASAN, which GFP_HIGHUSER_MOVABLE has in it or not, as the kernel was configured.
    """
    return [
        (
            int(line["s"]) * 1_000_000 + int(line["us"]),
            int(line["cpu"]),
            int(line["pid"]),
            int(line["pfn"], 16),
            int(line["order"]),
            int(Gfp.parse(line["gfp"]) & ~Gfp.SKIP_KASAN) if line["gfp"] else 0,
            int(line["migratetype"] or -1),
        )
        for line in LINE.finditer(text)
    ]


def raw_events(path: Path) -> Iterator[tuple[int, ...]]:
    """Yield the same of a trace; the kernel's text rounds time."""
    for batch in file.read(path).batches:
        yield from zip(
            ((batch.ts + 500) // 1000).tolist(),
            batch.cpu.tolist(),
            batch.pid.tolist(),
            batch.pfn.tolist(),
            batch.order.tolist(),
            (batch.gfp & ~np.uint32(Gfp.SKIP_KASAN)).tolist(),
            batch.migratetype.tolist(),
            strict=True,
        )


def run_in(instance: Instance, *command: str) -> None:
    """Record a command into an instance's buffers."""
    with Command.prepare(command) as waiting:
        instance.only(waiting.pid)
        instance.turn(on=True)
        waiting.start()
        while not waiting.is_over():
            pass
    instance.turn(on=False)


@needs_tracing
def test_what_is_decoded_is_what_the_kernel_prints(tmp_path: Path) -> None:
    """The text that this kernel makes of its buffers and what is decoded of them agree event by event."""
    output = tmp_path / "t.arrow"
    with Instance.make(TRACEFS) as instance:
        instance.set_up(4096)
        run_in(instance, "/bin/sh", "-c", "ls / >/dev/null; :")
        text = instance.read("trace")
        decoder = Decoder(instance.header_page(), instance.formats)
        with TraceWriter(output, file.Origin(source="test", lanes="cpu")) as writer:
            for cpu in range(os.cpu_count() or 1):
                fd = instance.open_raw(cpu)
                lane = Lane(cpu)
                decoder.drain(fd, lane, writer)
                decoder.flush(lane, writer)
                os.close(fd)
    expected = sorted(text_events(text))

    assert expected == sorted(raw_events(output))
    assert len(expected) > 100
    assert decoder.unknown_gfp == ()
    assert decoder.counts["malformed"] == 0


@needs_tracing
def test_an_instance_is_its_own(tmp_path: Path) -> None:
    """Nothing outside of it changes, and nothing is left: neither after use nor after an exception."""
    watched = [
        "tracing_on",
        "trace_clock",
        "buffer_size_kb",
        "set_event_pid",
        "set_event",
        "options/event-fork",
        "options/record-cmd",
    ]
    before = {name: (TRACEFS / name).read_text() for name in watched}
    with Instance.make(TRACEFS) as instance:
        instance.set_up(128)
        instance.only(os.getpid())

        assert {name: (TRACEFS / name).read_text() for name in watched} == before
        assert instance.read("trace_clock").count("[global]") == 1
        assert set(instance.formats) == {Kind.ALLOC, Kind.FREE}
    with pytest.raises(KeyError), Instance.make(TRACEFS):
        raise KeyError

    assert {name: (TRACEFS / name).read_text() for name in watched} == before
    assert left_behind() == []


@needs_tracing
def test_a_recorder_can_be_left_out() -> None:
    """The tasks that are not wanted make no events, by either way that kernels have."""
    with Instance.make(TRACEFS) as instance:
        instance.set_up(1024)
        instance.without([os.getpid(), 1])

        assert instance.read("set_event_notrace_pid").split() == ["1", str(os.getpid())]


@needs_tracing
def test_buffers_past_memory_are_refused() -> None:
    """What the kernel does not give is told with what to do."""
    with Instance.make(TRACEFS) as instance, pytest.raises(TracingError, match="use a smaller --buffer"):
        instance.set_up(1 << 40)


@needs_tracing
def test_tracefs_is_mounted_where_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mounted for as long as it is wanted, and no longer."""
    monkeypatch.setattr(tracefs, "_PLACES", (tmp_path / "none",))
    with tracefs.mounted() as root:
        assert (root / "instances").is_dir()
    assert not root.exists()
    assert str(root) not in Path("/proc/self/mounts").read_text()


@needs_tracing
def test_what_another_recorder_has_open_stays() -> None:
    """An instance whose recorder cannot be seen is left alone for as long as it reads."""
    dead = INSTANCES / "clearfw-99999999"
    dead.mkdir()
    fd = os.open(dead / "per_cpu" / "cpu0" / "trace_pipe_raw", os.O_RDONLY | os.O_NONBLOCK)
    with Instance.make(TRACEFS) as instance:
        assert dead.name not in instance.removed
        assert dead.exists()
    os.close(fd)
    with Instance.make(TRACEFS):
        assert not dead.exists()


def test_what_killed_recorders_left_goes(fake: Path) -> None:
    """It is removed and named; what is not a recorder's is not."""
    for name in ("clearfw-99999999", "mine"):
        (fake / "instances" / name).mkdir()
    instance = Instance.make(fake)

    assert instance.removed == ("clearfw-99999999",)
    assert {path.name for path in (fake / "instances").iterdir()} == {"mine", f"clearfw-{os.getpid()}"}


def test_without_root_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root the error says that recording needs root."""
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    with pytest.raises(TracingError, match="needs root, but this is user 1234: run it with sudo"):
        tracefs.mounted().__enter__()


def test_in_another_pid_namespace_nothing_is_recorded(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pids are not those the kernel filters by: another task would be taken for the command."""
    monkeypatch.setattr(tracefs, "_FIRST_PID_NAMESPACE", 1)
    with pytest.raises(TracingError, match=r"its own PID namespace.*with --pid=host"):
        tracefs.mounted().__enter__()


def test_without_tracefs_it_is_told_why(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If tracefs cannot be mounted, the error says where to record instead."""
    (fake / "instances").rmdir()
    monkeypatch.setattr(tracefs, "_tool", lambda name: "false")
    with pytest.raises(TracingError, match=r"there is no tracefs .*mount ended with 1.*record on the host"):
        tracefs.mounted().__enter__()


def test_a_tracefs_that_makes_no_instance_is_told(fake: Path) -> None:
    """As in a container that may only look."""
    (fake / "instances" / f"clearfw-{os.getpid()}").write_text("")
    (fake / "instances" / f"clearfw-{os.getpid()}").chmod(0)
    with pytest.raises(TracingError):
        Instance.make(fake)


def test_a_kernel_without_the_events_is_told(fake: Path) -> None:
    """One line names the event, and the instance is gone."""
    with tracefs.mounted() as root:
        instance = Instance.make(root)
        with pytest.raises(
            TracingError, match="has no event kmem:mm_page_alloc: it needs CONFIG_TRACEPOINTS"
        ):
            instance.__enter__()

    assert list((fake / "instances").iterdir()) == []


def test_before_5_7_the_recorder_is_filtered(fake: Path) -> None:
    """A kernel without set_event_notrace_pid gets an event filter."""
    instance = Instance.make(fake)
    for name in ("mm_page_alloc", "mm_page_free"):
        (instance.path / "events" / "kmem" / name).mkdir(parents=True)
    instance.formats = dict.fromkeys([Kind.ALLOC, Kind.FREE])  # type: ignore[arg-type]
    instance.without([5, 6])

    assert instance.read("events/kmem/mm_page_free/filter") == "common_pid != 5 && common_pid != 6"
    with pytest.raises(TracingError, match=r"trace_clock asked for, the kernel refused \(No such file"):
        instance.read("trace_clock")
