"""The shipped strategies, primitives and defaults: one plugin a module, its C beside it."""
