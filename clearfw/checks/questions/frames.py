"""Stack frames: what no machine of ours runs out of, and a kernel does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.checks.check import check
from clearfw.config import Config
from clearfw.errors import NoCompilerError, UnsupportedError
from clearfw.strategies import NativeStrategy
from clearfw.toolchain import frames

if TYPE_CHECKING:
    from clearfw.checks.subject import Subject

# A strategy is other code in each of them.
_MEMORY = "memory=16M"
_KERNELS = ("", " highmem=8M", " kasan=generic", " kasan=hw_tags", " page_size=64K")


@check(
    "A kernel's stack has 16 KiB, and whoever called the allocator has had a part: it is built with no frame "
    "above CONFIG_FRAME_WARN, no variable-length array and no alloca() (lib/Kconfig.debug, Makefile, 7.3).",
    "alloc",
    "free",
    "vmalloc",
)
def frame_size(subject: Subject) -> None:
    """Every function's stack frame, as compiled for kernels of every kind: 2 KiB, on 32 bits 1 KiB."""
    if not isinstance(subject.strategy, NativeStrategy):
        subject.remark("is in Python, and has no frame of a kernel's")
        return
    architecture = subject.architecture
    limit = frames.limit(architecture.bits if architecture else 64)
    compiler = architecture.compiler() if architecture else None
    for kernel in _KERNELS:
        subject.config = _MEMORY + kernel
        options = Config.parse(subject.config).kernel_options()
        try:
            worst = next(iter(frames.frames(subject.strategy.read, options, compiler)), None)
        except NoCompilerError as error:
            raise UnsupportedError(str(error)) from error
        if worst and worst.exceeds(limit):
            raise subject.found(_told(worst, limit))


def _told(frame: frames.Frame, limit: int) -> str:
    where = f"{frame.function}(), line {frame.line},"
    if frame.dynamic:
        return f"{where} grows its stack frame as it runs: a variable-length array, or alloca()"
    return f"{where} has a stack frame of {frame.nbytes:,} bytes: {limit:,} are the most"
