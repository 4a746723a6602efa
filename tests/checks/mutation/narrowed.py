"""A mutant that is wrong at one init point alone: the others keep the functions as they were."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
from checks.mutation.source import Edit, Source, function_name, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter
    from checks.mutation.source import Mutant

_SUFFIX = b"_mutated"


def mutants(source: Source, mutant: Mutant) -> Iterator[Mutant]:
    """Yield MUTANT, of SOURCE, once for each of its init points that what was changed can be reached from.

    Nothing where only one init point reaches it, or where a table of functions hides who reaches what.
    """
    changed = _changed_function(source, mutant)
    if not changed or _has_table_of_functions(source):
        return
    members = [member for member, name in source.members().items() if changed in _reached(source, name)]
    if len(members) > 1:
        yield from (_only_at(source, mutant, member) for member in members)


def _only_at(source: Source, mutant: Mutant, member: str) -> Mutant:
    wrong = Source.of(source.path, mutant.text)
    names = {name.encode() for name in _reached(wrong, source.members()[member])}
    copies = b"\n\n".join(_renamed(wrong, item, names) for item in _items_defining(wrong, names))
    strategy = source.text.index(b"CLEARFW_STRATEGY(")
    function = source.members()[member].encode()
    at = re.compile(rb"\.%s\s*=\s*(%s)\b" % (member.encode(), function)).search(source.text, strategy)
    assert at is not None
    one = source.mutant(
        f"{mutant.operator}, for {member} alone",
        Edit(strategy, strategy, copies + b"\n\n"),
        Edit(at.start(1), at.end(1), function + _SUFFIX),
    )
    return attrs.evolve(
        one, line=mutant.line, becomes=mutant.becomes, family="at one init point", everywhere=mutant.text
    )


def _items_defining(source: Source, names: set[bytes]) -> list[tree_sitter.Node]:
    """Return the top-level items that define functions of NAMES, with the #ifdef around them."""

    def defines(node: tree_sitter.Node) -> bool:
        return node.type == "function_definition" and function_name(node).encode() in names

    return [item for item in source.root.children if any(map(defines, walk(item)))]


def _renamed(source: Source, item: tree_sitter.Node, names: set[bytes]) -> bytes:
    text, at = b"", item.start_byte
    for node in walk(item):
        if node.type == "identifier" and source.of_node(node) in names:
            text += source.text[at : node.end_byte] + _SUFFIX
            at = node.end_byte
    return text + source.text[at : item.end_byte]


def _changed_function(source: Source, mutant: Mutant) -> str:
    """Return the name of the function that MUTANT was changed in; "" outside of all."""
    for function in source.functions():
        if function.start_point[0] < mutant.line <= function.end_point[0] + 1:
            return function_name(function)
    return ""


def _has_table_of_functions(source: Source) -> bool:
    names = {function_name(one).encode() for one in source.functions()}
    return any(
        node.type == "identifier" and source.of_node(node) in names
        for item in source.root.children
        if item.type == "declaration"
        for node in walk(item)
    )


def _reached(source: Source, name: str) -> set[str]:
    """Return the names of the functions that NAME can come to call, its own too."""
    calls: dict[str, set[str]] = {}
    for one in source.functions():
        named = {source.of_node(node).decode() for node in walk(one) if node.type == "identifier"}
        calls.setdefault(function_name(one), set()).update(named)
    reached, new = set(), {name}
    while new:
        reached |= new
        new = {one for caller in new for one in calls.get(caller, ()) if one in calls} - reached
    return reached
