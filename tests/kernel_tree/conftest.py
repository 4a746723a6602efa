"""What the tests of kernel trees share: a toy tree, and a cache of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import toy_tree

from clearfw.kernel_tree.store import Store
from clearfw.kernel_tree.tree import Tree, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a cache of its own, and a folder for what it leaves behind."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path / "cache"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Return the top of a toy tree."""
    return toy_tree.write(tmp_path / "linux-toy")


@pytest.fixture
def store(cache: Path) -> Iterator[Store]:
    """Return a store, ready to be used."""
    made = Store(cache / "kernel")
    made.prepare()
    yield made
    assert not list(made.builds.glob(".*")), "nothing half-made stays"


@pytest.fixture
def tree(toy: Path, store: Store) -> Tree:
    """Return the toy as a tree."""
    return find(toy, store.unpacked)
