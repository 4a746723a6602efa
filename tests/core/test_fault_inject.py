"""Every request of the core to the host can be refused: nothing leaks, breaks or comes out dirty."""

from __future__ import annotations

import contextlib
import gc
import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest

from clearfw import _core
from clearfw._core import Arena, HugetlbPool
from clearfw.errors import ClearfwError, MapCountError, MemoryLimitError, SystemCallError
from clearfw.machine import Machine
from clearfw.workloads.churn import churn_ops

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Noting

    Scenario = Callable[[Machine], None]

GARBAGE = 0x9E
STRICT = "memory=32M highmem=16M kmap=strict backing=base"
# What another part of the process may map meanwhile, an arena of Python's allocator for one.
SLACK = 3 << 20
MALLOC_HEAP, GUARD = 64 << 20, 64 << 10


class _Freeable(Protocol):
    def free(self) -> None: ...


def mappings() -> tuple[set[str], int]:
    """Return the core's own mappings, of RAM or without access, and the bytes of anonymous ones."""
    own, nbytes = set(), 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        start, end = (int(address, 16) for address in line.split()[0].split("-"))
        # The C library keeps what it reserved for threads: heaps in such pieces, and guard pages of stacks.
        of_malloc = (end % MALLOC_HEAP == 0 and end - start < MALLOC_HEAP) or end - start <= GUARD
        if "clearfw-ram" in line or ("---p" in line and len(line.split()) == 5 and not of_malloc):
            own.add(line)
        elif "/" not in line and "---p" not in line:
            nbytes += end - start
    return own, nbytes


def open_files() -> set[str]:
    """Return this process's file descriptors."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """Mappings and open files are after it as they were before."""
    gc.collect()
    (own, nbytes), files = mappings(), open_files()
    yield
    gc.collect()
    own_now, nbytes_now = mappings()
    assert own_now == own
    assert nbytes_now - nbytes < SLACK
    assert open_files() == files


@contextlib.contextmanager
def failing(n: int) -> Iterator[list[bool]]:
    """The N-th request inside fails; the list tells whether there was one, and whether it was told of."""
    fired: list[bool] = []
    before = _core.injected_calls()
    told = False
    _core.fail_after(n)
    try:
        yield fired
    except ClearfwError as error:
        told = len(str(error).splitlines()) == 1
    finally:
        _core.fail_after(0)
    fired += [_core.injected_calls() - before >= n, told]


def check_clean(machine: Machine) -> None:
    """Blocks of all kinds come out zero, and go back."""
    asked = "" if machine.init_on_alloc or machine.init_on_free else "|__GFP_ZERO"
    for order in (0, 3, 5):
        for gfp in ("GFP_KERNEL", "GFP_HIGHUSER"):
            with machine.alloc_pages(order, gfp + asked) as pages:
                assert pages.first_not(0) is None
                pages.fill(GARBAGE)
    batch = machine.alloc_pages_bulk(50, f"GFP_KERNEL{asked}")
    assert all(page.first_not(0) is None for page in batch)
    machine.free_pages_bulk(batch)


def walk(cmdline: str, scenario: Scenario, *, tolerated: int = 0) -> int:
    """Refuse each request of SCENARIO in turn, each on a machine of its own; return how many there are.

    As many as TOLERATED may be refused without an error, because there is another way.
    """
    passed = 0
    for n in itertools.count(1):
        with Machine.boot(cmdline) as machine:
            free = machine.nr_free
            with failing(n) as outcome:
                scenario(machine)
            fired, told = outcome
            passed += fired and not told
            assert machine.what_is_wrong() is None, n
            assert machine.nr_free == free, n
            check_clean(machine)
            scenario(machine)
            assert machine.what_is_wrong() is None
            assert machine.nr_free == free
        if not fired:
            assert not told
            assert passed <= tolerated
            return n - 1
    raise AssertionError


def in_a_new_thread(scenario: Scenario, machine: Machine) -> None:
    """Run SCENARIO where the machine has no CPU yet; what it raises comes through."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            scenario(machine)
        except ClearfwError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


