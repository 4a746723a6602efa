"""The memory of blocks, areas and kmaps as buffers: no copies, and nothing that outlives its memory."""

from __future__ import annotations

import ctypes
import gc
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearfw.errors import FreedPagesError, KmapError, NotMappedError, PagesInUseError
from clearfw.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    Boot = Callable[..., Machine]

DIRT = 0x5A


def in_numpy(thing: Buffer, dtype: type[np.generic] = np.uint8) -> np.ndarray[Any, Any]:
    """Return THING as an array, as numpy itself sees it."""
    return np.frombuffer(thing, dtype=dtype)  # type: ignore[call-overload,no-any-return]  # numpy knows no Buffer


def test_a_view_is_the_memory_itself(boot: Boot) -> None:
    """What is written through it is read by the core, and the other way round."""
    pages = boot().alloc_pages(1)
    view = memoryview(pages)
    assert (view.nbytes, view.format, view.readonly, view.contiguous) == (8192, "B", False, True)

    view[8191] = 7
    assert pages.read() == bytes(8191) + b"\7"
    pages.fill(DIRT)
    assert set(view) == {DIRT}
    view.release()


def test_numpy_works_on_the_memory_in_place(boot: Boot) -> None:
    """As a view of any type, at page_address(), without a copy."""
    pages = boot().alloc_pages(2)
    array = in_numpy(pages, np.uint64)

    array[:] = np.arange(len(array))

    assert array.ctypes.data == pages.address
    assert len(array) == pages.npages * 512
    assert pages.read() == np.arange(2048, dtype=np.uint64).tobytes()
    del array


@given(offset=st.integers(0, 8191), byte=st.integers(1, 255))
def test_one_byte_that_differs_is_found(offset: int, byte: int) -> None:
    """first_not() gives its offset, whatever it is, and None where there is none."""
    with Machine.boot("memory=1M") as machine:
        pages = machine.alloc_pages(1)
        with memoryview(pages) as view:
            view[offset] = byte
        assert pages.first_not(0) == offset
        assert pages.first_not(byte) == (1 if offset == 0 else 0)
        pages.fill(byte)
        assert pages.first_not(byte) is None


def test_pages_are_not_freed_under_a_view(boot: Boot) -> None:
    """Neither alone, nor in bulk, nor at the end of a with statement; once released they are."""
    machine = boot()
    pages = machine.alloc_pages()
    first, second = memoryview(pages), in_numpy(pages)

    with pytest.raises(PagesInUseError, match=f"pfn {pages.pfn:#x} has 2 live views: release it"):
        pages.free()
    first.release()
    with pytest.raises(PagesInUseError, match="1 live view:"):
        machine.free_pages_bulk([pages])
    with pytest.raises(PagesInUseError), pages:
        pass
    assert not pages.is_freed
    second.fill(DIRT)
    assert pages.first_not(DIRT) is None

    del second
    gc.collect()
    pages.free()
    assert pages.is_freed


def test_a_slice_of_a_view_keeps_the_pages_too(boot: Boot) -> None:
    """However small."""
    pages = boot().alloc_pages()
    array = in_numpy(pages)[5:6]

    with pytest.raises(PagesInUseError):
        pages.free()
    del array
    pages.free()


def test_freed_pages_have_no_buffer(boot: Boot) -> None:
    """Nor anything else of what the block had; what it was can still be told."""
    machine = boot()
    pages = machine.alloc_pages(1)
    pages.free()

    uses: list[Callable[[], object]] = [
        lambda: memoryview(pages),
        lambda: in_numpy(pages),
        lambda: pages.address,
        lambda: pages.zone,
        lambda: pages.highmem,
        lambda: pages.compound,
        lambda: pages.kasan_tag,
        lambda: pages.private,
        lambda: pages.mapcount,
        lambda: pages.hwpoison,
        pages.kmap_local,
        lambda: pages.fill(0),
        pages.read,
        pages.first_not,
        pages.__enter__,
    ]
    for use in uses:
        with pytest.raises(FreedPagesError, match=f"pfn {pages.pfn:#x} were freed") as caught:
            use()
        assert caught.value.pfn == pages.pfn
    assert (pages.order, pages.npages, pages.is_freed) == (1, 2, True)
    assert repr(pages) == f"<Pages pfn {pages.pfn:#x} order 1 freed>"


def test_a_with_statement_frees(boot: Boot) -> None:
    """At its end, and leaves alone what was freed inside."""
    machine = boot()
    with machine.alloc_pages() as pages:
        assert not pages.is_freed
    assert pages.is_freed
    with machine.alloc_pages() as pages, machine.vmalloc(1) as area:
        pages.free()
        area.free()

    assert machine.nr_free == machine.nr_pages


def test_highmem_pages_have_no_buffer(boot: Boot) -> None:
    """They have no address; the core sees them all the same, and kmap_local() maps them."""
    pages = boot("highmem=8M").alloc_pages(gfp="GFP_HIGHUSER")

    with pytest.raises(NotMappedError, match=rf"pfn {pages.pfn:#x} have no direct mapping: use .*kmap_local"):
        memoryview(pages)
    assert pages.address is None
    pages.fill(DIRT)
    assert pages.read() == bytes([DIRT]) * 4096


