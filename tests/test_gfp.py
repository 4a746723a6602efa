"""gfp flags: the numbers of the core, the names and the print of the kernel."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clearfw.errors import GfpError
from clearfw.gfp import KERNEL_NAMES, Gfp, show

GFP_H = Path(__file__).parent.parent / "clearfw" / "csrc" / "mm" / "gfp.h"

# Every distinct text in the traces of Linux 7.3-rc7 that the trace tests replay.
TRACED = (
    "GFP_ATOMIC|__GFP_RECLAIMABLE|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP|__GFP_NOMEMALLOC",
    "GFP_HIGHUSER_MOVABLE|__GFP_COMP",
    "GFP_HIGHUSER_MOVABLE|__GFP_ZERO|__GFP_COMP",
    "GFP_KERNEL_ACCOUNT|__GFP_ZERO|__GFP_COMP",
    "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP|__GFP_NOMEMALLOC",
    "GFP_KERNEL|__GFP_RECLAIMABLE|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP|__GFP_NOMEMALLOC",
    "GFP_KERNEL|__GFP_ZERO|__GFP_COMP",
    "GFP_NOWAIT",
    "GFP_NOWAIT|__GFP_HIGHMEM|__GFP_IO|__GFP_FS|__GFP_ZERO",
    "GFP_TRANSHUGE",
    "__GFP_IO|__GFP_FS|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP|__GFP_NOMEMALLOC",
    "__GFP_RECLAIMABLE|__GFP_IO|__GFP_FS|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP|__GFP_NOMEMALLOC",
)

gfps = st.integers(0, 2**32 - 1).map(Gfp)


def test_the_bits_are_those_of_the_core() -> None:
    """Each single bit has in Python the name and the number it has in csrc/mm/gfp.h, and none is missing."""
    bits = {name: 1 << int(bit) for name, bit in re.findall(r"X\((\w+), (\d+)\)", GFP_H.read_text())}

    assert bits
    assert bits == {f"__GFP_{flag.name}": flag.value for flag in Gfp}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("__GFP_RECLAIM", 0xC00),
        ("GFP_ATOMIC", 0x820),
        ("GFP_NOWAIT", 0x2800),
        ("GFP_NOIO", 0xC00),
        ("GFP_NOFS", 0xC40),
        ("GFP_KERNEL", 0xCC0),
        ("GFP_KERNEL_ACCOUNT", 0x400CC0),
        ("GFP_USER", 0x100CC0),
        ("GFP_DMA", 0x1),
        ("GFP_DMA32", 0x4),
        ("GFP_HIGHUSER", 0x100CC2),
        ("GFP_HIGHUSER_MOVABLE", 0x2100CCA),
        ("GFP_TRANSHUGE_LIGHT", 0x21C20CA),
        ("GFP_TRANSHUGE", 0x21C24CA),
    ],
)
def test_compound_names_mean_what_they_mean_in_7_3(name: str, value: int) -> None:
    """The numbers are those a 7.3 kernel with KASAN_HW_TAGS computes."""
    assert value == Gfp[name] == Gfp.parse(name)


@pytest.mark.parametrize("name", KERNEL_NAMES)
def test_each_kernel_name_has_a_python_name(name: str) -> None:
    """`Gfp["__GFP_ZERO"]` is `Gfp.ZERO`: the same flag without its prefix."""
    assert Gfp[name] is getattr(Gfp, re.sub("^(__)?GFP_", "", name))


@pytest.mark.parametrize("text", TRACED)
def test_traced_texts_are_printed_back_unchanged(text: str) -> None:
    """What a 7.3 kernel printed is read and printed as it was."""
    assert text == show(Gfp.parse(text))


@given(gfps)
def test_what_is_shown_is_read_back(gfp: Gfp) -> None:
    """Any 32 bits survive being printed and read."""
    assert gfp == Gfp.parse(show(gfp))


@given(gfps)
def test_the_representation_is_code(gfp: Gfp) -> None:
    """Evaluating a repr gives the flags."""
    assert gfp == eval(repr(gfp))  # noqa: S307


@given(st.text() | st.lists(st.sampled_from([*KERNEL_NAMES, "none", "0x", "0x200", "", " "])).map("|".join))
@example("GFP_KERNEL||__GFP_ZERO")
@example("0x" + "f" * 5000)
def test_any_text_is_read_or_refused(text: str) -> None:
    """parse() raises nothing but GfpError."""
    try:
        gfp = Gfp.parse(text)
    except GfpError:
        return

    assert 0 <= gfp < 2**32


def test_no_flags_are_none() -> None:
    """No flag at all is the word the kernel prints for it."""
    assert show(0) == "none"
    assert Gfp.parse("none") == 0


def test_compounds_are_tried_first_and_the_rest_goes_by_bit() -> None:
    """The print follows the kernel's table, so __GFP_DMA is printed by its compound name."""
    gfp = Gfp.ZERO | Gfp.COMP | Gfp.KERNEL | Gfp.DMA

    assert show(gfp) == "GFP_KERNEL|GFP_DMA|__GFP_ZERO|__GFP_COMP"


def test_blanks_around_names_do_not_matter() -> None:
    """People write blanks around the bar."""
    assert Gfp.parse(" GFP_KERNEL | __GFP_ZERO ") == Gfp.KERNEL | Gfp.ZERO


def test_numbers_in_a_trace_never_become_a_flag_that_moves() -> None:
    """1 << 24 is __GFP_NO_OBJ_EXT in most kernels: reading it as __GFP_SKIP_ZERO would leave pages dirty."""
    assert Gfp.parse("GFP_KERNEL|0x1000000") == Gfp.KERNEL
    assert Gfp.parse("GFP_KERNEL|0x10000200") == Gfp.KERNEL | 0x10000200


@pytest.mark.parametrize(
    ("text", "gfp"),
    [
        ("GFP_ATOMIC|__GFP_ATOMIC", Gfp.ATOMIC),
        ("__GFP_SKIP_KASAN_UNPOISON", Gfp.SKIP_KASAN),
        ("GFP_KERNEL|__GFP_SKIP_KASAN_POISON", Gfp.KERNEL),
    ],
)
def test_names_that_6_x_traces_carry_are_known(text: str, gfp: Gfp) -> None:
    """A flag the kernel has dropped since reads as what 7.3 makes of it."""
    assert gfp == Gfp.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("GFP_KERNEL|__GFP_ZER0", r"unknown gfp flag '__GFP_ZER0' \(did you mean '__GFP_ZERO'\?\): write"),
        ("gfp_kernel", r"unknown gfp flag 'gfp_kernel' \(did you mean 'GFP_KERNEL'\?\)"),
        ("GFP_KERNEL|", "unknown gfp flag '': write"),
        ("GFP_KERNEL|none", "unknown gfp flag 'none'"),
        ("0x100000000", "unknown gfp flag '0x100000000'"),
    ],
)
def test_an_unknown_flag_is_named_with_the_nearest(text: str, message: str) -> None:
    """The error says which flag of several it was, and what it may have been."""
    with pytest.raises(GfpError, match=message):
        Gfp.parse(text)
