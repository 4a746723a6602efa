"""Instructions of x86-64 that go on to the next: what they do to registers, the stack and the flags."""
# ruff: noqa: ANN401  Capstone has no types

from __future__ import annotations

from typing import Any

from clearfw.checks.ordering.state import NEGATED, Condition, Value, signed
from clearfw.checks.ordering.x86_operands import (
    FLAGS,
    HALF,
    IMMEDIATE,
    MEMORY,
    REGISTER,
    WHOLE,
    WORD,
    Operands,
)


class Work(Operands):
    """One instruction's work; a comparison's flags are kept for the branch that asks for them."""

    def condition(self, code: str) -> Condition | None:
        """Return the comparison that CODE asks for, None where it is not known."""
        code = {"s": "l", "ns": "ge"}.get(code, code) if self._flags_of_zero() else code
        if self.state.flags is None or code not in NEGATED:
            return None
        return Condition(*self.state.flags, code)

    def _flags_of_zero(self) -> bool:
        return self.state.flags is not None and self.state.flags[1] == ("const", 0)

    def work(self) -> None:
        """What it does to registers, the stack and the flags."""
        do = getattr(self, f"_do_{self.mnemonic}", None)
        if do is not None:
            do()
        elif self.mnemonic.startswith("set"):
            self._set_flag()
        else:
            self._do_anything()

    def _do_anything(self) -> None:
        for name in written(self.instruction):
            self.set(name, None)
        if FLAGS & {self.instruction.reg_name(register) for register in self.instruction.regs_access()[1]}:
            self.state.flags = None
        for operand in self.operands:
            if operand.type == MEMORY and operand.access & 2:  # CS_AC_WRITE
                self.write(operand, None)

    def _do_mov(self) -> None:
        target, source = self.operands
        self.write(target, self.read(source))

    _do_movabs = _do_mov

    def _do_movsxd(self) -> None:
        target, source = self.operands
        value = self.read(source)
        self.write(target, value if value is None or value[0] in {"const", "table"} else ("wide", value))

    def _do_movzx(self) -> None:
        target, source = self.operands
        value = self.read(source)
        self.write(target, value if value is not None and value[0] in {"flag", "const"} else None)

    def _do_lea(self) -> None:
        target, source = self.operands
        address = self.address(source)
        if source.mem.base and self.name(source.mem.base) == "rsp":
            if self.name(target.reg) == "rsp" and self.slot(source) is not None:
                self.state.depth = self.slot(source)
                return
            self.state.slots = None  # from now on anything may write to the stack
        self.write(target, None if address is None else ("address", address))

    def _do_xor(self) -> None:
        target, source = self.operands
        if target.type == source.type == REGISTER and target.reg == source.reg:
            self.write(target, ("const", 0))
            self.state.flags = (("const", 0), ("const", 0), HALF)
            return
        self._do_anything()

    def _do_add(self) -> None:
        target, source = self.operands
        if target.type == REGISTER and self.name(target.reg) == "rsp":
            self._move_stack(source, 1)
            return
        value, other = self.read(target), self.read(source)
        self._do_anything()
        if value is not None and other is not None and {value[0], other[0]} == {"table", "address"}:
            self.write(target, ("target", (value if value[0] == "table" else other)[1]))

    def _do_sub(self) -> None:
        target, source = self.operands
        if target.type == REGISTER and self.name(target.reg) == "rsp":
            self._move_stack(source, -1)
            return
        self._do_anything()

    def _move_stack(self, source: Any, sign: int) -> None:
        self.state.flags = None
        if source.type == IMMEDIATE and self.state.depth is not None:
            self.state.depth += sign * signed(source.imm, WORD)
        else:
            self.state.depth = None

    def _do_push(self) -> None:
        value = self.read(self.operands[0])
        if self.state.depth is not None:
            self.state.depth -= WORD
            self.store(self.state.depth, WORD, value)

    def _do_pop(self) -> None:
        slots = self.state.slots or {}
        held, _ = (None, 0) if self.state.depth is None else slots.get(self.state.depth, (None, 0))
        self.write(self.operands[0], held)
        if self.state.depth is not None:
            self.state.depth += WORD

    def _do_cmp(self) -> None:
        left, right = self.operands
        values = self.read(left), self.read(right)
        self.state.flags = None
        if values[0] is not None and values[1] is not None:
            self.state.flags = _alike(values[0], values[1], left.size)

    def _do_test(self) -> None:
        left, right = self.operands
        value, other = self.read(left), self.read(right)
        self.state.flags = None
        if value is None or other is None:
            return
        if value == other:
            self.state.flags = _alike(value, ("const", 0), left.size)
        elif other[0] == "const":
            self.state.flags = (("and", value, other[1]), ("const", 0), left.size)

    def _set_flag(self) -> None:
        condition = self.condition(self.mnemonic[3:])
        self.write(self.operands[0], None)
        if condition is not None and self.operands[0].type == REGISTER:
            self.state.registers[self.name(self.operands[0].reg)] = ("flag", condition)


def _alike(left: Value, right: Value, nbytes: int) -> tuple[Value, Value, int]:
    """Return a comparison; of a sign-extended number with a constant it is that of what it was made of."""
    if left[0] == "wide" and right[0] == "const" and isinstance(left[1], tuple):
        return left[1], right, HALF
    return left, right, nbytes


def written(instruction: Any) -> frozenset[str]:
    """Return the whole registers that an instruction writes to."""
    _, written = instruction.regs_access()
    names = {instruction.reg_name(register) for register in written}
    return frozenset(WHOLE[name] for name in names if name in WHOLE)
