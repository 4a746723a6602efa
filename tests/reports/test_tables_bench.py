"""Tables for people: what they say, and that no number of theirs is ever cut."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import attrs
import pytest
from rich.console import Console

from clearfw.bench import run as bench_run
from clearfw.bench.run import Roofline, Skipped
from clearfw.registry import PluginInfo
from clearfw.reports.tables import bench, plugins
from clearfw.workloads.protocol import Latency

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from clearfw.bench.run import Result, SceneRun
    from clearfw.bench.statistics import Ratio

    Make = Callable[..., Result]
    Run = Callable[..., SceneRun]


def text(renderable: RenderableType, width: int = 140) -> str:
    """Return what is printed, as on a terminal of WIDTH columns."""
    file = io.StringIO()
    Console(file=file, width=width, markup=False, emoji=False).print(renderable)
    return file.getvalue()


def rows(printed: str) -> list[str]:
    """Return the first words of the rows of the first table: what stands in them, in order."""
    body = printed.partition("─\n")[2]
    return [
        line.split("  ")[0].strip() for line in body.splitlines() if re.search(r"\d\.\d\d|dirty +\d", line)
    ]


def ratio(of: Ratio | None, value: float) -> Ratio:
    """Return a ratio about VALUE."""
    assert of is not None
    return attrs.evolve(of, ratio=value, ci95=(value - 0.1, value + 0.1))


@pytest.fixture
def factors(result: Make, scene_run: Run) -> SceneRun:
    """The run of per_page and batched, each with the kernel's primitive and the best."""
    some = result().ratio
    cells = {
        ("per_page", "stosb"): 1.0,
        ("per_page", "best"): 1.3,
        ("batched", "stosb"): 1.1,
        ("batched", "best"): 2.6,
    }
    return scene_run(
        *(
            result(
                strategy=shape,
                primitive=primitive,
                resolved="nt512" if primitive == "best" else primitive,
                ratio=ratio(some, value),
            )
            for (shape, primitive), value in cells.items()
        )
    )


@pytest.mark.parametrize("width", [80, 140])
def test_no_number_is_cut(result: Make, scene_run: Run, width: int) -> None:
    """With every column at its widest, where a terminal is narrow as where it is wide."""
    counters = attrs.evolve(result().counters, kmaps=131_072)
    wide = result(
        strategy="batched+highmem_fallback",
        primitive="best",
        resolved="movdir64b",
        order=None,
        gbps=123.45,
        modes_gbps=(123.45, 67.89),
        ratio=ratio(result().ratio, 12.34),
        of_roofline=1.04,
        counters=counters,
    )
    printed = text(bench.scene(scene_run(wide)), width)

    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= width
    for number in ("123.45*", "12.34", "12.24-12.44", "104%", "131,072"):
        assert number in printed


def test_a_stack_breaks_at_its_plus(result: Make, scene_run: Run) -> None:
    """Each strategy of it stays whole on a narrow terminal."""
    counters = attrs.evolve(result().counters, kmaps=131_072)
    stack = result(
        strategy="batched+highmem_fallback", primitive="best", resolved="movdir64b", counters=counters
    )
    printed = text(bench.scene(scene_run(stack)), 80)

    assert re.search(r"^batched \+ .*\n *highmem_fallback", printed, re.MULTILINE)


def test_the_heading_tells_all_that_the_figures_depend_on(result: Make, scene_run: Run) -> None:
    """Workload, scene, order, what touches the blocks, machine, backing, and rounds."""
    run = scene_run(result(), label="fragmented", how=("touch=all", "hot"))
    heading, *_ = text(bench.scene(run)).splitlines()

    assert heading == (
        "hugetlb fragmented, order 9, touch=all, hot: memory=128M init_on_alloc=1, "
        "backing thp (128 MiB in huge pages), 15 rounds"
    )


def test_unknown_huge_pages_are_called_so(scene_run: Run) -> None:
    """And one round is no rounds."""
    printed = text(bench.scene(scene_run(huge_bytes=None, rounds=1)))

    assert "(unknown in huge pages), 1 round\n" in printed


def test_rows_go_by_their_ratio_and_what_is_not_ranked_comes_last(result: Make, scene_run: Run) -> None:
    """Peers, interpreted strategies, and the times of one that left memory dirty are no competitors."""
    some = result().ratio
    run = scene_run(
        result(strategy="peer", peer=True, counters=None, ratio=ratio(some, 0.1)),
        result(strategy="python", interpreted=True, ratio=ratio(some, 0.2)),
        result(strategy="dirty", dirty_offset=8, ratio=None),
        result(strategy="fast", ratio=ratio(some, 3)),
        result(strategy="slow", ratio=ratio(some, 0.5)),
    )

    ranked = rows(text(bench.scene(run)))

    assert ranked == ["slow", "fast", "peer", "python (interpreted)", "dirty", "(roofline)"]


