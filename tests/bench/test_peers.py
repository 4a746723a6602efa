"""Peers: they zero what they say they zero, and those a host lacks are left out."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import pytest

from clearfw.bench import peers
from clearfw.errors import ConfigError
from clearfw.machine import Machine
from clearfw.workloads.blocks import ChunkBench, Hugetlb
from clearfw.workloads.protocol import Options
from clearfw.workloads.vmalloc import Vmalloc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clearfw.bench.peers import Peer

BYTES_PER_SECOND = 12_500_000_000


@pytest.fixture
def bench() -> Iterator[ChunkBench]:
    """The hugetlb workload on a machine of 16 MiB."""
    options = Options(memory=16 << 20, backing="thp")
    (scene,) = Hugetlb().scenes(options)
    with Machine(scene.config, ()) as machine:
        bench = Hugetlb().open(scene, machine, options)
        assert isinstance(bench, ChunkBench)
        yield bench
        bench.close()


@pytest.fixture
def perf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in for perf: a program that prints what `perf bench` prints."""
    program = tmp_path / "perf"
    program.write_text(f"#!/bin/sh\necho '# function default'\necho {BYTES_PER_SECOND}.5\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return program


@pytest.mark.parametrize("peer", [peers.LibcMemset(), peers.NumpyFill()], ids=lambda peer: peer.name)
def test_a_chunk_is_zero_after_a_peer(bench: ChunkBench, peer: Peer) -> None:
    """All of it, of the turn it was given, and the time is of all of it."""
    for turn in range(3):
        bench.arena.dirty(bench.chunk(turn))
        timing = peer.run(bench, turn)
        with bench.arena.view(bench.chunk(turn)) as view:
            assert not any(view)

        assert timing.nbytes == bench.arena.chunk_bytes
        assert timing.ns > 0


@pytest.mark.parametrize("peer", [peers.LibcMemset(), peers.NumpyFill()], ids=lambda peer: peer.name)
def test_only_chunks_will_do(peer: Peer) -> None:
    """A workload without is refused in one line, which names those with."""
    options = Options(memory=32 << 20)
    scene = Vmalloc().scenes(options)[1]
    with Machine(scene.config, ()) as machine:
        bench = Vmalloc().open(scene, machine, options)
        with pytest.raises(ConfigError, match=r"--peers does not work .* use --workload hugetlb or orders"):
            peer.run(bench, 0)
        bench.close()


def test_madvise_faults_all_of_its_memory_in_again(bench: ChunkBench) -> None:
    """It has memory of its own, and says how much."""
    timing = peers.Madvise().run(bench, 0)

    assert timing.nbytes == 256 << 20
    assert timing.ns > 0


@pytest.mark.usefixtures("perf")
def test_perf_is_timed_by_its_own_clock(bench: ChunkBench) -> None:
    """What it prints is bytes a second."""
    timing = peers.PerfBench().run(bench, 0)

    assert timing.nbytes / timing.ns == pytest.approx(BYTES_PER_SECOND / 1e9)


@pytest.mark.usefixtures("perf")
def test_every_peer_of_the_host_is_available() -> None:
    """And each goes by another name."""
    names = [peer.name for peer in peers.available()]

    assert names == ["libc memset", "numpy fill", "DONTNEED+POPULATE", "perf bench memset"]


@pytest.mark.parametrize("script", ["echo perf not found for this kernel >&2; exit 2", "echo what", "true"])
def test_a_perf_that_does_not_work_is_left_out(perf: Path, script: str) -> None:
    """As the one of a distribution that only tells which package to install."""
    perf.write_text(f"#!/bin/sh\n{script}\n")

    assert "perf bench memset" not in {peer.name for peer in peers.available()}


def test_what_the_host_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No perf on PATH, and a kernel without MADV_POPULATE_WRITE."""

    class OldKernelsMap:
        def __init__(self, *_: object, **__: object) -> None: ...

        def madvise(self, advice: int) -> None:
            if advice != mmap.MADV_HUGEPAGE:
                raise OSError(22, "Invalid argument")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("clearfw.bench.peers.mmap.mmap", OldKernelsMap)

    assert [peer.name for peer in peers.available()] == ["libc memset", "numpy fill"]
