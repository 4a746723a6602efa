"""`python -m clearfw.graphs`: Graph500's search, or PageRank, over a graph of a given size."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from clearfw import host
from clearfw.errors import ClearfwError, MemoryLimitError
from clearfw.graphs import kronecker
from clearfw.graphs.pagerank import pagerank
from clearfw.graphs.search import NOT_REACHED, search, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scipy.sparse import csr_array

# What was resident at most, at scales 16 to 22 and edge factors 1 to 64, and a little more.
_EDGE_BYTES = {"graph500": 68, "pagerank": 30}
_VERTEX_BYTES = 96
_BASE_BYTES = 64 << 20


class _Parser(argparse.ArgumentParser):
    """Argument parser that prints errors in one line, like all of clearfw."""

    def error(self, message: str) -> NoReturn:
        """End with it."""
        self.exit(2, f"clearfw.graphs: {message}: see python -m clearfw.graphs --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and return the exit status: 0 done, 1 a tree found wrong, 2 cannot, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        kronecker.sparse()
        _check_memory(options)
        status: int = options.run(options)
    except (ClearfwError, MemoryError) as error:
        return _fail(str(error) or "there is not enough memory: use a smaller --scale", 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return status


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"clearfw.graphs: {message}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m clearfw.graphs", description="Programs over large graphs, to record.")
    programs = parser.add_subparsers(dest="program", required=True)
    graph500 = programs.add_parser("graph500", help="breadth-first searches, each validated")
    graph500.add_argument("--roots", type=_at_least(1), default=64, help="searches (default: 64)")
    graph500.set_defaults(run=_graph500)
    rank = programs.add_parser("pagerank", help="PageRank by power iteration")
    rank.add_argument("--iterations", type=_at_least(1), default=100, help="at most so many (default: 100)")
    rank.add_argument("--tolerance", type=float, default=1e-9, help="end below this change (default: 1e-9)")
    rank.set_defaults(run=_pagerank)
    for one in (graph500, rank):
        scale = _at_least(1, kronecker.MAX_SCALE)
        one.add_argument("--scale", type=scale, required=True, help="2**SCALE vertices")
        one.add_argument("--edge-factor", type=_at_least(1), default=16, help="edges a vertex (default: 16)")
        one.add_argument(
            "--seed", type=_at_least(0), default=0, help="of the graph and the roots (default: 0)"
        )
    return parser


def _at_least(least: int, most: int = 1 << 32) -> Callable[[str], int]:
    """Return what reads a number from LEAST to MOST."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            msg = f"{value} is not within {least} to {most}"
            raise argparse.ArgumentTypeError(msg)
        return value

    return number


def _check_memory(options: argparse.Namespace) -> None:
    """Raise MemoryLimitError where the graph would not fit, before any of it is made."""
    each = _EDGE_BYTES[options.program] * options.edge_factor + _VERTEX_BYTES
    needed = (each << options.scale) + _BASE_BYTES
    available = host.available_memory()
    if needed > available:
        asked = f"--scale {options.scale} --edge-factor {options.edge_factor}"
        msg = f"{asked} needs {needed >> 20}M, the host has {available >> 20}M available: use a smaller scale"
        raise MemoryLimitError(msg)


def _graph500(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    sources, targets = _edges(options)
    # Graph500 counts the edges of the input within a component, multiple ones and loops included.
    edges = np.bincount(sources, minlength=1 << options.scale)
    graph = kronecker.undirected(sources, targets, options.scale)
    del sources, targets
    _tell_matrix(graph, started)
    degrees = np.diff(graph.indptr)
    connected = np.flatnonzero(degrees)
    if not len(connected):
        return _fail("the graph has only loops as edges: use a larger --scale", 2)
    random = np.random.default_rng(options.seed)
    roots = random.choice(connected, min(options.roots, len(connected)), replace=False)
    seconds_an_edge = []
    for root in roots.tolist():
        started = time.perf_counter()
        parent = search(graph, root)
        seconds = time.perf_counter() - started
        if wrong := validate(graph, root, parent):
            return _fail(f"the search from {root} is wrong: {wrong}", 1)
        seconds_an_edge.append(seconds / int(edges[parent != NOT_REACHED].sum()))
    _tell(f"{len(roots)} searches, all validated: {1 / np.mean(seconds_an_edge):.3g} TEPS (harmonic mean)")
    return 0


def _pagerank(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    sources, targets = _edges(options)
    graph = kronecker.matrix(sources, targets, options.scale)
    del sources, targets
    _tell_matrix(graph, started)
    started = time.perf_counter()
    found = pagerank(graph, options.tolerance, options.iterations)
    seconds = time.perf_counter() - started
    _tell(f"{found.iterations} iterations in {seconds:.2f} s, the last moved ranks by {found.moved:.2g}")
    best = int(found.ranks.argmax())
    _tell(f"highest rank {found.ranks[best]:.3g}, of vertex {best}; sum {found.ranks.sum():.9f}")
    return 0


def _edges(options: argparse.Namespace) -> tuple[kronecker.Vertices, kronecker.Vertices]:
    started = time.perf_counter()
    ends = kronecker.edges(options.scale, options.edge_factor, options.seed)
    seconds = time.perf_counter() - started
    _tell(
        f"scale {options.scale}: {1 << options.scale:,} vertices, {len(ends[0]):,} edges in {seconds:.2f} s"
    )
    return ends


def _tell_matrix(graph: csr_array, started: float) -> None:
    _tell(f"matrix of {graph.nnz:,} edges, {time.perf_counter() - started:.2f} s from the start")


def _tell(line: str) -> None:
    # Flushed at once, so that the user sees the progress.
    print(line, flush=True)  # noqa: T201  it is a program of its own


if __name__ == "__main__":
    sys.exit(main())
