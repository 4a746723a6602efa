"""`clearfw size`: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
import platform
import re
from typing import TYPE_CHECKING

import click
import pytest
from support.commands import in_c

from clearfw.cli.size import size
from clearfw.toolchain import architectures
from clearfw.toolchain.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from pathlib import Path

    from support.commands import Command

NATIVE = next((name for name, one in ARCHITECTURES.items() if one.is_native), "")

pytestmark = pytest.mark.skipif(not NATIVE, reason=f"no kernel flags are known for {platform.machine()}")


def test_the_table_is_preceded_by_bloat_o_meters_own(command: Command) -> None:
    """Compiler, flags, three ways with their totals, and a row that sums up."""
    done = command("size", "batched", "--arch", NATIVE, "--config", "kasan=generic")

    assert done.status == 0
    assert re.match(rf"{NATIVE}: .+\n  .*-std=gnu11 -O2", done.out)
    assert re.findall(r"batched on \w+, (.+), old: per_page\nadd/remove: ", done.out) == [
        "inline",
        "out of line",
        "compiler's choice",
    ]
    assert len(re.findall(r"^Total: Before=\d+, After=\d+, chg [+-]\d+\.\d\d%$", done.out, re.MULTILINE)) == 3
    assert re.search(rf"^batched +{NATIVE} +\d+ +\d+ +\d+ +\+\d+ +[+-]\d+ +[+-]\d+$", done.out, re.MULTILINE)


def test_every_installed_strategy_but_the_baselines_is_sized(command: Command) -> None:
    """Without arguments: page strategies against per_page, vmalloc's against vmalloc_per_page."""
    document = command("size", "--arch", NATIVE, "--json", "-").json

    against = {one["strategy"]: one["against"] for one in document["results"]}
    assert against["batched"] == "per_page"
    assert against["vmalloc_runs"] == "vmalloc_per_page"
    assert "per_page" not in against


def test_the_json_has_every_symbol_of_every_way(command: Command) -> None:
    """Schema clearfw.size/1: its nets are sums of its symbols."""
    document = command("size", "batched", "--arch", NATIVE, "--sites", 3, "--json", "-").json
    (result,) = document["results"]

    assert document["schema"] == "clearfw.size/1"
    assert (result["strategy"], result["arch"], result["sites"]) == ("batched", NATIVE, 3)
    assert result["compiler"]
    assert "-O2" in result["flags"]
    for way in result["ways"]:
        assert way["net"] == way["after"] - way["before"]
        assert way["net"] == sum(symbol["new"] - symbol["old"] for symbol in way["symbols"])


def test_another_strategy_may_be_the_old_one(command: Command) -> None:
    """--against names what is there today."""
    document = command("size", "per_page", "--against", "batched", "--arch", NATIVE, "--json", "-").json

    assert document["results"][0]["against"] == "batched"


def test_the_instructions_are_shown_on_request(command: Command) -> None:
    """--disasm adds the function's own."""
    done = command("size", "per_page", "--arch", NATIVE, "--disasm")

    assert "<kernel_init_pages>:" in done.out


def test_what_does_not_compile_does_not_stop_the_others(command: Command, tmp_path: Path) -> None:
    """The compiler's own words, the table of the rest, and exit status 1."""
    broken = tmp_path / "broken.c"
    broken.write_text(in_c("nosuch(page);", "broken"))
    done = command("size", broken, "batched", "--arch", NATIVE)

    assert done.status == 1
    assert re.match(rf"clearfw: {NATIVE}: \S+broken\.c does not compile:\n(?s:.*)nosuch", done.err)
    assert re.search(r"^batched ", done.out, re.MULTILINE)


def test_a_flood_of_errors_is_cut_and_nothing_compiled_is_status_2(command: Command, tmp_path: Path) -> None:
    """An assembler that knows none of the instructions says so on every line."""
    broken = tmp_path / "broken.c"
    broken.write_text(in_c("".join(f'__asm__("nosuch{line}");\n' for line in range(100)), "broken"))
    done = command("size", broken, "--arch", NATIVE, "--json", tmp_path / "size.json")

    assert done.status == 2
    assert "nosuch0" in done.err
    assert "more lines, which --json FILE keeps" in done.err
    assert len(done.err.splitlines()) < 16
    (failed,) = json.loads((tmp_path / "size.json").read_text())["failed"]
    assert "nosuch99" in failed["stderr"]


def test_a_missing_compiler_is_named_with_its_package(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not stop the others, and alone it cannot be done."""
    monkeypatch.setattr(architectures.shutil, "which", lambda name: None)
    other = next(name for name in ARCHITECTURES if name != NATIVE)
    package = ARCHITECTURES[other].packages[0]
    done = command("size", "batched", "--arch", f"{NATIVE},{other}", "--json", "-")

    assert done.status == 0
    assert f"left out: architecture {other} needs" in done.err.replace("\n", " ")
    assert done.json["missing"] == [{"arch": other, "package": package}]

    alone = command("size", "batched", "--arch", other)

    assert alone.status == 2
    assert alone.line.endswith(f"is not installed: apt-get install {package}")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nosuch",), "unknown strategy 'nosuch'"),
        (("batched", "--arch", "amr"), "unknown architecture 'amr' (did you mean 'arm'?)"),
        (("batched", "--config", "memory=1G"), "--config memory=1G does not change code"),
        (("batched", "--config", "kasan=foo"), "kasan=foo is not valid"),
        (("batched", "--against", "vmalloc_runs"), "cannot compare batched with vmalloc_runs"),
        (("batched", "--sites", "0"), "Invalid value for '--sites'"),
        (("nosuch.c",), "no strategy file nosuch.c"),
    ],
)
def test_a_mistake_is_one_line(command: Command, arguments: tuple[str, ...], line: str) -> None:
    """What was asked, what was found, what to do, and exit status 2."""
    done = command("size", *arguments)

    assert done.status == 2
    assert done.line.startswith(line)


def test_python_has_no_size(command: Command, tmp_path: Path) -> None:
    """A strategy in Python is refused by its name."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from clearfw import hookimpl\n\nclass Mine:\n    name = 'mine'\n\n    @hookimpl\n"
        "    def clearfw_init_on_alloc(self, pages):\n        return None\n"
    )
    done = command("size", path)

    assert (done.status, done.line[:33]) == (2, "mine has no code size, because it")


def test_no_compiler_at_all_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to compile with, for any architecture."""
    monkeypatch.setenv("CC", "/nonexistent/cc")
    done = command("size", "batched", "--arch", NATIVE)

    assert (done.status, done.line[:13]) == (2, "no C compiler")


def test_a_shell_completes_the_last_architecture_of_a_list() -> None:
    """What stands before the comma stays."""
    context = click.Context(size)
    (parameter,) = (one for one in size.params if one.name == "arch")

    assert [one.value for one in parameter.shell_complete(context, "arm,s")] == ["arm,s390x"]
    assert {one.value for one in parameter.shell_complete(context, "arm")} == {"arm", "arm64"}
