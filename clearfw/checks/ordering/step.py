"""Where an instruction leads."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.checks.ordering.code import Code
    from clearfw.checks.ordering.state import State


class Kind(enum.Enum):
    """What comes after an instruction."""

    NEXT = "the instruction behind it"
    GOTO = "the one at `to`"
    CALL = "the function at `to`, and then the next"
    CORE = "the core's function `name`, and then the next"
    OUTSIDE = "another file's function `name`, and then the next"
    RETURN = "the caller"
    END = "nothing"
    LOST = "what cannot be told, for the reason `name`"


@attrs.frozen
class Step:
    """One way on from an instruction, with what is known there.

    Attributes:
        to, name: where to, as KIND says.
        tail: whether a call is the function's end.
        at, behind: where the instruction lies, and the next one; filled in by who follows it.

    """

    kind: Kind
    state: State
    to: int = 0
    name: str = ""
    tail: bool = False
    at: int = 0
    behind: int = 0


@attrs.frozen
class Architecture:
    """How machine code of one architecture is read.

    Attributes:
        decoder: makes Capstone's decoder for it.
        longest: bytes of the longest instruction.
        registers: those that have a value on entry.
        arguments: those that a function takes its arguments from, as far as they are followed.
        clobbered: those that a call leaves with any value.
        step: what one instruction does.
        written: the registers that it writes to.
        is_store: whether an instruction is a store that later ones may overtake.
        excuse: why such a store without a fence is only worth a remark; nothing where it is wrong.
        fences: what makes one visible, in words.

    """

    decoder: Callable[[], Any]
    longest: int
    registers: tuple[str, ...]
    arguments: tuple[str, ...]
    clobbered: tuple[str, ...]
    step: StepFunction
    written: Callable[[Any], frozenset[str]]
    is_store: Callable[[Any], bool]
    excuse: str
    fences: str


class StepFunction(Protocol):
    """What one instruction does to the state of a path."""

    def __call__(self, instruction: Any, state: State, found: Code) -> list[Step]:  # noqa: ANN401
        """Return the ways on from INSTRUCTION, Capstone's; STATE may be used up."""
