"""Code size."""
