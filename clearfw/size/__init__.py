"""Code size: what a strategy costs in bytes, on every architecture."""
