"""Recording: a command's page events, from the running kernel into a trace."""

from __future__ import annotations

import os
import platform
import re
import select
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from clearfw import host
from clearfw.record import command as held
from clearfw.record import cpu_time, host_kernel
from clearfw.record.command import Command
from clearfw.record.signals import Signals
from clearfw.record.tracefs import Instance, mounted
from clearfw.traces import file
from clearfw.traces.file import Ending, Events, Origin, TraceWriter
from clearfw.traces.ring_buffer import Decoder, Lane, losses

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.record.cpu_time import Usage

BUFFER_KB = 16 << 10
# Nobody is woken for less than a quarter of a buffer (tracefs.py), so look at what is there now and then.
_LOOK_S = 1.0
# Before 6.1 poll() returns for any event: sub-buffers fill up meanwhile.
_PAUSE_S = 0.01
# What a command gets that has not ended, by seconds since the signal. A terminal sends its Ctrl-C to both.
_AFTER_INT = ((1.0, signal.SIGTERM), (6.0, signal.SIGKILL))
_AFTER_TERM = ((0.0, signal.SIGTERM), (5.0, signal.SIGKILL))
_READ = re.compile(r"^read events: (\d+)$", re.MULTILINE)
_LEFT = re.compile(r"^entries: (\d+)$", re.MULTILINE)


@attrs.frozen
class RecordPlan:
    """Plan of a recording.

    Attributes:
        command: the program and its arguments.
        output: the trace to write; what is there before is replaced, once the command runs.
        whole_system: record everything while the command runs, but for the recorder.
        buffer_kb: of each processor's ring buffer.

    """

    command: tuple[str, ...]
    output: Path
    whole_system: bool = False
    buffer_kb: int = BUFFER_KB


@attrs.frozen
class Recording:
    """Result of a recording: the trace's origin and ending, the number of events, and removed instances."""

    origin: Origin
    ending: Ending
    events: int
    removed: tuple[str, ...]


def record(plan: RecordPlan, progress: Callable[[int], None] = lambda _: None) -> Recording:
    """Record PLAN, and call PROGRESS with the events so far.

    SIGINT, SIGTERM and SIGHUP end the command, and leave a whole trace of what was recorded. Nothing stays
    changed in the kernel. Call it from the main thread.
    Raises TracingError, CommandError, and OSError for the output.
    """
    held.check(plan.command)
    file.pyarrow()
    with (
        mounted() as root,
        Signals() as signals,
        Instance.make(root) as instance,
        cpu_time.Group.make() as group,
    ):
        instance.set_up(plan.buffer_kb)
        with Command.prepare(plan.command) as command, _Reader.open(instance, signals) as reader:
            group.add(command.pid)
            if plan.whole_system:
                instance.without([int(task.name) for task in Path("/proc/self/task").iterdir()])
            else:
                instance.only(command.pid)
            run = _Run(plan, instance, command, reader)
            return run.run(group, progress)


def _origin(plan: RecordPlan) -> Origin:
    from importlib.metadata import version

    return Origin(
        source="record",
        kernel=platform.release(),
        machine=platform.machine(),
        cpu_model=host.cpu_model(),
        page_size=os.sysconf("SC_PAGE_SIZE"),
        init_on_alloc=host_kernel.init_on("alloc"),
        init_on_free=host_kernel.init_on("free"),
        clock="global",
        command=None if plan.whole_system else plan.command,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        lanes="cpu",
        clearfw=version("clearfw"),
    )


