"""Plugins: found, loaded each in its own try, and what becomes of the broken ones."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import clearfw_plugins.defaults
import pytest

from clearfw import registry
from clearfw.config import Config
from clearfw.errors import ConfigError, PluginError
from clearfw.markers import hookimpl
from clearfw.registry import PluginInfo, Registry, load
from clearfw.strategies import NativeStrategy, Primitive

if TYPE_CHECKING:
    from collections.abc import Callable

    Install = Callable[..., None]


@pytest.fixture(autouse=True)
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Nothing is installed but what the test installs, by entry-point name."""
    points: list[SimpleNamespace] = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points * (group == "clearfw"))
    monkeypatch.delenv("CLEARFW_PLUGINS", raising=False)

    def add(name: str, plugin: object, dist: str = "stranger") -> None:
        def found() -> object:
            if isinstance(plugin, BaseException):
                raise plugin
            return plugin

        distribution = SimpleNamespace(name=dist, version="1.2")
        points.append(SimpleNamespace(name=name, value=f"{name}.module", load=found, dist=distribution))

    return add


def module(**hooks: object) -> ModuleType:
    """Return a plugin module that holds HOOKS."""
    plugin = ModuleType("plugin")
    vars(plugin).update(hooks)
    return plugin


def offering(*names: str) -> ModuleType:
    """Return a plugin module that offers strategies of these NAMES."""
    strategies = [NativeStrategy(name, Path(f"{name}.c"), "for a test") for name in names]

    @hookimpl
    def clearfw_strategies() -> list[NativeStrategy]:
        return strategies

    return module(clearfw_strategies=clearfw_strategies)


def info(loaded: Registry, name: str) -> PluginInfo:
    """Return the entry of plugin NAME."""
    (found,) = (plugin for plugin in loaded.plugins if plugin.name == name)
    return found


def test_an_installed_plugin_is_listed_with_what_it_brings(install: Install) -> None:
    """Name, version, origin, hooks and strategies."""
    install("good", offering("mine", "yours"))

    loaded = load()

    hooks, strategies = ("clearfw_strategies",), ("mine", "yours")
    expected = PluginInfo("good", "1.2", "entry point good.module", "active", "", hooks, strategies)
    assert [expected] == loaded.plugins
    assert list(loaded.strategies) == ["mine", "yours"]


def nothing() -> list[object]:
    """Offer nothing."""
    return []


def raising() -> NoReturn:
    """Fail as a plugin may."""
    msg = "of all things"
    raise RuntimeError(msg)


@hookimpl
def clearfw_strategies_with(extra: int) -> list[int]:
    """Take an argument that the hook does not have."""
    return [extra]


