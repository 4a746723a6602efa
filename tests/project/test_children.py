"""Programs that clearfw starts: none of them takes code from the current folder."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STARTERS = [
    path
    for folder in ("clearfw", "plugins", "benchmarks", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "sys.executable" in path.read_text()
]


def commands(path: Path) -> list[str]:
    """Return each list or tuple that begins with this Python, as source."""
    sequences = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.List | ast.Tuple)
    ]
    texts = (ast.unparse(node) for node in sequences if node.elts)
    return [text for text in texts if text[1:].startswith("sys.executable")]


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_is_started_without_the_current_folder(path: Path) -> None:
    """With -P, or -I: as root, a file there called like a module would run."""
    found = commands(path)

    assert [
        text for text in found if not text[1:].startswith(("sys.executable, '-P'", "sys.executable, '-I'"))
    ] == []


def test_a_planted_module_does_not_run(tmp_path: Path) -> None:
    """A clearfw.py in the current folder is not what `record --workload` starts."""
    from clearfw.cli.record import _workload

    for name in ("clearfw", "numpy", "scipy"):
        (tmp_path / f"{name}.py").write_text("print('planted')")

    done = subprocess.run(
        [*_workload("pagerank", 2), "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "planted" not in done.stdout + done.stderr
    assert _workload("pagerank", 2)[0] == sys.executable
