"""Workloads: what they allocate, on which memory, and that they see whether it was cleared."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearfw import _core, registry
from clearfw.errors import ConfigError, OutOfMemoryError
from clearfw.machine import Machine
from clearfw.strategies import from_file
from clearfw.workloads import blocks, churn, protocol
from clearfw.workloads.blocks import ChunkBench, Hugetlb, Orders
from clearfw.workloads.churn import Churn
from clearfw.workloads.protocol import Options
from clearfw.workloads.vmalloc import Vmalloc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np

    from clearfw.strategies import NativeStrategy
    from clearfw.workloads.protocol import Bench, Workload

    Opened = Callable[..., tuple[Machine, Bench]]

SHIPPED: tuple[Workload, ...] = (Hugetlb(), Orders(), Churn(), Vmalloc())
SMALL = 64 << 20
SCENES = [
    pytest.param(workload, scene, id=f"{workload.name}-{scene}")
    for workload in SHIPPED
    for scene in range(len(workload.scenes(Options())))
]

DIRTY = """
static bool pages(struct page *page, int n) { return true; }
static bool area(const void *start, unsigned long size) { return true; }
"""
BRINGS = ".init_on_alloc = pages, .init_on_free = pages, .init_on_vmalloc = area"


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Open a workload on a small machine with a stack, one of its scenes."""
    with contextlib.ExitStack() as stack:

        def start(
            workload: Workload, strategies: str | list[NativeStrategy], scene: int = 0, **options: object
        ) -> tuple[Machine, Bench]:
            how = Options(**{"memory": SMALL, **options})  # type: ignore[arg-type]
            chosen = workload.scenes(how)[scene]
            machine = stack.enter_context(Machine(chosen.config, strategies))
            bench = workload.open(chosen, machine, how)
            stack.callback(bench.close)
            return machine, bench

        yield start


@pytest.mark.parametrize("workload", SHIPPED, ids=lambda workload: workload.name)
def test_a_sample_covers_what_it_says(opened: Opened, workload: Workload) -> None:
    """Every case gives a time for its bytes, clean, and so does its roofline."""
    _, bench = opened(workload, "per_page+vmalloc_per_page")

    for case in bench.cases:
        roofline = bench.roofline(case, 0, "memset")
        assert (roofline.ns > 0, roofline.nbytes > 0) == (True, True)
        for timing in bench.run(case, 0).values():
            assert (timing.ns > 0, timing.nbytes > 0, timing.dirty) == (True, True, None)


@pytest.mark.parametrize(("workload", "scene"), SCENES)
def test_what_is_not_cleared_is_found_dirty(
    opened: Opened, c_strategy: Callable[..., NativeStrategy], workload: Workload, scene: int
) -> None:
    """On every one of its machines, at byte 0 of a strategy that claims all and clears nothing."""
    _, bench = opened(workload, [c_strategy("dirty", DIRTY, BRINGS)], scene)

    for case in bench.cases:
        assert {timing.dirty for timing in bench.run(case, 0).values()} == {0}


@pytest.mark.parametrize("workload", SHIPPED, ids=lambda workload: workload.name)
def test_a_bench_leaves_nothing_behind(workload: Workload) -> None:
    """Once closed, every page of the machine is free again."""
    options = Options(memory=SMALL)
    for scene in workload.scenes(options):
        with Machine(scene.config, "per_page+vmalloc_per_page") as machine:
            bench = workload.open(scene, machine, options)
            bench.run(bench.cases[0], 0)
            bench.close()
            machine.drain()

            assert machine.nr_free == machine.nr_pages


def test_the_init_point_is_asked_once_a_block(opened: Opened) -> None:
    """2 MiB at a time, all of the chunk, under init_on_alloc as under init_on_free."""
    for init_on_free in (False, True):
        machine, bench = opened(Hugetlb(), "batched", init_on_free=init_on_free)
        machine.reset_counters()
        (timing,) = bench.run(9, 0).values()

        assert machine.counters.inits == timing.nbytes // blocks.HUGE_NBYTES
        assert machine.counters.cleared_pages == timing.nbytes // 4096


