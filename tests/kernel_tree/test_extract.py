"""Functions taken out of a tree: what is found, what comes along, and what is told where that fails."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from clearfw.config import Config
from clearfw.errors import CompileError, PatchError
from clearfw.kernel_tree import extract, functions
from clearfw.kernel_tree.build import Variant
from clearfw.kernel_tree.variants import Variants

if TYPE_CHECKING:
    from pathlib import Path

    from clearfw.kernel_tree.tree import Tree
    from clearfw.strategies import NativeStrategy

BATCHED = """\
static void __mine clear_one(struct page *page)
{
	clear_highpage_kasan_tagged(page);
}

static void kernel_init_pages(struct page *page, int numpages)
{
	int i;

	kasan_disable_current();
	for (i = 0; i < numpages; i++)
		clear_one(page + i);
	kasan_enable_current();
}
"""


def taken(
    tree: Tree,
    before: dict[str, str],
    after: dict[str, str | None],
    tmp_path: Path,
    function: str | None = None,
) -> dict[str, NativeStrategy]:
    """Return what is taken out of a tree with the patch from BEFORE to AFTER."""
    for name, text in before.items():
        (tree.path / name).parent.mkdir(parents=True, exist_ok=True)
        (tree.path / name).write_text(text)
    patched = {name: None if text is None else text.encode() for name, text in after.items()}
    variants = Variants(Variant("before", {}), Variant("after", patched))
    return extract.strategies(tree, variants, "mine.patch", function, tmp_path / "taken")


def text_of(strategy: NativeStrategy) -> str:
    """Return the C file of a strategy."""
    return strategy.source.read_text()


def names(text: str) -> list[str]:
    """Return what a C file defines at its top level."""
    return [one.name for one in functions.parse("x.c", text)]


def test_a_file_is_read_with_what_is_in_each_branch() -> None:
    """Functions, macros, variables and types, with the conditions under which each counts."""
    text = """\
#ifndef _X_H
#define _X_H
#define DOUBLE(x) ((x) * 2)
struct pair { int a, b; };
int declared(int);
static int counter = 3;
#if defined(A) && B > 1
static inline int f(int x) { return DOUBLE(x); }
#elif defined(C)
static inline int f(int x) { return counter; }
#else
static inline int f(int x) { return g(x); }
#endif
#endif
"""
    found = [(one.name, one.kind, one.conditions) for one in functions.parse("x.h", text)]
    assert found[1:4] == [("DOUBLE", "macro", ()), ("pair", "type", ()), ("counter", "variable", ())]
    assert found[4:] == [
        ("f", "function", ("defined(A) && B > 1",)),
        ("f", "function", ("!(defined(A) && B > 1)", "defined(C)")),
        ("f", "function", ("!(defined(A) && B > 1)", "!(defined(C))")),
    ]


def test_what_a_function_uses_is_not_what_it_declares() -> None:
    """Parameters and locals stay inside; calls are told with their line."""
    (one,) = functions.parse("x.c", "static int f(int a)\n{\n\tint b = LIMIT;\n\treturn\n\t\tg(a + b);\n}\n")
    assert one.uses == {"LIMIT", "g"}
    assert one.calls == {"g": 5}


@pytest.mark.parametrize(
    "head",
    [
        "static void __meminit f(int a)",
        "static __always_inline bool __f(struct page *page,\n\t\tint a)",
        "static noinline_for_stack void *f(void)",
        "__u64 f(void)",
    ],
)
def test_annotations_of_the_kernel_are_no_hindrance(head: str) -> None:
    """A function is found whatever stands before its name."""
    (one,) = functions.parse("x.c", f"{head}\n{{\n}}\n")
    assert one.name == re.search(r"(\w+)\(", head)[1]  # type: ignore[index]
    assert one.text.startswith(head)


def test_a_changed_function_becomes_two_strategies(tree: Tree, tmp_path: Path) -> None:
    """Before and after, each with the helpers it calls, and they clear."""
    after = BATCHED.replace("clear_one(page + i)", "clear_one(page + numpages - 1 - i)")
    found = taken(tree, {"mm/page_alloc.c": BATCHED}, {"mm/page_alloc.c": after}, tmp_path)
    assert list(found) == ["kernel_init_pages:before", "kernel_init_pages:after"]
    assert names(text_of(found["kernel_init_pages:before"]))[:3] == [
        "__mine",
        "clear_one",
        "kernel_init_pages",
    ]
    assert "numpages - 1 - i" in text_of(found["kernel_init_pages:after"])
    for strategy in found.values():
        assert strategy.load(Config.parse("memory=16M")).points == {"alloc", "free"}


def test_a_change_in_a_helper_counts(tree: Tree, tmp_path: Path) -> None:
    """The function itself need not change."""
    after = BATCHED.replace(
        "\tclear_highpage_kasan_tagged(page);", "\tprefetchw(page);\n\tclear_highpage_kasan_tagged(page);"
    )
    found = taken(tree, {"mm/page_alloc.c": BATCHED}, {"mm/page_alloc.c": after}, tmp_path)
    assert "prefetchw" in text_of(found["kernel_init_pages:after"])


def test_a_function_that_is_renamed_keeps_its_init_point(tree: Tree, tmp_path: Path) -> None:
    """kernel_init_pages() before, clear_highpages_kasan_tagged() after: one init point."""
    after = BATCHED.replace("kernel_init_pages", "clear_highpages_kasan_tagged")
    found = taken(tree, {"mm/page_alloc.c": BATCHED}, {"mm/page_alloc.c": after}, tmp_path)
    assert list(found) == ["kernel_init_pages:before", "clear_highpages_kasan_tagged:after"]


def test_a_helper_comes_from_a_header_that_the_file_includes(tree: Tree, tmp_path: Path) -> None:
    """With the macro it uses, under its condition."""
    header = """\
