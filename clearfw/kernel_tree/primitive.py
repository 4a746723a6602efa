"""The instruction that clears pages in a guest, where User-Mode Linux has memset()."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from clearfw.errors import KernelTreeError, UnknownPrimitiveError

if TYPE_CHECKING:
    from clearfw.kernel_tree.tree import Tree

PAGE_H = "arch/um/include/asm/page.h"
# Of clearfw's own, in the build's folder: one shadow serves every primitive.
HEADER = "include/generated/clearfw_clear_page.h"
KNOWN = ("movq", "stosq", "stosb", "movnti", "clzero")
_CLEAR_PAGE = re.compile(r"^#define[ \t]+clear_page\(.*$", re.MULTILINE)
_MEMSET = re.compile(r"memset\(.*,\s*0,\s*PAGE_SIZE\)$")


def check(name: str) -> str:
    """Return NAME where a guest can clear with it; raises UnknownPrimitiveError."""
    if name not in KNOWN:
        raise UnknownPrimitiveError(name, KNOWN)
    return name


def header(name: str) -> str:
    """Return the text of the header that defines clear_page() and clear_pages() as the primitive NAME."""
    text = (Path(__file__).parent / "guest" / "clear_page.h").read_text()
    return f"#define CLEARFW_{name.upper()}\n{text}"


def page_h(tree: Tree, text: str) -> str:
    """Return User-Mode Linux's asm/page.h, TEXT, with clearfw's clear_page() in place of memset().

    Raises KernelTreeError, with the lines, where it does not look as in 6.1 to 7.3.
    """
    found = _CLEAR_PAGE.findall(text)
    if len(found) != 1 or not _MEMSET.search(found[0]):
        lines = [line for line in text.splitlines() if "clear_page" in line] or ["nothing of clear_page"]
        shown = "; ".join(line.strip() for line in lines)
        msg = (
            f"{tree.path}/{PAGE_H} has {shown}, expected was one memset() of a page: "
            f"clearfw knows 6.1 to 7.3, this is {tree.version}"
        )
        raise KernelTreeError(msg)
    return _CLEAR_PAGE.sub("#include <generated/clearfw_clear_page.h>", text)


def has_clear_pages(mm_h: str) -> bool:
    """Return whether a tree whose include/linux/mm.h is MM_H clears ranges with clear_pages() (7.0 on)."""
    return re.search(r"\bclear_pages\(", mm_h) is not None
