"""The server: the C core as a program of another architecture, asked over sockets line by line."""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from clearfw.errors import RunnerError, from_core
from clearfw.toolchain import compiler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearfw.toolchain.architectures import Architecture

CSRC = Path(__file__).parents[1] / "csrc"

# The thread that boots, and as many more as a check starts.
_CPUS = 3
_PATIENCE_S = 5.0


@functools.cache
def build(architecture: Architecture) -> Path:
    """Return the server for ARCHITECTURE; raises MissingToolError, CompileError."""
    sources = sorted(CSRC.rglob("*.c"))
    return compiler.build_program(architecture.compiler(), f"server-{architecture.name}", sources, CSRC)


def prepare(architecture: Architecture) -> None:
    """Have all that a machine of ARCHITECTURE needs here; raises MissingToolError, CompileError."""
    if not architecture.is_native:
        architecture.emulator()
        build(architecture)


class Server:
    """A machine's process. Each thread that asks has a thread there, and so a CPU."""

    def __init__(self, command: Sequence[str], strategy: Path, name: str) -> None:
        """Start COMMAND, a built server behind what runs it, with the shared object STRATEGY called NAME."""
        self._name = name
        self._ended = ""
        self._faults, faults = os.pipe()
        pairs = [socket.socketpair() for _ in range(_CPUS)]
        descriptors = [faults, *(there.fileno() for _, there in pairs)]
        self._process = subprocess.Popen(
            [*command, str(strategy), *map(str, descriptors)],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=faults,
        )
        os.close(faults)
        self._streams = [_stream(*pair) for pair in pairs]
        self._free: queue.SimpleQueue[TextIO] = queue.SimpleQueue()
        for stream in self._streams:
            self._free.put(stream)
        self._mine = threading.local()

    def ask(self, *request: object) -> list[str]:
        """Return the words of the reply; raises what the core refuses, and RunnerError if it is no more."""
        if self._ended:
            raise RunnerError(self._ended)
        stream = self._my_stream()
        try:
            stream.write(" ".join(map(str, request)) + "\n")
            stream.flush()
            reply = stream.readline()
        except OSError:
            reply = ""
        if not reply:
            self._ended = self._end()
            raise RunnerError(self._ended)
        return self._read(reply)

    def close(self) -> None:
        """Hang up, upon which it ends; if it is at something without an end, end it."""
        for stream in self._streams:
            with contextlib.suppress(OSError):  # what was never sent has nowhere to go
                stream.close()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._faults)

    def _my_stream(self) -> TextIO:
        """Return this thread's own: a thread that asks for the first time takes one that is free."""
        stream: TextIO | None = getattr(self._mine, "stream", None)
        if stream is None:
            stream = self._mine.stream = self._free.get_nowait()
        return stream

    def _read(self, reply: str) -> list[str]:
        said, *words = reply.split(None)
        if said == "ok":
            return words
        code, sys_errno, pfn, wanted, found, zone = map(int, words[:6])
        detail = reply.split(" ", 7)[7].strip()
        raise from_core(
            code,
            pfn=pfn,
            wanted=wanted,
            found=found,
            zone=zone,
            sys_errno=sys_errno,
            detail=detail,
            stack=self._name,
        )

    def _end(self) -> str:
        """Return why it is no more: the last line it wrote, or the signal that ended it."""
        status = self._process.wait()
        lines = [line for line in _read_all(self._faults).splitlines() if not line.startswith("qemu:")]
        if lines:
            return lines[0].strip()
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended the process with exit status {status}"


def _stream(here: socket.socket, there: socket.socket) -> TextIO:
    """Return our end as text; the server has the other."""
    there.close()
    with here:
        return here.makefile("rw")


def _read_all(descriptor: int) -> str:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read().decode(errors="replace")
