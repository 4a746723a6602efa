"""Sizes: what a stack of strategies costs in code on an architecture."""

from __future__ import annotations

import functools
import subprocess
from typing import TYPE_CHECKING, TypeAlias

import attrs

from clearfw import files
from clearfw.config import Config
from clearfw.errors import CompileError, ConfigError, MissingToolError, StrategyError
from clearfw.size import bloat, model_unit, symbols

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearfw.registry import Registry
    from clearfw.size.bloat import Bloat
    from clearfw.size.model_unit import Unit
    from clearfw.size.symbols import Symbol
    from clearfw.strategies import Strategy
    from clearfw.toolchain.architectures import Architecture

    Stack: TypeAlias = tuple[Strategy, ...]

_HIGHMEM = "highmem=128M"


@attrs.frozen
class Way:
    """One way of placing the code.

    Attributes:
        way: a key of clearfw.size.model_unit.WAYS.
        bloat: against the old unit.
        function_bytes: of the functions that clear; 0 where all of it is in the callers.
        site_bytes: what a caller grows by over one that clears nothing; the mean of all.

    """

    way: str
    bloat: Bloat
    function_bytes: int
    site_bytes: float


@attrs.frozen
class Size:
    """Code size of a stack on one architecture.

    Attributes:
        config: what was compiled for, and what of it was left out because no kernel there has it.
        compiler: the first line of its --version.

    """

    stack: str
    against: str
    arch: str
    config: str
    left_out: str
    compiler: str
    flags: tuple[str, ...]
    sites: int
    ways: tuple[Way, ...]

    def way(self, name: str) -> Way:
        """Return the way of that name."""
        return next(one for one in self.ways if one.way == name)


def parse_config(text: str) -> Config:
    """Return the configuration of "highmem,kasan=generic"; raises ConfigError."""
    words = [_HIGHMEM if word == "highmem" else word for word in text.split(",") if word]
    for word in words:
        if word.partition("=")[0] not in {"highmem", "kasan", "page_size"}:
            msg = f"--config {word} does not change code: give highmem, kasan=MODE or page_size=SIZE"
            raise ConfigError(msg)
    return Config.parse(" ".join(words))


def on(architecture: Architecture, config: Config) -> tuple[Config, str]:
    """Return CONFIG as a kernel of ARCHITECTURE can have it, and the words for what it cannot."""
    left_out = []
    if config.highmem and not architecture.highmem:
        config = attrs.evolve(config, highmem=0)
        left_out.append("highmem")
    if config.kasan not in architecture.kasans:
        left_out.append(f"kasan={config.kasan}")
        config = attrs.evolve(config, kasan="off")
    return config, ", ".join(left_out)


def units(stack: Sequence[Strategy], against: Sequence[Strategy], sites: int) -> tuple[Unit, Unit]:
    """Return the old unit and the new one, in which AGAINST clears what STACK passes on.

    Raises StrategyError where one is not in C, or the two have no init point in common.
    """
    new, old = [model_unit.member(one) for one in stack], [model_unit.member(one) for one in against]
    points = model_unit.points(old)
    if not points & model_unit.points(new):
        names = "+".join(one.name for one in stack), "+".join(one.name for one in against)
        msg = f"cannot compare {names[0]} with {names[1]}, which have no init point in common: "
        raise StrategyError(msg + "name another with --against", names[0])
    behind = [one for one in old if one.strategy.name not in {other.strategy.name for other in new}]
    return model_unit.Unit(tuple(old), points, sites), model_unit.Unit((*new, *behind), points, sites)


def size(
    stack: Sequence[Strategy],
    against: Sequence[Strategy],
    architecture: Architecture,
    config: Config,
    sites: int = model_unit.NR_SITES,
) -> Size:
    """Return the code size of STACK on ARCHITECTURE, compared with AGAINST.

    Raises CompileError, NoCompilerError, MissingToolError, StrategyError, SymbolsError.
    """
    had, left_out = on(architecture, config)
    old, new = units(stack, against, sites)
    measured = functools.partial(_symbols, architecture=architecture, config=had)
    before = measured(old, "compiler's choice")
    bare = measured(model_unit.without_clear(new), "compiler's choice")
    ways = (_way(way, before, bare, measured(new, way), new) for way in model_unit.WAYS)
    compiler = architecture.compiler().version
    return Size(
        stack="+".join(one.name for one in stack),
        against="+".join(one.name for one in against),
        arch=architecture.name,
        config=" ".join(had.kernel_options()),
        left_out=left_out,
        compiler=compiler,
        flags=(*architecture.march, *model_unit.flags(architecture, had, compiler)),
        sites=len(list(new.callers())),
        ways=tuple(ways),
    )


def disassembly(
    stack: Sequence[Strategy], against: Sequence[Strategy], architecture: Architecture, config: Config
) -> str:
    """Return the instructions of what STACK clears with, out of line; raises as size() does."""
    had, _ = on(architecture, config)
    _, new = units(stack, against, model_unit.NR_SITES)
    objdump = architecture.objdump()
    with files.scratch() as scratch:
        file = scratch / "page_alloc.o"
        file.write_bytes(model_unit.compile_unit(new, "out of line", architecture, had))
        wanted = [f"--disassemble={name}" for name in sorted(new.functions())]
        command = [objdump, "-dr", "--no-show-raw-insn", *wanted, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines()[2:] if line.strip())


def _symbols(one: Unit, way: str, *, architecture: Architecture, config: Config) -> dict[str, Symbol]:
    data = model_unit.compile_unit(one, way, architecture, config)
    return symbols.read(data, f"what {architecture.compiler().command[0]} made")


def _way(way: str, old: dict[str, Symbol], bare: dict[str, Symbol], new: dict[str, Symbol], one: Unit) -> Way:
    callers = [name for name, _ in one.callers()]
    grown = sum(new[name].nbytes - bare[name].nbytes for name in callers)
    own = sum(symbol.nbytes for name, symbol in new.items() if name not in callers)
    return Way(way, bloat.compare(old, new), own, grown / len(callers))


@attrs.frozen
class Failed:
    """A stack that does not compile for an architecture, in its compiler's own words."""

    stack: str
    arch: str
    error: CompileError


@attrs.frozen
class Sizes:
    """All that `clearfw size` found."""

    sizes: list[Size]
    failed: list[Failed]
    missing: Mapping[str, MissingToolError]


def all_in_c(registry: Registry) -> list[str]:
    """Return every installed strategy that can be sized, but those that others are compared with."""
    return [one.name for one in registry.strategies.values() if not one.interpreted and not one.baseline]


def compared_with(registry: Registry, stack: Stack, against: str | None) -> Stack:
    """Return the stack to compare with: the named one, or a baseline with an init point in common."""
    from clearfw.strategies import parse_stack

    if against is not None:
        return parse_stack(against, registry.strategies)
    asked = model_unit.points([model_unit.member(one) for one in stack])
    baselines = [one for one in registry.strategies.values() if one.baseline]
    common = [one for one in baselines if model_unit.points([model_unit.member(one)]) & asked]
    if not common:
        known = ", ".join(one.name for one in baselines) or "none"
        msg = (
            f"no baseline has an init point of {stack[0].name} (baselines: {known}): name one with --against"
        )
        raise StrategyError(msg, stack[0].name)
    return (common[0],)
