"""A plugin package as a stranger ships it, installed beside clearfw's wheel, away from the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from clearfw import conformance

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "tests" / "sample_plugin"


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Return what COMMAND printed; fails with all of it unless it ends well."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "CLEARFW"))}
    done = subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with both wheels, and this one's packages for dependencies."""
    directory = tmp_path_factory.mktemp("sample")
    tools = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        directory / "dist",
    ]
    run(*wheel, "-C", f"build-dir={directory / 'build'}", ROOT, cwd=directory, PATH=tools)
    run(*wheel, SAMPLE, cwd=directory, PATH=tools)
    run(sys.executable, "-m", "venv", directory / "venv", cwd=directory)
    interpreter = directory / "venv" / "bin" / "python"
    wheels = sorted((directory / "dist").glob("*.whl"))
    run(interpreter, "-m", "pip", "install", "-q", "--no-index", "--no-deps", *wheels, cwd=directory)
    (site,) = (directory / "venv" / "lib").glob("python3*/site-packages")
    # A directory named by a .pth file comes last, and no .pth file of its own is read: no editable clearfw.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return interpreter


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's tests, away from its source."""
    directory = tmp_path_factory.mktemp("project")
    shutil.copytree(SAMPLE / "tests", directory / "tests")
    shutil.copy(SAMPLE / "pyproject.toml", directory)
    return directory


def test_it_is_the_wheels_that_are_used(python: Path, project: Path) -> None:
    """Neither clearfw nor the plugin comes from the source tree."""
    where = "import clearfw, clearfw_sample; print(clearfw.__file__, clearfw_sample.__file__)"

    for path in run(python, "-c", where, cwd=project).split():
        assert Path(path).is_relative_to(python.parent.parent)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_each_check_is_reported_by_name(python: Path, project: Path, options: tuple[str, ...]) -> None:
    """Every conformance check and every test of the plugin's own passes, or says why it was not asked."""
    command = [python, "-m", "pytest", "-v", "-rA", "-p", "no:cacheprovider", *options]
    printed = run(*command, cwd=project, CLEARFW_CACHE_DIR=str(project / "cache"))

    for name in conformance.checks():
        assert f"::TestPairs::test_{name}" in printed
    assert "PASSED tests/test_pairs.py::test_lowmem_is_cleared_two_pages_a_call" in printed
    assert "PASSED tests/test_pairs.py::test_highmem_is_mapped_page_by_page" in printed
    assert "failed" not in printed
