"""Which pages a stack of strategies claims. A witness at the end of the stack counts the others."""

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
_AREA_PAGES = 600  # more than one huge page
_DEADLINE_S = 30.0


class _Witness(NativeStrategy):
    """The core's own strategy: it clears the pages that others passed on, and counts them."""

    def load(self, config: Config) -> _core.NativeStrategyHandle:  # noqa: ARG002  one for all configurations
        """Return the witness of the core."""
        return _core.witness()


def witnessed(stack: Sequence[Strategy]) -> tuple[Strategy, ...]:
    """Return STACK with the witness at its end, so that all pages are claimed."""
    return (
        *stack,
        _Witness("witness", Path(__file__), "clears pages that others passed on, and counts them"),
    )


def share(machine: Machine, run: Callable[[], object]) -> float:
    """Run RUN and return the share of the cleared pages that strategies above the witness claimed, 0 to 1."""
    run()  # the first time, a replay also looks at what was left dirty: that does not count
    _core.take_witness()
    machine.reset_counters()
    run()
    npages = machine.counters.pages
    return 1 - _core.take_witness()["npages"] / npages if npages else 0.0


def told(stack: Sequence[Strategy], config: Config) -> str:
    """Try STACK on a machine of CONFIG in a child process; return in words what it claims, "" for nothing."""
    # Otherwise the page allocator would clear the pages of an area.
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
    # Lists consist of single pages: a strategy that claims single pages claims lists too.
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
