"""The model unit: a page_alloc.c with a strategy in it, written and compiled to see how large it becomes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import StrategyError
from clearfw.strategies import NativeStrategy
from clearfw.toolchain import compiler
from clearfw.toolchain.architectures import KERNEL_FLAGS
from clearfw.toolchain.source import Generated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clearfw.config import Config
    from clearfw.strategies import Strategy
    from clearfw.toolchain.architectures import Architecture

# Declaration before a strategy's functions, for each placement of the code.
WAYS = {"inline": "static inline", "out of line": "static noinline", "compiler's choice": "static"}

# The callers of mm/page_alloc.c (7.3) that post_alloc_hook() and __free_pages_prepare() are expanded in.
_SITES = (
    ("post_alloc_hook", "ALLOC"),
    ("free_pages_prepare", "FREE"),
    ("alloc_pages_bulk_noprof", "ALLOC"),
    ("__free_frozen_pages", "FREE"),
    ("free_unref_folios", "FREE"),
    ("__free_pages_ok", "FREE"),
)
NR_SITES = len(_SITES)
# Where the unit is said to lie: from the root, every file of a strategy has a relative path.
_UNIT = Path("/page_alloc.c")
_VMALLOC_SITE = ("__kasan_unpoison_vmalloc", "VMALLOC")

_BRINGS = re.compile(r"^CLEARFW_STRATEGY\(\s*(\w+)\s*,(.*?)\)\s*;", re.MULTILINE | re.DOTALL)
_NO_IDENTIFIER = re.compile(r"\W")
_FIELD = re.compile(r"\.(\w+)\s*=\s*&?(\w+)")
# For each init point: what always claims, what may pass on, and the C that declares and calls it.
_POINTS = {
    "alloc": ("kernel_init_pages", "init_on_alloc"),
    "free": ("kernel_init_pages", "init_on_free"),
    "vmalloc": ("init_vmalloc_pages", "init_on_vmalloc"),
}
_PAGES = "struct page *p, int n"
_ARGUMENTS = {"alloc": _PAGES, "free": _PAGES, "vmalloc": "const void *p, unsigned long n"}
# What a stack becomes: the kernel's own name for it since 7.2.
_STACKED = {
    "": "clear_highpages_kasan_tagged",
    "alloc": "clear_on_alloc",
    "free": "clear_on_free",
    "vmalloc": "clear_on_vmalloc",
}

# scripts/Makefile.kasan (7.3), instrumentation out of line as it is by default.
_INSTRUMENTED = {
    "off": (),
    "generic": (
        "-fsanitize=kernel-address",
        "--param=asan-instrumentation-with-call-threshold=0",
        "--param=asan-stack=1",
        "--param=asan-globals=1",
    ),
    "sw_tags": ("-fsanitize=kernel-hwaddress",),
    "hw_tags": (),
}


@attrs.frozen
class Member:
    """A strategy in the unit.

    Attributes:
        functions: from fields of CLEARFW_STRATEGY() to the functions given for them.

    """

    strategy: NativeStrategy
    functions: Mapping[str, str]

    def at(self, point: str) -> tuple[str, bool] | None:
        """Return its function at an init point, and whether it always claims; None where it has none."""
        always, may = _POINTS[point]
        if always in self.functions:
            return self.functions[always], True
        return (self.functions[may], False) if may in self.functions else None


def member(strategy: Strategy) -> Member:
    """Return STRATEGY as part of a unit; raises StrategyError for one that is not in C, or brings nothing."""
    if not isinstance(strategy, NativeStrategy):
        msg = f"{strategy.name} has no code size, because it is not in C: name a strategy in C"
        raise StrategyError(msg, strategy.name)
    found = _BRINGS.findall(strategy.read.text)
    functions = dict(_FIELD.findall(found[-1][1])) if found else {}
    one = Member(strategy, functions)
    if not any(one.at(point) for point in _POINTS):
        msg = (
            f"{strategy.source} names no function: end it with CLEARFW_STRATEGY({strategy.name}, .FIELD = f)"
        )
        raise StrategyError(msg, strategy.name)
    return one


@attrs.frozen
class Unit:
    """A page_alloc.c.

    A stack becomes one function, as the kernel's merged helper is one, that the callers call.

    Attributes:
        members: asked in this order; what the last passes on is a call of a function elsewhere.
        points: the init points that are sites.
        sites: how many callers have the alloc or free path expanded in them.

    """

    members: tuple[Member, ...]
    points: frozenset[str]
    sites: int = NR_SITES

    def chain(self, point: str) -> Iterator[tuple[Member, str, bool]]:
        """Yield the members called at POINT: the member, its function's name, whether it always claims."""
        for one in self.members:
            if found := one.at(point):
                function, always = found
                yield one, self._name(one, function), always
                if always:
                    return

    def functions(self) -> set[str]:
        """Return the names of the functions that clear: what the callers call."""
        return {self._clearing(point) for point in self.points if list(self.chain(point))}

    def source(self, way: str) -> str:
        """Return the C of it, the functions that clear placed as WAYS[WAY] says."""
        lines = ["#include <clearfw/strategy.h>", *self._declarations(WAYS[way])]
        for one in self._included():
            lines += self._include(one)
        lines += dict.fromkeys(self._stacked(point, WAYS[way]) for point in sorted(self.points))
        lines += [self._hook(point) for point in _POINTS]
        lines.append("#include <clearfw/model/page_alloc.h>")
        lines += [f"MODEL_{kind}_SITE({name})" for name, kind in self.callers()]
        return "\n".join(lines) + "\n"

    def callers(self) -> Iterator[tuple[str, str]]:
        """Yield the callers' names, and whether they allocate, free or vmalloc."""
        if self.points & {"alloc", "free"}:
            yield from _SITES[: self.sites]
            for number in range(NR_SITES, self.sites):
                kind = "FREE" if number % 2 else "ALLOC"
                yield f"{kind.lower()}_site_{number + 1}", kind
        if "vmalloc" in self.points:
            yield _VMALLOC_SITE

    def _included(self) -> list[Member]:
        """Return the members that are called at some init point."""
        asked = [one.strategy.name for point in self.points for one, *_ in self.chain(point)]
        return [one for one in self.members if one.strategy.name in asked]

    def _include(self, one: Member) -> Iterator[str]:
        renamed = {name: self._name(one, name) for name in one.functions.values()}
        yield from (f"#define {old} {new}" for old, new in renamed.items() if old != new)
        yield f'#include "{one.strategy.source.absolute().relative_to("/")}"'
        yield from (f"#undef {old}" for old, new in renamed.items() if old != new)

    def _name(self, one: Member, function: str) -> str:
        """Return what FUNCTION of ONE is called: two files may each have a static function of one name."""
        place = self.members.index(one)
        taken = {name for before in self.members[:place] for name in before.functions.values()}
        prefix = _NO_IDENTIFIER.sub("_", one.strategy.name)
        return f"{prefix}_{function}" if function in taken else function

    def _is_one_function(self, point: str) -> bool:
        """Whether one function clears at all init points, as kernel_init_pages() did up to 7.1."""
        chain = list(self.chain(point))
        others = (list(self.chain(other)) for other in self.points)
        alone = all(len(other) == 1 for other in others if chain[-1] in other) if chain else False
        return alone and chain[0][2]

    def _clearing(self, point: str) -> str:
        """Return the function that a caller calls: a strategy's own, or the one that a stack is made into."""
        if self._is_one_function(point):
            return next(self.chain(point))[1]
        # One function for alloc and free if both call the same, as in the kernel.
        alike = list(self.chain("alloc")) == list(self.chain("free"))
        return _STACKED[point if point == "vmalloc" or not alike else ""]

    def _declarations(self, how: str) -> Iterator[str]:
        # Before the definition: what is said of a function there holds, whatever its own file says.
        for point in sorted(self.points):
            own = how if self._is_one_function(point) else "static __always_inline"
            for _, function, always in self.chain(point):
                yield f"{own} {'void' if always else 'bool'} {function}({_ARGUMENTS[point]});"

    def _stacked(self, point: str, how: str) -> str:
        """Return the function that asks a stack: the first to claim ends it."""
        chain = list(self.chain(point))
        if not chain or self._is_one_function(point):
            return ""
        calls = [
            f"{function}(p, n);" if always else f"if ({function}(p, n)) return;"
            for _, function, always in chain
        ]
        if not chain[-1][2]:
            calls.append("model_unclaimed(p, (unsigned long)n);")
        body = " ".join(calls)
        return f"{how} void {self._clearing(point)}({_ARGUMENTS[point]}) {{ {body} }}"

    def _hook(self, point: str) -> str:
        asked = point in self.points and list(self.chain(point))
        body = f"{self._clearing(point)}(p, n);" if asked else "(void)p; (void)n;"
        return f"static __always_inline void model_init_on_{point}({_ARGUMENTS[point]}) {{ {body} }}"


