"""A tree before and after the patches that a user gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw.errors import PatchError
from clearfw.kernel_tree import patches
from clearfw.kernel_tree.build import Variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from clearfw.kernel_tree.tree import Tree

BEFORE, AFTER = "before", "after"


@attrs.frozen
class Variants:
    """The tree as it stands, and with its patches; `notes` are what must be known of how they apply."""

    before: Variant
    after: Variant | None
    notes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Variant, ...]:
        """Both, or the one there is."""
        return (self.before,) if self.after is None else (self.before, self.after)


def read(tree: Tree, files: Sequence[Path], *, reverse: bool) -> Variants:
    """Return TREE before and after the patches in FILES, or before them alone where there are none.

    REVERSE takes the patches back. Raises PatchError.
    """
    before = Variant(BEFORE, {})
    if not files:
        if reverse:
            msg = "-R asked for without a patch to take back: name it with --patch"
            raise PatchError(msg)
        return Variants(before, None)
    given = [patch for file in files for patch in patches.read(file)]
    patched = patches.apply(given, lambda name: _original(tree, name), reverse=reverse)
    if not patched.files:
        msg = f"{', '.join(map(str, files))} leaves the tree as it is: give a patch that changes it"
        raise PatchError(msg)
    return Variants(before, Variant(AFTER, patched.files), (*patched.notes, *_unseen(patched.files)))


def _original(tree: Tree, name: str) -> bytes | None:
    path = tree.path / name
    return path.read_bytes() if path.is_file() else None


def _unseen(files: Iterable[str]) -> Iterator[str]:
    """Yield what a patch changes that a User-Mode Linux has not: code of other architectures."""
    arch = [name for name in files if name.startswith("arch/") and not name.startswith("arch/um/")]
    if arch:
        yield f"User-Mode Linux is built without {', '.join(arch)}: what they change is not in these kernels"
