"""Strategies out of patches: what check, bench and size do with --tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from clearfw.errors import PatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearfw.registry import Registry

_SUFFIXES = (".patch", ".diff", ".mbox", ".mbx")


def tree_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --tree, --function and -R."""
    options = (
        click.option(
            "--tree",
            type=click.Path(path_type=Path),
            metavar="TREE",
            help="Take the functions of a .patch, .diff or .mbox out of this kernel tree.",
        ),
        click.option("--function", metavar="NAME", help="The function to take.  [default: the init points']"),
        click.option("-R", "--reverse", is_flag=True, help="Take the patch back instead."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def take(
    registry: Registry, named: Sequence[str], tree: Path | None, function: str | None, *, reverse: bool
) -> tuple[Registry, tuple[str, ...]]:
    """Return REGISTRY with the strategies that patches among NAMED become, and NAMED with those instead."""
    patches = [text for text in named if text.endswith(_SUFFIXES)]
    if tree is None:
        if patches or function or reverse:
            asked = patches[0] if patches else "--function" if function else "-R"
            msg = f"{asked} asked for without a tree to take functions out of: name it with --tree"
            raise PatchError(msg)
        return registry, tuple(named)
    if not patches:
        msg = f"--tree {tree} asked for without a patch: name a {', '.join(_SUFFIXES)} file"
        raise PatchError(msg)
    from clearfw.kernel_tree import extract, variants
    from clearfw.kernel_tree import tree as trees
    from clearfw.kernel_tree.store import default_store

    store = default_store()
    found = trees.find(tree, store.unpacked)
    both = variants.read(found, list(map(Path, patches)), reverse=reverse)
    given = ("without " if reverse else "") + ", ".join(Path(one).name for one in patches)
    taken = extract.strategies(found, both, given, function, store.taken)
    others = [text for text in named if text not in patches]
    known = attrs.evolve(registry, strategies={**registry.strategies, **taken})
    return known, (*taken, *others)
