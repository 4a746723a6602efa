"""Operands of x86-64: what they hold, and where what is written goes."""
# ruff: noqa: ANN401  Capstone has no types

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearfw.checks.ordering.elf import members
from clearfw.checks.ordering.state import signed

if TYPE_CHECKING:
    from clearfw.checks.ordering.code import Code
    from clearfw.checks.ordering.state import State, Value

_LEGACY = ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")
WHOLE = {
    **{f"{prefix}{name}": f"r{name}" for name in _LEGACY for prefix in ("r", "e", "")},
    **{f"{name[0]}{half}": f"r{name}" for name in ("ax", "bx", "cx", "dx") for half in "lh"},
    **{f"{name}l": f"r{name}" for name in ("si", "di", "bp", "sp")},
    **{f"r{n}{suffix}": f"r{n}" for n in range(8, 16) for suffix in ("", "d", "w", "b")},
}
REGISTERS = (*(f"r{name}" for name in _LEGACY if name != "sp"), *(f"r{n}" for n in range(8, 16)))
FLAGS = frozenset({"rflags", "eflags"})
CLOBBERED = ("rax", "rcx", "rdx", "rsi", "rdi", *(f"r{n}" for n in range(8, 12)))
REGISTER, IMMEDIATE, MEMORY = 1, 2, 3  # Capstone's kinds of operand
WORD, HALF = 8, 4


class Operands:
    """One instruction, with what is known before it."""

    def __init__(self, instruction: Any, state: State, found: Code) -> None:
        self.instruction = instruction
        self.state = state
        self.found = found
        self.operands = instruction.operands
        self.mnemonic: str = instruction.mnemonic.rpartition(" ")[2]

    # Values

    def name(self, register: int) -> str:
        """Return the whole register that REGISTER, Capstone's number, is part of; its own name for others."""
        name = self.instruction.reg_name(register) or ""
        return WHOLE.get(name, name)

    def address(self, operand: Any) -> int | None:
        """Return the address of a memory operand where it is a constant: relative to the instruction."""
        memory = operand.mem
        base = self.name(memory.base) if memory.base else ""
        if memory.index or base not in {"rip", ""}:
            return None
        return int(memory.disp) + (self.instruction.address + self.instruction.size if base else 0)

    def slot(self, operand: Any) -> int | None:
        """Return the place on the stack, from where it was on entry, of a memory operand."""
        memory = operand.mem
        if self.state.depth is None or memory.index or not memory.base or self.name(memory.base) != "rsp":
            return None
        return int(self.state.depth + memory.disp)

    def read(self, operand: Any) -> Value | None:
        """Return an operand's value; None: nothing is known."""
        if operand.type == IMMEDIATE:
            return ("const", signed(operand.imm, WORD))
        if operand.type == MEMORY:
            return self._load(operand)
        name = self.name(operand.reg)
        if name == "rsp":
            self.state.slots = None  # whoever has the stack's address may write to it
        if name not in REGISTERS:
            return None
        return _low(self.state.register(name, self.instruction.address), operand.size)

    def _load(self, operand: Any) -> Value | None:
        address, slot, memory = self.address(operand), self.slot(operand), operand.mem
        if address is not None:
            return self._constant(address)
        if slot is not None:
            held, nbytes = (self.state.slots or {}).get(slot, (None, 0))
            return held if nbytes == operand.size else None
        if not memory.base or memory.index:
            return self._table_entry(operand)
        held = self.state.registers.get(self.name(memory.base), ())
        if held == ("core",):
            return ("function", members("clearfw_core").get(memory.disp, f"at {memory.disp:#x}"))
        if held[:1] == ("address",) and int(str(held[1])) + memory.disp == self.found.core:
            return ("core",)
        return None

    def _constant(self, address: int) -> Value | None:
        """Return what the loader has put at ADDRESS."""
        if address == self.found.core:
            return ("core",)
        if (name := self.found.imported(address)) is not None:
            return ("outside", name)
        pointer = self.found.constant_pointer(address)
        return None if pointer is None else ("address", pointer)

    def _table_entry(self, operand: Any) -> Value | None:
        memory = operand.mem
        held = self.state.registers.get(self.name(memory.base), ()) if memory.base else ()
        if held[:1] != ("address",) or not memory.index:
            return None
        kinds = {HALF: "table", WORD: "functions"}
        return (kinds[memory.scale], int(str(held[1])) + memory.disp) if memory.scale in kinds else None

    def write(self, operand: Any, value: Value | None) -> None:
        """Set an operand to VALUE."""
        if operand.type == REGISTER:
            self.set(self.name(operand.reg), _zero_extended(value, operand.size))
        elif operand.type == MEMORY and (slot := self.slot(operand)) is not None:
            self.store(slot, operand.size, value)

    def store(self, slot: int, nbytes: int, value: Value | None) -> None:
        """Set NBYTES of the stack."""
        slots = self.state.slots
        if slots is None:
            return
        for at in [at for at in slots if slot - WORD < at < slot + nbytes]:
            del slots[at]
        if value is not None:
            slots[slot] = value, nbytes

    def set(self, register: str, value: Value | None) -> None:
        """Set a whole register."""
        if register == "rsp":
            self.state.depth = None
        if register not in REGISTERS:
            return
        made = self.state.make(self.instruction.address, register) if value is None else value
        self.state.registers[register] = made


def _low(value: Value, nbytes: int) -> Value:
    """Return the low NBYTES of a value; an extended one's are those of what it was made of."""
    if value[0] in {"wide", "narrow"} and nbytes <= HALF and isinstance(value[1], tuple):
        return value[1]
    return value


def _zero_extended(value: Value | None, nbytes: int) -> Value | None:
    """Return what a register holds of which NBYTES were set to VALUE: fewer than four leave the others."""
    if value is None or nbytes < HALF:
        return None
    if nbytes == HALF and value[0] == "const":
        return ("const", int(str(value[1])) & 0xFFFFFFFF)
    return ("narrow", value) if nbytes == HALF and value[0] == "made" else value
