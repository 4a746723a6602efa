"""The kernel's vocabulary in Python: the names of strategy.h, and what each does and refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from clearfw import kernel
from clearfw.errors import FaultError, KmapError, StrategyError
from clearfw.markers import hookimpl
from clearfw.toolchain.compiler import INCLUDE_DIR

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw._core import PageRange, VmallocRange
    from clearfw.machine import Machine

    Boot = Callable[..., Machine]

ZERO = "GFP_KERNEL|__GFP_ZERO"
HIGH = "GFP_HIGHUSER|__GFP_ZERO"
DIRT = 0x5A


class Does:
    """A strategy that does DO, and claims."""

    def __init__(self, do: Callable[[PageRange], object]) -> None:
        self.do = do

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Do it."""
        self.do(pages)
        return True


def test_the_vocabulary_is_that_of_strategy_h() -> None:
    """Every name here is one there, so that a prototype is easily written in C later."""
    header = "".join(path.read_text() for path in INCLUDE_DIR.glob("clearfw/*.h"))

    for name in kernel.__all__:
        assert re.search(rf"\b{name}\(", header), name
        assert callable(getattr(kernel, name))


OUTSIDE: dict[str, Callable[[], object]] = {
    "clear_pages": lambda: kernel.clear_pages(4096, 1),
    "clear_page": lambda: kernel.clear_page(4096),
    "memset": lambda: kernel.memset(4096, 0, 1),
    "kunmap_local": lambda: kernel.kunmap_local(4096),
    "vmalloc_to_page": lambda: kernel.vmalloc_to_page(4096),
    "kasan_disable_current": kernel.kasan_disable_current,
    "kasan_enable_current": kernel.kasan_enable_current,
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_an_init_point_there_is_no_machine(boot: Boot, name: str) -> None:
    """So there is nothing the words could mean, before any init point or after one."""
    with pytest.raises(StrategyError, match="for use inside an init point"):
        OUTSIDE[name]()
    machine = boot("", [Does(id)])
    machine.alloc_pages(gfp=ZERO)
    with pytest.raises(StrategyError, match="for use inside an init point"):
        OUTSIDE[name]()


def test_pages_are_described(boot: Boot) -> None:
    """pfn, zone, address and size, of the block and of each of its pages in turn."""
    seen: list[object] = []

    def look(pages: PageRange) -> None:
        seen.append((len(pages), pages.npages, pages.nbytes, kernel.PageHighMem(pages), pages.zone))
        seen.append([kernel.page_to_pfn(page) - pages.pfn for page in pages])
        seen.append([kernel.page_address(page) for page in pages])

    machine = boot("highmem=8M", [Does(look)])
    low, high = machine.alloc_pages(2, ZERO), machine.alloc_pages(2, HIGH)

    assert low.address is not None
    assert seen == [
        (4, 4, 16384, False, "NORMAL"),
        [0, 1, 2, 3],
        [low.address + i * 4096 for i in range(4)],
        (4, 4, 16384, True, "HIGHMEM"),
        [0, 1, 2, 3],
        [None] * 4,
    ]
    assert high.highmem


@pytest.mark.parametrize("page_size", ["4K", "64K"])
def test_clear_pages_clears_so_many_whole_pages(boot: Boot, page_size: str) -> None:
    """The call clears pages of the machine's size and counts as one call, as does clear_page()."""
    machine = boot(f"page_size={page_size}", "per_page")
    nbytes = machine.config.page_size
    dirty = machine.alloc_pages(3)
    dirty.fill(DIRT)
    dirty.free()

    def clear(pages: PageRange) -> None:
        assert pages.address is not None
        kernel.clear_pages(pages.address, 3)
        kernel.clear_page(pages.address + 5 * nbytes)

    machine.set_stack([Does(clear)])
    content = machine.alloc_pages(3, ZERO).read()

    cleared = [not any(content[i * nbytes : (i + 1) * nbytes]) for i in range(8)]
    assert cleared == [True, True, True, False, False, True, False, False]
    assert (machine.counters.clear_calls, machine.counters.cleared_pages) == (2, 4)


@pytest.mark.parametrize("clear", [kernel.clear_highpage, kernel.clear_highpage_kasan_tagged])
@pytest.mark.parametrize("config", ["", "highmem=8M", "highmem=8M kmap=priced"])
def test_clear_highpage_clears_in_any_zone(
    boot: Boot, config: str, clear: Callable[[PageRange], None]
) -> None:
    """Mapped, cleared, and unmapped again."""
    machine = boot(config, [Does(lambda pages: list(map(clear, pages)))])
    for gfp in (ZERO, HIGH):
        dirty = machine.alloc_pages(5, gfp.replace("|__GFP_ZERO", ""))
        dirty.fill(DIRT)
        dirty.free()
        assert machine.alloc_pages(5, gfp).first_not(0) is None


FAULTS: dict[str, Callable[[PageRange], object]] = {
    "null": lambda _: kernel.clear_page(0),
    "past the end of lowmem": lambda pages: kernel.clear_pages(pages.address or 0, 1 << 20),
    "before its beginning": lambda pages: kernel.clear_page((pages.address or 0) - (64 << 20)),
    "wrapping around": lambda _: kernel.clear_pages(2**64 - 4096, 2),
    "tagged": lambda pages: kernel.clear_page((pages.address or 0) | 1 << 56),
    "memset": lambda _: kernel.memset(4096, 0, 1),
    "memset past the end": lambda pages: kernel.memset(pages.address or 0, 0, 1 << 40),
    "no vmalloc address": lambda pages: kernel.vmalloc_to_page(pages.address or 0),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_would_crash_a_kernel_is_an_error(boot: Boot, what: str) -> None:
    """FaultError, with nothing written, and the block goes back."""
    machine = boot("highmem=8M", [Does(FAULTS[what])])

    with pytest.raises(FaultError, match=r"not mapped|no vmalloc page"):
        machine.alloc_pages(gfp=ZERO)

    assert machine.nr_free == machine.nr_pages
    assert machine.counters.clear_calls == 0


def test_a_highmem_page_has_no_address_until_it_is_mapped(boot: Boot) -> None:
    """page_address() is None, and kmap_local_page() lends one."""
    answers: list[object] = []

    def clear(pages: PageRange) -> None:
        answers.append(kernel.page_address(pages))
        address = kernel.kmap_local_page(pages)
        answers.append(kernel.memset(address, DIRT, 4096))
        kernel.kunmap_local(address)

    pages = boot("highmem=8M", [Does(clear)]).alloc_pages(gfp=HIGH)

    assert answers == [None, True]
    assert pages.first_not(DIRT) is None


def test_what_is_not_mapped_cannot_be_unmapped(boot: Boot) -> None:
    """kunmap_local() of a plain number is one that is not the newest mapping."""
    machine = boot("highmem=8M", [Does(lambda _: kernel.kunmap_local(4096))])

    with pytest.raises(KmapError, match="mapping that is not the newest"):
        machine.alloc_pages(gfp=HIGH)


def test_another_machines_page_is_not_mapped(boot: Boot) -> None:
    """It is memory of another file."""
    kept: list[PageRange] = []
    other = boot("highmem=8M", [Does(kept.append)])
    other.alloc_pages(gfp=HIGH)

    machine = boot("highmem=8M", [Does(lambda _: kernel.kmap_local_page(kept[0]))])
    with pytest.raises(StrategyError, match="is another machine's"):
        machine.alloc_pages(gfp=HIGH)


@pytest.mark.parametrize("tag", [0, 0x12, 0xFF])
def test_kasan_reset_tag_takes_off_the_top_byte(tag: int) -> None:
    """And nothing else."""
    assert kernel.kasan_reset_tag(0x7F12_3456_7890 | tag << 56) == 0x7F12_3456_7890


def test_memset_writes_any_byte_anywhere(boot: Boot) -> None:
    """Not only zeroes, and not only whole pages; it counts as a memset and as no clear."""
    machine = boot("", [Does(lambda pages: kernel.memset((pages.address or 0) + 10, 0x101, 20))])

    content = machine.alloc_pages(gfp=ZERO).read()

    assert content == bytes(10) + b"\1" * 20 + bytes(4066)
    assert (machine.counters.memsets, machine.counters.clear_calls) == (1, 0)


def test_an_area_is_described(boot: Boot) -> None:
    """The address, the requested bytes, and the number of pages."""
    seen: list[object] = []

    class Area:
        @hookimpl
        def clearfw_init_on_vmalloc(self, area: VmallocRange) -> bool:
            seen.append((area.address, area.nbytes, area.npages))
            seen.append(repr(area))
            return True

    area = boot("vmalloc_init=always init_on_alloc=1", [Area()]).vmalloc(4097)

    assert seen == [(area.address, 4097, 2), f"<VmallocRange address {area.address:#x} nbytes 4097>"]


def test_a_block_is_shown(boot: Boot) -> None:
    """By pfn and size."""
    shown: list[str] = []
    pages = boot("", [Does(lambda pages: shown.append(repr(pages)))]).alloc_pages(3, ZERO)

    assert shown == [f"<PageRange pfn {pages.pfn:#x} npages 8>"]
    assert repr(pages) == f"<Pages pfn {pages.pfn:#x} order 3 NORMAL>"
