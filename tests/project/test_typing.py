"""A user's program under `mypy --strict`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy import api

from clearfw.gfp import KERNEL_NAMES

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
import clearfw
import numpy as np
from numpy.typing import NDArray

with clearfw.Machine.boot("memory=16M") as machine:
    version: str = clearfw.__version__
    with machine.alloc_pages(1, clearfw.Gfp.GFP_KERNEL | clearfw.Gfp.ZERO) as pages:
        words: NDArray[np.uint64] = pages.array(np.uint64)
        first: NDArray[np.uint8] = pages.array()
        view: NDArray[np.uint8] = np.frombuffer(memoryview(pages), np.uint8)
    with machine.vmalloc(8192) as area:
        area.array(np.uint32)
    flags: list[clearfw.Gfp] = [
"""


def test_a_users_program_needs_no_ignores(tmp_path: Path) -> None:
    """Blocks as typed arrays, and each flag by the kernel's name, on Python 3.11; a misspelt one is told."""
    names = "".join(f"        clearfw.Gfp.{name},\n" for name in KERNEL_NAMES)
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(f"{PROGRAM}{names}    ]\n")
    wrong.write_text("import clearfw\n\nclearfw.Gfp.__GFP_ZEOR\n")

    said, complaint, status = api.run(
        ["--strict", "--python-version", "3.11", "--cache-dir", str(tmp_path), str(right), str(wrong)]
    )

    assert (said.splitlines()[:-1], complaint, status) == (
        [f'{wrong}:3: error: "type[Gfp]" has no attribute "__GFP_ZEOR"  [attr-defined]'],
        "",
        1,
    )
