"""When an init point fails: the error, and what goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw import kernel
from clearfw.errors import InitContextError, OrderError, UnclaimedError
from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Noting

    from clearfw._core import PageRange, Pages
    from clearfw.machine import Machine

    Boot = Callable[..., Machine]

ZERO = "GFP_KERNEL|__GFP_ZERO"
DIRT = 0x5A


def test_unclaimed_pages_reach_nobody(boot: Boot) -> None:
    """The error names pages, zone and stack; the block goes back; the next to get it gets it cleared."""
    machine = boot("init_on_alloc=1", "highmem_fallback")  # which passes on without HIGHMEM
    free = machine.nr_free

    with pytest.raises(UnclaimedError, match=r"'highmem_fallback' claimed 4 pages.*zone NORMAL") as caught:
        machine.alloc_pages(2)

    error = caught.value
    assert (error.npages, error.zone, error.stack) == (4, "NORMAL", "highmem_fallback")
    assert (machine.nr_free, machine.counters.allocs) == (free, 0)
    machine.set_stack("per_page")
    assert machine.alloc_pages(2).pfn == error.pfn


@pytest.mark.parametrize("nr", [1, 9])
def test_unclaimed_bulk_pages_all_go_back(boot: Boot, nr: int) -> None:
    """The batch fails as one."""
    machine = boot("init_on_alloc=1 highmem=8M", "batched")  # which passes on with HIGHMEM
    free = machine.nr_free

    with pytest.raises(UnclaimedError, match=r"'batched' claimed 1 pages.*zone HIGHMEM"):
        machine.alloc_pages_bulk(nr, "GFP_HIGHUSER")

    assert (machine.nr_free, machine.counters.allocs) == (free, 0)


def is_addressable(machine: Machine, block: Pages) -> bool:
    """Return whether KASAN lets a memset() write to BLOCK, asked while another is freed."""
    answers: list[bool] = []

    class Writes:
        @hookimpl
        def clearfw_init_on_free(self, pages: PageRange) -> bool:
            answers.append(kernel.memset(block.address or 0, DIRT, block.nbytes))
            kernel.clear_highpage_kasan_tagged(pages)
            return True

    machine.set_stack([Writes()])
    machine.alloc_pages().free()
    return answers == [True]


@pytest.mark.parametrize("kasan", ["off", "generic", "sw_tags"])
def test_an_unclaimed_free_changes_nothing(boot: Boot, kasan: str) -> None:
    """The caller still owns the block, dirty and addressable, and may free it once somebody claims."""
    machine = boot(f"init_on_free=1 kasan={kasan}", [])
    free = machine.nr_free
    pages = machine.alloc_pages(3)
    more = machine.alloc_pages_bulk(3)
    pages.fill(DIRT)

    with pytest.raises(UnclaimedError, match=r"'' claimed 8 pages"):
        pages.free()
    with pytest.raises(UnclaimedError, match=r"'' claimed 1 pages"):
        machine.free_pages_bulk(more)

    assert not pages.is_freed
    assert not any(page.is_freed for page in more)
    assert pages.first_not(DIRT) is None
    assert is_addressable(machine, pages)
    machine.set_stack("s390_memset")
    pages.free()
    machine.free_pages_bulk(more)
    assert machine.nr_free == free
    assert machine.alloc_pages(3).first_not(0) is None


class Raising:
    """A strategy that raises ERROR."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Raise."""
        raise self.error

    @hookimpl
    def clearfw_init_on_free(self, pages: PageRange) -> bool:
        """Raise."""
        raise self.error


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), KeyboardInterrupt()], ids=repr)
def test_what_a_python_strategy_raises_comes_through(boot: Boot, error: BaseException) -> None:
    """The very exception, at the allocation or free that asked; the block is where it was before."""
    machine = boot("init_on_alloc=1", [Raising(error)])
    free = machine.nr_free
    for order in (0, 6):
        with pytest.raises(type(error)) as caught:
            machine.alloc_pages(order)
        assert caught.value is error
    with pytest.raises(type(error)):
        machine.alloc_pages_bulk(3)
    assert machine.nr_free == free

    machine = boot("init_on_free=1", [Raising(error)])
    pages = machine.alloc_pages()
    with pytest.raises(type(error)) as caught:
        pages.free()
    assert caught.value is error
    assert not pages.is_freed


def test_an_old_exception_is_not_raised_again(boot: Boot) -> None:
    """Each failure is reported once, by the call it belongs to."""
    machine = boot("init_on_alloc=1", [Raising(ZeroDivisionError("mine"))])
    with pytest.raises(ZeroDivisionError):
        machine.alloc_pages()

    with pytest.raises(OrderError):
        machine.alloc_pages(11)


class Busy:
    """A strategy that does DO, which it must not, before it claims."""

    def __init__(self, do: Callable[[Machine], object]) -> None:
        self.do = do

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Misbehave."""
        machine = pages.machine
        self.do(machine)  # type: ignore[arg-type]  # a Machine, as every CoreMachine here is
        return True


FORBIDDEN: dict[str, Callable[[Machine], object]] = {
    "alloc": lambda machine: machine.alloc_pages(),
    "alloc bulk": lambda machine: machine.alloc_pages_bulk(2),
    "alloc contig": lambda machine: machine.alloc_contig(11),
    "vmalloc": lambda machine: machine.vmalloc(1),
    "close": lambda machine: machine.close(),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_is_allocated_inside_an_init_point(boot: Boot, what: str) -> None:
    """A strategy may only clear: anything else is an error there, and the machine goes on."""
    machine = boot("init_on_alloc=1", [Busy(FORBIDDEN[what])])
    free = machine.nr_free

    with pytest.raises(InitContextError, match="a strategy may only clear"):
        machine.alloc_pages()

    assert machine.nr_free == free
    machine.set_stack("per_page")
    machine.alloc_pages()


def test_nothing_is_freed_inside_an_init_point(boot: Boot) -> None:
    """Pages, lists of them and vmalloc areas stay what they were."""
    machine = boot("init_on_free=0", [])
    pages, area = machine.alloc_pages(), machine.vmalloc(1)
    frees: list[Callable[[Machine], object]] = [
        lambda _: pages.free(),
        lambda machine: machine.free_pages_bulk([pages]),
        lambda _: area.free(),
    ]
    for free in frees:
        machine.set_stack([Busy(free)])
        with pytest.raises(InitContextError, match="a strategy may only clear"):
            machine.alloc_pages(gfp=ZERO)

    assert (pages.is_freed, area.is_freed) == (False, False)
    pages.free()
    area.free()


def test_a_strategy_may_use_another_machine(boot: Boot, noting: Noting) -> None:
    """What it clears after that is its own machine's again, with that one's page size and counters."""
    other = boot("page_size=64K", "per_page")

    class Wanders:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
            other.alloc_pages(gfp=ZERO)
            return noting.clearfw_init_on_alloc(pages)

    machine = boot("init_on_alloc=1", [Wanders()])
    below, above = sorted(machine.alloc_pages_bulk(2), key=lambda page: page.pfn)
    assert above.pfn == below.pfn + 1
    above.fill(DIRT)
    below.free()
    machine.reset_counters()
    other.reset_counters()

    assert machine.alloc_pages().pfn == below.pfn
    assert above.first_not(DIRT) is None
    assert (machine.counters.cleared_pages, other.counters.cleared_pages) == (1, 1)
