"""`clearfw size`: what strategies cost in code, inline and out of line, on every architecture."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import attrs
import click

from clearfw.cli import names
from clearfw.cli.harmless import harmless
from clearfw.cli.options import (
    INTERRUPTED,
    console_for,
    examples,
    json_option,
    load_registry,
    plugin_options,
    write_json,
)
from clearfw.cli.taking import take, tree_options
from clearfw.errors import CompileError, MissingToolError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import TypeAlias

    from rich.console import Console

    from clearfw.config import Config
    from clearfw.size.code_size import Sizes
    from clearfw.strategies import Strategy
    from clearfw.toolchain.architectures import Architecture

    Stack: TypeAlias = "tuple[Strategy, ...]"


# Of what a compiler prints of one strategy.
_MOST_LINES = 12


@click.command(
    epilog=examples(
        "clearfw size mine.c",
        "clearfw size mine.c batched --config highmem,kasan=generic --arch arm",
        "clearfw size mine.c --against per_page --disasm --arch s390x",
        "clearfw size v3.patch --tree ~/linux --arch x86_64,arm",
    )
)
@click.argument("strategy", nargs=-1, metavar="[STRATEGY|FILE.c]...", shell_complete=names.strategies)
@click.option(
    "--arch",
    default="x86_64,arm,arm64,s390x",
    show_default=True,
    metavar="NAMES",
    shell_complete=names.architectures,
    help="Architectures, with commas between; one whose compiler is not installed is named, and left out.",
)
@click.option(
    "--sites",
    type=click.IntRange(1, 1000),
    default=6,
    show_default=True,
    help="Callers that the alloc or free path is expanded in.",
)
@click.option(
    "--config",
    default="",
    metavar="WORDS",
    help="highmem, kasan=MODE and page_size=SIZE, with commas: those that kernels there have.",
)
@click.option(
    "--against",
    metavar="STRATEGY",
    shell_complete=names.strategies,
    help="What is there today.  [default: the baseline of the same init points]",
)
@click.option("--disasm", is_flag=True, help="Show the instructions as well.")
@tree_options
@plugin_options
@json_option
def size(
    strategy: tuple[str, ...],
    arch: str,
    sites: int,
    config: str,
    against: str | None,
    disasm: bool,
    tree: Path | None,
    function: str | None,
    reverse: bool,
    plugin: tuple[str, ...],
    plugins_dir: Path | None,
    json_path: str | None,
) -> int:
    """Tell what strategies cost in code, inline and out of line.

    Each is compiled into a model of mm/page_alloc.c, with a kernel's flags, and compared with what is there
    today as scripts/bloat-o-meter does. Without arguments: every installed strategy in C.
    """
    from clearfw.reports.tables import size as tables
    from clearfw.results import size as results
    from clearfw.size import code_size
    from clearfw.strategies import parse_stack, told_apart
    from clearfw.toolchain import architectures

    registry, strategy = take(load_registry(plugin, plugins_dir), strategy, tree, function, reverse=reverse)
    against, strategy = _against_before(against, strategy)
    asked = architectures.find(arch.split(","))
    compiled_for = code_size.parse_config(config)
    parsed = [parse_stack(text, registry.strategies) for text in strategy or code_size.all_in_c(registry)]
    stacks = told_apart(parsed, registry.strategies)
    rows = [(stack, code_size.compared_with(registry, stack, against)) for stack in stacks]
    for stack, old in rows:
        code_size.units(stack, old, sites)
    present, missing = architectures.having(asked, architectures.Architecture.compiler)
    console = console_for(json_path)
    found = code_size.Sizes([], [], missing)
    jobs = [
        _Job(stack, old, where, compiled_for, sites, disasm)
        for where, (stack, old) in itertools.product(present, rows)
    ]
    interrupted = _measure(console, jobs, found)
    if found.sizes:
        console.print(tables.summary(found.sizes))
    for error in missing.values():
        console.print(f"left out: {error}", style="dim")
    if json_path:
        write_json(json_path, results.to_json(found))
    if interrupted:
        return INTERRUPTED
    if not found.sizes:
        return 2
    return 1 if found.failed else 0


def _against_before(against: str | None, named: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Return what a function after a patch is compared with, itself before it, and NAMED without that."""
    before = [name for name in named if name.endswith(":before")]
    if against is not None or len(before) != 1:
        return against, named
    return before[0], tuple(name for name in named if name != before[0])


@attrs.frozen
class _Job:
    """A stack to measure on an architecture."""

    stack: Stack
    old: Stack
    architecture: Architecture
    config: Config
    sites: int
    disasm: bool


def _measure(console: Console, jobs: Sequence[_Job], found: Sizes) -> bool:
    """Do the jobs into FOUND and print each; return whether an interrupt ended it, or raise that."""
    from rich.progress import Progress

    try:
        with Progress(console=console, transient=True, disable=not console.is_interactive) as bar:
            for job in bar.track(jobs, description="compiling"):
                _do(console, job, found)
    except KeyboardInterrupt:
        if not found.sizes:
            raise
        return True
    return False


def _do(console: Console, job: _Job, found: Sizes) -> None:
    from clearfw.reports.tables import size as tables
    from clearfw.size import code_size

    name = "+".join(one.name for one in job.stack)
    subject = (job.stack, job.old, job.architecture, job.config)
    try:
        size = code_size.size(*subject, job.sites)
    except CompileError as error:
        found.failed.append(code_size.Failed(name, job.architecture.name, error))
        click.echo(f"clearfw: {job.architecture.name}: {_shortened(harmless(str(error)))}", err=True)
        return
    if size.arch not in {one.arch for one in found.sizes}:
        console.print(tables.heading(size), soft_wrap=True)
    found.sizes.append(size)
    console.print(tables.details(size), soft_wrap=True)
    if job.disasm:
        console.print(f"\n{_disassembly(subject)}", soft_wrap=True)


def _shortened(text: str) -> str:
    """Return a compiler's words; of many lines the first ones: an assembler repeats itself on every line."""
    lines = text.splitlines()
    if len(lines) <= _MOST_LINES:
        return text
    left_out = len(lines) - _MOST_LINES
    return "\n".join([*lines[:_MOST_LINES], f"... and {left_out} more lines, which --json FILE keeps"])


def _disassembly(subject: tuple[Stack, Stack, Architecture, Config]) -> str:
    from clearfw.size import code_size

    try:
        return code_size.disassembly(*subject)
    except MissingToolError as error:
        return str(error)
