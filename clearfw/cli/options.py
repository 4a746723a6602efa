"""Options and functions that several commands share."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clearfw.cli import names
from clearfw.config import parse_size
from clearfw.errors import ConfigError, nearest
from clearfw.files import is_device, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from clearfw.registry import Registry

INTERRUPTED = 128 + signal.SIGINT


def size(text: object) -> int:
    """Return the number of bytes for an option such as 256M."""
    try:
        return parse_size(str(text))
    except ConfigError as error:
        raise click.BadParameter(str(error)) from error


def file(text: str) -> str:
    """Return the path of an output file, or "-"; a bad path is refused before anything is measured."""
    path = Path(text)
    if text == "-":
        return text
    if not path.parent.is_dir():
        msg = f"the directory {path.parent} does not exist: create it first"
        raise click.BadParameter(msg)
    # A new file is written next to the old one, so the directory must be writable. Devices are written to.
    needed = [path] if is_device(path) else [one for one in (path, path.resolve().parent) if one.exists()]
    if path.is_dir() or not all(os.access(one, os.W_OK) for one in needed):
        msg = f"{path} cannot be written: name a file that you may write"
        raise click.BadParameter(msg)
    return text


def examples(*lines: str) -> str:
    """Return the examples at the end of a command's help."""
    return "\n\n".join(["Examples:", "\n".join(["\b", *(f"  {line}" for line in lines)])])


def picture(text: str) -> Path:
    """Return the path of a plot; a bad path is refused before anything is measured."""
    from clearfw.reports.plots import SUFFIXES
    from clearfw.results.document import check_extra

    check_extra()
    path = Path(file(text))
    if path.suffix not in SUFFIXES:
        msg = f"{path} is not a {' or '.join(SUFFIXES)} file: use one of these suffixes"
        raise click.BadParameter(msg)
    return path


def plugin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -p and --plugins-dir."""
    command = click.option(
        "-p",
        "plugin",
        multiple=True,
        metavar="no:NAME",
        shell_complete=names.plugins,
        help="Leave a plugin out; may be repeated.",
    )(command)
    return click.option(
        "--plugins-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Also load every .py and .c file of this directory.",
    )(command)


def trace_option(check: Callable[..., Path]) -> Callable[..., Any]:
    """Return a decorator that adds -o, the trace to write; CHECK returns its path or refuses it."""
    return click.option(
        "-o",
        "--output",
        required=True,
        metavar="TRACE",
        callback=check,
        shell_complete=names.files,
        help="The trace to write.",
    )


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    help_ = 'Write the result as JSON; "-" means standard output.'
    option = click.option(
        "--json", "json_path", type=file, metavar="FILE", shell_complete=names.files, help=help_
    )
    return option(command)


def load_registry(plugin: Sequence[str], plugins_dir: Path | None) -> Registry:
    """Return the registry for the values of -p and --plugins-dir."""
    from clearfw import registry

    wrong = [one for one in plugin if not one.startswith("no:")]
    if wrong:
        msg = f"-p {wrong[0]} is not of the form -p no:NAME: to add a plugin, use --plugins-dir"
        raise click.UsageError(msg)
    blocked = [one.removeprefix("no:") for one in plugin]
    if not blocked and plugins_dir is None:
        return registry.default()
    loaded = registry.load(block=blocked, plugins_dir=plugins_dir)
    known = [info.name for info in loaded.plugins]
    for name in blocked:
        if name not in known:
            all_of_them = ", ".join(known)
            msg = f"-p no:{name} names no plugin{nearest(name, known)}: known are {all_of_them}"
            raise click.UsageError(msg)
    return loaded


def console_for(json_path: str | None) -> Console:
    """Return the console for tables: standard error if JSON goes to standard output."""
    from clearfw.cli.console import console

    return console(to_stderr=json_path == "-")


def write_json(path: str, document: dict[str, Any]) -> None:
    """Write DOCUMENT to the file, or to standard output for "-"."""
    text = json.dumps(document, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(text)
    else:
        write_text(path, text)
