"""The architectures that are compiled for and run, and what each needs: compiler, emulator, kernel flags."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import MissingToolError, NoCompilerError, UnknownArchitectureError
from clearfw.toolchain import compiler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearfw.toolchain.compiler import Compiler


@attrs.frozen(kw_only=True)
class Architecture:
    """One architecture.

    Attributes:
        name: as the kernel's arch/ calls it, but for x86_64 and s390x, which are the 64-bit ones of two.
        machines: what uname -m says on it.
        triplet: of the cross compiler and the binutils that Debian ships, as in arm-linux-gnueabi-gcc.
        march: what both a kernel and a program for user space are compiled with.
        kernel_flags: what its arch/NAME/Makefile (7.3) adds to the flags of every kernel.
        highmem: whether its kernels have CONFIG_HIGHMEM.
        kasans: the KASAN modes its kernels have.
        bits: of an address.
        qemu: the emulator of its programs.
        packages: of the compiler, the libc to link against, and the emulator.

    """

    name: str
    machines: tuple[str, ...]
    triplet: str
    march: tuple[str, ...]
    kernel_flags: tuple[str, ...]
    highmem: bool
    kasans: tuple[str, ...]
    bits: int
    qemu: str
    packages: tuple[str, str, str]

    @property
    def is_native(self) -> bool:
        """Whether this computer is one."""
        return platform.machine() in self.machines

    def compiler(self) -> Compiler:
        """Return its compiler, with `march`; raises MissingToolError."""
        if self.is_native:
            try:
                return compiler.find_compiler()
            except NoCompilerError as error:
                raise MissingToolError(str(error), "gcc") from error
        name = f"{self.triplet}-gcc"
        command = shutil.which(name)
        if command is None:
            raise self._missing(name, self.packages[0])
        return compiler.probe((command, *self.march))

    def objdump(self) -> str:
        """Return the path of its disassembler; raises MissingToolError."""
        name = "objdump" if self.is_native else f"{self.triplet}-objdump"
        path = shutil.which(name)
        if path is None:
            package = f"binutils-{self.triplet.replace('_', '-')}"
            raise self._missing(name, package)
        return path

    def emulator(self) -> tuple[str, ...]:
        """Return the command that runs its programs here; raises MissingToolError for all it lacks."""
        program, libc = shutil.which(self.qemu), self._libc()
        has_compiler = self.is_native or shutil.which(f"{self.triplet}-gcc")
        had = zip(self.packages, (has_compiler, libc, program), strict=True)
        packages = " ".join(package for package, found in had if not found)
        if program is None or libc is None:
            what = f"what runs it (compiler, libc, {self.qemu})"
            raise self._missing(what, packages)
        return (program, "-L", str(libc.resolve().parent.parent))

    def _libc(self) -> Path | None:
        """Return where its libc is installed, as its compiler has it: SYSROOT/lib/libc.so.6."""
        name = "libc.so.6"
        try:
            found = compiler.print_file_name(self.compiler(), name)
        except MissingToolError:
            return None
        # gcc gives back the name of what it does not find.
        return None if found == name else Path(found)

    def _missing(self, what: str, package: str) -> MissingToolError:
        msg = f"architecture {self.name} needs {what}, which is not installed: apt-get install {package}"
        return MissingToolError(msg, package)


# Common to all, from the kernel's Makefile (7.3): -O2 and what keeps C what mm/ expects.
KERNEL_FLAGS = (
    "-std=gnu11",
    "-O2",
    "-ffreestanding",
    "-fno-strict-aliasing",
    "-fno-common",
    "-fshort-wchar",
    "-funsigned-char",
    "-fno-strict-overflow",
    "-fno-delete-null-pointer-checks",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-pic",
    "-fno-pie",
    "-Wall",
    "-Werror=implicit-function-declaration",
)

_ALL = (
    Architecture(
        name="x86_64",
        machines=("x86_64",),
        triplet="x86_64-linux-gnu",
        march=(),
        kernel_flags=(
            "-m64",
            "-mno-sse",
            "-mno-mmx",
            "-mno-sse2",
            "-mno-3dnow",
            "-mno-avx",
            "-mno-80387",
            "-mno-red-zone",
            "-mcmodel=kernel",
            "-mpreferred-stack-boundary=3",
        ),
        highmem=False,
        kasans=("off", "generic"),
        bits=64,
        qemu="qemu-x86_64",
        packages=("gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross", "qemu-user"),
    ),
    Architecture(
        name="arm",
        machines=("armv7l", "armv8l"),
        triplet="arm-linux-gnueabi",
        march=("-march=armv7-a",),
        kernel_flags=("-msoft-float", "-mabi=aapcs-linux", "-mno-thumb-interwork", "-marm"),
        highmem=True,
        kasans=("off", "generic"),
        bits=32,
        qemu="qemu-arm",
        packages=("gcc-arm-linux-gnueabi", "libc6-dev-armel-cross", "qemu-user"),
    ),
    Architecture(
        name="arm64",
        machines=("aarch64",),
        triplet="aarch64-linux-gnu",
        march=(),
        kernel_flags=("-mgeneral-regs-only", "-mabi=lp64", "-mno-outline-atomics"),
        highmem=False,
        kasans=("off", "generic", "sw_tags", "hw_tags"),
        bits=64,
        qemu="qemu-aarch64",
        packages=("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"),
    ),
    Architecture(
        name="s390x",
        machines=("s390x",),
        triplet="s390x-linux-gnu",
        march=(),
        kernel_flags=("-m64", "-msoft-float", "-mbackchain", "-march=z10", "-mpacked-stack"),
        highmem=False,
        kasans=("off", "generic"),
        bits=64,
        qemu="qemu-s390x",
        packages=("gcc-s390x-linux-gnu", "libc6-dev-s390x-cross", "qemu-user"),
    ),
)

ARCHITECTURES = {one.name: one for one in _ALL}


def find(names: Sequence[str]) -> tuple[Architecture, ...]:
    """Return the architectures called NAMES, each once; raises UnknownArchitectureError."""
    for name in names:
        if name not in ARCHITECTURES:
            raise UnknownArchitectureError(name, ARCHITECTURES)
    return tuple(ARCHITECTURES[name] for name in dict.fromkeys(names))


def having(
    asked: Sequence[Architecture], tool: Callable[[Architecture], object]
) -> tuple[list[Architecture], dict[str, MissingToolError]]:
    """Return those of ASKED that have what TOOL gives, and why not for the others; raises if none has it."""
    present: list[Architecture] = []
    missing: dict[str, MissingToolError] = {}
    for one in asked:
        try:
            tool(one)
            present.append(one)
        except MissingToolError as error:
            missing[one.name] = error
    if not present:
        raise next(iter(missing.values()))
    return present, missing
