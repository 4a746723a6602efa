"""The errors of clearfw: one class for each failure, with details as attributes."""

import difflib
import enum
import errno
import os
import shlex
import sys
import traceback
from collections.abc import Iterable
from typing import Any, ClassVar

import attrs


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the tail `" (did you mean 'x'?)"` for an unknown name, or "" if no known name is similar."""
    by_folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f" (did you mean {by_folded[close[0]]!r}?)" if close else ""


def place(error: BaseException) -> str:
    """Return the tail " (FILE, line N)" of where ERROR was raised; "" where that is not known."""
    if isinstance(error, SyntaxError):  # tells of the file it could not read
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def to_install(package: str) -> str:
    """Return the command that installs PACKAGE for this Python."""
    return f"{shlex.quote(sys.executable)} -m pip install {package}"


@attrs.define
class ClearfwError(Exception):
    """Base class of all errors; `message` says what was asked for, what was found, and what to do."""

    message: str

    def __str__(self) -> str:
        return self.message


class ConfigError(ClearfwError, ValueError):
    """The configuration is not valid."""


class GfpError(ClearfwError, ValueError):
    """The text contains something that is not a gfp flag."""


@attrs.define
class OutOfMemoryError(ClearfwError, MemoryError):
    """No block of `wanted` pages is free; `found` pages are free in all."""

    wanted: int
    found: int


@attrs.define
class OrderError(ClearfwError, ValueError):
    """`order` is above MAX_PAGE_ORDER."""

    order: int


@attrs.define
class DoubleFreeError(ClearfwError):
    """The block at `pfn` is already free."""

    pfn: int


@attrs.define
class ForeignFreeError(ClearfwError):
    """`pfn` is not the first page of an allocated block of `order`."""

    pfn: int
    order: int


@attrs.define
class FreedPagesError(ClearfwError, BufferError):
    """The pages from `pfn` were freed, so they are no longer a buffer."""

    pfn: int


class PagesInUseError(ClearfwError, BufferError):
    """Pages cannot be freed, and a machine cannot be closed, while views of its memory exist."""


@attrs.define
class NotMappedError(ClearfwError, BufferError):
    """The HIGHMEM page `pfn` has no address without kmap_local_page()."""

    pfn: int


@attrs.define
class UnclaimedError(ClearfwError):
    """No strategy in `stack` claimed the `npages` pages from `pfn` in `zone`; the pages went back."""

    pfn: int
    npages: int
    zone: str
    stack: str


@attrs.define
class StrategyError(ClearfwError):
    """`strategy` (or the stack of that name) broke a rule of an init point."""

    strategy: str


class KmapError(StrategyError):
    """A strategy's kmap_local_page() and kunmap_local() are not paired."""


class KasanError(StrategyError):
    """A strategy's kasan_disable_current() and kasan_enable_current() are not paired."""


class CoherenceError(StrategyError):
    """A strategy returned before other processors could see its non-temporal stores."""


class PreemptionError(StrategyError):
    """A strategy changed the state of preemption or interrupts."""


class ZeroPagesError(StrategyError):
    """A strategy called clear_pages() for 0 pages, which the generic version treats as 2^32 pages."""


class InitContextError(StrategyError):
    """A strategy allocated or freed inside an init point."""


@attrs.define
class FaultError(ClearfwError):
    """No page is mapped at `address`."""

    address: int


@attrs.define
class MapCountError(ClearfwError):
    """`wanted` mappings are needed, but vm.max_map_count only leaves room for `found`."""

    wanted: int
    found: int


class VmallocError(ClearfwError, ValueError):
    """The address is not the start of a vmalloc area, or there is no room for an area."""


class WindowError(ClearfwError):
    """A strategy came back to so much of a window that the window lost sight of what it cleared."""


class BackingError(ClearfwError):
    """The host does not have the backing, or the backing cannot do this."""


class MemoryLimitError(ClearfwError, MemoryError):
    """The machine needs more memory than the host has, or than RLIMIT_AS allows."""


class MachineClosedError(ClearfwError, ValueError):
    """The machine is closed and its memory is gone."""


class ForkedError(ClearfwError):
    """The machine belongs to the process that booted it, and not to this child of it."""


@attrs.define
class UnknownNameError(ClearfwError, LookupError):
    """`name` is not among the `known` names."""

    noun: ClassVar[str] = "name"

    name: str
    known: tuple[str, ...] = attrs.field(converter=tuple[str, ...])
    message: str = attrs.field(init=False)

    @message.default
    def _compose(self) -> str:
        known = ", ".join(self.known) or "none"
        return f"unknown {self.noun} {self.name!r}{nearest(self.name, self.known)}: known are {known}"


class UnknownStrategyError(UnknownNameError):
    """No installed strategy has that `name`."""

    noun = "strategy"


class UnknownCheckError(UnknownNameError):
    """No check has that `name`."""

    noun = "check"


