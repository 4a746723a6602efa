"""`clearfw plugins` lists the installed plugins with hooks and status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

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


@click.command(epilog=examples("clearfw plugins", "clearfw plugins --plugins-dir . -p no:prefetchw"))
@plugin_options
@click.option("--strict", is_flag=True, help="End with status 1 where a plugin failed.")
@json_option
def plugins(plugin: tuple[str, ...], plugins_dir: Path | None, strict: bool, json_path: str | None) -> int:
    """List installed plugins with hooks and status.

    Exit status: 0 success, 2 clearfw cannot do it; with --strict 1 if a plugin failed.
    """
    import attrs

    from clearfw.reports.tables import plugins as tables

    registry = load_registry(plugin, plugins_dir)
    if json_path != "-":
        console_for(json_path).print(tables.plugins(registry))
    if json_path:
        document = {
            "schema": "clearfw.plugins/1",
            "plugins": [attrs.asdict(info) for info in registry.plugins],
            "strategies": sorted(registry.strategies),
            "primitives": sorted(registry.primitives),
            "workloads": sorted(registry.workloads),
        }
        write_json(json_path, document)
    return 1 if strict and any(info.status == "failed" for info in registry.plugins) else 0
