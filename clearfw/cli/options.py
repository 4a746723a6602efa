"""What several commands have in common: plugins to load, and where JSON goes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearfw.config import parse_size
from clearfw.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from clearfw.registry import Registry


class Size(click.ParamType[int]):
    """Bytes, as 256M or 2G."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes VALUE stands for."""
        if isinstance(value, int):
            return value
        try:
            return parse_size(str(value))
        except ConfigError as error:
            self.fail(str(error), param, ctx)


def plugin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -p and --plugins-dir."""
    command = click.option(
        "-p", "plugin", multiple=True, metavar="no:NAME", help="Leave a plugin out; may be repeated."
    )(command)
    return click.option(
        "--plugins-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Load every .py and .c file of this directory as well.",
    )(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    return click.option(
        "--json", "json_path", metavar="FILE", help='Write the result as JSON; "-" for standard output.'
    )(command)


def load_registry(plugin: Sequence[str], plugins_dir: Path | None) -> Registry:
    """Return the registry that -p and --plugins-dir ask for."""
    from clearfw import registry

    wrong = [one for one in plugin if not one.startswith("no:")]
    if wrong:
        msg = f"-p {wrong[0]} asked for, only -p no:NAME is known: to add a plugin, use --plugins-dir or CLEARFW_PLUGINS"
        raise click.UsageError(msg)
    blocked = [one.removeprefix("no:") for one in plugin]
    if not blocked and plugins_dir is None:
        return registry.default()
    return registry.load(block=blocked, plugins_dir=plugins_dir)


def console_for(json_path: str | None) -> Console:
    """Return where tables go: standard error when standard output is for JSON."""
    from rich.console import Console

    console = Console(stderr=json_path == "-")
    # A pipe has no width, and 80 columns would cut the tables.
    return console if console.is_terminal else Console(stderr=json_path == "-", width=140)


def write_json(path: str, document: dict[str, Any]) -> None:
    """Write DOCUMENT to the file, or to standard output for "-"."""
    text = json.dumps(document, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(text)
    else:
        Path(path).write_text(text)
