"""The scaffold: a new plugin package, from templates."""
