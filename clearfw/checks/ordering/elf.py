"""A compiled strategy: its instructions, the functions it exports, and what its relocations and lines say."""

from __future__ import annotations

import bisect
import functools
import re
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.checks.ordering.places import Places
from clearfw.toolchain.compiler import INCLUDE_DIR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POINTER = 8
# What may be written to once it is loaded; all else the loader makes read-only, or nobody writes to.
_VARIABLE = frozenset({".data", ".tdata"})
_RELATIVE = {"EM_X86_64": 8, "EM_AARCH64": 1027}  # R_X86_64_RELATIVE, R_AARCH64_RELATIVE


@functools.cache
def members(struct: str) -> dict[int, str]:
    """Return the pointers that a record of clearfw/abi.h holds in 64 bits, by offset."""
    text = re.sub(r"/\*.*?\*/", "", (INCLUDE_DIR / "clearfw" / "abi.h").read_text(), flags=re.DOTALL)
    (body,) = re.findall(rf"^struct {struct} {{(.*?)^}};", text, re.DOTALL | re.MULTILINE)
    names = [
        re.findall(r"\(\*(\w+)\)|(\w+)\s*$", declaration.strip())[0]
        for declaration in body.split(";")
        if declaration.strip()
    ]
    # The first two are 32 bits each.
    return {index * _POINTER: "".join(name) for index, name in enumerate(names[2:], 1)}


@functools.cache
def instructions() -> tuple[str, ...]:
    """Return what clear_pages_with() may be asked for, in the order of clearfw/abi.h: "rep", "nt", ..."""
    (names,) = re.findall(
        r"^enum clearfw_instruction {(.*?)}", (INCLUDE_DIR / "clearfw" / "abi.h").read_text(), re.MULTILINE
    )
    return tuple(name.strip().removeprefix("CLEARFW_").lower() for name in names.split(","))


@attrs.frozen
class Section:
    """Bytes of the file and where they lie."""

    start: int
    data: bytes
    code: bool
    constant: bool

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.start + len(self.data)


class SharedObject:
    """What a strategy's .so says of itself; raises OSError, and ValueError for what is no such file."""

    def __init__(self, path: Path) -> None:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile

        with path.open("rb") as file:
            try:
                elf = ELFFile(file)
                self.machine: str = elf["e_machine"]
                self.sections = [*_sections(elf)]
                self._symbols = [*_symbols(elf)]
                self._pointers = dict(_pointers(elf, self))
                self._imports = dict(_imports(elf))
            except (ELFError, KeyError) as error:
                msg = f"{path} is no shared object of a strategy: {error}"
                raise ValueError(msg) from error
            self._places = Places(elf)
        self._starts = sorted((address, name) for name, address, _, code in self._symbols if code)
        self._record = next(
            (address for name, address, _, _ in self._symbols if name == "clearfw_strategy"), 0
        )

    def pointer(self, address: int) -> int | None:
        """Return what the loader writes into the pointer at ADDRESS, if that is an address in this file."""
        return self._pointers.get(address)

    def constant_pointer(self, address: int) -> int | None:
        """Return the same where it stays so."""
        constant = any(section.constant and address in section for section in self.sections)
        return self._pointers.get(address) if constant else None

    def functions_at(self, table: int) -> list[int]:
        """Return the functions whose addresses stand one behind the other from TABLE on, and stay there."""
        found: list[int] = []
        while (to := self.constant_pointer(table + _POINTER * len(found))) is not None and self.is_code(to):
            found.append(to)
        return found

    def imported(self, address: int) -> str | None:
        """Return the name of the function of another file whose address the loader writes to ADDRESS."""
        return self._imports.get(address)

    @property
    def core(self) -> int | None:
        """Where the strategy keeps the address of the core's table of functions."""
        (offset,) = (offset for offset, name in members("clearfw_strategy").items() if name == "core")
        return self.pointer(self._record + offset)

    def functions(self) -> dict[str, int]:
        """Return the functions of its record, by the member's name: where they begin."""
        pointers = {name: self.pointer(self._record + at) for at, name in members("clearfw_strategy").items()}
        return {
            name: address
            for name, address in pointers.items()
            if address is not None and name not in {"name", "core"}
        }

    def is_code(self, address: int) -> bool:
        """Return whether an instruction may lie at ADDRESS."""
        return any(section.code and address in section for section in self.sections)

    def bytes_at(self, address: int, nbytes: int) -> bytes:
        """Return up to NBYTES from ADDRESS on; none where the file has nothing there."""
        for section in self.sections:
            if address in section:
                return section.data[address - section.start :][:nbytes]
        return b""

    def function(self, address: int) -> str:
        """Return the name of the function that ADDRESS lies in, or nothing."""
        index = bisect.bisect_right(self._starts, address, key=lambda start: start[0])
        return self._starts[index - 1][1] if index else ""

    def same_function(self, one: int, other: int) -> bool:
        """Return whether no symbol stands between two addresses."""
        return self.function(one) == self.function(other)

    def place(self, address: int) -> str:
        """Return the line that ADDRESS was compiled from as "file.c:12", or the address itself."""
        return self._places.place(address) or f"{address:#x}"


