"""From a patch to strategies: the functions at the init points, taken out of the tree before and after.

A function is taken with the helpers it calls, from its own file, the patched files and the headers that its
file includes, until <clearfw/strategy.h> covers the rest. What the patch changes counts before the header.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import PatchError
from clearfw.kernel_tree import functions
from clearfw.strategies import NativeStrategy
from clearfw.toolchain.compiler import INCLUDE_DIR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from clearfw.kernel_tree.build import Variant
    from clearfw.kernel_tree.functions import Definition
    from clearfw.kernel_tree.tree import Tree
    from clearfw.kernel_tree.variants import Variants

# The init points, the functions that the kernel has had there, the outermost first, and where they stand.
_POINTS = {
    "kernel_init_pages": ("kernel_init_pages", "clear_highpages_kasan_tagged", "kernel_init_free_pages"),
    "init_vmalloc_pages": ("init_vmalloc_pages",),
    "folio_zero_user": ("folio_zero_user",),
}
_HOMES = ("mm/page_alloc.c", "include/linux/highmem.h", "mm/kasan/hw_tags.c", "mm/memory.c")
# More helpers than this are no longer the clear, but the kernel around it.
_MOST = 40
_INCLUDE = re.compile(r'^#include\s+(?:<(linux/[^>]+)>|"([^"]+)")', re.MULTILINE)
_DEFINE = re.compile(r"^\s*#\s*define\s+(\w+)", re.MULTILINE)
_PAGES = re.compile(r"\(\s*struct page \*\s*\w+\s*,[^,]+\)")
_AREA = re.compile(r"\(\s*(?:const )?void \*\s*\w+\s*,[^,]+\)")
# What C itself has.
_BUILT_IN = re.compile(r"__builtin_|sizeof$|typeof$|__typeof__$|_Static_assert$|defined$")


@attrs.frozen
class Taken:
    """A function with its helpers, as C wants them ordered; `missing` are calls that lead nowhere."""

    point: str
    function: str
    definitions: tuple[Definition, ...]
    missing: tuple[str, ...]

    @property
    def identity(self) -> list[str]:
        """What makes two of them the same, wherever their lines stand."""
        return [f"{one.name} {one.conditions} {one.text}" for one in self.definitions]


def strategies(
    tree: Tree, variants: Variants, given: str, function: str | None, folder: Path
) -> dict[str, NativeStrategy]:
    """Return the strategies NAME:before and NAME:after of TREE, whose files are written to FOLDER.

    GIVEN is what the patches are called. Raises PatchError where nothing can be taken, with what to write by
    hand, and MissingExtraError without the parser.
    """
    functions.check_extra()
    taken = {variant.label: _take_all(tree, variant, variants, function) for variant in variants.all}
    changed = _changed(taken)
    if not changed:
        raise PatchError(_nothing(tree, variants, given, function))
    found: dict[str, NativeStrategy] = {}
    for label, by_point in taken.items():
        for one in (by_point[point] for point in changed if point in by_point):
            if one.missing:
                raise PatchError(_missing(one, label, given))
            path = _write(folder, one, label, f"{tree.path} ({tree.version}), {label} {given}")
            name = f"{one.function}:{label}"
            found[name] = NativeStrategy(name, path, f"{one.function}() of {tree.version}, {label} {given}")
    return found


def at_allocation(tree: Tree, variants: Variants, folder: Path) -> dict[str, NativeStrategy]:
    """Return by label what each variant clears with as it allocates, changed or not."""
    functions.check_extra()
    found = {}
    for variant in variants.all:
        one = _take_all(tree, variant, variants, None).get("kernel_init_pages")
        if one is None or one.missing:
            msg = f"{tree.path} {variant.label} has no function to take at the init points: name a strategy"
            raise PatchError(msg)
        path = _write(folder, one, variant.label, f"{tree.path} ({tree.version}), {variant.label}")
        name = f"{one.function}:{variant.label}"
        found[variant.label] = NativeStrategy(name, path, f"{one.function}() of {tree.version}")
    return found


def _changed(taken: Mapping[str, Mapping[str, Taken]]) -> list[str]:
    """Return the init points at which before and after differ."""
    before, after = taken.get("before", {}), taken.get("after", {})
    return [
        point
        for point in _POINTS
        if (old := before.get(point)) != (new := after.get(point))
        and (old is None or new is None or old.identity != new.identity)
    ]


def _take_all(tree: Tree, variant: Variant, variants: Variants, function: str | None) -> dict[str, Taken]:
    """Return what VARIANT has at each init point; with FUNCTION, that alone."""
    sources = _Sources(tree, variant, variants)
    found = {}
    for point, name in _entries(sources, function):
        definitions = sources.named(name)
        if definitions and any(one.kind == "function" for one in definitions):
            found[point] = _Closure(sources).take(point, name)
    return found


def _entries(sources: _Sources, function: str | None) -> Iterator[tuple[str, str]]:
    if function is not None:
        for definition in sources.named(function)[:1]:
            yield _point_of(definition), function
        return
    for point, names in _POINTS.items():
        if point == "folio_zero_user" and not _has_fault_point():
            continue
        yield from [(point, name) for name in names if sources.named(name)][:1]


def _point_of(definition: Definition) -> str:
    """Return the init point whose signature a function has."""
    head = definition.text.partition("{")[0]
    if definition.name in {name for names in _POINTS.values() for name in names}:
        return next(point for point, names in _POINTS.items() if definition.name in names)
    if _PAGES.search(head):
        return "kernel_init_pages"
    if _AREA.search(head):
        return "init_vmalloc_pages"
    msg = (
        f"--function {definition.name} asked for, {definition.file}:{definition.line} takes neither "
        "a struct page * and a count nor a const void * and a size: name one that clears at an init point"
    )
    raise PatchError(msg)


def _has_fault_point() -> bool:
    return "folio_zero_user)" in (INCLUDE_DIR / "clearfw" / "abi.h").read_text()


@attrs.define
class _Sources:
    """The files of a variant, parsed as they are needed."""

    tree: Tree
    variant: Variant
    variants: Variants
    parsed: dict[str, dict[str, list[Definition]]] = attrs.field(factory=dict)

    @property
    def patched(self) -> list[str]:
        """The C files that the patches touch."""
        after = self.variants.after
        return [name for name in (after.files if after else ()) if name.endswith((".c", ".h"))]

    def text(self, file: str) -> str:
        """Return the text of a file of the variant, "" where it has none."""
        if file in self.variant.files:
            content = self.variant.files[file]
            return "" if content is None else content.decode(errors="replace")
        return self.tree.read(file)

    def definitions(self, file: str) -> dict[str, list[Definition]]:
        """Return what a file defines, by name."""
        if file not in self.parsed:
            by_name: dict[str, list[Definition]] = {}
            for one in functions.parse(file, self.text(file)):
                by_name.setdefault(one.name, []).append(one)
            self.parsed[file] = by_name
        return self.parsed[file]

    def named(self, name: str) -> list[Definition]:
        """Return what is called NAME in the patched files, or where the kernel's init points stand."""
        return self.look(name, dict.fromkeys((*self.patched, *_HOMES)))

    def look(self, name: str, files: Iterable[str]) -> list[Definition]:
        """Return what is called NAME in the first of FILES that has it."""
        for file in files:
            # Parsing takes long, looking for a word does not.
            if name in self.text(file) and (found := self.definitions(file).get(name)):
                return found
        return []

    def changed(self, name: str) -> bool:
        """Return whether the patches change what is called NAME."""
        for file in self.patched:
            old, new = (
                [one.text for one in sources.look(name, [file])]
                for sources in (_Sources(self.tree, one, self.variants) for one in self.variants.all)
            )
            if old != new:
                return True
        return False

    def around(self, file: str) -> list[str]:
        """Return where a definition that FILE uses may stand: there, in patched files, in its headers."""
        folder = file.rpartition("/")[0]
        headers = [
            f"include/{system}" if system else f"{folder}/{own}"
            for system, own in _INCLUDE.findall(self.text(file))
        ]
        return list(dict.fromkeys((file, *self.patched, *headers)))


