"""Mutants that are as right as what they were made of: the compiler tells, or a file with the reason."""

from __future__ import annotations

import functools
import itertools
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw.config import Config
from clearfw.toolchain import compiler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checks.mutation.source import Mutant

RECORDED = Path(__file__).parent / "equivalent.toml"

# As strategies are compiled, but for what is of no matter to the code.
_FLAGS = [one for one in compiler.FLAGS if one not in {"-g", "-shared", "-Wall"}]
_PAGE_SIZES = ("4K", "16K", "64K")
_KASANS = ("off", "generic", "sw_tags", "hw_tags")


class NotCompiledError(Exception):
    """A mutant is no C; its text is the compiler's."""


@attrs.frozen
class Rule:
    """Why mutants of a strategy are equivalent: one by its id, or those of a line of its text.

    Attributes:
        line: as it stands there, without the blanks around it.
        operators, becomes: only what was done so, or what the line became; empty for all.

    """

    reason: str
    strategy: str
    id: str = ""
    line: str = ""
    operators: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    becomes: tuple[str, ...] = attrs.field(default=(), converter=tuple)

    def holds(self, mutant: Mutant) -> bool:
        """Return whether it is about MUTANT."""
        if self.strategy != mutant.path.name:
            return False
        if self.id:
            return self.id == mutant.id
        operator = mutant.operator.partition(",")[0]
        return (
            self.line == mutant.changed
            and (not self.operators or operator in self.operators)
            and (not self.becomes or mutant.becomes in self.becomes)
        )


def recorded(path: Path = RECORDED) -> tuple[Rule, ...]:
    """Return the rules in PATH; raises tomllib.TOMLDecodeError, TypeError for what is no rule."""
    return tuple(Rule(**one) for one in tomllib.loads(path.read_text()).get("equivalent", []))


def why(mutant: Mutant, rules: tuple[Rule, ...]) -> str:
    """Return the reason why MUTANT is equivalent; "" where none is known. Raises NotCompiledError."""
    if _is_same_code(mutant):
        return "the compiler makes the same code of it on every configuration"
    return next((rule.reason for rule in rules if rule.holds(mutant)), "")


def _is_same_code(mutant: Mutant) -> bool:
    """Return whether no configuration has other code; raises NotCompiledError where one does not compile."""
    return all(
        code_of(mutant.everywhere or mutant.text, options) == _code_of_original(mutant.original, options)
        for options in _options()
    )


@functools.cache
def _options() -> tuple[tuple[str, ...], ...]:
    """Return what the compiler is told on each configuration."""
    return tuple(_kernel_options())


def _kernel_options() -> Iterator[tuple[str, ...]]:
    for kasan, page_size, highmem in itertools.product(_KASANS, _PAGE_SIZES, ("", " highmem=32M")):
        config = Config.parse(f"memory=64M page_size={page_size} kasan={kasan}{highmem}")
        yield config.kernel_options()


@functools.lru_cache(maxsize=200)
def _code_of_original(text: bytes, options: tuple[str, ...]) -> bytes:
    return code_of(text, options)


def code_of(text: bytes, options: tuple[str, ...]) -> bytes:
    """Return the object file of a strategy's TEXT, compiled with OPTIONS; raises NotCompiledError."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as scratch:
        source, code = Path(scratch) / "strategy.c", Path(scratch) / "strategy.o"
        source.write_bytes(text)
        names = f"-ffile-prefix-map={scratch}=."
        includes = [names, f"-I{compiler.INCLUDE_DIR}", *compiler.defines(options)]
        command = [*compiler.find_compiler().command, *_FLAGS, *includes, "-c", str(source), "-o", str(code)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise NotCompiledError(done.stderr)
        return code.read_bytes()