def flags(architecture: Architecture, config: Config, compiler_version: str = "") -> tuple[str, ...]:
    """Return what a kernel's C is compiled with there, CONFIG's options included."""
    arch = architecture.kernel_flags
    if "clang" in compiler_version:
        arch = tuple(flag for flag in arch if not flag.startswith("-mpreferred-stack"))
    return (
        *KERNEL_FLAGS,
        *arch,
        *_INSTRUMENTED[config.kasan],
        *compiler.defines(config.kernel_options()),
    )


def compile_unit(unit: Unit, way: str, architecture: Architecture, config: Config) -> bytes:
    """Return the object file of UNIT; raises CompileError, NoCompilerError and MissingToolError."""
    tool = architecture.compiler()
    text = Generated(_UNIT, unit.source(way), tuple(one.strategy.read for one in unit.members))
    arguments = ["-DCLEARFW_MODEL", f"-I{compiler.INCLUDE_DIR}", "-c", str(_UNIT)]
    return compiler.run_compiler(tool, text, [*flags(architecture, config, tool.version), *arguments])


def without_clear(unit: Unit) -> Unit:
    """Return UNIT with the same callers and nothing to clear in them."""
    return attrs.evolve(unit, members=())


def points(members: Sequence[Member]) -> frozenset[str]:
    """Return the init points that call some of MEMBERS."""
    return frozenset(point for point in _POINTS if any(one.at(point) for one in members))
