"""The machine: boot and close, configuration and counters, its stack of strategies, and its threads."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from clearfw._core import Arena, HugetlbPool
from clearfw.config import Config
from clearfw.errors import (
    BackingError,
    ConfigError,
    MachineClosedError,
    MemoryLimitError,
    PagesInUseError,
    UnclaimedError,
    UnknownPrimitiveError,
)
from clearfw.machine import Machine
from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Noting

    from clearfw._core import PageRange
    from clearfw.strategies import NativeStrategy

    Boot = Callable[..., Machine]
    CStrategy = Callable[..., NativeStrategy]

ZERO = "GFP_KERNEL|__GFP_ZERO"
DIRT = 0x5A


# Boot and close


def test_a_command_line_and_a_config_boot_the_same_machine() -> None:
    """Both give the same configuration, and so the same memory."""
    config = Config(memory=32 << 20, init_on_alloc=True, page_size=16384)

    with Machine.boot(config) as one, Machine.boot(str(config)) as other:
        assert one.config == other.config
        assert (one.nr_pages, one.nr_free) == (other.nr_pages, other.nr_free) == (2048, 2048)


@pytest.mark.parametrize("page_size", ["4K", "16K", "64K"])
@pytest.mark.parametrize("highmem", ["0", "4M", "12M"])
def test_all_memory_begins_free(boot: Boot, page_size: str, highmem: str) -> None:
    """Whatever the zones and the page size, and every byte of it is zero."""
    machine = boot(f"page_size={page_size} highmem={highmem}")

    pages = machine.alloc_pages_bulk(machine.nr_free, "GFP_HIGHUSER")

    assert len(pages) == machine.nr_pages == (16 << 20) // machine.config.page_size
    assert {page.first_not(0) for page in pages} == {None}
    zones = [page.zone for page in pages]
    assert zones.count("HIGHMEM") == machine.config.highmem // machine.config.page_size


def test_memory_that_is_no_power_of_two_is_all_there(boot: Boot) -> None:
    """The buddy begins with the largest blocks that fit, and can give out every page."""
    machine = boot("memory=5000K")

    assert len(machine.alloc_pages_bulk(1250)) == machine.nr_pages


def test_a_closed_machine_can_do_nothing_but_be_closed(boot: Boot) -> None:
    """Everything that needs its memory says that the machine was closed."""
    machine = boot("highmem=8M")
    pages, area, pool = machine.alloc_pages(), machine.vmalloc(1), HugetlbPool(machine, 2)
    machine.close()
    machine.close()

    uses: list[Callable[[], object]] = [
        machine.alloc_pages,
        lambda: machine.alloc_pages_bulk(1),
        lambda: machine.alloc_contig(11),
        lambda: machine.vmalloc(1),
        lambda: machine.free_pages_bulk([pages]),
        lambda: machine.set_stack("per_page"),
        lambda: machine.unregister("batched"),
        lambda: machine.set_primitives(["memset"]),
        lambda: Arena(machine, 4 << 20),
        lambda: HugetlbPool(machine, 2),
        lambda: memoryview(pages),
        lambda: memoryview(area),
        pages.kmap_local,
        lambda: pages.address,
        lambda: pages.zone,
        lambda: area.nbytes,
        lambda: area.pfns,
        lambda: machine.counters,
        lambda: machine.nr_free,
        machine.what_is_wrong,
        machine.drain,
        machine.populate,
        machine.take_events,
        machine.reset_counters,
        pages.free,
        pages.read,
        area.free,
        area.reinit,
        pool.get,
        lambda: pool.grow(1),
    ]
    for use in uses:
        with pytest.raises(MachineClosedError, match="closed: boot another"):
            use()
    assert machine.closed


def test_what_is_left_of_a_closed_machine_can_be_shown(boot: Boot, noting: Noting) -> None:
    """Blocks, and ranges that a strategy kept, know their pfn, and nothing that is gone."""
    kept: list[PageRange] = []

    class Keeps:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
            kept.append(pages)
            return noting.clearfw_init_on_alloc(pages)

    machine = boot("init_on_alloc=1", [Keeps()])
    pages = machine.alloc_pages(2)
    machine.close()

    assert repr(pages) == f"<Pages pfn {pages.pfn:#x} order 2 gone>"
    assert repr(kept) == f"[<PageRange pfn {pages.pfn:#x} npages 4>]"
    with pytest.raises(MachineClosedError):
        kept[0].highmem  # noqa: B018  (a property that looks at the page)
    assert repr(machine).endswith("closed>")


def test_a_machine_cannot_be_closed_under_a_view(boot: Boot) -> None:
    """Views of pages, areas and kmaps keep it; released, it closes."""
    machine = boot("highmem=8M")
    area, high = machine.vmalloc(1), machine.alloc_pages(gfp="GFP_HIGHUSER")
    kmap = high.kmap_local()
    views = [memoryview(machine.alloc_pages()), memoryview(area), memoryview(kmap)]

    for nr in (3, 2, 1):
        with pytest.raises(PagesInUseError, match=f"{nr} views of the machine's memory"):
            machine.close()
        views.pop().release()

    machine.close()
    assert machine.closed


def test_a_context_manager_closes_also_after_an_error() -> None:
    """The error comes through."""
    with pytest.raises(UnclaimedError), Machine.boot("memory=16M init_on_alloc=1", stack=[]) as machine:
        machine.alloc_pages()

    assert machine.closed


USE_AND_CLOSE = """
import gc, os, threading
from clearfw.machine import Machine

