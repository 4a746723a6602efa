"""The KASAN modes as a strategy meets them: shadow, tags, suppression, and what each lets through."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearfw import kernel
from clearfw.errors import FaultError, KasanError
from clearfw.machine import Machine
from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw._core import PageRange, VmallocRange
    from clearfw.strategies import NativeStrategy

    Boot = Callable[..., Machine]
    CStrategy = Callable[..., NativeStrategy]

DIRT = 0x5A
TAG_KERNEL = 0xFF
TAG_INVALID = 0xFE


class Does:
    """A strategy that does DO with the pages, at alloc and free, and with the area; always claims."""

    def __init__(
        self, do: Callable[[PageRange], object], area: Callable[[VmallocRange], object] = id
    ) -> None:
        self.do, self.area = do, area

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Do it."""
        self.do(pages)
        return True

    @hookimpl
    def clearfw_init_on_free(self, pages: PageRange) -> bool:
        """Do it."""
        self.do(pages)
        return True

    @hookimpl
    def clearfw_init_on_vmalloc(self, area: VmallocRange) -> bool:
        """Do it."""
        self.area(area)
        return True


def address_of(pages: PageRange) -> int:
    """Return page_address(), which a lowmem page has."""
    address = kernel.page_address(pages)
    assert address is not None
    return address


# Tags


@pytest.mark.parametrize("kasan", ["off", "generic"])
def test_without_tag_modes_addresses_have_no_tag(boot: Boot, kasan: str) -> None:
    """page_kasan_tag() is match-all, and the address the plain one."""
    pages = boot(f"kasan={kasan}").alloc_pages()

    assert pages.kasan_tag == TAG_KERNEL
    assert pages.address is not None
    assert pages.address >> 56 == 0


@pytest.mark.parametrize("kasan", ["sw_tags", "hw_tags"])
def test_each_allocation_gets_a_tag_of_its_own(boot: Boot, kasan: str) -> None:
    """At random, never match-all or invalid, one for the whole block, and in the top byte of its address."""
    machine = boot(f"kasan={kasan}")
    blocks = [machine.alloc_pages(order % 4) for order in range(300)]
    tags = Counter(block.kasan_tag for block in blocks)

    assert not tags.keys() & {TAG_KERNEL, TAG_INVALID}
    assert len(tags) > 100
    assert {block.address is not None and block.address >> 56 ^ block.kasan_tag for block in blocks} == {0xFF}


def test_tags_come_from_the_seed(boot: Boot) -> None:
    """The same seed, the same tags; another, others."""

    def tags(seed: int) -> list[int]:
        machine = boot(f"kasan=sw_tags seed={seed}")
        return [machine.alloc_pages().kasan_tag for _ in range(50)]

    assert tags(1) == tags(1) != tags(2)


def test_skipped_and_highmem_pages_keep_the_match_all_tag(boot: Boot) -> None:
    """__GFP_SKIP_KASAN under hw_tags, which alone knows it; HIGHMEM in any mode."""
    assert boot("kasan=hw_tags").alloc_pages(gfp="GFP_KERNEL|__GFP_SKIP_KASAN").kasan_tag == TAG_KERNEL
    assert boot("kasan=sw_tags").alloc_pages(gfp="GFP_KERNEL|__GFP_SKIP_KASAN").kasan_tag != TAG_KERNEL
    for kasan in ("sw_tags", "hw_tags"):
        high = boot(f"kasan={kasan} highmem=8M").alloc_pages(gfp="GFP_HIGHUSER")
        assert (high.zone, high.kasan_tag) == ("HIGHMEM", TAG_KERNEL)


