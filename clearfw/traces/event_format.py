"""Event formats: where a kernel's trace records have their fields, and what its gfp bits are called."""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import GfpError, TraceError
from clearfw.gfp import Gfp
from clearfw.traces.file import BATCH, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The tracepoints of include/trace/events/kmem.h, in group kmem.
EVENTS: Mapping[Kind, str] = {
    Kind.ALLOC: "mm_page_alloc",
    Kind.FREE: "mm_page_free",
    Kind.FREE_BATCHED: "mm_page_free_batched",
}
_FIELD = re.compile(r"^\tfield:\s*[^;]*?(\w+)(?:\[\w*\])?;\s*offset:(\d+);\s*size:(\d+);", re.MULTILINE)
_NAME = re.compile(r"^name: (\w+)$", re.MULTILINE)
_ID = re.compile(r"^ID: (\d{1,5})$", re.MULTILINE)
_FLAG = re.compile(r'\{([^{}"]+),\s*"(\w+)"\s*\}')
# "(unsigned long)", "( gfp_t)": parentheses around nothing but words.
_CAST = re.compile(r"\(\s*[A-Za-z_]\w*(?:\s+[A-Za-z_]\w*)*\s*\)")
_SUFFIX = re.compile(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b")
_WORD = 2**64 - 1
_BITS = 64
# The least that an event takes in a sub-buffer, csrc/trace/ring_buffer.h: RB_EVENT_BYTES.
_EVENT_BYTES = 8


@attrs.frozen
class Field:
    """Place of a field in bytes; size 0 means that the record does not have it."""

    offset: int
    size: int


ABSENT = Field(0, 0)


@attrs.frozen
class Format:
    """A tracepoint's format file.

    Attributes:
        name: of the tracepoint.
        id: what its records carry as common_type.
        fields: by name, the common ones too.
        print_fmt: how the kernel prints a record, flags by their names.

    """

    name: str
    id: int
    fields: Mapping[str, Field]
    print_fmt: str


@attrs.frozen
class Record:
    """Places of the fields in the records of one tracepoint."""

    id: int
    pid: Field
    pfn: Field
    order: Field = ABSENT
    gfp: Field = ABSENT
    migratetype: Field = ABSENT


@attrs.frozen
class Layout:
    """Layout of a sub-buffer: struct rb_layout of csrc/trace/ring_buffer.h.

    Attributes:
        nbytes: of a sub-buffer, with its header.
        data: where its events start.
        timestamp, commit: fields of its header.
        type: the field of every record that says its tracepoint.
        records: of the tracepoints that were recorded.

    """

    nbytes: int
    data: int
    timestamp: Field
    commit: Field
    type: Field
    records: Mapping[Kind, Record]


@attrs.frozen
class GfpMap:
    """One kernel's gfp bits as clearfw.gfp's.

    Attributes:
        known: from each bit of that kernel to the bits that its name has here.
        unknown: bits with a name that means nothing here.

    """

    known: Mapping[int, int]
    unknown: Mapping[int, str]

    def translate(self, flags: int) -> tuple[int, frozenset[str]]:
        """Return FLAGS in clearfw.gfp's bits, and what of them has no name here."""
        bits, strange = 0, set()
        for bit in (1 << position for position in range(_BITS) if flags >> position & 1):
            if bit in self.known:
                bits |= self.known[bit]
            else:
                strange.add(self.unknown.get(bit, hex(bit)))
        return bits, frozenset(strange)


def parse(text: str, what: str) -> Format:
    """Return the format file TEXT, called WHAT in errors; raises TraceError."""
    name, id_ = _NAME.search(text), _ID.search(text)
    fields = _fields(text)
    if name is None or id_ is None or not fields:
        msg = f"{what} is not an event format (no name, ID or fields): copy it from events/kmem/ unchanged"
        raise TraceError(msg)
    return Format(name[1], int(id_[1]), fields, text.partition("\nprint fmt:")[2].strip())


def layout(header_page: str, formats: Mapping[Kind, Format]) -> Layout:
    """Return the layout that the kernel's header_page and formats tell of; raises TraceError."""
    header = _fields(header_page)
    if not header.keys() >= {"timestamp", "commit", "data"}:
        msg = "header_page does not describe timestamp, commit and data: copy it from events/ unchanged"
        raise TraceError(msg)
    if not formats:
        msg = f"the folder has no format of {', '.join(EVENTS.values())}: copy at least one"
        raise TraceError(msg)
    data = header["data"]
    if not 0 < data.size <= BATCH * _EVENT_BYTES or data.offset > data.size:
        msg = f"header_page has sub-buffers of {data.size} bytes, clearfw reads up to {BATCH * _EVENT_BYTES}"
        raise TraceError(msg)
    records = {kind: _record(kind, form) for kind, form in formats.items()}
    types = {_field(form, "common_type") for form in formats.values()}
    if len(types) > 1:
        msg = "the formats put common_type in different places: they come from different kernels"
        raise TraceError(msg)
    return Layout(
        data.offset + data.size, data.offset, header["timestamp"], header["commit"], types.pop(), records
    )


def gfp_map(form: Format) -> GfpMap:
    """Return what the print fmt of mm_page_alloc calls each bit of gfp_flags; raises TraceError."""
    table = _FLAG.findall(form.print_fmt.partition("__print_flags")[2])
    if not table:
        msg = f"the format of {form.name} has no table of gfp flags: it is not a kernel's format file"
        raise TraceError(msg)
    known: dict[int, int] = {}
    unknown: dict[int, str] = {}
    for expression, name in table:
        mask = constant(expression)
        # The other names are several bits, or second names of one.
        if not name.startswith("__GFP_") or mask.bit_count() != 1:
            continue
        try:
            known[mask] = int(Gfp.parse(name))
        except GfpError:
            unknown[mask] = name
    return GfpMap(known, unknown)


def constant(expression: str) -> int:
    """Return the value, of 64 bits, of a constant expression in C; raises TraceError."""
    text = _SUFFIX.sub(r"\1", _CAST.sub("", expression))
    try:
        return _value(ast.parse(text.strip(), mode="eval").body) & _WORD
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        msg = f"not a constant: {expression.strip()[:60]!r}: this clearfw cannot read the format file"
        raise TraceError(msg) from error


_BINARY: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[int], int]] = {
    ast.Invert: operator.invert,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def _value(node: ast.expr) -> int:
    """Return the value of what C and Python write, and mean, alike; raises ValueError for anything else."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value & _WORD
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand)) & _WORD
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, (ast.LShift, ast.RShift)) and right >= _BITS:
            msg = "a shift beyond the word"
            raise ValueError(msg)
        return _BINARY[type(node.op)](left, right) & _WORD
    msg = f"{type(node).__name__} in a constant"
    raise ValueError(msg)


def _fields(text: str) -> dict[str, Field]:
    return {name: Field(int(offset), int(size)) for name, offset, size in _FIELD.findall(text)}


def _field(form: Format, name: str) -> Field:
    if name not in form.fields:
        msg = f"the format of {form.name} has no field {name}: this clearfw cannot read that kernel's events"
        raise TraceError(msg)
    return form.fields[name]


def _record(kind: Kind, form: Format) -> Record:
    if form.name != EVENTS[kind]:
        msg = f"a format of {form.name} has the file name of {EVENTS[kind]}: copy each under its own name"
        raise TraceError(msg)
    if kind is Kind.FREE_BATCHED:
        return Record(form.id, _field(form, "common_pid"), _field(form, "pfn"))
    record = Record(form.id, _field(form, "common_pid"), _field(form, "pfn"), _field(form, "order"))
    if kind is Kind.FREE:
        return record
    return attrs.evolve(record, gfp=_field(form, "gfp_flags"), migratetype=_field(form, "migratetype"))
