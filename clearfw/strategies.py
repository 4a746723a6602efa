"""Strategies in C and in Python, which clear pages at init points, and stacks of strategies."""

from __future__ import annotations

import importlib.util
import inspect
import itertools
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, TypeVar

import attrs
import pluggy

from clearfw.errors import AbiError, ClearfwError, StrategyError, UnknownStrategyError, place
from clearfw.markers import hookimpl
from clearfw.toolchain.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from clearfw._core import NativeStrategyHandle, PageRange, VmallocRange
    from clearfw.config import Config

INIT_HOOKS = {
    "alloc": "clearfw_init_on_alloc",
    "free": "clearfw_init_on_free",
    "vmalloc": "clearfw_init_on_vmalloc",
}

_Loaded = TypeVar("_Loaded")

_SUFFIXES = (".c", ".py")
_SCANNER = pluggy.PluginManager("clearfw")
_C_NAME = re.compile(r"^CLEARFW_STRATEGY\(\s*([^,)]*)", re.MULTILINE)
_NAME = re.compile(r"[\w:-]+")


class Named(Protocol):
    """An object with a name."""

    @property
    def name(self) -> str:
        """Name of the object."""


def _check_name(_instance: object, _attribute: attrs.Attribute[str], name: str) -> None:
    # The part behind a colon is the file, if the name alone is ambiguous: see told_apart().
    if not _NAME.fullmatch(name.partition(":")[0]):
        msg = f"strategy name {name!r} cannot be used in a stack: use letters, digits, '_' and '-'"
        raise StrategyError(msg, name)


@attrs.frozen
class NativeStrategy:
    """A strategy in C: SOURCE ends with CLEARFW_STRATEGY(name, ...).

    Attributes:
        tryfirst, trylast: its place among others at an init point, as in pluggy.
        baseline: others are compared with it.
        read: the file as it was when it was first read, which is what every configuration is compiled from.

    """

    name: str = attrs.field(validator=_check_name)
    source: Path
    summary: str
    tryfirst: bool = False
    trylast: bool = False
    baseline: bool = False
    read: Source = attrs.field(
        default=attrs.Factory(lambda self: Source(self.source), takes_self=True), eq=False, repr=False
    )
    interpreted: ClassVar[bool] = False

    def load(self, config: Config) -> NativeStrategyHandle:
        """Return the C functions as compiled for CONFIG; raises CompileError, NoCompilerError, AbiError."""
        from clearfw._core import load_strategy

        return _load(load_strategy, self.read, config.kernel_options())

    def plugin(self, config: Config) -> NativePlugin:
        """Return the plugin object for a machine of CONFIG; raises as load() does."""
        return NativePlugin(self, self.load(config))


@attrs.frozen
class PythonStrategy:
    """A strategy in Python: IMPLEMENTATION is any object with init-point hooks."""

    name: str = attrs.field(validator=_check_name)
    implementation: object
    summary: str
    baseline: ClassVar[bool] = False
    interpreted: ClassVar[bool] = True

    @property
    def source(self) -> Path | None:
        """File of the strategy; None without a file, as in an interactive session."""
        implementation = self.implementation
        written = implementation if inspect.ismodule(implementation) else type(implementation)
        try:
            return Path(inspect.getfile(written))
        except (OSError, TypeError):
            return None

    def plugin(self, config: Config) -> object:  # noqa: ARG002  one call for both kinds of strategy
        """Return the implementation itself, for every CONFIG."""
        return self.implementation


Strategy: TypeAlias = NativeStrategy | PythonStrategy


class NativePlugin:
    """A C strategy as a pluggy plugin: a hookimpl for each init point that its file implements."""

    def __init__(self, strategy: NativeStrategy, handle: NativeStrategyHandle) -> None:
        self.name = strategy.name
        self.native_handle = handle
        mark = hookimpl(tryfirst=strategy.tryfirst, trylast=strategy.trylast)
        for point in sorted(handle.points):
            setattr(self, INIT_HOOKS[point], mark(_implementation(handle, point)))


def _implementation(handle: NativeStrategyHandle, point: str) -> Callable[..., bool | None]:
    # pluggy passes arguments by name, and stops at anything but None.
    def ask_pages(pages: PageRange) -> bool | None:
        return handle.ask(point, pages) or None

    def ask_area(area: VmallocRange) -> bool | None:
        return handle.ask(point, area) or None

    implementation: Callable[..., bool | None] = ask_area if point == "vmalloc" else ask_pages
    # By this a machine knows an implementation it can call in C, without pluggy.
    implementation.native_handle = handle  # type: ignore[attr-defined]
    return implementation


@attrs.frozen
class Primitive:
    """A primitive in C: SOURCE ends with CLEARFW_PRIMITIVE(name, ...)."""

    name: str
    source: Path
    summary: str

    def load(self) -> str:
        """Add the primitive to the core, return its name; raises CompileError, NoCompilerError, AbiError."""
        from clearfw._core import load_primitive

        return _load(load_primitive, self.source)


def _load(load: Callable[[str], _Loaded], source: Path | Source, options: Sequence[str] = ()) -> _Loaded:
    from clearfw.toolchain.compiler import compile_c

    compiled = str(compile_c(source, options))
    try:
        return load(compiled)
    except AbiError as error:
        # Told of the file someone wrote, not of the one in the cache.
        written = source if isinstance(source, Path) else source.path
        raise AbiError(error.message.replace(compiled, str(written))) from error


def implements_init_point(thing: object) -> bool:
    """Return whether THING, an object, module or class, has a hookimpl for an init point."""
    hooks = INIT_HOOKS.values()
    for name in dir(thing):
        options = _SCANNER.parse_hookimpl_opts(thing, name)
        if options and (options.get("specname") or name) in hooks:
            return True
    return False