@contextlib.contextmanager
def freed(thing: _Freeable) -> Iterator[None]:
    """Free THING; where that fails it is still the caller's, and can be freed again."""
    try:
        yield
    finally:
        try:
            thing.free()
        except ClearfwError:
            thing.free()
            raise


# Scenarios: each leaves the machine as it found it


def allocates(machine: Machine) -> None:
    """Blocks of several orders and both zones."""
    for order, gfp in ((0, "GFP_KERNEL|__GFP_ZERO"), (2, "GFP_HIGHUSER|__GFP_ZERO"), (9, "GFP_KERNEL")):
        pages = machine.alloc_pages(order, gfp)
        with freed(pages):
            pages.fill(GARBAGE)


def allocates_lists(machine: Machine) -> None:
    """A list of pages, freed as one."""
    pages = machine.alloc_pages_bulk(20, "GFP_HIGHUSER|__GFP_ZERO")
    for page in pages:
        page.fill(GARBAGE)
    try:
        machine.free_pages_bulk(pages)
    except ClearfwError:
        machine.free_pages_bulk(pages)
        raise


def allocates_gigantic(machine: Machine) -> None:
    """A block beyond the buddy's."""
    pages = machine.alloc_contig(11, "GFP_KERNEL|__GFP_ZERO")
    with freed(pages):
        pages.fill(GARBAGE)


def maps_pages(machine: Machine) -> None:
    """Two pages of HIGHMEM mapped at once; an unmapping that fails can be tried again."""
    pages = machine.alloc_pages(1, "GFP_HIGHUSER")
    with freed(pages), contextlib.ExitStack() as stack:
        for index in range(2):
            mapped = pages.kmap_local(index)

            def unmap(one: _core.KmapLocal = mapped) -> None:
                try:
                    one.close()
                except ClearfwError:
                    one.close()
                    raise

            stack.callback(unmap)
            np.frombuffer(mapped, dtype=np.uint8)[:] = GARBAGE


def vmallocs(machine: Machine) -> None:
    """Two areas beside each other, one with huge leaves."""
    area = machine.vmalloc(10_000, "GFP_KERNEL|__GFP_ZERO")
    with freed(area):
        huge = machine.vmalloc(5 << 20, "GFP_KERNEL|__GFP_ZERO", huge=True)
        with freed(huge):
            for one in (area, huge):
                array = np.frombuffer(one, dtype=np.uint8)
                assert not array.any()
                array[:] = GARBAGE
                del array


def vmallocs_fragments(machine: Machine) -> None:
    """An area of many runs, because no two free pages are neighbours."""
    pages = machine.alloc_pages_bulk(machine.nr_free)
    pages.sort(key=lambda page: page.pfn)
    machine.free_pages_bulk(pages[::2][:20])
    try:
        area = machine.vmalloc(20 << 12, "GFP_KERNEL|__GFP_ZERO")
        with freed(area):
            assert area.nruns == 20
            assert not np.frombuffer(area, dtype=np.uint8).any()
    finally:
        machine.free_pages_bulk([page for page in pages if not page.is_freed])


def pools(machine: Machine) -> None:
    """A hugetlb pool that grows, lends and shrinks."""
    pool = HugetlbPool(machine, 2)
    try:
        assert pool.grow(2) == 2
        page = pool.get()
        page.fill(GARBAGE)
        pool.put(page)
    finally:
        try:
            pool.shrink(2)
        except ClearfwError:
            pool.shrink(2)
            raise


def measures(machine: Machine) -> None:
    """An arena with threads, and its latencies."""
    with Arena(machine, 4 << 20) as arena:
        for threads in (1, 3):
            assert arena.run(0, 0, "GFP_KERNEL|__GFP_ZERO", threads=threads)[3] is None
        arena.run(0, 3, threads=2, hot=True)
        arena.latencies(0, 2, "GFP_KERNEL", np.empty(256, dtype=np.uint32))


def fragments(machine: Machine) -> None:
    """An arena that leaves every other page."""
    with Arena(machine, 4 << 20) as arena:
        arena.dirty(0)
        arena.fragment(1)


