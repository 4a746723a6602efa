"""From a tree and patches to a kernel that boots here: make, out of the tree, in its shadow."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from clearfw.errors import KernelBuildError, KernelTreeError, MissingToolError
from clearfw.kernel_tree import config, primitive
from clearfw.kernel_tree.process import running
from clearfw.kernel_tree.shadow import Shadow
from clearfw.kernel_tree.tree import Tree, changed, fingerprint
from clearfw.toolchain.compiler import Compiler, find_compiler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from clearfw.kernel_tree.store import Build, Store
    from clearfw.kernel_tree.tree import State

    # Told what is being done, in a word or a line of make's.
    Progress: TypeAlias = Callable[[str], None]

_GUEST = Path(__file__).parent / "guest"
# What a build needs beside the compiler, and Debian's package of it.
_TOOLS = {"make": "make", "ld": "binutils", "flex": "flex", "bison": "bison", "bc": "bc"}
_INIT_FLAGS = ("-O2", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Wall")
_ERROR = re.compile(r": (?:fatal )?error: |undefined reference to|^\*\*\* |^ERROR: ")
_MAKE = re.compile(r"^make(\[\d+\])?: ")
_MISSING_HEADER = {"gelf.h": "libelf-dev", "libelf.h": "libelf-dev", "openssl/": "libssl-dev"}
_SHOWN_LINES = 12


@attrs.frozen
class Recipe:
    """How a kernel is to be built: the instruction that clears, and what its configuration adds to BASE."""

    primitive: str
    fragments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A short name for the folder that make works in."""
        text = "\n".join([self.primitive, config.BASE, *self.fragments, primitive.header(self.primitive)])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@attrs.frozen
class Variant:
    """A tree "before" or "after": the files that differ from the user's, None for those that are gone."""

    label: str
    files: Mapping[str, bytes | None]


def check_tools() -> Compiler:
    """Return the compiler; raises NoCompilerError, MissingToolError, or KernelTreeError off x86-64."""
    if os.uname().machine != "x86_64":
        msg = (
            f"this computer is {os.uname().machine}: User-Mode Linux runs on x86_64, so no kernel boots here"
        )
        raise KernelTreeError(msg)
    compiler = find_compiler()
    missing = [package for tool, package in _TOOLS.items() if not shutil.which(tool)]
    if missing:
        names = " ".join(missing)
        msg = f"a kernel build needs {', '.join(missing)}, not installed here: apt-get install {names}"
        raise MissingToolError(msg, names)
    return compiler


def build(tree: Tree, variant: Variant, recipe: Recipe, store: Store, progress: Progress) -> Build:
    """Return the kernel of TREE as VARIANT, built where it is not kept already.

    Raises KernelBuildError with the compiler's lines, and KernelTreeError where the tree changed meanwhile.
    """
    compiler = check_tools()
    store.prepare()
    progress("reading the tree")
    files = tree.files()
    own = _own(tree, variant)
    key = _key(files, own, recipe, compiler)
    if found := store.get(key):
        return found
    name = hashlib.sha256(os.fsencode(tree.path)).hexdigest()[:16]
    with store.workspace(
        name, lambda: progress("waiting for another clearfw that builds this tree")
    ) as folder:
        shadow = Shadow(folder)
        progress("linking the tree")
        shadow.show(tree, files, own)
        work = _Work(shadow, recipe, compiler, variant.label, progress)
        work.make()
        _check_unchanged(tree, files)
        about = {
            "tree": str(tree.path),
            "version": tree.version,
            "files": sorted(variant.files),
            "primitive": recipe.primitive,
            "compiler": compiler.version,
            "clear_pages": primitive.has_clear_pages((shadow.source / "include/linux/mm.h").read_text()),
        }
        return store.keep(key, lambda target: work.collect(target, about))


def _own(tree: Tree, variant: Variant) -> dict[str, bytes | None]:
    text = variant.files.get(primitive.PAGE_H)
    page_h = tree.read(primitive.PAGE_H) if text is None else text.decode(errors="replace")
    return {
        **variant.files,
        primitive.PAGE_H: primitive.page_h(tree, page_h).encode(),
    }


