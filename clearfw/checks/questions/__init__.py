"""The questions, one file a subject. Importing them registers their checks."""

from clearfw.checks.questions import (
    arguments,
    contents,
    context,
    frames,
    highmem,
    kasan,
    neighbours,
    stack,
    vmalloc,
)

__all__ = ["arguments", "contents", "context", "frames", "highmem", "kasan", "neighbours", "stack", "vmalloc"]
