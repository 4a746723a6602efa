"""A dry run: a trace replayed with nothing cleared, to know what replaying costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw.bench import statistics
from clearfw.workloads.replay import bare_machine

if TYPE_CHECKING:
    from clearfw.config import Config
    from clearfw.traces.census import Followed


@attrs.frozen
class DryRun:
    """A replay with no clearing: events a second, and the allocations that found no block."""

    events_per_s: float
    nomem: int


def dry_run(replay: Followed, config: Config, rounds: int = 5) -> DryRun:
    """Replay on a machine of CONFIG that clears nothing: the median of ROUNDS, after one more."""
    bare = bare_machine(config)
    try:
        runs = [replay.script.run(bare, clear=False) for _ in range(rounds + 1)][1:]
    finally:
        bare.close()
    seconds = statistics.spread([run["ns"] / 1e9 for run in runs]).median
    return DryRun(replay.census.events / seconds, runs[0]["nomem"])
