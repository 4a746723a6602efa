"""The shadow of a tree: links to its files, and copies of those that a patch or clearfw changes.

Builds happen in the shadow, so that the user's tree is never written to. One shadow serves all variants of
a tree, one after the other, so that make builds only what differs. make compares times: a file that changes
in the shadow becomes a copy written now, for a link would show the time of the file that it leads to.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clearfw.kernel_tree.tree import State, Tree

# What a file of the shadow is, in a form that is kept: its state in the tree, or the digest of its own text.
_Known: TypeAlias = "dict[str, str]"


@attrs.frozen
class Shadow:
    """The shadow at `folder`; `source` is what is built."""

    folder: Path

    @property
    def source(self) -> Path:
        """The tree of links."""
        return self.folder / "source"

    def show(self, tree: Tree, files: Mapping[str, State], own: Mapping[str, bytes | None]) -> None:
        """Make it show TREE with its FILES; those in OWN have that text, and are gone where it is None."""
        known = self._known()
        if not known:
            # Begun and not finished, or none yet: with it goes whatever was built of it.
            shutil.rmtree(self.folder / "source", ignore_errors=True)
            shutil.rmtree(self.builds, ignore_errors=True)
        wanted = _wanted(files, own)
        same = known.items() & wanted.items()
        if known != wanted:
            # An interrupt from here on leaves the others unknown, so that they are written anew.
            self._remember(dict(same))
            self._change(tree, known, wanted, own)
            self._remember(wanted)

    def _change(self, tree: Tree, known: _Known, wanted: _Known, own: Mapping[str, bytes | None]) -> None:
        for name in known.keys() - wanted.keys():
            (self.source / name).unlink(missing_ok=True)
        made: set[Path] = set()
        for name in wanted.keys() - {name for name, _ in known.items() & wanted.items()}:
            text = own.get(name)
            self._put(tree, name, text, link=text is None and not known, made=made)

    def _put(self, tree: Tree, name: str, text: bytes | None, *, link: bool, made: set[Path]) -> None:
        path = self.source / name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.unlink(missing_ok=True)
        if link:
            path.symlink_to(tree.path / name)
            return
        path.write_bytes((tree.path / name).read_bytes() if text is None else text)
        # Scripts are run.
        if (tree.path / name).exists():
            path.chmod((tree.path / name).stat().st_mode & 0o777 | 0o600)

    @property
    def builds(self) -> Path:
        """Where make works, a folder for each configuration."""
        return self.folder / "builds"

    @property
    def _record(self) -> Path:
        return self.folder / "shown.json"

    def _known(self) -> _Known:
        try:
            known: _Known = json.loads(self._record.read_bytes())
        except (OSError, ValueError):
            return {}
        return known

    def _remember(self, known: _Known) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self._record.with_suffix(".new")
        partial.write_text(json.dumps(known))
        partial.replace(self._record)


def _wanted(files: Mapping[str, State], own: Mapping[str, bytes | None]) -> _Known:
    wanted = {name: f"{state.nbytes} {state.mtime_ns}" for name, state in files.items()}
    for name, text in own.items():
        wanted.pop(name, None)
        if text is not None:
            wanted[name] = hashlib.sha256(text).hexdigest()
    return wanted
