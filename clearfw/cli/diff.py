"""`clearfw diff` compares two results."""

from __future__ import annotations

from pathlib import Path

import click

from clearfw.cli.options import console_for, examples, json_option, write_json

_RESULT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=examples("clearfw diff before.json after.json"))
@click.argument("old", type=_RESULT, metavar="OLD.json")
@click.argument("new", type=_RESULT, metavar="NEW.json")
@json_option
def diff(old: Path, new: Path, json_path: str | None) -> int:
    """Compare two results.

    Both are files of the same command that --json wrote. Exit status: 0 nothing is worse beyond its interval,
    1 something is worse, 2 the results cannot be compared.
    """
    from clearfw.reports.tables import diff as comparison_report
    from clearfw.results import diff as comparison

    found = comparison.compare(comparison.load(old), comparison.load(new))
    console_for(json_path).print(comparison_report.diff(found))
    if json_path:
        write_json(json_path, comparison.to_json(found))
    return 1 if found.worse else 0
