"""PageRank by power iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DAMPING = 0.85


@attrs.frozen(eq=False)
class Ranks:
    """The rank of each vertex, 1 in sum; after how many iterations, and how far the last moved them."""

    ranks: np.ndarray[tuple[int], np.dtype[np.float64]]
    iterations: int
    moved: float


def pagerank(graph: csr_array, tolerance: float, most: int) -> Ranks:
    """Return the ranks of a directed graph.

    It ends once an iteration moves them by less than TOLERANCE, or after MOST of them. A vertex without edges
    of its own gives its rank to all alike.
    """
    count = graph.shape[0]
    degrees = np.diff(graph.indptr)
    dangling = degrees == 0
    shares = np.divide(1.0, degrees, out=np.zeros(count), where=~dangling)
    into = graph.T.tocsr()
    ranks: np.ndarray[Any, np.dtype[np.float64]] = np.full(count, 1.0 / count)
    moved, iteration = np.inf, 0
    while moved >= tolerance and iteration < most:
        everywhere = (1 - DAMPING + DAMPING * ranks[dangling].sum()) / count
        following = DAMPING * (into @ (ranks * shares)) + everywhere
        moved = float(np.abs(following - ranks).sum())
        ranks, iteration = following, iteration + 1
    return Ranks(ranks, iteration, moved)
