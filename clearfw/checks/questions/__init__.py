"""The checks: one file a subject. Importing them registers them."""

__all__ = ["arguments", "contents", "context", "highmem", "kasan", "neighbours", "stack", "vmalloc"]
