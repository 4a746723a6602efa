"""The checks: one file a subject. Importing them registers them."""

from clearfw.checks.questions import arguments, contents, context, highmem, kasan, neighbours, stack, vmalloc

__all__ = ["arguments", "contents", "context", "highmem", "kasan", "neighbours", "stack", "vmalloc"]
