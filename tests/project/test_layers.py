"""Which module imports which, and which C file includes which, against docs/explanation/layers.md."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clearfw"
CSRC = PACKAGE / "csrc"
LAYER = re.compile(r"^(\d+)\. (`.+?`): (.+)$", re.MULTILINE)
PYX_IMPORT = re.compile(r"^\s*from (clearfw[\w.]*) import (.+)$", re.MULTILINE)
INCLUDE = re.compile(r'^#include "(.+)"', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A prototype in a header: no definition, no macro, no type.
PROTOTYPE = re.compile(r"^(?!static|extern|FAST|typedef|#)[\w *]+?\b(\w+)\([^{};]*\)[^{};]*;", re.MULTILINE)

PAGE = (ROOT / "docs" / "explanation" / "layers.md").read_text()
PYTHON, C = (LAYER.findall(part) for part in PAGE.split("## The C core"))
# The lines of a walk: a file, a function in it, and what happens there.
STEPS = re.findall(r"^(\S+\.\w+) +(\S+)", PAGE.partition("## Three walks")[2], re.MULTILINE)
# From each wing, or folder of csrc/, to how high it stands.
WINGS = {name: int(number) for number, names, _ in PYTHON for name in re.findall(r"`(\w+)`", names)}
FOLDERS = {name.strip("`"): int(number) for number, name, _ in C}
SOURCES = sorted([*PACKAGE.rglob("*.py"), PACKAGE / "_core.pyx"])
C_SOURCES = sorted(CSRC.rglob("*.[ch]"))


def wing(source: Path) -> str:
    """Return the wing a source file belongs to: its folder in clearfw, or itself; __main__ is cli's."""
    name = source.relative_to(PACKAGE).parts[0].partition(".")[0]
    return "cli" if name == "__main__" else name


def folder(path: str) -> str:
    """Return the folder of csrc/ that PATH, written from there, lies in."""
    return str(Path(path).parent)


def is_for_annotations(node: ast.AST) -> bool:
    """Return whether NODE is an `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree, but for what only type checkers read."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_for_annotations(child):
            yield from nodes(child)


def imported_names(source: Path) -> Iterator[str]:
    """Return what SOURCE imports, in dotted names, wherever in it."""
    text = source.read_text()
    if source.suffix == ".pyx":
        for module, names in PYX_IMPORT.findall(text):
            yield from (f"{module}.{name.strip()}" for name in names.split(","))
        return
    for node in nodes(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(source: Path) -> set[str]:
    """Return the modules of clearfw that SOURCE imports; a name of the package itself is of __init__."""
    found = set()
    for name in imported_names(source):
        first, *inside = name.split(".")
        if first == PACKAGE.name:
            found.add(module_of(inside))
    return found


def module_of(parts: list[str]) -> str:
    """Return the module that a dotted name lies in: the longest prefix that is a file or a folder."""
    while parts:
        path = PACKAGE.joinpath(*parts)
        if path.is_dir() or any(path.with_suffix(suffix).is_file() for suffix in (".py", ".pyx")):
            return ".".join(parts)
        parts = parts[:-1]
    return "__init__"


def imported_wings(source: Path) -> set[str]:
    """Return the wings that SOURCE imports from."""
    return {module.partition(".")[0] for module in imported_modules(source)}


def relative(path: Path) -> str:
    """Return PATH as a test's id."""
    return str(path.relative_to(PACKAGE))


def is_below(wing: str, other: str) -> bool:
    """Return whether WING may not import OTHER."""
    return wing != other and WINGS[other] > WINGS[wing]


def test_the_lists_are_numbered() -> None:
    """Layers and folders are numbered from 1, without a gap, and each is told in one sentence."""
    for found in (PYTHON, C):
        assert [int(number) for number, _, _ in found] == list(range(1, len(found) + 1))
        assert [told for *_, told in found if ". " in told or not told.endswith(".")] == []


def test_there_are_twelve_layers() -> None:
    """A newcomer can hold that many in mind."""
    assert len(PYTHON) == 12


def test_every_module_has_a_layer() -> None:
    """The page lists the wings there are, and no others."""
    assert {wing(source) for source in SOURCES} == set(WINGS)


def test_every_folder_of_the_core_has_a_layer() -> None:
    """No C file lies outside of the folders that the page lists."""
    assert {relative(source.parent).removeprefix("csrc/") for source in C_SOURCES} == set(FOLDERS)


