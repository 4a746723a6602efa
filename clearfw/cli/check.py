"""`clearfw check` runs the review checks on strategies."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import attrs
import click

from clearfw.cli import names
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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from clearfw.checks.answers import Verdict
    from clearfw.strategies import Strategy
    from clearfw.toolchain.architectures import Architecture


@click.command(
    epilog=examples(
        "clearfw check mine.c",
        "clearfw check batched --only zero_on_alloc --only kasan_generic_quiet",
        "clearfw check mine.c --arch arm,s390x",
        "clearfw check v3.patch --tree ~/linux",
    )
)
@click.argument("strategy", nargs=-1, metavar="[STRATEGY|FILE.c]...", shell_complete=names.strategies)
@click.option(
    "--only",
    multiple=True,
    metavar="CHECK",
    shell_complete=names.checks,
    help="Run only this check; may be repeated.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=5.0,
    show_default=True,
    help="Seconds of processor time for one call of the strategy.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 too for what is incomplete or untested.")
@click.option(
    "--arch",
    default="",
    metavar="NAMES",
    shell_complete=names.architectures,
    help="Run on arm, arm64, s390x or x86_64 under qemu; separate several by commas.",
)
@tree_options
@plugin_options
@json_option
def check(
    strategy: tuple[str, ...],
    only: tuple[str, ...],
    timeout: float,
    strict: bool,
    arch: str,
    tree: Path | None,
    function: str | None,
    reverse: bool,
    plugin: tuple[str, ...],
    plugins_dir: Path | None,
    json_path: str | None,
) -> int:
    """Run the review checks on strategies.

    Without arguments, check runs on every installed strategy. Each check runs in a process of its own, so
    a crash is reported like any other failure.
    Exit status: 0 all passed, 1 a check failed, 2 clearfw cannot do it, 130 interrupted; the answers up to
    that point are printed.
    """
    from clearfw.checks import conformance
    from clearfw.reports.tables import check as tables
    from clearfw.results import check as results
    from clearfw.strategies import from_name, told_apart

    registry, strategy = take(load_registry(plugin, plugins_dir), strategy, tree, function, reverse=reverse)
    asked = conformance.known(only)
    given = strategy or tuple(registry.strategies)
    named = [(from_name(text, registry.strategies),) for text in given]
    subjects = list(zip(given, (one for (one,) in told_apart(named, registry.strategies)), strict=True))
    console = console_for(json_path)
    names_ = [one.name for _, one in subjects]
    found: list[Verdict] = []
    interrupted = False
    try:
        for where, (text, one) in itertools.product(_architectures(arch, console), subjects):
            verdict = _ask(console, text, one, asked, timeout, where)
            found.append(attrs.evolve(verdict, alone=names_.count(one.name) == 1))
            console.print(tables.table(found[-1]))
    except KeyboardInterrupt:
        if not found:
            raise
        interrupted = True
    console.print(tables.summary(found))
    if interrupted:
        console.print("interrupted: the strategies that were still to be asked are left out", style="yellow")
    if json_path:
        write_json(json_path, results.to_json(found))
    if interrupted:
        return INTERRUPTED
    good = all(verdict.conclusive if strict else verdict.passed for verdict in found)
    return 0 if good else 1


def _architectures(asked: str, console: Console) -> Sequence[Architecture | None]:
    """Return where to run checks; None means this computer. Prints the architectures that lack a tool."""
    from clearfw.checks import server
    from clearfw.toolchain import architectures

    if not asked:
        return [None]
    present, missing = architectures.having(architectures.find(asked.split(",")), server.prepare)
    for error in missing.values():
        console.print(f"left out: {error}", style="dim")
    return [None if one.is_native else one for one in present]


def _ask(
    console: Console,
    given: str,
    strategy: Strategy,
    asked: tuple[str, ...],
    timeout: float,
    architecture: Architecture | None,
) -> Verdict:
    from rich.progress import Progress

    from clearfw.checks import conformance
    from clearfw.checks.answers import Verdict

    with Progress(console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task(strategy.name, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        answers = tuple(
            conformance.run(strategy, asked, architecture=architecture, patience_s=timeout, progress=progress)
        )
    return Verdict(given, strategy.name, answers, architecture.name if architecture else "")
