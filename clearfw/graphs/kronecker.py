"""The Kronecker graphs of Graph500 (graph500.org), and their matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from clearfw.errors import MissingExtraError, to_install

if TYPE_CHECKING:
    import types

    from scipy.sparse import csr_array

Vertices: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int32]]"
Numbers: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

A, B, C = 0.57, 0.19, 0.19
MAX_SCALE = 30  # vertices have 32 bits
# Edges made at a time: what is drawn for them is as large as they are.
_CHUNK = 1 << 20


def sparse() -> types.ModuleType:
    """Return scipy.sparse, or raise MissingExtraError: it is an extra."""
    try:
        import scipy.sparse as found
    except ModuleNotFoundError as error:
        msg = f"the graph programs need scipy, which is not installed: {to_install('scipy')}"
        raise MissingExtraError(msg) from error
    module: types.ModuleType = found
    return module


def edges(scale: int, edge_factor: int, seed: int) -> tuple[Vertices, Vertices]:
    """Return both ends of edge_factor << scale edges, multiple ones and loops among them.

    Every edge falls into one quarter of the adjacency matrix at each of SCALE steps, and vertices are
    renumbered at random, so that a vertex's number does not tell of its degree.
    """
    random = np.random.default_rng(seed)
    count = edge_factor << scale
    ends = np.zeros((2, count), np.int32)
    for first in range(0, count, _CHUNK):
        _draw(random, scale, ends[:, first : first + _CHUNK])
    numbers = random.permutation(np.arange(1 << scale, dtype=np.int32))
    for first in range(0, count, _CHUNK):
        part = ends[:, first : first + _CHUNK]
        part[:] = numbers[part]
    return ends[0], ends[1]


def _draw(random: np.random.Generator, scale: int, ends: np.ndarray[Any, np.dtype[np.int32]]) -> None:
    """Set the bits of both ends, the lowest first."""
    count = ends.shape[1]
    for bit in range(scale):
        lower = random.random(count, np.float32) > A + B
        right = random.random(count, np.float32) > np.where(lower, C / (1 - A - B), A / (A + B))
        ends[0] |= lower.astype(np.int32) << bit
        ends[1] |= right.astype(np.int32) << bit


def matrix(sources: Vertices, targets: Vertices, scale: int) -> csr_array:
    """Return the adjacency matrix: 1 for every edge, however often it occurs, and none for loops."""
    apart = sources != targets
    ones = np.ones(int(apart.sum()), np.float32)
    place = sources[apart], targets[apart]
    found = sparse().coo_array((ones, place), shape=(1 << scale, 1 << scale)).tocsr()
    found.sum_duplicates()
    found.data[:] = 1
    return found


def undirected(sources: Vertices, targets: Vertices, scale: int) -> csr_array:
    """Return the adjacency matrix with every edge in both directions."""
    both = np.concatenate([sources, targets]), np.concatenate([targets, sources])
    return matrix(*both, scale)
