"""The documentation: its examples run and print what they show, and its reference pages leave nothing out."""

from __future__ import annotations

import fnmatch
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click
import pytest
from support.sample_traces import some_events, write
from sybil import Document
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from clearfw import _core, errors, hookspecs, registry
from clearfw.cli.group import cli
from clearfw.config import Config
from clearfw.machine import Counters
from clearfw.results import info as results_info
from clearfw.traces import info
from clearfw.traces.file import COLUMNS, Ending, Origin, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sybil import Example

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
REFERENCE = DOCS / "reference"
TRACES = ROOT / "tests" / "data" / "traces"
PROGRAMS = ("clearfw", "pytest")
# For commands that do not say: enough to see that they work, where the page shows what a whole run gives.
FAST = {
    "bench": {"--memory": ["64M"], "--rounds": ["2"]},
    "replay": {"--rounds": ["2"]},
    "check": {"--only": ["zero_on_alloc", "kasan_generic_quiet"]},
}

FILE_NAME = re.compile(r"(?:/\* (\S+) \*/|# (\S+\.\w+))\n")
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
# What a shared machine adds to a table, or not.
MOMENTARY = re.compile(r"\* |dropped rounds|too few rounds")


def run(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell in DIRECTORY would, VARIABLE=value before it included."""
    words = shlex.split(command)
    environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environment[name] = value
    for option, values in FAST.get("".join(words[1:2]), {}).items():
        if option not in words:
            words += [word for value in values for word in (option, value)]
    if words[0] == "pytest":
        # An editable install brings one of its own.
        words += ["-p", "no:warnings"]
    return subprocess.run(words, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def essence(text: str) -> str:
    """Return what must be the same on another run and another processor: neither numbers nor spacing."""
    primitives = "|".join(one["name"] for one in _core.primitives())
    text = re.sub(rf"\b(?:{primitives})\b", "PRIMITIVE", text)
    text = re.sub(r"backing (?:hugetlb|thp|base)\b", "backing", text)
    return re.sub(r"\d[\d.,]*[KMGT]?|[\s.*─\u200b]", "", text)


def is_printed(shown: str, printed: str) -> bool:
    """Return whether SHOWN, in which "..." stands for anything, was PRINTED, wherever lines were broken."""
    pattern = ".*".join(re.escape(essence(part)) for part in shown.split("..."))
    return re.search(pattern, essence(printed)) is not None


class Reader:
    """Someone who types in a page's examples, one after the other, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def parsers(self) -> list[CodeBlockParser]:
        """Return what finds the examples."""
        return [
            CodeBlockParser("c", self.save),
            CodeBlockParser("toml", self.save),
            CodeBlockParser("python", self.execute),
            CodeBlockParser("console", self.type),
        ]

    def save(self, example: Example) -> None:
        """Write a block to the file that its first line names."""
        name = FILE_NAME.match(example.parsed)

        assert name, f"{example.path}:{example.line} names no file in its first line"

        path = self.directory / next(filter(None, name.groups()))
        path.parent.mkdir(exist_ok=True)
        path.write_text(example.parsed)

    def execute(self, example: Example) -> None:
        """Run Python, after saving it if it is a file."""
        if FILE_NAME.match(example.parsed):
            self.save(example)
        PythonEvaluator()(example)

    def type(self, example: Example) -> None:
        """Run the commands of a block, and compare what they print and their exit statuses."""
        commands = COMMAND.findall(example.parsed)
        for place, (command, shown) in enumerate(commands):
            if not any(word in PROGRAMS for word in command.split()):
                continue
            done = run(command, self.directory)
            following = commands[place + 1] if place + 1 < len(commands) else ("", "")
            status = int(following[1]) if following[0] == "echo $?" else 0
            printed = done.stdout + done.stderr
            shown_lines = (line for line in shown.splitlines() if not MOMENTARY.match(line))
            missing = [line for line in shown_lines if not is_printed(line, printed)]

            assert (status, []) == (done.returncode, missing), (
                f"{example.path}:{example.line} {command}\n{printed}"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a reader types in works, and prints what is shown, up to numbers."""
    monkeypatch.chdir(tmp_path)
    # What a page says was recorded, which takes root, or that is in a clone.
    for trace in TRACES.glob("*.trace"):
        (tmp_path / trace.name).symlink_to(trace)
    for example in Document.parse(str(page), *Reader(tmp_path).parsers()):
        example.evaluate()


def test_every_block_of_code_is_of_a_kind_that_is_run() -> None:
    """No example escapes by its language; "sh" is for commands that build, or take minutes."""
    text = "".join(page.read_text() for page in PAGES)

    assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) <= {"c", "toml", "python", "console", "sh"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """Links to files and to headings resolve."""
    for target, anchor in re.findall(r"\]\(((?!http)[^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        path = (page.parent / target).resolve() if target else page

        assert path.exists(), target
        assert not anchor or anchor in headings(path), f"{target}#{anchor}"


def test_sizes_are_binary_and_throughput_decimal() -> None:
    """Wherever a page or a message gives one: MiB and GiB, but GB/s."""
    texts = [page.read_text() for page in PAGES]
    texts += [re.sub(r"#.*", "", path.read_text()) for path in (ROOT / "clearfw").rglob("*.py")]

    assert [size for text in texts for size in re.findall(r"\d ?[kKMGT]B\b(?!/s)|[KMGT]iB/s", text)] == []


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in found}


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of TEXT's tables, their heads and rules left out."""
    for line in re.findall(r"^\|(.*)\|$", text, re.MULTILINE):
        cells: list[str] = [cell.strip() for cell in line.split("|")]
        if SPAN.match(cells[0]):
            yield cells


def first_column(text: str) -> set[str]:
    """Return what stands in `code` in the first column of TEXT's tables."""
    return {span for cells in rows(text) for span in SPAN.findall(cells[0])}


def sections(page: str) -> dict[str, str]:
    """Return the text under each second-level heading of a reference page."""
    parts = re.split(r"^## (.*)$", (REFERENCE / page).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_hooks_page_has_every_hook_with_its_arguments() -> None:
    """hooks.md and the hook specifications agree."""
    documented = set(re.findall(r"^### `(.*)`$", (REFERENCE / "hooks.md").read_text(), re.MULTILINE))

    assert documented == {
        f"{name}({', '.join(list(inspect.signature(function).parameters)[1:])})"
        for owner in (hookspecs.InitPoints, hookspecs.Registry)
        for name, function in vars(owner).items()
        if name.startswith("clearfw_")
    }


def test_the_configuration_page_has_every_parameter_with_its_default() -> None:
    """configuration.md and Config agree."""
    parameters = {next(iter(one.metadata.values())): one.default for one in attrs.fields(Config)}
    table = rows((REFERENCE / "configuration.md").read_text())

    assert {(cells[0].strip("`"), cells[1].strip("`")) for cells in table} == {
        (parameter.key, parameter.write(default)) for parameter, default in parameters.items()
    }


DECLARED = re.compile(
    r"^(?:#define |static (?:inline|__always_inline) [^(]*?(?=\w+\()|typedef \w+ )(\w+)", re.MULTILINE
)


def declared_names() -> set[str]:
    """Return what <clearfw/strategy.h> and the headers that it includes declare for a strategy."""
    headers = (ROOT / "clearfw/include/clearfw").glob("*.h")
    names = {
        name for header in headers if header.stem != "abi" for name in DECLARED.findall(header.read_text())
    }
    return {name for name in names if not name.lower().startswith("clearfw_") and name[-1] != "_"}


def test_the_header_page_has_every_name_a_strategy_can_use() -> None:
    """strategy-header.md and strategy.h agree, and so do the initialisers and abi.h."""
    record = (ROOT / "clearfw/include/clearfw/abi.h").read_text().partition("struct clearfw_strategy {")[2]
    fields = re.findall(r"\(\*(\w+)\)", record.partition("};")[0])
    documented = first_column((REFERENCE / "strategy-header.md").read_text())
    listed = {name.partition("(")[0] for name in documented if not name.startswith((".", "struct "))}
    declared = declared_names() | {"CLEARFW_STRATEGY", "CLEARFW_PRIMITIVE"}
    families = {name for name in listed if name.endswith("*")}
    members = {name for name in declared if any(fnmatch.fnmatch(name, family) for family in families)}

    assert declared - members == listed - families
    assert not [family for family in families if not fnmatch.filter(members, family)]
    assert {f".{name}" for name in fields} == {name for name in documented if name.startswith(".")}


def test_the_page_of_the_trace_file_has_every_column_and_key() -> None:
    """trace-format.md, and what is written, agree."""
    documented = {name: first_column(text) for name, text in sections("trace-format.md").items()}

    assert documented["Columns"] == set(COLUMNS)
    assert documented["What is known when it begins"] == {one.name for one in attrs.fields(Origin)}
    assert documented["What is known when it ends"] == {one.name for one in attrs.fields(Ending)}


def test_the_errors_page_has_every_error_with_its_attributes() -> None:
    """errors.md and clearfw.errors agree."""
    classes = [
        one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.ClearfwError)
    ]
    table = rows((REFERENCE / "errors.md").read_text())

    # Each has the message of the first.
    assert {cells[0].strip("`"): {*SPAN.findall(cells[3]), "message"} for cells in table} == {
        one.__name__: {field.name for field in attrs.fields(one)} for one in classes
    }


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its name, that of its group before it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def test_the_command_line_page_has_every_command_with_its_options() -> None:
    """command-line.md and the commands agree."""
    documented = {
        heading.removeprefix("clearfw "): first_column(text)
        for heading, text in sections("command-line.md").items()
        if heading.startswith("clearfw ")
    }

    assert documented == {
        name: {option for one in command.params if isinstance(one, click.Option) for option in one.opts}
        for name, command in commands(cli)
    }


def test_the_primitives_page_has_every_primitive_of_every_architecture() -> None:
    """primitives.md has those of the core's sources, and those of the plugins."""
    sources = "".join(path.read_text() for path in (ROOT / "clearfw/csrc/primitives").glob("*.c"))
    named = set(re.findall(r'PRIMITIVE\(\.name = "(\w+)"', sources))

    documented = first_column((REFERENCE / "primitives.md").read_text())

    assert named | set(registry.default().primitives) == documented
    assert {one["name"] for one in _core.primitives() if not one["loaded"]} <= named


def keys(value: Any, path: str = "") -> set[str]:  # noqa: ANN401  JSON is anything
    """Return the path of each leaf of a JSON document."""
    if isinstance(value, dict):
        return set().union(*(keys(one, f"{path}.{key}" if path else key) for key, one in value.items()))
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return set().union(*(keys(one, f"{path}[]") for one in value))
    return {path}


def documented_keys(schema: str) -> set[str]:
    """Return the keys that json.md has of SCHEMA, and of another where it says "All that OTHER has"."""
    text = sections("json.md")[schema]
    own = first_column(text)
    other = re.search(r"All that (\S+) has", text)
    inherited = first_column(sections("json.md")[other[1]]) if other else set()
    # What is empty there and has keys here is no leaf.
    return own | {key for key in inherited if not any(one.startswith(f"{key}[].") for one in own)}


@pytest.mark.parametrize(
    ("schema", "command"),
    [
        ("clearfw.bench/1", "bench batched highmem_fallback --workload orders --memory 64M --rounds 2"),
        (
            "clearfw.replay/1",
            f"replay {TRACES}/pagerank.trace --strategy highmem_fallback --rounds 2",
        ),
        ("clearfw.check/1", "check batched --only vmalloc_whole"),
        ("clearfw.diff/1", "diff info.json info.json"),
        ("clearfw.info/1", "info made.trace"),
        ("clearfw.new/1", "new mine"),
        ("clearfw.import/1", f"import {ROOT / 'tests' / 'data' / 'torn.txt'} -o mine.trace"),
        ("clearfw.size/1", "size batched --arch x86_64"),
        ("clearfw.plugins/1", "plugins"),
    ],
)
def test_the_json_page_has_every_key_of_a_real_run(schema: str, command: str, tmp_path: Path) -> None:
    """json.md and the written documents agree; NAME stands for names that vary."""
    made = write(tmp_path / "made.trace", some_events())
    (tmp_path / "info.json").write_text(json.dumps(results_info.to_json(info.examine(read(made)))))
    document = json.loads(run(f"clearfw {command} --json -", tmp_path).stdout)
    documented = documented_keys(schema)
    varying = [key.removesuffix("NAME") for key in documented if key.endswith(".NAME")]
    found = {
        next((f"{prefix}NAME" for prefix in varying if key.startswith(prefix)), key) for key in keys(document)
    }

    assert schema == document["schema"]
    assert documented == found


def test_the_json_page_has_every_counter() -> None:
    """The counters in json.md are those of a machine."""
    assert {one.name for one in attrs.fields(Counters)} == first_column(sections("json.md")["Counters"])


def test_every_benchmark_that_is_named_exists() -> None:
    """The commands that measure a figure again name benchmarks of the suite."""
    suite = {path.stem: path.read_text() for path in (ROOT / "benchmarks").glob("*.py")}
    pages = (REFERENCE / "figures.md", DOCS / "how-to/read-the-asv-history.md")
    named = {name for page in pages for name in re.findall(r"\b(\w+)\.([A-Za-z]\w+)", page.read_text())}

    assert {module for module, _ in named} >= {"clear", "dispatch", "alloc"}
    for module, name in named:
        if module in suite:
            assert re.search(rf"^(?:class|def) {name}\b", suite[module], re.MULTILINE), f"{module}.{name}"
