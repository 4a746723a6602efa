"""The machine: booted memory, its configuration, and the stack of strategies at its init points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import attrs
import pluggy

from clearfw import hookspecs, primitives, registry
from clearfw._core import CoreMachine
from clearfw.config import Config
from clearfw.errors import ClearfwError, ConfigError, PluginError, UnknownStrategyError
from clearfw.host import check_memory
from clearfw.strategies import INIT_HOOKS, as_strategy, parse_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from clearfw._core import NativeStrategyHandle, PageRange, VmallocRange
    from clearfw.strategies import Strategy


@attrs.frozen
class Counters:
    """Counters of a machine since boot, or since reset_counters().

    Attributes:
        allocs, frees: blocks allocated and freed.
        inits: calls of an init point.
        pages: pages passed to init points.
        clear_calls, cleared_pages: primitive calls by strategies, and the pages they covered.
        integrated_pages: pages that hw_tags cleared while it set tags, without a strategy.
        memsets, memset_bytes: memset() calls by strategies, and the bytes they were told to write.
        fences: fences after non-temporal stores.
        kmaps: kmap_local_page() calls for HIGHMEM pages.
        page_walks: vmalloc_to_page() walks.
        kasan_reports: accesses that KASAN reported.
        poison_reports: free pages whose poison was damaged.
        bad_pages: pages leaked on free.
        sleeps: might_sleep() and cond_resched() inside an init point.
        warnings: WARN_ON() that fired.
        zero_clears: clear_pages() of 0 pages, which only x86 takes for none.
        longest_clear: pages in the longest single primitive call.

    """

    allocs: int
    frees: int
    inits: int
    pages: int
    clear_calls: int
    cleared_pages: int
    integrated_pages: int
    memsets: int
    memset_bytes: int
    fences: int
    kmaps: int
    page_walks: int
    kasan_reports: int
    poison_reports: int
    bad_pages: int
    sleeps: int
    warnings: int
    zero_clears: int
    longest_clear: int


class Machine(CoreMachine):
    """Memory with the kernel's page allocator. Its init points call a stack of strategies.

    Boot a machine with `Machine.boot("init_on_alloc=1 memory=256M")`. Use it as a context manager, or
    call close(), which releases every mapping.
    """

    config: Config
    _manager: pluggy.PluginManager
    _registered: dict[str, Strategy]

    def __init__(self, config: Config, stack: str | Iterable[object] | None = None) -> None:
        """Boot with CONFIG. STACK is a text such as "a+b", a list of strategies, or None for the default."""
        if not isinstance(config, Config):
            msg = f"Machine() takes a Config, not {config!r}: write Machine.boot({config!r})"
            raise ConfigError(msg)
        check_memory(config.real_memory)
        super().__init__(config)
        self.config = config
        self._new_manager()
        try:
            self.set_primitives(primitives.by_size(config.primitive, config))
            self._replace(_strategies(stack, config))
        except BaseException:  # otherwise the traceback would keep the memory
            self.close()
            raise

    @classmethod
    def boot(cls, cmdline: str | Config = "", *, stack: str | Iterable[object] | None = None) -> Self:
        """Return a machine booted from a kernel-like command line, or a Config.

        Raises ConfigError, MemoryLimitError, BackingError, and the errors of loading a strategy.
        """
        config = Config.parse(cmdline) if isinstance(cmdline, str) else cmdline
        return cls(config, stack)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; an exception in flight, whose traceback may hold views, is not buried under that."""
        try:
            self.close()
        except ClearfwError as another:
            if error is None:
                raise
            error.add_note(f"and at the end of the with block: {another}")

    @property
    def counters(self) -> Counters:
        """Counters of all threads up to now."""
        return Counters(**self._counters())

    @property
    def strategies(self) -> tuple[str, ...]:
        """Names of the registered strategies, in the order in which they are called."""
        return tuple(self._registered)

    def register(self, strategy: object, name: str = "") -> None:
        """Put a strategy, or an object with init-point hookimpls, at the front of the stack."""
        added = as_strategy(strategy, name or type(strategy).__name__)
        self._replace([added, *self._registered.values()])

    def unregister(self, name: str) -> None:
        """Remove a strategy from every init point. Raises UnknownStrategyError."""
        if name not in self._registered:
            raise UnknownStrategyError(name, self._registered)
        self._replace([strategy for strategy in self._registered.values() if strategy.name != name])

    def set_stack(self, stack: str | Iterable[object]) -> None:
        """Replace all strategies by those of STACK, in that order; after an error the old ones stay."""
        self._replace(_strategies(stack, self.config))

    def _replace(self, strategies: Sequence[Strategy]) -> None:
        manager, registered = self._manager, self._registered
        self._new_manager()
        try:
            for strategy in reversed(strategies):
                self._register(strategy)
            self._rebind()
        except BaseException:
            self._manager, self._registered = manager, registered
            self._rebind()
            raise

    def _new_manager(self) -> None:
        self._manager = pluggy.PluginManager("clearfw")
        self._manager.add_hookspecs(hookspecs.InitPoints)
        self._registered = {}

    def _register(self, strategy: Strategy) -> None:
        try:
            self._manager.register(strategy.plugin(self.config), strategy.name)
            self._manager.check_pending()
        except (ValueError, pluggy.PluginValidationError) as error:
            raise PluginError(strategy.name, error) from error
        self._registered = {strategy.name: strategy, **self._registered}

    def _rebind(self) -> None:
        """Install pluggy's order as a chain of C functions if all are native, otherwise call pluggy."""
        self.stack_name = "+".join(self._registered)
        for index, hook_name in enumerate(INIT_HOOKS.values()):
            caller = getattr(self._manager.hook, hook_name)
            handles = _native_chain(caller)
            if handles is None:
                self._bind_callback(index, _asker(caller, "area" if "vmalloc" in hook_name else "pages"))
            else:
                self._bind(index, handles)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"stack {self.stack_name!r}"
        return f"<Machine {str(self.config)!r} {state}>"


def _strategies(stack: str | Iterable[object] | None, config: Config) -> list[Strategy]:
    if stack is None:
        stack = registry.default().default_stack(config)
    if isinstance(stack, str):
        return list(parse_stack(stack, registry.default().strategies)) if stack else []
    return [one for given in stack for one in _given(given)]


def _given(strategy: object) -> Sequence[Strategy]:
    if isinstance(strategy, str):
        return parse_stack(strategy, registry.default().strategies)
    return [as_strategy(strategy, type(strategy).__name__)]


def _native_chain(caller: pluggy.HookCaller) -> list[NativeStrategyHandle] | None:
    """Return the handles in the order in which pluggy calls them, or None if one is not native."""
    # get_hookimpls() gives non-wrappers, then wrappers; pluggy calls from the end.
    implementations = list(reversed(caller.get_hookimpls()))
    handles = [getattr(implementation.function, "native_handle", None) for implementation in implementations]
    return None if None in handles else [handle for handle in handles if handle is not None]


def _asker(caller: pluggy.HookCaller, argument: str) -> Callable[[PageRange | VmallocRange], bool]:
    def ask(range_: PageRange | VmallocRange) -> bool:
        return caller(**{argument: range_}) is True

    return ask
