"""The suite's own tools: counts that must not grow, commits compared, and a history of one machine."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import asv
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks import compare, gate  # noqa: E402  no part of what is installed

sys.path.remove(str(ROOT))

CONFIG = json.loads((ROOT / "asv.conf.json").read_text())
RESULTS = sorted((ROOT / CONFIG["results_dir"] / "reference").glob("*-*.json"))
OLD = {"bulk: batched": {"fences": 3, "kmaps": 0}}
WORSE = {"bulk: batched": {"fences": 4, "kmaps": 0}}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="counted on x86-64, where stores may need fences")
def test_the_counts_are_those_on_record() -> None:
    """No strategy does more than it did, unless CHANGELOG.md says so: the gate itself."""
    assert gate.problems() == []


def test_what_the_host_cannot_count_is_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor or a compiler that is missing opens no gate and closes none."""

    def lacking(*_: object) -> None:
        raise NotImplementedError

    for suite in gate._SUITES:
        monkeypatch.setattr(suite, "setup", lacking)

    assert gate.measured() == gate.recorded()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A house with the counts OLD on record, where WORSE ones are measured."""
    monkeypatch.setattr(gate, "ROOT", tmp_path)
    monkeypatch.setattr(gate, "RECORD", tmp_path / "recorded.json")
    monkeypatch.setattr(gate, "CHANGELOG", tmp_path / "CHANGELOG.md")
    monkeypatch.setattr(gate, "measured", lambda: WORSE)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n")
    gate.record(OLD)
    return tmp_path


def test_a_count_that_grows_closes_the_gate(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And cannot be recorded; the words for CHANGELOG.md are printed."""
    assert gate.main([]) == 1
    assert gate.main(["--record"]) == 1
    assert gate.recorded() == OLD
    assert capsys.readouterr().out == 2 * ("worse, and not in CHANGELOG.md: bulk: batched fences 3 -> 4\n")


def test_a_count_that_grows_and_is_owned_up_to_can_be_recorded(house: Path) -> None:
    """Then the gate is open."""
    (house / "CHANGELOG.md").write_text("- bulk: batched fences 3 -> 4: each pair of pages has one now.\n")

    assert gate.main([]) == 1
    assert gate.main(["--record"]) == 0
    assert gate.main([]) == 0
    assert gate.recorded() == WORSE


@pytest.mark.parametrize(
    "new", [{"bulk: batched": {"fences": 2, "kmaps": 0}}, OLD | {"new": {"inits": 1}}, {}]
)
def test_any_other_change_has_only_to_be_recorded(
    house: Path, new: gate.Counts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Better, new and missing counts are printed and recorded."""
    monkeypatch.setattr(gate, "measured", lambda: new)

    assert gate.main([]) == 1
    assert "not as recorded, run make counts" in capsys.readouterr().out
    assert gate.main(["--record"]) == 0
    assert gate.main([]) == 0
    assert (house / "recorded.json").read_text().endswith("}\n")


def test_the_code_of_another_compiler_closes_no_gate(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be recorded beside the first; from then on it counts."""
    theirs = {"sizes: arm, per_page with gcc 13": {"function": 140}}
    monkeypatch.setattr(gate, "measured", lambda: OLD | theirs)

    assert gate.main([]) == 0
    assert gate.main(["--record"]) == 0
    monkeypatch.setattr(gate, "measured", lambda: OLD | {name: {"function": 150} for name in theirs})
    assert gate.main([]) == 1
    assert (house / "recorded.json").read_text().count("with gcc 13") == 1


def test_a_record_that_was_edited_by_hand_closes_the_gate(house: Path) -> None:
    """The commits know what stood there before."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        subprocess.run(["git", *identity, *arguments], cwd=house, check=True, capture_output=True)  # noqa: S607

    git("init")
    git("add", ".")
    git("commit", "-m", "Counts")
    gate.record(WORSE)

    assert gate.problems() == ["worse, and not in CHANGELOG.md: bulk: batched fences 3 -> 4"]


def test_every_count_of_the_suite_is_on_record() -> None:
    """Each case, with the calls, fences, kmaps and walks that a step of which would be a change."""
    counted = {case for case in gate.recorded() if case.startswith("counts: ")}

    assert counted == {f"counts: {case}" for case in gate.counts.CASES}
    assert any(case.startswith("sizes: arm, per_page with ") for case in gate.recorded())
    assert {"clear_calls", "fences", "kmaps", "page_walks"} <= set(gate.recorded()["counts: bulk: batched"])


@pytest.mark.parametrize(
    ("status", "before", "after", "expected", "said"),
    [
        (0, {"a", "b"}, {"a", "b"}, 0, "none slower, of 2 benchmarks"),
        (1, {"a", "b"}, {"a", "b"}, 1, "slower: of 2 benchmarks"),
        (1, set(), {"a"}, 2, "nothing measured on both"),
        (0, set(), set(), 2, "nothing measured on both"),
        (0, {"a", "b"}, {"a"}, 1, "measured before and not any more: b"),
        (0, {"a"}, {"a", "b"}, 0, "none slower, of 1 benchmarks"),
    ],
)
def test_slower_is_told_from_nothing_measured(
    status: int, before: set[str], after: set[str], expected: int, said: str
) -> None:
    """Whatever asv's own exit status is, which is 1 for both."""
    found, words = compare.verdict(status, before, after)

    assert expected == found
    assert said in words


@pytest.mark.parametrize(
    ("base", "said"), [("nosuch", "there is no commit nosuch"), ("HEAD", "HEAD and HEAD are one commit")]
)
def test_commits_that_cannot_be_compared_are_named(
    base: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is built for them."""
    assert compare.main(base, "HEAD") == 2
    assert said in capsys.readouterr().err


def test_samples_are_enough_for_the_test_that_asv_makes() -> None:
    """Six a side are the least that Mann-Whitney at p < 0.002 can tell apart."""
    given = {name: int(value) for name, _, value in (one.partition("=") for one in compare.SAMPLES) if value}

    assert given["rounds"] * given["repeat"] >= 6


def test_asv_knows_every_key_of_its_configuration() -> None:
    """It takes others without a word, and has them without effect."""
    sources = "".join(path.read_text() for path in Path(asv.__file__).parent.rglob("*.py"))

    assert {key for key in CONFIG if not re.search(rf"\b{key}\b", sources)} == set()


def test_every_benchmark_has_one_threshold(tmp_path: Path) -> None:
    """Of several that match, asv takes the largest."""
    listed = tmp_path / "benchmarks.json"
    finder = Path(asv.__file__).with_name("benchmark.py")
    command = [sys.executable, finder, "discover", ROOT / CONFIG["benchmark_dir"], listed]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    names = [one["name"] for one in json.loads(listed.read_text())]
    matching = {
        name: [one for one in CONFIG["regressions_thresholds"] if re.match(one, name)] for name in names
    }

    assert len(names) > 10
    assert {name: found for name, found in matching.items() if len(found) != 1} == {}


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name[:8])
def test_the_history_is_of_one_machine(path: Path) -> None:
    """Results of another processor would be steps that no commit made."""
    machine = json.loads((path.parent / "machine.json").read_text())
    params = json.loads(path.read_text())["params"]

    assert params["machine"] == machine["machine"] == "reference"
    assert {key: params[key] for key in ("cpu", "num_cpu", "arch")} == {
        key: machine[key] for key in ("cpu", "num_cpu", "arch")
    }
