"""What is in a kernel tree, told from what a build left there."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from clearfw.errors import KernelTreeError
from clearfw.kernel_tree.tree import Tree, changed, find, fingerprint

if TYPE_CHECKING:
    from pathlib import Path

BUILT = (".config", "mm/page_alloc.o", "mm/.page_alloc.o.cmd", "vmlinux", "include/generated/autoconf.h")


def leave_a_build_in(toy: Path) -> None:
    """Write what make leaves in a tree."""
    for name in BUILT:
        (toy / name).parent.mkdir(parents=True, exist_ok=True)
        (toy / name).touch()


def git(toy: Path, *arguments: str) -> None:
    """Run git in the toy."""
    identity = ("-c", "user.name=toy", "-c", "user.email=toy@example.org")
    subprocess.run(
        [shutil.which("git") or "git", "-C", toy, *identity, *arguments], check=True, capture_output=True
    )


def test_the_version_is_the_makefiles(tree: Tree) -> None:
    """VERSION, PATCHLEVEL, SUBLEVEL and EXTRAVERSION make the version."""
    assert tree.version == "7.3.4-toy"


def test_a_plain_folder_is_told_from_what_was_built_in_it(toy: Path, tree: Tree) -> None:
    """Objects, generated headers and dot files are no part of a tree."""
    before = set(tree.files())
    leave_a_build_in(toy)
    assert set(tree.files()) == before
    assert {"Makefile", "mm/page_alloc.c", "arch/um/include/asm/page.h"} <= before


def test_a_git_tree_is_what_git_does_not_ignore(toy: Path, tree: Tree) -> None:
    """Files that are not committed yet count, ignored ones do not."""
    git(toy, "init", "-q")
    (toy / ".gitignore").write_text("*.o\n")
    git(toy, "add", "-A")
    git(toy, "commit", "-qm", "all")
    (toy / "mm" / "new.c").touch()
    (toy / "mm" / "new.o").touch()
    (toy / "Kbuild").unlink()
    found = tree.files()
    assert "mm/new.c" in found
    assert not {"mm/new.o", "Kbuild"} & set(found)


def test_a_tarball_is_unpacked_once(toy: Path, tmp_path: Path) -> None:
    """The same tarball leads to the same folder, which has the tree."""
    with tarfile.open(tmp_path / "linux-source-7.3.tar.xz", "w:xz") as archive:
        archive.add(toy, "linux-source-7.3")
    first = find(tmp_path / "linux-source-7.3.tar.xz", tmp_path / "unpacked")
    (first.path / "mark").touch()
    again = find(tmp_path / "linux-source-7.3.tar.xz", tmp_path / "unpacked")
    assert first.version == "7.3.4-toy"
    assert (again.path / "mark").exists()


def test_a_broken_tarball_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """What tar says is in the line, and no folder stays."""
    (tmp_path / "linux-source-7.3.tar.xz").write_bytes(b"no archive")
    with pytest.raises(KernelTreeError, match="does not unpack"):
        find(tmp_path / "linux-source-7.3.tar.xz", tmp_path / "unpacked")
    assert not list((tmp_path / "unpacked").iterdir())


@pytest.mark.parametrize("name", ["Makefile", "mm/page_alloc.c", "arch/um/Makefile"])
def test_what_is_no_kernel_tree_is_refused(toy: Path, name: str) -> None:
    """The file that is missing is named."""
    (toy / name).unlink()
    with pytest.raises(KernelTreeError, match=f"has no {name}: give the top"):
        find(toy, toy)


def test_a_makefile_of_something_else_is_refused(toy: Path) -> None:
    """A Makefile without a version is no kernel's."""
    (toy / "Makefile").write_text("all:\n")
    with pytest.raises(KernelTreeError, match="names no VERSION"):
        find(toy, toy)


def test_a_fingerprint_is_of_the_files_as_they_are(toy: Path, tree: Tree) -> None:
    """It stays while nothing changes, and a file written again, or a new one, makes another."""
    before = tree.files()
    assert fingerprint(before) == fingerprint(tree.files())
    (toy / "mm" / "new.c").touch()
    (toy / "Kbuild").write_text("obj-y += mm/\n")
    after = tree.files()
    assert fingerprint(before) != fingerprint(after)
    assert changed(before, after) == ["Kbuild", "mm/new.c"]
