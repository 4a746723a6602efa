"""x86-64: which stores are weakly ordered, what fences them, and where an instruction leads."""
# ruff: noqa: ANN401  Capstone has no types

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearfw.checks.ordering.step import Architecture, Kind, Step
from clearfw.checks.ordering.x86_operands import CLOBBERED, HALF, IMMEDIATE, MEMORY, REGISTER, REGISTERS
from clearfw.checks.ordering.x86_work import Work, written

if TYPE_CHECKING:
    from clearfw.checks.ordering.code import Code
    from clearfw.checks.ordering.state import State, Value

# Intel SDM 1, 10.4.6.2 and the pages of MOVDIRI and MOVDIR64B; AMD APM 3, CLZERO. Not the loads, MOVNTDQA.
_STORES = frozenset(
    f"{vex}{name}"
    for vex in ("", "v")
    for name in ("movnti", "movntq", "movntdq", "movntps", "movntpd", "movntss", "movntsd", "maskmovdqu")
) | {"maskmovq", "movdiri", "movdir64b", "clzero"}
# SDM 3A, 11.3.1: what empties the write-combining buffers. Of these XCHG locks only with memory.
_FENCES = frozenset({"sfence", "mfence", "cpuid", "serialize"})
# The bound of a jump table is compared not far before the jump.
_BOUND_WITHIN = 64


def _decoder() -> Any:
    import capstone

    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    decoder.detail = True
    return decoder


def _is_store(instruction: Any) -> bool:
    return instruction.mnemonic in _STORES


def _is_fence(instruction: Any) -> bool:
    mnemonic, operands = instruction.mnemonic, instruction.operands
    if mnemonic == "xchg":
        return any(operand.type == MEMORY for operand in operands)
    return mnemonic in _FENCES or mnemonic.startswith("lock ")


class _Flow(Work):
    """One instruction, and the ways on from it."""

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
            return self._go(tail=False)
        if self.mnemonic == "jmp":
            return self._jump()
        if self.mnemonic[0] == "j" or self.mnemonic.startswith("loop"):
            return self._branch()
        self.work()
        return [Step(Kind.NEXT, self.state)]

    def _go(self, *, tail: bool) -> list[Step]:
        """A call, or a jump that is no jump within the function."""
        (operand,) = self.operands
        if operand.type == IMMEDIATE:
            return [self._direct(operand.imm, self.state, tail=tail)]
        value = self.read(operand)
        if value is not None and value[0] == "functions":
            functions = self.found.functions_at(int(str(value[1])))
            if functions:
                return [self._direct(to, self.state.copy(), tail=tail) for to in functions]
        return [self._through(value, tail=tail)]

    def _through(self, value: Value | None, *, tail: bool) -> Step:
        if value is not None and value[0] == "function":
            return Step(Kind.CORE, self.state, name=str(value[1]), tail=tail)
        if value is not None and value[0] == "outside":
            return Step(Kind.OUTSIDE, self.state, name=str(value[1]), tail=tail)
        if value is not None and value[0] == "address" and self.found.is_code(int(str(value[1]))):
            return self._direct(int(str(value[1])), self.state, tail=tail)
        return Step(
            Kind.LOST, self.state, name=f"{self.mnemonic} {self.instruction.op_str} goes anywhere", tail=tail
        )

    def _direct(self, to: int, state: State, *, tail: bool) -> Step:
        if (name := _behind_plt(to, self.found)) is not None:
            return Step(Kind.OUTSIDE, state, name=name, tail=tail)
        return Step(Kind.GOTO if tail else Kind.CALL, state, to=to)

    def _jump(self) -> list[Step]:
        (operand,) = self.operands
        value = self.read(operand) if operand.type == REGISTER else None
        if value is None or value[0] != "target":
            return self._go(tail=True)
        targets = self._targets(int(str(value[1])))
        return [Step(Kind.GOTO, self.state.copy(), to=to) for to in targets] or self._go(tail=True)

    def _targets(self, table: int) -> list[int]:
        """Return where the offsets of a jump table lead, up to its bound, or as long as they stay inside."""
        targets: list[int] = []
        while len(targets) < self._bound():
            raw = self.found.bytes_at(table + HALF * len(targets), HALF)
            to = table + int.from_bytes(raw, "little", signed=True)
            if len(raw) < HALF or not self.found.same_function(to, self.instruction.address):
                break
            targets.append(to)
        return targets

    def _bound(self) -> int:
        start = self.instruction.address - _BOUND_WITHIN
        before = self.found.decoded_before(self.instruction.address, start)
        for one in reversed(before):
            if one.mnemonic == "cmp" and one.operands[1].type == IMMEDIATE:
                return int(one.operands[1].imm) + 1
        return 1 << 10

    def _branch(self) -> list[Step]:
        condition = self.condition(self.mnemonic[1:])
        ways = [
            (Kind.GOTO, self.state.assume(condition), self.operands[0].imm),
            (Kind.NEXT, self.state.assume(condition and condition.negated()), 0),
        ]
        return [Step(kind, state, to=to) for kind, state, to in ways if state is not None]


def _behind_plt(to: int, found: Code) -> str | None:
    """Return the function of another file that the stub at TO jumps to."""
    for one in found.decoded_from(to, 2):
        if one.mnemonic.endswith("jmp") and one.operands[0].type == MEMORY:
            memory = one.operands[0].mem
            if memory.base and one.reg_name(memory.base) == "rip":
                return found.imported(one.address + one.size + memory.disp)
        if not one.mnemonic.startswith("endbr"):
            return None
    return None


def _step(instruction: Any, state: State, found: Code) -> list[Step]:
    return _Flow(instruction, state, found).run()


X86_64 = Architecture(
    decoder=_decoder,
    longest=15,
    registers=REGISTERS,
    arguments=("rdi", "rsi", "rdx", "rcx", "r8", "r9"),
    clobbered=CLOBBERED,
    step=_step,
    written=written,
    is_store=_is_store,
    excuse="",
    fences="sfence, mfence or locked instruction",
)
