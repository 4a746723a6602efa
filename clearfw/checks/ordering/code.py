"""The instructions of a shared object, decoded where control flow reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearfw.checks.ordering.elf import SharedObject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Code(SharedObject):
    """A shared object whose instructions are decoded one at a time, each once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._decoded: dict[int, Any] = {}
        self._decoder: Any = None
        self._longest = 0

    def decode_with(self, decoder: Any, longest: int) -> None:  # noqa: ANN401  Capstone has no types
        """Use DECODER, of instructions of up to LONGEST bytes."""
        self._decoder, self._longest = decoder, longest

    def at(self, address: int) -> Any:  # noqa: ANN401
        """Return the instruction at ADDRESS, None where the bytes are none."""
        if address not in self._decoded:
            raw = self.bytes_at(address, self._longest) if self.is_code(address) else b""
            self._decoded[address] = next(self._decoder.disasm(raw, address, 1), None)
        return self._decoded[address]

    def sweep(self) -> Iterator[Any]:
        """Yield every instruction there is, one behind the other, whether or not control flow reaches it."""
        self._decoder.skipdata = True
        for section in self.sections:
            if section.code:
                yield from self._decoder.disasm(section.data, section.start)
        self._decoder.skipdata = False

    def decoded_from(self, address: int, count: int) -> list[Any]:
        """Return up to COUNT instructions from ADDRESS on."""
        found: list[Any] = []
        while len(found) < count and (one := self.at(address)) is not None:
            found.append(one)
            address += one.size
        return found

    def decoded_before(self, address: int, start: int) -> list[Any]:
        """Return what control flow reached between START and ADDRESS, in order of address."""
        return [
            self._decoded[at] for at in sorted(self._decoded) if start <= at < address and self._decoded[at]
        ]
