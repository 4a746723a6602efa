"""Which module imports which, against the list in docs/explanation/layers.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "clearfw"
LAYER = re.compile(r"^(\d+)\. (`.+`): (.+)$", re.MULTILINE)
PYX_IMPORT = re.compile(r"^\s*from (clearfw[\w.]*) import (.+)$", re.MULTILINE)

FOUND = LAYER.findall((ROOT / "docs" / "explanation" / "layers.md").read_text())
# From each module to how high it stands.
LAYERS = {name: int(number) for number, names, _ in FOUND for name in re.findall(r"`(\w+)`", names)}
SOURCES = sorted([*PACKAGE.rglob("*.py"), PACKAGE / "_core.pyx"])


def layer(source: Path) -> str:
    """Return the layer a source file belongs to: its package in clearfw, or itself."""
    return source.relative_to(PACKAGE).parts[0].partition(".")[0]


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


def imported_layers(source: Path) -> set[str]:
    """Return the layers of clearfw that SOURCE imports; a name of the package itself is of __init__."""
    names = [name.split(".") for name in imported_names(source)]
    inside = [name[1:] for name in names if name[0] == PACKAGE.name]
    return {name[0] if name and name[0] in LAYERS else "__init__" for name in inside}


def relative(path: Path) -> str:
    """Return PATH as a test's id."""
    return str(path.relative_to(PACKAGE))


def test_the_list_is_numbered() -> None:
    """The layers are numbered from 1, without a gap, and each is told in one sentence."""
    assert [int(number) for number, _, _ in FOUND] == list(range(1, len(FOUND) + 1))
    assert [told for *_, told in FOUND if told.count(". ") or not told.endswith(".")] == []


def test_every_module_has_a_layer() -> None:
    """The page lists the modules there are, and no others."""
    assert {layer(source) for source in SOURCES} == set(LAYERS)


@pytest.mark.parametrize("source", SOURCES, ids=relative)
def test_imports_go_down(source: Path) -> None:
    """A module imports from its own layer and those before it."""
    height = LAYERS[layer(source)]

    assert [name for name in sorted(imported_layers(source)) if LAYERS[name] > height] == []


def test_imports_are_found() -> None:
    """The rule above sees what it is about: a module's imports, the binding's, and those inside functions."""
    assert {"errors", "host", "registry", "_core"} <= imported_layers(PACKAGE / "machine.py")
    assert {"errors", "gfp"} <= imported_layers(PACKAGE / "_core.pyx")
    assert "compiler" in imported_layers(PACKAGE / "strategies.py")
    assert "workloads" not in imported_layers(PACKAGE / "hookspecs.py")


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
    sources = [source for source in modules if layer(source) != "cli"]
    printing = [
        relative(source) for source in sources if any(map(prints, ast.walk(ast.parse(source.read_text()))))
    ]

    assert printing == []
    assert any(map(prints, ast.walk(ast.parse((PACKAGE / "cli" / "__init__.py").read_text()))))
