"""Compilers, and the architectures that are compiled for."""
