"""Traces: a kernel's page events in a file, read and written."""

from clearfw.traces.file import (
    BATCH,
    COLUMNS,
    NO_PFN,
    Ending,
    Events,
    Kind,
    Origin,
    Trace,
    TraceWriter,
    pyarrow,
    read,
)

__all__ = [
    "BATCH",
    "COLUMNS",
    "NO_PFN",
    "Ending",
    "Events",
    "Kind",
    "Origin",
    "Trace",
    "TraceWriter",
    "pyarrow",
    "read",
]
