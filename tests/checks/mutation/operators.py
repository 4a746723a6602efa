"""One place of a strategy changed: each operator yields the mutants of one kind of mistake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checks.mutation.source import Edit, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import tree_sitter
    from checks.mutation.source import Mutant, Source

    Operator = Callable[[Source, tree_sitter.Node], Iterator[Mutant]]

_RELATIONS = {
    b"<": (b"<=", b">"),
    b"<=": (b"<", b">"),
    b">": (b">=", b"<"),
    b">=": (b">", b"<"),
    b"==": (b"!=",),
    b"!=": (b"==",),
}
_LOGIC = {b"&&": b"||", b"||": b"&&"}
_ARITHMETIC = {
    b"+": b"-",
    b"-": b"+",
    b"*": b"+",
    b"/": b"*",
    b"%": b"/",
    b"<<": b">>",
    b">>": b"<<",
    b"&": b"|",
}
_COMPOUND = {
    b"+=": b"-=",
    b"-=": b"+=",
    b"*=": b"+=",
    b">>=": b"<<=",
    b"<<=": b">>=",
    b"|=": b"&=",
    b"&=": b"|=",
}
_STEPS = {b"++": b"--", b"--": b"++"}
# What is measured or warmed and not cleared: without it a strategy is slower, and as right as before.
_HARMLESS = re.compile(
    rb"\b(prefetchw?|cpu_relax|barrier|__builtin_cpu_init|__builtin_prefetch|__atomic_fetch_add|account"
    rb"|BUILD_BUG_ON|WARN_ON(_ONCE)?|VM_WARN_ON_ONCE)\("
)
_CONDITIONS = {"if_statement", "while_statement", "for_statement", "do_statement", "conditional_expression"}
# The argument that says how much, of each function that clears.
_COUNTS = {
    b"clear_pages": 1,
    b"clear_pages_incoherent": 1,
    b"clear_pages_nt": 1,
    b"memset": 2,
    b"vmalloc_run": 1,
}
_INSTEAD = {
    b"kasan_reset_tag": (b"(void *)",),
    b"kmap_local_page": (b"page_address",),
    b"clear_highpage_kasan_tagged": (b"clear_highpage",),
    b"clear_pages": (b"clear_pages_incoherent",),
    b"vmalloc_to_page": (b"virt_to_page",),
    b"PageHighMem": (b"!PageHighMem",),
    b"DIV_ROUND_UP": (b"CLEARFW_ROUNDED_DOWN",),
    b"PAGE_ALIGN": (b"ALIGN_DOWN_TO_PAGE",),
    b"min": (b"max",),
    b"max": (b"min",),
    b"ALIGN": (b"ALIGN_DOWN",),
}
_SPELT = {b"CLEARFW_ROUNDED_DOWN": b"%s / %s", b"ALIGN_DOWN_TO_PAGE": b"((%s) & PAGE_MASK)"}
_NARROWER = {
    b"unsigned long": (b"unsigned int", b"unsigned short"),
    b"unsigned int": (b"unsigned short", b"u8"),
    b"int": (b"short",),
    b"long": (b"int",),
    b"size_t": (b"unsigned int",),
    b"u64": (b"u32",),
}
_NAMED = {b"PAGE_SIZE": b"4096UL", b"PAGE_SHIFT": b"12", b"PAGE_MASK": b"~4095UL"}
_OPTIONS = {
    b"CONFIG_HIGHMEM": b"CONFIG_KASAN",
    b"CONFIG_KASAN_SW_TAGS": b"CONFIG_KASAN_HW_TAGS",
    b"CONFIG_KASAN_GENERIC": b"CONFIG_KASAN_SW_TAGS",
    b"CONFIG_KASAN_HW_TAGS": b"CONFIG_KASAN_SW_TAGS",
    b"CONFIG_KASAN": b"CONFIG_KASAN_GENERIC",
}


def mutants(source: Source) -> Iterator[Mutant]:
    """Yield every mutant of SOURCE, in the order of its text."""
    bodies = [body for one in source.functions() if (body := one.child_by_field_name("body")) is not None]
    for node in [node for body in bodies for node in walk(body)]:
        if not _is_harmless(source, node):
            for operator in OPERATORS:
                yield from operator(source, node)
    yield from constants_in_macros(source)


def statement_deleted(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """A call, an assignment, a fence, a jump: gone."""
    jumps = {"break_statement", "continue_statement", "goto_statement"}
    early = node.type == "return_statement" and node.parent is not None and node.parent.type == "if_statement"
    if (node.type in {"expression_statement", *jumps} or early) and len(source.of_node(node)) > 1:
        yield source.replaced("statement deleted", node, b";")


def condition_negated(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """Does where it did not, and does not where it did."""
    condition = node.child_by_field_name("condition") if node.type in _CONDITIONS else None
    if condition is None:
        return
    yield source.replaced("condition negated", condition, b"(!(%s))" % source.of_node(condition))
    if node.type == "if_statement":
        yield source.replaced("condition always true", condition, b"(true)")
        yield source.replaced("condition never true", condition, b"(false)")


def relation_swapped(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """Another relational or logical operator."""
    operator = node.child_by_field_name("operator") if node.type == "binary_expression" else None
    if operator is None:
        return
    was = source.of_node(operator)
    for text in _RELATIONS.get(was, ()):
        yield source.replaced("relation swapped", operator, text)
    if was in _LOGIC:
        yield source.replaced("and for or", operator, _LOGIC[was])


def bound_off_by_one(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """One more or one less on the right of a comparison."""
    right = node.child_by_field_name("right") if node.type == "binary_expression" else None
    operator = node.child_by_field_name("operator") if right is not None else None
    if right is None or operator is None or source.of_node(operator) not in _RELATIONS:
        return
    for step in (b"+", b"-"):
        yield source.replaced("bound off by one", right, b"(%s %s 1)" % (source.of_node(right), step))


def count_off_by_one(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """A page, a byte or an element more or less is cleared."""
    function, arguments = _call(source, node)
    if function not in _COUNTS or len(arguments) <= _COUNTS[function]:
        return
    count = arguments[_COUNTS[function]]
    for step in (b"+", b"-"):
        yield source.replaced("count off by one", count, b"(%s) %s 1" % (source.of_node(count), step))
    yield source.replaced("half the count", count, b"(%s) / 2" % source.of_node(count))
    yield source.replaced("one for the count", count, b"1")


def arithmetic_swapped(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """Plus for minus, times for divided by, up for down."""
    operator = node.child_by_field_name("operator")
    if operator is None:
        return
    was = source.of_node(operator)
    tables = {
        "binary_expression": _ARITHMETIC,
        "assignment_expression": _COMPOUND,
        "update_expression": _STEPS,
    }
    if was in tables.get(node.type, {}):
        yield source.replaced("arithmetic swapped", operator, tables[node.type][was])


def called_instead(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """A tag kept, a mapping left out, a zone test flipped, the wrong helper of two."""
    function, arguments = _call(source, node)
    name = node.child_by_field_name("function")
    if name is None:
        return
    for text in _INSTEAD.get(function, ()):
        if text in _SPELT:
            inside = b"(%s)" % _SPELT[text] % tuple(source.of_node(one) for one in arguments)
            yield source.replaced("rounded down", node, inside)
        else:
            yield source.replaced(f"{function.decode()}() replaced", name, text)
    if function in {b"PageHighMem", b"IS_ENABLED", b"IS_ALIGNED"}:
        yield source.replaced("test always true", node, b"1")
        yield source.replaced("test never true", node, b"0")


def constant_wrong(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """A number one too large or too small, a page size of x86, another option, true for false."""
    text = source.of_node(node)
    if node.type == "number_literal":
        yield source.replaced("constant plus one", node, b"(%s + 1)" % text)
        if text.strip(b"uUlL") != b"0":
            yield source.replaced("constant minus one", node, b"(%s - 1)" % text)
    elif node.type == "identifier" and text in _NAMED:
        yield source.replaced("page size of x86", node, _NAMED[text])
    elif node.type == "identifier" and text in _OPTIONS:
        yield source.replaced("another option", node, _OPTIONS[text])
    elif node.type in {"true", "false"}:
        yield source.replaced("true for false", node, b"false" if text == b"true" else b"true")


def type_narrowed(source: Source, node: tree_sitter.Node) -> Iterator[Mutant]:
    """A variable with fewer bits than it needs."""
    if node.type not in {"declaration", "cast_expression"}:
        return
    kind = node.child_by_field_name("type")
    for text in _NARROWER.get(source.of_node(kind), ()) if kind is not None else ():
        yield source.replaced("type narrowed", kind, text)


def constants_in_macros(source: Source) -> Iterator[Mutant]:
    """Numbers of a #define, one too large or too small."""
    for node in walk(source.root):
        if node.type != "preproc_arg":
            continue
        for match in re.finditer(rb"\b(0x[0-9a-fA-F]+|\d+)[uUlL]*\b", source.of_node(node)):
            start, end = node.start_byte + match.start(), node.start_byte + match.end()
            for step in (b"+", b"-"):
                edit = Edit(start, end, b"(%s %s 1)" % (match[0], step))
                yield source.mutant("constant of a macro off by one", edit)


OPERATORS: tuple[Operator, ...] = (
    statement_deleted,
    condition_negated,
    relation_swapped,
    bound_off_by_one,
    count_off_by_one,
    arithmetic_swapped,
    called_instead,
    constant_wrong,
    type_narrowed,
)


def _call(source: Source, node: tree_sitter.Node) -> tuple[bytes, list[tree_sitter.Node]]:
    """Return what is called and with what; nothing where NODE is no call."""
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    arguments = node.child_by_field_name("arguments") if function is not None else None
    if function is None or arguments is None:
        return b"", []
    return source.of_node(function), list(arguments.named_children)


def _is_harmless(source: Source, node: tree_sitter.Node) -> bool:
    """Return whether NODE stands in a statement or a condition that only warms, waits or counts."""
    at: tree_sitter.Node | None = node
    while at is not None and at.type not in {
        "expression_statement",
        "parenthesized_expression",
        "compound_statement",
    }:
        at = at.parent
    return at is not None and at.type != "compound_statement" and bool(_HARMLESS.search(source.of_node(at)))
