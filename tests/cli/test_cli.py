"""The command line as a whole: its help, and its manners as a process."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import PYTHON, SMALL, Command, finished, program, wait_for

import clearfw
from clearfw.cli import group


def test_no_command_is_answered_with_help(command: Command) -> None:
    """On standard output, as for --help, with every command."""
    done = command()

    assert (done.status, done.err) == (0, "")
    assert done.out == command("--help").out
    for name in group.cli.commands:
        assert re.search(rf"^  {name} ", done.out, re.MULTILINE)


@pytest.mark.parametrize("arguments", [[], *([name] for name in group.cli.commands)], ids=str)
def test_help_fits_and_is_whole(
    command: Command, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns nothing runs over and no summary is cut."""
    monkeypatch.setenv("COLUMNS", "80")
    done = command(*arguments, "--help")

    assert done.status == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert not re.search(r"(?<!\])\.\.\.", done.out)


def typed(name: str) -> list[str]:
    """Return the examples in the help of a command."""
    epilog = group.cli.commands[name].epilog or ""
    return [line.strip() for line in epilog.partition("Examples:")[2].splitlines() if "clearfw" in line]


@pytest.mark.parametrize("name", group.cli.commands)
def test_every_command_shows_an_example_that_parses(
    name: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of itself, with options that exist and files where it looks for them."""
    monkeypatch.chdir(tmp_path)
    examples = typed(name)

    assert examples
    for example in examples:
        (words,) = re.findall(rf"clearfw {name}\b([^|)]*)", example)
        arguments = shlex.split(words)
        for word in arguments:
            if re.fullmatch(r"[\w-]+\.\w+", word):
                Path(word).touch()
        with group.cli.commands[name].make_context(name, arguments):
            pass

        assert example in command(name, "--help").out


def test_every_option_has_help() -> None:
    """A newcomer gets no bare names."""
    for name, one in group.cli.commands.items():
        for parameter in one.params:
            if parameter.param_type_name == "option":
                assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_the_version_is_told(command: Command) -> None:
    """That of the distribution."""
    done = command("--version")

    assert re.fullmatch(r"clearfw, version \d+\.\d+\.\d+\S*\n", done.out)


def test_an_unknown_command_gets_the_nearest(command: Command) -> None:
    """In one line."""
    done = command("benhc")

    assert done.status == 2
    assert "No such command 'benhc'" in done.line


@pytest.mark.parametrize("columns", [40, 60, 80, 140, 200])
@pytest.mark.parametrize(
    "arguments",
    [
        (*SMALL, "--memory", "64M", "--highmem", "32M", "--backing", "thp"),
        (*SMALL, "--memory", "64M", "--workload", "vmalloc"),
        ("check", "batched", "--only", "kasan_generic_quiet"),
        ("plugins",),
    ],
    ids=["highmem", "vmalloc", "check", "plugins"],
)
def test_no_table_cuts_a_number(
    command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], columns: int
) -> None:
    """Nor runs over, on a narrow terminal as on a wide one."""
    monkeypatch.setenv("COLUMNS", str(columns))
    done = command(*arguments)

    assert done.status == 0
    assert "…" not in done.out
    assert max(map(len, done.out.splitlines())) <= columns


COLOUR = re.compile(r"\x1b\[(?:\d+;)*[349]\d(?:;\d+)*m")


@pytest.mark.parametrize(
    ("environment", "colours"),
    [({}, 0), ({"FORCE_COLOR": "1"}, 1), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, 0)],
    ids=["no terminal", "FORCE_COLOR", "NO_COLOR"],
)
def test_colours_are_for_terminals_or_asked_for(
    command: Command, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], colours: int
) -> None:
    """And nothing moves about in what is no terminal."""
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    done = command("check", "per_page", "--only", "zero_on_alloc")

    assert len(COLOUR.findall(done.out)) == colours
    assert environment or "\x1b" not in done.out
    assert "\x1b[?25l" not in done.out  # a progress bar hides the cursor
    assert "\r" not in done.out


def test_a_terminal_has_colours_and_a_progress_bar() -> None:
    """The same command on a terminal of its own."""
    ours, theirs = pty.openpty()
    arguments = ("check", "per_page", "--only", "zero_on_alloc")
    code = "from clearfw.cli import main; main()"
    plain = {name: os.environ[name] for name in os.environ if name not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(command, stdout=theirs, env=plain | {"TERM": "xterm-256color"})
    os.close(theirs)
    printed = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while part := os.read(ours, 4096):
            printed += part
    os.close(ours)

    assert process.wait(30) == 0
    assert COLOUR.search(printed.decode())
    assert b"\x1b[?25l" in printed


def test_an_interrupt_prints_what_was_measured(tmp_path: Path) -> None:
    """Whole rounds of it, in the table and in the JSON; the status is that of an interrupt."""
    marker, path, saved = tmp_path / "marker", tmp_path / "mine.py", tmp_path / "run.json"
    count = f"self.n = getattr(self, 'n', 0) + 1; self.n == 60 and open({str(marker)!r}, 'w').close()"
    path.write_text(PYTHON.format(body=count))
    process = program(*SMALL, path, "--rounds", "1000000", "--json", saved)
    wait_for(marker)
    process.send_signal(signal.SIGINT)
    done = finished(process)

    document = json.loads(saved.read_text())
    rounds = document["scenes"][0]["rounds"]
    assert done.status == 130
    assert f"interrupted after {rounds} complete rounds" in done.out.replace("\n", " ")
    assert document["scenes"][0]["interrupted"]
    assert {one["rounds"] + one["rounds_thrown_out"] for one in document["results"]} == {rounds}


def test_an_interrupt_before_anything_was_measured_says_so(tmp_path: Path) -> None:
    """And leaves no child behind that holds on to the output."""
    marker, path = tmp_path / "marker", tmp_path / "mine.py"
    path.write_text(PYTHON.format(body=f"open({str(marker)!r}, 'w').close()\n        while True: pass"))
    process = program(*SMALL, path)
    wait_for(marker)
    process.send_signal(signal.SIGINT)
    done = finished(process)

    assert (done.status, done.out) == (130, "")
    assert done.err.strip() == "clearfw: interrupted before anything was measured"


@pytest.mark.parametrize(
    "arguments", [["plugins"], ["plugins", "--json", "-"], [*SMALL, "per_page"]], ids=str
)
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str]) -> None:
    """As in `| head -1`: it ends as other tools do, without a word."""
    process = program(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (-signal.SIGPIPE, "")


def test_a_limited_address_space_is_a_clear_error() -> None:
    """RLIMIT_AS is too small for the requested memory."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (600 << 20, resource.RLIM_INFINITY))"
    done = finished(program(*SMALL, "--memory", "1G", before=limited))

    assert done.status == 2
    assert "memory=1G is too much, RLIMIT_AS is 600M: raise it" in done.line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_needs_no_privilege_and_no_home() -> None:
    """A user who cannot write the cache gets a warning that each run compiles again."""
    closed = [path for path in Path(clearfw.__file__).parents if not path.stat().st_mode & stat.S_IXOTH]
    if closed:
        pytest.skip(f"only its owner may enter {closed[-1]}, where clearfw is installed")
    # A first run imports what is imported late: the interpreter itself may be for root alone.
    become = f"""
import contextlib, io, os
from clearfw.cli import group
with contextlib.redirect_stdout(io.StringIO()):
    group.run([*{SMALL}, "batched"])
os.environ["HOME"] = "/nonexistent"
del os.environ["CLEARFW_CACHE_DIR"]
try:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
except OSError:
    os._exit(77)
"""
    done = finished(program(*SMALL, "batched", before=become))
    if done.status == 77:
        pytest.skip("this root cannot become somebody else")

    assert done.status == 0
    assert re.search(r"^batched +stosb", done.out, re.MULTILINE)
    assert not done.err or "cannot use the cache" in done.err


@pytest.mark.parametrize("module", ["click", "rich"])
def test_a_missing_requirement_of_the_command_line_is_named(module: str) -> None:
    """With what to install; the library does without."""
    blocked = f"import sys; sys.modules[{module!r}] = None"
    done = finished(program("plugins", before=blocked))

    assert done.status == 2
    assert done.line == (
        f"the command line needs {module}, which is not installed: {sys.executable} -m pip install {module}"
    )
    subprocess.run([sys.executable, "-c", f"{blocked}; import clearfw"], check=True)


def test_help_imports_nothing_heavy() -> None:
    """It is read often."""
    heavy = ["numpy", "rich", "clearfw.bench.measurement", "clearfw.reports.tables.bench"]
    code = (
        "import sys; from clearfw.cli import group; group.run(['--help']); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
