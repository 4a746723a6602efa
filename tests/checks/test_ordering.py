"""Stores that are not ordered, found in machine code: against programs of which it is known what is true."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.ordering_programs import STORES, Writer, may_leave_stores, source

from clearfw.checks import ordering
from clearfw.config import Config
from clearfw.errors import MissingToolError
from clearfw.registry import default
from clearfw.strategies import NativeStrategy
from clearfw.toolchain import architectures, compiler

if TYPE_CHECKING:
    from collections.abc import Callable

MUTANTS = Path(__file__).parent / "mutants"
MEMBERS = ("init_on_alloc", "init_on_free")
# Of the random programs; HYPOTHESIS_PROFILE=thorough asks many more.
SEEDS = range(400 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 24)
NT = '__asm__ volatile("movnti %1, %0" : "=m"(*(u64 *)(at)) : "r"(0ul));'
SFENCE = '__asm__ volatile("sfence" ::: "memory");'
HELPERS = f"""
static int word __maybe_unused;
static noinline __maybe_unused void store(u64 *at) {{ {NT} }}
static noinline __maybe_unused void finish(u64 *at) {{ {SFENCE} }}
static noinline __maybe_unused void choose(u64 *at, bool big) {{ if (big) {NT} else clear_page(at); }}
static noinline __maybe_unused bool tail(u64 *at) {{ {NT} return coin; }}
static noinline __maybe_unused void halves(u64 *at, int n)
{{
	if (n > 1) {{
		halves(at, n / 2);
		halves(at + 512, n - n / 2);
		return;
	}}
	{NT}
}}
static void (*const table[])(u64 *) __maybe_unused = {{ store, finish }};
"""
ON_X86 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the stores are x86's")


def look(text: str, path: Path, config: str = "") -> ordering.Ordering:
    """Compile TEXT, a strategy, and look at it."""
    path.write_text(text)
    return ordering.look(compiler.compile_c(path, Config.parse(config).kernel_options()))


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., ordering.Ordering]:
    """Look at a strategy with BODY as its function at the alloc init point, and what stands BEFORE it."""

    def write(body: str, before: str = "") -> ordering.Ordering:
        text = (
            f"#include <clearfw/strategy.h>\nstatic volatile int coin __maybe_unused;\n{before}\n"
            "static bool clear(struct page *page, int n)\n{\n\tu64 *at = page_address(page);\n"
            f"{body}\n\treturn true;\n}}\nCLEARFW_STRATEGY(one, .init_on_alloc = clear);\n"
        )
        return look(text, tmp_path / "one.c")

    return write


@ON_X86
@pytest.mark.parametrize("seed", SEEDS)
def test_random_programs(seed: int, tmp_path: Path) -> None:
    """A finding where some number of pages and some course of events leaves a store, and nowhere else."""
    writer = Writer(seed)
    bodies = {member: writer.body() for member in MEMBERS}
    text = source({member: writer.function(member, body) for member, body in bodies.items()})

    answer = look(text, tmp_path / "random.c")

    assert answer.untested == ()
    wrong = {member for one in answer.findings for member in one.functions}
    assert wrong == {member for member, body in bodies.items() if may_leave_stores(body)}


def test_random_programs_are_of_both_kinds() -> None:
    """Enough of them are wrong, and enough are right."""
    wrong = [may_leave_stores(Writer(seed).body()) for seed in SEEDS]

    assert len(SEEDS) / 4 < sum(wrong) < len(SEEDS) * 3 / 4


@ON_X86
@pytest.mark.parametrize("kind", STORES)
def test_every_store_is_known(kind: str, found: Callable[..., ordering.Ordering]) -> None:
    """Each is found, under its own name and with its line."""
    (one,) = found(f"{STORES[kind]};").findings

    assert one.instruction == ("clear_pages_incoherent()" if kind == "incoherent" else kind)
    assert one.place == "one.c:7"
    assert one.functions == ("init_on_alloc",)
    assert one.place in one.message
    assert one.instruction in one.message


@ON_X86
@pytest.mark.parametrize(
    "text",
    [
        "*(volatile u64 *)at = 0;",
        "clear_pages(at, n);",
        'unsigned long left = 512; __asm__ volatile("rep stosq" : "+D"(at), "+c"(left) : "a"(0) : "memory");',
        '__asm__ volatile("movntdqa (%0), %%xmm0" :: "r"(at) : "memory");',
    ],
)
def test_ordinary_stores_need_no_fence(text: str, found: Callable[..., ordering.Ordering]) -> None:
    """Plain stores, string stores and non-temporal loads are nothing to find."""
    assert found(text) == ordering.Ordering()


def cases(unfenced: int | None) -> str:
    """Return a switch that the compiler makes a jump table of."""
    bodies = (f"case {i}: {NT} {'' if i == unfenced else SFENCE} coin = {i * i}; break;" for i in range(9))
    return f"switch (n) {{ {' '.join(bodies)} }}"


@ON_X86
@pytest.mark.parametrize(
    "body",
    [
        f"for (int i = 0; i < n; i++, at += 512) {{ {NT} }}\n{SFENCE}",
        f"bool big = n >= 8; if (big) {NT}\nelse clear_pages(at, n);\ncoin = 1;\nif (big) {SFENCE}",
        f"bool dirty = 0; for (int i = 0; i < n; i++) if (coin) {{ {NT} dirty = 1; }} if (dirty) {SFENCE}",
        f"if (n < 0) return false;\nfor (int i = 0; i < n; i++) {NT}\nif (n) {SFENCE}",
        f"{NT} {SFENCE} clear_page(at);",
        f"{NT} __atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);",
        f"{NT} __atomic_exchange_n(&word, 1, __ATOMIC_SEQ_CST);",
        f"store(at); {SFENCE}",
        "store(at); finish(at);",
        f"halves(at, n); {SFENCE}",
        cases(unfenced=None),
        f"table[coin & 1](at); {SFENCE}",
        f"choose(at, n > 8); if (n > 8) {SFENCE}",
        "clear_pages_nt(at, n);",
        "clear_pages_clzero(at, n);",
        "clear_pages_rep(at, n);",
        f"{NT} BUG_ON(n > 0); if (n > 0) return false; {SFENCE}",
    ],
)
def test_fenced_on_every_path(body: str, found: Callable[..., ordering.Ordering]) -> None:
    """Fenced once behind a loop, by a helper, where a condition says so again: nothing is found."""
    assert found(body, HELPERS) == ordering.Ordering()


@ON_X86
@pytest.mark.parametrize(
    "body",
    [
        f"for (int i = 0; i < n; i++, at += 512) {{ {SFENCE} {NT} }}",
        f"if (n >= 8) {NT}\nelse clear_pages(at, n);\ncoin = 1;\nif (n >= 9) {SFENCE}",
        f"{NT} if (coin) return false;\n{SFENCE}",
        f"{NT} clear_pages(at, n);",
        f'{NT} __asm__ volatile("lfence" ::: "memory");',
        f'{NT} int a = n; __asm__ volatile("xchg %0, %1" : "+r"(a), "+r"(n));',
        f"{SFENCE} store(at);",
        "halves(at, n);",
        cases(unfenced=5),
        "table[coin & 1](at);",
        f"choose(at, n > 7); if (n > 8) {SFENCE}",
        "return tail(at);",
        "clear_pages_nt_incoherent(at, n);",
        "clear_pages_nt(at, n); clear_pages_clzero_incoherent(at, n);",
    ],
)
def test_unfenced_on_one_path(body: str, found: Callable[..., ordering.Ordering]) -> None:
    """One path without a fence is enough, through calls, jump tables and pointers."""
    answer = found(body, HELPERS)

    assert answer.findings
    assert answer.untested == ()


@ON_X86
def test_a_pointer_that_goes_anywhere_is_untested(found: Callable[..., ordering.Ordering]) -> None:
    """What cannot be followed is named by its place, where there is a store to order at all."""
    pointer = "static void (*volatile anything)(u64 *);"

    (why,) = found(f"{NT} {SFENCE}\nanything(at);", pointer).untested
    assert why.startswith("one.c:8: ")
    assert found("anything(at);", pointer) == ordering.Ordering()


@ON_X86
def test_a_function_of_another_file_is_untested(found: Callable[..., ordering.Ordering]) -> None:
    """The function may fence or store: the analysis cannot know."""
    (why,) = found(f"{NT} {SFENCE} coin = getpid();", "int getpid(void);").untested

    assert "getpid()" in why


@ON_X86
def test_bytes_that_are_no_instruction_are_untested(found: Callable[..., ordering.Ordering]) -> None:
    """The place is named."""
    (why,) = found(f'{NT} {SFENCE}\n__asm__ volatile(".byte 0x06, 0x06, 0x06");').untested

    assert "one.c:8" in why


@ON_X86
def test_the_line_of_what_is_called_in_the_vocabulary_is_the_callers(
    found: Callable[..., ordering.Ordering],
) -> None:
    """clear_pages_incoherent() is inline in strategy.h: who called it is what helps."""
    (one,) = found("\n\nclear_pages_incoherent(at, n);").findings

    assert one.place == "one.c:9"


@ON_X86
@pytest.mark.parametrize("name", ["unfenced.c", "unfenced_own_stores.c"])
@pytest.mark.parametrize("config", ["", "highmem=64M", "kasan=generic", "kasan=sw_tags page_size=64K"])
def test_mutants(name: str, config: str) -> None:
    """What a race shows now and then is found each time, whatever the strategy is compiled for."""
    answer = ordering.look(compiler.compile_c(MUTANTS / name, Config.parse(config).kernel_options()))

    (one,) = answer.findings
    assert one.functions == ("kernel_init_pages",)
    assert one.place.startswith(f"{name}:")


@ON_X86
def test_shipped_strategies() -> None:
    """Nothing is found in them, and nothing left untested."""
    for strategy in default().strategies.values():
        if isinstance(strategy, NativeStrategy):
            for config in ("", "highmem=64M"):
                compiled = compiler.compile_c(strategy.source, Config.parse(config).kernel_options())
                assert ordering.look(compiled) == ordering.Ordering(), (strategy.name, config)


def test_without_capstone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is untested, and one line says what to install."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "capstone" else found(name))

    (why,) = ordering.look(tmp_path / "none.so").untested

    assert why.startswith("capstone not installed: ")
    assert why.endswith("pip install capstone")


def test_what_is_no_shared_object(tmp_path: Path) -> None:
    """It is untested, and the reason is one line."""
    path = tmp_path / "no.so"
    path.write_bytes(b"no ELF file")

    (why,) = ordering.look(path).untested

    assert str(path) in why
    assert "\n" not in why


@ON_X86
@pytest.mark.parametrize(("number", "says"), [(22, "s390x"), (40, "arm"), (243, "RISCV")])
def test_other_architectures(number: int, says: str, tmp_path: Path) -> None:
    """s390x and arm have no such store, which is said; of one that nobody reads, all is untested."""
    path = tmp_path / "other.so"
    data = bytearray(compiler.compile_c(MUTANTS / "unfenced_own_stores.c").read_bytes())
    data[18:20] = number.to_bytes(2, "little")  # e_machine
    path.write_bytes(data)

    answer = ordering.look(path)

    assert answer.findings == ()
    assert says in answer.remark + "".join(answer.untested)
    assert bool(answer.remark) == (says != "RISCV")


def test_arm64(tmp_path: Path) -> None:
    """A STNP with no barrier is worth a remark: the kernel's own clear_page() has it so."""
    path = tmp_path / "stnp.c"
    path.write_text(
        "#include <clearfw/strategy.h>\n"
        'static void nt(char *at) { __asm__ volatile("stnp xzr, xzr, [%0]" :: "r"(at) : "memory"); }\n'
        "static bool open(struct page *page, int n) { nt(page_address(page)); return true; }\n"
        "static bool closed(struct page *page, int n)\n"
        '{ nt(page_address(page)); __asm__ volatile("dmb ishst" ::: "memory"); return true; }\n'
        "CLEARFW_STRATEGY(stnp, .init_on_alloc = open, .init_on_free = closed);\n"
    )
    try:
        compiled = compiler.compile_c(path, (), architectures.find(["arm64"])[0].compiler())
    except MissingToolError as error:
        pytest.skip(str(error))

    answer = ordering.look(compiled)

    assert answer.findings == ()
    assert answer.untested == ()
    assert "stnp at stnp.c:2 can reach the return of init_on_alloc with" in answer.remark
