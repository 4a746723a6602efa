"""arm64: which stores are hinted to be non-temporal, what orders them, and where an instruction leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearfw.checks.ordering.elf import members
from clearfw.checks.ordering.step import Architecture, Kind, Step

if TYPE_CHECKING:
    from clearfw.checks.ordering.code import Code
    from clearfw.checks.ordering.state import State, Value

_STORES = frozenset({"stnp", "sttnp"})
# Barriers that order stores for all CPUs: the domains of inner and outer sharing, and the whole system.
_FENCES = frozenset(
    {
        f"{barrier} {domain}{kind}"
        for barrier in ("dmb", "dsb")
        for domain in ("ish", "osh")
        for kind in ("", "st")
    }
    | {f"{barrier} {kind}" for barrier in ("dmb", "dsb") for kind in ("sy", "st")}
)
_REGISTERS = tuple(f"x{n}" for n in range(31))
_CLOBBERED = (*_REGISTERS[:19], "x30")
_REGISTER, _IMMEDIATE, _MEMORY = 1, 2, 3  # Capstone's kinds of operand


def _decoder() -> Any:  # noqa: ANN401  Capstone has no types
    import capstone

    # Capstone 6 has the architecture under Arm's own name.
    name = "CS_ARCH_ARM64" if hasattr(capstone, "CS_ARCH_ARM64") else "CS_ARCH_AARCH64"
    decoder = capstone.Cs(getattr(capstone, name), capstone.CS_MODE_ARM)
    decoder.detail = True
    return decoder


def _is_store(instruction: Any) -> bool:  # noqa: ANN401
    return instruction.mnemonic in _STORES


def _step(instruction: Any, state: State, found: Code) -> list[Step]:  # noqa: ANN401
    mnemonic = instruction.mnemonic
    if f"{mnemonic} {instruction.op_str}".lower() in _FENCES:
        state.fence()
    elif _is_store(instruction):
        state.pending |= {instruction.address}
    if mnemonic.startswith("ret"):
        return [Step(Kind.RETURN, state)]
    if mnemonic in {"brk", "udf", "hlt"}:
        return [Step(Kind.END, state)]
    if mnemonic in {"bl", "b"}:
        return [_direct(instruction.operands[0].imm, state, found, tail=mnemonic == "b")]
    if mnemonic.startswith(("blr", "br")):
        return [_indirect(instruction, state, found)]
    if mnemonic.startswith(("b.", "bc.", "cbz", "cbnz", "tbz", "tbnz")):
        taken = Step(Kind.GOTO, state.copy(), to=instruction.operands[-1].imm)
        return [taken, Step(Kind.NEXT, state)]
    _work(instruction, state, found)
    return [Step(Kind.NEXT, state)]


def _direct(to: int, state: State, found: Code, *, tail: bool) -> Step:
    if (name := _behind_plt(to, found)) is not None:
        return Step(Kind.OUTSIDE, state, name=name, tail=tail)
    return Step(Kind.GOTO if tail else Kind.CALL, state, to=to)


def _indirect(instruction: Any, state: State, found: Code) -> Step:  # noqa: ANN401
    tail = not instruction.mnemonic.startswith("blr")
    value = state.registers.get(_whole(instruction, instruction.operands[0].reg), ())
    if value[:1] == ("function",):
        return Step(Kind.CORE, state, name=str(value[1]), tail=tail)
    if value[:1] == ("address",) and found.is_code(int(str(value[1]))):
        return _direct(int(str(value[1])), state, found, tail=tail)
    return Step(
        Kind.LOST, state, name=f"{instruction.mnemonic} {instruction.op_str} goes anywhere", tail=tail
    )


def _whole(instruction: Any, register: int) -> str:  # noqa: ANN401
    name = instruction.reg_name(register) or ""
    return {"fp": "x29", "lr": "x30"}.get(name, f"x{name[1:]}" if name[:1] == "w" else name)


def _work(instruction: Any, state: State, found: Code) -> None:  # noqa: ANN401
    """Follow addresses and what is loaded from them; of all else only that it is something new."""
    value = _value(instruction, state, found)
    for name in _written(instruction):
        state.registers[name] = state.make(instruction.address, name) if value is None else value


def _written(instruction: Any) -> frozenset[str]:  # noqa: ANN401
    _, written = instruction.regs_access()
    return frozenset(_whole(instruction, register) for register in written) & frozenset(_REGISTERS)


def _value(instruction: Any, state: State, found: Code) -> Value | None:  # noqa: ANN401
    mnemonic, operands = instruction.mnemonic, instruction.operands
    if mnemonic in {"adrp", "adr"}:
        return ("address", operands[1].imm)
    if mnemonic == "mov" and operands[1].type == _REGISTER:
        return state.registers.get(_whole(instruction, operands[1].reg))
    if mnemonic == "add" and operands[2].type == _IMMEDIATE:
        held = state.registers.get(_whole(instruction, operands[1].reg), ())
        return ("address", int(str(held[1])) + operands[2].imm) if held[:1] == ("address",) else None
    if mnemonic == "ldr" and operands[1].type == _MEMORY and not operands[1].mem.index:
        return _loaded(instruction, operands[1].mem, state, found)
    return None


def _loaded(instruction: Any, memory: Any, state: State, found: Code) -> Value | None:  # noqa: ANN401
    held = state.registers.get(_whole(instruction, memory.base), ())
    if held == ("core",):
        return ("function", members("clearfw_core").get(memory.disp, f"at {memory.disp:#x}"))
    if held[:1] != ("address",):
        return None
    address = int(str(held[1])) + memory.disp
    if address == found.core:
        return ("core",)
    pointer = found.constant_pointer(address)
    return None if pointer is None else ("address", pointer)


def _behind_plt(to: int, found: Code) -> str | None:
    """Return the function of another file that the stub at TO jumps to: adrp, ldr, add, br."""
    stub = [one for one in found.decoded_from(to, 5) if not one.mnemonic.startswith("bti")]
    if [one.mnemonic for one in stub[:4]] != ["adrp", "ldr", "add", "br"]:
        return None
    return found.imported(stub[0].operands[1].imm + stub[1].operands[1].mem.disp)


ARM64 = Architecture(
    decoder=_decoder,
    longest=4,
    registers=_REGISTERS,
    arguments=(),
    clobbered=_CLOBBERED,
    step=_step,
    written=_written,
    is_store=_is_store,
    # arch/arm64/lib/clear_page.S, 7.3: the hint relaxes the order of loads only; smp_wmb() and stlr, which on
    # x86 are no instruction, order these stores as any other's.
    excuse="as in arm64's own clear_page(): here every release orders it",
    fences="dmb or dsb of stores",
)
