"""`clearfw check`: every review question, answered with evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from clearfw.cli import names
from clearfw.cli.options import (
    console_for,
    examples,
    json_option,
    load_registry,
    plugin_options,
    write_json,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from clearfw.strategies import Strategy
    from clearfw.verdicts import Verdict


@click.command(
    epilog=examples(
        "clearfw check mine.c",
        "clearfw check batched --only zero_on_alloc --only kasan_generic_quiet",
    )
)
@click.argument("strategy", nargs=-1, metavar="[STRATEGY|FILE.c]...", shell_complete=names.strategies)
@click.option(
    "--only",
    multiple=True,
    metavar="CHECK",
    shell_complete=names.checks,
    help="Ask this check alone; may be repeated.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=20.0,
    show_default=True,
    help="Seconds for each check.",
)
@plugin_options
@json_option
def check(
    strategy: tuple[str, ...],
    only: tuple[str, ...],
    timeout: float,
    plugin: tuple[str, ...],
    plugins_dir: Path | None,
    json_path: str | None,
) -> int:
    """Ask of strategies all that a review asks, with evidence.

    Without arguments: every installed strategy. Each check runs in a process of its own, so that whatever a
    strategy does to it is a finding.
    """
    from clearfw import conformance, verdicts
    from clearfw.strategies import from_name

    registry = load_registry(plugin, plugins_dir)
    asked = conformance.known(only)
    given = strategy or tuple(registry.strategies)
    subjects = [(text, from_name(text, registry.strategies)) for text in given]
    console = console_for(json_path)
    found = []
    for text, one in subjects:
        found.append(_ask(console, text, one, asked, timeout))
        console.print(verdicts.table(found[-1]))
    console.print(verdicts.summary(found))
    if json_path:
        write_json(json_path, verdicts.to_json(found))
    return 0 if all(verdict.passed for verdict in found) else 1


def _ask(console: Console, given: str, strategy: Strategy, asked: tuple[str, ...], timeout: float) -> Verdict:
    from rich.progress import Progress

    from clearfw import conformance
    from clearfw.verdicts import Verdict

    answers = []
    with Progress(console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task(strategy.name, total=len(asked))
        for answer in conformance.run(strategy, asked, deadline_s=timeout):
            answers.append(answer)
            bar.update(task, advance=1, description=f"{strategy.name}: {answer.check.name}")
    return Verdict(given, strategy.name, tuple(answers))
