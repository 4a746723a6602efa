"""The registry finds plugins, loads each of them separately, and keeps their offers."""

from __future__ import annotations

import functools
import importlib
import os
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import attrs
import pluggy

from clearfw import hookspecs
from clearfw.errors import ClearfwError, ConfigError, PluginError, StrategyError, nearest, place
from clearfw.markers import hookimpl
from clearfw.strategies import (
    Primitive,
    PythonStrategy,
    as_strategy,
    from_file,
    implements_init_point,
    import_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from importlib.metadata import EntryPoint

    from clearfw.config import Config
    from clearfw.strategies import Named, Strategy

Status: TypeAlias = Literal["active", "blocked", "failed"]


@attrs.frozen
class PluginInfo:
    """A plugin that was found, and its status.

    Attributes:
        version: of the distribution that brings it; empty for a file or module named by hand.
        origin: where it was found.
        reason: why it is not active, or what is odd about it; empty where all is well.
        hooks, strategies: the names of those it brings.

    """

    name: str
    version: str
    origin: str
    status: Status
    reason: str = ""
    hooks: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()


@attrs.frozen
class Registry:
    """Offers of the active plugins, by name, and all plugins found."""

    strategies: Mapping[str, Strategy]
    primitives: Mapping[str, Primitive]
    workloads: Mapping[str, Named]
    plugins: Sequence[PluginInfo]
    _manager: pluggy.PluginManager

    def default_stack(self, config: Config) -> str:
        """Return the default stack for CONFIG; raises PluginError, ConfigError."""
        hook = self._manager.hook.clearfw_default_stack
        try:
            stack = hook(config=config)
        except Exception as error:
            raise PluginError(_culprit(hook, error), error) from error
        if isinstance(stack, str):
            return stack
        active = ", ".join(info.name for info in self.plugins if info.status == "active") or "none"
        msg = f"no active plugin offers a default stack (active: {active}): name a stack"
        raise ConfigError(msg)


def load(*, block: Collection[str] = (), plugins_dir: Path | None = None) -> Registry:
    """Return installed plugins, and those in PLUGINS_DIR and $CLEARFW_PLUGINS, without those in BLOCK.

    A plugin that cannot be loaded is listed as failed, with the reason, and stops no other.
    """
    loader = _Loader(block)
    for candidate in _candidates(plugins_dir):
        loader.add(candidate)
    return loader.registry()


@functools.cache
def default() -> Registry:
    """Return installed plugins and those in $CLEARFW_PLUGINS, loaded once in a process."""
    return load()


@attrs.frozen
class _Candidate:
    """A plugin that was found but is not yet loaded."""

    name: str
    origin: str
    load: Callable[[], object]
    version: str = ""


def _candidates(plugins_dir: Path | None) -> Iterator[_Candidate]:
    yield from _installed()
    if plugins_dir is not None:
        yield from _in_directory(plugins_dir)
    for named in os.environ.get("CLEARFW_PLUGINS", "").split(","):
        if named.strip():
            yield _named(named.strip())


def _installed() -> Iterator[_Candidate]:
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group="clearfw"), key=_rank):
        version = point.dist.version if point.dist else ""
        yield _Candidate(point.name, f"entry point {point.value}", point.load, version)


def _rank(point: EntryPoint) -> tuple[bool, str]:
    # clearfw's own come first, so that no stranger's can take the name of a shipped strategy.
    shipped = point.dist is not None and point.dist.name == "clearfw"
    return not shipped, point.name


def _in_directory(directory: Path) -> Iterator[_Candidate]:
    if not directory.is_dir():
        msg = f"there is no plugins directory {directory}: give a directory with .py or .c files"
        raise ConfigError(msg)
    for path in sorted(directory.iterdir()):
        # A .c beside a .py of its name is that plugin's own.
        if path.suffix == ".py" or (path.suffix == ".c" and not path.with_suffix(".py").exists()):
            yield _file(path)


def _named(named: str) -> _Candidate:
    path = Path(named)
    if path.suffix in {".c", ".py"}:
        return _file(path)
    return _Candidate(named, "CLEARFW_PLUGINS", lambda: importlib.import_module(named))


def _file(path: Path) -> _Candidate:
    if path.suffix == ".c":
        return _Candidate(path.stem, str(path), lambda: _OneFile(from_file(path)))
    return _Candidate(path.stem, str(path), lambda: import_file(path))


class _OneFile:
    """Plugin made from a C file; it offers one strategy."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy

    @hookimpl
    def clearfw_strategies(self) -> list[Strategy]:
        return [self._strategy]


@attrs.frozen
class _Offer:
    """The offers of one plugin."""

    hooks: tuple[str, ...]
    strategies: Sequence[Strategy]
    primitives: Sequence[Primitive]
    workloads: Sequence[Named]

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield the kind and name of each offer."""
        kinds: dict[str, Sequence[Named]] = {
            "strategy": self.strategies,
            "primitive": self.primitives,
            "workload": self.workloads,
        }
        for kind, things in kinds.items():
            for thing in things:
                yield kind, thing.name


