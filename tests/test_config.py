"""Configuration: its limits, and the command line that says it."""

import re
from typing import Any, get_args

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clearfw.config import (
    MAX_PAGES,
    MIN_PAGES,
    Backing,
    Config,
    Kasan,
    Kmap,
    VmallocInit,
    format_size,
    parse_size,
)
from clearfw.errors import ConfigError

COMMAND_LINE = (
    "init_on_alloc=1 memory=256M highmem=64M page_size=64K kasan=generic kasan.vmalloc=off "
    "kasan.page_alloc.sample=10 kasan.page_alloc.sample.order=2 kmap=priced backing=base "
    "vmalloc_init=always primitive=stosb record_events=1 seed=7"
)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Any valid configuration."""
    page_size = draw(st.sampled_from([4096, 16384, 65536]))
    npages = draw(st.integers(MIN_PAGES, MAX_PAGES))
    return Config(
        page_size=page_size,
        memory=npages * page_size,
        highmem=draw(st.integers(0, npages - 1)) * page_size,
        backing=draw(st.sampled_from(get_args(Backing))),
        init_on_alloc=draw(st.booleans()),
        init_on_free=draw(st.booleans()),
        page_poison=draw(st.booleans()),
        kasan=draw(st.sampled_from(get_args(Kasan))),
        kasan_vmalloc=draw(st.booleans()),
        kasan_sample=draw(st.integers(1, 2**32 - 1)),
        kasan_sample_order=draw(st.integers(0, 2**32 - 1)),
        kmap=draw(st.sampled_from(get_args(Kmap))),
        primitive=draw(st.text(min_size=1).filter(lambda text: text.split() == [text])),
        vmalloc_init=draw(st.sampled_from(get_args(VmallocInit))),
        record_events=draw(st.booleans()),
        seed=draw(st.integers(0, 2**64 - 1)),
    )


@given(configs())
def test_the_command_line_says_everything(config: Config) -> None:
    """Reading what was printed gives an equal configuration."""
    assert config == Config.parse(str(config))


def test_every_parameter_is_read() -> None:
    """A command line with all parameters gives each its value."""
    config = Config.parse(COMMAND_LINE + " init_on_free=1 page_poison=1")

    assert config == Config(
        page_size=65536,
        memory=256 << 20,
        highmem=64 << 20,
        backing="base",
        init_on_alloc=True,
        init_on_free=True,
        page_poison=True,
        kasan="generic",
        kasan_vmalloc=False,
        kasan_sample=10,
        kasan_sample_order=2,
        kmap="priced",
        primitive="stosb",
        vmalloc_init="always",
        record_events=True,
        seed=7,
    )


def test_only_what_differs_from_the_defaults_is_printed() -> None:
    """The default configuration has an empty command line, and memory=256M says nothing new."""
    assert str(Config()) == ""
    assert set(COMMAND_LINE.split()) - {"memory=256M"} == set(str(Config.parse(COMMAND_LINE)).split())


def test_a_later_word_wins() -> None:
    """As on a kernel's command line, a parameter given twice has its second value."""
    assert Config(seed=2) == Config.parse("seed=1 seed=2")


words = st.tuples(
    st.sampled_from(["memory", "highmem", "page_size", "kasan", "kasan.vmalloc", "primitive", "seed", "x"]),
    st.sampled_from(["=", ""]),
    st.sampled_from(["", "0", "1", "64K", "1T", "on", "generic", "-1", "1e9", "\u0663", "="]) | st.text(),
).map("".join)


@given(st.text() | st.lists(words).map(" ".join))
@example("seed=" + "9" * 5000)
@example("memory=" + "9" * 20 + "T")
def test_any_command_line_is_read_or_refused(command_line: str) -> None:
    """parse() raises nothing but ConfigError, and its message is one line."""
    message = ""
    try:
        config = Config.parse(command_line)
    except ConfigError as error:
        message = str(error)
    else:
        assert config == Config.parse(str(config))

    assert len(message.splitlines()) <= 1


