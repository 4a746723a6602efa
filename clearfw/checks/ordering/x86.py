"""x86-64: which stores are weakly ordered, what fences them, and what an instruction does to what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearfw.checks.ordering.elf import members
from clearfw.checks.ordering.state import NEGATED, Condition, State, Value, signed
from clearfw.checks.ordering.step import Architecture, Kind, Step

if TYPE_CHECKING:
    from clearfw.checks.ordering.code import Code

# Intel SDM 1, 10.4.6.2 and the pages of MOVDIRI and MOVDIR64B; AMD APM 3, CLZERO. Not the loads, MOVNTDQA.
_STORES = frozenset(
    f"{vex}{name}"
    for vex in ("", "v")
    for name in ("movnti", "movntq", "movntdq", "movntps", "movntpd", "movntss", "movntsd", "maskmovdqu")
) | {"maskmovq", "movdiri", "movdir64b", "clzero"}
# SDM 3A, 11.3.1: what empties the write-combining buffers. Of these XCHG locks only with memory.
_FENCES = frozenset({"sfence", "mfence", "cpuid", "serialize"})

_LEGACY = ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")
_WHOLE = {
    **{f"{prefix}{name}": f"r{name}" for name in _LEGACY for prefix in ("r", "e", "")},
    **{f"{name[0]}{half}": f"r{name}" for name in ("ax", "bx", "cx", "dx") for half in "lh"},
    **{f"{name}l": f"r{name}" for name in ("si", "di", "bp", "sp")},
    **{f"r{n}{suffix}": f"r{n}" for n in range(8, 16) for suffix in ("", "d", "w", "b")},
}
_REGISTERS = (*(f"r{name}" for name in _LEGACY if name != "sp"), *(f"r{n}" for n in range(8, 16)))
_CLOBBERED = ("rax", "rcx", "rdx", "rsi", "rdi", *(f"r{n}" for n in range(8, 12)))
_REGISTER, _IMMEDIATE, _MEMORY = 1, 2, 3  # Capstone's kinds of operand
_WORD, _HALF = 8, 4
# The bound of a jump table is compared not far before the jump.
_BOUND_WITHIN = 64


def _decoder() -> Any:  # noqa: ANN401  Capstone has no types
    import capstone

    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.detail = True
    return decoder


def _is_store(instruction: Any) -> bool:  # noqa: ANN401
    return instruction.mnemonic in _STORES


def _is_fence(instruction: Any) -> bool:  # noqa: ANN401
    mnemonic, operands = instruction.mnemonic, instruction.operands
    if mnemonic == "xchg":
        return any(operand.type == _MEMORY for operand in operands)
    return mnemonic in _FENCES or mnemonic.startswith("lock ")


class _Reader:
    """One instruction, with what is known before it."""

    def __init__(self, instruction: Any, state: State, found: Code) -> None:  # noqa: ANN401
        self.instruction = instruction
        self.state = state
        self.found = found
        self.operands = instruction.operands
        self.mnemonic: str = instruction.mnemonic.rpartition(" ")[2]

    # Values

    def name(self, register: int) -> str:
        """Return the whole register that REGISTER, Capstone's number, is part of; its own name for others."""
        name = self.instruction.reg_name(register) or ""
        return _WHOLE.get(name, name)

    def address(self, operand: Any) -> int | None:  # noqa: ANN401
        """Return the address of a memory operand where it is a constant: relative to the instruction."""
        memory = operand.mem
        base = self.name(memory.base) if memory.base else ""
        if memory.index or base not in {"rip", ""}:
            return None
        return memory.disp + (self.instruction.address + self.instruction.size if base else 0)

    def slot(self, operand: Any) -> int | None:  # noqa: ANN401
        """Return the place on the stack, from where it was on entry, of a memory operand."""
        memory = operand.mem
        if self.state.depth is None or memory.index or not memory.base or self.name(memory.base) != "rsp":
            return None
        return int(self.state.depth + memory.disp)

    def read(self, operand: Any) -> Value | None:  # noqa: ANN401
        """Return an operand's value; None: nothing is known."""
        if operand.type == _IMMEDIATE:
            return ("const", signed(operand.imm, _WORD))
        if operand.type == _MEMORY:
            return self._load(operand)
        name = self.name(operand.reg)
        if name == "rsp":
            self.state.slots = None  # whoever has the stack's address may write to it
        if name not in _REGISTERS:
            return None
        return _low(self.state.register(name, self.instruction.address), operand.size)

    def _load(self, operand: Any) -> Value | None:  # noqa: ANN401
        address, slot, memory = self.address(operand), self.slot(operand), operand.mem
        if address is not None and address == self.found.core:
            return ("core",)
        if address is not None and self.found.pointer(address) is not None:
            return ("address", self.found.pointer(address))
        if address is not None and (name := self.found.imported(address)) is not None:
            return ("outside", name)
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

    def _table_entry(self, operand: Any) -> Value | None:  # noqa: ANN401
        memory = operand.mem
        held = self.state.registers.get(self.name(memory.base), ()) if memory.base else ()
        if held[:1] == ("address",) and memory.index and memory.scale == _HALF:
            return ("table", int(str(held[1])) + memory.disp)
        return None

    def write(self, operand: Any, value: Value | None) -> None:  # noqa: ANN401
        """Set an operand to VALUE."""
        if operand.type == _REGISTER:
            self.set(self.name(operand.reg), _zero_extended(value, operand.size))
        elif operand.type == _MEMORY and (slot := self.slot(operand)) is not None:
            self._store(slot, operand.size, value)

    def _store(self, slot: int, nbytes: int, value: Value | None) -> None:
        slots = self.state.slots
        if slots is None:
            return
        for at in [at for at in slots if slot - _WORD < at < slot + nbytes]:
            del slots[at]
        if value is not None:
            slots[slot] = value, nbytes

    def set(self, register: str, value: Value | None) -> None:
        """Set a whole register."""
        if register == "rsp":
            self.state.depth = None
        if register not in _REGISTERS:
            return
        made = self.state.make(self.instruction.address, register) if value is None else value
        self.state.registers[register] = made

    # Instructions

    def run(self) -> list[Step]:
        """Return the ways on from it."""
        if _is_fence(self.instruction):
            self.state.fence()
        elif _is_store(self.instruction):
            self.state.pending |= {self.instruction.address}
        if self.mnemonic in {"ret", "retf", "retq"}:
            return [Step(Kind.RETURN, self.state)]
        if self.mnemonic in {"ud2", "hlt", "int3"}:
            return [Step(Kind.END, self.state)]
        if self.mnemonic == "call":
            return [self._go(tail=False)]
        if self.mnemonic == "jmp":
            return self._jump()
        if self.mnemonic[0] == "j" or self.mnemonic.startswith("loop"):
            return self._branch()
        self._work()
        return [Step(Kind.NEXT, self.state)]

    def _go(self, *, tail: bool) -> Step:
        """A call, or a jump that is no jump within the function."""
        (operand,) = self.operands
        if operand.type == _IMMEDIATE:
            return self._direct(operand.imm, tail=tail)
        value = self.read(operand)
        if value is not None and value[0] == "function":
            return Step(Kind.CORE, self.state, name=str(value[1]), tail=tail)
        if value is not None and value[0] == "outside":
            return Step(Kind.OUTSIDE, self.state, name=str(value[1]), tail=tail)
        if value is not None and value[0] == "address" and self.found.is_code(int(str(value[1]))):
            return self._direct(int(str(value[1])), tail=tail)
        return Step(Kind.LOST, self.state, name=f"{self.mnemonic} {self.instruction.op_str} goes anywhere", tail=tail)

    def _direct(self, to: int, *, tail: bool) -> Step:
        if (name := _behind_plt(to, self.found)) is not None:
            return Step(Kind.OUTSIDE, self.state, name=name, tail=tail)
        return Step(Kind.GOTO if tail else Kind.CALL, self.state, to=to)

    def _jump(self) -> list[Step]:
        (operand,) = self.operands
        value = self.read(operand) if operand.type == _REGISTER else None
        if value is None or value[0] != "target":
            return [self._go(tail=True)]
        targets = self._targets(int(str(value[1])))
        return [Step(Kind.GOTO, self.state.copy(), to=to) for to in targets] or [self._go(tail=True)]

    def _targets(self, table: int) -> list[int]:
        """Return where the offsets of a jump table lead, up to its bound, or as long as they stay inside."""
        targets: list[int] = []
        while len(targets) < self._bound():
            raw = self.found.bytes_at(table + _HALF * len(targets), _HALF)
            to = table + int.from_bytes(raw, "little", signed=True)
            if len(raw) < _HALF or not self.found.same_function(to, self.instruction.address):
                break
            targets.append(to)
        return targets

    def _bound(self) -> int:
        start = self.instruction.address - _BOUND_WITHIN
        before = self.found.decoded_before(self.instruction.address, start)
        for one in reversed(before):
            if one.mnemonic == "cmp" and one.operands[1].type == _IMMEDIATE:
                return int(one.operands[1].imm) + 1
        return 1 << 10

    def _branch(self) -> list[Step]:
        condition = self._condition(self.mnemonic[1:])
        ways = [
            (Kind.GOTO, self.state.assume(condition), self.operands[0].imm),
            (Kind.NEXT, self.state.assume(condition and condition.negated()), 0),
        ]
        return [Step(kind, state, to=to) for kind, state, to in ways if state is not None]

    def _condition(self, code: str) -> Condition | None:
        code = {"s": "l", "ns": "ge"}.get(code, code) if self._flags_of_zero() else code
        if self.state.flags is None or code not in NEGATED:
            return None
        return Condition(*self.state.flags, code)

    def _flags_of_zero(self) -> bool:
        return self.state.flags is not None and self.state.flags[1] == ("const", 0)

    def _work(self) -> None:
        """What it does to registers, the stack and the flags."""
        work = getattr(self, f"_do_{self.mnemonic}", None)
        if work is not None:
            work()
        elif self.mnemonic.startswith("set"):
            self._set_flag()
        else:
            self._do_anything()

    def _do_anything(self) -> None:
        _, written = self.instruction.regs_access()
        names = {self.instruction.reg_name(register) for register in written}
        for name in names:
            if name in _WHOLE:
                self.set(_WHOLE[name], None)
        if "rflags" in names or "eflags" in names:
            self.state.flags = None
        for operand in self.operands:
            if operand.type == _MEMORY and operand.access & 2:  # CS_AC_WRITE
                self.write(operand, None)

    def _do_mov(self) -> None:
        target, source = self.operands
        self.write(target, self.read(source))

    _do_movabs = _do_mov

    def _do_movsxd(self) -> None:
        target, source = self.operands
        value = self.read(source)
        self.write(target, None if value is None else value if value[0] == "const" else ("wide", value))

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
        if target.type == source.type == _REGISTER and target.reg == source.reg:
            self.write(target, ("const", 0))
            self.state.flags = (("const", 0), ("const", 0), _HALF)
            return
        self._do_anything()

    def _do_add(self) -> None:
        target, source = self.operands
        if target.type == _REGISTER and self.name(target.reg) == "rsp":
            self._move_stack(source, 1)
            return
        value, other = self.read(target), self.read(source)
        self._do_anything()
        if value is not None and other is not None and {value[0], other[0]} == {"table", "address"}:
            self.write(target, ("target", (value if value[0] == "table" else other)[1]))

    def _do_sub(self) -> None:
        target, source = self.operands
        if target.type == _REGISTER and self.name(target.reg) == "rsp":
            self._move_stack(source, -1)
            return
        self._do_anything()

    def _move_stack(self, source: Any, sign: int) -> None:  # noqa: ANN401
        self.state.flags = None
        if source.type == _IMMEDIATE and self.state.depth is not None:
            self.state.depth += sign * signed(source.imm, _WORD)
        else:
            self.state.depth = None

    def _do_push(self) -> None:
        value = self.read(self.operands[0])
        if self.state.depth is not None:
            self.state.depth -= _WORD
            self._store(self.state.depth, _WORD, value)

    def _do_pop(self) -> None:
        slots = self.state.slots or {}
        held, _ = (None, 0) if self.state.depth is None else slots.get(self.state.depth, (None, 0))
        self.write(self.operands[0], held)
        if self.state.depth is not None:
            self.state.depth += _WORD

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
        condition = self._condition(self.mnemonic[3:])
        self.write(self.operands[0], None)
        if condition is not None and self.operands[0].type == _REGISTER:
            self.state.registers[self.name(self.operands[0].reg)] = ("flag", condition)