def test_an_interpreted_strategy_is_marked(result: Make, scene_run: Run) -> None:
    """In its row, and with a word on why."""
    printed = text(bench.scene(scene_run(result(strategy="mine", interpreted=True))))

    assert "mine (interpreted)" in printed
    assert "written in Python, for a prototype; not ranked" in printed


def test_a_dirty_strategy_has_no_figures(result: Make, scene_run: Run) -> None:
    """Whatever it did, it was not clearing: not one speed of it is printed, and one line says where."""
    run = scene_run(
        result(strategy="mine", dirty_offset=4096, ratio=None, gbps=999.0, modes_gbps=(999.0, 99.0)),
        result(strategy="mine", order=3, dirty_offset=4096, ratio=None),
    )
    printed = text(bench.scene(run))

    line = "mine (stosb) left memory dirty, first at byte 4096 of a sample: its times are not valid"
    assert bench_run.problems([run]) == [line]
    assert line in printed
    assert "99" not in printed


def test_a_broken_strategy_is_a_problem_and_one_that_passes_on_a_note(scene_run: Run) -> None:
    """Only the former makes the exit status 1 of itself."""
    run = scene_run(skipped=(Skipped("bad", "bad crashed", broken=True), Skipped("other", "it passes on")))
    printed = text(bench.scene(run))

    assert bench_run.problems([run]) == ["bad crashed"]
    assert "bad crashed" in printed
    assert "other left out: it passes on" in printed


def test_the_baseline_has_no_interval_over_itself(result: Make, scene_run: Run) -> None:
    """1.00-1.00 would look like a finding."""
    itself = result(strategy="per_page", ratio=ratio(result().ratio, 1.0))

    printed = text(bench.scene(scene_run(itself, result())))

    assert re.search(r"^per_page +stosb +12.34 +1.00 +50% +0 +0$", printed, re.MULTILINE)
    assert re.search(r"^batched +stosb +12.34 +2.00 +1.90-2.10 +50% +0 +0$", printed, re.MULTILINE)


def test_without_a_baseline_there_is_no_ratio(result: Make, scene_run: Run) -> None:
    """A ratio over nothing is left blank."""
    printed = text(bench.scene(scene_run(result(baseline=None, ratio=None))))

    assert re.search(r"^batched +stosb +12.34 +50% +0 +0$", printed, re.MULTILINE)
    assert "ratio: over" not in printed


def test_two_modes_are_shown_as_two(result: Make, scene_run: Run) -> None:
    """The median of a row with two modes has a star, and a note gives both modes."""
    printed = text(bench.scene(scene_run(result(modes_gbps=(20.0, 9.0)))))

    assert "12.34*" in printed
    assert "* batched stosb at order 9 ran at 20.00 and 9.00 GB/s: two modes" in printed


def test_kmaps_and_walks_have_a_column_and_kmaps_a_price(result: Make, scene_run: Run) -> None:
    """kmaps on HIGHMEM, with the price that is not in the times; page walks in vmalloc areas."""
    none = text(bench.scene(scene_run(result())))
    counters = attrs.evolve(result().counters, kmaps=1000, page_walks=3)
    some = text(bench.scene(scene_run(result(counters=counters))))

    assert re.search(r"roof +kmaps +walks\n", none)
    assert "would add" not in none
    assert re.search(r" 1,000 +3\n", some)
    assert "1,000 a sample, at an assumed 25 ns each, would add 0.03 ms" in some


def test_hw_tags_integrated_init_is_told(result: Make, scene_run: Run) -> None:
    """Two strategies that were never run must not be compared by mistake."""
    counters = attrs.evolve(result().counters, integrated_pages=512)

    assert "no strategy was called" in text(bench.scene(scene_run(result(counters=counters))))
    assert "no strategy was called" not in text(bench.scene(scene_run(result())))


def test_few_rounds_and_thrown_out_ones_are_told(result: Make, scene_run: Run) -> None:
    """A figure without its rounds is no figure."""
    few = text(bench.scene(scene_run(result(), rounds=5)))
    thrown = text(bench.scene(scene_run(result(rounds_thrown_out=4), rounds=15)))

    assert "too few rounds for a reliable interval" in few
    assert "below 0.8 of its median: 4" in thrown
    assert "too few rounds" not in thrown


