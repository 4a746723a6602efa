"""`clearfw bench`: what it times, what its tables and JSON say, and whom it finds wanting."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest
from support.commands import KERNEL_STYLE, PYTHON, SMALL, Command, in_c

from clearfw import _core

if TYPE_CHECKING:
    from pathlib import Path


def test_without_arguments_everything_installed_is_timed(command: Command) -> None:
    """Beside the roofline, and the two factors stand beside the published figure."""
    done = command("bench", "--memory", "16M", "--rounds", "2")

    assert done.status == 0
    for row in (
        r"per_page +stosb",
        r"per_page +best",
        r"batched +stosb",
        r"batched +best",
        r"s390_memset +own",
    ):
        assert re.search(rf"^{row}", done.out, re.MULTILINE)
    assert re.search(r"^\(roofline\)", done.out, re.MULTILINE)
    assert "highmem_fallback left out: it claims nothing at the alloc init point" in done.out
    assert re.search(r"^shape +stosb +best", done.out, re.MULTILINE)
    assert "2.68x as published" in done.out


def test_json_on_standard_output_is_alone_there(command: Command) -> None:
    """The tables go to standard error; the schema is the documented one."""
    done = command(*SMALL, "batched", "--json", "-")

    document = done.json
    assert done.status == 0
    assert "GB/s" in done.err
    assert document["schema"] == "clearfw.bench/1"
    assert set(document["roofline"]) == {"primitive", "gbps"}
    assert [one["strategy"] for one in document["results"]] != []
    for one in document["results"]:
        assert (one["primitive"], one["workload"], one["order"]) == ("stosb", "hugetlb", 9)
        assert one["rounds"] + one["rounds_thrown_out"] == 2
        assert set(one["seconds"]) == {"median", "min", "max"}
        assert set(one["baseline"]) >= {"strategy", "ratio", "ci95"}
        assert set(one["counters"]) >= {"inits", "pages", "clear_calls", "kmaps", "page_walks"}
        assert one["baseline"]["strategy"] == "per_page"


def test_json_in_a_file_comes_beside_the_tables(command: Command, tmp_path: Path) -> None:
    """Both of the same run."""
    path = tmp_path / "run.json"
    done = command(*SMALL, "per_page", "--json", path)

    (result,) = json.loads(path.read_text())["results"]
    assert f"{result['gbps']:.2f}" in done.out


@pytest.mark.parametrize(
    ("workload", "scenes", "orders"),
    [
        ("hugetlb", {""}, {9}),
        ("orders", {""}, set(range(11))),
        ("churn", {"init_on_alloc", "init_on_free"}, {None, *range(11)}),
        ("vmalloc", {"fragmented", "contiguous"}, {None}),
    ],
)
def test_every_workload_runs(
    command: Command, workload: str, scenes: set[str], orders: set[int | None]
) -> None:
    """On its machines, with its orders, against the baseline of its init point."""
    baseline = "vmalloc_per_page" if workload == "vmalloc" else "per_page"
    done = command(*SMALL, "--memory", "32M", "--workload", workload, baseline, "--json", "-")

    results = done.json["results"]
    assert done.status == 0
    assert {one["scene"] for one in results} == scenes
    assert {one["order"] for one in results} == orders
    assert {one["workload"] for one in results} == {workload}
    assert {one["baseline"]["strategy"] for one in results} == {baseline}
    assert workload in done.err


def test_the_baseline_is_there_without_being_named(command: Command) -> None:
    """Else there would be nothing to compare with."""
    done = command(*SMALL, "batched", "--json", "-")

    assert {one["strategy"] for one in done.json["results"]} == {"per_page", "batched"}


def test_the_rows_are_the_kernels_primitive_and_the_best(command: Command) -> None:
    """One alone where one was asked for; the first asked for is the baseline's."""

    def primitives(*asked: str) -> list[str]:
        options = [word for one in asked for word in ("--primitive", one)]
        done = command("bench", "--memory", "16M", "--rounds", "2", "per_page", "--json", "-", *options)
        results = {one["primitive"]: one for one in done.json["results"]}
        first = done.json["config"]["primitives"][0]
        assert {one["baseline"]["primitive"] for one in results.values()} == {first}
        return sorted(results)

    kernel = _core.resolve_primitive("kernel")
    assert primitives() == sorted((kernel, "best"))
    assert primitives("kernel") == [kernel]
    assert primitives("movq") == ["movq"]
    assert primitives("best", "movq") == ["best", "movq"]


def test_peers_stand_beside_the_strategies(command: Command) -> None:
    """In the same rounds, marked as peers."""
    done = command(*SMALL, "batched", "--peers", "--json", "-")

    peers = {one["strategy"] for one in done.json["results"] if one["peer"]}
    assert peers >= {"libc memset", "numpy fill"}
    assert "libc memset" in done.err


