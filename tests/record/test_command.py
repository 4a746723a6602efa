"""Commands that are prepared, wait, and start with nothing of the recorder in them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clearfw import _core
from clearfw.errors import CommandError, SystemCallError
from clearfw.record import command as commands
from clearfw.record import signals as record_signals
from clearfw.record.command import Command

# 32 and 33 are the C library's own: no program can set them, and some are started with these ignored.
LIBC_SIGNALS = 1 << 31 | 1 << 32


def wait(command: Command) -> int | None:
    """Wait for its end, and return its exit status."""
    deadline = time.monotonic() + 30
    while not command.is_over():
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return command.exit_status


def test_a_command_waits_until_it_is_started(tmp_path: Path) -> None:
    """Nothing of it happens before, and all of it afterwards, with its arguments as they are."""
    output = tmp_path / "out \udcff"
    with Command.prepare(("/bin/sh", "-c", 'echo "$1" >"$0"; exit 3', str(output), "a b")) as command:
        time.sleep(0.05)

        assert not command.is_over()
        assert not output.exists()
        command.start()
        assert wait(command) == 3
        assert output.read_text() == "a b\n"
        assert command.used is not None


def test_a_command_that_is_not_started_leaves_nothing() -> None:
    """The process is gone with its recorder's interest."""
    with Command.prepare(("true",)) as command:
        pid = command.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_command_whose_recorder_is_killed_is_never_run(tmp_path: Path) -> None:
    """The pipe's end tells it."""
    target = str(tmp_path / "f")
    start = f"from clearfw.record.command import Command; one = Command.prepare(('touch', {target!r}))"
    code = f"import time; {start}; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        recorder.stdout.readline()
        recorder.kill()
    time.sleep(0.1)

    assert list(tmp_path.iterdir()) == []


def test_signals_and_files_are_as_a_shell_would_have_them(tmp_path: Path) -> None:
    """Handlers, masks, open files and what Python ignores are not inherited."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    output = tmp_path / "out"
    command = (
        "/bin/sh",
        "-c",
        "cat /proc/self/status | grep '^Sig[BIC]' >$0; ls /proc/self/fd >>$0",
        str(output),
    )
    try:
        with Command.prepare(command) as one, record_signals.Signals():
            one.start()
            wait(one)
    finally:
        signal.signal(signal.SIGUSR1, before)
    signals, files = output.read_text().split()[1:6:2], output.read_text().split()[6:]
    subprocess.run(command, check=True, close_fds=False)

    assert [int(mask, 16) & ~LIBC_SIGNALS for mask in signals] == [0, 0, 0]
    assert files == output.read_text().split()[6:]


def test_an_ignored_child_is_waited_for() -> None:
    """A parent that ignores SIGCHLD, as some daemons do, hands that down: the status is there, though."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with record_signals.Signals(), Command.prepare(("/bin/sh", "-c", "exit 4")) as command:
            command.start()

            assert wait(command) == 4
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_what_cannot_be_run_is_told(tmp_path: Path) -> None:
    """The reason is the kernel's."""
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter")
    script.chmod(0o755)
    with (
        Command.prepare((str(script),)) as command,
        pytest.raises(CommandError, match="No such file or directory"),
    ):
        command.start()
    with pytest.raises(CommandError, match="is not found or not executable"):
        commands.check([str(tmp_path)])


@pytest.mark.parametrize("n", range(1, 6))
def test_a_host_without_memory_or_threads_is_told(n: int) -> None:
    """Each request that it refuses ends in an error, and in no process and no open file."""
    files = len(list(Path("/proc/self/fd").iterdir()))
    _core.fail_after(n)
    try:
        with pytest.raises(SystemCallError, match="a process for 'true'"):
            Command.prepare(("true", "x"))
    finally:
        _core.fail_after(0)

    assert len(list(Path("/proc/self/fd").iterdir())) == files


def test_a_host_without_processes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What vfork() refuses comes through the pipe, after prepare_command() has returned."""

    def refused(_command: object, _gate: int, _lets_go: int, report: int) -> None:
        os.write(report, (-errno.EAGAIN).to_bytes(4, sys.byteorder, signed=True))

    monkeypatch.setattr(commands, "prepare_command", refused)
    with pytest.raises(SystemCallError, match="a process for 'true': Resource temporarily unavailable"):
        Command.prepare(("true",))


def test_signals_are_noted() -> None:
    """Those that end a recording are kept, with their time, and what was before comes back."""
    handlers = [signal.getsignal(one) for one in record_signals._HANDLED]
    with record_signals.Signals() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGCHLD)
        os.kill(os.getpid(), signal.SIGPIPE)

        assert [signum for signum, _ in signals.came] == [signal.SIGTERM]
        assert os.read(signals.fd, 10)
        signals.clear()
        with pytest.raises(BlockingIOError):
            os.read(signals.fd, 10)

    assert handlers == [signal.getsignal(one) for one in record_signals._HANDLED]
