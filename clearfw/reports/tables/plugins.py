"""Plugins as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from clearfw.reports.tables.grid import grid

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clearfw.registry import Registry


def plugins(registry: Registry) -> RenderableType:
    """Return the table of plugins with hooks and status, and the reasons why plugins are not active."""
    table = grid()
    for column in ("plugin", "version or file", "status", "hooks", "strategies"):
        table.add_column(column, overflow="fold")
    styles = {"active": None, "blocked": "dim", "failed": "red"}
    for info in registry.plugins:
        hooks = "\n".join(hook.removeprefix("clearfw_") for hook in info.hooks)
        row = (info.name, info.version or info.origin, info.status, hooks, "\n".join(info.strategies))
        table.add_row(*row, style=styles[info.status])
    reasons = (
        Text(f"{info.name} {info.status}: {info.reason} ({info.origin})", style=styles[info.status] or "")
        for info in registry.plugins
        if info.reason
    )
    return Group(table, *reasons)
