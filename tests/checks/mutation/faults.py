"""One mistake under one condition: at one init point, for one size, zone, page size, KASAN mode or position.

A function of its own stands at the init point: where the condition holds it makes the mistake, and then it
does what the strategy does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
from checks.mutation.source import Edit, function_name, parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tree_sitter
    from checks.mutation.source import Mutant, Source

_BLOCKS = ("kernel_init_pages", "init_on_alloc", "init_on_free")
_AREAS = ("init_vmalloc_pages", "init_on_vmalloc")


@attrs.frozen
class Point:
    """What an init point gives: how to write its first page and its number of pages in C."""

    member: str
    first: str
    npages: str


@attrs.frozen
class Fault:
    """A mistake, wrong wherever it is made, whatever the strategy does there.

    Attributes:
        name: a few words.
        code: statements, with {first} and {npages}, and RETURN for a claim.
        only: an option without which it would be no mistake.

    """

    name: str
    code: str
    only: str = ""


_TOUCH = "{{ void *fault_at_ = kmap_local_page({first}); {do} kunmap_local(fault_at_); }}"

FAULTS = (
    Fault("claims and clears nothing", "RETURN"),
    Fault("sleeps", "might_sleep();"),
    Fault("writes to struct page", "({first})->private = 0x5eed;"),
    Fault("counts in a static", "{{ static unsigned long fault_count_; fault_count_ += {npages}; }}"),
    Fault("keeps the guard", "kasan_disable_current();", "KASAN"),
    Fault("takes back a guard too many", "kasan_enable_current();", "KASAN"),
    Fault("keeps a mapping", "kmap_local_page({first});", "HIGHMEM"),
    Fault("clears the page behind", "clear_highpage_kasan_tagged({first} + {npages});"),
    Fault(
        "stores through a tag",
        _TOUCH.replace("{do}", "*(volatile char *)clearfw_set_tag(kasan_reset_tag(fault_at_), 0x3c) = 0;"),
        "TAGS",
    ),
    Fault("loads without the guard", _TOUCH.replace("{do}", "(void)*(volatile char *)fault_at_;"), "FREED"),
    Fault(
        "leaves stores unordered",
        "clear_pages_incoherent(kasan_reset_tag(page_address({first})), 1);",
        "LOWMEM",
    ),
)


@attrs.frozen
class When:
    """A condition: its name, the C for it, and the options that it takes."""

    name: str
    code: str
    options: frozenset[str] = frozenset()
    members: tuple[str, ...] = (*_BLOCKS, "init_bulk", *_AREAS)


def _enabled(option: str) -> str:
    return f"IS_ENABLED(CONFIG_{option})"


WHENS = (
    When("always", "1"),
    When("for one page", "{npages} == 1"),
    When("for two pages and more", "{npages} > 1"),
    When("from order 5 on", "{npages} >= 32", members=_BLOCKS),
    When("at order 9", "{npages} == 512", members=_BLOCKS),
    When("at order 10", "{npages} == 1024", members=_BLOCKS),
    When("above MAX_PAGE_ORDER", "{npages} > 1024", members=_BLOCKS),
    When("from 1 GiB on", "(unsigned long){npages} * PAGE_SIZE >= 1UL << 30", members=_BLOCKS),
    When("for odd counts above one", "({npages} & 1) && {npages} > 1"),
    When("for lists above 64", "{npages} > 64", members=("init_bulk",)),
    When("for lists above 600", "{npages} > 600", members=("init_bulk",)),
    When("for areas above 2 MiB", "(unsigned long){npages} * PAGE_SIZE > 2UL << 20", members=_AREAS),
    When("for a partial last page", "size % PAGE_SIZE", members=_AREAS),
    When("in HIGHMEM", "PageHighMem({first})", frozenset({"HIGHMEM"})),
    When(
        "in lowmem with HIGHMEM",
        "IS_ENABLED(CONFIG_HIGHMEM) && !PageHighMem({first})",
        frozenset({"HIGHMEM"}),
    ),
    When("beyond 4 GiB", "page_to_pfn({first}) * PAGE_SIZE >= 1ULL << 32"),
    When("under generic KASAN", _enabled("KASAN_GENERIC"), frozenset({"KASAN", "FREED"})),
    When("under SW_TAGS", _enabled("KASAN_SW_TAGS"), frozenset({"KASAN", "TAGS"})),
    When("under HW_TAGS", _enabled("KASAN_HW_TAGS"), frozenset({"TAGS"})),
    When("with 16 KiB pages", "PAGE_SHIFT == 14"),
    When("with 64 KiB pages", "PAGE_SHIFT == 16"),
)
_PLAIN = frozenset(
    {"always", "for one page", "for two pages and more", "at order 9", "for odd counts above one"}
)


def mutants(source: Source) -> Iterator[Mutant]:
    """Yield SOURCE with every fault at every one of its init points under every condition."""
    by_name = {function_name(node): node for node in source.functions()}
    for member, name in source.members().items():
        function = by_name.get(name)
        if function is None:
            continue
        point = _point(member, parameters(function))
        for when in WHENS:
            for fault in FAULTS:
                if _is_wrong(fault, when, member):
                    yield _faulty(source, function, point, fault, when)


def _is_wrong(fault: Fault, when: When, member: str) -> bool:
    """Return whether FAULT is a mistake at MEMBER under WHEN, and the condition can hold there."""
    if member not in when.members:
        return False
    if fault.only == "FREED":  # only what was freed is poisoned
        return member == "init_on_free" and (when.name in _PLAIN or "FREED" in when.options)
    if fault.name == "sleeps" and member in _AREAS:  # vmalloc() may
        return False
    if fault.only == "LOWMEM":
        return "HIGHMEM" not in when.options and "TAGS" not in when.options
    if fault.only in {"KASAN", "TAGS", "HIGHMEM"}:
        return member not in _AREAS and (when.name in _PLAIN or fault.only in when.options)
    return True


def _point(member: str, names: list[str]) -> Point:
    """Return how C at MEMBER names what it was given, where its parameters have NAMES."""
    if member in _AREAS:
        return Point(member, f"vmalloc_to_page({names[0]})", f"DIV_ROUND_UP({names[1]}, PAGE_SIZE)")
    first = f"{names[0]}[0]" if member == "init_bulk" else names[0]
    return Point(member, f"({first})", names[1])


def _faulty(source: Source, function: tree_sitter.Node, point: Point, fault: Fault, when: When) -> Mutant:
    name = function_name(function).encode()
    declarator = function.child_by_field_name("declarator")
    assert declarator is not None
    head = source.text[function.start_byte : declarator.end_byte]
    names = parameters(function)
    claim = "return;" if head.split(b"(")[0].split()[-2:-1] == [b"void"] else "return true;"
    condition = when.code.format(first=point.first, npages=point.npages).replace("size %", f"{names[1]} %")
    code = fault.code.format(first=point.first, npages=point.npages).replace("RETURN", claim)
    call = f"{name.decode()}({', '.join(names)});"
    body = (
        f"\n{{\n\tif ({names[1]} && ({condition})) {{\n\t\t{code}\n\t}}\n"
        f"\t{'' if claim == 'return;' else 'return '}{call}\n}}\n"
    )
    wrapper = re.sub(rb"\b%s\b" % name, b"faulty_" + name, head, count=1) + body.encode()
    end = _end_of_outermost(function)
    at = re.compile(rb"(\.%s\s*=\s*)%s\b" % (point.member.encode(), name)).search(source.text)
    assert at is not None
    named = Edit(at.end() - len(name), at.end(), b"faulty_" + name)
    operator = f"{fault.name} {when.name} ({point.member})"
    return attrs.evolve(
        source.mutant(operator, Edit(end, end, b"\n\n" + wrapper), named), family="by condition"
    )


def _end_of_outermost(node: tree_sitter.Node) -> int:
    """Return where the top-level item that NODE stands in ends: an #ifdef, perhaps."""
    while node.parent is not None and node.parent.type != "translation_unit":
        node = node.parent
    return node.end_byte
