"""`vmalloc_runs`: one look-up and one primitive call for each physically contiguous run."""

from pathlib import Path

from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy


@hookimpl
def clearfw_strategies() -> list[NativeStrategy]:
    """Return `vmalloc_runs`."""
    summary = "one look-up and one primitive call a physically contiguous run"
    return [NativeStrategy("vmalloc_runs", Path(__file__).with_suffix(".c"), summary)]
