"""Finds undeclared names in a compiler's messages."""

from __future__ import annotations

import re

# gcc's words, then clang's, then a linker's, all in the C locale.
_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        r"implicit declaration of function '(\w+)'",
        r"'(\w+)' undeclared",
        r"unknown type name '(\w+)'",
        r"(?:undefined|incomplete) type '((?:struct|union|enum) \w+)'",
        r"call to undeclared (?:library )?function '(\w+)'",
        r"use of undeclared identifier '(\w+)'",
        r"definition of type '((?:struct|union|enum) \w+)'",
        r"undefined reference to [`'](\w+)'",
        r"undefined symbol: (\w+)",
    )
)
_MEMBERS = (
    re.compile(r"'(?:const )?struct (?P<struct>page|folio)' has no member named '(?P<member>\w+)'"),
    re.compile(r"no member named '(?P<member>\w+)' in '(?:const )?struct (?P<struct>page|folio)'"),
)


def missing_names(stderr: str, source: str) -> tuple[str, ...]:
    """Return the undeclared names in STDERR, each once, without those that SOURCE defines itself."""
    found = [(one.start(), one[1]) for pattern in _NAMES for one in pattern.finditer(stderr)]
    found += [
        (one.start(), f"{one['struct']}->{one['member']}")
        for pattern in _MEMBERS
        for one in pattern.finditer(stderr)
    ]
    return tuple(
        name for name in dict.fromkeys(name for _, name in sorted(found)) if not _defines(source, name)
    )


def _defines(source: str, name: str) -> bool:
    """Whether SOURCE has a function or a macro NAME, further down perhaps."""
    plain = re.escape(name)
    macro = rf"^\s*#\s*define\s+{plain}\b"
    function = rf"^[\w\s*]+\b{plain}\s*\([^;{{}}]*\)\s*\{{"
    return bool(re.search(f"{macro}|{function}", source, re.MULTILINE))
