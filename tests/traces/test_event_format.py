"""Event formats: fields, layouts, gfp tables and the C constants in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest
from support import raw_pages

from clearfw.errors import TraceError
from clearfw.gfp import Gfp
from clearfw.traces import event_format, file
from clearfw.traces.event_format import Field

if TYPE_CHECKING:
    from pathlib import Path

HEADER = (raw_pages.STORM / "header_page").read_text()
FORMATS = raw_pages.formats(raw_pages.STORM)
ALLOC = FORMATS[file.Kind.ALLOC]


def with_flags(table: str) -> event_format.Format:
    """Return a format whose print fmt has TABLE."""
    return attrs.evolve(ALLOC, print_fmt=f'"%s", __print_flags(REC->gfp_flags, "|", {table})')


def test_the_formats_of_a_kernel_are_read() -> None:
    """Every field has its place, and the layout is of these."""
    layout = event_format.layout(HEADER, FORMATS)

    assert (ALLOC.name, ALLOC.id) == ("mm_page_alloc", 252)
    assert ALLOC.fields["gfp_flags"] == Field(24, 8)
    assert (layout.nbytes, layout.data, layout.commit) == (4096, 16, Field(8, 8))
    assert [layout.records[kind].id for kind in file.Kind] == [252, 254, 253]


@pytest.mark.parametrize("folder", [raw_pages.STORM, raw_pages.THP], ids=lambda folder: folder.name)
def test_the_gfp_bits_of_7_3_are_ours(folder: Path) -> None:
    """clearfw's flags are those of 7.3, so that kernel's table maps each bit to itself."""
    found = event_format.gfp_map(raw_pages.formats(folder)[file.Kind.ALLOC])

    assert {bit: bit for bit in found.known} == dict(found.known)
    assert len(found.known) == 23
    assert found.unknown == {}


def test_gfp_bits_go_by_their_names() -> None:
    """Another kernel's numbers mean what its names say; what has no name here is told, and dropped."""
    table = (
        '{(unsigned long)(((gfp_t)(0x1u|0x2u))), "GFP_KERNEL"}, {( gfp_t)0x1u, "__GFP_ZERO"}, '
        '{1UL << 1, "__GFP_COMP"}, {0x4u, "__GFP_STRANGE"}, {0x8u, "__GFP_SKIP_KASAN_POISON"}'
    )
    found = event_format.gfp_map(with_flags(table))

    assert found.translate(0x3) == (Gfp.ZERO | Gfp.COMP, frozenset())
    assert found.translate(0x8) == (0, frozenset())
    assert found.translate(0x15) == (Gfp.ZERO, frozenset({"__GFP_STRANGE", "0x10"}))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("( unsigned long)(( gfp_t)((((1UL))) << (10)))", 1 << 10),
        ("(( gfp_t)0x400u|( gfp_t)0x800u) & ~(( gfp_t)0x800u)", 0x400),
        ("~0UL", 2**64 - 1),
        ("(( __force gfp_t)1 << 3) + 1 - 2", 7),
        ("16ULL >> 1 ^ 1", 9),
    ],
)
def test_constants_are_those_of_c(expression: str, value: int) -> None:
    """Casts and suffixes say nothing in 64 bits, and the rest is read as C reads it."""
    assert event_format.constant(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "___GFP_ZERO_BIT",
        "__import__('os').getpid()",
        "1 << 64",
        "1 << -1",
        "2 ** 99999999",
        "010",
        "",
        "1.5",
        "(" * 5000 + "1" + ")" * 5000,
        "[1][0]",
        "True",
        "1 if 1 else 2",
    ],
)
def test_anything_else_is_no_constant(expression: str) -> None:
    """What is not arithmetic on integers is refused, and never evaluated."""
    with pytest.raises(TraceError, match=r"not a constant: .*: this clearfw cannot read the format file"):
        event_format.constant(expression)


def test_what_is_no_format_is_refused() -> None:
    """Each thing that is missing is told by its name."""
    with pytest.raises(TraceError, match=r"x\.format is not an event format"):
        event_format.parse("hello", "x.format")
    with pytest.raises(TraceError, match="header_page does not describe timestamp"):
        event_format.layout("hello", FORMATS)
    with pytest.raises(TraceError, match="no format of mm_page_alloc"):
        event_format.layout(HEADER, {})
    with pytest.raises(TraceError, match="a format of mm_page_alloc has the file name of mm_page_free"):
        event_format.layout(HEADER, {file.Kind.FREE: ALLOC})
    fields = {name: field for name, field in ALLOC.fields.items() if name != "pfn"}
    with pytest.raises(TraceError, match="has no field pfn"):
        event_format.layout(HEADER, {file.Kind.ALLOC: attrs.evolve(ALLOC, fields=fields)})
    moved = attrs.evolve(ALLOC, fields={**ALLOC.fields, "common_type": Field(2, 2)})
    with pytest.raises(TraceError, match="common_type in different places"):
        event_format.layout(HEADER, {**FORMATS, file.Kind.ALLOC: moved})
    with pytest.raises(TraceError, match="has no table of gfp flags"):
        event_format.gfp_map(attrs.evolve(ALLOC, print_fmt='"%lx", REC->gfp_flags'))


def test_sub_buffers_past_a_batch_are_refused() -> None:
    """A header_page cannot make anyone reserve gigabytes."""
    with pytest.raises(TraceError, match="has sub-buffers of 4000000000 bytes, clearfw reads up to 524288"):
        event_format.layout(HEADER.replace("size:4080", "size:4000000000"), FORMATS)
