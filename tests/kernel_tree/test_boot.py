"""Boots and rounds of them, on a toy whose kernel is a script."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import toy_tree

from clearfw.errors import KernelBootError, KernelTreeError
from clearfw.kernel_tree import boot as booting
from clearfw.kernel_tree.bench import Plan, Session
from clearfw.kernel_tree.boot import Job, boot
from clearfw.kernel_tree.build import Recipe, Variant, build
from clearfw.kernel_tree.check import AS_BEFORE, FAIL, PASS, QUESTIONS, check

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.kernel_tree.store import Build, Store
    from clearfw.kernel_tree.tree import Tree

JOB = Job("bench", (0, 3), 1 << 20)


def toy_kernel(tree: Tree, store: Store, guest: str = "NS = 100; SKIPS = False; REPORT = False") -> Build:
    """Return the toy's kernel, which does what GUEST says."""
    text = toy_tree.PAGE_ALLOC.replace("NS = 100; SKIPS = False; REPORT = False", guest)
    variant = Variant("it", {"mm/page_alloc.c": text.encode()})
    return build(tree, variant, Recipe("stosb"), store, lambda _: None)


def plan_of(builds: dict[str, Build], arguments: tuple[str, ...] = (), rounds: int = 6) -> Plan:
    """Return a plan of two orders."""
    return Plan(
        builds=builds,
        arguments=arguments,
        orders=(0, 3),
        working_set=1 << 20,
        rounds=rounds,
        hot=False,
        seed=1,
        timeout_s=20,
    )


def left_behind() -> list[Path]:
    """Return what of a guest is still in the folder of temporary files."""
    return list(Path(os.environ["TMPDIR"]).iterdir())


def test_a_boot_gives_what_the_guest_printed(tree: Tree, store: Store) -> None:
    """Each result by its kind, and nothing stays."""
    booted = boot(toy_kernel(tree, store), "before", JOB, ["init_on_alloc=1"], 20)
    assert [line.facts["order"] for line in booted.of("sample")] == [0, 3]
    assert booted.of("memory")[0].facts == {"bytes": 1 << 20, "huge_bytes": 1 << 19}
    assert "Linux version toy" in booted.lines
    assert not left_behind()


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("panic", r'"after" broke down:\n  Kernel panic - not syncing: asked for$'),
        ("modversions", r'"after" did not load clearfw\'s module \(Exec format error\)'),
    ],
)
def test_a_kernel_that_does_not_do_it_is_told_by_its_lines(
    tree: Tree, store: Store, argument: str, said: str
) -> None:
    """What went wrong, of which kernel, and its own words."""
    with pytest.raises(KernelBootError, match=said):
        boot(toy_kernel(tree, store), "after", JOB, [argument], 20)
    assert not left_behind()


def test_a_kernel_that_hangs_is_ended_with_all_its_processes(tree: Tree, store: Store) -> None:
    """Within the time that was given."""
    build_ = toy_kernel(tree, store)
    with pytest.raises(KernelBootError, match="did not end within 1 s"):
        boot(build_, "after", JOB, ["hang"], 1)
    assert str(build_.linux) not in _running()
    assert not left_behind()