@pytest.mark.parametrize("kmap", ["strict", "priced"])
@pytest.mark.parametrize("page_size", ["4K", "64K"])
def test_a_kmap_is_the_page_in_place(boot: Boot, kmap: str, page_size: str) -> None:
    """Each page of a block, and the whole page."""
    machine = boot(f"highmem=8M kmap={kmap} page_size={page_size}")
    pages = machine.alloc_pages(2, "GFP_HIGHUSER")

    for index in range(4):
        with pages.kmap_local(index) as mapped, memoryview(mapped) as view:
            assert view.nbytes == machine.config.page_size
            view[:] = bytes([index + 1]) * view.nbytes

    assert pages.read() == b"".join(bytes([i + 1]) * machine.config.page_size for i in range(4))
    assert machine.counters.kmaps == 4


def test_a_kmap_of_lowmem_is_the_direct_map(boot: Boot) -> None:
    """It takes no slot, and is not counted as a kmap."""
    machine = boot("highmem=8M")
    pages = machine.alloc_pages()
    kmaps = [pages.kmap_local() for _ in range(20)]

    with memoryview(kmaps[-1]) as view:
        assert np.frombuffer(view, dtype=np.uint8).ctypes.data == pages.address
    gc.collect()
    for one in kmaps:
        one.close()
    assert machine.counters.kmaps == 0


def test_the_seventeenth_kmap_is_refused(boot: Boot) -> None:
    """A thread has sixteen slots; with one unmapped there is one again."""
    machine = boot("highmem=8M")
    pages = machine.alloc_pages(5, "GFP_HIGHUSER")
    kmaps = [pages.kmap_local(i) for i in range(16)]

    with pytest.raises(KmapError, match="more than 16 pages at once"):
        pages.kmap_local(16)

    kmaps.pop().close()
    with pages.kmap_local(16) as mapped, memoryview(mapped) as view:
        view[0] = DIRT
    assert pages.read()[16 * 4096] == DIRT
    while kmaps:
        kmaps.pop().close()
    pages.free()


def test_kmaps_are_closed_newest_first(boot: Boot) -> None:
    """Any other order is an error that changes nothing; closing twice does nothing."""
    pages = boot("highmem=8M").alloc_pages(1, "GFP_HIGHUSER")
    older, newer = pages.kmap_local(0), pages.kmap_local(1)

    with pytest.raises(KmapError, match="mapping that is not the newest"):
        older.close()

    newer.close()
    older.close()
    older.close()
    assert older.is_freed
    pages.free()


def test_a_kmap_is_its_threads_own(boot: Boot) -> None:
    """Another thread can neither unmap it, nor is short of slots because of it."""
    pages = boot("highmem=8M").alloc_pages(5, "GFP_HIGHUSER")
    kmaps = [pages.kmap_local(i) for i in range(16)]
    found: list[BaseException | None] = []

    def elsewhere() -> None:
        pages.kmap_local(16).close()
        try:
            kmaps[-1].close()
        except KmapError as error:
            found.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()

    assert [type(error) for error in found] == [KmapError]
    while kmaps:
        kmaps.pop().close()


def test_a_kmap_and_its_views_keep_the_page(boot: Boot) -> None:
    """The block is not freed under a kmap, nor the kmap closed under a view; closed, it has no buffer."""
    pages = boot("highmem=8M").alloc_pages(gfp="GFP_HIGHUSER")
    mapped = pages.kmap_local()
    view = memoryview(mapped)

    with pytest.raises(PagesInUseError, match="kmap_local mapping has 1 live view"):
        mapped.close()
    view.release()
    with pytest.raises(PagesInUseError, match=f"pfn {pages.pfn:#x} has 1 live view"):
        pages.free()
    mapped.close()
    with pytest.raises(FreedPagesError, match="was unmapped"):
        memoryview(mapped)
    pages.free()


@pytest.mark.parametrize("index", [4, 2**32 - 1])
def test_a_page_beyond_the_block_is_not_mapped(boot: Boot, index: int) -> None:
    """It would be another's."""
    with pytest.raises(IndexError, match=f"page {index} of a block of 4"):
        boot("highmem=8M").alloc_pages(2, "GFP_HIGHUSER").kmap_local(index)


def test_an_areas_buffer_is_contiguous(boot: Boot) -> None:
    """All of its pages, the last one whole; its bytes are those of the pages behind it."""
    machine = boot()
    area = machine.vmalloc(3 * 4096 + 1)
    array = in_numpy(area)

    array[:] = np.repeat(np.arange(1, 5), 4096)

    assert array.nbytes == 4 * 4096
    assert array.ctypes.data == area.address
    assert ctypes.string_at(area.address + 4095, 2) == b"\1\2"
    with pytest.raises(PagesInUseError, match="vmalloc area has 1 live view"):
        area.free()
    del array
    area.free()
    with pytest.raises(FreedPagesError, match="area was freed"):
        memoryview(area)


def test_a_tagged_block_has_an_untagged_buffer(boot: Boot) -> None:
    """The tag is the pointer's: a view of the memory needs none."""
    pages = boot("kasan=hw_tags").alloc_pages()
    array = in_numpy(pages)

    assert pages.address is not None
    assert array.ctypes.data == pages.address & ~(0xFF << 56)
    assert pages.address >> 56 == pages.kasan_tag ^ 0xFF
    del array
