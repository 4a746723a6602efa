"""Sizes: bytes of code, and instructions executed, the same on every run with the same compiler."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .common import module, skipping

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCHITECTURES = ("x86_64", "arm", "arm64", "s390x")
STACKS = ("per_page", "batched+highmem_fallback", "s390_memset")
# What the review was about: CONFIG_HIGHMEM where there is such a kernel, and KASAN.
CONFIG = "highmem,kasan=generic"

# csrc/mm/strategy_api.c: the functions that a strategy calls; until 0.1 they began with lent_.
API = {
    f"{prefix}_{name}"
    for prefix in ("api", "lent")
    for name in ("clear_pages", "kasan_depth_add", "kmap_local_page", "kunmap_local", "memset")
}
ORDER = 5
CLEARS = 10


class CodeBytes:
    """Of the model page_alloc.c with a stack in it (clearfw/size/model_unit.py); the lower the better."""

    version = "1"
    unit = "bytes"
    params = (ARCHITECTURES, STACKS)
    param_names = ("arch", "stack")

    def setup(self, arch: str, stack: str) -> None:
        """Compile it, each way."""
        with skipping():
            from clearfw import registry
            from clearfw.strategies import parse_stack

            code_size = module("size.code_size", "sizes")
            architectures = module("toolchain.architectures", "architectures").ARCHITECTURES

            known = registry.default().strategies
            old = parse_stack("per_page", known)
            config = code_size.parse_config(CONFIG)
            self.size = code_size.size(parse_stack(stack, known), old, architectures[arch], config)

    @property
    def made_with(self) -> str:
        """The compiler: with another, all is different."""
        return self.size.compiler

    def track_inline(self, arch: str, stack: str) -> int:  # noqa: ARG002
        """The unit, with the clear inline in its callers."""
        return self.size.way("inline").bloat.after

    def track_out_of_line(self, arch: str, stack: str) -> int:  # noqa: ARG002
        """The unit, with the clear as one function."""
        return self.size.way("out of line").bloat.after

    def track_function(self, arch: str, stack: str) -> int:  # noqa: ARG002
        """That function alone."""
        return self.size.way("out of line").function_bytes


class Instructions:
    """Executed for one clear: the strategy's own and those of what the core lends it, up to the primitive."""

    version = "1"
    unit = "instructions"
    params = (("per_page", "batched", "s390_memset"), ("memory=4M", "memory=8M highmem=4M kmap=priced"))
    param_names = ("strategy", "machine")
    timeout = 120

    def setup(self, strategy: str, machine: str) -> None:
        """Skip where valgrind is missing, and where the strategy claims nothing."""
        if shutil.which("valgrind") is None or (strategy, "highmem" in machine) == ("batched", True):
            raise NotImplementedError

    def track_per_clear(self, strategy: str, machine: str) -> float:
        """Of a block of 32 pages."""
        with tempfile.TemporaryDirectory() as directory:
            into = Path(directory) / "callgrind.out"
            own = _run(strategy, machine, into)
            return sum(cost for name, fn, cost in _costs(into) if name == own or fn in API) / CLEARS


def _run(name: str, cmdline: str, into: Path) -> str:
    """Clear CLEARS times under callgrind; return the path of the strategy's shared object."""
    with skipping():
        from clearfw import registry
        from clearfw.config import Config
        from clearfw.gfp import Gfp

        compiler = module("toolchain.compiler", "compiler")
        architectures = module("toolchain.architectures", "architectures").ARCHITECTURES
        emulated = module("checks.emulated", "emulated")
        server = module("checks.server", "runner")
        start = getattr(server, "Server", None) or server.Runner
        config = Config.parse(f"{cmdline} init_on_alloc=1 backing=base primitive=generic")
        strategy = registry.default().strategies[name]
        native = [one for one in architectures.values() if one.is_native]
        if not native:
            raise NotImplementedError
        compiled = compiler.compile_c(strategy.source, config.kernel_options())
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={into}", "--quiet"]
        one = start([*valgrind, str(server.build(native[0]))], compiled, name)
        try:
            one.ask("boot", *emulated.words(config))
            for _ in range(CLEARS):
                (pfn,) = one.ask("alloc", ORDER, int(Gfp.parse("GFP_HIGHUSER")))
                one.ask("free", pfn, ORDER)
        finally:
            one.close()
        return str(compiled.resolve())


def _costs(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield object, function and instructions of each line of a callgrind file, what is called left out."""
    names: dict[str, str] = {}
    here = {"ob": "", "fn": ""}
    called = False
    for line in path.read_text().splitlines():
        if match := re.match(r"(ob|fn|cob|cfn)=(\(\d+\))(?: (.*))?", line):
            kind, key, name = match.groups()
            key = kind[-2:] + key
            names.setdefault(key, name or "")
            if kind in here:
                here[kind] = names[key]
        elif match := re.match(r"[+\-*\d]+ (\d+)$", line):
            if not called:
                yield here["ob"], here["fn"], int(match[1])
            called = False
        called = line.startswith("calls=") or called