class _Loader:
    """Loads plugins one after the other, and keeps the offers of those that work."""

    def __init__(self, block: Collection[str]) -> None:
        self.block = block
        self.manager = _manager()
        self.offers: list[_Offer] = []
        self.plugins: list[PluginInfo] = []
        self._owner: dict[tuple[str, str], str] = {}

    def add(self, candidate: _Candidate) -> None:
        """Load CANDIDATE and record its status."""
        if candidate.name in self.block:
            self._record(candidate, "blocked", f"-p no:{candidate.name}")
            return
        try:
            plugin = candidate.load()
            offer = _examine(plugin, candidate.name)
            odd = _look_alikes(plugin, candidate.name)
            self._owner = _claimed(self._owner, candidate.name, offer)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin may fail in any way, and stops no other)
            self._record(candidate, "failed", _said(error))
            return
        self.manager.register(plugin, candidate.name)
        self.offers.append(offer)
        strategies = tuple(strategy.name for strategy in offer.strategies)
        self._record(candidate, "active", odd, hooks=offer.hooks, strategies=strategies)

    def registry(self) -> Registry:
        """Return the offers of all plugins together."""
        return Registry(
            strategies={strategy.name: strategy for offer in self.offers for strategy in offer.strategies},
            primitives={primitive.name: primitive for offer in self.offers for primitive in offer.primitives},
            workloads={workload.name: workload for offer in self.offers for workload in offer.workloads},
            plugins=self.plugins,
            manager=self.manager,
        )

    def _record(self, candidate: _Candidate, status: Status, reason: str, **brought: tuple[str, ...]) -> None:
        info = PluginInfo(candidate.name, candidate.version, candidate.origin, status, reason, **brought)
        self.plugins.append(info)


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("clearfw")
    manager.add_hookspecs(hookspecs.Registry)
    manager.add_hookspecs(hookspecs.InitPoints)
    return manager


def _examine(plugin: object, name: str) -> _Offer:
    # In a manager of its own: whatever goes wrong is this plugin's doing, and leaves nothing behind.
    manager = _registered(plugin, name)
    things = _called(manager, "clearfw_strategies")
    if implements_init_point(plugin):
        things.append(plugin)
    strategies = [as_strategy(thing, name) for thing in things]
    for strategy in strategies:
        if isinstance(strategy, PythonStrategy) and strategy.implementation is not plugin:
            _registered(strategy.implementation, strategy.name)
    return _Offer(
        hooks=tuple(sorted(caller.name for caller in manager.get_hookcallers(plugin) or ())),
        strategies=strategies,
        primitives=[_primitive(thing) for thing in _called(manager, "clearfw_primitives")],
        workloads=[_workload(thing) for thing in _called(manager, "clearfw_workloads")],
    )


def _registered(plugin: object, name: str) -> pluggy.PluginManager:
    """Return a manager with PLUGIN alone; raises StrategyError for a hook that there is not, or is not so."""
    manager = _manager()
    known = sorted(vars(manager.hook))
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            continue
        hook = options.get("specname") or attribute
        if hook not in known:
            msg = f"unknown hook {hook!r}{nearest(hook, known)}: known are {', '.join(known)}"
            raise StrategyError(msg, name)
    manager.register(plugin, name)
    manager.check_pending()
    return manager


def _called(manager: pluggy.PluginManager, hook: str) -> list[object]:
    things: list[object] = []
    for result in getattr(manager.hook, hook)():
        if not isinstance(result, list | tuple):
            msg = f"{hook}() returned {result!r}, but must return a list"
            raise TypeError(msg)
        things += result
    return things


def _primitive(thing: object) -> Primitive:
    if not isinstance(thing, Primitive):
        msg = f"clearfw_primitives() returned {thing!r}, which is not a Primitive"
        raise TypeError(msg)
    return thing


def _workload(thing: object) -> Named:
    if not isinstance(getattr(thing, "name", None), str):
        msg = f"clearfw_workloads() returned {thing!r}, which has no name"
        raise TypeError(msg)
    return cast("Named", thing)


def _claimed(owner: Mapping[tuple[str, str], str], plugin: str, offer: _Offer) -> dict[tuple[str, str], str]:
    owner = dict(owner)
    for kind, name in [("plugin", plugin), *offer.names()]:
        if (kind, name) in owner:
            other = owner[kind, name]
            msg = f"plugin {plugin!r} and plugin {other!r} both offer {kind} {name!r}: block one"
            raise StrategyError(msg, name)
        owner[kind, name] = plugin
    return owner


def _look_alikes(plugin: object, name: str) -> str:
    # pluggy passes over an undecorated function without a word.
    manager = _manager()
    odd = [
        hook
        for hook in dir(plugin)
        if hook in vars(manager.hook)
        and callable(getattr(plugin, hook))
        and manager.parse_hookimpl_opts(plugin, hook) is None
    ]
    if not odd:
        return ""
    msg = f"{', '.join(odd)} in plugin {name!r} is not marked with @hookimpl, so it is never called"
    warnings.warn(msg, stacklevel=4)
    return msg


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, ClearfwError) else f"{type(error).__name__}: {error}{place(error)}"


def _culprit(hook: pluggy.HookCaller, error: Exception) -> str:
    # Find the plugin whose function raised the exception.
    running = {frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)}
    names = (impl.plugin_name for impl in hook.get_hookimpls() if impl.function.__code__ in running)
    return next(names, "unknown")
