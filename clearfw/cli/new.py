"""`clearfw new` writes a plugin package."""

from __future__ import annotations

from pathlib import Path

import click

from clearfw.cli.options import examples, json_option, load_registry, write_json


@click.command(epilog=examples("clearfw new two-pass"))
@click.argument("name")
@json_option
def new(name: str, json_path: str | None) -> int:
    """Write a plugin package for a strategy called NAME.

    The new directory clearfw-NAME contains a strategy in C, its prototype in Python, tests, benchmarks and
    a CI file. All of them work; change the strategy to try your idea.
    """
    from clearfw.scaffold import package

    of = package.names(name, load_registry((), None).strategies)
    directory = Path(of.distribution)
    written = [str(path) for path in package.write(of, directory)]
    if json_path != "-":
        click.echo("\n".join(f"{directory}/{path}" for path in written))
        click.echo(
            f"\nNow: cd {directory} && pip install -e '.[dev]' && pytest && clearfw bench {of.strategy}"
        )
    if json_path:
        document = {
            "schema": "clearfw.new/1",
            "directory": str(directory),
            "distribution": of.distribution,
            "package": of.package,
            "strategies": list(of.strategies),
            "files": written,
        }
        write_json(json_path, document)
    return 0
