"""What an object file defines, read from the ELF files of a real compiler."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clearfw.errors import MissingExtraError, SymbolsError
from clearfw.size import symbols
from clearfw.toolchain import compiler

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
int table[4] = {1};
static __attribute__((noinline, used)) int twice(int x) { return 2 * x; }
__asm__(".text\\n.type part.7,@function\\npart.7: .zero 24\\n.size part.7,24\\n"
        ".type part,@function\\npart: .zero 8\\n.size part,8\\n");
int missing(void);
int main(void) { return twice(missing()); }
"""


def compile_to(target: Path, *how: str) -> None:
    """Compile SOURCE into TARGET."""
    source = target.with_suffix(".c")
    source.write_text(SOURCE)
    subprocess.run([*compiler.find_compiler().command, "-O2", *how, source, "-o", target], check=True)


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    """An object file with data, code, a part that the compiler numbered, and something undefined."""
    compile_to(tmp_path / "one.o", "-c")
    return tmp_path / "one.o"


def test_a_symbol_is_its_bytes_and_whether_it_is_code(compiled: Path) -> None:
    """Sizes are the compiler's own; what is not defined here takes nothing."""
    found = symbols.read(compiled.read_bytes(), "one.o")

    assert found["table"] == symbols.Symbol("table", 16, code=False)
    assert found["twice"].code
    assert "missing" not in found


def test_numbered_parts_add_up_under_one_name(compiled: Path) -> None:
    """bloat-o-meter strips .7, so that a function and its part are one."""
    assert symbols.read(compiled.read_bytes(), "one.o")["part"].nbytes == 32


def test_a_stripped_file_is_refused(compiled: Path) -> None:
    """Without symbols there is nothing to measure, and the error says how to have them."""
    compile_to(compiled, "-shared", "-fPIC", "-s")

    with pytest.raises(SymbolsError, match=r"one\.o has no symbols: compile it without -s"):
        symbols.read(compiled.read_bytes(), "one.o")


def test_what_is_no_elf_file_is_refused() -> None:
    """Whatever a compiler's wrapper wrote instead is named."""
    with pytest.raises(SymbolsError, match=r"one\.o is not an ELF file"):
        symbols.read(b"MZ and so on", "one.o")


def test_without_pyelftools_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "elftools.elf.elffile", None)

    with pytest.raises(MissingExtraError, match=r"-m pip install pyelftools"):
        symbols.read(b"", "one.o")
