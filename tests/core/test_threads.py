"""Threads on one machine: nobody gets another's memory, and every count adds up."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest

from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Noting

    from clearfw._core import PageRange, Pages
    from clearfw.machine import Machine

    Boot = Callable[..., Machine]

DIRT = 0x5A


def churn(machine: Machine, seed: int, rounds: int, errors: list[str]) -> None:
    """Allocate and free at random; every live block keeps the pattern of this thread."""
    chance = random.Random(seed)
    pattern = seed + 1
    live: list[Pages] = []
    for _ in range(rounds):
        if len(live) < 20 and chance.random() < 0.6:
            pages = machine.alloc_pages(chance.choice((0, 0, 0, 1, 2, 3, 5, 9)))
            if pages.first_not(0) is not None:
                errors.append(f"dirty {pages}")
            pages.fill(pattern)
            live.append(pages)
        elif live:
            pages = live.pop(chance.randrange(len(live)))
            if pages.first_not(pattern) is not None:
                errors.append(f"another's bytes in {pages}")
            pages.free()
    for pages in live:
        pages.free()


def in_threads(work: list[Callable[[], object]]) -> None:
    """Run all of WORK at the same time, to the end."""
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("option", ["init_on_alloc", "init_on_free"])
def test_threads_share_a_machine(boot: Boot, option: str) -> None:
    """Four of them: fresh memory is zero, nobody writes to another's, and every count adds up."""
    machine = boot(f"{option}=1 memory=256M")
    errors: list[str] = []

    in_threads([lambda seed=seed: churn(machine, seed, 1500, errors) for seed in range(4)])  # type: ignore[misc]

    assert errors == []
    assert machine.what_is_wrong() is None
    assert machine.nr_free == machine.nr_pages
    counters = machine.counters
    assert counters.allocs == counters.frees == counters.inits > 1000
    assert counters.pages == counters.cleared_pages


def test_lists_are_drained_under_threads_that_use_them(boot: Boot) -> None:
    """drain() while others allocate and free loses no page."""
    machine = boot("memory=64M init_on_alloc=1")
    errors: list[str] = []
    done = threading.Event()

    def drain() -> None:
        while not done.is_set():
            machine.drain()

    drainer = threading.Thread(target=drain)
    drainer.start()
    in_threads([lambda seed=seed: churn(machine, seed, 1000, errors) for seed in range(2)])  # type: ignore[misc]
    done.set()
    drainer.join()

    assert errors == []
    assert machine.what_is_wrong() is None
    assert machine.nr_free == machine.nr_pages


def test_a_thread_that_ends_leaves_nothing_behind(boot: Boot) -> None:
    """The pages on its lists go back to the buddy, and its counts to the machine."""
    machine = boot("init_on_alloc=1")
    in_threads([lambda: machine.free_pages_bulk(machine.alloc_pages_bulk(64))])

    assert machine.counters.frees == 64
    assert machine.alloc_contig(12).npages == machine.nr_pages


def test_python_strategies_are_asked_from_any_thread(boot: Boot, noting: Noting) -> None:
    """Without losing an answer, and each in the thread that allocates."""
    threads: set[int] = set()

    class Here:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: PageRange) -> None:
            threads.add(threading.get_ident())

    machine = boot("init_on_alloc=1 memory=256M", [Here(), noting])
    errors: list[str] = []
    ready = threading.Barrier(3)

    def work(seed: int) -> None:
        ready.wait()
        churn(machine, seed, 100, errors)

    in_threads([lambda seed=seed: work(seed) for seed in range(3)])  # type: ignore[misc]

    assert errors == []
    assert len(threads) == 3
    assert machine.counters.inits == len(noting.asked) == machine.counters.allocs


def test_a_stack_changes_under_threads_that_ask_it(boot: Boot, noting: Noting) -> None:
    """Native, Python, native again: every allocation is cleared by one or the other."""
    machine = boot("init_on_alloc=1 memory=64M", "per_page")
    done = threading.Event()
    dirty: list[Pages] = []

    def allocate() -> None:
        # Of an order at which the thread lets others run, and so asks a stack that has just changed.
        while not done.is_set():
            with machine.alloc_pages(4) as pages:
                if pages.first_not(0) is not None:
                    dirty.append(pages)
                pages.fill(DIRT)

    def swap() -> None:
        try:
            for _ in range(100):
                machine.register(noting)
                machine.unregister("noting")
        finally:
            done.set()

    in_threads([allocate, allocate, swap])

    assert dirty == []
    assert 0 < len(noting.asked) < machine.counters.inits
    assert machine.counters.inits == machine.counters.allocs
