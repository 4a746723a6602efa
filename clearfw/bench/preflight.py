"""Preflight: each strategy runs once in a child process, so that a crash becomes one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw import _core, isolation
from clearfw.bench.claims import witnessed
from clearfw.errors import ClearfwError, StrategyError
from clearfw.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from clearfw.bench.plan import Plan
    from clearfw.config import Config
    from clearfw.strategies import Strategy

_MEMORY = 64 << 20
# Room for aligned chunks in either zone, whatever the page size.
_BLOCKS = 8
DEADLINE_S = 30.0


def check(plan: Plan, label: str, stack: tuple[Strategy, ...], deadline_s: float = DEADLINE_S) -> None:
    """Raise StrategyError if STACK crashes, hangs or misbehaves in PLAN's workload on a small machine.

    One that passes on, or leaves memory dirty, is for the measurement to tell. Raises what compiling raises.
    """
    for scene in plan.workload.scenes(plan.options):
        for strategy in stack:
            strategy.plugin(scene.config)  # compiled here, and only loaded there

    def work(tell: Callable[[dict[str, Any]], None]) -> None:
        try:
            _exercise(plan, stack)
        except ClearfwError as error:
            tell({"error": str(error)})

    outcome = isolation.run(work, deadline_s)
    if outcome.end:
        msg = f"{label} {outcome.end}, so it was not timed"
        raise StrategyError(msg, label)
    for message in outcome.told:
        raise StrategyError(message["error"], label)


def _exercise(plan: Plan, stack: tuple[Strategy, ...]) -> None:
    for scene in plan.workload.scenes(plan.options):
        little = attrs.evolve(scene, config=small(scene.config))
        # What is passed on goes on to the end: of a strategy for large blocks those are to be tried, too.
        with Machine(little.config, witnessed(stack)) as machine:
            machine.stack_name = "+".join(strategy.name for strategy in stack)
            bench = plan.workload.open(little, machine, plan.options)
            for case in bench.cases:
                bench.run(case, 0)
            bench.close()


def small(config: Config) -> Config:
    """Return CONFIG with no more memory than a try needs."""
    memory = min(config.memory, max(_MEMORY, _BLOCKS * config.page_size << _core.MAX_ORDER))
    return attrs.evolve(config, memory=memory, highmem=min(config.highmem, memory // 2))


def survivors(plan: Plan, named: Sequence[str]) -> Plan:
    """Return PLAN without the strategies that are broken; where some were named, raise for the first such."""
    from clearfw.bench.run import Skipped

    sound, left_out = [], list(plan.left_out)
    for label, stack in plan.stacks:
        try:
            check(plan, label, stack)
            sound.append((label, stack))
        except ClearfwError as error:
            if named:
                raise
            left_out.append(Skipped(label, str(error).rstrip(), broken=True))
    return attrs.evolve(plan, stacks=sound, left_out=left_out)