class UnknownPrimitiveError(UnknownNameError):
    """No primitive has that `name`."""

    noun = "primitive"


class UnknownArchitectureError(UnknownNameError):
    """No architecture has that `name`."""

    noun = "architecture"


@attrs.define
class PluginError(ClearfwError):
    """`plugin` cannot be used because of `cause`. Other plugins are not affected."""

    plugin: str
    cause: BaseException
    message: str = attrs.field(init=False)

    @message.default
    def _compose(self) -> str:
        reason = f"{type(self.cause).__name__}: {self.cause}{place(self.cause)}"
        return f"plugin {self.plugin!r} failed with {reason}; fix it, or pass -p no:{self.plugin}"


class PackageError(ClearfwError, ValueError):
    """A plugin package cannot be written with that name, or in that place."""


class NoCompilerError(ClearfwError):
    """No C compiler was found."""


@attrs.define
class MissingToolError(ClearfwError):
    """A program for another architecture is not installed; Debian's `package` contains it."""

    package: str


class SymbolsError(ClearfwError):
    """The file is not an object file with symbols."""


class RunnerError(ClearfwError):
    """The machine on another architecture ended; the message gives the reason."""


@attrs.define
class CompileError(ClearfwError):
    """`source` does not compile; `stderr` is the compiler's text, `missing` are undeclared names."""

    source: str
    stderr: str
    missing: tuple[str, ...] = ()
    message: str = attrs.field(init=False)

    @message.default
    def _compose(self) -> str:
        told = f"{self.source} does not compile:\n{self.stderr}"
        if not self.missing:
            return told
        names = ", ".join(self.missing)
        advice = "define them above the function, or leave out the code that needs them"
        return f"{told.rstrip()}\nnot in strategy.h: {names}: {advice}"


class AbiError(ClearfwError):
    """A compiled file and the core disagree on clearfw/abi.h."""


class MissingExtraError(ClearfwError):
    """An optional package that this feature needs is not installed."""


class TraceError(ClearfwError, ValueError):
    """The file is not a trace, or is damaged."""


class ResultError(ClearfwError, ValueError):
    """The file is not a result, or cannot be compared with the other one."""


class TracingError(ClearfwError):
    """The kernel does not let this user record its events, or lacks the events."""


class InputError(ClearfwError):
    """The file to read is a device or a named pipe, or too large."""


class OutputError(ClearfwError):
    """The file to write is a link that somebody else made."""


class CommandError(ClearfwError):
    """The command to record cannot be started."""


class KernelTreeError(ClearfwError):
    """The path is no kernel tree that clearfw can build, or no place to build it."""


class PatchError(ClearfwError, ValueError):
    """A patch that cannot be read, or that does not apply to the tree."""


@attrs.define
class KernelBuildError(ClearfwError):
    """The tree as `variant`, "before" or "after", does not build; `output` is all that make said."""

    variant: str
    output: str


@attrs.define
class KernelBootError(ClearfwError):
    """The kernel `variant` was booted and did not do its job; `lines` are the last that it printed."""

    variant: str
    lines: tuple[str, ...]


@attrs.define
class SystemCallError(ClearfwError):
    """A system call failed with `errno`."""

    errno: int


class CheckError(ClearfwError):
    """A check could not be done, and the strategy is not why: memory, a limit, a tool that is missing."""


class UnsupportedError(ClearfwError):
    """The host, its processor or its kernel cannot do it."""


class CoreErrno(enum.IntEnum):
    """The core's codes: enum clearfw_errno of csrc/base/error.h, without its prefix."""

    OK = 0
    ENOMEM = enum.auto()
    EORDER = enum.auto()
    EDOUBLE_FREE = enum.auto()
    EFOREIGN = enum.auto()
    EUNCLAIMED = enum.auto()
    ESTRATEGY = enum.auto()
    EKMAP_FULL = enum.auto()
    EKMAP_ORDER = enum.auto()
    EKMAP_LEAK = enum.auto()
    EKASAN_DEPTH = enum.auto()
    EIN_INIT = enum.auto()
    EMAP_COUNT = enum.auto()
    EVMALLOC = enum.auto()
    EBACKING = enum.auto()
    EGRANULARITY = enum.auto()
    ESYS = enum.auto()
    EINCOHERENT = enum.auto()
    EARCH = enum.auto()
    EWINDOW = enum.auto()
    EPREEMPT = enum.auto()
    EIRQS = enum.auto()
    EZERO_PAGES = enum.auto()


_ZONES = ("NORMAL", "HIGHMEM")  # enum clearfw_zone_type