def use():
    with Machine.boot("memory=16M highmem=8M kasan=generic init_on_alloc=1") as machine:
        worker = threading.Thread(target=lambda: machine.alloc_pages(gfp="GFP_HIGHUSER"))
        worker.start()
        worker.join()
        machine.alloc_pages(gfp="GFP_HIGHUSER").kmap_local()
        machine.vmalloc(100 << 12).free()
        machine.vmalloc(100 << 12)
        machine.populate()

def mappings():
    gc.collect()
    lines = open("/proc/self/maps").read().splitlines()
    spans = [[int(end, 16) for end in line.split()[0].split("-")] for line in lines]
    return len(lines), sum(end - start for start, end in spans), len(os.listdir("/proc/self/fd"))

for _ in range(5):
    use()
before = mappings()
for _ in range(20):
    use()
after = mappings()
print(*(now - then for then, now in zip(before, after)))
"""


def test_closing_releases_every_mapping() -> None:
    """After twenty machines, with every kind of mapping a machine makes, the process is what it was."""
    done = subprocess.run([sys.executable, "-c", USE_AND_CLOSE], capture_output=True, text=True, check=True)

    mappings, nbytes, files = map(int, done.stdout.split())
    # The interpreter's own heap may grow a little; the least a machine maps is 64 KiB a thing.
    assert mappings <= 4
    assert nbytes < 20 * (64 << 10)
    assert files == 0


def test_a_machine_nobody_refers_to_is_released() -> None:
    """Without close() too; but not while a block of it is alive."""
    machine = Machine.boot("memory=16M")
    pages = machine.alloc_pages()
    mapped = "memfd:clearfw-ram"
    count = Path("/proc/self/maps").read_text().count(mapped)
    del machine
    gc.collect()
    assert Path("/proc/self/maps").read_text().count(mapped) == count

    del pages
    gc.collect()
    assert Path("/proc/self/maps").read_text().count(mapped) < count


# Limits


def test_more_memory_than_the_host_has_is_refused() -> None:
    """Before anything is touched, with what there is and what to do."""
    with pytest.raises(
        MemoryLimitError, match=r"memory=10T is too much, the host has \d+M available: boot with less"
    ):
        Machine.boot("memory=10T")


LIMITED = """
import resource, sys
from clearfw.errors import MemoryLimitError
from clearfw.machine import Machine
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    Machine.boot("memory=1G")
except MemoryLimitError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("room", "message"),
    [
        (64 << 20, "memory=1G is too much, RLIMIT_AS is .*raise it .*boot with less"),
        # Enough for the memory, and not for what the machine has beside it.
        ((1 << 30) + (64 << 20), "the host does not have enough memory.*boot with less"),
    ],
)
def test_an_address_space_limit_is_named(room: int, message: str) -> None:
    """RLIMIT_AS is below the requested memory, or runs out half-way."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(room)], capture_output=True, text=True, check=True
    )

    assert re.match(message, done.stdout)


def test_hugetlb_backing_serves_no_highmem() -> None:
    """Its 2 MiB pages cannot be mapped one small page at a time."""
    with pytest.raises(BackingError, match=r"takes whole 2 MiB pages and no HIGHMEM.*backing=auto"):
        Machine.boot("memory=16M highmem=8M backing=hugetlb")


@pytest.mark.parametrize("backing", ["thp", "base", "auto"])
def test_the_backing_obtained_is_told(boot: Boot, backing: str) -> None:
    """The backing is the requested one, or for auto the first that works; base pages are not huge."""
    machine = boot(f"backing={backing}")
    machine.populate()

    assert machine.backing in ({backing} if backing != "auto" else {"hugetlb", "thp"})
    if backing == "base":
        assert machine.huge_bytes == 0


# Counters


def test_counters_count_and_are_reset(boot: Boot) -> None:
    """Blocks and pages of what happened since boot, or since the reset."""
    machine = boot("init_on_alloc=1", "per_page")
    assert set(attrs.astuple(machine.counters)) == {0}
    machine.alloc_pages(3).free()
    machine.alloc_pages(1)

    counters = machine.counters
    assert (counters.allocs, counters.frees) == (2, 1)
    assert (counters.inits, counters.pages) == (2, 10)
    assert (counters.clear_calls, counters.cleared_pages, counters.longest_clear) == (10, 10, 1)

    machine.reset_counters()
    assert set(attrs.astuple(machine.counters)) == {0}


def test_fences_are_counted_where_a_primitive_needs_them(boot: Boot) -> None:
    """One for each clear of `per_page`, one for a whole batch of `batched`, none with ordinary stores."""
    for stack, primitive, expected in (
        ("per_page", "movnti", 8),
        ("batched", "movnti", 1),
        ("batched", "memset", 0),
    ):
        machine = boot("init_on_alloc=1", stack)
        try:
            machine.set_primitives([primitive])
        except UnknownPrimitiveError:
            pytest.skip("no non-temporal store on this architecture")
        machine.alloc_pages_bulk(8)
        assert machine.counters.fences == expected


def test_a_strategy_that_may_sleep_or_warns_is_counted(boot: Boot, c_strategy: CStrategy) -> None:
    """might_sleep() and cond_resched() do not belong into an init point, which may be atomic."""
    drowsy = """
static void f(struct page *page, int numpages)
{
	might_sleep();
	cond_resched();
	WARN_ON(numpages == 4);
	WARN_ON_ONCE(numpages > 0);
	clear_pages(page_address(page), numpages);
}"""
    machine = boot("init_on_alloc=1", [c_strategy("drowsy", drowsy, ".kernel_init_pages = f")])
    machine.alloc_pages(2)
    machine.alloc_pages(0)

    assert (machine.counters.sleeps, machine.counters.warnings) == (4, 2)


def test_primitives_are_chosen_by_size(boot: Boot) -> None:
    """The nth for clears of 2^n pages, the last for all larger; an unknown one changes nothing."""
    machine = boot("primitive=memset")
    assert set(machine.primitives) == {"memset"}

    machine.set_primitives(["generic", "memset", "generic"])

    assert machine.primitives == ["generic", "memset", *["generic"] * 18]
    with pytest.raises(UnknownPrimitiveError, match=r"unknown primitive 'memsit' \(did you mean 'memset'"):
        machine.set_primitives(["memsit"])
    with pytest.raises(ConfigError, match="name at least one"):
        machine.set_primitives([])
    assert machine.primitives == ["generic", "memset", *["generic"] * 18]