def as_strategy(thing: object, default_name: str) -> Strategy:
    """Return THING as a strategy, with its own name if it has one; raises StrategyError."""
    if isinstance(thing, NativeStrategy | PythonStrategy):
        return thing
    if inspect.isclass(thing):
        msg = f"{thing.__name__} is a class, but a strategy is an instance: write {thing.__name__}()"
        raise StrategyError(msg, default_name)
    if not implements_init_point(thing):
        hooks = ", ".join(INIT_HOOKS.values())
        msg = f"{thing!r} is not a strategy: give it a method marked with @hookimpl, one of {hooks}"
        raise StrategyError(msg, default_name)
    name = getattr(thing, "name", None)
    summary = (inspect.getdoc(thing) or "").partition("\n")[0]
    return PythonStrategy(name if isinstance(name, str) else default_name, thing, summary)


def from_file(path: Path) -> Strategy:
    """Return the strategy in PATH, a .c or .py file; raises StrategyError unless there is exactly one."""
    if not path.is_file():
        msg = f"no strategy file {path}: give a name, or the path of a .c or .py file"
        raise StrategyError(msg, str(path))
    if path.suffix == ".c":
        read = Source(path)
        names = _C_NAME.findall(read.text)
        name = names[-1].strip() if names else path.stem
        if names and not name.isidentifier():
            msg = f"{path} ends with CLEARFW_STRATEGY({name}, ...): a name in C has letters, digits and '_'"
            raise StrategyError(msg, name)
        return NativeStrategy(name, path, f"from {path}", read=read)
    try:
        found = list(_written_in(import_file(path), path.stem))
    except ClearfwError:
        raise
    except Exception as error:
        msg = f"{path} raised {type(error).__name__}: {error}{place(error)}"
        raise StrategyError(msg, str(path)) from error
    if len(found) != 1:
        defined = ", ".join(strategy.name for strategy in found) or "none"
        msg = f"{path} must define one strategy, but defines {defined}: keep one class with @hookimpl methods"
        raise StrategyError(msg, str(path))
    return found[0]


def import_file(path: Path) -> ModuleType:
    """Import PATH as a module of its own; exceptions of the module propagate."""
    name = f"clearfw_file_{path.stem}_{abs(hash(path.resolve())):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"{path} cannot be imported: give the path of a .py file"
        raise StrategyError(msg, str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def points(strategy: Strategy, config: Config) -> frozenset[str]:
    """Return the init points that STRATEGY serves on a machine of CONFIG; raises the errors of loading it."""
    plugin = strategy.plugin(config)
    return frozenset(point for point, hook in INIT_HOOKS.items() if hasattr(plugin, hook))


def is_file_name(text: str) -> bool:
    """Return whether TEXT is the name of a strategy file, whether or not the file exists."""
    return text.endswith(_SUFFIXES)


def elements(text: str) -> list[str]:
    """Return the names and paths of a stack such as "batched+mine.c"."""
    # A path may hold a "+" of its own.
    if is_file_name(text) and Path(text).is_file():
        return [text]
    return [element.strip() for element in text.split("+")]


def parse_stack(text: str, known: Mapping[str, Strategy]) -> tuple[Strategy, ...]:
    """Return the strategies of a stack such as "batched+mine.c", in the order in which they are called.

    Raises UnknownStrategyError for a name not in KNOWN, and StrategyError for a name that stands twice.
    """
    stack = tuple(from_name(element, known) for element in elements(text))
    (stack,) = told_apart([stack], known)
    names = [strategy.name for strategy in stack]
    if twice := [name for name in names if names.count(name) > 1]:
        msg = f"stack {text!r} names {twice[0]!r} twice, but only its first place has an effect: name it once"
        raise StrategyError(msg, text)
    return stack


def told_apart(
    stacks: Iterable[tuple[Strategy, ...]], known: Mapping[str, Strategy]
) -> list[tuple[Strategy, ...]]:
    """Return STACKS with `name:file` for a name, where strategies of several files have it.

    One of KNOWN keeps its name as it is.
    """
    found = list(stacks)
    files: dict[str, set[str]] = {}
    for one in itertools.chain(known.values(), *found):
        files.setdefault(one.name, set()).add(_file(one))

    def named(one: Strategy) -> Strategy:
        if len(files[one.name]) == 1 or known.get(one.name) is one:
            return one
        return attrs.evolve(one, name=f"{one.name}:{one.source}")

    return [tuple(named(one) for one in stack) for stack in found]


def _file(strategy: Strategy) -> str:
    return os.path.abspath(strategy.source or "")  # noqa: PTH100  Path.absolute() keeps ".."


def from_name(text: str, known: Mapping[str, Strategy]) -> Strategy:
    """Return the strategy that TEXT names: one of KNOWN, or a .c or .py file; raises UnknownStrategyError."""
    if text in known:
        return known[text]
    if is_file_name(text):
        return from_file(Path(text))
    raise UnknownStrategyError(text, known)


def _written_in(module: ModuleType, default_name: str) -> Iterator[Strategy]:
    if _SCANNER.parse_hookimpl_opts(module, "clearfw_strategies"):
        things = list(module.clearfw_strategies())
    elif implements_init_point(module):
        things = [module]
    else:
        things = _instances(module) or [cls() for cls in _classes(module)]
    for thing in things:
        yield as_strategy(thing, default_name)


def _instances(module: ModuleType) -> list[object]:
    things = (thing for thing in vars(module).values() if not inspect.isclass(thing))
    return [thing for thing in things if implements_init_point(thing)]


def _classes(module: ModuleType) -> list[type]:
    classes = (thing for thing in vars(module).values() if inspect.isclass(thing))
    return [cls for cls in classes if cls.__module__ == module.__name__ and implements_init_point(cls)]
