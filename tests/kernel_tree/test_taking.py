"""`--tree`: check, bench and size of a patch, whose functions are taken out of a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support.commands import Command

PER_PAGE = """\
static void kernel_init_pages(struct page *page, int numpages)
{
	int i;

	kasan_disable_current();
	for (i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
	kasan_enable_current();
}
"""
# As a review would find: the second half is forgotten.
FORGETS = """\
--- a/mm/page_alloc.c
+++ b/mm/page_alloc.c
@@ -5,4 +5,4 @@
 \tkasan_disable_current();
-\tfor (i = 0; i < numpages; i++)
+\tfor (i = 0; i < (numpages + 1) / 2; i++)
 \t\tclear_highpage_kasan_tagged(page + i);
 \tkasan_enable_current();
"""


@pytest.fixture
def patch(toy: Path, tmp_path: Path) -> Path:
    """Return a patch of the toy's function at the init point."""
    (toy / "mm" / "page_alloc.c").write_text(PER_PAGE)
    file = tmp_path / "half.patch"
    file.write_text(FORGETS)
    return file


def test_check_asks_the_tree_before_and_after(command: Command, toy: Path, patch: Path) -> None:
    """What the patch breaks is found, and before is sound."""
    done = command("check", patch, "--tree", toy, "--only", "zero_on_alloc", "--json", "-")
    assert done.status == 1
    assert {one["strategy"]: one["passed"] for one in done.json["results"]} == {
        "kernel_init_pages:before": True,
        "kernel_init_pages:after": False,
    }


def test_check_of_a_patch_taken_back(command: Command, toy: Path, patch: Path) -> None:
    """-R: the tree has it, and after is without it."""
    (toy / "mm" / "page_alloc.c").write_text(PER_PAGE.replace("i < numpages", "i < (numpages + 1) / 2"))
    done = command("check", patch, "--tree", toy, "-R", "--only", "zero_on_alloc", "--json", "-")
    assert [one["passed"] for one in done.json["results"]] == [False, True]


def test_bench_times_both(command: Command, toy: Path, patch: Path) -> None:
    """Beside the baseline, on the model."""
    few = ("--memory", "16M", "--rounds", "2", "--primitive", "stosb")
    patch.write_text(FORGETS.replace("(numpages + 1) / 2", "numpages + 0"))
    done = command("bench", patch, "--tree", toy, *few, "--json", "-")
    assert {one["strategy"] for one in done.json["results"]} == {
        "per_page",
        "kernel_init_pages:before",
        "kernel_init_pages:after",
    }


def test_size_compares_after_with_before(command: Command, toy: Path, patch: Path) -> None:
    """As bloat-o-meter would, of the one function."""
    document = command("size", patch, "--tree", toy, "--arch", "x86_64", "--json", "-").json
    assert [(one["strategy"], one["against"]) for one in document["results"]] == [
        ("kernel_init_pages:after", "kernel_init_pages:before")
    ]


@pytest.mark.parametrize("name", ["check", "bench", "size"])
def test_a_patch_without_a_tree_is_refused(command: Command, patch: Path, name: str) -> None:
    """With the option that names it."""
    done = command(name, patch)
    assert done.status == 2
    assert f"{patch} asked for without a tree" in done.line


def test_a_tree_without_a_patch_is_refused(command: Command, toy: Path) -> None:
    """For there is nothing to take."""
    done = command("check", "batched", "--tree", toy)
    assert done.status == 2
    assert "asked for without a patch" in done.line
