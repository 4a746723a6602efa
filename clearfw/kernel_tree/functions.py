"""What a C file of a kernel tree defines, read by tree-sitter: functions, macros, variables and types."""

from __future__ import annotations

import functools
import importlib.util
import re
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import MissingExtraError, to_install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Parser

# Annotations such as __meminit stand where the grammar expects a type; integer types and calls are none.
_ANNOTATION = re.compile(r"\b(?:__(?![us]\d|[lb]e\d)\w+|noinline\w*|notrace)\b(?!\s*\()")
_HEAD = re.compile(r"^(?:static|inline|extern|void|bool|int|unsigned|struct|const|long)\b.*$", re.MULTILINE)
_IDENTIFIERS = frozenset({"identifier", "type_identifier"})
_KINDS = {
    "function_definition": "function",
    "preproc_function_def": "macro",
    "preproc_def": "macro",
    "declaration": "variable",
    "struct_specifier": "type",
    "union_specifier": "type",
    "enum_specifier": "type",
    "type_definition": "type",
}


@attrs.frozen
class Definition:
    """One definition of a file of the tree.

    Attributes:
        file, line: where it stands, the first line being 1.
        conditions: of the #if groups around it, outermost first; what holds where it counts.
        uses: the identifiers in it that it does not declare itself.
        calls: those of them that it calls, with the line of the first call.

    """

    name: str
    kind: str
    text: str
    file: str
    line: int
    conditions: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()
    calls: dict[str, int] = attrs.field(factory=dict, eq=False)

    @property
    def annotations(self) -> frozenset[str]:
        """Words such as __meminit in the head of a function."""
        head = self.text.partition("{")[0] if self.kind == "function" else ""
        return frozenset(_ANNOTATION.findall(head))


def check_extra() -> None:
    """Raise MissingExtraError unless the parser is installed."""
    for module in ("tree_sitter", "tree_sitter_c"):
        if importlib.util.find_spec(module) is None:
            msg = f"--tree needs {module}, which is not installed: {to_install('tree-sitter tree-sitter-c')}"
            raise MissingExtraError(msg)


@functools.lru_cache(maxsize=256)
def parse(file: str, text: str) -> tuple[Definition, ...]:
    """Return what TEXT, the contents of FILE, defines at its top level, in every branch of an #if."""
    data = text.encode(errors="surrogateescape")
    readable = _HEAD.sub(_without_annotations, data.decode("latin-1")).encode("latin-1")
    root = _parser().parse(readable).root_node
    return tuple(
        _definition(node, kind, file, data, conditions) for node, kind, conditions in _found(root, ())
    )


@functools.cache
def _parser() -> Parser:
    import tree_sitter_c
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_c.language()))


def _without_annotations(head: re.Match[str]) -> str:
    return _ANNOTATION.sub(lambda match: " " * len(match[0]), head[0])


def _found(node: Node, conditions: tuple[str, ...]) -> Iterator[tuple[Node, str, tuple[str, ...]]]:
    """Yield the definitions below NODE, looking into #if groups only."""
    for child in node.children:
        if child.type in {"preproc_ifdef", "preproc_if", "preproc_elif", "preproc_else"}:
            yield from _branch(child, conditions)
        elif child.type in _KINDS and _name(child):
            yield child, _KINDS[child.type], conditions


def _branch(node: Node, conditions: tuple[str, ...]) -> Iterator[tuple[Node, str, tuple[str, ...]]]:
    """Yield what an #if group defines; a header's guard is no condition."""
    condition = _condition(node)
    guard = condition.startswith("!defined(") and node.parent is not None and _is_guard(node)
    inside = conditions if guard or not condition else (*conditions, condition)
    for child in node.children:
        if child.type in {"preproc_elif", "preproc_else"}:
            yield from _branch(child, (*conditions, f"!({condition})"))
        elif child.type in _KINDS and _name(child):
            yield child, _KINDS[child.type], inside
        elif child.type in {"preproc_ifdef", "preproc_if"}:
            yield from _branch(child, inside)


def _condition(node: Node) -> str:
    if node.type == "preproc_ifdef":
        negated = node.children[0].type == "#ifndef"
        return f"{'!' if negated else ''}defined({_text(node.child_by_field_name('name'))})"
    condition = node.child_by_field_name("condition")
    return " ".join(_text(condition).replace("\\\n", " ").split()) if condition is not None else ""


def _is_guard(node: Node) -> bool:
    """Return whether an #ifndef X defines X and nothing else by its first line."""
    name = _text(node.child_by_field_name("name"))
    first = next((child for child in node.children if child.type == "preproc_def"), None)
    return first is not None and _name(first) == name and first.child_by_field_name("value") is None


def _name(node: Node) -> str:
    if node.type.startswith("preproc_"):
        return _text(node.child_by_field_name("name"))
    if node.type.endswith("_specifier"):
        return _text(node.child_by_field_name("name")) if node.child_by_field_name("body") else ""
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type not in _IDENTIFIERS:
        # A declaration of a function defines nothing.
        if node.type == "declaration" and declarator.type == "function_declarator":
            return ""
        declarator = declarator.child_by_field_name("declarator")
    return _text(declarator)


def _definition(node: Node, kind: str, file: str, data: bytes, conditions: tuple[str, ...]) -> Definition:
    body = list(_walk(node))
    name = _name(node)
    uses = {_text(one) for one in body if one.type in _IDENTIFIERS}
    declared = {_text(one) for one in body if one.type == "identifier" and _is_declared(one)}
    calls: dict[str, int] = {}
    for one in body:
        if one.type == "call_expression":
            called = one.child_by_field_name("function")
            if called is not None and called.type == "identifier":
                calls.setdefault(_text(called), called.start_point[0] + 1)
    text = data[node.start_byte : node.end_byte].decode(errors="replace")
    if kind == "macro":
        uses = set(re.findall(r"\b[A-Za-z_]\w*\b", text)) - {"define"}
    if node.type.endswith("_specifier"):
        text += ";"
    return Definition(
        name=name,
        kind=kind,
        text=text.rstrip("\n"),
        file=file,
        line=node.start_point[0] + 1,
        conditions=conditions,
        uses=frozenset(uses - declared - {name}),
        calls=calls,
    )


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _is_declared(node: Node) -> bool:
    """Return whether an identifier is the name of a parameter or of a local variable."""
    parent = node.parent
    if parent is None or parent.type not in {
        "declaration",
        "init_declarator",
        "pointer_declarator",
        "array_declarator",
        "parameter_declaration",
    }:
        return False
    return parent.child_by_field_name("declarator") == node


def _text(node: Node | None) -> str:
    return "" if node is None or node.text is None else node.text.decode(errors="replace")