def test_an_interrupted_run_says_how_far_it_came(result: Make, scene_run: Run) -> None:
    """A reader must not take it for a complete run."""
    printed = text(bench.scene(scene_run(result(), rounds=7, interrupted=True)))

    assert "interrupted after 7 complete rounds" in printed


def test_the_roofline_of_several_threads_is_explained(result: Make, scene_run: Run) -> None:
    """Above 100 % of it is no mistake then."""
    assert "the roofline was measured with one thread" in text(
        bench.scene(scene_run(result(), how=("2 threads",)))
    )


def test_latencies_have_a_table_of_their_own(result: Make, scene_run: Run) -> None:
    """Each in a unit that keeps it short."""
    latency = Latency(p50_ns=234.0, p99_ns=1500.0, max_ns=1_837_300, count=100, total_ns=50_000)
    slow = result(order=0, latency=latency)
    printed = text(bench.scene(scene_run(slow, result(order=1))), 80)

    assert re.search(r"0 +batched +stosb +234 ns +1.5 us +1.84 ms\n", printed)
    assert "p99" not in text(bench.scene(scene_run(result())))


def test_several_orders_are_told_apart(result: Make, scene_run: Run) -> None:
    """Each with its roofline, and one roofline for all where a run gave several results."""
    by_order = scene_run(
        result(order=0), result(order=1), rooflines=(Roofline(0, "nt512", 1.11), Roofline(1, "nt512", 2.22))
    )
    at_once = scene_run(result(order=None), result(order=0), rooflines=(Roofline(None, "nt512", 3.33),))

    printed = text(bench.scene(by_order))
    assert re.search(r"0 +\(roofline\) +nt512 +1.11 ", printed)
    assert re.search(r"1 +\(roofline\) +nt512 +2.22 ", printed)
    assert re.search(r"all +\(roofline\) +nt512 +3.33 ", text(bench.scene(at_once)))


def test_the_headline_shows_both_factors_beside_the_published_figure(factors: SceneRun) -> None:
    """The headline shows shape by primitive, so that the two effects are not confused."""
    headline = bench.headline(factors)
    assert headline is not None
    printed = text(headline, 80)

    assert re.search(r"shape +stosb +best: nt512\n", printed)
    assert re.search(r"per_page +1.00x +1.30x\n", printed)
    assert re.search(r"batched +1.10x +2.60x\n", printed)
    assert "2.60x here" in printed
    assert "2.68x was published" in printed


def test_the_primitive_of_the_baseline_comes_first(factors: SceneRun) -> None:
    """Whatever the order of the results."""
    turned = attrs.evolve(factors, results=factors.results[::-1])
    headline = bench.headline(turned)
    assert headline is not None

    assert re.search(r"shape +stosb +best", text(headline))


def test_hot_or_touched_blocks_are_not_held_against_the_published_figure(factors: SceneRun) -> None:
    """That is of cold blocks, left alone."""
    headline = bench.headline(attrs.evolve(factors, how=("touch=all", "hot")))
    assert headline is not None
    printed = text(headline)

    assert "measured with touch=all, hot" in printed
    assert "2.68x" not in printed


def test_there_is_no_headline_without_all_four(factors: SceneRun, result: Make) -> None:
    """A missing cell, a dirty one, or one primitive alone: no product of two factors."""
    first, *rest = factors.results
    dirty = attrs.evolve(factors.results[-1], ratio=None, dirty_offset=0)
    kernel = [one for one in factors.results if one.primitive == "stosb"]

    for results in (rest, [first, *rest[:-1], dirty], kernel, [*factors.results, result(order=3)], []):
        assert bench.headline(attrs.evolve(factors, results=tuple(results))) is None


def test_installed_plugins_fit_a_narrow_terminal() -> None:
    """Names whole, and under the table why a plugin is not active."""
    infos = [
        PluginInfo(
            "vmalloc_contiguous", "0.1.0", "entry point x", "active", "", ("clearfw_strategies",), ("a", "b")
        ),
        PluginInfo("mine", "", "dir/mine.c", "active", "", ("clearfw_strategies",), ("mine",)),
        PluginInfo("gone", "", "CLEARFW_PLUGINS", "failed", "ImportError: [/no] such thing"),
    ]
    printed = text(plugins.plugins(SimpleNamespace(plugins=infos)), 80)  # type: ignore[arg-type]

    assert re.search(r"vmalloc_contiguous +0.1.0 +active +strategies +a *\n", printed)
    assert re.search(r"mine +dir/mine.c +active", printed)
    assert "gone failed: ImportError: [/no] such thing (CLEARFW_PLUGINS)\n" in printed
    assert max(map(len, printed.splitlines())) <= 80
