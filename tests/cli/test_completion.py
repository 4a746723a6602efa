"""Completion: every command completes what it takes, and three shells do as they are told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

import click
import pytest
from click.shell_completion import ShellComplete

from clearfw import registry
from clearfw.checks import conformance
from clearfw.cli import group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.commands import Command

# What only its user can think of.
FREE = {("new", "name"), ("record", "command")}


def completed(*arguments: str) -> list[str]:
    """Return what stands to choose from for the last of ARGUMENTS."""
    *before, incomplete = arguments
    found = ShellComplete(group.cli, {}, "clearfw", "_CLEARFW_COMPLETE").get_completions(before, incomplete)
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


def parameters() -> Iterator[tuple[str, click.Parameter]]:
    """Yield every parameter of every command that takes a value."""
    for name, one in group.cli.commands.items():
        for parameter in one.params:
            if not getattr(parameter, "is_flag", False) and not getattr(parameter, "flag_value", None):
                yield name, parameter


@pytest.mark.parametrize(("name", "parameter"), list(parameters()), ids=str)
def test_every_value_is_completed_or_is_a_number(name: str, parameter: click.Parameter) -> None:
    """Names by a function of cli/names.py or by click, files by the shell; sizes and numbers are typed."""
    takes = parameter.type
    numbers = isinstance(takes, click.types.IntParamType | click.types.FloatParamType)
    size = isinstance(takes, click.types.FuncParamType) and takes.name == "size"
    by_click = isinstance(takes, click.Choice | click.Path | click.File)

    assert (
        numbers
        or size
        or by_click
        or parameter._custom_shell_complete is not None
        or (name, parameter.name) in FREE
    )


def test_commands_and_options_are_completed() -> None:
    """All that begin so."""
    assert set(completed("")) == set(group.cli.commands)
    assert completed("plug") == ["plugins"]
    assert completed("bench", "--init") == ["--init-on-alloc", "--init-on-free"]


def test_names_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of strategies, alone and in a stack, of workloads, primitives, checks and plugins."""
    monkeypatch.chdir(tmp_path)
    known = registry.default()

    assert completed("bench", "") == list(known.strategies)
    assert completed("check", "bat") == ["batched"]
    assert completed("bench", "batched+highmem") == ["batched+highmem_fallback"]
    assert completed("bench", "--workload", "") == list(known.workloads)
    assert {"kernel", "best", "memset", *known.primitives} <= set(completed("bench", "--primitive", ""))
    assert completed("check", "--only", "") == list(conformance.checks())
    assert completed("plugins", "-p", "no:per") == ["no:per_page"]
    assert completed("bench", "--kasan", "g") == ["generic"]
    assert completed("completion", "f") == ["fish"]


def test_files_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy's beside the names; what lies elsewhere, and where JSON goes, is for the shell."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine.c", "mine.py", "mine.h"):
        (tmp_path / name).touch()

    assert completed("bench", "m") == ["mine.c", "mine.py"]
    assert completed("bench", "batched+mine.") == ["batched+mine.c", "batched+mine.py"]
    assert completed("bench", "src/") == ["<file>"]
    assert completed("bench", "--json", "") == ["<file>"]
    assert completed("bench", "--plugins-dir", "") == ["<dir>"]


def test_nothing_heavy_is_imported() -> None:
    """Whoever presses a key waits for it; and a plugin that is odd says nothing meanwhile."""
    code = (
        "import sys; from clearfw.cli import group, names; names.strategies(None, None, '');"
        "names.checks(None, None, ''); names.primitives(None, None, ''); "
        "print([one for one in ('numpy', 'rich', 'clearfw.bench.measurement') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_plugin_that_is_odd_or_broken_does_not_disturb(tmp_path: Path) -> None:
    """Its warning would stand in the middle of a command."""
    (tmp_path / "odd.py").write_text("def clearfw_strategies():\n    return []\n")
    own = {
        "CLEARFW_PLUGINS": f"{tmp_path}/odd.py,no_such_module",
        "COMP_WORDS": "clearfw bench bat",
        "COMP_CWORD": "2",
        "_CLEARFW_COMPLETE": "bash_complete",
    }
    code = "from clearfw.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | own, capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("plain,batched\n", "")


PRESSED = {
    "bash": """
source "$1"
COMP_WORDS=(clearfw check --only kasan_gen) COMP_CWORD=3
_clearfw_completion clearfw
echo "${COMPREPLY[@]}"
""",
    "fish": "source $argv[1]; complete -C 'clearfw check --only kasan_gen'",
    "zsh": """
autoload -U compinit && compinit -D
source "$1"
_describe() { print -r -- ${completions_with_descriptions:-$completions} }
words=(clearfw check --only kasan_gen) CURRENT=4
_clearfw_completion
""",
}


@pytest.mark.parametrize("shell", PRESSED)
def test_a_shell_that_is_given_the_script_completes(command: Command, shell: str, tmp_path: Path) -> None:
    """The script is printed, the shell reads it, and the tab key does the rest."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    script, pressed = tmp_path / "script", tmp_path / "pressed"
    script.write_text(command("completion", shell).out)
    pressed.write_text(PRESSED[shell])
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(tmp_path)}
    done = subprocess.run(
        [program, pressed, script], env=os.environ | own, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "kasan_generic_quiet" in done.stdout


def test_a_shell_that_is_not_known_is_refused(command: Command) -> None:
    """With those that are."""
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in command("completion", "tcsh").line
