"""Comparison: worse is what is so beyond its interval, and what cannot be compared is refused."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.sample_traces import some_events, write

from clearfw.bench.statistics import Ratio
from clearfw.errors import ResultError
from clearfw.reports.tables import diff
from clearfw.results import bench as results_bench
from clearfw.results import info as results_info
from clearfw.results.diff import BETTER, CHANGED, SAME, WORSE, Comparison, compare, load, to_json
from clearfw.traces import file, info

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clearfw.bench.run import Result, SceneRun

Document = dict[str, Any]
CONFIG = {
    "workload": "hugetlb",
    "touch": "none",
    "rounds": 15,
    "cpu": 1,
    "memory": 0,
    "strategies": ["batched"],
}
ENVIRONMENT = {"cpu": "a processor", "commit": "1234", "python": "3.11"}


def ratio(low: float, high: float) -> Ratio:
    """Return a ratio with this interval."""
    return Ratio((low + high) / 2, low, high, (low, high))


@pytest.fixture
def bench(result: Callable[..., Result], scene_run: Callable[..., SceneRun]) -> Callable[..., Document]:
    """Make the result of a bench, from the intervals of some strategies; the baseline comes first."""

    def document(config: Document | None = None, **intervals: tuple[float, float] | None) -> Document:
        rows = [result(strategy="per_page", ratio=ratio(1, 1))]
        rows += [
            result(strategy=name, dirty_offset=5, ratio=None)
            if interval is None
            else result(strategy=name, ratio=ratio(*interval))
            for name, interval in intervals.items()
        ]
        made = results_bench.to_json([scene_run(*rows)], ENVIRONMENT, CONFIG | (config or {}))
        return json.loads(json.dumps(made))  # type: ignore[no-any-return]

    return document


def check(**status: str) -> Document:
    """Return the result of a check of one strategy."""
    answers = [{"name": name, "status": said, "passed": said != "FAIL"} for name, said in status.items()]
    return {"schema": "clearfw.check/1", "results": [{"strategy": "mine", "passed": True, "checks": answers}]}


def verdicts(found: Comparison) -> list[str]:
    """Return what is said of each row."""
    return [row.verdict for row in found.rows]


def shown(found: Comparison) -> str:
    """Return its text, on a terminal as narrow as any."""
    console = Console(width=80, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(diff.diff(found))
    return capture.get()


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ((2.0, 2.1), (1.8, 1.99), WORSE),
        ((2.0, 2.1), (1.8, 2.0), SAME),
        ((2.0, 2.1), (2.1, 2.4), SAME),
        ((2.0, 2.1), (2.11, 2.4), BETTER),
        ((1.0, 3.0), (1.5, 1.6), SAME),
        (None, (1.5, 1.6), BETTER),
        ((1.5, 1.6), None, WORSE),
        (None, None, SAME),
    ],
)
def test_worse_is_what_is_so_beyond_the_intervals(
    bench: Callable[..., Document],
    old: tuple[float, float] | None,
    new: tuple[float, float] | None,
    verdict: str,
) -> None:
    """A ratio whose whole interval is below the old one; and memory left dirty."""
    found = compare(bench(batched=old), bench(batched=new))

    assert verdicts(found) == [SAME, verdict]
    assert bool(found.worse) == (verdict == WORSE)


def test_rows_are_matched_by_their_key(bench: Callable[..., Document]) -> None:
    """Whatever their order; those that only one has are named."""
    found = compare(bench(a=(1, 2), b=(3, 4), c=(5, 6)), bench(d=(1, 2), c=(5, 6), b=(1, 2)))

    assert [dict(row.key)["strategy"] for row in found.rows] == ["per_page", "b", "c"]
    assert verdicts(found) == [SAME, WORSE, SAME]
    assert [[dict(key)["strategy"] for key in keys] for keys in (found.only_old, found.only_new)] == [
        ["a"],
        ["d"],
    ]
    text = shown(found)
    assert "workload hugetlb, order 9, primitive stosb: ratio over the baseline" in text
    assert "only in the old: hugetlb 9 a stosb" in text
    assert "3 rows compared: 1 worse, 2 same" in text


def test_a_change_has_an_interval(bench: Callable[..., Document]) -> None:
    """From the far ends of both."""
    _, row = compare(bench(batched=(2.0, 2.2)), bench(batched=(1.0, 1.1))).rows

    assert row.change == pytest.approx(-0.5)
    assert row.change_ci95 == pytest.approx((1 / 2.2 - 1, 1.1 / 2 - 1))
    assert row.change_ci95[0] < row.change < row.change_ci95[1]


def test_a_table_cuts_no_number(bench: Callable[..., Document]) -> None:
    """With the longest names that ship, and ratios of two digits."""
    old = bench(**{"vmalloc_contiguous": (10.11, 12.22), "batched+highmem_fallback": (10.11, 12.22)})
    new = bench(**{"vmalloc_contiguous": (33.31, 44.44), "batched+highmem_fallback": (3.11, 4.22)})
    new["results"][0]["primitive"] = old["results"][0]["primitive"] = "best"

    text = shown(compare(old, new))

    assert {"10.1-12.2", "33.3-44.4", "+248.2%", "better", "worse", "vmalloc_contiguous"} <= set(text.split())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"touch": "all"}, "cannot compare: touch was none, is all: measure both alike"),
        ({"workload": "orders"}, "cannot compare: workload was hugetlb, is orders: measure both alike"),
        ({"future": 1}, "cannot compare: future was null, is 1: measure both alike"),
    ],
)
def test_other_workloads_are_refused(bench: Callable[..., Document], change: Document, said: str) -> None:
    """What was measured must be the same, an option not known here included."""
    with pytest.raises(ResultError, match=said):
        compare(bench(batched=(1, 2)), bench(change, batched=(1, 2)))


def test_another_baseline_is_refused(bench: Callable[..., Document]) -> None:
    """Ratios over different things are not to be held against each other."""
    other = bench(batched=(1, 2))
    for row in other["results"]:
        row["baseline"]["primitive"] = "movnti"

    with pytest.raises(
        ResultError, match="the baseline was per_page with stosb, is per_page with movnti: measure"
    ):
        compare(bench(batched=(1, 2)), other)


def test_another_machine_is_told(bench: Callable[..., Document]) -> None:
    """Processor, commit, rounds and backing; what cannot matter is left out."""
    other = bench({"rounds": 30, "cpu": 0, "strategies": ["x"]}, batched=(1, 2))
    other["environment"] |= {"cpu": "another\nprocessor", "commit": None, "python": "3.13"}
    other["scenes"][0]["backing"] = "base"

    assert compare(bench(batched=(1, 2)), other).notes == (
        "rounds was 15, is 30",
        "pinned cpu was 1, is 0",
        "backing was thp, is base",
        "cpu was a processor, is another processor",
        "commit was 1234, is null",
    )


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("pass", "FAIL", WORSE),
        ("FAIL", "pass", BETTER),
        ("FAIL", "FAIL", SAME),
        ("not asked", "FAIL", WORSE),
        ("pass", "not asked", CHANGED),
    ],
)
def test_a_check_that_fails_now_is_worse(old: str, new: str, verdict: str) -> None:
    """And only the checks whose answer is another are shown."""
    found = compare(check(quiet="pass", zero=old), check(quiet="pass", zero=new))

    assert verdicts(found) == [SAME, verdict]
    assert ("zero" in shown(found)) == (verdict != SAME)
    assert "quiet" not in shown(found)


def test_counts_of_traces_change_and_are_never_worse(tmp_path: Path) -> None:
    """Two traces are two things that happened."""
    old, new = (
        results_info.to_json(
            info.examine(file.read(write(tmp_path / f"{seed}.trace", some_events(100, seed))))
        )
        for seed in (1, 2)
    )
    found = compare(old, new)

    assert set(verdicts(found)) == {SAME, CHANGED}
    assert compare(old, copy.deepcopy(old)).worse == ()
    assert dict(found.rows[0].key) == {"count": "events"}
    assert "alloc" in shown(found)


def test_replays_are_compared_as_benches_are(bench: Callable[..., Document]) -> None:
    """Their rows are alike, with a trace where the other has a workload."""

    def replay(**intervals: tuple[float, float]) -> Document:
        made = bench(**intervals)
        for row in made["results"]:
            row["trace"] = row.pop("workload")
        return made | {"schema": "clearfw.replay/1"}

    found = compare(replay(batched=(2, 3)), replay(batched=(1, 1.5)))

    assert verdicts(found) == [SAME, WORSE]
    assert dict(found.rows[0].key)["trace"] == "hugetlb"


def test_different_schemas_are_refused(bench: Callable[..., Document]) -> None:
    """Naming both."""
    with pytest.raises(
        ResultError, match=r"cannot compare clearfw.bench/1 with clearfw.check/1: give two results"
    ):
        compare(bench(batched=(1, 2)), check(zero="pass"))


def test_a_check_there_is_not_compared_with_one_here() -> None:
    """The same strategy on two architectures is two rows."""
    there = check(zero="FAIL")
    there["results"][0]["arch"] = "s390x"
    both = check(zero="pass")
    both["results"] += there["results"]

    assert [row.verdict for row in compare(both, both).rows] == [SAME, SAME]
    with pytest.raises(ResultError, match="no row in common"):
        compare(check(zero="pass"), there)


def test_results_without_a_row_in_common_are_refused() -> None:
    """There is nothing to say of them."""
    with pytest.raises(ResultError, match="no row in common: measure the same strategies and workload"):
        compare(check(a="pass"), check(b="pass"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a result, a JSON object with a schema: write one with --json"),
        ("[]", "is not a result"),
        ("[" * 100_000, "is not a result"),
        ("{}", "is not a result"),
        ('{"schema": []}', "is not a result"),
        (
            '{"schema": "clearfw.bench/2"}',
            "has schema 'clearfw.bench/2', which diff does not compare: give two of one of clearfw.bench/1",
        ),
        ('{"schema": "clearfw.plugins/1"}', "has schema 'clearfw.plugins/1'"),
    ],
)
def test_files_that_are_no_results_are_refused(tmp_path: Path, text: str, said: str) -> None:
    """In a line."""
    (tmp_path / "r.json").write_text(text)

    with pytest.raises(ResultError, match=said):
        load(tmp_path / "r.json")


PLACES = st.lists(st.integers(0, 30), min_size=1, max_size=6)
VALUES = st.sampled_from((None, 5, "x", [], {}, [1], {"a": 1}, float("nan"), True))


def mutated(document: object, places: list[int], value: object) -> object:
    """Return DOCUMENT with VALUE at some place in it."""
    if not places or not isinstance(document, dict | list) or not document:
        return value
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    copied: Any = copy.copy(document)
    key: Any = keys[places[0] % len(keys)]
    copied[key] = mutated(copied[key], places[1:], value)
    return copied


def test_text_of_a_stranger_does_nothing_to_a_terminal() -> None:
    """Escape sequences and lone surrogates in names are shown as question marks."""
    old, new = check(**{"\x1b[2J\ud800": "pass"}), check(**{"\x1b[2J\ud800": "FAIL", "\x1b": "pass"})

    text = shown(compare(old, new))
    assert "?[2J?" in text
    assert "\x1b" not in text
    text.encode()


@given(places=PLACES, value=VALUES, which=st.integers(0, 1))
def test_a_damaged_result_ends_in_one_line(places: list[int], value: object, which: int) -> None:
    """Whatever is where something else should be."""
    row = {"strategy": "a", "primitive": "b", "order": 9, "workload": "w"}
    baseline = {"strategy": "a", "primitive": "b", "ratio": 1.5, "ci95": [1.0, 2.0]}
    measured = {
        "schema": "clearfw.bench/1",
        "environment": dict(ENVIRONMENT),
        "config": dict(CONFIG),
        "scenes": [{"backing": "thp"}],
        "results": [row | {"baseline": baseline}],
    }
    whole: Document = (measured, check(zero="pass"))[which]
    broken = mutated(whole, places, value)
    if not isinstance(broken, dict) or broken.get("schema") != whole["schema"]:
        return
    try:
        found = compare(whole, broken)
    except ResultError as error:
        said = str(error)
    else:
        said = json.dumps(to_json(found))
        shown(found)
    assert len(said.splitlines()) == 1


def test_the_json_has_every_row(bench: Callable[..., Document]) -> None:
    """Keys, both figures with their intervals, the change and the verdict."""
    document = to_json(compare(bench(batched=(2.0, 2.2)), bench(batched=(1.0, 1.1))))

    assert (document["schema"], document["compared"], document["worse"]) == (
        "clearfw.diff/1",
        "clearfw.bench/1",
        1,
    )
    _, row = document["results"]
    assert row["key"] == {"workload": "hugetlb", "order": "9", "strategy": "batched", "primitive": "stosb"}
    assert (row["old"]["value"], row["new"]["ci95"], row["verdict"]) == (2.1, (1.0, 1.1), "worse")
