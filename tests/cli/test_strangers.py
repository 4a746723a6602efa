"""Files from strangers: names, strings and shapes that act on nothing, and are told in one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import PYTHON, SMALL, finished, in_c, program, wait_for
from support.sample_traces import some_events, write

from clearfw.traces.file import Ending, Origin

if TYPE_CHECKING:
    from support.commands import Command

EVIL = "x\x1b[2Jy\x1b]0;owned\x07z\r\u202eabc\x9b1m"
NO_UTF8 = os.fsdecode(b"n\xff\xfe")


def is_harmless(text: str) -> bool:
    """Whether TEXT has nothing that a terminal obeys."""
    return all(one.isprintable() or one in "\n\t" for one in text)


@pytest.fixture
def evil_trace(tmp_path: Path) -> Path:
    """A trace whose every string acts on a terminal, and forges a line."""
    origin = Origin(
        source=EVIL,
        kernel=EVIL,
        cpu_model=EVIL,
        clock=EVIL,
        clearfw=EVIL,
        command=(EVIL, "a\nclearfw: all is well"),
    )
    ending = Ending(lost=0, usage=EVIL, system_s=1.0, user_s=1.0, elapsed_s=2.0, unknown_gfp=(EVIL,))
    return write(tmp_path / "evil.trace", some_events(200), origin=origin, ending=ending)


@pytest.mark.parametrize(
    "arguments",
    [
        ["info"],
        ["replay", "--memory", "64M", "--rounds", "2", "--strategy", "per_page", "--primitive", "kernel"],
    ],
    ids=lambda one: one[0],
)
def test_a_traces_strings_do_nothing_to_a_terminal(
    command: Command, evil_trace: Path, arguments: list[str]
) -> None:
    """Escape sequences and forged lines do not go through."""
    done = command(arguments[0], evil_trace, *arguments[1:])

    assert is_harmless(done.out + done.err)
    assert not [line for line in done.out.splitlines() if line.startswith("clearfw: all is well")]


def check_result(name: object, check: object = "zero_on_alloc") -> dict[str, Any]:
    """Return a saved result of a check."""
    checks = [{"name": check, "passed": True, "status": "pass", "evidence": ""}]
    return {"schema": "clearfw.check/1", "results": [{"strategy": name, "passed": True, "checks": checks}]}


@pytest.mark.parametrize("name", [["list"], {"a": 1}, None, 7, "\ud800", EVIL], ids=ascii)
def test_diff_of_any_name_is_no_traceback(tmp_path: Path, name: object) -> None:
    """A strategy's, or a check's."""
    for document in (check_result(name), check_result("mine", name)):
        path = tmp_path / "one.json"
        path.write_text(json.dumps(document))
        done = finished(program("diff", path, path))

        assert done.status in (0, 2)
        assert is_harmless(done.out + done.err)


@pytest.mark.parametrize(
    "arguments", [["report", "-o", "out.html"], ["diff", "good.json"]], ids=lambda one: one[0]
)
@pytest.mark.parametrize("file", ["/dev/zero", "pipe"])
def test_what_has_no_end_is_refused(
    arguments: list[str], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not waited for."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("good.json").write_text(json.dumps(check_result("mine")))
    done = finished(program(*arguments, file))

    assert done.status == 2
    assert f"{file} is a " in done.line


@pytest.fixture
def odd_folder(tmp_path: Path) -> Path:
    """A folder whose name is no UTF-8, with a strategy and a trace in it."""
    folder = tmp_path / NO_UTF8
    folder.mkdir()
    (folder / "mine.c").write_text(in_c("clear_pages(page_address(page), n);"))
    write(folder / "t.trace", some_events(50))
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "{0}/mine.c", "--only", "zero_on_alloc"],
        [*SMALL, "{0}/mine.c"],
        ["size", "{0}/mine.c", "--arch", "x86_64"],
        ["info", "{0}/t.trace"],
        ["info", "{0}/t.trace", "--json", "{0}/info.json"],
        ["export", "{0}/t.trace", "-o", "{0}/u.trace"],
        ["export", "{0}/none.trace", "-o", "{0}/u.trace"],
        ["check", "{0}/none.c"],
        ["import", "{0}/mine.c", "-o", "{0}/u.trace"],
    ],
    ids=lambda one: " ".join(one[:2]),
)
def test_names_that_are_no_utf8_are_no_traceback(odd_folder: Path, arguments: list[str]) -> None:
    """Shown with question marks, and otherwise as any other."""
    code = "from clearfw.cli import main; main()"
    command = [sys.executable, "-c", code, *(one.format(odd_folder) for one in arguments)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)

    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 1, 2), done.stderr
    assert is_harmless((done.stdout + done.stderr).decode())


def test_a_title_that_is_no_utf8_is_written(tmp_path: Path) -> None:
    """Into the file, and to standard output."""
    saved = tmp_path / "check.json"
    done = finished(program("check", "per_page", "--only", "zero_on_alloc", "--json", saved))
    assert done.status == 0
    for output in (tmp_path / "out.html", "-"):
        done = finished(program("report", saved, "-o", output, "--title", NO_UTF8))
        assert (done.status, done.err) == (0, "")


def test_little_address_space_is_one_line(tmp_path: Path) -> None:
    """As `ulimit -v 200000`, wherever in an import it hits."""
    path = write(tmp_path / "t.trace", some_events(50))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))"
    done = finished(program("info", path, before=limit))

    assert done.status == 2
    assert done.line


def test_an_interrupted_check_tells_and_saves_what_was_asked(tmp_path: Path) -> None:
    """The summary, and the JSON, of the strategies before; and no word of nothing."""
    marker, path, saved = tmp_path / "marker", tmp_path / "mine.py", tmp_path / "check.json"
    path.write_text(PYTHON.format(body=f"open({str(marker)!r}, 'w').close()\n        while True: pass"))
    process = program("check", "per_page", path, "--only", "zero_in_bulk", "--json", saved)
    wait_for(marker)
    process.send_signal(signal.SIGINT)
    done = finished(process)

    assert (done.status, done.err) == (130, "")
    assert "interrupted: the strategies that were still to be asked are left out" in done.out.replace(
        "\n", " "
    )
    assert [one["strategy"] for one in json.loads(saved.read_text())["results"]] == ["per_page"]


def test_sigterm_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C does, with its own status."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("CLEARFW_CACHE_DIR", "/proc/none")  # so that what is compiled is temporary
    marker, path = tmp_path / "marker", tmp_path / "mine.py"
    path.write_text(PYTHON.format(body=f"open({str(marker)!r}, 'w').close()\n        while True: pass"))
    process = program("check", "per_page", path, "--only", "zero_in_bulk")
    wait_for(marker)
    process.send_signal(signal.SIGTERM)
    done = finished(process)

    assert done.status == 143
    assert sorted(one.name for one in tmp_path.iterdir()) == ["marker", "mine.py"]


@pytest.mark.parametrize("delay", [0.02, 0.05, 0.1, 0.15])
def test_an_early_interrupt_is_no_traceback_of_clearfw(delay: float) -> None:
    """From the first line of its command on; before that it is the interpreter's own."""
    script = shutil.which("clearfw", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("no clearfw command beside this Python")
    process = subprocess.Popen([script, "plugins"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert "clearfw/cli" not in err
    assert "numpy" not in err


def test_a_traceback_is_there_for_who_asks(command: Command, tmp_path: Path) -> None:
    """And for nobody else."""
    path = tmp_path / "mine.py"
    path.write_text("x = 1\nraise ValueError('no')\n")

    assert "Traceback" not in command("check", path).err
    assert f'File "{path}", line 2' in command("--traceback", "check", path).err


def test_failed_plugins_are_a_failure_where_it_is_asked(command: Command, tmp_path: Path) -> None:
    """`plugins --strict` is for CI."""
    (tmp_path / "broken.py").write_text("raise ValueError('no')\n")

    assert command("plugins", "--plugins-dir", tmp_path).status == 0
    assert command("plugins", "--plugins-dir", tmp_path, "--strict").status == 1
    assert command("plugins", "--strict").status == 0


def test_a_hot_block_is_measured_on_free_too(command: Command) -> None:
    """Where allocating and freeing are one loop, and so one time."""
    done = command(*SMALL, "batched", "--hot", "--init-on-free")

    assert (done.status, done.err) == (0, "")


def test_python_m_clearfw_is_the_command() -> None:
    """As well."""
    done = subprocess.run(
        [sys.executable, "-m", "clearfw", "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("clearfw, version ")


def test_an_old_result_stays_where_the_new_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is told with the file's name."""
    from clearfw import files
    from clearfw.cli.options import write_json

    saved = tmp_path / "run.json"
    saved.write_text("old")
    monkeypatch.setattr(files.NewFile, "keep", lambda _: (_ for _ in ()).throw(OSError(28, "")))

    with pytest.raises(OSError, match=f"No space left on device: '{saved}'"):
        write_json(str(saved), {})
    assert saved.read_text() == "old"
