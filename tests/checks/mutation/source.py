"""A strategy in C as a syntax tree, and the mutants that are made of it."""

from __future__ import annotations

import difflib
import functools
import hashlib
import re
from typing import TYPE_CHECKING

import attrs
import tree_sitter
import tree_sitter_c

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STRATEGY = re.compile(rb"^CLEARFW_STRATEGY\((\w+),(.*?)\);", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(rb"\.(\w+)\s*=\s*(\w+)")


@functools.cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))


@attrs.frozen
class Edit:
    """Bytes START to END of a source, and what stands there instead."""

    start: int
    end: int
    text: bytes


@attrs.frozen
class Mutant:
    """A strategy with one mistake.

    Attributes:
        path: of the strategy it was made of.
        operator: what was done to it, a few words that are the same for all of the kind.
        line: where in the original, from 1.
        original, text: the source before and after.
        becomes: that line in the mutant, without the blanks around it; "" where other lines changed as well.
        family: which mutants it is drawn with.
        everywhere: of one at an init point alone, the text with the same change made everywhere.

    """

    path: Path
    operator: str
    line: int
    original: bytes
    text: bytes
    becomes: str = ""
    family: str = "changed"
    everywhere: bytes = b""

    @property
    def id(self) -> str:
        """Twelve hex digits of what the compiler sees: comments, blanks and line breaks do not count."""
        return hashlib.sha256(b"\0".join(tokens(self.text))).hexdigest()[:12]

    @property
    def changed(self) -> str:
        """The line of the original that it begins at, without the blanks around it."""
        return self.original.splitlines()[self.line - 1].decode(errors="replace").strip()

    def diff(self) -> str:
        """Return what was changed, as a unified diff."""
        before, after = (
            text.decode(errors="replace").splitlines(keepends=True) for text in (self.original, self.text)
        )
        return "".join(
            difflib.unified_diff(before, after, self.path.name, f"{self.path.name}: {self.operator}")
        )


@attrs.frozen
class Source:
    """A strategy's text with its tree."""

    path: Path
    text: bytes
    root: tree_sitter.Node

    @classmethod
    def read(cls, path: Path) -> Source:
        """Return the strategy in PATH; raises OSError if it cannot be read."""
        return cls.of(path, path.read_bytes())

    @classmethod
    def of(cls, path: Path, text: bytes) -> Source:
        """Return TEXT as the strategy in PATH."""
        return cls(path, text, _parser().parse(text).root_node)

    def members(self) -> dict[str, str]:
        """Return the functions that CLEARFW_STRATEGY() names, by member; empty where there is none."""
        match = _STRATEGY.search(self.text)
        named = _MEMBER.findall(match[2]) if match else []
        return {member.decode(): function.decode() for member, function in named}

    def functions(self) -> list[tree_sitter.Node]:
        """Return every function definition, those inside #ifdef too, in order."""
        return [node for node in walk(self.root) if node.type == "function_definition"]

    def of_node(self, node: tree_sitter.Node) -> bytes:
        """Return the text of NODE."""
        return self.text[node.start_byte : node.end_byte]

    def mutant(self, operator: str, *edits: Edit) -> Mutant:
        """Return it with EDITS made, which do not overlap and are named OPERATOR."""
        text = self.text
        for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        line = self.text.count(b"\n", 0, min(edit.start for edit in edits)) + 1
        becomes = text.splitlines()[line - 1].decode(errors="replace").strip() if len(edits) == 1 else ""
        return Mutant(self.path, operator, line, self.text, text, becomes)

    def replaced(self, operator: str, node: tree_sitter.Node, text: bytes) -> Mutant:
        """Return it with TEXT in the place of NODE."""
        return self.mutant(operator, Edit(node.start_byte, node.end_byte, text))


def walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Yield NODE and all below it, in the order of the text."""
    yield node
    for child in node.children:
        yield from walk(child)


def tokens(text: bytes) -> Iterator[bytes]:
    """Yield the tokens of TEXT, its comments left out."""
    for node in walk(_parser().parse(text).root_node):
        if not node.children and node.type != "comment":
            yield b" ".join(text[node.start_byte : node.end_byte].split())


def function_name(function: tree_sitter.Node) -> str:
    """Return the name that a function definition defines."""
    declarator = function.child_by_field_name("declarator")
    while declarator is not None and declarator.type != "identifier":
        declarator = declarator.child_by_field_name("declarator")
    return (declarator.text or b"").decode() if declarator is not None else ""


def parameters(function: tree_sitter.Node) -> list[str]:
    """Return the names of a function definition's parameters."""
    declarator = function.child_by_field_name("declarator")
    while declarator is not None and declarator.type != "function_declarator":
        declarator = declarator.child_by_field_name("declarator")
    found = declarator.child_by_field_name("parameters") if declarator is not None else None
    declared = [node for node in found.children if node.type == "parameter_declaration"] if found else []
    return [_declared_name(node) for node in declared]


def _declared_name(node: tree_sitter.Node) -> str:
    names = [(one.text or b"").decode() for one in walk(node) if one.type == "identifier"]
    return names[-1] if names else ""
