"""The configuration of a guest: tinyconfig, and what clearfw and the user add."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clearfw.errors import KernelTreeError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# A guest is 64 bit, prints, loads a module, and finds its files on the host.
BASE = """\
CONFIG_64BIT=y
CONFIG_CC_OPTIMIZE_FOR_PERFORMANCE=y
# CONFIG_CC_OPTIMIZE_FOR_SIZE is not set
CONFIG_PRINTK=y
CONFIG_EARLY_PRINTK=y
CONFIG_PROC_FS=y
CONFIG_HOSTFS=y
CONFIG_MODULES=y
CONFIG_BINFMT_ELF=y
CONFIG_NULL_CHAN=y
CONFIG_PANIC_TIMEOUT=-1
# CONFIG_SLUB_TINY is not set
"""
# What the kernel itself says of its allocator: lib/test_meminit.c, KASAN, DEBUG_VM, page poisoning.
CHECK = """\
CONFIG_SYSFS=y
CONFIG_SLUB=y
# CONFIG_SLOB is not set
CONFIG_SLUB_DEBUG=y
CONFIG_KASAN=y
CONFIG_KASAN_GENERIC=y
CONFIG_DEBUG_KERNEL=y
CONFIG_DEBUG_VM=y
CONFIG_PAGE_POISONING=y
CONFIG_RUNTIME_TESTING_MENU=y
CONFIG_TEST_MEMINIT=y
CONFIG_KALLSYMS=y
CONFIG_BUG=y
"""
# Fewer of them would make a result mean less: what a tree's Kconfig dropped is said.
_OPTION = re.compile(r"^(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)$", re.MULTILINE)


def fragment(path: Path) -> str:
    """Return the text of a user's configuration fragment; raises KernelTreeError where it is none."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"--config {path} asked for ({error}): give a file of lines such as CONFIG_DEBUG_VM=y"
        raise KernelTreeError(msg) from error
    wrong = [
        line for line in text.splitlines() if line and not line.startswith("#") and not _OPTION.match(line)
    ]
    if wrong:
        msg = f"--config {path} has the line {wrong[0]!r}: give lines such as CONFIG_DEBUG_VM=y"
        raise KernelTreeError(msg)
    return text


def parse(text: str) -> dict[str, str]:
    """Return the options of a .config or a fragment, "n" for those not set; the last of a name counts."""
    return {name or unset: value or "n" for name, value, unset in _OPTION.findall(text)}


def merge(base: str, fragments: Iterable[str]) -> str:
    """Return the .config BASE with the options of FRAGMENTS in place of its own."""
    options = parse(base)
    for one in fragments:
        options |= parse(one)
    return "".join(_line(name, value) for name, value in options.items())


def dropped(wanted: str, made: str) -> list[str]:
    """Return which options of the fragment WANTED are not as asked in MADE, the .config that Kconfig made."""
    found = parse(made)
    return [name for name, value in parse(wanted).items() if found.get(name, "n") != value]


def _line(name: str, value: str) -> str:
    return f"# {name} is not set\n" if value == "n" else f"{name}={value}\n"
