"""`s390_memset`: cleared with the KASAN-checked memset(), as on s390."""

from pathlib import Path

from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy


@hookimpl
def clearfw_strategies() -> list[NativeStrategy]:
    """Return `s390_memset`."""
    summary = "memset() page by page under the KASAN guard: s390's clear_page()"
    return [NativeStrategy("s390_memset", Path(__file__).with_suffix(".c"), summary)]