def test_a_guest_dies_with_whoever_booted_it(tree: Tree, store: Store) -> None:
    """kill -9 of clearfw leaves no kernel running."""
    folder = toy_kernel(tree, store).folder
    code = (
        "import sys; from pathlib import Path; from clearfw.kernel_tree.boot import *; "
        "from clearfw.kernel_tree.store import Build; print(flush=True); "
        "boot(Build(Path(sys.argv[1]), {}), 'before', Job('bench', (0,), 1 << 20), ['hang'], 60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        guest = f"{folder}/linux"
        _wait(lambda: guest in _running(), "the guest to run")
        parent.kill()
    _wait(lambda: guest not in _running(), "the guest to end")


def _running() -> str:
    return subprocess.run(
        [shutil.which("ps") or "ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True
    ).stdout


def _wait(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_what_a_killed_run_left_goes_with_the_next(tree: Tree, store: Store) -> None:
    """But not what belongs to one that is alive."""
    folder = Path(os.environ["TMPDIR"])
    dead, alive = (folder / f"clearfw-guest-{pid}-x" for pid in (4194303, os.getppid()))
    for one in (dead, alive):
        one.mkdir()
    boot(toy_kernel(tree, store), "before", JOB, [], 20)
    assert left_behind() == [alive]


def test_memory_that_is_nowhere_is_told() -> None:
    """With what to ask instead."""
    with pytest.raises(KernelTreeError, match="finds no room in"):
        booting.memory_folder(1 << 60)


def test_a_ratio_is_time_before_over_time_after(tree: Tree, store: Store) -> None:
    """Of every order, and with the noise of before against itself."""
    builds = {
        "before": toy_kernel(tree, store),
        "after": toy_kernel(tree, store, "NS = 50; SKIPS = False; REPORT = False"),
    }
    run = Session(plan_of(builds), None, lambda *_: None).run()
    assert [(row.order, row.ratio and row.ratio.ratio) for row in run.rows] == [(0, 2.0), (3, 2.0)]
    assert [row.noise and row.noise.ratio for row in run.rows] == [1.0, 1.0]
    assert [row.shapes["before"].ns.median for row in run.rows] == [100.0, 800.0]
    assert [row.alone_ns for row in run.rows] == [{"before": 30.0, "after": 30.0}] * 2
    assert run.rows[0].shapes["after"].gbps == pytest.approx(4096 / 50)
    assert (run.rounds, run.huge_nbytes, run.dirty) == (6, 1 << 19, {})


def test_under_init_on_free_frees_are_timed(tree: Tree, store: Store) -> None:
    """For that is where blocks are cleared then."""
    run = Session(
        plan_of({"before": toy_kernel(tree, store)}, ("init_on_free=1",)), None, lambda *_: None
    ).run()
    assert [row.shapes["before"].ns.median for row in run.rows] == [200.0, 1600.0]
    assert run.rows[0].ratio is None


def test_a_kernel_that_leaves_blocks_dirty_is_told(tree: Tree, store: Store) -> None:
    """Its times would be those of no clear."""
    builds = {"before": toy_kernel(tree, store, "NS = 1; SKIPS = True; REPORT = False")}
    run = Session(plan_of(builds, rounds=2), None, lambda *_: None).run()
    assert run.dirty == {"before": 2 * (256 + 32)}


def test_the_seed_decides_the_order_of_boots(tree: Tree, store: Store) -> None:
    """The same seed boots in the same order, and not always before first."""
    builds = {
        "before": toy_kernel(tree, store),
        "after": toy_kernel(tree, store, "NS = 50; SKIPS = False; REPORT = False"),
    }
    orders = []
    for _ in range(2):
        told: list[str] = []
        Session(plan_of(builds), None, lambda _, __, label, told=told: told.append(label)).run()
        orders.append(told)
    assert orders[0] == orders[1]
    assert len(orders[0]) == plan_of(builds).boots == 2 * (6 + 3)
    assert orders[0] != sorted(orders[0], reverse=True)


def test_an_interrupt_keeps_whole_rounds(tree: Tree, store: Store) -> None:
    """What was measured in them is the result, and it says so."""
    builds = {"before": toy_kernel(tree, store), "after": toy_kernel(tree, store)}

    def progress(done: int, _: int, __: str) -> None:
        if done == 7:
            raise KeyboardInterrupt

    run = Session(plan_of(builds), None, progress).run()
    assert (run.rounds, run.interrupted) == (2, True)


def test_an_interrupt_before_the_first_round_is_one(tree: Tree, store: Store) -> None:
    """There is nothing to show."""

    def progress(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Session(plan_of({"before": toy_kernel(tree, store)}), None, progress).run()


def answers(tree: Tree, store: Store, guest: str) -> dict[str, str]:
    """Return the answers of a kernel that does what GUEST says."""
    return {
        one.name: one.status for one in check({"it": toy_kernel(tree, store, guest)}, (), 20, lambda _: None)
    }


def test_a_sound_kernel_passes(tree: Tree, store: Store) -> None:
    """Every question, test_meminit, and no report."""
    found = answers(tree, store, "NS = 1; SKIPS = False; REPORT = False")
    assert found.keys() == {one.name for one in QUESTIONS} | {"test_meminit", "no_reports"}
    assert set(found.values()) == {PASS}


def test_a_kernel_that_clears_nothing_fails_but_for_the_control(tree: Tree, store: Store) -> None:
    """The control wants memory dirty; the others do not."""
    found = answers(tree, store, "NS = 1; SKIPS = True; REPORT = False")
    assert {name for name, status in found.items() if status == PASS} == {
        "control",
        "test_meminit",
        "no_reports",
    }


def test_a_kernel_that_clears_always_fails_the_control(tree: Tree, store: Store) -> None:
    """Where dirty memory cannot be seen, zeros prove nothing."""
    text = toy_tree.GUEST.replace("if not clears or SKIPS", "if False")
    variant = Variant("it", {"scripts/guest.py": text.encode()})
    build_ = build(tree, variant, Recipe("stosb"), store, lambda _: None)
    found = {one.name: one.status for one in check({"it": build_}, (), 20, lambda _: None)}
    assert [name for name, status in found.items() if status != PASS] == ["control"]


def test_a_report_fails_with_the_kernels_own_lines(tree: Tree, store: Store) -> None:
    """Whatever the contents are."""
    build_ = toy_kernel(tree, store, "NS = 1; SKIPS = False; REPORT = True")
    found = {one.name: one for one in check({"it": build_}, (), 20, lambda _: None)}
    assert found["no_reports"].status == FAIL
    assert found["no_reports"].evidence[0] == "booted with init_on_alloc=1 init_on_free=0:"
    assert found["no_reports"].evidence[1] == "BUG: KASAN: use-after-free in post_alloc_hook"


def test_a_report_that_was_there_before_is_not_the_patchs(tree: Tree, store: Store) -> None:
    """It fails the tree as it stands, and is told of the other as before."""
    old = toy_kernel(tree, store, "NS = 1; SKIPS = False; REPORT = True")
    new = toy_kernel(tree, store, "NS = 2; SKIPS = False; REPORT = True")
    found = list(check({"before": old, "after": new}, (), 20, lambda _: None))
    assert [(one.kernel, one.status) for one in found if one.name == "no_reports"] == [
        ("before", FAIL),
        ("after", AS_BEFORE),
    ]


def test_a_kernel_that_panics_fails_each_question_with_its_lines(tree: Tree, store: Store) -> None:
    """And the other kernels are still asked."""
    found = list(check({"it": toy_kernel(tree, store)}, ("panic",), 20, lambda _: None))
    assert {one.status for one in found if one.name in {q.name for q in QUESTIONS}} == {FAIL}
    assert "Kernel panic" in " ".join(found[0].evidence)
    assert found[-1].status == FAIL, "a panic is a report"
