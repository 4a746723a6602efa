"""clearfw/_core.pyi, which type checkers read, against the module, which runs."""

import ast
from pathlib import Path
from types import ModuleType

import clearfw
from clearfw import _core

STUB = ast.parse((Path(clearfw.__file__).parent / "_core.pyi").read_text())
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}

# The buffer protocol has a method of its own in Python from 3.12 on only (PEP 688).
BUFFER = {"__buffer__", "__release_buffer__"}


def declared(body: list[ast.stmt]) -> set[str]:
    """Return the names that a module's or a class's body in the stub declares."""
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    annotated = {
        node.target.id
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    return defined | annotated


def public(names: set[str]) -> set[str]:
    """Return those of NAMES that have no leading underscore."""
    return {name for name in names if not name.startswith("_")}


def inherited(name: str) -> set[str]:
    """Return what a class of the stub has, by itself or from its bases in the stub."""
    bases = [base.id for base in CLASSES[name].bases if isinstance(base, ast.Name) and base.id in CLASSES]
    return declared(CLASSES[name].body).union(*map(inherited, bases))


def own_names() -> set[str]:
    """Return the public names of the module that it did not import."""
    return {
        name
        for name in public(set(vars(_core)))
        if not isinstance(getattr(_core, name), ModuleType)
        and getattr(getattr(_core, name), "__module__", _core.__name__) == _core.__name__
    }


def runtime_classes() -> set[str]:
    """Return the stub's classes that exist when the program runs; a TypedDict describes a dict."""
    return {
        name
        for name, node in CLASSES.items()
        if "TypedDict" not in {ast.unparse(base) for base in node.bases}
    }


def test_every_public_name_is_declared() -> None:
    """The stub declares all of the module's public names, and no others."""
    assert own_names() == public(declared(STUB.body))


def test_every_public_member_is_declared() -> None:
    """The stub declares all public members of each class, and no others."""
    actual = {name: public(set(dir(getattr(_core, name)))) for name in runtime_classes()}

    assert actual == {name: public(inherited(name)) for name in runtime_classes()}


def test_private_and_special_members_exist() -> None:
    """What else the stub declares in a class, the class has."""
    missing = {
        f"{name}.{member}"
        for name in runtime_classes()
        for member in declared(CLASSES[name].body) - BUFFER
        if not hasattr(getattr(_core, name), member)
    }

    assert missing == set()


def test_context_managers_are_declared() -> None:
    """A class that works in a with statement says so in the stub."""
    managers = {name for name in runtime_classes() if hasattr(getattr(_core, name), "__enter__")}

    assert managers == {name for name in CLASSES if "__enter__" in inherited(name)}
