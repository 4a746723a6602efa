"""Symbols: what an object file defines, and how many bytes each takes."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.errors import MissingExtraError, SymbolsError, to_install

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHF_EXECINSTR = 4  # elf(5)

# What scripts/bloat-o-meter (7.3) takes for one function: parts that the compiler numbered.
_NUMBER = re.compile(r"\.\d+")


@attrs.frozen
class Symbol:
    """Size of one symbol.

    Attributes:
        code: whether it is instructions, and not data.

    """

    name: str
    nbytes: int
    code: bool


def read(data: bytes, name: str) -> dict[str, Symbol]:
    """Return the symbols of an ELF file's bytes, those of one name added up as scripts/bloat-o-meter does.

    Raises SymbolsError, which calls the file NAME, and MissingExtraError without pyelftools.
    """
    found: dict[str, Symbol] = {}
    for symbol in _defined(data, name):
        key = _NUMBER.sub("", symbol.name)
        before = found[key].nbytes if key in found else 0
        found[key] = Symbol(key, before + symbol.nbytes, symbol.code)
    return found


def _defined(data: bytes, name: str) -> Iterator[Symbol]:
    file = _elf(data, name)
    table = file.get_section_by_name(".symtab")
    if table is None:
        msg = f"{name} has no symbols: compile it without -s, and do not strip it"
        raise SymbolsError(msg)
    for symbol in table.iter_symbols():
        section = symbol["st_shndx"]
        if symbol["st_size"] and isinstance(section, int) and symbol["st_info"]["type"] != "STT_SECTION":
            flags = file.get_section(section)["sh_flags"]
            yield Symbol(symbol.name, symbol["st_size"], bool(flags & _SHF_EXECINSTR))


def _elf(data: bytes, name: str) -> Any:  # noqa: ANN401  pyelftools has no types
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError as error:
        msg = f"code sizes need pyelftools, which is not installed: {to_install('pyelftools')}"
        raise MissingExtraError(msg) from error
    try:
        return ELFFile(io.BytesIO(data))
    except ELFError as error:
        msg = f"{name} is not an ELF file ({error}): set CC to a compiler that makes one"
        raise SymbolsError(msg) from error
