"""The search: what one job finds of strategies that are wrong in one way, and of right ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clearfw import isolation
from clearfw.checks import search
from clearfw.checks.cells import Job
from clearfw.config import Config
from clearfw.strategies import NativeStrategy, from_file, points

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Job(4096, highmem=False, kasan="off")
RIGHT = """
static bool right(struct page *page, int numpages)
{
	kasan_disable_current();
	for (int i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
	return true;
}
"""


def explore(tmp_path: Path, body: str, members: str, job: Job = PLAIN) -> dict[str, Any]:
    """Return what the search tells of a strategy with BODY in a child process."""
    source = tmp_path / "mine.c"
    source.write_text(f"#include <clearfw/strategy.h>\n{RIGHT}{body}\nCLEARFW_STRATEGY(mine, {members});\n")
    strategy = from_file(source)
    assert isinstance(strategy, NativeStrategy)
    served = points(strategy, Config())
    outcome = isolation.run(lambda tell: search.explore(strategy, job, served, tell, 5.0), 120)
    assert outcome.end == ""
    told: dict[str, Any] = outcome.told[-1]["told"]
    return told


def kinds(told: dict[str, Any]) -> set[str]:
    """Return the kinds of what was found."""
    return {key.split()[0] for key in told["findings"]}


def unreached(told: dict[str, Any]) -> set[int]:
    """Return the lines that never ran."""
    return {line for _, line, _ in told["places"]} - {line for _, line, _ in told["reached"]}


def test_a_right_strategy_is_right(tmp_path: Path) -> None:
    """Nothing is found, and every line ran."""
    told = explore(tmp_path, "", ".init_on_alloc = right, .init_on_free = right")

    assert told["findings"] == {}
    assert told["shared"] == {}
    assert unreached(told) == set()
    assert told["claims"] == told["calls"] > 500


@pytest.mark.parametrize(
    "condition",
    [
        "numpages == 1234",
        "numpages > 2000 && numpages < 2010",
        "page->private == 0x5a17",
        "page_to_pfn(page) == 4321",
        "numpages * PAGE_SIZE == 0x7b000",
        "page->private == 77 && numpages == 39",
    ],
)
def test_what_a_strategy_compares_with_becomes_an_input(tmp_path: Path, condition: str) -> None:
    """A special case that no list of examples has is found by its own constants."""
    body = (
        f"static bool f(struct page *page, int numpages) {{ return {condition} || right(page, numpages); }}"
    )

    told = explore(tmp_path, body, ".init_on_alloc = f")

    assert "dirty" in kinds(told)


def test_a_word_that_memory_is_compared_with_becomes_its_contents(tmp_path: Path) -> None:
    """A strategy that leaves pages which hold a word of its own leaves them dirty."""
    body = """
static bool f(struct page *page, int numpages)
{
	const u64 *words = page_address(page);

	return words[0] == 0x1122334455667788 || right(page, numpages);
}"""

    assert "dirty" in kinds(explore(tmp_path, body, ".init_on_alloc = f"))


def test_what_never_ran_is_told(tmp_path: Path) -> None:
    """Where no input leads, the line is listed, and nothing else."""
    body = """
static bool f(struct page *page, int numpages)
{
	if ((page_to_pfn(page) ^ 0x5bd1e995) * 2654435761u % 1000003 == 17)
		return true;
	return right(page, numpages);
}"""

    told = explore(tmp_path, body, ".init_on_alloc = f")

    assert told["findings"] == {}
    assert len(unreached(told)) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("volatile char *at = (char *)page_address(page) + numpages * PAGE_SIZE; *at = *at;", "outside"),
        ("volatile char *at = (char *)page_address(page) + numpages * PAGE_SIZE; (void)*at;", "peeked"),
        ("page[0].mapcount = 0;", "struct_page"),
        ("page[numpages].private = page[numpages].private;", "struct_page"),
        ("kasan_disable_current(); kasan_disable_current();", "nothing"),
        ("might_sleep();", "sleep"),
        ("if (numpages == 3) WARN_ON(1);", "warning"),
        ("clear_pages(page_address(page), numpages - numpages);", "zero_pages"),
        ("if (numpages == 5) __builtin_trap();", "crash"),
        ("char room[12000]; for (int i = 0; i < 12000; i++) ((volatile char *)room)[i] = 1;", "stack"),
    ],
)
def test_what_it_does_is_seen(tmp_path: Path, body: str, kind: str) -> None:
    """Each rule that a review has: broken once, and found, whether or not it shows in the pages."""
    whole = f"static bool f(struct page *page, int numpages) {{ {body} return right(page, numpages); }}"

    told = explore(tmp_path, whole, ".init_on_alloc = f")

    # At the end of RAM what lies behind a block is not mapped: there the same is a crash.
    assert kinds(told) - {"crash"} == {kind} - {"nothing", "crash"}
    assert kind not in {"crash", "outside"} or "crash" in kinds(told)


def test_a_store_in_assembly_shows_all_the_same(tmp_path: Path) -> None:
    """No compiler tells of it: RAM is sealed but for what was given."""
    body = """
static bool f(struct page *page, int numpages)
{
	__asm__ volatile("movb $0, (%0)" :: "r"((char *)page_address(page) + numpages * PAGE_SIZE) : "memory");
	return right(page, numpages);
}"""

    assert kinds(explore(tmp_path, body, ".init_on_alloc = f")) >= {"outside"}


def test_static_storage_is_named(tmp_path: Path) -> None:
    """A store to it is told with the variable and the line; an atomic one is none."""
    body = """
static int cursor;
static int count;
static bool f(struct page *page, int numpages)
{
	cursor = numpages;
	__atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
	return right(page, numpages);
}"""

    assert explore(tmp_path, body, ".init_on_alloc = f")["shared"] == {"cursor": "mine.c:16"}


def test_loads_of_poisoned_memory_are_reported(tmp_path: Path) -> None:
    """On free KASAN holds the pages poisoned: a load without the guard is a report, one with it is none."""
    body = """
static bool f(struct page *page, int numpages)
{
	%s
	(void)*(volatile u64 *)page_address(page);
	%s
	return right(page, numpages);
}"""
    job = Job(4096, highmem=False, kasan="generic")
    guard = ("kasan_disable_current();", "kasan_enable_current();")

    assert kinds(explore(tmp_path, body % ("", ""), ".init_on_free = f", job)) == {"kasan"}
    assert kinds(explore(tmp_path, body % guard, ".init_on_free = f", job)) == set()


def test_the_same_is_found_each_time(tmp_path: Path) -> None:
    """The cells and what comes of them do not depend on the moment."""
    body = (
        "static bool f(struct page *page, int numpages) { return numpages == 1234 || right(page, numpages); }"
    )

    first, second = (explore(tmp_path, body, ".init_on_alloc = f") for _ in range(2))

    assert first == second