@pytest.mark.parametrize(("page_size", "order"), [(4096, 9), (16384, 7), (65536, 5)])
def test_a_huge_page_is_2_mib_whatever_the_page_size(opened: Opened, page_size: int, order: int) -> None:
    """Its order follows."""
    _, bench = opened(Hugetlb(), "batched", page_size=page_size, memory=256 << 20)

    assert list(bench.cases) == [order]


@pytest.mark.parametrize("highmem", [8 << 20, 20 << 20, 32 << 20, 48 << 20])
def test_with_highmem_every_chunk_is_of_it(opened: Opened, highmem: int) -> None:
    """However its size divides: each page of each turn is mapped."""
    machine, bench = opened(Hugetlb(), "highmem_fallback", highmem=highmem)

    for turn in range(4):
        machine.reset_counters()
        (timing,) = bench.run(9, turn).values()
        assert machine.counters.kmaps == timing.nbytes // 4096


def test_too_little_highmem_is_refused(opened: Opened) -> None:
    """It would measure lowmem, and call it HIGHMEM."""
    with pytest.raises(ConfigError, match=r"highmem=1M is too small for an aligned chunk: give 8M"):
        opened(Hugetlb(), "highmem_fallback", highmem=1 << 20)


@pytest.mark.parametrize("memory", [4 << 20, 6 << 20, 65 << 20, 100 << 20])
def test_any_memory_above_one_block_will_do(opened: Opened, memory: int) -> None:
    """However odd: a chunk is never of more than half of it, but for its least size."""
    _, bench = opened(Hugetlb(), "batched", memory=memory)
    assert isinstance(bench, ChunkBench)

    assert bench.arena.chunk_bytes <= max(memory // 2, 4 << 20)
    assert bench.run(9, 3)[9].dirty is None


def test_chunks_take_turns(opened: Opened) -> None:
    """So that each sample finds its memory cold."""
    _, bench = opened(Hugetlb(), "batched")
    assert isinstance(bench, ChunkBench)

    assert [bench.chunk(turn) for turn in range(4)] == [0, 1, 0, 1]


def test_too_little_memory_is_a_clear_error(opened: Opened) -> None:
    """Each says what it asked for."""
    with pytest.raises(OutOfMemoryError, match="a chunk of free memory to measure on"):
        opened(Hugetlb(), "batched", memory=1 << 20)
    with pytest.raises(ConfigError, match="too little memory for large blocks: give memory=32M or more"):
        opened(Churn(), "batched", memory=31 << 20)


def test_orders_go_up_to_the_largest_and_to_a_gigabyte(opened: Opened) -> None:
    """The latter where there is room for it, in lowmem, and nobody to share it with."""
    _, small = opened(Orders(), "batched")
    _, large = opened(Orders(), "batched", memory=1 << 30, backing="base")
    _, shared = opened(Orders(), "batched", memory=1 << 30, backing="base", threads=2)

    assert list(small.cases) == list(range(_core.MAX_ORDER + 1))
    assert list(large.cases) == [*small.cases, 18]
    assert list(shared.cases) == list(small.cases)


def test_latencies_are_of_every_block(opened: Opened) -> None:
    """One for each allocation of a chunk, order by order."""
    _, bench = opened(Orders(), "batched")
    assert isinstance(bench, ChunkBench)
    found = bench.latencies()
    assert list(found) == list(bench.orders)
    for order, latency in found.items():
        assert latency.count == bench.arena.chunk_bytes // (4096 << (order or 0))
        assert 0 < latency.p50_ns <= latency.p99_ns <= latency.max_ns <= latency.total_ns


def replayed(ops: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> tuple[int, dict[int, int]]:
    """Return the most pages OPS ever held, and what is left in each slot; fails where they make no sense."""
    live: dict[int, int] = {}
    most = 0
    for op in ops.tolist():
        slot, order = op >> 8, op & 0x7F
        if op & 0x80:
            assert live.pop(slot) == order
        else:
            assert slot not in live
            live[slot] = order
            most = max(most, sum(1 << one for one in live.values()))
    return most, live


@given(st.integers(1 << 10, 1 << 13), st.integers(0, 200), st.integers(0, 99))
def test_a_churn_never_holds_too_much_and_frees_it_all(npages: int, nops: int, seed: int) -> None:
    """Each free names a used slot and its order; slots stay within the stated number."""
    ops, slots = churn.churn_ops(npages, nops, seed)
    most, left = replayed(ops)

    assert (left, len(ops)) == ({}, 2 * nops)
    assert most <= npages
    assert not len(ops) or int(ops.max() >> 8) < slots


def test_a_churn_repeats_with_its_seed() -> None:
    """And is another with another."""
    first, again, other = (churn.churn_ops(4096, 500, seed)[0].tolist() for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_the_mix_is_a_distribution() -> None:
    """Of every order there is."""
    assert sum(churn.CHURN_MIX.values()) == pytest.approx(1)
    assert sorted(churn.CHURN_MIX) == list(range(_core.MAX_ORDER + 1))


def test_a_churn_counts_one_run_of_the_mix(opened: Opened) -> None:
    """What a sample counts and what it was timed over are the same pages."""
    machine, bench = opened(Churn(), "batched")
    timings = bench.run(None, 0)

    assert machine.counters.pages * 4096 == timings[None].nbytes
    assert (
        sum(timing.nbytes for order, timing in timings.items() if order is not None) == timings[None].nbytes
    )


def test_churn_clears_once_on_allocation_and_once_on_free(opened: Opened) -> None:
    """Two machines, whatever the options say."""
    configs = [scene.config for scene in Churn().scenes(Options())]

    assert [(one.init_on_alloc, one.init_on_free) for one in configs] == [(True, False), (False, True)]


def test_a_vmalloc_area_is_of_scattered_or_of_contiguous_pages(opened: Opened) -> None:
    """As the labels of its machines say: a run for each page, or few."""
    for scene, label in enumerate(("fragmented", "contiguous")):
        assert Vmalloc().scenes(Options())[scene].label == label
        machine, bench = opened(Vmalloc(), "vmalloc_runs", scene)
        machine.reset_counters()
        npages = bench.run(None, 0)[None].nbytes // 4096

        walks = machine.counters.page_walks
        assert walks == npages if label == "fragmented" else walks < npages / 100


def test_the_vmalloc_point_fires_as_in_the_kernel() -> None:
    """With hw_tags and kasan.vmalloc=off, and never for the area the samples share."""
    for scene in Vmalloc().scenes(Options()):
        config = scene.config
        assert (config.kasan, config.kasan_vmalloc, config.vmalloc_init) == ("hw_tags", False, "kernel")
        assert not config.init_on_alloc


@pytest.mark.parametrize("option", [{"touch": "all"}, {"hot": True}, {"threads": 2}, {"init_on_free": True}])
def test_an_option_that_a_workload_does_not_support_is_refused(option: dict[str, object]) -> None:
    """Otherwise the results would have the label of an option that was not used."""
    options = Options(**option)  # type: ignore[arg-type]
    (name,) = option

    for workload in (Hugetlb(), Orders()):
        protocol.check_supported(workload, options)
    for workload in (Churn(), Vmalloc()):
        with pytest.raises(
            ConfigError, match=f"{name}=.* is not supported by workload {workload.name}, only"
        ):
            protocol.check_supported(workload, options)


def test_memory_and_seed_are_supported_by_all() -> None:
    """No workload has to say so."""
    options = Options(memory=SMALL, highmem=SMALL // 2, page_size=16384, backing="base", seed=3)

    for workload in SHIPPED:
        protocol.check_supported(workload, options)


def test_the_shipped_workloads_come_with_a_plugin() -> None:
    """The core names none of them; hugetlb is the first."""
    assert list(registry.default().workloads) == ["hugetlb", "orders", "lists", "churn", "vmalloc"]


def test_a_strategy_in_python_runs_a_workload(opened: Opened, tmp_path: Path) -> None:
    """A Python strategy is called as often as one in C, and consumers touch the blocks after it."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from clearfw import hookimpl, kernel\n"
        "@hookimpl\n"
        "def clearfw_init_on_alloc(pages):\n"
        "    kernel.clear_pages(pages.address, pages.npages)\n"
        "    return True\n"
    )
    machine, bench = opened(Hugetlb(), [from_file(path)], touch="all")
    machine.reset_counters()

    assert bench.run(9, 0)[9].dirty is None
    assert machine.counters.clear_calls == machine.counters.inits
