"""`clearfw report` and `--plot`: what is written, and what is refused before anything is."""

from __future__ import annotations

import json
import webbrowser
from typing import TYPE_CHECKING, Any

import pytest
from support.commands import SMALL

if TYPE_CHECKING:
    from pathlib import Path

    from support.commands import Command


@pytest.fixture
def run(saved: dict[str, dict[str, Any]], tmp_path: Path) -> Path:
    """A saved bench."""
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(saved["bench"]))
    return path


def test_a_report_of_what_the_commands_wrote(command: Command, tmp_path: Path) -> None:
    """What bench and check save, report reads."""
    bench, check, page = tmp_path / "bench.json", tmp_path / "check.json", tmp_path / "page.html"
    assert command(*SMALL, "batched", "--json", bench).status == 0
    assert command("check", "batched", "--only", "zero_on_alloc", "--json", check).status == 0

    done = command("report", bench, check, "-o", page, "--title", "Of today")

    assert (done.status, done.out, done.err) == (0, "", "")
    assert "<title>Of today</title>" in page.read_text()
    assert "Check: 1 strategy, 0 failed" in page.read_text()


def test_the_page_can_go_to_standard_output(command: Command, run: Path) -> None:
    """And then nothing else does."""
    done = command("report", run, "-o", "-")

    assert done.status == 0
    assert done.out.startswith("<!DOCTYPE html>")
    assert done.out.endswith("</html>\n")


def test_text_goes_into_a_mail(command: Command, run: Path) -> None:
    """With --text the same results are plain text."""
    done = command("report", run, "--text", "-o", "-", "--title", "Of today")

    assert done.status == 0
    assert done.out.startswith("Of today\n\nBench: hugetlb\n===")
    assert max(map(len, done.out.splitlines())) <= 78


def test_one_bad_file_leaves_no_page(command: Command, run: Path, tmp_path: Path) -> None:
    """The line names it."""
    bad = tmp_path / "bad.json"
    bad.write_text("{}")

    done = command("report", run, bad, "-o", tmp_path / "page.html")

    assert (done.status, done.line) == (
        2,
        f"{bad} has no schema: give what a command wrote with --json",
    )
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "page.html"], "Missing argument"),
        (["nothing.json", "-o", "page.html"], "'nothing.json' does not exist"),
        (["{run}"], "Missing option '-o'"),
        (["{run}", "-o", "nowhere/page.html"], "the directory nowhere does not exist: create it first"),
        (["{run}", "-o", "-", "--open"], "writes none: name a file"),
        (["{run}", "-o", "page.txt", "--text", "--open"], "no browser needs: leave one out"),
    ],
)
def test_usage_is_refused_in_a_line(command: Command, run: Path, arguments: list[str], said: str) -> None:
    """Nothing is written, and the line says what to do."""
    done = command("report", *(one.format(run=run) for one in arguments))

    assert done.status == 2
    assert said in done.line


def test_open_shows_the_page(
    command: Command, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The browser is given the file's address."""
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not shown.append(url))

    assert command("report", run, "-o", tmp_path / "page.html", "--open").status == 0
    assert shown == [(tmp_path / "page.html").as_uri()]


def test_without_a_browser_the_page_is_there(
    command: Command, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says so."""
    monkeypatch.setattr(webbrowser, "open", lambda _: False)

    done = command("report", run, "-o", tmp_path / "page.html", "--open")

    assert done.status == 2
    assert "page.html was written, but no browser was found" in done.line
    assert (tmp_path / "page.html").exists()


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_plot_writes_a_picture(command: Command, tmp_path: Path, suffix: str) -> None:
    """Beside the table."""
    done = command(*SMALL, "batched", "--plot", tmp_path / f"bench.{suffix}")

    assert done.status == 0
    assert "batched" in done.out
    assert (tmp_path / f"bench.{suffix}").stat().st_size > 1000


def test_a_plot_of_another_kind_is_refused_before_anything_is_measured(
    command: Command, tmp_path: Path
) -> None:
    """The line names the kinds there are."""
    done = command(*SMALL, "--plot", tmp_path / "bench.gif")

    assert done.status == 2
    assert "is not a .png or .svg file: use one of these suffixes" in done.line


def test_a_plot_without_matplotlib_is_refused_before_anything_is_measured(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names the extra."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "matplotlib" else name)

    done = command(*SMALL, "--plot", tmp_path / "bench.png")

    assert done.status == 2
    assert "-m pip install cattrs jinja2 matplotlib" in done.line
