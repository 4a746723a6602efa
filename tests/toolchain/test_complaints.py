"""The names that a compiler says nobody declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw.errors import CompileError
from clearfw.toolchain.compiler import compile_c
from clearfw.toolchain.complaints import missing_names

if TYPE_CHECKING:
    from pathlib import Path

BODY = """#include <linux/mm.h>
static void f(struct page *page, int n)
{{
\t{code}
\tclear_pages(page_address(page), n);
}}
CLEARFW_STRATEGY(mine, .kernel_init_pages = f);
"""
CODE = {
    "folio_batch_add(page);": ("folio_batch_add",),
    "n += NR_FREE_PAGES + zone_page_state(page) + NR_FREE_PAGES;": ("NR_FREE_PAGES", "zone_page_state"),
    "pgoff_t index = 0; (void)index;": ("pgoff_t",),
    "page->_refcount = n;": ("page->_refcount",),
    "struct vm_struct *area = 0; n = area->nr_pages;": ("struct vm_struct",),
    "extern void elsewhere(void); elsewhere();": ("elsewhere",),
    "late(n);\n}\n\nstatic void late(int n)\n{\n\tstruct page *page = 0;": (),
    "n = n +;": (),
}


@pytest.mark.parametrize("code", CODE)
def test_what_is_missing_is_named_in_the_last_line(tmp_path: Path, code: str) -> None:
    """Each once, in the order it is met; not what the file has further down, nor what is no name."""
    path = tmp_path / "mine.c"
    path.write_text(BODY.format(code=code))

    with pytest.raises(CompileError) as raised:
        compile_c(path)

    names = CODE[code]
    last = raised.value.message.splitlines()[-1]
    assert raised.value.missing == names
    assert last.startswith(f"not in strategy.h: {', '.join(names)}: ") == bool(names)


def test_clang_has_words_of_its_own() -> None:
    """They name the same."""
    told = """mine.c:3:2: error: call to undeclared function 'folio_batch_add'; ISO C99 does not
mine.c:4:7: error: use of undeclared identifier 'NR_FREE_PAGES'
mine.c:5:8: error: unknown type name 'pgoff_t'
mine.c:6:8: error: no member named '_refcount' in 'struct page'
mine.c:7:8: error: incomplete definition of type 'struct vm_struct'
ld.lld: error: undefined symbol: elsewhere
"""
    names = "folio_batch_add NR_FREE_PAGES pgoff_t page->_refcount vm_struct elsewhere"

    assert " ".join(name.removeprefix("struct ") for name in missing_names(told, "")) == names
