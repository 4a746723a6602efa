"""Bloat: two object files compared function by function, and told as scripts/bloat-o-meter (7.3) tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clearfw.size.symbols import Symbol


@attrs.frozen
class Change:
    """One name's bytes before and after; 0 where it is not there."""

    name: str
    old: int
    new: int

    @property
    def delta(self) -> int:
        """Bytes added."""
        return self.new - self.old


@attrs.frozen
class Bloat:
    """Changed symbols, the largest growth first.

    Attributes:
        before, after: bytes of all symbols; a section's size(1) also counts padding.

    """

    changes: tuple[Change, ...]
    before: int
    after: int

    @property
    def net(self) -> int:
        """Bytes added in all."""
        return self.after - self.before


def compare(old: Mapping[str, Symbol], new: Mapping[str, Symbol]) -> Bloat:
    """Return what changed from OLD to NEW."""
    changes = [Change(name, _nbytes(old, name), _nbytes(new, name)) for name in {**old, **new}]
    changed = (change for change in changes if change.delta)
    ordered = sorted(changed, key=lambda change: (-change.delta, change.name))
    return Bloat(tuple(ordered), _total(old), _total(new))


def text(bloat: Bloat) -> str:
    """Return the lines that scripts/bloat-o-meter prints."""
    added = [change for change in bloat.changes if not change.old]
    removed = [change for change in bloat.changes if not change.new]
    both = [change for change in bloat.changes if change.old and change.new]
    up = sum(max(change.delta, 0) for change in bloat.changes)
    down = sum(min(change.delta, 0) for change in bloat.changes)
    grown = sum(change.delta > 0 for change in both)
    counts = f"add/remove: {len(added)}/{len(removed)} grow/shrink: {grown}/{len(both) - grown}"
    lines = [
        f"{counts} up/down: {up}/{down} ({up + down})",
        f"{'Function':<40} {'old':>7} {'new':>7} {'delta':>7}",
    ]
    lines += [
        f"{change.name:<40} {change.old or '-':>7} {change.new or '-':>7} {change.delta:>+7}"
        for change in bloat.changes
    ]
    percent = 100 * bloat.net / bloat.before if bloat.before else 0.0
    lines.append(f"Total: Before={bloat.before}, After={bloat.after}, chg {percent:+.2f}%")
    return "\n".join(lines)


def _nbytes(symbols: Mapping[str, Symbol], name: str) -> int:
    return symbols[name].nbytes if name in symbols else 0


def _total(symbols: Mapping[str, Symbol]) -> int:
    return sum(symbol.nbytes for symbol in symbols.values())