@attrs.define
class _Closure:
    """A function being taken with all that it needs."""

    sources: _Sources
    taken: dict[str, list[Definition]] = attrs.field(factory=dict)
    order: list[Definition] = attrs.field(factory=list)
    missing: list[str] = attrs.field(factory=list)

    def take(self, point: str, name: str) -> Taken:
        """Return it."""
        self.add(name, self.sources.named(name))
        return Taken(point, name, tuple(self.order), tuple(dict.fromkeys(self.missing)))

    def add(self, name: str, definitions: Sequence[Definition]) -> None:
        """Take a definition, and before it what it uses."""
        if len(definitions) == 1:
            # The only one there is: what uses it is under the same #if, or counts on that.
            definitions = [attrs.evolve(definitions[0], conditions=())]
        self.taken[name] = list(definitions)
        for definition in definitions:
            for used in sorted(definition.uses):
                self.need(used, definition)
            self.order.append(definition)

    def need(self, name: str, user: Definition) -> None:
        """See to it that NAME, which USER uses, is there."""
        if name in self.taken or _BUILT_IN.match(name):
            return
        known = name in vocabulary()
        if known and not self.sources.changed(name):
            return
        found = self.sources.look(name, self.sources.around(user.file)) if len(self.order) < _MOST else []
        if found:
            self.add(name, found)
        elif name in user.calls and not known:
            self.missing.append(f"{user.file}:{user.calls[name]}: {name}()")


