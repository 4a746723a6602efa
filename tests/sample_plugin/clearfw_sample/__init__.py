"""A plugin for clearfw: the strategy `pairs`."""

from pathlib import Path

from clearfw import NativeStrategy, hookimpl


@hookimpl
def clearfw_strategies() -> list[NativeStrategy]:
    """Return `pairs`."""
    source = Path(__file__).with_name("pairs.c")
    return [NativeStrategy("pairs", source, "clears two lowmem pages a call, and HIGHMEM page by page")]
