"""`clearfw kernel`, on a toy tree: what it prints, writes and refuses, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import toy_tree
from support.commands import finished, program

if TYPE_CHECKING:
    from support.commands import Command

ROOT = Path(__file__).parent.parent.parent
FEW = ("--rounds", "2", "--memory", "1M", "--orders", "0,3", "--no-model")


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    """Return a patch after which the toy is twice as fast."""
    file = tmp_path / "faster.patch"
    file.write_text(toy_tree.FASTER)
    return file


def test_bench_shows_before_and_after(command: Command, toy: Path, patch: Path) -> None:
    """Each order with both times and their ratio, and what the kernels are."""
    done = command("kernel", "bench", toy, "--patch", patch, *FEW)
    assert done.status == 0
    assert "Linux 7.3.4-toy as User-Mode Linux" in done.out
    assert "2.00" in done.out
    assert "50% of it on huge pages" in done.out


def test_bench_takes_a_patch_back(command: Command, toy: Path, patch: Path) -> None:
    """-R makes the tree as it stands "before", and without the patch "after"."""
    (toy / "mm" / "page_alloc.c").write_text(toy_tree.PAGE_ALLOC.replace("NS = 100", "NS = 50"))
    done = command("kernel", "bench", toy, "--patch", patch, "-R", *FEW, "--json", "-")
    assert [one["ratio"]["ratio"] for one in done.json["results"]] == [0.5, 0.5]


def test_bench_as_json_says_what_was_measured(command: Command, toy: Path, patch: Path) -> None:
    """Kernels, memory, every order, and what was asked for."""
    document = command("kernel", "bench", toy, "--patch", patch, *FEW, "--json", "-").json
    assert document["schema"] == "clearfw.kernel/1"
    assert [(one["kernel"], one["files"]) for one in document["kernels"]] == [
        ("before", []),
        ("after", ["mm/page_alloc.c"]),
    ]
    assert document["memory"] == {"bytes": 1 << 20, "huge_bytes": 1 << 19}
    assert [one["order"] for one in document["results"]] == [0, 3]
    assert document["results"][0]["kernel"]["after"]["ns"] == {"median": 50.0, "min": 50.0, "max": 50.0}
    assert (document["config"]["rounds"], document["config"]["boot"], document["interrupted"]) == (
        2,
        "",
        False,
    )


def test_bench_sets_the_model_beside_the_kernels(command: Command, toy: Path, patch: Path) -> None:
    """The same two shapes, and how far its ratio is from the kernels'."""
    arguments = ("--rounds", "2", "--memory", "1M", "--orders", "3", "--model", "per_page,batched")
    document = command("kernel", "bench", toy, "--patch", patch, *arguments, "--json", "-").json
    (row,) = document["results"]
    assert document["config"]["model"] == {"before": "per_page", "after": "batched"}
    assert row["off"] == pytest.approx(row["model_ratio"]["ratio"] / row["ratio"]["ratio"] - 1)
    assert row["model"]["before"]["ns"]["median"] > 0


def test_bench_of_a_tree_alone_has_no_ratio(command: Command, toy: Path) -> None:
    """There is nothing to compare with."""
    document = command("kernel", "bench", toy, *FEW, "--json", "-").json
    assert [one["ratio"] for one in document["results"]] == [None, None]


def leaves(value: Any, path: str = "") -> set[str]:  # noqa: ANN401  JSON is anything
    """Return the path of each leaf of a JSON document, as json.md writes it."""
    if isinstance(value, dict):
        return {one for key, inner in value.items() for one in leaves(inner, f"{path}.{key}".lstrip("."))}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {one for inner in value for one in leaves(inner, f"{path}[]")}
    return {path}


