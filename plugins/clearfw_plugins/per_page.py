"""`per_page`: each page mapped and cleared alone, the baseline at alloc and free."""

from pathlib import Path

from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy


@hookimpl
def clearfw_strategies() -> list[NativeStrategy]:
    """Return `per_page`."""
    summary = "maps, clears and unmaps each page alone: the kernel up to 7.1"
    return [NativeStrategy("per_page", Path(__file__).with_suffix(".c"), summary, baseline=True)]
