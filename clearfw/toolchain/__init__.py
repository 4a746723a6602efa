"""Compilers, what they are given, and the architectures that are compiled for."""
