"""`vmalloc_per_page`: a page-table walk for every page, the baseline at the vmalloc point."""

from pathlib import Path

from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy


@hookimpl
def clearfw_strategies() -> list[NativeStrategy]:
    """Return `vmalloc_per_page`."""
    summary = "walks the page table for every page: the kernel's today"
    return [NativeStrategy("vmalloc_per_page", Path(__file__).with_suffix(".c"), summary, baseline=True)]