def _low(value: Value, nbytes: int) -> Value:
    """Return the low NBYTES of a value; an extended one's are those of what it was made of."""
    if value[0] in {"wide", "narrow"} and nbytes <= _HALF and isinstance(value[1], tuple):
        return value[1]
    return value


def _zero_extended(value: Value | None, nbytes: int) -> Value | None:
    """Return what a register holds of which NBYTES were set to VALUE: fewer than four leave the others."""
    if value is None or nbytes < _HALF:
        return None
    if nbytes == _HALF and value[0] == "const":
        return ("const", int(str(value[1])) & 0xFFFFFFFF)
    return ("narrow", value) if nbytes == _HALF and value[0] == "made" else value


def _alike(left: Value, right: Value, nbytes: int) -> tuple[Value, Value, int]:
    """Return a comparison; of a sign-extended number with a constant it is that of what it was made of."""
    if left[0] == "wide" and right[0] == "const" and isinstance(left[1], tuple):
        return left[1], right, _HALF
    return left, right, nbytes


def _behind_plt(to: int, found: Code) -> str | None:
    """Return the function of another file that the stub at TO jumps to."""
    for one in found.decoded_from(to, 2):
        if one.mnemonic.endswith("jmp") and one.operands[0].type == _MEMORY:
            memory = one.operands[0].mem
            if memory.base and one.reg_name(memory.base) == "rip":
                return found.imported(one.address + one.size + memory.disp)
        if not one.mnemonic.startswith("endbr"):
            return None
    return None


def _step(instruction: Any, state: State, found: Code) -> list[Step]:  # noqa: ANN401
    return _Reader(instruction, state, found).run()


X86_64 = Architecture(
    decoder=_decoder,
    longest=15,
    registers=_REGISTERS,
    clobbered=_CLOBBERED,
    step=_step,
    is_store=_is_store,
    decisive=True,
    fences="sfence, mfence or locked instruction",
)
