"""`prefetchw`: a primitive that leaves what it cleared in the cache."""

from pathlib import Path

from clearfw.markers import hookimpl
from clearfw.strategies import Primitive


@hookimpl
def clearfw_primitives() -> list[Primitive]:
    """Return `prefetchw`."""
    summary = "AVX-512 stores behind prefetchw: for pages consumed at once"
    return [Primitive("prefetchw", Path(__file__).with_suffix(".c"), summary)]
