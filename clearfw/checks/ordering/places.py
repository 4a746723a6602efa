"""From the address of an instruction to the line it was compiled from, as DWARF has it."""
# ruff: noqa: ANN401  pyelftools has no types

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.toolchain.compiler import INCLUDE_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is inline in these headers is told by the line that calls it.
_VOCABULARY = frozenset(path.name for path in (INCLUDE_DIR / "clearfw").glob("*.h"))


@attrs.frozen
class _Inlined:
    """Addresses of a function that was inlined, and the line that calls it."""

    start: int
    end: int
    file: str
    line: int


class Places:
    """The lines of a shared object; none where it has no DWARF."""

    def __init__(self, elf: Any) -> None:
        from elftools.common.exceptions import DWARFError, ELFError

        self._lines: list[tuple[int, str, int]] = []
        self._inlined: list[_Inlined] = []
        if not elf.has_dwarf_info():
            return
        try:
            dwarf = elf.get_dwarf_info()
            for unit in dwarf.iter_CUs():
                self._read(dwarf, unit)
        except (DWARFError, ELFError, KeyError, ValueError):  # then places are told by their address
            return
        finally:
            self._lines.sort(key=lambda line: line[0])  # of several at one address the last holds
            # The innermost first.
            self._inlined.sort(key=lambda one: one.end - one.start)

    def _read(self, dwarf: Any, unit: Any) -> None:
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            return
        # DWARF 5 counts files from 0.
        first = 0 if program.header["version"] >= 5 else 1  # noqa: PLR2004
        names = ["", ""][:first]
        names += [
            file.name.decode(errors="replace").rpartition("/")[2] for file in program.header["file_entry"]
        ]
        self._lines += _lines(program, names)
        self._inlined += _inlined(dwarf, unit, names)

    def place(self, address: int) -> str:
        """Return the line of ADDRESS as "file.c:12", or nothing."""
        index = bisect.bisect_right(self._lines, address, key=lambda line: line[0])
        if not index or not self._lines[index - 1][2]:
            return ""
        _, file, line = self._lines[index - 1]
        if file in _VOCABULARY:
            around = (one for one in self._inlined if one.start <= address < one.end)
            callers = (one for one in around if one.file not in _VOCABULARY)
            if (caller := next(callers, None)) is not None:
                return f"{caller.file}:{caller.line}"
        return f"{file}:{line}"


def _lines(program: Any, names: list[str]) -> Iterator[tuple[int, str, int]]:
    """Yield address, file and line; line 0 where a sequence ends."""
    for entry in program.get_entries():
        state = entry.state
        if state is not None:
            yield state.address, names[state.file], 0 if state.end_sequence else state.line


def _inlined(dwarf: Any, unit: Any, names: list[str]) -> Iterator[_Inlined]:
    for entry in unit.iter_DIEs():
        attributes = entry.attributes
        if entry.tag == "DW_TAG_inlined_subroutine" and "DW_AT_call_line" in attributes:
            file = names[attributes["DW_AT_call_file"].value]
            for start, end in _ranges(dwarf, unit, attributes):
                yield _Inlined(start, end, file, attributes["DW_AT_call_line"].value)


def _ranges(dwarf: Any, unit: Any, attributes: Any) -> Iterator[tuple[int, int]]:
    if "DW_AT_low_pc" in attributes and "DW_AT_high_pc" in attributes:
        low, high = attributes["DW_AT_low_pc"].value, attributes["DW_AT_high_pc"]
        # An offset, but in the oldest DWARF.
        yield low, high.value if high.form == "DW_FORM_addr" else low + high.value
    elif "DW_AT_ranges" in attributes:
        base = unit.get_top_DIE().attributes["DW_AT_low_pc"].value
        ranges = dwarf.range_lists().get_range_list_at_offset(attributes["DW_AT_ranges"].value, cu=unit)
        for one in ranges:
            if hasattr(one, "base_address"):
                base = one.base_address
            else:
                offset = 0 if one.is_absolute else base
                yield offset + one.begin_offset, offset + one.end_offset
