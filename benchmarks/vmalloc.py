"""vmalloc: the clear of an area through its init point, which fires with hw_tags and kasan.vmalloc=off."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .common import MIB, boot, clock, ratio, skipping

if TYPE_CHECKING:
    from clearfw import Machine
    from clearfw._core import Arena, VmallocArea

    from .common import Run

CMDLINE = "memory=128M kasan=hw_tags kasan.vmalloc=off init_on_alloc=1 backing=base primitive=best"
NBYTES = 32 * MIB


@functools.cache
def _area(layout: str) -> tuple[Machine, VmallocArea, Arena]:
    """Return a machine, an area of 32 MiB in runs of 4 MiB or of one page, and what must live as long."""
    from clearfw._core import Arena

    machine = boot(CMDLINE, "vmalloc_contiguous")
    arena = Arena(machine, 4 * MIB)
    if layout == "fragmented":
        # It holds every other page from now on.
        arena.fragment(seed=1)
    else:
        arena.close()
    area = machine.vmalloc(NBYTES)
    # Once through its own address, so that nothing is left to fault in.
    area.reinit()
    return machine, area, arena


class _Area:
    """An area that strategies take turns on."""

    version = "1"
    param_names = ("strategy", "layout")

    def setup(self, strategy: str, layout: str) -> None:
        """Boot once a process."""
        with skipping():
            self.machine, self.area, _ = _area(layout)
            self.machine.set_stack(strategy)

    def clear(self) -> int:
        """Return the nanoseconds of the init point, after which all of the area was zero."""
        ns, clean = self.area.reinit()
        if not clean:
            msg = "the area is not zero"
            raise AssertionError(msg)
        return ns


class Vmalloc(_Area):
    """The time to clear a page of 4 KiB as part of the area."""

    timer = clock
    repeat = (5, 20, 2.0)
    params = (("vmalloc_per_page", "vmalloc_runs", "vmalloc_contiguous"), ("contiguous", "fragmented"))

    def time_page(self, strategy: str, layout: str) -> None:  # noqa: ARG002
        """Report the nanoseconds that the init point took, for one page."""
        clock.add(self.clear(), self.area.npages)


class ToBaseline(_Area):
    """Each against vmalloc_per_page on the same area; the lower the better."""

    unit = "time / baseline time"
    params = (("vmalloc_runs", "vmalloc_contiguous"), ("contiguous", "fragmented"))

    def track_ratio(self, strategy: str, layout: str) -> float:  # noqa: ARG002
        """The ratio of clears, the look-ups of pages and runs included."""
        return ratio(self.variant(strategy), self.variant("vmalloc_per_page"))

    def variant(self, strategy: str) -> Run:
        """Return the clear of the area by STRATEGY."""

        def run(_turn: int) -> float:
            self.machine.set_stack(strategy)
            return self.clear()

        return run
