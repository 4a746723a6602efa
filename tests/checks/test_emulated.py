"""The core on another architecture: the machine that checks ask, the same checks, the same verdicts."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import clearfw
from clearfw import registry
from clearfw.checks import answers as checks_answers
from clearfw.checks import conformance, server
from clearfw.checks.emulated import STRUCT_PAGE, EmulatedMachine
from clearfw.config import Config
from clearfw.errors import (
    CompileError,
    DoubleFreeError,
    MissingToolError,
    OutOfMemoryError,
    RunnerError,
    UnsupportedError,
)
from clearfw.machine import Machine
from clearfw.strategies import NativeStrategy, from_file
from clearfw.toolchain import compiler
from clearfw.toolchain.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.commands import Command

    from clearfw.toolchain.architectures import Architecture

PACKAGE = Path(clearfw.__file__).parent
MUTANTS = Path(__file__).parent / "mutants"
# Of one strategy, in every run of the tests; `make check-arch` asks all of all.
FEW = ("any_count", "arguments_untouched", "kasan_generic_quiet", "passed_on_untouched")
ALL = bool(os.environ.get("CLEARFW_CHECK_ARCH"))
SHIPPED = sorted(
    one.name for one in registry.default().strategies.values() if isinstance(one, NativeStrategy)
)


# Building the core takes its time: the big-endian one in every run of the tests, all for `make check-arch`.
ASKED = {name: one for name, one in ARCHITECTURES.items() if not one.is_native and (ALL or name == "s390x")}


@pytest.fixture(params=ASKED.values(), ids=ASKED)
def architecture(request: pytest.FixtureRequest) -> Architecture:
    """An architecture that can be compiled for and run here, and is not this computer's own."""
    one: Architecture = request.param
    try:
        server.prepare(one)
    except MissingToolError as error:
        pytest.skip(str(error))
    return one


@pytest.fixture
def emulate(architecture: Architecture) -> Iterator[Callable[..., EmulatedMachine]]:
    """Boot machines there; at the end each must be valid."""
    machines: list[EmulatedMachine] = []

    def start(cmdline: str = "", strategy: str = "per_page") -> EmulatedMachine:
        found = registry.default().strategies[strategy]
        assert isinstance(found, NativeStrategy)
        config = Config.parse(f"memory=8M backing=base {cmdline}")
        machines.append(EmulatedMachine(config, found, architecture))
        return machines[-1]

    yield start
    for machine in machines:
        try:
            assert machine.what_is_wrong() is None
        finally:
            machine.close()


