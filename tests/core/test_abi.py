"""Compiled files and the core agree on clearfw/abi.h, or the file is refused before it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw import _core
from clearfw.errors import AbiError
from clearfw.toolchain.compiler import compile_c

if TYPE_CHECKING:
    from pathlib import Path

RECORD = """
#include <clearfw/strategy.h>
static void f(struct page *page, int numpages) {{}}
static void zero(void *addr, size_t nbytes) {{}}
CLEARFW_EXPORT_ const struct clearfw_strategy clearfw_strategy = {{
	.abi = {abi}, .size = {size}, .name = "mine", .core = &clearfw_core, {functions}
}};
CLEARFW_EXPORT_ const struct clearfw_primitive clearfw_primitive = {{
	.abi = {abi}, .size = {size}, .name = "mine", .instruction = "none", .zero = zero,
}};
"""


def built(tmp_path: Path, source: str) -> str:
    """Return the shared object of SOURCE."""
    path = tmp_path / "mine.c"
    path.write_text(source)
    return str(compile_c(path, ("PAGE_SHIFT=12",)))


@pytest.mark.parametrize("load", [_core.load_strategy, _core.load_primitive])
@pytest.mark.parametrize(
    ("abi", "size", "message"),
    [
        ("CLEARFW_ABI + 1", "sizeof(struct clearfw_strategy)", f"has ABI {_core.ABI + 1}, record size"),
        ("CLEARFW_ABI", "8", f"record size 8; this clearfw has ABI {_core.ABI}, size .*: compile it against"),
    ],
)
def test_another_abi_is_refused(tmp_path: Path, load: object, abi: str, size: str, message: str) -> None:
    """A strategy's, or a primitive's: by number, and by the size of its record."""
    path = built(tmp_path, RECORD.format(abi=abi, size=size, functions=".kernel_init_pages = f"))

    with pytest.raises(AbiError, match=message):
        load(path)  # type: ignore[operator]


def test_a_file_that_exports_nothing_is_told_how_to_end(tmp_path: Path) -> None:
    """With the macro for what it was loaded as."""
    path = built(tmp_path, "int nothing;\n")

    with pytest.raises(AbiError, match=r"exports no clearfw_strategy: end the file with CLEARFW_STRATEGY\("):
        _core.load_strategy(path)
    with pytest.raises(
        AbiError, match=r"exports no clearfw_primitive: end the file with CLEARFW_PRIMITIVE\("
    ):
        _core.load_primitive(path)


def test_a_strategy_without_an_init_point_is_refused(tmp_path: Path) -> None:
    """init_bulk alone is not a strategy: it needs init_on_alloc or init_on_free."""
    path = built(
        tmp_path,
        RECORD.format(abi="CLEARFW_ABI", size="sizeof(struct clearfw_strategy)", functions=""),
    )

    with pytest.raises(AbiError, match=r"implements no init point: give CLEARFW_STRATEGY\(\) at least one"):
        _core.load_strategy(path)


@pytest.mark.parametrize("content", [None, "no shared object"])
def test_what_is_no_shared_object_is_refused(tmp_path: Path, content: str | None) -> None:
    """Missing, or of another kind: in the loader's words."""
    path = tmp_path / "mine.so"
    if content is not None:
        path.write_text(content)

    with pytest.raises(AbiError, match=r"mine\.so cannot be loaded: "):
        _core.load_strategy(str(path))


@pytest.mark.parametrize(
    ("brings", "points", "bulk"),
    [
        (".kernel_init_pages = f", {"alloc", "free"}, False),
        (".init_on_free = p", {"free"}, False),
        (".init_on_alloc = p, .init_bulk = b", {"alloc"}, True),
        (".init_vmalloc_pages = g", {"vmalloc"}, False),
        (".init_on_vmalloc = q, .init_on_alloc = p", {"alloc", "vmalloc"}, False),
    ],
)
def test_a_strategy_serves_the_points_it_has_functions_for(
    tmp_path: Path, brings: str, points: set[str], *, bulk: bool
) -> None:
    """A strategy has the kernel's signatures or those that may pass; other init points do not call it."""
    functions = """
#include <clearfw/strategy.h>
static __maybe_unused void f(struct page *page, int numpages) {}
static __maybe_unused bool p(struct page *page, int numpages) { return true; }
static __maybe_unused bool b(struct page **pages, int nr) { return true; }
static __maybe_unused void g(const void *start, unsigned long size) {}
static __maybe_unused bool q(const void *start, unsigned long size) { return true; }
"""
    handle = _core.load_strategy(built(tmp_path, f"{functions}CLEARFW_STRATEGY(mine, {brings});\n"))

    assert (handle.name, set(handle.points), handle.bulk) == ("mine", points, bulk)
    assert repr(handle) == f"<NativeStrategyHandle mine for {', '.join(sorted(points))}>"