def _key(
    files: Mapping[str, State], own: Mapping[str, bytes | None], recipe: Recipe, compiler: Compiler
) -> str:
    parts = [fingerprint(files), recipe.name, *compiler.command, compiler.version]
    parts += [f"{name} {_digest(text)}" for name, text in sorted(own.items())]
    parts += [_digest(path.read_bytes()) for path in sorted(_GUEST.iterdir()) if path.is_file()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def _digest(text: bytes | None) -> str:
    return "gone" if text is None else hashlib.sha256(text).hexdigest()


def _check_unchanged(tree: Tree, files: Mapping[str, State]) -> None:
    names = changed(files, tree.files())
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        msg = (
            f"{tree.path} was changed while it was being built ({names[0]}{more}): run it again once it rests"
        )
        raise KernelTreeError(msg)


@attrs.frozen
class _Work:
    """make at work on a shadow."""

    shadow: Shadow
    recipe: Recipe
    compiler: Compiler
    label: str
    progress: Progress

    @property
    def folder(self) -> Path:
        """Where objects go."""
        return self.shadow.builds / self.recipe.name

    def make(self) -> None:
        """Configure where that was not done yet, and build the kernel, the module and the init program."""
        begun = self.folder / "begun"
        if begun.exists():
            # Killed in the middle: an object may be half of one, and make cannot tell.
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        begun.touch()
        try:
            self._configure()
            self._build()
        finally:
            # make removes what it was at when it is interrupted or fails.
            begun.unlink(missing_ok=True)

    def _configure(self) -> None:
        header = self.folder / primitive.HEADER
        if not (self.folder / ".config").exists():
            self._run("tinyconfig")
            wanted = [config.BASE, *self.recipe.fragments]
            made = (self.folder / ".config").read_text()
            (self.folder / ".config").write_text(config.merge(made, wanted))
            self._run("olddefconfig")
            self._check_config()
        if not header.exists():
            header.parent.mkdir(parents=True, exist_ok=True)
            header.write_text(primitive.header(self.recipe.primitive))

    def _check_config(self) -> None:
        made = (self.folder / ".config").read_text()
        missing = config.dropped(config.merge("", self.recipe.fragments), made)
        missing += [
            name for name in ("CONFIG_64BIT", "CONFIG_MODULES", "CONFIG_HOSTFS") if f"{name}=y" not in made
        ]
        if missing:
            (self.folder / ".config").unlink()
            msg = f"{', '.join(missing)} asked for, this tree's Kconfig does not give it: change the fragment"
            raise KernelBuildError(msg, self.label, "")

    def _build(self) -> None:
        self._run("linux", "modules")
        guest = self.folder / "clearfw"
        guest.mkdir(exist_ok=True)
        for name in ("Kbuild", "clearfw.c"):
            text = (_GUEST / name).read_bytes()
            if not (guest / name).exists() or (guest / name).read_bytes() != text:
                (guest / name).write_bytes(text)
        self._run(f"M={guest}", "modules")
        self._checked(
            [*self.compiler.command, *_INIT_FLAGS, "-o", str(guest / "init"), str(_GUEST / "init.c")]
        )

    def collect(self, target: Path, about: dict[str, Any]) -> dict[str, Any]:
        """Copy what was built to TARGET, and return what it is made of."""
        shutil.copy2(self.folder / "linux", target)
        shutil.copy2(self.folder / "clearfw" / "clearfw.ko", target)
        shutil.copy2(self.folder / "clearfw" / "init", target)
        shutil.copy2(self.folder / ".config", target / "config")
        return about

    def _run(self, *goals: str) -> None:
        jobs = len(os.sched_getaffinity(0))
        cc = shlex.join(self.compiler.command)
        self._checked(
            [
                "make",
                f"-j{jobs}",
                "-C",
                str(self.shadow.source),
                f"O={self.folder}",
                "ARCH=um",
                f"CC={cc}",
                *goals,
            ]
        )

    def _checked(self, command: Sequence[str]) -> None:
        """Run COMMAND and show its lines as progress; raises KernelBuildError with those that matter."""
        lines: list[str] = []
        with running(command, cwd=self.folder, environment=_environment()) as process:
            assert process.stdout is not None  # noqa: S101  asked for as a pipe
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip()
                lines.append(line)
                self.progress(line.strip())
            status = process.wait()
        if status:
            raise self._failed(lines)

    def _failed(self, lines: Sequence[str]) -> KernelBuildError:
        text = "\n".join(lines)
        for header, package in _MISSING_HEADER.items():
            if f"fatal error: {header}" in text:
                msg = f"the tree needs {header} to build, which is not installed: apt-get install {package}"
                return KernelBuildError(msg, self.label, text)
        if "No space left on device" in text:
            msg = f"no space is left in {self.folder}: free some, or point CLEARFW_CACHE_DIR elsewhere"
            return KernelBuildError(msg, self.label, text)
        own = [line.replace(f"{self.shadow.source}/", "") for line in lines if not _MAKE.match(line)]
        first = next((number for number, line in enumerate(own) if _ERROR.search(line)), -_SHOWN_LINES)
        shown = "\n".join((own[first:] or list(lines)[-_SHOWN_LINES:])[:_SHOWN_LINES])
        return KernelBuildError(f'the tree "{self.label}" does not build:\n{shown}', self.label, text)


def _environment() -> dict[str, str]:
    """Return the user's environment, without what would steer make, and with no time of day."""
    steering = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARCH", "SUBARCH", "CROSS_COMPILE", "LLVM", "O", "V", "W")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in steering and not name.startswith(("KBUILD_", "KCONFIG_", "KCFLAGS", "KCPPFLAGS"))
    }
    return {
        **kept,
        "LC_ALL": "C",
        "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
        "KBUILD_BUILD_USER": "clearfw",
        "KBUILD_BUILD_HOST": "clearfw",
        "KBUILD_BUILD_VERSION": "1",
    }