@pytest.mark.parametrize("command_", ["bench", "check"])
def test_the_json_page_has_every_key(command: Command, toy: Path, patch: Path, command_: str) -> None:
    """Of what is written; a key that is documented covers all below it, and KERNEL stands for either."""
    few = FEW[:-1] if command_ == "bench" else ()
    document = command("kernel", command_, toy, "--patch", patch, *few, "--json", "-").json
    page = (ROOT / "docs" / "reference" / "json.md").read_text()
    section = page.partition(f"## {document['schema']}\n")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`([^`]+)`", section))
    found = {re.sub(r"\.(before|after)\b", ".KERNEL", leaf) for leaf in leaves(document)}
    unknown = {
        leaf
        for leaf in found
        if not any(leaf == one or leaf.startswith((f"{one}.", f"{one}[]")) for one in documented)
    }
    assert not unknown
    missing = {one for one in documented if re.match(r"(results|kernels)\[\]", one)} - {
        prefix for leaf in found for prefix in _prefixes(leaf)
    }
    assert not missing


def _prefixes(leaf: str) -> set[str]:
    parts = leaf.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}


def test_check_says_pass_or_fail_of_both(command: Command, toy: Path, tmp_path: Path) -> None:
    """What fails is shown with the kernel's own lines, and is status 1."""
    file = tmp_path / "skips.patch"
    file.write_text(toy_tree.patch_of("NS = 1; SKIPS = True; REPORT = True"))
    done = command("kernel", "check", toy, "--patch", file, "--json", tmp_path / "check.json")
    assert done.status == 1
    assert "order 10: 32 of 32 blocks are dirty" in done.out
    assert "BUG: KASAN: use-after-free in post_alloc_hook" in done.out
    document = json.loads((tmp_path / "check.json").read_text())
    failed = {(one["kernel"], one["name"]) for one in document["results"] if one["status"] == "FAIL"}
    assert document["schema"] == "clearfw.kernel-check/1"
    assert {kernel for kernel, _ in failed} == {"after"}
    assert ("after", "init_on_alloc") in failed


def test_check_of_a_sound_tree_passes(command: Command, toy: Path) -> None:
    """With status 0."""
    done = command("kernel", "check", toy)
    assert (done.status, "FAIL" in done.out) == (0, False)


def test_a_report_shows_kernel_and_model(command: Command, toy: Path, patch: Path, tmp_path: Path) -> None:
    """Side by side by order, with what the kernels' own checkers said."""
    bench, check, page = (tmp_path / name for name in ("bench.json", "check.json", "page.html"))
    command("kernel", "bench", toy, "--patch", patch, *FEW[:-1], "--json", bench)
    command("kernel", "check", toy, "--json", check)
    assert command("report", bench, check, "-o", page).status == 0
    text = page.read_text()
    assert "The kernel itself: 7.3.4-toy" in text
    assert "The model in the same rounds" in text
    assert "lib/test_meminit.c passes" in text


def test_a_diff_takes_two_results(command: Command, toy: Path, patch: Path, tmp_path: Path) -> None:
    """By order: slower than it was is status 1; other arguments of the kernel cannot be compared."""
    slower = tmp_path / "slower.patch"
    slower.write_text(toy_tree.patch_of("NS = 200; SKIPS = False; REPORT = False"))
    for name, file, boot in (("old", patch, ""), ("new", slower, ""), ("free", patch, "init_on_free=1")):
        arguments = ("--patch", file, "--boot", boot, *FEW, "--json", tmp_path / f"{name}.json")
        assert command("kernel", "bench", toy, *arguments).status == 0
    done = command("diff", tmp_path / "old.json", tmp_path / "new.json")
    assert (done.status, "worse" in done.out) == (1, True)
    assert command("diff", tmp_path / "old.json", tmp_path / "old.json").status == 0
    assert "boot was" in command("diff", tmp_path / "old.json", tmp_path / "free.json").line


def test_a_diff_takes_two_checks(command: Command, toy: Path, tmp_path: Path) -> None:
    """A question that passed and fails now is worse."""
    assert command("kernel", "check", toy, "--json", tmp_path / "old.json").status == 0
    text = toy_tree.PAGE_ALLOC.replace("SKIPS = False", "SKIPS = True")
    (toy / "mm" / "page_alloc.c").write_text(text)
    assert command("kernel", "check", toy, "--json", tmp_path / "new.json").status == 1
    assert command("diff", tmp_path / "old.json", tmp_path / "new.json").status == 1


def test_builds_are_listed_and_cleaned(command: Command, toy: Path, patch: Path) -> None:
    """Each kernel is listed with its tree and patches."""
    command("kernel", "bench", toy, "--patch", patch, *FEW)
    listed = command("kernel", "builds").out
    assert "as it stands" in listed
    assert "mm/page_alloc.c" in listed
    assert "removed" in command("kernel", "builds", "--clean").out
    assert "as it stands" not in command("kernel", "builds").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--orders", "3-12"], "--orders 3-12 asked for"),
        (["--orders", "x"], "--orders x asked for"),
        (["--primitive", "nonsense"], "unknown primitive 'nonsense'"),
        (["-R"], "without a patch to take back"),
        (["--config", "/nonexistent"], "--config /nonexistent asked for"),
        (["--patch", "/nonexistent"], "/nonexistent asked for as a patch"),
        (["--model", "nonsense"], "unknown strategy 'nonsense'"),
        (["--model", "batched,per_page"], "name one strategy for each of before"),
        (["--cpu", "4096"], "--cpu 4096 is not among"),
        (["--memory", "2M"], "a block of order 10 is 4M"),
        (["--memory", "64T"], "the host has"),
    ],
)
def test_what_cannot_be_is_one_line(command: Command, toy: Path, arguments: list[str], said: str) -> None:
    """And status 2, before anything is booted."""
    done = command("kernel", "bench", toy, *arguments)
    assert done.status == 2
    assert said in done.line


def test_a_patch_that_does_not_apply_is_one_line(command: Command, toy: Path, tmp_path: Path) -> None:
    """With the hunk, the file and the patch."""
    file = tmp_path / "other.patch"
    file.write_text(toy_tree.FASTER.replace("NS = 100", "NS = 7"))
    done = command("kernel", "bench", toy, "--patch", file, *FEW)
    assert done.status == 2
    assert f"{file} does not apply: hunk 1 of mm/page_alloc.c" in done.line


def test_a_kernel_that_panics_is_status_one(command: Command, toy: Path) -> None:
    """With its last lines."""
    done = command("kernel", "bench", toy, *FEW, "--boot", "panic")
    assert done.status == 1
    assert 'the kernel "before" broke down:\n  Kernel panic' in done.err


def test_a_patch_of_another_architecture_is_told(command: Command, toy: Path, tmp_path: Path) -> None:
    """What it changes is not in a User-Mode Linux."""
    (toy / "arch" / "x86" / "lib").mkdir(parents=True)
    (toy / "arch" / "x86" / "lib" / "clear.S").write_text("old\n")
    file = tmp_path / "x86.patch"
    file.write_text("--- a/arch/x86/lib/clear.S\n+++ b/arch/x86/lib/clear.S\n@@ -1 +1 @@\n-old\n+new\n")
    done = command("kernel", "bench", toy, "--patch", file, *FEW)
    assert "is built without arch/x86/lib/clear.S" in " ".join(done.out.split())


def test_an_interrupt_leaves_nothing_running(toy: Path) -> None:
    """Ctrl-C while a kernel hangs ends it, with status 130."""
    process = program("kernel", "bench", toy, *FEW, "--boot", "hang")
    folder = Path(toy).parent / "tmp"
    deadline = time.monotonic() + 30
    while not list(folder.glob("clearfw-guest-*/status")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    done = finished(process)
    assert done.status == 130
    assert not list(folder.glob("clearfw-guest-*"))
