"""The model unit: which functions are in it, placed how, called from where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw import registry
from clearfw.errors import StrategyError
from clearfw.size import model_unit
from clearfw.strategies import NativeStrategy, parse_stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES = frozenset({"alloc", "free"})


def members(stack: str) -> tuple[model_unit.Member, ...]:
    """Return the members of a stack of installed strategies."""
    return tuple(model_unit.member(one) for one in parse_stack(stack, registry.default().strategies))


def test_one_function_keeps_its_name_and_stands_as_the_way_says() -> None:
    """kernel_init_pages() is declared before its file, as inline, not inline, or neither."""
    one = model_unit.Unit(members("per_page"), PAGES)

    assert one.functions() == {"kernel_init_pages"}
    assert "static inline void kernel_init_pages(struct page *p, int n);" in one.source("inline")
    assert "static noinline void kernel_init_pages(struct page *p, int n);" in one.source("out of line")
    assert "static void kernel_init_pages(struct page *p, int n);" in one.source("compiler's choice")


def test_a_stack_is_one_function() -> None:
    """As the kernel's merged helper: the members are part of it, whose place is what the way is about."""
    one = model_unit.Unit(members("batched+highmem_fallback"), PAGES)
    source = one.source("out of line")

    assert one.functions() == {"clear_highpages_kasan_tagged"}
    assert source.count("static noinline void clear_highpages_kasan_tagged(struct page *p, int n) {") == 1
    assert "static __always_inline bool init_pages(struct page *p, int n);" in source
    assert "if (init_pages(p, n)) return; if (highmem_fallback_init_pages(p, n)) return;" in source


def test_functions_of_one_name_do_not_collide() -> None:
    """Both files have an init_pages(): the later one is renamed while it is included."""
    source = model_unit.Unit(members("batched+highmem_fallback"), PAGES).source("inline")

    assert source.index("#define init_pages highmem_fallback_init_pages") < source.index("highmem_fallback.c")
    assert source.index("highmem_fallback.c") < source.index("#undef init_pages")


def test_nobody_is_asked_after_one_who_always_claims() -> None:
    """per_page claims whatever it is given: what stands behind it is not in the unit."""
    one = model_unit.Unit(members("per_page+batched"), PAGES)

    assert [function for _, function, _ in one.chain("alloc")] == ["kernel_init_pages"]
    assert "batched.c" not in one.source("inline")


def test_a_function_alone_at_one_point_and_in_a_stack_at_another(
    c_strategy: Callable[..., NativeStrategy],
) -> None:
    """It is part of the stack's function at one, and so of one of its own at the other."""
    on_free = model_unit.member(
        c_strategy(
            "on_free", "static bool p(struct page *page, int n) { return false; }", ".init_on_free = p"
        )
    )
    source = model_unit.Unit((on_free, *members("per_page")), PAGES).source("out of line")

    assert "static noinline void kernel_init_pages" not in source
    assert "static noinline void clear_on_alloc(struct page *p, int n) { kernel_init_pages(p, n); }" in source
    assert "clear_on_free(struct page *p, int n) { if (p(p, n)) return; kernel_init_pages(p, n); }" in source


def test_the_callers_are_the_kernels_own_then_numbered() -> None:
    """Six are named after mm/page_alloc.c's, and more are alloc and free in turn."""
    names = [name for name, _ in model_unit.Unit(members("per_page"), PAGES, 8).callers()]

    assert set(names[:6]) == {
        "post_alloc_hook",
        "free_pages_prepare",
        "alloc_pages_bulk_noprof",
        "__free_frozen_pages",
        "free_unref_folios",
        "__free_pages_ok",
    }
    assert names[6:] == ["alloc_site_7", "free_site_8"]
    assert len(list(model_unit.Unit(members("per_page"), PAGES, 2).callers())) == 2


def test_a_vmalloc_strategy_has_its_own_caller() -> None:
    """init_vmalloc_pages() is called from one place, and no page is."""
    one = model_unit.Unit(members("vmalloc_runs"), frozenset({"vmalloc"}))

    assert list(one.callers()) == [("__kasan_unpoison_vmalloc", "VMALLOC")]


def test_what_names_no_function_is_refused(tmp_path: Path) -> None:
    """A file without CLEARFW_STRATEGY(), or with one that brings nothing for an init point."""
    source = tmp_path / "empty.c"
    source.write_text("#include <clearfw/strategy.h>\n")

    with pytest.raises(
        StrategyError, match=r"empty\.c names no function: end it with CLEARFW_STRATEGY\(empty"
    ):
        model_unit.member(NativeStrategy("empty", source, ""))
