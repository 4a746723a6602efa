"""Stack frames of a strategy, which a kernel's stack of 16 KiB has to hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from clearfw.toolchain import compiler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from clearfw.toolchain.compiler import Compiler
    from clearfw.toolchain.source import Source

# CONFIG_FRAME_WARN of a kernel of so many bits, by default (lib/Kconfig.debug, 7.3).
_LIMITS = {64: 2048, 32: 1024}
# A line of -fstack-usage: where, a tab, bytes, a tab, what kind. clang leaves out the column.
_TOLD = re.compile(r"^.*?:(?P<line>\d+)(?::\d+)?:(?P<function>\S+)\t(?P<nbytes>\d+)\t(?P<kind>\S+)$")


@attrs.frozen
class Frame:
    """A function's stack frame.

    Attributes:
        line: of the source, where the function begins.
        nbytes: what it takes of the stack whatever happens, functions inlined into it included.
        dynamic: whether it takes more as it runs: a VLA or alloca(), and a kernel is built with neither.

    """

    function: str
    line: int
    nbytes: int
    dynamic: bool

    def exceeds(self, limit: int) -> bool:
        """Whether a kernel with a limit of so many bytes would not be built with it."""
        return self.dynamic or self.nbytes > limit


def frames(
    source: Path | Source, options: Sequence[str] = (), made_with: Compiler | None = None
) -> tuple[Frame, ...]:
    """Return the frames of SOURCE's functions as compiled for OPTIONS, the worst first.

    Raises CompileError, and NoCompilerError where there is none and MADE_WITH is None.
    """
    source = compiler.as_source(source)
    arguments = [*compiler.FLAGS, "-fstack-usage", "-c", *compiler.inputs(source, options)]
    with compiler.outputs(made_with or compiler.find_compiler(), source, arguments) as directory:
        found = [frame for path in directory.glob("*.su") for frame in _read(path.read_text())]
    return tuple(sorted(found, key=lambda frame: (not frame.dynamic, -frame.nbytes, frame.line)))


def limit(bits: int = 64) -> int:
    """Return the most bytes that a frame may have in a kernel of so many BITS."""
    return _LIMITS[bits]


def _read(told: str) -> Iterator[Frame]:
    for line in told.splitlines():
        if one := _TOLD.match(line):
            # "dynamic,bounded" is an alignment of the stack: its size is in the number.
            # Of a part that the compiler split off, init_pages.part.0, somebody wrote the first word.
            function = one["function"].partition(".")[0]
            yield Frame(function, int(one["line"]), int(one["nbytes"]), one["kind"] == "dynamic")
