"""`highmem_fallback`: page by page with kmap, where a HIGHMEM configuration leaves no other way."""

from pathlib import Path

from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy


@hookimpl
def clearfw_strategies() -> list[NativeStrategy]:
    """Return `highmem_fallback`."""
    summary = "page by page with kmap on CONFIG_HIGHMEM; passes on without"
    return [NativeStrategy("highmem_fallback", Path(__file__).with_suffix(".c"), summary)]
