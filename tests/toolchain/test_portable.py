"""Whether a file is what every architecture's kernel could compile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw.toolchain.portable import is_portable

if TYPE_CHECKING:
    from pathlib import Path

BODY = """#include <linux/mm.h>
{before}
static void f(struct page *page, int n) {{ {code} clear_pages(page_address(page), n); }}
CLEARFW_STRATEGY(mine, .kernel_init_pages = f);
"""
NT = '__asm__ volatile("movnti %1, (%0)" : : "r"(page), "r"(0UL) : "memory");'


@pytest.mark.parametrize(
    ("before", "code", "portable"),
    [
        ("", "", True),
        ("", "barrier(); smp_wmb(); wmb(); cpu_relax(); prefetchw(page);", True),
        ("", '__asm__ volatile("" : : "r"(page) : "memory");', True),
        ("", '/* asm("nop") */', True),
        ("", NT, False),
        ("", 'asm("nop");', False),
        ("", f"\n#ifdef CONFIG_X86\n{NT}\n#endif\n", True),
        (f"#define nt() {NT}", "", True),
        (f"#define nt() {NT}", "nt();", False),
        ("#include <immintrin.h>", "_mm_stream_si64((long long *)page, 0);", False),
        ("", "__builtin_ia32_sfence();", False),
        ("#ifndef CONFIG_X86\n#error for x86\n#endif", "", False),
    ],
)
def test_an_instruction_makes_it_one_architectures(
    tmp_path: Path,
    before: str,
    code: str,
    portable: bool,  # noqa: FBT001
) -> None:
    """But not one that only that architecture gets to see, nor what clearfw's headers are made of."""
    path = tmp_path / "mine.c"
    path.write_text(BODY.format(before=before, code=code))

    assert is_portable(path) == portable