@pytest.mark.parametrize("source", SOURCES, ids=relative)
def test_imports_go_up_the_page(source: Path) -> None:
    """A module imports from its own wing and from the layers above it."""
    me = wing(source)
    wrong = {other for other in imported_wings(source) if is_below(me, other)}
    folders = {name for name in WINGS if (PACKAGE / name).is_dir()}
    beside = {name for name in imported_wings(source) & folders if WINGS[name] == WINGS[me]} - {me}

    assert wrong | beside == set()


def graph() -> Mapping[str, set[str]]:
    """Return the modules that each module imports; a wing's __init__ is the wing."""
    found = {}
    for source in SOURCES:
        name = ".".join(source.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        found[name] = imported_modules(source) - {name}
    return found


def test_no_imports_run_in_a_circle() -> None:
    """Modules can be read in an order in which nothing is used before it is explained."""
    assert list(TopologicalSorter(graph()).static_order())


@pytest.mark.parametrize("source", C_SOURCES, ids=relative)
def test_includes_go_up_the_page(source: Path) -> None:
    """A C file includes from its own folder and from those above it; its path is written from csrc/."""
    included = INCLUDE.findall(source.read_text())
    height = FOLDERS[folder(str(source.relative_to(CSRC)))]

    assert [name for name in included if not (CSRC / name).is_file()] == []
    assert [name for name in included if FOLDERS[folder(name)] > height] == []


def test_no_includes_run_in_a_circle() -> None:
    """A .c file and its header are one unit here."""
    units: dict[str, set[str]] = {}
    for source in C_SOURCES:
        me = str(source.relative_to(CSRC).with_suffix(""))
        others = {name.removesuffix(".h") for name in INCLUDE.findall(source.read_text())}
        units[me] = units.get(me, set()) | others - {me}

    assert list(TopologicalSorter(units).static_order())


@pytest.mark.parametrize("header", [path for path in C_SOURCES if path.suffix == ".h"], ids=relative)
def test_a_header_declares_what_its_own_file_defines(header: Path) -> None:
    """So that an include tells who is called; one without a .c of its name is for several files beside it."""
    declared = PROTOTYPE.findall(COMMENT.sub("", header.read_text()))
    source = header.with_suffix(".c")
    sources = [source] if source.is_file() else header.parent.glob("*.c")
    text = "".join(path.read_text() for path in sources)

    assert [name for name in declared if not re.search(rf"\b{name}\([^;]*?\)\n{{", text)] == []


@pytest.mark.parametrize(("path", "function"), STEPS)
def test_a_walk_is_where_it_says(path: str, function: str) -> None:
    """Each line of a walk names a function, or a class, of that file."""
    (source,) = (ROOT if path.startswith("plugins") else PACKAGE).glob(path.replace("...", "*"))

    assert re.search(
        rf"\b(def|class|cdef \w+) {function.rpartition('.')[2]}\b|\b{function}\(", source.read_text()
    )


def test_imports_are_found() -> None:
    """The rules above see a module's imports, the binding's, and those inside functions."""
    assert {"errors", "host", "registry", "_core"} <= imported_wings(PACKAGE / "machine.py")
    assert {"errors", "gfp"} <= imported_wings(PACKAGE / "_core.pyx")
    assert "toolchain" in imported_wings(PACKAGE / "strategies.py")
    assert "bench.measurement" in imported_modules(PACKAGE / "cli" / "measuring.py")
    assert "workloads" not in imported_wings(PACKAGE / "hookspecs.py")
    assert is_below("bench", "cli")


def test_nothing_knows_the_shipped_plugins() -> None:
    """The core never names the package of the shipped strategies."""
    sources = [*SOURCES, *PACKAGE.rglob("*.pyi"), *PACKAGE.rglob("*.[ch]")]

    assert [relative(source) for source in sources if "clearfw_plugins" in source.read_text()] == []


def prints(node: ast.AST) -> bool:
    """Return whether NODE is print, or a standard stream."""
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) in {"sys.stdout", "sys.stderr"}
    return isinstance(node, ast.Name) and node.id == "print"


def test_only_the_command_line_prints() -> None:
    """No module but cli's writes to the terminal, and what is a program of its own."""
    modules = [source for source in SOURCES if source.suffix == ".py" and source.name != "__main__.py"]
    sources = [source for source in modules if wing(source) != "cli"]
    printing = [
        relative(source) for source in sources if any(map(prints, ast.walk(ast.parse(source.read_text()))))
    ]

    assert printing == []
    assert any(map(prints, ast.walk(ast.parse((PACKAGE / "cli" / "__init__.py").read_text()))))