def vocabulary() -> frozenset[str]:
    """Return every name that <clearfw/strategy.h> gives."""
    if not _VOCABULARY:
        for header in sorted((INCLUDE_DIR / "clearfw").glob("*.h")):
            text = header.read_text()
            _VOCABULARY.update(_DEFINE.findall(text))
            _VOCABULARY.update(one.name for one in functions.parse(header.name, text))
    return frozenset(_VOCABULARY)


_VOCABULARY: set[str] = set()


def source(taken: Taken, label: str, said: str) -> str:
    """Return TAKEN as a C file whose strategy is of its init point."""
    known = vocabulary()
    replaced = sorted({one.name for one in taken.definitions if one.name in known})
    annotations = sorted({word for one in taken.definitions for word in one.annotations} - known)
    parts = [f"/* Taken by clearfw out of {said}. */", "#include <clearfw/strategy.h>"]
    parts += [f"#ifndef {word}\n#define {word}\n#endif" for word in annotations]
    parts += [f"#undef {name}\n#define {name} patched_{name}" for name in replaced]
    parts += [_emitted(one) for one in taken.definitions]
    strategy = f"{taken.function}_{label}"
    parts.append('#line 1 "the end, by clearfw"')
    parts.append(f"CLEARFW_STRATEGY({strategy}, .{taken.point} = {taken.function});")
    return "\n".join(parts) + "\n"


def _emitted(one: Definition) -> str:
    lines = [f"#if {condition}" for condition in one.conditions]
    lines += [f'#line {one.line} "{one.file}"', one.text]
    lines += ["#endif"] * len(one.conditions)
    return "\n".join(lines)


def _write(folder: Path, taken: Taken, label: str, said: str) -> Path:
    text = source(taken, label, said)
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = folder / f"{taken.function}_{label}-{key}.c"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        partial = path.with_suffix(f".{key}")
        partial.write_text(text)
        partial.replace(path)
    return path


def _missing(taken: Taken, label: str, given: str) -> str:
    calls = ", ".join(taken.missing)
    return (
        f"{taken.function}() {label} {given} calls what strategy.h has not and the tree's files do not show: "
        f"{calls}; write the function with these by hand in a .c file that ends with CLEARFW_STRATEGY()"
    )


def _nothing(tree: Tree, variants: Variants, given: str, function: str | None) -> str:
    if function is not None:
        return f"--function {function} asked for, {given} does not change it in {tree.path}: name another"
    names = sorted(_touched(tree, variants))
    shown = f"it changes {', '.join(names)}" if names else "it changes no function"
    known = ", ".join(name for names in _POINTS.values() for name in names)
    return f"{given} changes nothing at an init point ({known}): {shown}; name one with --function"


def _touched(tree: Tree, variants: Variants) -> Iterator[str]:
    """Yield the functions that the patches change."""
    sources = [_Sources(tree, variant, variants) for variant in variants.all]
    for file in sources[0].patched:
        before, after = (
            {name: [one.text for one in found] for name, found in one.definitions(file).items()}
            for one in sources
        )
        yield from (
            f"{name}()" for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        )
