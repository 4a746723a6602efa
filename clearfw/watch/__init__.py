"""Watching: a strategy checked and timed on every save."""