# {note} is the core's detail in brackets, or empty; {why} is the text of sys_errno after ": ", or empty.
_CORE_ERRORS: dict[CoreErrno, tuple[type[ClearfwError], str]] = {
    CoreErrno.ENOMEM: (
        OutOfMemoryError,
        "no free block of {wanted} pages{note}, {found} pages are free: free some, or boot with more",
    ),
    CoreErrno.EORDER: (
        OrderError,
        "order {order} is above MAX_PAGE_ORDER: use a smaller order, or alloc_contig()",
    ),
    CoreErrno.EDOUBLE_FREE: (
        DoubleFreeError,
        "cannot free order {order} at pfn {pfn:#x}, it is already free: free a block once",
    ),
    CoreErrno.EFOREIGN: (
        ForeignFreeError,
        "cannot free order {order} at pfn {pfn:#x}, no such block: free blocks as they were allocated",
    ),
    CoreErrno.EUNCLAIMED: (
        UnclaimedError,
        "no strategy of {stack!r} claimed {npages} pages from pfn {pfn:#x}, zone {zone}: add one that does",
    ),
    CoreErrno.ESTRATEGY: (
        StrategyError,
        "{stack!r} raised an exception at an init point: see the cause of this error",
    ),
    CoreErrno.EKMAP_FULL: (
        KmapError,
        "{stack!r} mapped more than 16 pages at once: kunmap_local() each before the next",
    ),
    CoreErrno.EKMAP_ORDER: (
        KmapError,
        "{stack!r} called kunmap_local() on a mapping that is not the newest: unmap in reverse order",
    ),
    CoreErrno.EKMAP_LEAK: (
        KmapError,
        "{stack!r} returned with pages still mapped: kunmap_local() every kmap_local_page()",
    ),
    CoreErrno.EKASAN_DEPTH: (
        KasanError,
        "{stack!r} returned with another KASAN depth: pair kasan_disable_current() and its enable",
    ),
    CoreErrno.EINCOHERENT: (
        CoherenceError,
        "{stack!r} returned before its clears were visible to all: call clear_page_make_coherent()",
    ),
    CoreErrno.EARCH: (
        UnsupportedError,
        "this configuration is not supported on this architecture{note}: change one of them",
    ),
    CoreErrno.EWINDOW: (
        WindowError,
        (
            "{stack!r} cleared memory in an order that a window cannot follow: what it holds is unknown, "
            "use less memory"
        ),
    ),
    CoreErrno.EPREEMPT: (
        PreemptionError,
        "{stack!r} returned with another preempt count: pair preempt_disable() and preempt_enable()",
    ),
    CoreErrno.EIRQS: (
        PreemptionError,
        "{stack!r} changed the interrupt state: pair local_irq_save() and local_irq_restore()",
    ),
    CoreErrno.EZERO_PAGES: (
        ZeroPagesError,
        "{stack!r} called clear_pages() for 0 pages, which the generic version takes for 2^32: test for 0",
    ),
    CoreErrno.EIN_INIT: (
        InitContextError,
        "{stack!r} allocated or freed inside an init point: a strategy may only clear",
    ),
    CoreErrno.EMAP_COUNT: (
        MapCountError,
        "{wanted} mappings are needed{note}, vm.max_map_count leaves {found}: map less, or raise it",
    ),
    CoreErrno.EVMALLOC: (
        VmallocError,
        "no such vmalloc area, or no room for it{note}: free each area once, by its start",
    ),
    CoreErrno.EBACKING: (
        BackingError,
        "this host does not have that backing{note}{why}: boot with backing=auto",
    ),
    CoreErrno.EGRANULARITY: (
        BackingError,
        "backing=hugetlb cannot map single pages{note}: boot with backing=thp or backing=base",
    ),
    CoreErrno.ESYS: (
        SystemCallError,
        "a system call failed{note}{why}",
    ),
}
_MEMORY_LIMIT = (
    MemoryLimitError,
    "the host does not have enough memory{note}{why}: boot with less memory=, or raise RLIMIT_AS",
)


def from_core(  # noqa: PLR0913  (one parameter per field of struct clearfw_error)
    code: int,
    *,
    pfn: int,
    wanted: int,
    found: int,
    zone: int,
    sys_errno: int,
    detail: str,
    stack: str,
) -> ClearfwError:
    """Return the exception for the core's `code` (above 0) with the values of struct clearfw_error."""
    cls, template = _CORE_ERRORS[CoreErrno(code)]
    if code == CoreErrno.ESYS and sys_errno == errno.ENOMEM:
        cls, template = _MEMORY_LIMIT
    facts: dict[str, Any] = {
        "pfn": pfn,
        "wanted": wanted,
        "order": wanted,
        "npages": wanted,
        "found": found,
        "zone": _ZONES[zone] if zone >= 0 else "unknown",
        "strategy": stack,
        "stack": stack,
        "errno": sys_errno,
        "note": f" ({detail})" if detail else "",
        "why": f": {os.strerror(sys_errno)}" if sys_errno else "",
    }
    wants = (field.name for field in attrs.fields(cls) if field.name != "message")
    return cls(template.format_map(facts), **{name: facts[name] for name in wants})
