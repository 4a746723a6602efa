"""The hooks: their shape, and pluggy's rules for them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pluggy
import pytest

from clearfw import hookspecs
from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

SPECS = {
    name: function
    for owner in (hookspecs.InitPoints, hookspecs.Registry)
    for name, function in vars(owner).items()
    if name.startswith("clearfw_")
}


@pytest.fixture
def manager() -> pluggy.PluginManager:
    """A manager that knows every hook."""
    manager = pluggy.PluginManager("clearfw")
    manager.add_hookspecs(hookspecs.InitPoints)
    manager.add_hookspecs(hookspecs.Registry)
    return manager


def returning(value: bool | None, asked: list[bool | None]) -> object:  # noqa: FBT001  (a value to return)
    """Return a plugin that answers VALUE at the alloc init point, and notes in ASKED that it was asked."""

    class Plugin:
        @hookimpl
        def clearfw_init_on_alloc(self) -> bool | None:
            asked.append(value)
            return value

    return Plugin()


def test_the_hooks_and_their_arguments_are_a_contract() -> None:
    """Plugins in the world rely on each of these names."""
    arguments = {name: list(inspect.signature(function).parameters)[1:] for name, function in SPECS.items()}

    assert arguments == {
        "clearfw_init_on_alloc": ["pages"],
        "clearfw_init_on_free": ["pages"],
        "clearfw_init_on_vmalloc": ["area"],
        "clearfw_strategies": [],
        "clearfw_primitives": [],
        "clearfw_workloads": [],
        "clearfw_default_stack": ["config"],
    }


@pytest.mark.parametrize("function", SPECS.values(), ids=list(SPECS))
def test_each_hook_is_documented_in_one_sentence(function: Callable[..., object]) -> None:
    """The docstring is a line that ends with a full stop."""
    doc = inspect.getdoc(function) or ""

    assert doc.endswith(".")
    assert "\n" not in doc


def test_true_claims_and_nobody_further_is_asked(manager: pluggy.PluginManager) -> None:
    """An init point stops at the first True."""
    asked: list[bool | None] = []
    manager.register(returning(None, asked), "last")
    manager.register(returning(True, asked), "second")  # noqa: FBT003
    manager.register(returning(None, asked), "first")

    assert manager.hook.clearfw_init_on_alloc(pages=object()) is True
    assert asked == [None, True]


def test_none_passes_on_until_nobody_is_left(manager: pluggy.PluginManager) -> None:
    """Where all pass on, the result is None."""
    asked: list[bool | None] = []
    manager.register(returning(None, asked))
    manager.register(returning(None, asked))

    assert manager.hook.clearfw_init_on_alloc(pages=object()) is None
    assert asked == [None, None]


def test_offers_of_all_plugins_are_collected(manager: pluggy.PluginManager) -> None:
    """The registry's hooks do not stop at the first result."""

    class Plugin:
        @hookimpl
        def clearfw_strategies(self) -> list[str]:
            return ["one"]

    manager.register(Plugin(), "a")
    manager.register(Plugin(), "b")

    assert manager.hook.clearfw_strategies() == [["one"], ["one"]]


def test_an_argument_the_hook_does_not_have_is_refused(manager: pluggy.PluginManager) -> None:
    """Pluggy finds it at registration, and names it."""

    class Plugin:
        @hookimpl
        def clearfw_init_on_free(self, pages: object, order: int) -> None: ...

    with pytest.raises(pluggy.PluginValidationError, match="order"):
        manager.register(Plugin())