@given(sample=st.integers(1, 9), order=st.integers(0, 4), nr=st.integers(1, 40))
def test_sampling_tags_one_in_so_many(sample: int, order: int, nr: int) -> None:
    """kasan.page_alloc.sample, from sample.order on; what is dropped is cleared by a strategy."""
    cmdline = (
        "memory=16M init_on_alloc=1 kasan=hw_tags"
        f" kasan.page_alloc.sample={sample} kasan.page_alloc.sample.order=2"
    )
    with Machine.boot(cmdline, stack="per_page") as machine:
        tagged = [machine.alloc_pages(order).kasan_tag != TAG_KERNEL for _ in range(nr)]
        counters = machine.counters

    expected = nr if order < 2 else -(-nr // sample)
    assert sum(tagged) == expected
    assert tagged[0]
    assert counters.inits == nr - expected
    assert counters.integrated_pages == expected << order


# Under hw_tags a strategy is asked for what sampling drops, the second of every two; it has no tag by itself.
DROPS = "kasan.page_alloc.sample=2 kasan.page_alloc.sample.order=0"
SOME_TAG = 0x12 << 56


@pytest.mark.parametrize("kasan", ["sw_tags", "hw_tags"])
def test_a_tagged_address_faults(boot: Boot, kasan: str) -> None:
    """clear_page() takes no tag: left on, it is an address nobody mapped; kasan_reset_tag() takes it off."""
    machine = boot(f"kasan={kasan} init_on_alloc=1 {DROPS}", "per_page")
    machine.alloc_pages()
    machine.set_stack([Does(lambda pages: kernel.clear_page(address_of(pages) | SOME_TAG))])
    with pytest.raises(FaultError, match="a KASAN tag not reset") as caught:
        machine.alloc_pages()
    assert caught.value.address & SOME_TAG == SOME_TAG

    machine.set_stack(
        [Does(lambda pages: kernel.clear_page(kernel.kasan_reset_tag(address_of(pages) | SOME_TAG)))]
    )
    for _ in range(2):
        assert machine.alloc_pages().first_not(0) is None


# Reports


def dirty_then_freed(machine: Machine, order: int = 0) -> int:
    """Free a dirty block and return its pfn."""
    pages = machine.alloc_pages(order)
    pages.fill(DIRT)
    pages.free()
    return pages.pfn


@pytest.mark.parametrize("kasan", ["generic", "sw_tags"])
def test_suppression_nests(boot: Boot, kasan: str) -> None:
    """Reports are off until as many kasan_enable_current() as kasan_disable_current() were called."""
    answers: list[bool] = []

    def clear(pages: PageRange) -> None:
        def attempt() -> None:
            answers.append(kernel.memset(address_of(pages), 0, 4096))

        kernel.kasan_disable_current()
        kernel.kasan_disable_current()
        attempt()
        kernel.kasan_enable_current()
        attempt()
        kernel.kasan_enable_current()
        attempt()

    machine = boot(f"kasan={kasan} init_on_free=1", [Does(clear)])
    dirty_then_freed(machine)

    assert answers == [True, True, False]
    assert (machine.counters.kasan_reports, machine.counters.memsets) == (1, 3)


def test_hw_tags_cannot_be_suppressed(boot: Boot) -> None:
    """A pointer with the wrong tag is reported all the same: only resetting it helps."""
    answers: list[bool] = []

    def clear(pages: PageRange) -> None:
        kernel.kasan_disable_current()
        plain = kernel.kasan_reset_tag(address_of(pages))
        answers.extend(kernel.memset(address, 0, 4096) for address in (plain | 0x12 << 56, plain))
        kernel.kasan_enable_current()

    machine = boot(f"kasan=hw_tags init_on_alloc=1 {DROPS}", [Does(clear)])
    machine.alloc_pages()
    machine.alloc_pages()

    assert answers == [False, True]
    report = machine.kasan_report
    assert report is not None
    assert (report["pointer_tag"], report["memory_tag"]) == (0x12 ^ 0xFF, TAG_INVALID)


@pytest.mark.parametrize(("kasan", "value"), [("generic", 0xFF), ("sw_tags", TAG_INVALID)])
def test_a_report_says_what_was_written_where(boot: Boot, kasan: str, value: int) -> None:
    """The address as the strategy had it, its bytes, the first bad page, the tags; nothing before one."""
    machine = boot(
        f"kasan={kasan} init_on_free=1", [Does(lambda pages: kernel.memset(address_of(pages), 0, 4096))]
    )
    pages = machine.alloc_pages(2)
    address, tag = pages.address, pages.kasan_tag
    assert machine.kasan_report is None
    pages.free()

    assert machine.kasan_report == {
        "address": address,
        "nbytes": 4096,
        "pfn": pages.pfn,
        "pointer_tag": tag,
        "memory_tag": value,
    }


def test_a_partly_bad_memset_writes_nothing(boot: Boot) -> None:
    """The check is of the whole range, before the first byte: one granule too far, and all of it stays."""
    machine = boot("kasan=generic", [Does(lambda pages: kernel.memset(address_of(pages), 0, 4096 + 8))])
    below, above = sorted(machine.alloc_pages_bulk(2), key=lambda page: page.pfn)
    assert above.pfn == below.pfn + 1
    below.fill(DIRT)
    above.free()
    below.free()

    again = machine.alloc_pages(gfp="GFP_KERNEL|__GFP_ZERO")

    assert (again.pfn, again.first_not(DIRT)) == (below.pfn, None)
    report = machine.kasan_report
    assert report is not None
    assert report["pfn"] == above.pfn


@pytest.mark.parametrize("call", ["kasan_disable_current", "kasan_enable_current"])
def test_an_unbalanced_depth_is_an_error(boot: Boot, call: str) -> None:
    """The pages are not handed out, and the thread's depth is what it was before."""
    machine = boot("kasan=generic init_on_alloc=1", [Does(lambda _: getattr(kernel, call)())])

    with pytest.raises(KasanError, match="returned with another KASAN depth"):
        machine.alloc_pages()

    assert machine.what_is_wrong() is None
    assert machine.nr_free == machine.nr_pages


def test_an_unbalanced_depth_in_c_is_an_error(boot: Boot, c_strategy: CStrategy) -> None:
    """Where suppression does something; with hw_tags and without KASAN both calls are nothing."""
    source = """
static void f(struct page *page, int numpages)
{
	kasan_disable_current();
	clear_pages(kasan_reset_tag(page_address(page)), numpages);
}"""
    unbalanced = c_strategy("unbalanced", source, ".kernel_init_pages = f")
    for kasan in ("generic", "sw_tags"):
        with pytest.raises(KasanError, match="'unbalanced' returned"):
            boot(f"kasan={kasan} init_on_alloc=1", [unbalanced]).alloc_pages()
    for kasan in ("off", "hw_tags"):
        boot(f"kasan={kasan} init_on_alloc=1", [unbalanced]).alloc_pages(gfp="GFP_KERNEL|__GFP_SKIP_KASAN")


# vmalloc


def test_an_area_ends_where_it_was_asked_to(boot: Boot) -> None:
    """generic: memset() of the requested size is allowed to the byte; one byte more is reported."""
    answers: list[bool] = []

    def clear(area: VmallocRange) -> None:
        answers.extend(kernel.memset(area.address, 0, area.nbytes + more) for more in (0, 1))

    machine = boot("kasan=generic init_on_alloc=1 vmalloc_init=always", [Does(id, clear)])
    machine.vmalloc(5003)

    assert answers == [True, False]
    report = machine.kasan_report
    assert report is not None
    assert report["memory_tag"] == 5003 % 8


def test_an_areas_address_is_tagged_under_sw_tags(boot: Boot) -> None:
    """With its own tag memset() may write, with another it may not, and untagged it may (match-all)."""
    answers: list[bool] = []

    def clear(area: VmallocRange) -> None:
        plain = kernel.kasan_reset_tag(area.address)
        wrong = area.address ^ 1 << 56
        answers.extend(kernel.memset(address, 0, area.nbytes) for address in (area.address, wrong, plain))

    machine = boot("kasan=sw_tags init_on_alloc=1 vmalloc_init=always", [Does(id, clear)])
    area = machine.vmalloc(100)

    assert area.address >> 56
    assert answers == [True, False, True]
    area.free()


@pytest.mark.parametrize("kasan", ["generic", "sw_tags"])
def test_a_freed_area_is_poisoned(boot: Boot, c_strategy: CStrategy, kasan: str) -> None:
    """A memset() through its old address is reported before it could fault."""
    source = """
static void *first;
static int calls;
static void g(const void *start, unsigned long size)
{
	if (++calls == 1)
		first = (void *)start;
	if (calls == 3)
		WARN_ON(!memset(first, 0, 8));
}"""
    machine = boot(
        f"kasan={kasan} init_on_alloc=1 vmalloc_init=always",
        [c_strategy("stale", source, ".init_vmalloc_pages = g")],
    )
    first, _second = machine.vmalloc(4096), machine.vmalloc(4096)
    address = first.address
    first.free()

    machine.vmalloc(8192)  # which does not fit where the first was

    assert (machine.counters.warnings, machine.counters.kasan_reports) == (1, 1)
    report = machine.kasan_report
    assert report is not None
    assert (report["address"], report["memory_tag"]) == (address, {"generic": 0xF8, "sw_tags": 0xFE}[kasan])
