"""Errors: what they derive from, say and carry."""

import errno
import pickle
import re
from pathlib import Path

import pytest

from clearfw import errors
from clearfw.errors import ClearfwError, CoreErrno, from_core, nearest

ERROR_H = Path(__file__).parent.parent / "clearfw" / "csrc" / "base" / "error.h"
CODES = [code for code in CoreErrno if code is not CoreErrno.OK]
CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, ClearfwError)]


def core_error(code: int, **facts: int | str) -> ClearfwError:
    """Return what from_core() makes of `code` with some facts given."""
    given = {
        "pfn": 0x1F,
        "wanted": 512,
        "found": 3,
        "zone": 1,
        "sys_errno": 0,
        "detail": "block",
        "stack": "a+b",
    }
    return from_core(code, **(given | facts))  # type: ignore[arg-type]


def test_the_codes_are_those_of_the_core() -> None:
    """CoreErrno has the names and numbers of enum clearfw_errno."""
    body = re.search(r"enum clearfw_errno \{(.*?)\n\}", ERROR_H.read_text(), re.DOTALL)

    assert body
    assert re.findall(r"^\tCLEARFW_(\w+),", body[1], re.MULTILINE) == [code.name for code in CoreErrno]
    assert list(CoreErrno) == list(range(len(CoreErrno)))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("zone", [-1, 0, 1])
@pytest.mark.parametrize("detail", ["", "block {0}"])
def test_every_code_makes_an_error_of_one_line(code: CoreErrno, zone: int, detail: str) -> None:
    """No code is without a class and a message, with or without a zone and a detail."""
    error = core_error(code, zone=zone, detail=detail, sys_errno=errno.EPERM)

    assert type(error) is not ClearfwError
    assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize(
    ("code", "cls", "message"),
    [
        (
            CoreErrno.ENOMEM,
            errors.OutOfMemoryError,
            r"no free block of 512 pages \(block\), 3 pages are free: free",
        ),
        (CoreErrno.EORDER, errors.OrderError, "order 512 is above MAX_PAGE_ORDER: use a smaller order"),
        (
            CoreErrno.EDOUBLE_FREE,
            errors.DoubleFreeError,
            "at pfn 0x1f, it is already free: free a block once",
        ),
        (
            CoreErrno.EFOREIGN,
            errors.ForeignFreeError,
            "cannot free order 512 at pfn 0x1f, no such block: free",
        ),
        (
            CoreErrno.EUNCLAIMED,
            errors.UnclaimedError,
            r"no strategy of 'a\+b' claimed 512 pages from pfn 0x1f, zone HIGHMEM: add one",
        ),
        (
            CoreErrno.ESTRATEGY,
            errors.StrategyError,
            r"'a\+b' raised an exception at an init point: see the cause",
        ),
        (CoreErrno.EKMAP_FULL, errors.KmapError, r"'a\+b' mapped more than 16 pages at once"),
        (
            CoreErrno.EKMAP_ORDER,
            errors.KmapError,
            r"'a\+b' called kunmap_local\(\) on a mapping that is not the newest",
        ),
        (CoreErrno.EKMAP_LEAK, errors.KmapError, r"'a\+b' returned with pages still mapped"),
        (CoreErrno.EKASAN_DEPTH, errors.KasanError, r"'a\+b' returned with another KASAN depth: pair"),
        (CoreErrno.EIN_INIT, errors.InitContextError, r"'a\+b' allocated or freed inside an init point"),
        (CoreErrno.EMAP_COUNT, errors.MapCountError, "512 mappings .*, vm.max_map_count leaves 3: map less"),
        (CoreErrno.EVMALLOC, errors.VmallocError, r"no such vmalloc area, or no room for it \(block\)"),
        (
            CoreErrno.EBACKING,
            errors.BackingError,
            r"this host does not have that backing \(block\): boot with backing=auto",
        ),
        (CoreErrno.EGRANULARITY, errors.BackingError, "backing=hugetlb cannot map single pages"),
        (CoreErrno.ESYS, errors.SystemCallError, r"a system call failed \(block\)"),
    ],
)
def test_a_code_of_the_core_is_one_class_and_message(
    code: CoreErrno, cls: type[ClearfwError], message: str
) -> None:
    """Each code raises its own class, with the core's facts in the message."""
    with pytest.raises(cls, match=message) as caught:
        raise core_error(code)

    assert caught.type is cls


