"""What `clearfw new` writes: a package that a stranger may ship as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clearfw.checks import conformance
from clearfw.errors import PackageError
from clearfw.scaffold import package

if TYPE_CHECKING:
    from support.commands import Command

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
PIP = ("-m", "pip", "-q", "--disable-pip-version-check")
LONGEST = "-".join(["abcdefghi"] * 4)


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Return what COMMAND printed; fails with all of it unless it ends well."""
    dropped = ("PYTEST", "CLEARFW_PLUGINS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    done = subprocess.run(
        command, cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a fresh environment with clearfw's wheel, and this one's packages for dependencies."""
    directory = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", directory / "venv", cwd=directory)
    python = directory / "venv" / "bin" / "python"
    run(python, *PIP, "install", "--no-index", "--no-deps", wheel, cwd=directory)
    (site,) = (directory / "venv" / "lib").glob("python3*/site-packages")
    # A directory named by a .pth file comes last, and no .pth file of its own is read: no editable clearfw.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


@pytest.fixture(scope="module")
def project(scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that the installed clearfw wrote, installed there; its source is away from it."""
    directory = tmp_path_factory.mktemp("project")
    run(scripts / "clearfw", "new", "two-pass", cwd=directory)
    project = directory / "clearfw-two-pass"
    install = ("install", "--no-index", "--no-deps", "--no-build-isolation")
    run(scripts / "python", *PIP, *install, project, cwd=directory)
    shutil.move(project / "clearfw_two_pass", directory / "source")
    return project


def test_it_is_the_installed_packages_that_are_used(scripts: Path, project: Path) -> None:
    """Neither clearfw nor the plugin comes from a source tree."""
    where = "import clearfw, clearfw_two_pass; print(clearfw.__file__, clearfw_two_pass.__file__)"

    for path in run(scripts / "python", "-c", where, cwd=project).split():
        assert Path(path).is_relative_to(scripts.parent)


def test_every_check_is_reported_by_name(scripts: Path, project: Path) -> None:
    """Every check passes or says why it was skipped, for both strategies, and so do the own tests."""
    command = (scripts / "python", "-m", "pytest", "-v", "-p", "no:cacheprovider", "-n", "2")
    printed = run(*command, cwd=project)

    for name in conformance.checks():
        assert f"::TestInC::test_{name}" in printed
        assert f"::TestPrototype::test_{name}" in printed
    assert "PASSED tests/test_two_pass.py::test_lowmem_is_cleared_in_one_call" in printed
    assert "PASSED tests/test_two_pass.py::test_highmem_is_mapped_page_by_page" in printed
    assert "failed" not in printed


def test_it_is_listed_checked_and_timed_by_name(scripts: Path, project: Path) -> None:
    """Its version, hooks and status; the checks; and a row of its own."""
    clearfw = scripts / "clearfw"
    listed = run(clearfw, "plugins", cwd=project, COLUMNS="120")
    checked = run(clearfw, "check", "two_pass", "--only", "zero_on_alloc", cwd=project)
    small = ("--memory", "16M", "--rounds", "2", "--primitive", "kernel")
    timed = run(clearfw, "bench", "two_pass", *small, cwd=project)

    assert "two_pass 0.1.0 active strategies two_pass two_pass_prototype" in " ".join(listed.split())
    assert "all passed" in checked
    assert "two_pass  " in timed


def test_its_benchmarks_run(scripts: Path, project: Path) -> None:
    """Each once, under airspeed velocity."""
    git = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@localhost")
    run(*git, "init", "-q", cwd=project)
    run(*git, "add", ".", cwd=project)
    run(*git, "commit", "-q", "-m", "New", cwd=project)
    asv = (scripts / "python", "-m", "asv")
    run(*asv, "machine", "--yes", cwd=project, HOME=str(project))
    quickly = ("--python=same", "--quick", "--dry-run", "--show-stderr")
    printed = run(*asv, "run", *quickly, cwd=project, HOME=str(project))

    assert "failed" not in printed
    assert "blocks.Block.track_clear_calls" in printed


@pytest.mark.parametrize("name", ["a", LONGEST])
def test_it_is_linted_formatted_and_typed(tmp_path: Path, name: str) -> None:
    """By the tools that its CI file runs, however long its name."""
    project = tmp_path / f"clearfw-{name}"
    package.write(package.names(name, ()), project)

    run(SCRIPTS / "ruff", "check", "--no-cache", cwd=project)
    run(SCRIPTS / "ruff", "format", "--check", "--no-cache", cwd=project)
    run(SCRIPTS / "mypy", cwd=project)


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    """Neither in a path nor in a file, but for what GitHub fills in."""
    for path, text in package.files(package.names("mine", ())).items():
        assert "$" not in text.replace("${{ matrix.python }}", "")
        assert str(path) == str(path).replace("PACKAGE", "").replace("STRATEGY", "")


def test_a_name_becomes_the_names_of_all_parts() -> None:
    """As pip, Python and clearfw want them; "clearfw-" may stand before it."""
    found = package.names("clearfw-two-pass", ())

    assert found == package.names("two_pass", ())
    assert (found.distribution, found.package) == ("clearfw-two-pass", "clearfw_two_pass")
    assert found.strategies == ("two_pass", "two_pass_prototype")

    project = tomllib.loads(package.files(found)[Path("pyproject.toml")])["project"]
    assert project["name"] == "clearfw-two-pass"
    assert project["entry-points"] == {"clearfw": {"two_pass": "clearfw_two_pass"}}


@pytest.mark.parametrize(
    "name", ["", "-", "clearfw-", "Mine", "9lives", "a b", "a--b", "a-", "../mine", "größe", "a\n", "a" * 41]
)
def test_what_can_be_no_name_is_refused(name: str) -> None:
    """Whatever pip, Python or a stack would choke on."""
    with pytest.raises(PackageError, match="cannot name a package: use a letter first"):
        package.names(name, ())


def test_a_name_that_is_taken_is_refused() -> None:
    """By a strategy, by a prototype's strategy, or by a package."""
    with pytest.raises(PackageError, match="'batched' is installed already: choose another name"):
        package.names("batched", ["batched"])
    with pytest.raises(PackageError, match="'mine_prototype' is installed already"):
        package.names("mine", ["mine_prototype"])
    with pytest.raises(PackageError, match="a package clearfw_plugins is installed already"):
        package.names("plugins", ())


def test_nothing_that_exists_is_written_over(tmp_path: Path) -> None:
    """Not even an empty directory; and a directory that cannot be made is told."""
    names = package.names("mine", ())

    with pytest.raises(PackageError, match="exists already: remove it, or choose another name"):
        package.write(names, tmp_path)
    with pytest.raises(PackageError, match=r"cannot be created \(No such file or directory\): go to a"):
        package.write(names, tmp_path / "no" / "such")
    assert list(tmp_path.iterdir()) == []


def test_what_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full disk."""
    write_text = Path.write_text

    def fail_late(path: Path, text: str) -> int:
        if path.name == "README.md":
            raise OSError(28, "No space left on device")
        return write_text(path, text)

    monkeypatch.setattr(Path, "write_text", fail_late)

    with pytest.raises(OSError, match="No space left"):
        package.write(package.names("mine", ()), tmp_path / "clearfw-mine")
    assert list(tmp_path.iterdir()) == []


def test_the_command_lists_what_it_wrote(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For people with what to do next, for machines as JSON; a second time it refuses."""
    monkeypatch.chdir(tmp_path)
    done = command("new", "mine")
    document = command("new", "other", "--json", "-").json

    assert done.status == 0
    assert "clearfw-mine/clearfw_mine/mine.c\n" in done.out
    assert "Now: cd clearfw-mine && pip install -e '.[dev]' && pytest && clearfw bench mine" in done.out
    assert document["schema"] == "clearfw.new/1"
    assert document["strategies"] == ["other", "other_prototype"]
    assert all((tmp_path / document["directory"] / path).is_file() for path in document["files"])
    assert command("new", "mine").line.startswith("clearfw-mine exists already")
