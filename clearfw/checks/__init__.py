"""The checks: one file a subject. Importing them registers them."""

from clearfw.checks import context, contents, highmem, kasan, neighbours, stack, vmalloc

__all__ = ["contents", "context", "highmem", "kasan", "neighbours", "stack", "vmalloc"]