def test_the_facts_of_the_core_are_attributes() -> None:
    """A program reads pfn, pages, zone and stack without taking the message apart."""
    error = core_error(CoreErrno.EUNCLAIMED)

    assert isinstance(error, errors.UnclaimedError)
    assert (error.pfn, error.npages, error.zone, error.stack) == (0x1F, 512, "HIGHMEM", "a+b")


def test_a_failed_system_call_says_why() -> None:
    """The errno is an attribute, and its text stands in the message."""
    error = core_error(CoreErrno.ESYS, sys_errno=errno.EPERM, detail="memfd_create")

    assert isinstance(error, errors.SystemCallError)
    assert error.errno == errno.EPERM
    assert str(error) == "a system call failed (memfd_create): Operation not permitted"


def test_a_host_without_memory_is_an_error_of_its_own() -> None:
    """ENOMEM from the host is a MemoryError, and not the machine's OutOfMemoryError."""
    error = core_error(CoreErrno.ESYS, sys_errno=errno.ENOMEM)

    assert type(error) is errors.MemoryLimitError
    assert "boot with less memory=" in str(error)


@pytest.mark.parametrize("code", [CoreErrno.OK, 99])
def test_what_is_no_failure_makes_no_error(code: int) -> None:
    """Success, or a code nobody knows, is a mistake of the caller."""
    with pytest.raises((KeyError, ValueError), match=r"OK|99"):
        core_error(code)


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (errors.ConfigError, ValueError),
        (errors.GfpError, ValueError),
        (errors.OutOfMemoryError, MemoryError),
        (errors.OrderError, ValueError),
        (errors.FreedPagesError, BufferError),
        (errors.PagesInUseError, BufferError),
        (errors.NotMappedError, BufferError),
        (errors.VmallocError, ValueError),
        (errors.MemoryLimitError, MemoryError),
        (errors.MachineClosedError, ValueError),
        (errors.UnknownStrategyError, LookupError),
        (errors.UnknownPrimitiveError, LookupError),
        (errors.KmapError, errors.StrategyError),
        (errors.KasanError, errors.StrategyError),
        (errors.InitContextError, errors.StrategyError),
    ],
)
def test_an_error_is_also_what_python_calls_it(cls: type[ClearfwError], base: type[Exception]) -> None:
    """Who knows only the built-in exceptions can catch them."""
    assert issubclass(cls, base)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_says_what_it_means(cls: type[ClearfwError]) -> None:
    """Each class has a docstring of its own."""
    assert cls.__doc__
    assert cls.__doc__ not in [base.__doc__ for base in cls.__mro__[1:]]


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigError("no"),
        errors.StrategyError("no", "mine"),
        core_error(CoreErrno.EUNCLAIMED),
        errors.UnknownStrategyError("a", ["b"]),
        errors.PluginError("mine", TypeError("no")),
        errors.CompileError("mine.c", "no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_processes(error: ClearfwError) -> None:
    """A pickled error comes back with its class, message and facts."""
    assert repr(error) == repr(pickle.loads(pickle.dumps(error)))  # noqa: S301


def test_an_unknown_name_comes_with_the_nearest_and_all_known() -> None:
    """A typing error shows its cure."""
    error = errors.UnknownStrategyError("batchd", {"batched": 1, "per_page": 2})

    assert str(error) == "unknown strategy 'batchd' (did you mean 'batched'?): known are batched, per_page"
    assert error.known == ("batched", "per_page")
    assert str(errors.UnknownPrimitiveError("x", [])) == "unknown primitive 'x': known are none"


@pytest.mark.parametrize(
    ("name", "tail"),
    [("highmen", " (did you mean 'highmem'?)"), ("HIGHMEM", " (did you mean 'highmem'?)"), ("xyz", "")],
)
def test_the_nearest_name_is_offered_only_where_it_is_near(name: str, tail: str) -> None:
    """Case does not count, and nothing is offered for what resembles nothing."""
    assert tail == nearest(name, ["memory", "highmem"])


def test_a_broken_plugin_is_named_with_its_cause() -> None:
    """The message says which plugin, why, and how to go on without it."""
    error = errors.PluginError("mine", TypeError("no such hook"))

    assert str(error) == "plugin 'mine' failed with TypeError: no such hook; fix it, or pass -p no:mine"


def test_a_compiler_is_quoted_word_for_word() -> None:
    """What the compiler printed is in the message and in an attribute, unchanged."""
    stderr = "mine.c:3:1: error: unknown type name 'viod'\n    3 | viod f();\n"
    error = errors.CompileError("mine.c", stderr)

    assert error.stderr == stderr
    assert str(error) == f"mine.c does not compile:\n{stderr}"