@attrs.define
class _Reader:
    """The processors' sub-buffers, read as they fill."""

    decoder: Decoder
    signals: Signals
    lanes: dict[int, Lane]
    _poll: select.poll

    @classmethod
    def open(cls, instance: Instance, signals: Signals) -> Self:
        decoder = Decoder(instance.header_page(), instance.formats)
        reader = cls(decoder, signals, {}, select.poll())
        reader._poll.register(signals.fd, select.POLLIN)
        try:
            for cpu in _online_cpus():
                fd = instance.open_raw(cpu)
                reader.lanes[fd] = Lane(cpu)
                reader._poll.register(fd, select.POLLIN)
        except BaseException:
            reader.__exit__()
            raise
        return reader

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for fd in self.lanes:
            os.close(fd)

    @property
    def events(self) -> int:
        """The events read so far."""
        return self.decoder.events + sum(lane.nr for lane in self.lanes.values())

    def read(self, writer: TraceWriter, wait_s: float) -> None:
        """Wait for enough events, a signal or the command's end, and read the events."""
        ready = self._wait(wait_s)
        for fd in ready if ready is not None else self.lanes:
            self.decoder.drain(fd, self.lanes[fd], writer)
        self.signals.clear()
        if ready:
            select.select([self.signals.fd], [], [], _PAUSE_S)

    def finish(self, writer: TraceWriter) -> None:
        """Read and write all that is left."""
        for fd, lane in self.lanes.items():
            self.decoder.drain(fd, lane, writer)
            self.decoder.flush(lane, writer)

    def _wait(self, wait_s: float) -> list[int] | None:
        """Return whose buffers want to be read; None: nothing happened."""
        happened = self._poll.poll(wait_s * 1000)
        for fd, event in happened:
            if not event & select.POLLIN:  # a processor that went offline
                self._poll.unregister(fd)
        if not happened:
            return None
        return [fd for fd, event in happened if fd in self.lanes and event & select.POLLIN]


@attrs.define
class _Run:
    """One recording, once everything is set up."""

    plan: RecordPlan
    instance: Instance
    command: Command
    reader: _Reader
    sent: int = 0

    def run(self, group: cpu_time.Group, progress: Callable[[int], None]) -> Recording:
        """Let the command go, read until it has ended, and tell."""
        origin = _origin(self.plan)
        before = cpu_time.of_system()
        self.instance.turn(on=True)
        started = time.monotonic()
        self.command.start()
        with TraceWriter(self.plan.output, origin) as writer:
            # The schema is written with the first batch: from now on there is a trace, whatever happens.
            writer.write(Events.room(0))
            while not self.command.is_over():
                self._stop_if_asked()
                self.reader.read(writer, 0.1 if self.reader.signals.came else _LOOK_S)
                progress(self.reader.events)
            elapsed_s = time.monotonic() - started
            self.instance.turn(on=False)
            used = self._used(group, before)
            self.reader.finish(writer)
            ending = self._ending(used, elapsed_s)
            writer.end(ending)
        return Recording(origin, ending, self.reader.events, self.instance.removed)

    def _stop_if_asked(self) -> None:
        """End the command once a signal came: gently first, and at once for every further signal."""
        came = self.reader.signals.came
        if not came:
            return
        steps = _AFTER_INT if came[0][0] == signal.SIGINT else _AFTER_TERM
        waited = time.monotonic() - came[0][1]
        due = max(sum(waited >= after for after, _ in steps), min(len(came) - 1, len(steps)))
        for _, signum in steps[self.sent : due]:
            self.command.send(signum)
        self.sent = max(self.sent, due)

    def _used(self, group: cpu_time.Group, before: Usage) -> Usage | None:
        if self.plan.whole_system:
            after = cpu_time.of_system()
            return cpu_time.Usage(
                after.user_s - before.user_s, after.system_s - before.system_s, after.source
            )
        used = group.usage()
        if used is None and self.command.used is not None:
            return cpu_time.of_rusage(self.command.used)
        return used

    def _ending(self, used: Usage | None, elapsed_s: float) -> Ending:
        stats = self.instance.stats()
        decoder = self.reader.decoder
        other = decoder.counts["other"]
        # The numbers of events read and decoded are equal, unless a sub-buffer was malformed.
        unseen = _sum(_READ, stats) - decoder.events - other
        return Ending(
            lost=losses(stats) + _sum(_LEFT, stats) + max(0, unseen),
            user_s=None if used is None else used.user_s,
            system_s=None if used is None else used.system_s,
            elapsed_s=elapsed_s,
            usage=None if used is None else used.source,
            exit_status=self.command.exit_status,
            interrupted=bool(self.reader.signals.came),
            other_events=other,
            unknown_gfp=decoder.unknown_gfp,
        )


def _sum(pattern: re.Pattern[str], stats: str) -> int:
    return sum(map(int, pattern.findall(stats)))


def _online_cpus() -> list[int]:
    """Return the processors that are online: "0-3,8" in the kernel's words."""
    ranges = Path("/sys/devices/system/cpu/online").read_text().strip().split(",")
    ends = [(one.partition("-")[0], one.rpartition("-")[2]) for one in ranges]
    return [cpu for first, last in ends for cpu in range(int(first), int(last) + 1)]
