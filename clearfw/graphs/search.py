"""Graph500's breadth-first search, and the validation of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from clearfw.graphs.kronecker import Numbers, Vertices

NOT_REACHED = -1
_CHUNK = 1 << 18  # rows whose edges are validated in one step


def search(graph: csr_array, root: int) -> Vertices:
    """Return the parent of each vertex in a breadth-first tree, ROOT's being itself."""
    parent = np.full(graph.shape[0], NOT_REACHED, np.int32)
    parent[root] = root
    frontier = np.array([root], np.int32)
    while frontier.size:
        neighbours, parents = _edges_of(graph, frontier)
        fresh = parent[neighbours] == NOT_REACHED
        neighbours, parents = neighbours[fresh], parents[fresh]
        parent[neighbours] = parents
        # Of a vertex found several times the last edge to it was stored: it alone goes on.
        frontier = neighbours[parent[neighbours] == parents]
    return parent


def _edges_of(graph: csr_array, vertices: Vertices) -> tuple[Vertices, Vertices]:
    """Return the neighbours of VERTICES, and beside each the vertex it is a neighbour of."""
    begin = graph.indptr[vertices]
    degrees = graph.indptr[vertices + 1] - begin
    ends = np.cumsum(degrees)
    places = np.arange(ends[-1]) + np.repeat(begin - (ends - degrees), degrees)
    return graph.indices[places], np.repeat(vertices, degrees)


def levels(parent: Vertices, root: int) -> Numbers | None:
    """Return how far each vertex is from ROOT along the tree, -1 outside; None where there is a cycle."""
    inside = parent != NOT_REACHED
    ancestor = np.where(inside, parent, root).astype(np.int64)
    depth = (ancestor != np.arange(len(parent))).astype(np.int64)
    depth[~inside] = 0
    # Each step doubles how far the ancestors are, and no tree is deeper than it has vertices.
    for _ in range(len(parent).bit_length()):
        if (ancestor == root).all():
            break
        depth += depth[ancestor]
        ancestor = ancestor[ancestor]
    if (ancestor != root).any() or parent[root] != root:
        return None
    return np.where(inside, depth, -1)


def validate(graph: csr_array, root: int, parent: Vertices) -> str | None:
    """Check Graph500's five conditions of a search tree; return the first error, or None."""
    depth = levels(parent, root)
    if depth is None:
        return "it is not a tree, because it has a cycle"
    inside = np.flatnonzero(parent != NOT_REACHED)
    children = inside[inside != root]
    if (depth[children] != depth[parent[children]] + 1).any():
        return "an edge of the tree joins vertices whose levels do not differ by one"
    if len(children) and not np.asarray(graph[children, parent[children]]).all():
        return "an edge of the tree is none of the graph"
    for first in range(0, graph.shape[0], _CHUNK):
        here, there = _levels_of_edges(graph, depth, first)
        if ((here == NOT_REACHED) != (there == NOT_REACHED)).any():
            return "the tree does not span the root's component"
        if (np.abs(here - there) > 1).any():
            return "an edge of the graph joins vertices whose levels differ by more than one"
    return None


def _levels_of_edges(graph: csr_array, depth: Numbers, first: int) -> tuple[Numbers, Numbers]:
    """Return the levels of both ends of the edges of some rows."""
    rows = np.arange(first, min(first + _CHUNK, graph.shape[0]))
    degrees = np.diff(graph.indptr[first : first + len(rows) + 1])
    targets = graph.indices[graph.indptr[first] : graph.indptr[first + len(rows)]]
    return np.repeat(depth[rows], degrees), depth[targets]
