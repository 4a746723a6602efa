"""Builds in a shadow: what is built again and what is not, and what is told where that fails."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import toy_tree

from clearfw.errors import KernelBuildError, KernelTreeError, MissingToolError
from clearfw.kernel_tree import build as building
from clearfw.kernel_tree import config, primitive
from clearfw.kernel_tree.build import Recipe, Variant, build
from clearfw.kernel_tree.shadow import Shadow
from clearfw.kernel_tree.store import Store
from clearfw.toolchain.compiler import find_compiler

if TYPE_CHECKING:
    from clearfw.kernel_tree.store import Build
    from clearfw.kernel_tree.tree import Tree

RECIPE = Recipe("stosb")
BEFORE = Variant("before", {})
FASTER = toy_tree.PAGE_ALLOC.replace("NS = 100", "NS = 50").encode()
AFTER = Variant("after", {"mm/page_alloc.c": FASTER})


def built(tree: Tree, store: Store, variant: Variant = BEFORE, recipe: Recipe = RECIPE) -> Build:
    """Build, and tell nobody."""
    return build(tree, variant, recipe, store, lambda _: None)


def times_made(store: Store) -> int:
    """Return how often the toy's kernel was linked."""
    return sum(path.read_text().count("built") for path in store.workspaces.glob("*/builds/*/made"))


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the size and time of every file of FOLDER."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


def test_the_tree_is_never_written_to(toy: Path, tree: Tree, store: Store) -> None:
    """Neither files nor times differ after both builds."""
    before = everything(toy)
    built(tree, store)
    built(tree, store, AFTER)
    assert everything(toy) == before


def test_the_same_is_built_once(tree: Tree, store: Store) -> None:
    """A kernel that is kept is given again, under its label of then or another."""
    first = built(tree, store)
    assert built(tree, store, Variant("after", {})) == first
    assert times_made(store) == 1


def test_what_differs_makes_another_kernel(toy: Path, tree: Tree, store: Store) -> None:
    """The patches, the instruction, the configuration and a change in the tree all count."""
    found = [
        built(tree, store),
        built(tree, store, AFTER),
        built(tree, store, recipe=Recipe("movnti")),
        built(tree, store, recipe=Recipe("stosb", ("CONFIG_DEBUG_VM=y\n",))),
    ]
    (toy / "Kbuild").write_text("# another\n")
    found.append(built(tree, store))
    assert len({one.folder for one in found}) == len(found)
    assert len(store.kept()) == len(found)


def test_a_patch_is_what_is_built(tree: Tree, store: Store) -> None:
    """The kernel after is of the patched text, the one before of the tree's, back and forth."""
    for variant, shown in (
        (BEFORE, "NS = 100"),
        (AFTER, "NS = 50"),
        (Variant("before", {"x": b""}), "NS = 100"),
    ):
        assert shown in built(tree, store, variant).linux.read_text()


def test_a_change_in_the_tree_is_what_is_built(toy: Path, tree: Tree, store: Store) -> None:
    """Even one that make cannot see by its time, as a file that is older than what was built of it."""
    built(tree, store)
    (toy / "mm" / "page_alloc.c").write_bytes(FASTER)
    os.utime(toy / "mm" / "page_alloc.c", (1, 1))
    assert "NS = 50" in built(tree, store).linux.read_text()


def test_a_build_that_was_killed_is_begun_anew(tree: Tree, store: Store) -> None:
    """A folder in which make was killed is not trusted."""
    built(tree, store)
    (made,) = store.workspaces.glob("*/builds/*")
    (made / "begun").touch()
    (made / "linux").write_text("half of it")
    assert "NS = 50" in built(tree, store, AFTER).linux.read_text()
    assert times_made(store) == 1


def test_a_shadow_that_was_interrupted_is_finished(
    tree: Tree, store: Store, toy: Path, tmp_path: Path
) -> None:
    """Whatever an interrupt left there, in the end it shows the tree."""
    shadow = Shadow(tmp_path / "shadow")
    shadow.show(tree, tree.files(), {})
    (shadow.folder / "shown.json").write_text("{")
    (shadow.source / "Makefile").unlink()
    shadow.show(tree, tree.files(), {})
    assert (shadow.source / "Makefile").read_text() == (toy / "Makefile").read_text()


def test_what_a_patch_removes_is_gone_and_comes_back(tree: Tree, tmp_path: Path) -> None:
    """A file of None is not in the shadow, until it is shown again."""
    shadow = Shadow(tmp_path / "shadow")
    for own in ({}, {"Kbuild": None}, {}):
        shadow.show(tree, tree.files(), own)
        assert (shadow.source / "Kbuild").exists() is not bool(own)


def test_the_compilers_own_lines_are_shown(tree: Tree, store: Store) -> None:
    """With which of the two trees it is, and the file as the tree has it."""
    broken = toy_tree.PAGE_ALLOC.replace("int i;", "int i").encode()
    with pytest.raises(KernelBuildError, match=r'"after" does not build:\n') as error:
        built(tree, store, Variant("after", {"mm/page_alloc.c": broken}))
    assert "mm/page_alloc.c:11:" in str(error.value)
    assert str(store.root) not in str(error.value)
    assert built(tree, store), "the tree as it stands still builds"


def test_an_option_that_the_tree_has_not_is_told(tree: Tree, store: Store) -> None:
    """A kernel without what was asked for would answer another question."""
    with pytest.raises(KernelBuildError, match="CONFIG_NOT_IN_THIS_TREE asked for"):
        built(tree, store, recipe=Recipe("stosb", ("CONFIG_NOT_IN_THIS_TREE=y\n",)))


