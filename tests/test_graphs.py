"""The graph programs: their graphs are Graph500's, their answers are right, and their errors one line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csgraph, csr_array
from support.sample_traces import without

from clearfw import host
from clearfw.graphs import __main__, kronecker
from clearfw.graphs.pagerank import DAMPING, pagerank
from clearfw.graphs.search import NOT_REACHED, levels, search, validate

if TYPE_CHECKING:
    from pathlib import Path


def small(scale: int = 8, edge_factor: int = 4, seed: int = 0) -> csr_array:
    """Return a small undirected Kronecker graph."""
    return kronecker.undirected(*kronecker.edges(scale, edge_factor, seed), scale)


def path_graph(count: int) -> csr_array:
    """Return vertices in a row, and one that is alone."""
    ends = np.arange(count - 1, dtype=np.int32)
    scale = (count + 1).bit_length()
    return kronecker.undirected(ends, ends + np.int32(1), scale)


def test_the_generator_makes_what_was_asked_for() -> None:
    """So many edges, within so many vertices; the same again for a seed, and others for another."""
    first, again, other = (np.stack(kronecker.edges(10, 16, seed)) for seed in (1, 1, 2))

    assert first.shape == (2, 16 << 10)
    assert (first.min() >= 0, first.max() < 1 << 10) == (True, True)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_edges_fall_into_quarters_as_graph500_says() -> None:
    """Before the vertices are renumbered: A, B, C and the rest of the edges, at each step."""
    ends = np.zeros((2, 1 << 18), np.int32)
    kronecker._draw(np.random.default_rng(0), 3, ends)
    for bit in range(3):
        quarters = 2 * (ends[0] >> bit & 1) + (ends[1] >> bit & 1)
        shares = np.bincount(quarters, minlength=4) / ends.shape[1]

        assert shares == pytest.approx([0.57, 0.19, 0.19, 0.05], abs=0.01)


def test_degrees_are_skewed_and_not_told_by_the_number() -> None:
    """A few vertices have most edges, some none, and which they are is left to chance."""
    graph = small(12, 16)
    degrees = np.sort(np.diff(graph.indptr))[::-1]
    shuffled = np.diff(graph.indptr)

    assert degrees[: len(degrees) // 100].sum() > 0.1 * degrees.sum()
    assert degrees[0] > 20 * np.median(degrees)
    assert (degrees == 0).sum() > 0
    assert abs(np.corrcoef(shuffled, np.arange(len(shuffled)))[0, 1]) < 0.1


def test_the_matrix_is_symmetric_without_loops_or_repetitions() -> None:
    """However often an edge was drawn it is there once, and both ways."""
    graph = small()

    assert (graph != graph.T).nnz == 0
    assert graph.diagonal().sum() == 0
    assert set(graph.data.tolist()) == {1.0}


@given(scale=st.integers(1, 9), edge_factor=st.integers(1, 8), seed=st.integers(0, 1000), root=st.integers(0))
def test_searches_find_what_scipy_finds(scale: int, edge_factor: int, seed: int, root: int) -> None:
    """The same levels from any root, and a tree that is valid."""
    graph = small(scale, edge_factor, seed)
    root %= graph.shape[0]
    parent = search(graph, root)
    distances = csgraph.dijkstra(graph, indices=root, unweighted=True)

    assert np.array_equal(levels(parent, root), np.where(np.isinf(distances), -1, distances))
    assert validate(graph, root, parent) is None


def test_a_search_of_a_long_path_is_valid() -> None:
    """A tree as deep as the graph has vertices is no cycle."""
    graph = path_graph(1000)
    parent = search(graph, 0)

    found = levels(parent, 0)
    assert found is not None
    assert found.max() == 999
    assert validate(graph, 0, parent) is None


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({0: 1}, "it has a cycle"),
        ({1: 2, 2: 1}, "it has a cycle"),
        ({5: 5}, "it has a cycle"),
        ({5: 12}, "whose levels do not differ by one"),
        ({9: NOT_REACHED}, "does not span the root's component"),
        ({5: 3}, "an edge of the tree is none of the graph"),
    ],
)
def test_wrong_trees_are_found(changes: dict[int, int], wrong: str) -> None:
    """Each of Graph500's conditions fails for a tree that breaks it."""
    graph = path_graph(10)
    parent = search(graph, 0)
    for vertex, found in changes.items():
        parent[vertex] = found

    assert wrong in str(validate(graph, 0, parent))


