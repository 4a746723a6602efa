"""Real trees, built and booted: `make check-kernel`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.commands import Command

SOURCES = os.environ.get("CLEARFW_KERNEL_SOURCES", "")
TREES = sorted(Path(SOURCES).glob("linux-source-*.*")) if SOURCES else []
NEWEST = TREES[-1:]
PATCHES = Path(__file__).parents[2] / "docs" / "tutorial" / "patches"
PER_PAGE, VMALLOC = PATCHES / "clear-page-by-page.patch", PATCHES / "vmalloc-contiguous.patch"
SMALL = ("--orders", "0,5,9", "--memory", "64M", "--rounds", "2", "--timeout", "300")

pytestmark = pytest.mark.skipif(
    not TREES, reason="no kernel sources: make kernel-sources, then make check-kernel"
)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what was built: beside the sources, for the next run."""
    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(Path(SOURCES) / "cache"))


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_a_tree_boots_and_is_timed(command: Command, tree: Path) -> None:
    """Every order has a time, longer with a clear than without, on memory that was all there."""
    document = command("kernel", "bench", tree, *SMALL, "--json", "-").json
    assert [row["order"] for row in document["results"]] == [0, 5, 9]
    assert not document["dirty"]
    for row in document["results"]:
        assert row["kernel"]["before"]["ns"]["median"] > row["alone_ns"]["before"]
        assert row["model"]["before"]["ns"]["median"] > 0
    major, minor = map(int, document["kernels"][0]["version"].split(".")[:2])
    assert document["kernels"][0]["clear_pages"] is ((major, minor) >= (7, 0))


@pytest.mark.parametrize("tree", NEWEST, ids=lambda tree: tree.name)
def test_a_patch_of_a_tree_is_timed_beside_the_model(command: Command, tree: Path) -> None:
    """The reverse of b001cf7d16dd applies, builds and boots, and the model takes the same two functions."""
    document = command("kernel", "bench", tree, "--patch", PER_PAGE, *SMALL, "--json", "-").json
    assert document["config"]["model"] == {
        "before": "clear_highpages_kasan_tagged:before",
        "after": "clear_highpages_kasan_tagged:after",
    }
    assert all(row["ratio"] and row["model_ratio"] for row in document["results"])
    assert document["kernels"][0]["build"] != document["kernels"][1]["build"]


@pytest.mark.parametrize("tree", NEWEST, ids=lambda tree: tree.name)
def test_the_kernels_own_checkers_answer(command: Command, tree: Path) -> None:
    """test_meminit passes, contents are zero where they must be, and dirty where they may be."""
    document = command("kernel", "check", tree, "--timeout", "300", "--json", "-").json
    found = {one["name"]: one["status"] for one in document["results"]}
    # What KASAN reports of the tree as it stands is the tree's own affair.
    assert {name for name, status in found.items() if status != "pass"} <= {"no_reports"}
    assert "test_meminit" in found


@pytest.mark.parametrize("tree", NEWEST, ids=lambda tree: tree.name)
def test_the_checks_ask_a_trees_own_functions(command: Command, tree: Path) -> None:
    """Both shapes pass what a review asks of contents, and so do both of vmalloc."""
    for patch, question in ((PER_PAGE, "zero_on_alloc"), (VMALLOC, "vmalloc_whole")):
        document = command("check", patch, "--tree", tree, "--only", question, "--json", "-").json
        assert [one["passed"] for one in document["results"]] == [True, True]