@pytest.mark.parametrize(
    ("command_line", "message"),
    [
        (
            "init_on_aloc=1",
            r"unknown parameter 'init_on_aloc' \(did you mean 'init_on_alloc'\?\): known are page_",
        ),
        ("init_on_alloc", "init_on_alloc has no value: write init_on_alloc=VALUE"),
        (
            "init_on_alloc=2",
            "init_on_alloc: '2' is neither on nor off: write one of 1, y, yes, on, 0, n, no, off",
        ),
        ("memory=lots", "memory: 'lots' is not a size: write a number"),
        ("seed=1K", "seed: '1K' is not a number: write it as in 7 or 0x7"),
        (
            "kasan=genric",
            r"kasan=genric .*one of off, generic, sw_tags, hw_tags \(did you mean 'generic'\?\)",
        ),
        ("page_size=8K", "page_size=8K is not valid: give one of 4K, 16K, 64K"),
        ("memory=1000000", "memory=1000000 is not valid: give bytes in multiples of page_size=4K"),
        ("memory=128K", "memory=128K is not valid: with page_size=4K give from 256K to 17179869176K"),
        ("memory=16T", "memory=16T is not valid: with page_size=4K give from 256K to 17179869176K"),
        ("memory=256K page_size=16K", "memory=256K is not valid: with page_size=16K give from 1M"),
        ("highmem=1000", "highmem=1000 is not valid: give bytes in multiples of page_size=4K"),
        ("highmem=256M", "highmem=256M is not valid: no lowmem would remain of memory=256M, give less"),
        (
            "kasan.page_alloc.sample=0",
            "kasan.page_alloc.sample=0 is not valid: give a whole number from 1 to 4294967295",
        ),
        (
            "seed=18446744073709551616",
            "seed=18446744073709551616 is not valid: give a whole number from 0 to",
        ),
        ("primitive=", "primitive='' is not valid: give the name of a primitive"),
    ],
)
def test_a_refusal_says_what_was_asked_and_what_can_be(command_line: str, message: str) -> None:
    """The message names the parameter as it was written, its value, and the values it takes."""
    with pytest.raises(ConfigError, match=message):
        Config.parse(command_line)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("page_size", 4096.0),
        ("memory", "256M"),
        ("highmem", -4096),
        ("highmem", False),
        ("kasan", None),
        ("kasan", ["off"]),
        ("init_on_alloc", 1),
        ("kasan_sample", True),
        ("seed", -1),
        ("primitive", 7),
        ("primitive", "two words"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(field: str, value: Any) -> None:  # noqa: ANN401
    """Fields are checked when set from Python too: str() of a configuration can always be read."""
    key = field.replace("kasan_sample", "kasan.page_alloc.sample")

    with pytest.raises(ConfigError, match=f"^{re.escape(key)}=.* is not valid: give"):
        Config(**{field: value})


def test_least_and_most_memory_are_allowed() -> None:
    """The limits themselves are valid: 64 pages, and 2**32 - 2 of them."""
    assert Config(memory=MIN_PAGES * 4096).npages == 64
    assert Config(memory=MAX_PAGES * 4096).npages == 2**32 - 2
    assert Config(memory=MIN_PAGES * 4096, highmem=63 * 4096).config_highmem


def test_page_shift_and_npages_follow_from_the_page_size() -> None:
    """64 KiB pages have a shift of 16, and 256 MiB are 4096 of them."""
    config = Config(page_size=65536)

    assert (config.page_shift, config.npages, config.config_highmem) == (16, 4096, False)


@pytest.mark.parametrize(
    ("command_line", "options"),
    [
        ("", ("PAGE_SHIFT=12",)),
        ("page_size=16K highmem=64M", ("PAGE_SHIFT=14", "CONFIG_HIGHMEM=1")),
        ("kasan=sw_tags", ("PAGE_SHIFT=12", "CONFIG_KASAN=1", "CONFIG_KASAN_SW_TAGS=1")),
        (COMMAND_LINE, ("PAGE_SHIFT=16", "CONFIG_HIGHMEM=1", "CONFIG_KASAN=1", "CONFIG_KASAN_GENERIC=1")),
    ],
)
def test_a_strategy_is_compiled_with_the_options_of_its_machine(
    command_line: str, options: tuple[str]
) -> None:
    """The options are the kernel's, in one order, and only those that are set."""
    assert options == Config.parse(command_line).kernel_options()


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("0", 0),
        ("4096", 4096),
        ("0x1000", 4096),
        ("0X10k", 16384),
        ("1m", 1 << 20),
        ("3G", 3 << 30),
        ("2T", 2 << 40),
    ],
)
def test_sizes_are_read_as_the_kernel_reads_them(text: str, nbytes: int) -> None:
    """Decimal or hex, with a suffix in either case."""
    assert nbytes == parse_size(text)


@pytest.mark.parametrize("text", ["", "K", "-1", "1.5M", "1 M", "1MB", "010", "0x", "\u0661"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """A leading zero would be octal to the kernel: better refused than read as ten."""
    with pytest.raises(ConfigError, match=f"{re.escape(repr(text))} is not a size: write a number"):
        parse_size(text)


@given(st.integers(0, 2**64 - 1))
def test_printed_sizes_are_exact(nbytes: int) -> None:
    """A printed size is read back as the same number of bytes."""
    assert nbytes == parse_size(format_size(nbytes))


@pytest.mark.parametrize(
    ("nbytes", "text"), [(0, "0"), (256 << 20, "256M"), (1536 << 10, "1536K"), (1 << 40, "1T")]
)
def test_sizes_are_printed_in_the_largest_exact_unit(nbytes: int, text: str) -> None:
    """256 MiB are 256M."""
    assert text == format_size(nbytes)


@pytest.mark.parametrize("word", ["1", "y", "Yes", "ON"])
def test_booleans_are_words_in_either_case(word: str) -> None:
    """What kstrtobool() takes for true is true."""
    assert Config(init_on_free=True) == Config.parse(f"init_on_free={word}")


@pytest.mark.parametrize("word", ["0", "n", "No", "off"])
def test_a_default_can_be_turned_off(word: str) -> None:
    """What kstrtobool() takes for false is false."""
    assert Config(kasan_vmalloc=False) == Config.parse(f"kasan.vmalloc={word}")


def test_a_configuration_does_not_change() -> None:
    """It is a fact: hashable, and frozen."""
    config = Config()

    with pytest.raises(attrs.exceptions.FrozenInstanceError, match="can't set attribute"):
        config.seed = 1  # type: ignore[misc]
    assert hash(config) == hash(Config())
