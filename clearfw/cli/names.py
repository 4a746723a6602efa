"""Completions for the shell: strategies, files, workloads, primitives, checks, architectures, plugins."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

from clearfw.strategies import is_file_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click

    from clearfw.registry import Registry


def strategies(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the strategies and files that can complete a stack; without any, the shell completes files."""
    above, plus, begun = incomplete.rpartition("+")
    known = {name: one.summary for name, one in _registry().strategies.items()}
    here = {path.name: "" for path in sorted(Path().glob("*")) if is_file_name(path.name)}
    found = [
        CompletionItem(f"{above}{plus}{name}", help=help_)
        for name, help_ in (known | here).items()
        if name.startswith(begun)
    ]
    return found or [CompletionItem(incomplete, type="file")]


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete files."""
    return [CompletionItem(incomplete, type="file")]


def workloads(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the workloads."""
    return _beginning(
        incomplete, ((name, getattr(one, "summary", "")) for name, one in _registry().workloads.items())
    )


def primitives(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the primitives of this processor, and the names "kernel" and "best"."""
    from clearfw import _core

    chosen = [
        ("kernel", "what Linux uses on this processor"),
        ("best", "the fastest one, as measured on this processor"),
    ]
    core = [(one["name"], one["instruction"]) for one in _core.primitives() if one["supported"]]
    brought = [(name, one.summary) for name, one in _registry().primitives.items()]
    return _beginning(incomplete, [*chosen, *core, *brought])


def checks(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the checks."""
    from clearfw.checks import conformance

    return _beginning(incomplete, ((name, one.asks) for name, one in conformance.checks().items()))


def plugins(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the values that -p takes."""
    return _beginning(incomplete, ((f"no:{one.name}", one.origin) for one in _registry().plugins))


def architectures(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the architectures that can complete a list of architectures."""
    from clearfw.toolchain.architectures import ARCHITECTURES

    above, comma, begun = incomplete.rpartition(",")
    return [CompletionItem(f"{above}{comma}{name}") for name in ARCHITECTURES if name.startswith(begun)]


def _registry() -> Registry:
    from clearfw import registry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about a plugin belong to the command that uses it
        return registry.default()


def _beginning(incomplete: str, known: Iterable[tuple[str, str]]) -> list[CompletionItem]:
    return [CompletionItem(name, help=help_) for name, help_ in known if name.startswith(incomplete)]
