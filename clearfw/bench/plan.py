"""The plan of a measurement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw.errors import ClearfwError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clearfw.bench.peers import Peer
    from clearfw.bench.run import Skipped
    from clearfw.config import Config
    from clearfw.registry import Registry
    from clearfw.strategies import Strategy
    from clearfw.workloads.protocol import Options, Workload


@attrs.frozen(kw_only=True)
class Plan:
    """The plan of a measurement.

    Attributes:
        stacks: label and strategies of each row, before primitives multiply them.
        primitives: the first is the baseline's.
        rounds: how many, each with every variant once.
        left_out: what was asked for, and is known beforehand not to work.

    """

    workload: Workload
    options: Options
    stacks: Sequence[tuple[str, tuple[Strategy, ...]]]
    primitives: Sequence[str]
    rounds: int
    peers: Sequence[Peer] = ()
    left_out: Sequence[Skipped] = ()


def chosen_primitives(registry: Registry, asked: Sequence[str]) -> list[str]:
    """Return the named primitives; each is known and supported by this CPU."""
    from clearfw import primitives

    wanted = (
        name if name == "best" else primitives.load(name, registry.primitives)
        for name in asked or ("kernel", "best")
    )
    return list(dict.fromkeys(wanted))


def stacks(
    registry: Registry, workload: Workload, options: Options, named: Sequence[str]
) -> Iterator[tuple[str, tuple[Strategy, ...]]]:
    """Yield the stacks: the baseline of the workload's init point, then the named ones, or all."""
    from clearfw.strategies import parse_stack, told_apart

    config = workload.scenes(options)[0].config
    known = registry.strategies
    baselines = [one for one in known.values() if one.baseline and _serves(one, config, workload.point)]
    asked = [parse_stack(text, known) for text in named or _everything(registry, config, workload.point)]
    rows = {
        "+".join(one.name for one in stack): stack
        for stack in (*((one,) for one in baselines), *told_apart(asked, known))
    }
    yield from rows.items()


def _everything(registry: Registry, config: Config, point: str) -> Iterator[str]:
    """Yield the strategies in C that serve the init point, and on HIGHMEM the default stack's part of it."""
    from clearfw.strategies import parse_stack

    serving = [
        one for one in registry.strategies.values() if not one.interpreted and _serves(one, config, point)
    ]
    yield from (one.name for one in serving)
    if config.config_highmem:
        default = parse_stack(registry.default_stack(config), registry.strategies)
        yield "+".join(one.name for one in default if one in serving)


def _serves(strategy: Strategy, config: Config, point: str) -> bool:
    from clearfw.strategies import NativeStrategy

    try:
        return isinstance(strategy, NativeStrategy) and point in strategy.load(config).points
    except ClearfwError:
        return True  # the preflight tells why it cannot
