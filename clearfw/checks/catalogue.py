"""Every check, with its reason, in the order they are shown: a finding answers the first that it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks import questions as _  # noqa: F401  importing them registers those with functions of their own
from clearfw.checks.check import CHECKS, EVERYWHERE, Check, searched

if TYPE_CHECKING:
    from collections.abc import Mapping

# A key of a finding: kind, init point, how the pages lie, KASAN mode, zones, whether a block is an order.

searched(
    "zero_on_alloc",
    "Every order, in every zone, with every page size, KASAN mode and kind of kmap: all bytes zero, "
    "whatever they were.",
    "post_alloc_hook() hands out what clear_highpages_kasan_tagged() was given: all of 1 << order pages "
    "(mm/page_alloc.c, 7.3).",
    "dirty alloc block * order",
    "hang alloc *",
    "raised alloc *",
    "ended alloc *",
    points=frozenset({"alloc"}),
)
searched(
    "zero_on_free",
    "Every order, in every zone, with every page size, KASAN mode and kind of kmap: all bytes zero, "
    "whatever they were.",
    "With init_on_free nothing clears again on allocation, __GFP_ZERO or not: what a free leaves dirty, the"
    " next owner reads (mm/page_alloc.c:__free_pages_prepare, 7.3).",
    "dirty free block * order",
    "hang free *",
    "raised free *",
    "ended free *",
    points=frozenset({"free"}),
)
searched(
    "zero_on_gfp_zero",
    "__GFP_ZERO with what else a caller gives, through the allocator, its bulk, contiguous and hugetlb "
    "paths too.",
    "__GFP_ZERO asks for one block what init_on_alloc asks for all, and with __GFP_SKIP_KASAN or in HIGHMEM"
    " not even HW_TAGS clears it with its tags (mm/page_alloc.c:post_alloc_hook, 7.3).",
    "dirty alloc flow *",
    points=frozenset({"alloc"}),
)
searched(
    "zero_in_bulk",
    "Lists of any length, in any order, of one zone and of both: all bytes of all pages zero.",
    "alloc_pages_bulk() and a list free clear pages that lie anywhere "
    "(mm/page_alloc.c:alloc_pages_bulk_noprof, 7.3).",
    "dirty * list *",
    "dirty free flow *",
)
searched(
    "any_count",
    "Blocks of any number of pages, a power of two or not, and never a clear of none.",
    "numpages is an int, and nothing says that it is a power of two: a loop that counts otherwise breaks "
    "with its next caller; and the generic clear_pages() takes 0 pages for 2^32 "
    "(mm/page_alloc.c:kernel_init_pages, 7.3).",
    "dirty * block * count",
    "zero_pages *",
    points=EVERYWHERE,
)
CHECKS["zero_beyond_4_gib"] = CHECKS.pop("zero_beyond_4_gib")
searched(
    "nothing_else_touched",
    "In every cell: no store and no mapping outside what was given, whether or not it is restored, and no"
    " load.",
    "Behind and before a block lies somebody else's memory, and behind the last page of a zone another "
    "zone, or nothing: no check stands between (mm/page_alloc.c:clear_highpages_kasan_tagged, 7.3).",
    "outside alloc *",
    "outside free *",
    "peeked alloc *",
    "peeked free *",
    "crash alloc * lowmem *",
    "crash free * lowmem *",
)
searched(
    "arguments_untouched",
    "In every cell: every field of every struct page, and the list of a bulk, before and after.",
    "The struct pages are the allocator's, which reads their flags, tags and links again on its way back, "
    "and a list of pages is its caller's (mm/page_alloc.c:post_alloc_hook, 7.3).",
    "struct_page *",
    "list *",
    points=EVERYWHERE,
)
searched(
    "highmem_mapped",
    "Blocks, lists and areas of both zones, with slots that really map and unmap.",
    "A HIGHMEM page has no address before kmap_local_page() and none after kunmap_local(), of which the "
    "newest comes first and 16 are the most (mm/highmem.c, 7.3).",
    "kmap *",
    "crash * highmem *",
    points=EVERYWHERE,
)
searched(
    "kasan_generic_quiet",
    "In every cell under the generic mode: no load, store or memset() that KASAN would report.",
    "On free KASAN poisons before the clear, and s390's clear_page() is a memset() that KASAN checks: "
    "unguarded it is reported, and does not write (mm/kasan/shadow.c:memset, 7.3).",
    "kasan * generic *",
    points=EVERYWHERE,
)
searched(
    "kasan_tag_reset",
    "In every cell under the tag modes: no address with a tag left in it.",
    "page_address() carries the tag of the last owner, and memory the tag of nobody: kasan_reset_tag() "
    "before it is used (include/linux/highmem.h:clear_highpage_kasan_tagged, 7.3).",
    "tag *",
    "kasan *",
    points=EVERYWHERE,
)
searched(
    "kasan_depth_balanced",
    "In every cell: the depth is on return what it was.",
    "kasan_depth counts for the whole task: a guard that is not taken back hides every later report "
    "(include/linux/kasan.h:kasan_enable_current, 7.3).",
    "depth *",
    points=EVERYWHERE,
)
searched(
    "atomic_context",
    "In every cell: nothing that may sleep, no warning, and preemption and interrupts as they were.",
    "Allocation may be atomic, and the bulk allocator holds a spinlock: no might_sleep(), no "
    "cond_resched(), no allocation inside an init point (v2 of the batching patch dropped its "
    "cond_resched() for this, 2026); vmalloc() may sleep as a rule.",
    "sleep alloc *",
    "sleep free *",
    "warning *",
    "context *",
    "refused *",
    points=EVERYWHERE,
)
searched(
    "small_stack",
    "In every cell: how deep the stack was written to; 8 KiB are the most.",
    "A kernel stack has 16 KiB, of which whoever called the allocator, and an interrupt, have had a part "
    "(arch/x86/include/asm/page_64_types.h:THREAD_SIZE_ORDER, 7.3).",
    "stack *",
    points=EVERYWHERE,
)
CHECKS["frame_size"] = CHECKS.pop("frame_size")
searched(
    "passed_on_untouched",
    "Whatever is passed on holds what it held.",
    "What is passed on is cleared by the next in the stack: to clear it and pass it on is to clear it "
    "twice (our stacks).",
    "passed_on *",
    points=EVERYWHERE,
)
searched(
    "claims_something",
    "In some cell, it claims.",
    "A strategy that passes everything on, everywhere, clears nothing: it is no strategy (our stacks).",
    "unclaimed *",
    points=EVERYWHERE,
)
searched(
    "two_threads",
    "No store to static storage that is not atomic, and none to an attribute of a strategy in Python.",
    "Allocation runs on every CPU at once: a strategy keeps no state that is not the task's "
    "(mm/page_alloc.c, 7.3).",
    "shared *",
    points=EVERYWHERE,
)
searched(
    "visible_on_return",
    "Every path through the machine code: no store that is not ordered reaches a return with no fence "
    "behind it.",
    "Non-temporal stores are weakly ordered: without a fence before the init point returns, another CPU may"
    " read what was there before (Arora's proposals of 2022: clear_page_make_coherent()).",
    "unordered *",
    "incoherent *",
    points=EVERYWHERE,
)
searched(
    "vmalloc_whole",
    "Areas of any number of bytes: every page of them zero, the last one whole.",
    "init_vmalloc_pages() is given the size as asked for and clears the last page whole: size >> PAGE_SHIFT"
    " pages are one too few (mm/kasan/hw_tags.c:init_vmalloc_pages, 7.3).",
    "dirty vmalloc *",
    "hang vmalloc *",
    "raised vmalloc *",
    "ended vmalloc *",
    points=frozenset({"vmalloc"}),
)
searched(
    "vmalloc_scattered",
    "Areas of single pages, of runs of all lengths, of both zones, and of PMD-sized leaves: nothing else "
    "touched.",
    "vmalloc pages lie anywhere, in runs of all lengths, some under one huge leaf: the direct map and "
    "virt_to_page() know nothing of them (mm/vmalloc.c:vm_area_alloc_pages, 7.3; Mark Rutland's fix "
    "6c2f761dad78, 2023).",
    "outside vmalloc *",
    "peeked vmalloc *",
    "crash vmalloc *",
    points=frozenset({"vmalloc"}),
)
searched(
    "every_line_ran",
    "Every line of the strategy ran in some cell; what it compares with was taken up as an input.",
    "What never ran was never looked at: a special case for one size is right or wrong where nobody sees it "
    "(our stacks).",
    points=EVERYWHERE,
)


def checks() -> dict[str, Check]:
    """Return every check, by name."""
    return dict(CHECKS)


def answered_by(key: str, among: Mapping[str, Check]) -> Check | None:
    """Return the first check that a finding with KEY answers with no."""
    return next((one for one in among.values() if one.is_about(key)), None)
