"""Peers: other ways to get zeroed memory, timed in the same rounds."""

from __future__ import annotations

import mmap
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Protocol

import numpy as np

from clearfw.workloads import ChunkBench, Timing

if TYPE_CHECKING:
    from clearfw.workloads import Bench

_MADV_POPULATE_WRITE = 23  # since Linux 5.14; not in the mmap module
_PERF_NBYTES = 256 << 20


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
        return bench.roofline(None, turn, "memset")


class NumpyFill:
    """numpy's fill(0) over a whole chunk."""

    name = "numpy fill"

    def run(self, bench: Bench, turn: int) -> Timing:
        """Zero the chunk of TURN."""
        arena = _chunks(bench).arena
        chunk = turn % arena.nchunks
        with arena.view(chunk) as view:
            array = np.frombuffer(view, np.uint8)
            arena.dirty(chunk)
            start = time.perf_counter_ns()
            array.fill(0)
            ns = time.perf_counter_ns() - start
            nbytes = array.nbytes
            del array
        return Timing(ns, nbytes)


class Madvise:
    """The host kernel's own clear: MADV_DONTNEED, then MADV_POPULATE_WRITE, on memory of its own."""

    name = "DONTNEED+POPULATE"

    def __init__(self, nbytes: int) -> None:
        self._map = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
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

    def run(self, bench: Bench, turn: int) -> Timing:  # noqa: ARG002
        """Run it once."""
        command = ["perf", "bench", "-f", "simple", "mem", "memset", "-s", f"{_PERF_NBYTES}B", "-f", "default"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        bytes_per_second = float(done.stdout.split()[-1])
        return Timing(round(_PERF_NBYTES / bytes_per_second * 1e9), _PERF_NBYTES)


def available() -> list[Peer]:
    """Return the peers that this host has."""
    peers: list[Peer] = [LibcMemset(), NumpyFill(), Madvise(256 << 20)]
    if shutil.which("perf"):
        peers.append(PerfBench())
    return peers


def _chunks(bench: Bench) -> ChunkBench:
    if not isinstance(bench, ChunkBench):
        msg = "peers run beside the hugetlb and orders workloads, whose chunks they zero"
        raise TypeError(msg)
    return bench