BROKEN = {
    "import": (ImportError("no module named gone"), "ImportError: no module named gone"),
    "exit": (SystemExit(3), "SystemExit: 3"),
    "misspelt": (module(clearfw_strategeis=hookimpl(lambda: 3)), "unknown hook 'clearfw_strategeis'"),
    "argument": (module(clearfw_strategies=clearfw_strategies_with), "extra"),
    "raises": (module(clearfw_strategies=hookimpl(raising)), "RuntimeError: of all things"),
    "no_list": (module(clearfw_strategies=hookimpl(lambda: 3)), "returned 3, but must return a list"),
    "nothing": (module(clearfw_strategies=hookimpl(lambda: [3])), "3 is not a strategy: .* @hookimpl"),
    "primitive": (module(clearfw_primitives=hookimpl(lambda: [3])), "returned 3, which is not a Primitive"),
    "workload": (module(clearfw_workloads=hookimpl(lambda: [3])), "returned 3, which has no name"),
    "twice": (offering("same", "same"), "plugin 'twice' and plugin 'twice' both offer strategy 'same'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_and_stops_nobody(install: Install, name: str) -> None:
    """Whatever it does, the ones before and after it are there, and its reason is given."""
    plugin, reason = BROKEN[name]
    install("a_good", offering("before"))
    install(name, plugin)
    install("z_good", offering("after"))

    loaded = load()

    assert list(loaded.strategies) == ["before", "after"]
    assert info(loaded, name).status == "failed"
    assert re.search(reason, info(loaded, name).reason)


def test_ctrl_c_while_loading_ends_it(install: Install) -> None:
    """An interrupt is no failure of the plugin's."""
    install("slow", KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        load()


def test_of_two_strategies_of_one_name_the_second_is_refused(install: Install) -> None:
    """With a reason that names both plugins, and nothing else of it is taken."""
    install("second", offering("mine", "other"))
    install("first", offering("mine"))

    loaded = load()

    assert list(loaded.strategies) == ["mine"]
    assert info(loaded, "second").reason == (
        "plugin 'second' and plugin 'first' both offer strategy 'mine': block one"
    )


def test_shipped_plugins_come_before_a_strangers(install: Install) -> None:
    """A stranger's cannot take a shipped strategy's name, whatever its own."""
    install("a", offering("batched"))
    install("z", offering("batched"), dist="clearfw")

    loaded = load()

    assert (info(loaded, "z").status, info(loaded, "a").status) == ("active", "failed")


def test_of_two_plugins_of_one_name_the_second_is_refused(install: Install) -> None:
    """As it would be by pluggy, in our words."""
    install("same", offering("one"))
    install("same", offering("two"))

    loaded = load()

    assert [plugin.status for plugin in loaded.plugins] == ["active", "failed"]
    assert "plugin 'same' and plugin 'same' both offer plugin 'same'" in loaded.plugins[1].reason


def test_a_blocked_plugin_is_not_even_imported(install: Install) -> None:
    """-p no:NAME keeps it out, and it is listed so."""
    install("bad", SystemExit(1))

    loaded = load(block=["bad"])

    assert (info(loaded, "bad").status, info(loaded, "bad").reason) == ("blocked", "-p no:bad")


def test_an_object_with_init_point_hooks_is_a_strategy_itself(install: Install) -> None:
    """No clearfw_strategies() is needed for one; it goes by its own name, or by the plugin's."""

    class Mine:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: object) -> None: ...

    install("mine", Mine())

    assert load().strategies["mine"].interpreted


def test_primitives_and_workloads_are_by_name(install: Install) -> None:
    """What the plugin offers is what is found."""
    primitive = Primitive("fast", Path("fast.c"), "for a test")
    workload = SimpleNamespace(name="busy")
    primitives, workloads = hookimpl(lambda: [primitive]), hookimpl(lambda: [workload])
    install("both", module(clearfw_primitives=primitives, clearfw_workloads=workloads))

    loaded = load()

    assert {"fast": primitive} == loaded.primitives
    assert {"busy": workload} == loaded.workloads


def test_an_undecorated_look_alike_is_warned_of(install: Install) -> None:
    """Pluggy would pass over it without a word."""
    install("forgot", module(clearfw_strategies=nothing, clearfw_helper=info))

    with pytest.warns(UserWarning, match="^clearfw_strategies in plugin 'forgot' is not marked"):
        loaded = load()

    assert info(loaded, "forgot").status == "active"
    assert "not marked with @hookimpl" in info(loaded, "forgot").reason


def test_a_directory_brings_its_files(tmp_path: Path) -> None:
    """Each .py is a plugin, and each .c a strategy, bar a .c that belongs to the .py beside it."""
    (tmp_path / "alone.c").write_text("CLEARFW_STRATEGY(alone, .init_on_alloc = f);\n")
    (tmp_path / "pair.c").write_text("CLEARFW_STRATEGY(pair, .init_on_alloc = f);\n")
    (tmp_path / "pair.py").write_text(
        "from pathlib import Path\n"
        "from clearfw.hookspecs import hookimpl\n"
        "from clearfw.strategies import NativeStrategy\n"
        "@hookimpl\n"
        "def clearfw_strategies():\n"
        "    return [NativeStrategy('pair', Path(__file__).with_suffix('.c'), 'from the pair')]\n"
    )
    (tmp_path / "notes.txt").touch()

    loaded = load(plugins_dir=tmp_path)

    assert list(loaded.strategies) == ["alone", "pair"]
    assert loaded.strategies["pair"].summary == "from the pair"
    assert [plugin.status for plugin in loaded.plugins] == ["active", "active"]


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    """A named strategy is not skipped silently."""
    with pytest.raises(ConfigError, match=r"no plugins directory .*gone"):
        load(plugins_dir=tmp_path / "gone")


def test_the_environment_names_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules and paths, separated by commas; what is not there is listed as failed."""
    (tmp_path / "named_module.py").touch()
    (tmp_path / "mine.c").write_text("CLEARFW_STRATEGY(mine, .init_on_alloc = f);\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CLEARFW_PLUGINS", f"named_module, {tmp_path}/mine.c,no_such_module,gone.py,")

    loaded = load()

    statuses = {plugin.name: plugin.status for plugin in loaded.plugins}
    assert statuses == {
        "named_module": "active",
        "mine": "active",
        "no_such_module": "failed",
        "gone": "failed",
    }
    assert re.fullmatch(
        r"ModuleNotFoundError: No module named 'no_such_module' \(.*, line \d+\)",
        info(loaded, "no_such_module").reason,
    )


def test_a_failure_is_told_with_its_place(install: Install, tmp_path: Path) -> None:
    """The file and the line that raised it."""
    path = tmp_path / "raises.py"
    path.write_text("x = 1\nraise ValueError('no')\n")

    loaded = load(plugins_dir=tmp_path)

    assert info(loaded, "raises").reason == f"ValueError: no ({path}, line 2)"


def test_an_unknown_hook_is_told_with_the_nearest(install: Install) -> None:
    """Marked as a hook, and called by nobody."""
    install("wrong", module(clearfw_strategy=hookimpl(lambda: None)))
    loaded = load()

    assert info(loaded, "wrong").status == "failed"
    assert (
        "unknown hook 'clearfw_strategy' (did you mean 'clearfw_strategies'?)" in info(loaded, "wrong").reason
    )


def test_a_strategy_that_is_declared_wrongly_fails_when_it_is_loaded(install: Install) -> None:
    """And not when a machine first asks it."""

    class Wrong:
        name = "declared_wrongly"

        @hookimpl
        def clearfw_init_on_alloc(self, blocks: object) -> bool:
            return True

    install("wrong", module(clearfw_strategies=hookimpl(lambda: [Wrong()])))

    assert info(load(), "wrong").status == "failed"


def test_the_last_plugin_loaded_names_the_default_stack(install: Install) -> None:
    """One that passes on leaves it to the others."""
    install("a", module(clearfw_default_stack=hookimpl(lambda config: f"per_page_{config.page_shift}")))
    install("b", module(clearfw_default_stack=hookimpl(lambda: None)))

    assert load().default_stack(Config()) == "per_page_12"


def test_no_default_stack_is_a_clear_error(install: Install) -> None:
    """The message lists the plugins that could have named one."""
    install("good", offering("mine"))

    with pytest.raises(
        ConfigError, match=r"no active plugin offers a default stack \(active: good\): name a stack"
    ):
        load().default_stack(Config())


def test_a_default_stack_that_fails_names_the_plugin(install: Install) -> None:
    """It is found among all that implement the hook."""
    install("a", module(clearfw_default_stack=hookimpl(raising)))
    install("b", module(clearfw_default_stack=hookimpl(lambda: None)))

    with pytest.raises(PluginError, match="plugin 'a' failed with RuntimeError: of all things"):
        load().default_stack(Config())


def test_the_shipped_default_is_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one on a machine without HIGHMEM, in two on one with; vmalloc's has its own."""
    monkeypatch.setenv("CLEARFW_PLUGINS", "clearfw_plugins.defaults")
    loaded = load()

    assert loaded.default_stack(Config()) == "batched+vmalloc_per_page"
    with_highmem = Config(memory=1 << 26, highmem=1 << 25)
    assert loaded.default_stack(with_highmem) == "batched+highmem_fallback+vmalloc_per_page"


def test_a_plugin_may_replace_the_shipped_default(install: Install) -> None:
    """The shipped strategy is called last."""
    install("a_mine", module(clearfw_default_stack=hookimpl(lambda: "per_page")))
    install("defaults", clearfw_plugins.defaults)

    assert load().default_stack(Config()) == "per_page"


def test_the_default_registry_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library's users share it."""
    registry.default.cache_clear()
    monkeypatch.setattr(registry, "_candidates", lambda _: iter(()))

    assert registry.default() is registry.default()
    registry.default.cache_clear()


def test_loading_warns_of_nothing_by_itself(install: Install) -> None:
    """A good plugin is silent."""
    install("good", offering("mine"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load()


def test_importing_the_registry_is_light() -> None:
    """Not the distributions' metadata, nor a compiler's or a measurement's needs, before they are used."""
    heavy = ["importlib.metadata", "clearfw.toolchain.compiler", "subprocess", "logging", "numpy"]
    program = f"import sys, clearfw.registry; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