@pytest.mark.skipif(not ALL, reason="make check-arch does it")
def test_the_core_compiles_there_without_a_warning(architecture: Architecture) -> None:
    """Of all that 32 bits and another byte order may bring to light."""
    flags = ["-std=gnu11", "-O2", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-Wall", "-Wextra", "-Werror"]
    include = [f"-I{server.CSRC}", f"-I{compiler.INCLUDE_DIR}", "-fsyntax-only"]
    sources = sorted(server.CSRC.rglob("*.c"))

    subprocess.run([*architecture.compiler().command, *flags, *include, *sources], check=True)


def test_it_clears_on_allocation(emulate: Callable[..., EmulatedMachine]) -> None:
    """The strategy's functions run there: garbage above it, zeroes after it, a call a page."""
    machine = emulate("init_on_alloc=1")
    pages = machine.alloc_pages(3)

    assert pages.first_not(0) is None
    assert machine.counters.clear_calls == 8
    assert machine.take_witness()["asked"] == 0

    pages.fill(0x5A)

    assert pages.first_not(0x5A) is None
    assert pages.first_not(0) == 0
    pages.free()


def test_a_refusal_of_the_core_comes_through(emulate: Callable[..., EmulatedMachine]) -> None:
    """The same exceptions as on this computer, with their facts."""
    machine = emulate()
    pages = machine.alloc_pages(0)
    pages.free()

    with pytest.raises(
        DoubleFreeError, match=f"cannot free order 0 at pfn {pages.pfn:#x}, it is already free"
    ):
        pages.free()
    with pytest.raises(OutOfMemoryError, match=r"no free block of 1048576 pages \(contiguous range\)"):
        machine.alloc_contig(20)


def test_a_crash_there_is_told(architecture: Architecture) -> None:
    """Whatever ends the process is the error, with what was touched, and again at every later request."""
    strategy = from_file(MUTANTS / "no_kmap.c")
    assert isinstance(strategy, NativeStrategy)
    config = Config.parse("memory=16M highmem=8M init_on_alloc=1 backing=base")
    machine = EmulatedMachine(config, strategy, architecture)
    try:
        for _ in range(2):
            with pytest.raises(RunnerError, match=r"NULL, which is page_address\(\) of a HIGHMEM page"):
                machine.alloc_pages(0, "GFP_HIGHUSER")
    finally:
        machine.close()


def test_each_thread_has_a_cpu_there(emulate: Callable[..., EmulatedMachine]) -> None:
    """What two threads ask at the same time is answered to each."""
    machine = emulate("init_on_alloc=1")
    barrier = threading.Barrier(2)
    found: list[int] = []

    def work() -> None:
        barrier.wait()
        for _ in range(20):
            pages = machine.alloc_pages(2)
            found.append(pages.pfn)
            assert pages.first_not(0) is None
            pages.free()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 40


def test_struct_pages_are_laid_out_as_here(
    emulate: Callable[..., EmulatedMachine], boot: Callable[..., Machine]
) -> None:
    """Whatever the byte order there: all but the address, flags and links to lists included."""
    emulated, native = emulate("memory=16M highmem=8M backing=base"), boot("highmem=8M backing=base")
    there, here = (
        [(*page[:2], *page[3:]) for page in STRUCT_PAGE.iter_unpack(machine.struct_pages())]
        for machine in (emulated, native)
    )

    assert there == here


def test_what_an_address_is_too_narrow_for_is_refused(architecture: Architecture) -> None:
    """32 bits hold neither a tag nor an address beyond 4 GiB; with 64 both boot."""
    strategy = registry.default().strategies["per_page"]
    assert isinstance(strategy, NativeStrategy)
    for cmdline in ("memory=8M kasan=sw_tags backing=base", "memory=8M hole=4G backing=base"):
        if architecture.bits > 32:
            EmulatedMachine(Config.parse(cmdline), strategy, architecture).close()
        else:
            with pytest.raises(
                UnsupportedError, match="this configuration is not supported on this architecture"
            ):
                EmulatedMachine(Config.parse(cmdline), strategy, architecture)


def test_it_has_all_that_checks_ask_of_a_machine() -> None:
    """Every name that the checks use of a machine is on both kinds."""
    used = set()
    for source in (PACKAGE / "checks" / "questions").glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"machine", "self.machine"}:
                used.add(node.attr)

    assert len(used) >= 6
    instance = {"config", "nr_pages", "first_pfn", "max_pfn"}
    assert {name for name in used - instance if not hasattr(EmulatedMachine, name)} == set()
    assert {name for name in used - instance if not hasattr(Machine, name)} == set()


@pytest.mark.parametrize("strategy", SHIPPED if ALL else ["batched"])
def test_the_shipped_strategies_pass_there(architecture: Architecture, strategy: str) -> None:
    """Every check on every shipped strategy, under CLEARFW_CHECK_ARCH; else a few on one."""
    found = registry.default().strategies[strategy]
    names = () if ALL else FEW
    answers = list(conformance.run(found, names, architecture=architecture, patience_s=60))

    assert [answer.check.name for answer in answers if not answer.passed] == []
    assert {answer.status for answer in answers} & {checks_answers.PASS}


