"""The configuration of a machine, in the form of a kernel command line."""
# ruff: noqa: ANN401, RUF009  (fields come from functions, which like attrs.field() return Any)

import re
from collections.abc import Callable, Collection
from typing import Any, Final, Literal, NoReturn, Self, TypeAlias, get_args

import attrs

from clearfw.errors import ConfigError, nearest

Backing: TypeAlias = Literal["auto", "hugetlb", "thp", "base"]
Kasan: TypeAlias = Literal["off", "generic", "sw_tags", "hw_tags"]
Kmap: TypeAlias = Literal["strict", "priced"]
Preempt: TypeAlias = Literal["lazy", "full", "voluntary", "none"]
VmallocInit: TypeAlias = Literal["kernel", "always"]

MIN_PAGES: Final = 64
MAX_BLOCK_PAGES: Final = 1024  # 1 << MAX_PAGE_ORDER
WINDOW_CHUNK: Final = 2 << 20  # csrc/mm/window.h
MAX_PAGES: Final = 2**32 - 2  # a pfn has 32 bits, and the last one is NO_PFN (csrc/mm/buddy.h)
_WINDOW_REAL: Final = 128 << 20  # with what a window keeps of the pages that it moved on from

_UNITS: Final = {"T": 1 << 40, "G": 1 << 30, "M": 1 << 20, "K": 1 << 10, "": 1}
_SIZE: Final = re.compile(r"(0x[0-9a-f]{1,16}|0|[1-9][0-9]{0,19})([KMGT]?)", re.ASCII | re.IGNORECASE)
_BOOLS: Final = dict.fromkeys(("1", "y", "yes", "on"), True) | dict.fromkeys(("0", "n", "no", "off"), False)


def parse_size(text: str) -> int:
    """Return the bytes of "256M", "0x1000" or "4096", read as memparse() does; raises ConfigError."""
    match = _SIZE.fullmatch(text)
    if not match:
        msg = f"{text!r} is not a size: write a number, with or without K, M, G or T, as in 256M"
        raise ConfigError(msg)
    number, unit = match.groups()
    return int(number, 0) * _UNITS[unit.upper()]


def format_size(nbytes: int) -> str:
    """Return `nbytes` in the largest unit that is exact: "256M"; parse_size() reads it back."""
    for unit, unit_bytes in _UNITS.items():
        if nbytes >= unit_bytes and nbytes % unit_bytes == 0:
            return f"{nbytes // unit_bytes}{unit}"
    return str(nbytes)


