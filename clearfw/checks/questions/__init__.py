"""The questions, one file a subject. Importing them registers their checks."""

from clearfw.checks.questions import arguments, contents, context, highmem, kasan, neighbours, stack, vmalloc

__all__ = ["arguments", "contents", "context", "highmem", "kasan", "neighbours", "stack", "vmalloc"]
