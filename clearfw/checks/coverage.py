"""What an instrumented object says of itself: its blocks and their lines, and the names of its variables."""

from __future__ import annotations

import bisect
import functools
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.toolchain.compiler import INCLUDE_DIR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_BLOCK = "__sanitizer_cov_trace_pc"
# From where a relocation of a call is, to the instruction behind the call: on every architecture four bytes.
_CALL = 4


@attrs.frozen(order=True)
class Place:
    """Where in the source a block begins: two on a line have columns of their own."""

    file: str
    line: int
    column: int


class Coverage:
    """The blocks of a shared object, by the offset of the instruction behind the call that tells of them."""

    def __init__(self, path: Path) -> None:
        """Read PATH; raises OSError, and ValueError for what is no such file."""
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile

        try:
            with path.open("rb") as file:
                elf = ELFFile(file)
                # Of several at one address, the last is the one that counts.
                self._rows = sorted(_rows(elf), key=lambda row: row[0])
                symbols = _symbols(elf)
                self._variables = sorted(_variables(symbols))
                made = [*_made_by_the_compiler(symbols)]
                calls = sorted(set(_calls(elf, symbols)))
                self._calls = [at for at in calls if not any(start < at <= end for start, end in made)]
        except ELFError as error:
            msg = f"{path} is no shared object of a strategy: {error}"
            raise ValueError(msg) from error

    @functools.cached_property
    def blocks(self) -> dict[int, Place]:
        """The blocks of the strategy's own files."""
        found = ((offset, self.place(offset)) for offset in self._calls)
        return {offset: place for offset, place in found if place is not None and not _is_ours(place.file)}

    def place(self, offset: int) -> Place | None:
        """Return where the instruction before OFFSET, a return address, was compiled from."""
        index = bisect.bisect_right(self._rows, offset - 1, key=lambda row: row[0])
        return self._rows[index - 1][1] if index else None

    def line(self, offset: int) -> str:
        """Return that as "file.c:12"; empty where it is not known."""
        place = self.place(offset) if offset else None
        return f"{place.file.rpartition('/')[2]}:{place.line}" if place else ""

    def line_of(self, frames: Iterable[int]) -> str:
        """Return the innermost line among return addresses, in the strategy's own files where one is."""
        places = [(offset, place) for offset in frames if (place := self.place(offset)) is not None]
        own = [offset for offset, place in places if not _is_ours(place.file)]
        return self.line(own[0] if own else places[0][0]) if places else ""

    def variable(self, offset: int) -> str:
        """Return the name of the variable at OFFSET."""
        index = bisect.bisect_right(self._variables, offset, key=lambda one: one[0])
        if not index or offset >= self._variables[index - 1][1]:
            return f"the byte at {offset:#x}"
        # gcc tells statics of one name apart by a number.
        return self._variables[index - 1][2].partition(".")[0]


def _is_ours(file: str) -> bool:
    return file.startswith(str(INCLUDE_DIR))


def _rows(elf: Any) -> Iterator[tuple[int, Place | None]]:  # noqa: ANN401  pyelftools has no types
    if not elf.has_dwarf_info():
        return
    # They are applied already: the linker left them there for the sake of the calls.
    dwarf = elf.get_dwarf_info(relocate_dwarf_sections=False)
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        names = _names(program)
        for entry in program.get_entries():
            state = entry.state
            if state is not None:
                place = None if state.end_sequence else Place(names[state.file], state.line, state.column)
                yield state.address, place


def _names(program: Any) -> list[str]:  # noqa: ANN401
    header = program.header
    # DWARF 5 counts files and directories from 0.
    fifth = header["version"] >= 5  # noqa: PLR2004
    directories = [_text(one) for one in header["include_directory"]]
    if not fifth:
        directories.insert(0, "")
    found = [] if fifth else [""]
    for file in header["file_entry"]:
        directory, name = directories[file.dir_index], _text(file.name)
        found.append(name if name.startswith("/") or not directory else f"{directory}/{name}")
    return found


def _text(name: Any) -> str:  # noqa: ANN401
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _symbols(elf: Any) -> list[Any]:  # noqa: ANN401
    table = elf.get_section_by_name(".symtab")
    return list(table.iter_symbols()) if table else []


def _variables(symbols: list[Any]) -> Iterator[tuple[int, int, str]]:
    for symbol in symbols:
        if symbol["st_info"]["type"] == "STT_OBJECT":
            yield symbol["st_value"], symbol["st_value"] + symbol["st_size"], symbol.name


def _made_by_the_compiler(symbols: list[Any]) -> Iterator[tuple[int, int]]:
    """Yield where the functions are that call the sanitizer's own initialisation."""
    for symbol in symbols:
        if symbol.name.startswith(("_sub_I_", "tsan.module_")):
            yield symbol["st_value"], symbol["st_value"] + symbol["st_size"]


def _calls(elf: Any, symbols: list[Any]) -> Iterator[int]:  # noqa: ANN401
    wanted = {index for index, symbol in enumerate(symbols) if symbol.name == _BLOCK}
    for kind in (".rela.text", ".rel.text"):
        section = elf.get_section_by_name(kind)
        for relocation in section.iter_relocations() if section else ():
            if relocation["r_info_sym"] in wanted:
                yield relocation["r_offset"] + _CALL
