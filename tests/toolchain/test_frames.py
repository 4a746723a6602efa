"""Stack frames, as a kernel's compiler would be told to limit them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw.errors import CompileError
from clearfw.toolchain.frames import frames, limit

if TYPE_CHECKING:
    from pathlib import Path

BODY = """#include <clearfw/strategy.h>
static noinline void use(void *addr) {{ barrier(); clear_page(addr); }}
static void f(struct page *page, int n)
{{
\t{code}
\tclear_pages(page_address(page), n);
}}
CLEARFW_STRATEGY(mine, .kernel_init_pages = f);
"""


def written(directory: Path, code: str) -> Path:
    """Return a strategy that does CODE first."""
    path = directory / "mine.c"
    path.write_text(BODY.format(code=code))
    return path


@pytest.mark.parametrize("nbytes", [64, 1 << 11, 1 << 16])
def test_an_array_is_in_the_frame(tmp_path: Path, nbytes: int) -> None:
    """With its size, the function's name and its line; 2048 bytes of it are too many beside anything else."""
    worst, *_ = frames(written(tmp_path, f"char all[{nbytes}]; use(all);"))

    assert nbytes <= worst.nbytes < nbytes + 256
    assert (worst.function, worst.line, worst.dynamic) == ("f", 3, False)
    assert worst.exceeds(limit()) == (nbytes >= limit())


@pytest.mark.parametrize("code", ["char all[n]; use(all);", "use(__builtin_alloca(n));"])
def test_what_grows_as_it_runs_exceeds_any_limit(tmp_path: Path, code: str) -> None:
    """A kernel is built without variable-length arrays, and has no alloca()."""
    worst, *_ = frames(written(tmp_path, code))

    assert worst.dynamic
    assert worst.exceeds(limit())


def test_an_aligned_frame_is_of_its_size(tmp_path: Path) -> None:
    """It is bounded: gcc calls it dynamic all the same."""
    worst, *_ = frames(written(tmp_path, "char all[64] __aligned(64); use(all);"))

    assert not worst.exceeds(limit())


def test_a_frame_is_that_of_the_configuration(tmp_path: Path) -> None:
    """What is not compiled for a kernel takes nothing of its stack."""
    source = written(tmp_path, "if (IS_ENABLED(CONFIG_HIGHMEM)) { char all[4096]; use(all); }")

    assert not any(one.exceeds(limit()) for one in frames(source))
    assert any(one.exceeds(limit()) for one in frames(source, ["CONFIG_HIGHMEM=1"]))


def test_what_does_not_compile_has_no_frames(tmp_path: Path) -> None:
    """The compiler's words, as ever."""
    with pytest.raises(CompileError, match="nonsense"):
        frames(written(tmp_path, "nonsense;"))


def test_a_kernel_of_32_bits_has_smaller_frames() -> None:
    """CONFIG_FRAME_WARN of either."""
    assert (limit(64), limit(32)) == (2048, 1024)
