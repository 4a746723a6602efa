"""What a stack of strategies claims, and what it passes on: counted by a witness that stands below it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw import _core, isolation
from clearfw.errors import ClearfwError
from clearfw.machine import Machine
from clearfw.strategies import NativeStrategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clearfw.config import Config
    from clearfw.isolation import Tell
    from clearfw.strategies import Strategy

# Asked for zeroes, and not left to hw_tags: an init point is asked whatever the machine booted with.
_GFP = "GFP_HIGHUSER|__GFP_ZERO|__GFP_SKIP_KASAN"
_AREA_GFP = "GFP_KERNEL|__GFP_HIGHMEM|__GFP_ZERO"
_LIST = 100
_AREA_PAGES = 600  # of more than one huge page
_DEADLINE_S = 30.0


class _Witness(NativeStrategy):
    """The core's own strategy that clears what was passed on to it, and counts that."""

    def load(self, config: Config) -> _core.NativeStrategyHandle:  # noqa: ARG002  it is for all
        """Return it."""
        return _core.witness()


def witnessed(stack: Sequence[Strategy]) -> tuple[Strategy, ...]:
    """Return STACK with the witness below it, so that nothing stays unclaimed."""
    return (*stack, _Witness("witness", Path(__file__), "clears what was passed on, and counts it"))


def share(machine: Machine, run: Callable[[], object]) -> float:
    """Return which part of the pages that RUN has cleared is claimed above the witness, 0 to 1."""
    run()  # the first time, a replay also looks at what was left dirty: that does not count
    _core.take_witness()
    machine.reset_counters()
    run()
    npages = machine.counters.pages
    return 1 - _core.take_witness()["npages"] / npages if npages else 0.0


def told(stack: Sequence[Strategy], config: Config) -> str:
    """Return in words what STACK claims on a machine of CONFIG, tried in a child process; empty: nothing."""
    # Else page_alloc would have cleared an area's pages.
    asking = attrs.evolve(config, vmalloc_init="always")

    def work(tell: Tell) -> None:
        with Machine(asking, witnessed(stack)) as machine:
            for name, run in _tries(machine):
                tell({"claims": name, "share": _tried(machine, run)})

    shares = {one["claims"]: one["share"] for one in isolation.run(work, _DEADLINE_S).told if "claims" in one}
    return _words(shares)


def _tries(machine: Machine) -> Iterator[tuple[str, Callable[[], object]]]:
    def block(order: int) -> None:
        machine.alloc_pages(order, _GFP).free()

    def pages() -> None:
        machine.free_pages_bulk(machine.alloc_pages_bulk(_LIST, _GFP))

    def area() -> None:
        machine.vmalloc(_AREA_PAGES * machine.config.page_size, _AREA_GFP).free()

    for order in range(_core.MAX_ORDER + 1):
        yield f"order {order}", functools.partial(block, order)
    yield "lists", pages
    yield "areas", area


def _tried(machine: Machine, run: Callable[[], object]) -> float:
    try:
        return share(machine, run)
    except ClearfwError:
        return 0.0


def _words(shares: dict[str, float]) -> str:
    orders = [order for order in range(_core.MAX_ORDER + 1) if shares.get(f"order {order}")]
    found = [_of_orders(orders)] if orders else []
    # Lists are made of single pages: who claims those one by one claims them in a list, too.
    if shares.get("lists") and 0 not in orders:
        found.append("lists of single pages")
    if shares.get("areas"):
        found.append("vmalloc areas")
    return " and ".join(found)


def _of_orders(orders: Sequence[int]) -> str:
    first, last = orders[0], orders[-1]
    if first == last:
        return f"blocks of order {first}"
    if len(orders) == last - first + 1:
        return f"blocks of order {first} to {last}"
    return f"blocks of order {', '.join(map(str, orders))}"
