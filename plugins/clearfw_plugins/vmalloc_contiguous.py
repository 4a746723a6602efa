"""`vmalloc_contiguous`: the area cleared through its own contiguous address."""

from pathlib import Path

from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy


@hookimpl
def clearfw_strategies() -> list[NativeStrategy]:
    """Return `vmalloc_contiguous`."""
    summary = "one primitive call through the area's own address: no walk, no kmap"
    return [NativeStrategy("vmalloc_contiguous", Path(__file__).with_suffix(".c"), summary)]