def test_a_tree_that_is_not_the_shortest_is_found() -> None:
    """Its edges are the graph's, and another edge spans more than one level."""
    ring = np.arange(8, dtype=np.int32)
    graph = kronecker.undirected(ring, (ring + np.int32(1)) % np.int32(8), 3)
    around = np.array([0, 0, 1, 2, 3, 4, 5, 6], np.int32)

    assert "levels differ by more than one" in str(validate(graph, 0, around))


@pytest.mark.parametrize("seed", range(3))
def test_ranks_are_those_of_the_linear_system(seed: int) -> None:
    """They sum to 1, and solve it as a dense solver does, with vertices that lead nowhere."""
    graph = kronecker.matrix(*kronecker.edges(7, 2, seed), 7)
    dense = graph.toarray().astype(float)
    count = len(dense)
    degrees = dense.sum(axis=1)
    assert (degrees == 0).any()
    follow = np.where(degrees[:, None] > 0, dense / np.maximum(degrees, 1)[:, None], 1 / count)
    solved = np.linalg.solve(np.eye(count) - DAMPING * follow.T, np.full(count, (1 - DAMPING) / count))

    found = pagerank(graph, 1e-12, 1000)

    assert found.ranks.sum() == pytest.approx(1)
    assert found.ranks == pytest.approx(solved, abs=1e-10)
    assert found.moved < 1e-12


def test_iterations_are_bounded() -> None:
    """Without a tolerance that is ever reached it ends all the same."""
    assert pagerank(small(), 0, 7).iterations == 7


@pytest.mark.parametrize("arguments", [["graph500", "--roots", "3"], ["pagerank", "--iterations", "30"]])
def test_the_programs_say_what_they_did(arguments: list[str]) -> None:
    """As a process of its own, the way a recording starts it."""
    command = [sys.executable, "-m", "clearfw.graphs", *arguments, "--scale", "8"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert "scale 8: 256 vertices, 4,096 edges in" in done.stdout
    assert ("3 searches, all validated" in done.stdout) == (arguments[0] == "graph500")
    assert ("sum 1.000000000" in done.stdout) == (arguments[0] == "pagerank")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: program"),
        (["pagerank"], "the following arguments are required: --scale"),
        (["pagerank", "--scale", "31"], "31 is not within 1 to 30"),
        (["pagerank", "--scale", "x"], "invalid number value: 'x'"),
        (["graph500", "--scale", "4", "--roots", "0"], "0 is not within"),
        (["bfs", "--scale", "4"], "invalid choice: 'bfs'"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And end with status 2."""
    with pytest.raises(SystemExit, match="2"):
        __main__.main(arguments)
    told = capsys.readouterr().err

    assert said in told
    assert told.startswith("clearfw.graphs: ")
    assert len(told.splitlines()) == 1


def test_a_graph_that_does_not_fit_is_refused_before_it_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what it needs and what there is."""
    monkeypatch.setattr(host, "available_memory", lambda: 1 << 30)

    assert __main__.main(["graph500", "--scale", "26"]) == 2
    assert "--scale 26 --edge-factor 16 needs 75840M, the host has 1024M available: use a smaller scale" in (
        capsys.readouterr().err
    )


def test_a_graph_without_edges_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no root to search from, where chance made nothing but loops."""
    assert __main__.main(["graph500", "--scale", "1", "--edge-factor", "1", "--seed", "5"]) == 2
    assert "the graph has only loops as edges: use a larger --scale" in capsys.readouterr().err


def test_without_scipy_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It is an extra."""
    without(monkeypatch, "scipy.sparse")

    assert __main__.main(["pagerank", "--scale", "4"]) == 2
    assert "-m pip install scipy" in capsys.readouterr().err
