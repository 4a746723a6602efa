"""Peers: other ways to get zeroed memory, timed in the same rounds."""

from __future__ import annotations

import mmap
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clearfw.errors import ConfigError
from clearfw.workloads.blocks import ChunkBench
from clearfw.workloads.protocol import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.workloads.protocol import Bench

_MADV_POPULATE_WRITE = 23  # since Linux 5.14; not in the mmap module
_NBYTES = 256 << 20


class Peer(Protocol):
    """Something else that zeroes memory."""

    name: str

    def run(self, bench: Bench, turn: int) -> Timing:
        """Zero about as much memory as a sample has."""


class LibcMemset:
    """memset() of the C library over a whole chunk."""

    name = "libc memset"

    def run(self, bench: Bench, turn: int) -> Timing:
        """Zero the chunk of TURN."""
        return _chunks(bench).roofline(None, turn, "memset")


class NumpyFill:
    """numpy's fill(0) over a whole chunk."""

    name = "numpy fill"

    def run(self, bench: Bench, turn: int) -> Timing:
        """Zero the chunk of TURN."""
        chunks = _chunks(bench)
        chunk = chunks.chunk(turn)
        with chunks.arena.view(chunk) as view:
            array = np.frombuffer(view, np.uint8)
            chunks.arena.dirty(chunk)
            start = time.perf_counter_ns()
            array.fill(0)
            timing = Timing(time.perf_counter_ns() - start, array.nbytes)
            del array  # or the view would have to stay
        return timing


class Madvise:
    """The host kernel's own clear: MADV_DONTNEED, then MADV_POPULATE_WRITE, on memory of its own."""

    name = "DONTNEED+POPULATE"

    def __init__(self) -> None:
        """Take the memory; raises OSError where the host has no such call."""
        self._map = mmap.mmap(-1, _NBYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._map.madvise(mmap.MADV_HUGEPAGE)
        self._map.madvise(_MADV_POPULATE_WRITE)

    def run(self, bench: Bench, turn: int) -> Timing:  # noqa: ARG002
        """Give the pages back to the host and fault them in again."""
        start = time.perf_counter_ns()
        self._map.madvise(mmap.MADV_DONTNEED)
        self._map.madvise(_MADV_POPULATE_WRITE)
        return Timing(time.perf_counter_ns() - start, len(self._map))


class PerfBench:
    """`perf bench mem memset`, in a process of its own, by its own clock."""

    name = "perf bench memset"

    def __init__(self) -> None:
        """Find perf and try it; raises OSError where it is missing or does not work."""
        found = shutil.which("perf")
        if found is None:
            raise FileNotFoundError
        arguments = f"bench -f simple mem memset -s {_NBYTES}B -f default"
        self._command = [found, *arguments.split()]
        self._bytes_per_second()

    def run(self, bench: Bench, turn: int) -> Timing:  # noqa: ARG002
        """Run it once."""
        return Timing(round(_NBYTES / self._bytes_per_second() * 1e9), _NBYTES)

    def _bytes_per_second(self) -> float:
        done = subprocess.run(self._command, capture_output=True, text=True, check=False)
        try:
            return float(done.stdout.split()[-1])
        except (IndexError, ValueError):
            # Distributions install a perf that only tells which package to install.
            raise OSError(done.stderr) from None


def available() -> list[Peer]:
    """Return the peers that this host has."""
    peers: list[Peer] = [LibcMemset(), NumpyFill()]
    kinds: list[Callable[[], Peer]] = [Madvise, PerfBench]
    for kind in kinds:
        try:
            peers.append(kind())
        except OSError:
            continue
    return peers


def _chunks(bench: Bench) -> ChunkBench:
    if not isinstance(bench, ChunkBench):
        msg = "--peers does not work with this workload: use --workload hugetlb or orders"
        raise ConfigError(msg)
    return bench