#ifdef CONFIG_HIGHMEM
#define UNIT 1
#else
#define UNIT 2
#endif
static inline void clear_unit(struct page *page)
{
	clear_pages(page_address(page), UNIT / UNIT);
}
"""
    source = f"#include <linux/unit.h>\n{BATCHED}"
    after = source.replace("clear_one(page + i)", "clear_unit(page + i)")
    found = taken(
        tree,
        {"mm/page_alloc.c": source, "include/linux/unit.h": header},
        {"mm/page_alloc.c": after},
        tmp_path,
    )
    text = text_of(found["kernel_init_pages:after"])
    assert "#if !(defined(CONFIG_HIGHMEM))\n#line 4" in text
    for memory in ("memory=16M", "memory=16M highmem=8M"):
        assert found["kernel_init_pages:after"].load(Config.parse(memory))


def test_what_the_patch_changes_counts_before_the_vocabulary(tree: Tree, tmp_path: Path) -> None:
    """A new clear_highpage_kasan_tagged() is the one that is called after, the model's own before."""
    head = "static inline void clear_highpage_kasan_tagged(struct page *page)\n"
    header = f"{head}{{\n\tclear_page(page_address(page));\n}}\n"
    after = header.replace("clear_page(", "prefetchw(page);\n\tclear_page(")
    found = taken(
        tree,
        {"mm/page_alloc.c": BATCHED, "include/linux/highmem.h": header},
        {"include/linux/highmem.h": after},
        tmp_path,
    )
    text = text_of(found["kernel_init_pages:after"])
    assert "#define clear_highpage_kasan_tagged patched_clear_highpage_kasan_tagged" in text
    for strategy in found.values():
        assert strategy.load(Config.parse("memory=16M"))


def test_vmalloc_has_its_own_init_point(tree: Tree, tmp_path: Path) -> None:
    """init_vmalloc_pages() of mm/kasan/hw_tags.c."""
    before = """\
static void init_vmalloc_pages(const void *start, unsigned long size)
{
	const void *addr;

	for (addr = start; addr < start + size; addr += PAGE_SIZE)
		clear_highpage_kasan_tagged(vmalloc_to_page(addr));
}
"""
    after = before.replace("clear_highpage_kasan_tagged(vmalloc_to_page(addr))", "clear_page((void *)addr)")
    found = taken(tree, {"mm/kasan/hw_tags.c": before}, {"mm/kasan/hw_tags.c": after}, tmp_path)
    assert list(found) == ["init_vmalloc_pages:before", "init_vmalloc_pages:after"]
    assert found["init_vmalloc_pages:after"].load(Config.parse("memory=16M")).points == {"vmalloc"}