def test_a_tree_that_changes_meanwhile_is_told(toy: Path, tree: Tree, store: Store) -> None:
    """What was built is of neither state, and is not kept."""

    def progress(line: str) -> None:
        if "CC" in line:
            (toy / "Kbuild").write_text("# changed\n")

    with pytest.raises(KernelTreeError, match=r"was changed while it was being built \(Kbuild\)"):
        build(tree, BEFORE, RECIPE, store, progress)
    assert not store.kept()


def test_a_page_h_of_another_kind_is_shown(toy: Path, store: Store, tree: Tree) -> None:
    """Where memset() is not what clears, clearfw does not guess."""
    (toy / primitive.PAGE_H).write_text("#define clear_page(page) clear_page_mops(page)\n")
    with pytest.raises(KernelTreeError, match=r"clear_page_mops\(page\), expected was one memset"):
        built(tree, store)


def test_two_runs_take_turns(tree: Tree, store: Store) -> None:
    """The second waits until the first has built, says so, and takes the other variant."""
    told: list[str] = []
    started = threading.Event()

    def first(line: str) -> None:
        if "CC" in line:
            started.set()

    thread = threading.Thread(target=build, args=(tree, BEFORE, RECIPE, store, first))
    thread.start()
    started.wait(10)
    found = build(tree, AFTER, RECIPE, store, told.append)
    thread.join()
    assert "NS = 50" in found.linux.read_text()
    assert len(store.kept()) == 2


@pytest.mark.parametrize("tool", ["flex", "bison", "bc"])
def test_a_missing_tool_is_told_with_its_package(monkeypatch: pytest.MonkeyPatch, tool: str) -> None:
    """The line to type is in the message."""
    which = building.shutil.which
    monkeypatch.setattr(building.shutil, "which", lambda name: None if name == tool else which(name))
    with pytest.raises(MissingToolError, match=f"apt-get install {tool}"):
        building.check_tools()


def test_another_architecture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """User-Mode Linux is for x86-64."""
    monkeypatch.setattr(building.os, "uname", lambda: os.uname_result(("Linux", "", "", "", "aarch64")))
    with pytest.raises(KernelTreeError, match="this computer is aarch64"):
        building.check_tools()


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the variable that leads elsewhere."""
    (tmp_path / "file").touch()
    with pytest.raises(KernelTreeError, match="CLEARFW_CACHE_DIR"):
        Store(tmp_path / "file" / "kernel").prepare()


def test_cleaning_removes_everything(tree: Tree, store: Store) -> None:
    """And says how much that was; while a kernel is being built, it is refused."""
    built(tree, store)
    (workspace,) = store.workspaces.iterdir()
    with (
        store.workspace(workspace.name, lambda: None),
        pytest.raises(KernelTreeError, match="is being built"),
    ):
        store.clean()
    assert store.kept()
    assert store.clean() > 0
    assert not store.kept()
    assert not list(store.root.iterdir())


def test_a_fragment_is_merged_and_checked() -> None:
    """The last of a name counts, and what a tree drops is told."""
    merged = config.merge(
        "CONFIG_A=y\n# CONFIG_B is not set\n", ["CONFIG_B=y\nCONFIG_C=4\n", "# CONFIG_A is not set\n"]
    )
    assert config.parse(merged) == {"CONFIG_A": "n", "CONFIG_B": "y", "CONFIG_C": "4"}
    assert config.dropped("CONFIG_B=y\n# CONFIG_D is not set\n", "# CONFIG_B is not set\n") == ["CONFIG_B"]


@pytest.mark.parametrize("text", ["DEBUG_VM=y\n", "CONFIG_DEBUG_VM\n"])
def test_a_fragment_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    """The line is shown."""
    (tmp_path / "fragment").write_text(text)
    with pytest.raises(KernelTreeError, match=text.strip()):
        config.fragment(tmp_path / "fragment")


@pytest.mark.parametrize("name", primitive.KNOWN)
def test_every_primitive_clears_a_page_and_no_more(tmp_path: Path, name: str) -> None:
    """The header that stands in for memset(), compiled and run here."""
    (tmp_path / "clear.h").write_text(primitive.header(name))
    (tmp_path / "main.c").write_text(
        '#define __always_inline inline\n#include "clear.h"\n#include <string.h>\n'
        "static unsigned char pages[4 * 4096] __attribute__((aligned(4096)));\n"
        "static int zeros(int page) { int n = 0; for (int i = 0; i < 4096; i++) n += !pages[4096 * page + i];"
        " return n; }\n"
        "int main(void) { memset(pages, 1, sizeof(pages)); clear_pages(pages + 4096, 2);"
        " if (zeros(0) || zeros(1) != 4096 || zeros(2) != 4096 || zeros(3)) return 1;"
        " clear_page(pages); return zeros(0) != 4096 || zeros(3); }\n"
    )
    if name == "clzero" and "clzero" not in _flags():
        pytest.skip("this processor has no CLZERO")
    command = [*find_compiler().command, "-O2", "-o", tmp_path / "main", tmp_path / "main.c"]
    subprocess.run(command, check=True)
    assert subprocess.run([tmp_path / "main"], check=False).returncode == 0


def _flags() -> str:
    return Path("/proc/cpuinfo").read_text()
