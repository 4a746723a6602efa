"""Page events from text that is damaged, hostile, or none: counted, shown, and never fatal."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sample_texts import (
    ALLOC,
    ALLOCATED,
    COUNTS,
    FLAGS,
    FREE,
    FREED,
    HEAD,
    all_accounted,
    parse,
    real,
)

from clearfw import _core
from clearfw.traces.file import Events

# As csrc/trace/trace_text.h has them.
LONGEST = 16384
KEPT = 8

BAD = [
    ("what is this", 1, "TASK-PID [CPU] TIME: EVENT", "what is this"),
    ("  what is this", 3, "TASK-PID [CPU] TIME: EVENT", "what is this"),
    ("\x00\x00\x01", 1, "TASK-PID [CPU] TIME: EVENT", "\x00\x00\x01"),
    ("sh-61 [001] what: x", 19, 'a time and ":"', "x"),
    (f"sh-61 [001] ..... 6.139211 {FREE}", 19, 'a time and ":"', f"6.139211 {FREE}"[:40]),
    ("sh-61 [001] ..... 6.1392111234: x", 19, 'a time and ":"', "6.1392111234: x"),
    ("sh-61 [001] ..... 99999999999.000000: x", 19, 'a time and ":"', "99999999999.000000: x"),
    ("sh-61 [001] ..... 99999999999999999999: x", 19, 'a time and ":"', "99999999999999999999: x"),
    ("sh-99999999999 [001] 6.1: x", 4, "a pid", "99999999999 [001] 6.1: x"),
    ("sh-61 [65536] 6.1: x", 8, "a processor's number", "65536] 6.1: x"),
    ("sh-61 [1.2] 6.1: x", 9, '"]" after the processor', ".2] 6.1: x"),
    ("sh-61 [1] 6.1: mm_page_fr", 16, 'an event\'s name and ":"', "mm_page_fr"),
    ("sh-61 [1] 6.1: kmem:mm_page_free", 16, 'an event\'s name and ":"', "kmem:mm_page_free"),
    ("sh-61 [1] 6.1: mm_page_free: page=0", 36, "pfn=NUMBER, once", ""),
    ("sh-61 [1] 6.1: mm_page_free: pfn=0x1", 37, "order=NUMBER, once", ""),
    ("sh-61 [1] 6.1: mm_page_alloc: pfn=0x1 order=0", 46, "gfp_flags=FLAGS, once", ""),
    ("sh-61 [1] 6.1: mm_page_free: pfn=0x1ffffffffffffffff order=0", 30, "pfn=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn=36893488147419103232 order=0", 30, "pfn=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn=0xffffffffffffffff order=0", 29, "the pfn of a page", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn=0x order=0", 30, "pfn=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn=12ab order=0", 30, "pfn=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn= order=0", 30, "pfn=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn=1 order=64", 36, "order=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn=1 order=-1", 36, "order=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn=1 pfn=1 order=0", 36, "pfn=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_free: pfn=1 order=0 what", 44, "KEY=VALUE", "what"),
    ("sh-61 [1] 6.1: mm_page_free: pfn=1 order=0\x00", 36, "order=NUMBER, once", "order=0\x00"),
    ("sh-61 [1] 6.1: mm_page_alloc: pfn=1 migratetype=128", 37, "migratetype=NUMBER, once", None),
    ("sh-61 [1] 6.1: mm_page_alloc: pfn=1 gfp_flags=", 37, "gfp_flags=FLAGS, once", None),
    ("sh-61 [1] 6.1: mm_page_alloc: [FAILED TO PARSE] pfn=0x1", 31, "KEY=VALUE", None),
    (f"sh-61 [1] 6.1: mm_page_alloc: pfn=1 order=0 gfp_flags={'x' * 1025}", 30, "gfp flags, of which", None),
    ("CPU:1 [LOST many EVENTS]", 1, "TASK-PID [CPU] TIME: EVENT", None),
    ("x" * (LONGEST + 1), 1, f"a line of at most {LONGEST} bytes", "x" * 40),
    (HEAD + ALLOC + " " * LONGEST, 1, f"a line of at most {LONGEST} bytes", None),
]


@pytest.mark.parametrize(("line", "column", "expected", "found"), BAD, ids=lambda one: str(one)[:60])
def test_a_bad_line_is_shown_and_hurts_no_other(
    line: str, column: int, expected: str, found: str | None
) -> None:
    """Its number, the column, what should have stood there and what does; the lines around it are read."""
    text = "\n".join([HEAD + FREE, line, HEAD + ALLOC]).encode()

    parsed = parse(text)

    assert parsed.rows == [FREED, ALLOCATED]
    assert len(parsed.bad) == 1
    assert (2, column) == parsed.bad[0][:2]
    assert parsed.bad[0][2].startswith(expected)
    assert found is None or found.encode() == parsed.bad[0][3]


def test_bad_lines_are_all_counted_and_the_first_kept() -> None:
    """However many there are."""
    parsed = parse(b"what\n" * 1000)

    assert parsed.lines["bad"] == 1000
    assert [line for line, *_ in parsed.bad] == list(range(1, KEPT + 1))


def test_more_distinct_flags_than_a_kernel_has_are_bad_lines() -> None:
    """Memory is bounded also where each line has flags of its own."""
    lines = [(HEAD + ALLOC).replace(FLAGS, f"0x{number:x}") for number in range(5000)]

    parsed = parse("\n".join(lines).encode(), room=6000)

    assert len(parsed.rows) == 4096
    assert parsed.lines["bad"] == 5000 - 4096


def test_no_memory_for_flags_is_a_bad_line() -> None:
    """What the host refuses is neither a crash nor other flags."""
    parser, events = _core.TraceText(), Events.room(2)
    _core.fail_after(1)

    parser.feed(f"{HEAD}{FREE}\n{HEAD}{ALLOC}\n".encode(), events, 0)

    assert (parser.lines["bad"], parser.gfp_flags) == (1, [FLAGS.encode()])


SAMPLE = b"".join(real(name)[:3000] for name in COUNTS)


@given(cuts=st.lists(st.integers(0, len(SAMPLE)), max_size=20).map(tuple), room=st.integers(1, 100))
def test_how_it_is_cut_changes_nothing(cuts: tuple[int, ...], room: int) -> None:
    """Fed in any pieces, and with any room for events, a text is the same."""
    assert parse(SAMPLE) == parse(SAMPLE, cuts, room)


def mutated(text: bytes, source: random.Random) -> bytes:
    """Return TEXT with some bytes changed, taken out, or doubled, and lines so too."""
    changed = bytearray(text)
    for _ in range(source.randrange(1, 60)):
        at, length = source.randrange(len(changed)), source.randrange(1, 30)
        piece = changed[at : at + length]
        new = source.choice(
            [b"", piece * 2, source.randbytes(length), b"\n", b"[", b"-", b"9" * length, b" " * length]
        )
        changed[at : at + length] = new
    return bytes(changed)


def test_no_damage_is_too_much() -> None:
    """Real lines, damaged at random, are each an event, an other, a comment, a loss or bad."""
    source = random.Random(7)
    for _ in range(300):
        text = mutated(SAMPLE, source)
        parsed = parse(text, room=len(SAMPLE) // 40)

        assert all_accounted(parsed)
        assert parsed.lines["all"] == text.count(b"\n") + (not text.endswith(b"\n"))
        assert all(row[6] < 64 and row[3] >= -1 for row in parsed.rows)


@given(text=st.binary(max_size=400))
def test_any_bytes_will_do(text: bytes) -> None:
    """What is no text at all is read to its end."""
    assert all_accounted(parse(text))
