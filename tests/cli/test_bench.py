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
    assert "highmem_fallback left out: it claims nothing on this machine" in done.out
    assert re.search(r"^shape +stosb +best", done.out, re.MULTILINE)
    assert "2.68x was published" in done.out


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
    """One primitive if one was named; the baseline uses the first."""

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
    """The row comes last, whatever its ratio."""
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


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("highmem_fallback", "nothing on this machine: no block of order 0 to 10, no list, no area"),
        ("vmalloc_runs", "vmalloc areas, but nothing that hugetlb clears here"),
    ],
)
def test_a_named_strategy_that_passes_on_has_failed(command: Command, name: str, claims: str) -> None:
    """It was asked for, and could not: what it claims is said. Where nobody named it, it is left out."""
    done = command(*SMALL, name)

    assert done.status == 1
    assert f"{name} left out: it claims {claims}" in " ".join(done.out.split())


HUGE_ONLY = "if (n < {least}) return false; clear_pages(page_address(page), n); return true;"


def claiming(path: Path, least: int) -> Path:
    """Write a strategy that claims blocks of LEAST pages and more to PATH."""
    body = f"static bool f(struct page *page, int n) {{ {HUGE_ONLY.format(least=least)} }}"
    brings = ".init_on_alloc = f, .init_on_free = f"
    path.write_text(f"#include <linux/mm.h>\n{body}\nCLEARFW_STRATEGY(mine, {brings});\n")
    return path


def test_a_strategy_for_some_orders_has_rows_there(command: Command, tmp_path: Path) -> None:
    """And nowhere else: what it passes on is the baseline's. That is said, and no failure."""
    mine = claiming(tmp_path / "mine.c", 512)
    done = command(*SMALL, "--workload", "orders", mine, "--json", "-")

    rows = [one for one in done.json["results"] if one["strategy"] == "mine"]
    assert done.status == 0
    assert [(one["order"], one["claims"]) for one in rows] == [(9, 1.0), (10, 1.0)]
    assert "mine claims nothing at order 0 to 8: it has no row there" in done.err


def test_a_strategy_for_some_of_a_mix_is_measured_with_the_baseline_below(
    command: Command, tmp_path: Path
) -> None:
    """Under the names of both, and with the share of all pages that it claims."""
    mine = claiming(tmp_path / "mine.c", 8)
    done = command(*SMALL, "--workload", "churn", "--memory", "32M", mine, "--json", "-")

    rows = [one for one in done.json["results"] if one["strategy"] == "mine+per_page"]
    assert done.status == 0
    assert {one["order"] for one in rows if one["claims"] is not None} == {None}
    assert all(0 < one["claims"] < 1 for one in rows if one["order"] is None)
    assert re.search(r"mine\+per_page claims \d+% of the pages", done.err)


def test_lists_are_a_workload_of_their_own(command: Command, tmp_path: Path) -> None:
    """For strategies that bring init_bulk: they claim nothing else, and it is said what they do claim."""
    path = tmp_path / "mine.c"
    path.write_text(
        "#include <linux/mm.h>\n"
        "static bool pass(struct page *page, int n) { return false; }\n"
        "static bool bulk(struct page **pages, int nr)\n"
        "{ for (int i = 0; i < nr; i++) clear_highpage(pages[i]); return true; }\n"
        "CLEARFW_STRATEGY(mine, .init_on_alloc = pass, .init_on_free = pass, .init_bulk = bulk);\n"
    )

    assert "it claims lists of single pages, but nothing that hugetlb" in command(*SMALL, path).out
    done = command(*SMALL, "--workload", "lists", path)
    assert done.status == 0
    assert re.search(r"^mine +stosb +\d", done.out, re.MULTILINE)


def test_two_files_of_one_name_are_two_rows(command: Command, tmp_path: Path) -> None:
    """Told apart by their files; one file is one row, however often it is named."""
    first, second = claiming(tmp_path / "mine.c", 1), claiming(tmp_path / "mine2.c", 2)
    done = command(*SMALL, first, second, first, "--json", "-")

    named = [one["strategy"] for one in done.json["results"] if one["primitive"] == "stosb"]
    assert sorted(named) == sorted(["per_page", f"mine:{first}", f"mine:{second}"])
    assert set(done.json["environment"]["sources"]) >= {f"mine:{first}", f"mine:{second}"}


SKIPS = """
\tfor (int i = 0; i < n; i++)
\t\tif (memchr_inv(page_address(page + i), 0, PAGE_SIZE))
\t\t\tclear_page(page_address(page + i));
"""


@pytest.mark.parametrize(("percent", "least", "most"), [(0, 0, 0), (25, 100, 160), (100, 512, 512)])
def test_so_much_is_dirty_before_the_clear(
    command: Command, tmp_path: Path, percent: int, least: int, most: int
) -> None:
    """A strategy that skips what is zero clears about as many pages of a block, and leaves it zero."""
    path = tmp_path / "mine.c"
    path.write_text(in_c(SKIPS))
    done = command(*SMALL, path, "--dirty", str(percent), "--json", "-")

    row = next(one for one in done.json["results"] if one["strategy"] == "mine")
    blocks = row["bytes"] // (2 << 20)
    assert least * blocks <= row["counters"]["clear_calls"] <= most * blocks
    assert row["dirty_offset"] is None
    assert done.json["config"]["dirty"] == percent
    assert (f"dirty={percent}%" in done.err) == (percent < 100)


def test_a_broken_installed_strategy_stops_nobody(command: Command, tmp_path: Path) -> None:
    """The other strategies are measured, the failure is printed in full, and the status is 1."""
    (tmp_path / "crashing.c").write_text(in_c("*(volatile int *)8 = 1;", "crashing"))
    (tmp_path / "unfinished.c").write_text(in_c("folio_zero(page);", "unfinished"))
    done = command(*SMALL, "--plugins-dir", tmp_path)

    assert done.status == 1
    assert re.search(r"^batched +stosb +\d", done.out, re.MULTILINE)
    assert re.search(r"crashing .*SIGSEGV", done.out.replace("\n", " "))
    assert "folio_zero" in done.out
    assert command(*SMALL, "batched", "--plugins-dir", tmp_path).status == 0
