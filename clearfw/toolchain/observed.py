"""The second build of a strategy, which tells what it does: every load, store, block and comparison."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from clearfw.errors import CompileError
from clearfw.toolchain import compiler as compiling
from clearfw.toolchain.source import Source, sha256

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from clearfw.toolchain.compiler import Compiler

RUNTIME = compiling.INCLUDE_DIR / "clearfw" / "observed" / "runtime.c"

# From -O1 on min() is a conditional move, and what it compares is lost.
_INSTRUMENTED = ("-O0", "-w", "-fsanitize=thread", "-fsanitize-coverage=trace-pc,trace-cmp")
# The runtime is our own, and relocations stay: they tell where each block is.
_LINKED = ("-shared", "-nostdlib", "-Wl,--emit-relocs")
_RUNTIME = ("-std=gnu11", "-O2", "-fPIC", "-ffreestanding", "-fvisibility=hidden", "-w")


def compile_observed(source: Source, options: Sequence[str], compiler: Compiler) -> Path:
    """Return SOURCE as an instrumented shared object for OPTIONS; raises CompileError."""
    runtime = _runtime(compiler)
    flags = [flag for flag in compiling.FLAGS if not flag.startswith(("-O", "-W"))]
    arguments = [*flags, *_INSTRUMENTED, *_LINKED, *compiling.inputs(source, options), str(runtime)]
    name = compiling.cached_name(source, options, compiler, (*_INSTRUMENTED, *_LINKED, runtime.name))
    return compiling.kept(
        f"observed-{name}", source.path, lambda: compiling.run_compiler(compiler, source, arguments)
    )


@functools.cache
def _runtime(compiler: Compiler) -> Path:
    source = Source(RUNTIME)
    parts = [sha256(source.data), *_RUNTIME, *compiler.command, compiler.version]
    name = f"runtime-{sha256(' '.join(parts).encode())}.o"
    arguments = [*_RUNTIME, "-c", *compiling.inputs(source)]
    return compiling.kept(name, RUNTIME, lambda: compiling.run_compiler(compiler, source, arguments))


@functools.cache
def why_not(compiler: Compiler) -> str:
    """Return why COMPILER cannot instrument a strategy, in one sentence; empty where it can."""
    try:
        _runtime(compiler)
        probe = Source(RUNTIME)
        arguments = [*_INSTRUMENTED, "-std=gnu11", "-ffreestanding", "-fPIC", "-c", *compiling.inputs(probe)]
        compiling.run_compiler(compiler, probe, arguments)
    except CompileError:
        return (
            f"{compiler.version or compiler.command[0]} has no -fsanitize=thread with "
            "-fsanitize-coverage=trace-pc,trace-cmp: gcc 12 and later do"
        )
    return ""
