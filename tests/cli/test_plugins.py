"""Plugins and the command line: listed, blocked, broken, and brought from a directory."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from support.commands import KERNEL_STYLE, SMALL, Command

from clearfw import registry

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_plugins_lists_what_is_installed(command: Command) -> None:
    """Names, versions, hooks and strategies, and all of it as JSON."""
    done = command("plugins")
    document = command("plugins", "--json", "-").json

    assert done.status == 0
    assert re.search(r"^per_page +\S+ +active +strategies +per_page", done.out, re.MULTILINE)
    assert document["schema"] == "clearfw.plugins/1"
    assert document["workloads"] == ["churn", "hugetlb", "lists", "orders", "vmalloc"]
    assert {"batched", "per_page"} <= set(document["strategies"])
    (batched,) = (one for one in document["plugins"] if one["name"] == "batched")
    assert (batched["status"], batched["strategies"]) == ("active", ["batched"])


def test_a_plugin_that_fails_is_listed_and_the_others_work(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command lists a broken plugin, the other prints one line about it."""
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    listed = command("plugins", "--plugins-dir", tmp_path)
    timed = command(*SMALL, "batched", "--plugins-dir", tmp_path)

    assert listed.status == timed.status == 0
    assert re.search(r"^broken +\S+broken\.py +failed", listed.out.replace("\n", " "), re.MULTILINE) or (
        "broken failed: ModuleNotFoundError" in listed.out
    )
    assert timed.err.startswith("clearfw: plugin broken (")
    assert "No module named 'no_such_module'" in timed.err


def test_a_blocked_plugin_is_listed_as_such(command: Command) -> None:
    """And brings nothing."""
    document = command("plugins", "-p", "no:batched", "--json", "-").json

    (batched,) = (one for one in document["plugins"] if one["name"] == "batched")
    assert (batched["status"], batched["reason"]) == ("blocked", "-p no:batched")
    assert "batched" not in document["strategies"]


def test_garbage_in_the_environment_is_listed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each entry with what is wrong about it."""
    monkeypatch.setenv("CLEARFW_PLUGINS", "garbage,/no/such.c,,:,[/bold]")
    registry.default.cache_clear()
    try:
        done = command("plugins")
    finally:
        registry.default.cache_clear()

    assert done.status == 0
    for reason in ("garbage failed: ModuleNotFoundError", "such failed: no strategy file", "[/bold] failed:"):
        assert reason in done.out


def test_a_plugins_dir_brings_strategies(command: Command, tmp_path: Path) -> None:
    """C files and Python files, by name from then on."""
    (tmp_path / "pasted.c").write_text(KERNEL_STYLE)
    done = command(*SMALL, "pasted", "--plugins-dir", tmp_path)

    assert done.status == 0
    assert re.search(r"^pasted +stosb", done.out, re.MULTILINE)


def test_a_workload_that_is_not_one_is_told_what_it_lacks(command: Command, tmp_path: Path) -> None:
    """A plugin's own, with a name and no more."""
    (tmp_path / "mine.py").write_text(
        "from types import SimpleNamespace\nfrom clearfw import hookimpl\n"
        "@hookimpl\ndef clearfw_workloads():\n    return [SimpleNamespace(name='busy', point='alloc')]\n"
    )
    done = command(*SMALL, "--workload", "busy", "--plugins-dir", tmp_path)

    assert done.status == 2
    assert "workload busy has no scenes, supports, open: see the protocol" in done.line


def test_a_forgotten_decorator_is_warned_of_in_one_line(command: Command, tmp_path: Path) -> None:
    """The commonest slip of a plugin author."""
    (tmp_path / "mine.py").write_text("def clearfw_strategies():\n    return []\n")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        done = command("plugins", "--plugins-dir", tmp_path)

    assert done.err.startswith("clearfw: warning: clearfw_strategies in plugin 'mine' is not marked")
    assert done.err.count("\n") == 1