@pytest.mark.parametrize(
    ("mutant", "check"),
    [
        ("skips_last_page", "any_count"),
        ("memset_without_guard", "kasan_generic_quiet"),
        ("marks_struct_page", "arguments_untouched"),
    ],
)
def test_a_mistake_is_found_there(architecture: Architecture, mutant: str, check: str) -> None:
    """The checks can say no on each architecture."""
    (answer,) = conformance.run(
        from_file(MUTANTS / f"{mutant}.c"), (check,), architecture=architecture, patience_s=60
    )

    assert answer.status == checks_answers.FAIL


def test_a_kept_tag_is_found_where_there_are_tags(architecture: Architecture) -> None:
    """arm64 ignores the top byte of an address, and so the core looks; 32 bits have none, and say so."""
    (answer,) = conformance.run(
        from_file(MUTANTS / "tag_kept.c"), ("kasan_tag_reset",), architecture=architecture, patience_s=60
    )

    assert answer.evidence
    if architecture.bits > 32:
        assert "KASAN tag still in it" in answer.evidence.message
    else:
        assert answer.status == checks_answers.CANNOT
        assert "no byte for a tag" in answer.evidence.message


def test_the_command_tells_what_cannot_be_answered_there(
    architecture: Architecture, command: Command
) -> None:
    """The same table; a check that has no answer there has a row that says why, and fails nothing."""
    asked = ("--only", "kasan_depth_balanced", "--only", "zero_beyond_4_gib")
    done = command("check", "per_page", "--arch", architecture.name, *asked)

    assert done.status == 0
    assert f"per_page on {architecture.name}" in done.out
    assert ("1 cannot run there" in done.out) == (architecture.bits == 32)


def test_python_is_refused_there(architecture: Architecture, command: Command) -> None:
    """Another architecture runs C alone."""
    done = command("check", MUTANTS / "python_raises.py", "--arch", architecture.name)

    assert done.status == 2
    assert done.line.endswith("is no strategy in C: another architecture runs no other")


def test_what_does_not_compile_there_is_told(
    architecture: Architecture, c_strategy: Callable[..., NativeStrategy]
) -> None:
    """In the words of its compiler."""
    broken = c_strategy(
        "broken", "static void f(struct page *page, int n) { nosuch(); }", ".kernel_init_pages = f"
    )

    with pytest.raises(CompileError, match="nosuch"):
        list(conformance.run(broken, architecture=architecture))


def test_a_strategy_cannot_say_that_a_check_has_no_answer(tmp_path: Path) -> None:
    """What another architecture may be excused from, a strategy that raises the same is not."""
    path = tmp_path / "excuse.py"
    path.write_text(
        "from clearfw import errors, hookimpl\n\nclass Excuse:\n    name = 'excuse'\n\n    @hookimpl\n"
        "    def clearfw_init_on_alloc(self, pages):\n        raise errors.UnsupportedError('not here')\n"
    )
    (answer,) = conformance.run(from_file(path), ("zero_on_alloc",))

    assert answer.status == checks_answers.FAIL


def test_this_computers_own_architecture_is_asked_as_it_is(command: Command) -> None:
    """A native architecture runs without an emulator."""
    native = [name for name, one in ARCHITECTURES.items() if one.is_native]
    if not native:
        pytest.skip("this computer is none of the architectures")
    done = command("check", "per_page", "--arch", native[0], "--only", "kasan_depth_balanced")

    assert (done.status, f"on {native[0]}" in done.out) == (0, False)


def test_all_that_is_missing_is_named_at_once(
    architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiler, libc and emulator in one line to type."""
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(MissingToolError) as raised:
        architecture.emulator()
    assert raised.value.package == " ".join(architecture.packages)


def test_a_missing_emulator_is_named_with_its_package(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, and what to install."""
    other = next(name for name, one in ARCHITECTURES.items() if not one.is_native)
    monkeypatch.setenv("PATH", "/nonexistent")
    done = command("check", "per_page", "--arch", other)

    assert done.status == 2
    assert re.search(r"is not installed: apt-get install .*qemu-user$", done.line)
