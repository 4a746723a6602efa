"""Sources: read once, with what they include, and copied to where they are compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw import strategies
from clearfw.errors import CompileError
from clearfw.toolchain.compiler import compile_c
from clearfw.toolchain.source import Generated, Source

if TYPE_CHECKING:
    from pathlib import Path

MINE = (
    '#include <linux/mm.h>\n#include "parts/helper.h"\nCLEARFW_STRATEGY(mine, .kernel_init_pages = helper);\n'
)
HELPER = "static void helper(struct page *page, int n) { clear_pages(page_address(page), n); }\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A strategy of two files."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "helper.h").write_text(HELPER)
    path = tmp_path / "mine.c"
    path.write_text(MINE)
    return path


def test_what_a_source_includes_is_part_of_it(mine: Path) -> None:
    """By quoted paths; the kernel's headers are names, wherever they would be."""
    source = Source(mine)

    assert source.text == MINE
    assert source.headers == {mine.parent / "parts" / "helper.h": HELPER.encode()}
    assert source.kernel_headers() == {"linux/mm.h"}


@pytest.mark.parametrize("saved", ["mine.c", "parts/helper.h"])
def test_what_is_saved_meanwhile_is_another_source(mine: Path, saved: str) -> None:
    """A strategy that was read is compiled as it was, for every configuration that comes later."""
    one = strategies.from_file(mine)
    assert isinstance(one, strategies.NativeStrategy)
    before = compile_c(one.read, ["PAGE_SHIFT=12"])
    (mine.parent / saved).write_text("#error saved\n")

    assert compile_c(one.read, ["PAGE_SHIFT=12"]) == before
    assert compile_c(one.read, ["PAGE_SHIFT=14"]).is_file()
    with pytest.raises(CompileError, match="saved"):
        compile_c(mine, ["PAGE_SHIFT=12"])


def test_a_complaint_is_about_the_file_that_was_written(mine: Path) -> None:
    """And not about the copy that was compiled."""
    mine.write_text(MINE + "nonsense\n")

    with pytest.raises(CompileError) as raised:
        compile_c(mine)

    assert f"{mine}:4:1: error: " in raised.value.stderr
    assert "/clearfw-" not in raised.value.stderr


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """When it is read, with what to do."""
    with pytest.raises(CompileError, match=r"No such file or directory: give the path of a C file"):
        Source(tmp_path / "none.c").text  # noqa: B018  it is read when it is asked for


def test_a_header_of_any_name_in_the_kernels_folders_leads_to_strategy_h(tmp_path: Path) -> None:
    """Whether or not this computer has one of that name: user space's would be another."""
    path = tmp_path / "mine.c"
    names = (
        "linux/types.h",
        "linux/never/heard.h",
        "asm/page.h",
        "asm-generic/x.h",
        "trace/events/kmem.h",
    )
    includes = "".join(f"#include <{name}>\n" for name in names)
    path.write_text(f"{includes}{HELPER}CLEARFW_STRATEGY(mine, .kernel_init_pages = helper);\n")

    assert compile_c(path).is_file()


def test_a_generated_source_has_the_files_of_its_members(mine: Path, tmp_path: Path) -> None:
    """It is about the first of them, and is compiled among copies of them all."""
    unit = Generated(tmp_path / "unit.c", '#include "mine.c"\n', (Source(mine),))

    assert unit.about == str(mine)
    assert list(unit.files) == [tmp_path / "unit.c", mine, mine.parent / "parts" / "helper.h"]
    assert compile_c(unit).is_file()