def _sections(elf: Any) -> Iterator[Section]:  # noqa: ANN401  pyelftools has no types
    from elftools.elf.constants import SH_FLAGS

    for section in elf.iter_sections():
        flags = section["sh_flags"]
        if flags & SH_FLAGS.SHF_ALLOC and section["sh_type"] != "SHT_NOBITS":
            code, constant = flags & SH_FLAGS.SHF_EXECINSTR, section.name not in _VARIABLE
            yield Section(section["sh_addr"], section.data(), bool(code), constant)


def _symbols(elf: Any) -> Iterator[tuple[str, int, int, bool]]:  # noqa: ANN401
    """Yield name, address, bytes, and whether it is code, of all that has a place in the file."""
    table = elf.get_section_by_name(".symtab") or elf.get_section_by_name(".dynsym")
    for symbol in table.iter_symbols() if table else ():
        if symbol["st_shndx"] != "SHN_UNDEF" and symbol.name:
            code = symbol["st_info"]["type"] == "STT_FUNC"
            yield symbol.name, symbol["st_value"], symbol["st_size"], code


def _pointers(elf: Any, found: SharedObject) -> Iterator[tuple[int, int]]:  # noqa: ANN401
    """Yield the place and the value of what the loader sets to an address in the file."""
    for table, relocation in _relocations(elf):
        place = relocation["r_offset"]
        if "r_info_type" not in relocation.entry:  # SHT_RELR: the value stands at its place
            yield place, int.from_bytes(found.bytes_at(place, _POINTER), "little")
        elif relocation["r_info_type"] == _RELATIVE.get(found.machine):
            yield place, relocation["r_addend"]
        elif (symbol := _symbol(elf, table, relocation)) is not None and symbol["st_shndx"] != "SHN_UNDEF":
            yield place, symbol["st_value"] + relocation.entry.get("r_addend", 0)


def _imports(elf: Any) -> Iterator[tuple[int, str]]:  # noqa: ANN401
    for table, relocation in _relocations(elf):
        if "r_info_type" not in relocation.entry:
            continue
        symbol = _symbol(elf, table, relocation)
        if symbol is not None and symbol["st_shndx"] == "SHN_UNDEF" and symbol.name:
            yield relocation["r_offset"], symbol.name


def _relocations(elf: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401
    from elftools.elf.relocation import RelocationSection, RelrRelocationSection

    for section in elf.iter_sections():
        if isinstance(section, RelocationSection | RelrRelocationSection):
            for relocation in section.iter_relocations():
                yield section, relocation


def _symbol(elf: Any, table: Any, relocation: Any) -> Any:  # noqa: ANN401
    if not relocation["r_info_sym"]:
        return None
    return elf.get_section(table["sh_link"]).get_symbol(relocation["r_info_sym"])