def _parse_number(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match or match[2]:
        msg = f"{text!r} is not a number: write it as in 7 or 0x7"
        raise ConfigError(msg)
    return int(text, 0)


def _parse_bool(text: str) -> bool:
    if text.lower() not in _BOOLS:
        msg = f"{text!r} is neither on nor off: write one of {', '.join(_BOOLS)}"
        raise ConfigError(msg)
    return _BOOLS[text.lower()]


def _format_bool(value: bool) -> str:  # noqa: FBT001  (a value to print, not a switch)
    return str(int(value))


def _format_on_off(value: bool) -> str:  # noqa: FBT001  (likewise; the kernel takes no 0 or 1 here)
    return "on" if value else "off"


@attrs.frozen
class _Parameter:
    """Name, parser and writer of a field of Config on the command line."""

    key: str
    read: Callable[[str], object]
    write: Callable[[Any], str]


_Attribute: TypeAlias = "attrs.Attribute[Any]"
_Check: TypeAlias = Callable[["Config", _Attribute, Any], None]


def _parameter_of(attribute: _Attribute) -> _Parameter:
    parameter: _Parameter = attribute.metadata[_Parameter]
    return parameter


def _refuse(attribute: _Attribute, value: object, advice: str) -> NoReturn:
    parameter = _parameter_of(attribute)
    shown = parameter.write(value) if type(value) is type(attribute.default) else repr(value)
    msg = f"{parameter.key}={shown} is not valid: {advice}"
    raise ConfigError(msg)


def _parameter(
    key: str, default: object, read: Callable[[str], object], write: Callable[[Any], str], check: _Check
) -> Any:
    return attrs.field(default=default, validator=check, metadata={_Parameter: _Parameter(key, read, write)})


def _bytes(key: str, default: int, check: _Check) -> Any:
    return _parameter(key, default, parse_size, format_size, check)


def _number(key: str, default: int, low: int, high: int) -> Any:
    def check(_: "Config", attribute: _Attribute, value: object) -> None:
        if type(value) is not int or not low <= value <= high:
            _refuse(attribute, value, f"give a whole number from {low} to {high}")

    return _parameter(key, default, _parse_number, str, check)


def _choice(
    key: str,
    default: object,
    choices: Collection[object],
    read: Callable[[str], object] = str,
    write: Callable[[Any], str] = str,
) -> Any:
    names = [write(choice) for choice in choices]

    def check(_: "Config", attribute: _Attribute, value: object) -> None:
        if type(value) is not type(default) or value not in choices:
            close = nearest(value, names) if isinstance(value, str) else ""
            _refuse(attribute, value, f"give one of {', '.join(names)}{close}")

    return _parameter(key, default, read, write, check)


def _check_bool(_: "Config", attribute: _Attribute, value: object) -> None:
    if type(value) is not bool:
        _refuse(attribute, value, "give True or False")


def _flag(
    key: str,
    *,
    default: bool = False,
    write: Callable[[bool], str] = _format_bool,
    check: _Check = _check_bool,
) -> Any:
    return _parameter(key, default, _parse_bool, write, check)


def _check_whole_pages(config: "Config", attribute: _Attribute, value: object) -> None:
    if type(value) is not int or value < 0 or value % config.page_size:
        _refuse(attribute, value, f"give bytes in multiples of page_size={format_size(config.page_size)}")


def _check_memory(config: "Config", attribute: _Attribute, value: int) -> None:
    _check_whole_pages(config, attribute, value)
    if not MIN_PAGES <= config.npages <= MAX_PAGES:
        low, high = format_size(MIN_PAGES * config.page_size), format_size(MAX_PAGES * config.page_size)
        _refuse(attribute, value, f"with page_size={format_size(config.page_size)} give from {low} to {high}")


def _check_highmem(config: "Config", attribute: _Attribute, value: int) -> None:
    _check_whole_pages(config, attribute, value)
    if value >= config.memory:
        _refuse(attribute, value, f"no lowmem would remain of memory={format_size(config.memory)}, give less")


def _check_hole(config: "Config", attribute: _Attribute, value: int) -> None:
    unit = MAX_BLOCK_PAGES * config.page_size
    if type(value) is not int or value < 0 or value % unit:
        _refuse(attribute, value, f"give bytes in multiples of the largest block, {format_size(unit)}")
    if value // config.page_size + config.npages > MAX_PAGES:
        _refuse(attribute, value, f"no pfn beyond {MAX_PAGES:#x} has room in 32 bits, give less")


def _check_window(config: "Config", attribute: _Attribute, value: object) -> None:
    _check_bool(config, attribute, value)
    if not value:
        return
    if config.memory % WINDOW_CHUNK:
        _refuse(
            attribute,
            value,
            f"memory= is not a multiple of the {format_size(WINDOW_CHUNK)} of a window's chunk",
        )
    asked = [what for what in ("highmem", "page_poison") if getattr(config, what)]
    asked += ["kasan"] if config.kasan != "off" else []
    if asked:
        _refuse(attribute, value, f"it has no {' and no '.join(asked)}, leave {asked[0]}= out")


def _check_primitive(_: "Config", attribute: _Attribute, value: object) -> None:
    if not isinstance(value, str) or len(value.split()) != 1 or value != value.strip():
        _refuse(attribute, repr(value), "give the name of a primitive, without spaces")


@attrs.frozen(kw_only=True)
class Config:
    """A machine's configuration: what a kernel has as boot parameters and CONFIG_ options.

    Attributes:
        page_size: bytes, 4, 16 or 64 KiB.
        memory: bytes in all, HIGHMEM included.
        hole: bytes of physical addresses below the first page, where no memory is.
        highmem: bytes of it that make up ZONE_HIGHMEM; above 0 means CONFIG_HIGHMEM=y.
        backing: the pages of the host that hold it.
        init_on_alloc, init_on_free, page_poison: as the kernel's parameters.
        kasan: the KASAN mode that is modelled.
        kasan_vmalloc: kasan.vmalloc=
        kasan_sample: kasan.page_alloc.sample=, tag one in so many allocations.
        kasan_sample_order: kasan.page_alloc.sample.order=, of this order and above.
        kmap: whether kmap_local_page() really maps and unmaps, or is counted and priced.
        preempt: the preemption model, as the kernel's parameter: what preempt_model_preemptible() says.
        primitive: the instructions that clear; "kernel" is what Linux 7.3 takes on this CPU.
        vmalloc_init: "kernel" has the vmalloc init point fire when the kernel's does, "always" each time.
        window: keep no more than 8 MiB of memory real, moved to where it is used (docs: memory).
        record_events: keep the order of events at the init points.
        seed: of the random KASAN tags.

    """

    page_size: int = _choice("page_size", 4096, (4096, 16384, 65536), parse_size, format_size)
    memory: int = _bytes("memory", 256 << 20, _check_memory)
    hole: int = _bytes("hole", 0, _check_hole)
    highmem: int = _bytes("highmem", 0, _check_highmem)
    backing: Backing = _choice("backing", "auto", get_args(Backing))
    init_on_alloc: bool = _flag("init_on_alloc")
    init_on_free: bool = _flag("init_on_free")
    page_poison: bool = _flag("page_poison")
    kasan: Kasan = _choice("kasan", "off", get_args(Kasan))
    kasan_vmalloc: bool = _flag("kasan.vmalloc", default=True, write=_format_on_off)
    kasan_sample: int = _number("kasan.page_alloc.sample", 1, 1, 2**32 - 1)
    kasan_sample_order: int = _number("kasan.page_alloc.sample.order", 3, 0, 2**32 - 1)
    kmap: Kmap = _choice("kmap", "strict", get_args(Kmap))
    preempt: Preempt = _choice("preempt", "lazy", get_args(Preempt))
    primitive: str = _parameter("primitive", "kernel", str, str, _check_primitive)
    vmalloc_init: VmallocInit = _choice("vmalloc_init", "kernel", get_args(VmallocInit))
    window: bool = _flag("window", check=_check_window)
    record_events: bool = _flag("record_events")
    seed: int = _number("seed", 0, 0, 2**64 - 1)

    @classmethod
    def parse(cls, command_line: str) -> Self:
        """Return the configuration of `key=value` words, of which the later wins; raises ConfigError."""
        return cls(**dict(_read_word(word) for word in command_line.split()))

    def __str__(self) -> str:
        """Return the command line of all that differs from the defaults; parse() reads it back."""
        changed = (
            (_parameter_of(attribute), getattr(self, attribute.name))
            for attribute in attrs.fields(type(self))
            if getattr(self, attribute.name) != attribute.default
        )
        return " ".join(f"{parameter.key}={parameter.write(value)}" for parameter, value in changed)

    @property
    def npages(self) -> int:
        """Pages in all, HIGHMEM included."""
        return self.memory // self.page_size

    @property
    def real_memory(self) -> int:
        """Bytes of the host that memory takes at most."""
        return min(self.memory, _WINDOW_REAL) if self.window else self.memory

    @property
    def page_shift(self) -> int:
        """PAGE_SHIFT: page_size is 1 << page_shift."""
        return self.page_size.bit_length() - 1

    @property
    def config_highmem(self) -> bool:
        """CONFIG_HIGHMEM: whether there is a HIGHMEM zone."""
        return self.highmem > 0

    def kernel_options(self) -> tuple[str, ...]:
        """Return what a C strategy is compiled with, as `NAME=value`, in an order that never changes."""
        options = [f"PAGE_SHIFT={self.page_shift}"]
        if self.config_highmem:
            options.append("CONFIG_HIGHMEM=1")
        if self.kasan != "off":
            options += ["CONFIG_KASAN=1", f"CONFIG_KASAN_{self.kasan.upper()}=1"]
        return tuple(options)


_ATTRIBUTES: Final = {_parameter_of(attribute).key: attribute for attribute in attrs.fields(Config)}


def _read_word(word: str) -> tuple[str, Any]:
    key, equals, text = word.partition("=")
    if key not in _ATTRIBUTES:
        msg = f"unknown parameter {key!r}{nearest(key, _ATTRIBUTES)}: known are {', '.join(_ATTRIBUTES)}"
        raise ConfigError(msg)
    if not equals:
        msg = f"{key} has no value: write {key}=VALUE"
        raise ConfigError(msg)
    attribute = _ATTRIBUTES[key]
    try:
        return attribute.name, _parameter_of(attribute).read(text)
    except ConfigError as error:
        msg = f"{key}: {error}"
        raise ConfigError(msg) from None
