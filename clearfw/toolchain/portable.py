"""Whether a strategy is C that any architecture's kernel compiles, or has one's instructions in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clearfw.errors import CompileError
from clearfw.toolchain import compiler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from clearfw.toolchain.compiler import Compiler
    from clearfw.toolchain.source import Source

_MACROS = ("__x86_64__", "__amd64__", "__i386__", "__aarch64__", "__arm__", "__s390x__", "__s390__")
# Assembly with something in it, or what a compiler makes one instruction of.
_INSTRUCTION = re.compile(
    r'\b(?:__asm__|__asm|asm)\b[^;"]*"\s*[^"\s]|\b__builtin_(?:ia32|arm|aarch64|s390)_|\b_mm\d*_'
)
_LINE_MARKER = re.compile(r'^# \d+ "((?:[^"\\]|\\.)*)"')


def is_portable(source: Path | Source, made_with: Compiler | None = None) -> bool:
    """Return whether nothing in SOURCE is one architecture's instruction; raises NoCompilerError.

    It is read as by an architecture of no name: what stands behind `#ifdef CONFIG_X86` does not count.
    """
    source = compiler.as_source(source)
    nameless = ["-std=gnu11", "-ffreestanding", "-E", *(f"-U{macro}" for macro in _MACROS)]
    try:
        text = compiler.run_compiler(
            made_with or compiler.find_compiler(), source, [*nameless, *compiler.inputs(source)]
        )
    except CompileError:  # it asks to be compiled for another
        return False
    return not _INSTRUCTION.search("\n".join(_of_its_own(text.decode(errors="replace").splitlines())))


def _of_its_own(lines: Iterable[str]) -> Iterator[str]:
    """Yield those of the preprocessed LINES that do not come from clearfw's headers."""
    own = True
    for line in lines:
        if marker := _LINE_MARKER.match(line):
            own = not marker[1].startswith(str(compiler.INCLUDE_DIR))
        elif own:
            yield line