def test_an_option_around_the_only_definition_is_no_condition(tree: Tree, tmp_path: Path) -> None:
    """As CONFIG_KASAN_VMALLOC is around init_vmalloc_pages(), which nothing but its callers need."""
    before = f"#ifdef CONFIG_OF_ITS_OWN\n{BATCHED}#endif\n"
    after = before.replace("clear_one(page + i)", "clear_one(page + i + 0)")
    found = taken(tree, {"mm/page_alloc.c": before}, {"mm/page_alloc.c": after}, tmp_path)
    for strategy in found.values():
        assert strategy.load(Config.parse("memory=16M")).points == {"alloc", "free"}


def test_a_function_can_be_named(tree: Tree, tmp_path: Path) -> None:
    """Its init point is that of its signature; a new one has no before."""
    mine = BATCHED.replace("kernel_init_pages", "mine")
    found = taken(tree, {"mm/page_alloc.c": "int x;\n"}, {"mm/page_alloc.c": mine}, tmp_path, "mine")
    assert list(found) == ["mine:after"]
    assert found["mine:after"].load(Config.parse("memory=16M")).points == {"alloc", "free"}


def test_a_named_function_of_another_kind_is_refused(tree: Tree, tmp_path: Path) -> None:
    """With where it stands."""
    with pytest.raises(PatchError, match=r"--function mine asked for, mm/page_alloc\.c:1 takes neither"):
        taken(
            tree, {"mm/page_alloc.c": "\n"}, {"mm/page_alloc.c": "void mine(int a)\n{\n}\n"}, tmp_path, "mine"
        )


def test_a_patch_of_something_else_says_what_it_changes(tree: Tree, tmp_path: Path) -> None:
    """And how to name a function."""
    with pytest.raises(
        PatchError, match=r"changes nothing at an init point .* it changes other\(\); name one"
    ):
        taken(
            tree,
            {"mm/page_alloc.c": BATCHED, "mm/other.c": "int other(void)\n{\n\treturn 1;\n}\n"},
            {"mm/other.c": "int other(void)\n{\n\treturn 2;\n}\n"},
            tmp_path,
        )


def test_a_call_that_leads_nowhere_is_told_with_its_line(tree: Tree, tmp_path: Path) -> None:
    """File, line and name, and that it is to be written by hand."""
    after = BATCHED.replace("clear_one(page + i)", "clear_by_dma(page + i)")
    with pytest.raises(PatchError, match=r"mm/page_alloc\.c:12: clear_by_dma\(\); write .* by hand"):
        taken(tree, {"mm/page_alloc.c": BATCHED}, {"mm/page_alloc.c": after}, tmp_path)


def test_what_does_not_compile_is_told_at_the_trees_own_line(tree: Tree, tmp_path: Path) -> None:
    """The compiler's lines are of the file in the tree, and not of what was written from it."""
    after = BATCHED.replace("int i;", "int i = LIMIT_OF_MINE;")
    found = taken(tree, {"mm/page_alloc.c": BATCHED}, {"mm/page_alloc.c": after}, tmp_path)
    with pytest.raises(CompileError, match=r"mm/page_alloc\.c:8:.*LIMIT_OF_MINE"):
        found["kernel_init_pages:after"].load(Config.parse("memory=16M"))


def test_the_same_text_is_the_same_file(tree: Tree, tmp_path: Path) -> None:
    """So that what was compiled of it is found again."""
    after = BATCHED.replace("page + i", "page + i + 0")
    first, second = (
        taken(tree, {"mm/page_alloc.c": BATCHED}, {"mm/page_alloc.c": after}, tmp_path) for _ in range(2)
    )
    assert first == second


def test_the_vocabulary_is_that_of_the_header() -> None:
    """Functions and macros alike."""
    assert {"clear_pages", "kmap_local_page", "IS_ENABLED", "PAGE_SIZE", "memset"} <= extract.vocabulary()
