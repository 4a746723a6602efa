"""What a result was measured with."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from typing import TYPE_CHECKING

from clearfw import registry
from clearfw.results import environment
from clearfw.strategies import NativeStrategy, PythonStrategy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_it_says_all_that_measuring_again_needs() -> None:
    """Versions, the processor, where the process may run, the compiler, and what was installed."""
    described = environment.describe(registry.default(), registry.default().strategies.values())

    assert described["kernel"] == platform.release()
    assert described["cpus_allowed"] == sorted(os.sched_getaffinity(0))
    assert described["host_page_size"] == os.sysconf("SC_PAGE_SIZE")
    assert "-O2" in described["flags"]
    assert described["plugins"]["per_page"] == described["clearfw"]
    assert set(described) >= {"clearfw", "commit", "python", "machine", "cpu", "compiler"}
    assert json.loads(json.dumps(described)) == described


def test_a_source_is_known_by_its_content(c_strategy: Callable[..., NativeStrategy]) -> None:
    """Whoever changes a byte of it has another one; a strategy from nowhere has none."""

    def sources() -> dict[str, str]:
        mine = c_strategy("mine", "", ".init_on_alloc = 0")
        mine.source.write_text(mine.source.read_text() + comment)
        nowhere = PythonStrategy("nowhere", 3, "")
        described = environment.describe(registry.default(), [mine, nowhere])["sources"]
        assert isinstance(described, dict)
        return described

    comment = ""
    before = sources()
    comment = "/* another */"

    assert list(before) == ["mine"]
    assert re.fullmatch(r"[0-9a-f]{12}", before["mine"])
    assert sources() != before


def test_without_a_compiler_there_is_still_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prebuilt strategies need none."""
    monkeypatch.setenv("CC", "no-such-compiler")

    assert environment.describe(registry.default(), [])["compiler"] is None


def test_the_commit_is_that_of_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a mark once something in it was changed, and none outside of a checkout or without git."""
    module = tmp_path / "clearfw" / "results" / "environment.py"
    module.parent.mkdir(parents=True)
    module.write_text("before")
    monkeypatch.setattr(environment, "__file__", str(module))
    assert environment.commit() is None

    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@x"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1"]):
        subprocess.run([*git, *arguments], check=True)
    clean = environment.commit()
    module.write_text("after")

    assert clean is not None
    assert re.fullmatch(r"[0-9a-f]{7,}", clean)
    assert environment.commit() == f"{clean}-dirty"

    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.commit() is None