def test_highmem_is_mapped_page_by_page(command: Command) -> None:
    """Each page is a kmap, counted and priced; the default stack is among the rows."""
    done = command(*SMALL, "--memory", "64M", "--highmem", "32M", "--backing", "thp", "--json", "-")

    results = {one["strategy"]: one for one in done.json["results"]}
    assert done.status == 0
    assert set(results) >= {"per_page", "highmem_fallback", "batched+highmem_fallback"}
    for one in results.values():
        assert one["counters"]["kmaps"] == one["bytes"] // 4096
    assert "kmaps are counted, not timed" in done.err


def test_what_touches_the_blocks_stands_in_the_heading_and_the_json(command: Command) -> None:
    """A result without it would mislead."""
    done = command(*SMALL, "batched", "--touch", "all", "--hot", "--json", "-")

    assert "hugetlb, order 9, touch=all, hot: memory=16M" in done.err
    assert (done.json["config"]["touch"], done.json["config"]["hot"]) == ("all", True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--init-on-alloc"], "init_on_alloc=1"),
        (["--init-on-free"], "init_on_free=1"),
        (["--kasan", "generic"], "kasan=generic"),
        (["--backing", "base"], "backing=base"),
        (["--page-size", "16K", "--memory", "64M"], "page_size=16K"),
        (["--seed", "7"], "seed=7"),
    ],
)
def test_options_reach_the_machine(command: Command, options: list[str], words: str) -> None:
    """Its command line says so."""
    done = command(*SMALL, "batched", *options, "--json", "-")

    assert words in done.json["scenes"][0]["machine"].split()


def test_the_run_is_pinned_and_says_where(command: Command) -> None:
    """On the processor asked for, or the last; several threads are left free."""
    allowed = sorted(os.sched_getaffinity(0))

    asked = command(*SMALL, "per_page", "--cpu", allowed[0], "--json", "-").json
    last = command(*SMALL, "per_page", "--json", "-").json
    free = command(*SMALL, "per_page", "--threads", "2", "--json", "-").json

    assert [one["config"]["cpu"] for one in (asked, last, free)] == [allowed[0], allowed[-1], None]
    assert [one["environment"]["cpus_allowed"] for one in (asked, free)] == [[allowed[0]], allowed]


def test_a_kernel_style_file_is_measured(command: Command, tmp_path: Path) -> None:
    """The body of a patch, pasted; under the name it ends with, and its source is known by a hash."""
    path = tmp_path / "patch.c"
    path.write_text(KERNEL_STYLE)
    done = command(*SMALL, path, "--json", "-")

    (pasted,) = (one for one in done.json["results"] if one["strategy"] == "pasted")
    assert done.status == 0
    assert pasted["counters"]["clear_calls"] == pasted["counters"]["pages"]
    assert set(done.json["environment"]["sources"]) == {"per_page", "pasted"}


def test_a_python_file_is_marked_and_not_ranked(command: Command, tmp_path: Path) -> None:
    """It stands last, whatever its ratio."""
    path = tmp_path / "mine.py"
    path.write_text(PYTHON.format(body="pass"))
    done = command(*SMALL, path)

    assert done.status == 0
    assert re.search(r"^per_page.*\nmine \(interpreted\).*\n\(roofline\)", done.out, re.MULTILINE)


def test_a_stack_is_measured_as_one(command: Command) -> None:
    """Under its own name."""
    done = command(*SMALL, "batched+highmem_fallback", "--json", "-")

    assert {one["strategy"] for one in done.json["results"]} == {"per_page", "batched+highmem_fallback"}


def test_a_strategy_that_leaves_memory_dirty_is_found_wanting(command: Command, tmp_path: Path) -> None:
    """Its figures are not shown, and the line says where."""
    path = tmp_path / "half.c"
    path.write_text(in_c("clear_pages(page_address(page), n > 1 ? n - 1 : n);"))
    done = command(*SMALL, path)

    assert done.status == 1
    assert "mine (stosb) left memory dirty, first at byte 2093056 of a sample" in done.out
    assert re.search(r"^mine +stosb +dirty +0 +0$", done.out, re.MULTILINE)


@pytest.mark.parametrize("name", ["highmem_fallback", "vmalloc_runs"])
def test_a_named_strategy_that_passes_on_is_found_wanting(command: Command, name: str) -> None:
    """It was asked for, and could not; where nobody named it, it is only left out."""
    done = command(*SMALL, name)

    assert done.status == 1
    assert f"{name} left out: it claims nothing at the alloc init point here (zone NORMAL)" in done.out


def test_a_broken_installed_strategy_stops_nobody(command: Command, tmp_path: Path) -> None:
    """The others are measured; what became of it is told in full, and the status is 1."""
    (tmp_path / "crashing.c").write_text(in_c("*(volatile int *)8 = 1;", "crashing"))
    (tmp_path / "unfinished.c").write_text(in_c("folio_zero(page);", "unfinished"))
    done = command(*SMALL, "--plugins-dir", tmp_path)

    assert done.status == 1
    assert re.search(r"^batched +stosb +\d", done.out, re.MULTILINE)
    assert re.search(r"crashing .*SIGSEGV", done.out.replace("\n", " "))
    assert "folio_zero" in done.out
    assert command(*SMALL, "batched", "--plugins-dir", tmp_path).status == 0
