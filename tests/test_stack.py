"""A machine's stack of strategies: the default, registering and taking off, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pytest

from clearfw import registry
from clearfw.errors import CompileError, ConfigError, PluginError, StrategyError, UnknownStrategyError
from clearfw.machine import Machine
from clearfw.markers import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Noting

    from clearfw._core import PageRange
    from clearfw.strategies import NativeStrategy

    Boot = Callable[..., Machine]
    CStrategy = Callable[..., NativeStrategy]


def test_the_default_stack_is_the_kernels_helper(boot: Boot) -> None:
    """Batched, with the page-by-page half beside it where there is HIGHMEM; vmalloc has its own."""
    assert boot().strategies == ("batched", "vmalloc_per_page")
    assert boot("highmem=8M").strategies == ("batched", "highmem_fallback", "vmalloc_per_page")


def test_the_default_stack_is_the_plugins_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core names none: with another default, another stack."""
    monkeypatch.setattr(registry.Registry, "default_stack", lambda _, config: "per_page")

    with Machine.boot("memory=16M") as machine:
        assert machine.strategies == ("per_page",)


def test_an_unknown_strategy_is_named_with_those_that_exist() -> None:
    """Nothing boots."""
    with pytest.raises(UnknownStrategyError, match=r"unknown strategy 'per_pages' \(did you mean"):
        Machine.boot("memory=16M", stack="per_pages")


def test_the_strategy_registered_last_is_asked_first(boot: Boot, noting: Noting) -> None:
    """As with pluggy; taken off again, the others serve."""
    machine = boot("init_on_alloc=1", "per_page")
    machine.register(noting)
    machine.alloc_pages()
    assert "+".join(machine.strategies) == "noting+per_page"
    assert len(noting.asked) == 1

    machine.unregister("noting")
    machine.alloc_pages()

    assert machine.strategies == ("per_page",)
    assert len(noting.asked) == 1
    assert machine.counters.clear_calls == 2
    with pytest.raises(UnknownStrategyError):
        machine.unregister("noting")


def test_a_strategy_goes_by_the_name_it_is_registered_under(boot: Boot) -> None:
    """Its own, or the one given, or its class's."""

    class Nameless:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: PageRange) -> None:
            """Pass on."""

    machine = boot("", "per_page")
    machine.register(Nameless(), "mine")
    machine.register(Nameless())

    assert machine.strategies == ("Nameless", "mine", "per_page")


def test_a_stack_is_replaced_whole(boot: Boot, noting: Noting) -> None:
    """By names, or by strategies."""
    machine = boot("init_on_alloc=1", "per_page")
    machine.set_stack([noting])
    machine.alloc_pages()
    assert (machine.strategies, len(noting.asked)) == (("noting",), 1)

    machine.set_stack("batched+per_page")
    machine.alloc_pages()

    assert (machine.strategies, len(noting.asked)) == (("batched", "per_page"), 1)
    assert repr(machine).endswith("stack 'batched+per_page'>")


def test_a_stack_that_cannot_be_leaves_the_old_one(boot: Boot, c_strategy: CStrategy) -> None:
    """Whatever goes wrong: the machine clears with the stack it had, and says so."""
    machine = boot("init_on_alloc=1", "per_page")
    broken = c_strategy("broken", "static int x = ;", ".kernel_init_pages = f")

    for stack, error in (("nobody", UnknownStrategyError), ([broken], CompileError)):
        with pytest.raises(error):
            machine.set_stack(stack)
        assert machine.strategies == ("per_page",)
        machine.alloc_pages()
    assert machine.counters.inits == 2
    machine.unregister("per_page")


def test_a_stack_has_an_end(boot: Boot) -> None:
    """Sixteen strategies; the seventeenth is refused, and is not there afterwards."""
    one = registry.default().strategies["per_page"]
    sixteen = [attrs.evolve(one, name=f"s{i}") for i in range(16)]
    machine = boot("init_on_alloc=1", sixteen)

    with pytest.raises(ConfigError, match="stack of 17 strategies: 16 is the most"):
        machine.register(one)

    assert len(machine.strategies) == 16
    machine.alloc_pages()


def test_a_name_is_registered_once(boot: Boot) -> None:
    """A second strategy of that name is refused, the first stays."""
    machine = boot("init_on_alloc=1", "per_page")

    with pytest.raises(PluginError, match="'per_page' failed"):
        machine.register(registry.default().strategies["per_page"])

    assert machine.strategies == ("per_page",)
    machine.alloc_pages()


def test_a_misspelt_hook_is_found_out(boot: Boot) -> None:
    """Beside a right one it would never be called: PluginError. Alone it makes no strategy."""

    class Typo:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: PageRange) -> None:
            """Pass on."""

        @hookimpl
        def clearfw_init_on_fre(self, pages: PageRange) -> None:
            """Pass on."""

    class OnlyTypo:
        clearfw_init_on_fre = Typo.clearfw_init_on_fre

    machine = boot("init_on_alloc=1", "per_page")
    with pytest.raises(PluginError, match="unknown hook 'clearfw_init_on_fre'"):
        machine.register(Typo())
    with pytest.raises(StrategyError, match="is not a strategy"):
        machine.register(OnlyTypo())

    assert machine.strategies == ("per_page",)
    machine.alloc_pages()


def test_a_wrong_argument_of_a_hook_is_found_out(boot: Boot) -> None:
    """pluggy passes by name: an argument that does not exist is an error at once."""

    class Wrong:
        @hookimpl
        def clearfw_init_on_alloc(self, page: PageRange) -> None:
            """Pass on."""

    with pytest.raises(PluginError, match="page"):
        boot("", [Wrong()])
