"""Code sizes as they are saved, schema clearfw.size/1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clearfw.size.code_size import Size, Sizes, Way

SCHEMA = "clearfw.size/1"


def to_json(found: Sizes) -> dict[str, Any]:
    """Return the document that `clearfw size --json` writes."""
    from importlib.metadata import version

    return {
        "schema": SCHEMA,
        "clearfw": version("clearfw"),
        "results": [_result(one) for one in found.sizes],
        "failed": [
            {"strategy": one.stack, "arch": one.arch, "stderr": one.error.stderr} for one in found.failed
        ],
        "missing": [{"arch": arch, "package": error.package} for arch, error in found.missing.items()],
    }


def _result(one: Size) -> dict[str, Any]:
    return {
        "strategy": one.stack,
        "against": one.against,
        "arch": one.arch,
        "config": one.config,
        "left_out": one.left_out,
        "compiler": one.compiler,
        "flags": " ".join(one.flags),
        "sites": one.sites,
        "ways": _ways(one.ways),
    }


def _ways(ways: Iterable[Way]) -> list[dict[str, Any]]:
    return [
        {
            "way": way.way,
            "before": way.bloat.before,
            "after": way.bloat.after,
            "net": way.bloat.net,
            "function_bytes": way.function_bytes,
            "site_bytes": round(way.site_bytes, 1),
            "symbols": [attrs.asdict(change) for change in way.bloat.changes],
        }
        for way in ways
    ]


@attrs.frozen
class SavedSymbol:
    """A function's bytes before and after."""

    name: str
    old: int
    new: int


@attrs.frozen
class SavedWay:
    """A unit with the clear inline, out of line, or as the compiler chose."""

    way: str
    before: int
    after: int
    net: int
    function_bytes: int
    site_bytes: float
    symbols: tuple[SavedSymbol, ...]


@attrs.frozen
class SavedSize:
    """Code size of a strategy on one architecture."""

    strategy: str
    against: str
    arch: str
    config: str
    compiler: str
    flags: str
    sites: int
    ways: tuple[SavedWay, ...]


@attrs.frozen
class SavedFailed:
    """A strategy that does not compile for an architecture."""

    strategy: str
    arch: str
    stderr: str


@attrs.frozen
class SavedMissing:
    """An architecture without a compiler, and the package that has it."""

    arch: str
    package: str


@attrs.frozen
class SavedSizes:
    """Saved results of `clearfw size`."""

    results: tuple[SavedSize, ...]
    failed: tuple[SavedFailed, ...]
    missing: tuple[SavedMissing, ...]
