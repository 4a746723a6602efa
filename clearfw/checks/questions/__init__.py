"""The questions that the search cannot put, one file a subject. Importing them registers their checks."""

from clearfw.checks.questions import beyond, frames, visible

__all__ = ["beyond", "frames", "visible"]
