"""`batched`: one primitive call over the whole block, where there is no HIGHMEM."""

from pathlib import Path

from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy


@hookimpl
def clearfw_strategies() -> list[NativeStrategy]:
    """Return `batched`."""
    summary = "one primitive call a block, and passes on with CONFIG_HIGHMEM: the kernel since 7.2"
    return [NativeStrategy("batched", Path(__file__).with_suffix(".c"), summary)]