def churns(machine: Machine) -> None:
    """The loops that benchmarks time."""
    ops, slots = churn_ops(machine.nr_pages // 4, 500, 1)
    _core.time_pairs(machine, 3, 1, "GFP_KERNEL|__GFP_ZERO")
    _core.time_churn(machine, ops, slots, "GFP_HIGHUSER|__GFP_ZERO")
    _core.time_churn(machine, ops[:100], slots, "GFP_HIGHUSER|__GFP_ZERO", by_order=True)
    _core.time_dispatch(machine, 1)


def drains(machine: Machine) -> None:
    """The lists of this thread and of another go back."""
    machine.alloc_pages(0).free()
    in_a_new_thread(lambda machine: machine.alloc_pages(0).free(), machine)
    machine.drain()


def populates(machine: Machine) -> None:
    """All memory is faulted in."""
    machine.populate()


WALKS: list[tuple[str, Scenario]] = [
    (STRICT, allocates),
    (f"{STRICT} init_on_alloc=1", allocates),
    (f"{STRICT} init_on_free=1", allocates),
    (f"{STRICT} page_poison=1 init_on_alloc=1", allocates),
    (f"{STRICT} init_on_alloc=1", allocates_lists),
    (f"{STRICT} init_on_free=1", allocates_lists),
    (STRICT, allocates_gigantic),
    (f"{STRICT} init_on_alloc=1", maps_pages),
    ("memory=32M", vmallocs),
    ("memory=32M kasan=generic init_on_alloc=1", vmallocs),
    ("memory=32M kasan=hw_tags kasan.vmalloc=off init_on_alloc=1", vmallocs),
    ("memory=32M page_size=64K init_on_free=1", vmallocs),
    ("memory=16M init_on_alloc=1 vmalloc_init=always", vmallocs_fragments),
    (f"{STRICT} init_on_alloc=1", pools),
    ("memory=32M", measures),
    ("memory=32M init_on_free=1", measures),
    ("memory=32M init_on_free=1", fragments),
    ("memory=32M", churns),
    ("memory=32M highmem=16M kmap=priced init_on_free=1", churns),
    (STRICT, drains),
    ("memory=16M highmem=8M backing=base", populates),
]


@pytest.fixture(autouse=True)
def injection_is_off() -> Iterator[None]:
    """No refusal is left for another test."""
    yield
    _core.fail_after(0)


@pytest.mark.parametrize(
    ("cmdline", "scenario"), WALKS, ids=[f"{scenario.__name__}-{cmdline}" for cmdline, scenario in WALKS]
)
@pytest.mark.parametrize("where", ["here", "in a new thread"])
def test_any_request_may_be_refused(cmdline: str, scenario: Scenario, where: str) -> None:
    """Each refusal is one line; the machine stays valid, with as many free pages as before."""

    def there(machine: Machine) -> None:
        in_a_new_thread(scenario, machine)

    used = scenario if where == "here" else there
    with Machine.boot(cmdline) as machine:
        used(machine)
    with nothing_left():
        assert walk(cmdline, used) > 0


BOOTS = [
    "memory=16M backing=base",
    "memory=16M backing=thp highmem=8M kmap=strict init_on_alloc=1",
    "memory=16M backing=auto init_on_free=1",
    "memory=16M backing=thp kasan=generic page_poison=1",
    "memory=16M backing=base kasan=sw_tags highmem=8M",
    "memory=16M backing=base kasan=hw_tags record_events=1",
    "memory=16M backing=base page_size=64K highmem=8M kmap=strict",
    "memory=16M window=1 backing=base",
    "memory=16M hole=4G backing=base",
]
# Advice, and for backing=auto everything about hugetlb, has another way.
TOLERATED = {"base": 1, "thp": 1, "auto": 4}


def boots(cmdline: str) -> None:
    """A machine that is booted, used and closed."""
    with Machine.boot(cmdline) as machine:
        pages = machine.alloc_pages(0, "GFP_HIGHUSER|__GFP_ZERO")
        assert pages.first_not(0) is None


@pytest.mark.parametrize("cmdline", BOOTS)
def test_any_request_of_a_boot_may_be_refused(cmdline: str) -> None:
    """Each refusal is one line; afterwards nothing is mapped and no file is open."""
    boots(cmdline)
    passed = 0
    for n in itertools.count(1):
        with nothing_left():
            with failing(n) as outcome:
                boots(cmdline)
            fired, told = outcome
        passed += fired and not told
        if not fired:
            assert not told
            break
    boots(cmdline)

    backing = next(word.partition("=")[2] for word in cmdline.split() if word.startswith("backing="))
    assert passed <= TOLERATED[backing]
    assert n > 8


CHANGES: dict[str, Callable[[Machine, Noting], None]] = {
    "set_stack": lambda machine, _: machine.set_stack("per_page"),
    "register": lambda machine, noting: machine.register(noting),
    "unregister": lambda machine, _: machine.unregister("per_page"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stack_that_cannot_be_bound_leaves_the_old_one(change: str, noting: Noting) -> None:
    """All of the old stack or all of the new one, at every init point."""
    for n in itertools.count(1):
        with Machine.boot(f"{STRICT} init_on_alloc=1", stack="per_page+batched+highmem_fallback") as machine:
            before = machine.strategies
            with failing(n) as outcome:
                CHANGES[change](machine, noting)
            fired, told = outcome
            assert fired == told
            if not fired:
                break
            assert machine.strategies == before
            noting.asked.clear()
            check_clean(machine)
            assert not noting.asked
            CHANGES[change](machine, noting)
            assert machine.strategies != before
            check_clean(machine)
    assert n == 4


def test_a_thread_without_memory_for_its_lists_is_told_so() -> None:
    """It is the host that had none, not the machine; and the next call finds some."""
    with Machine.boot(STRICT) as machine:
        with (
            failing(1),
            pytest.raises(MemoryLimitError, match="no memory for this thread's page lists") as caught,
        ):
            in_a_new_thread(lambda machine: machine.alloc_pages(0).free(), machine)
        in_a_new_thread(lambda machine: machine.alloc_pages(0).free(), machine)
    assert isinstance(caught.value, MemoryError)


def test_a_thread_that_cannot_be_started_calls_the_others_off() -> None:
    """They do not wait for ever, and the chunk can be measured again."""
    with Machine.boot("memory=16M") as machine, Arena(machine, 4 << 20) as arena:
        with failing(2), pytest.raises(SystemCallError, match=r"starting thread 2.*temporarily unavailable"):
            arena.run(0, 0, threads=4)
        assert arena.run(0, 0, "GFP_KERNEL|__GFP_ZERO", threads=4)[3] is None


def test_an_area_that_cannot_be_unmapped_is_still_there() -> None:
    """Its bytes are as they were, and it can be freed later."""
    with Machine.boot("memory=16M") as machine:
        area = machine.vmalloc(10_000)
        memoryview(area)[0] = 7
        with failing(1), pytest.raises(MapCountError, match=r"1 mappings are needed \(vfree\)"):
            area.free()
        assert not area.is_freed
        assert memoryview(area)[0] == 7
        assert machine.what_is_wrong() is None
        area.free()
        assert machine.nr_free == machine.nr_pages


def test_measured_memory_goes_back_clean() -> None:
    """What an arena dirtied is handed out zero where init_on_free promised that of all free memory."""
    with Machine.boot("memory=16M init_on_free=1") as machine:
        with Arena(machine, 4 << 20) as arena:
            arena.dirty(0)
        with machine.alloc_pages(10) as pages:
            assert pages.first_not(0) is None


def test_a_churn_that_fails_gives_back_what_it_had() -> None:
    """Only the machine can free the blocks that a failed run allocated."""
    ops = np.array([slot << 8 for slot in range(100)], dtype=np.uint32)
    with Machine.boot("memory=16M") as machine:
        _core.time_churn(machine, ops, 100)
        assert machine.nr_free == machine.nr_pages


def test_allocating_asks_the_host_for_nothing() -> None:
    """On a thread that has its lists an allocation is served without a call."""
    with Machine.boot("memory=16M init_on_alloc=1") as machine:
        machine.alloc_pages(0).free()
        before = _core.injected_calls()
        for order in range(11):
            machine.alloc_pages(order).free()
        machine.free_pages_bulk(machine.alloc_pages_bulk(100))
        machine.drain()
        assert _core.injected_calls() == before
