"""Preflight: a strategy that would take the measurement down is told in one line, before it does."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from clearfw import registry
from clearfw.bench import preflight
from clearfw.bench.plan import Plan
from clearfw.errors import CompileError, StrategyError
from clearfw.markers import hookimpl
from clearfw.strategies import PythonStrategy, parse_stack
from clearfw.workloads.blocks import Hugetlb, Orders
from clearfw.workloads.churn import Churn
from clearfw.workloads.protocol import Options
from clearfw.workloads.vmalloc import Vmalloc

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.strategies import NativeStrategy, Strategy
    from clearfw.workloads.protocol import Workload

    Write = Callable[..., NativeStrategy]


def plan(workload: Workload | None = None, **options: object) -> Plan:
    """Return a plan of the hugetlb workload on 2 GiB, unless told otherwise."""
    how = Options(**options)  # type: ignore[arg-type]
    return Plan(workload=workload or Hugetlb(), options=how, stacks=(), primitives=("stosb",), rounds=2)


def check(strategy: Strategy, deadline_s: float = 30.0, where: Plan | None = None) -> None:
    """Check one strategy."""
    preflight.check(where or plan(), strategy.name, (strategy,), deadline_s)


@pytest.mark.parametrize("workload", [Hugetlb(), Orders(), Churn(), Vmalloc()], ids=lambda one: one.name)
def test_what_is_shipped_passes(workload: Workload) -> None:
    """On every workload, and those that do not serve it too: that is for the measurement to tell."""
    known = registry.default().strategies

    for name in ("per_page", "vmalloc_runs"):
        preflight.check(plan(workload), name, parse_stack(name, known))


@pytest.mark.parametrize("page_size", [4096, 16384, 65536])
@pytest.mark.parametrize("highmem", [0, 1 << 30])
def test_the_small_machine_is_large_enough(page_size: int, highmem: int) -> None:
    """For a chunk, whatever the page size, and for one of HIGHMEM."""
    stack = parse_stack("batched+highmem_fallback", registry.default().strategies)
    where = plan(Orders(), page_size=page_size, highmem=highmem, backing="thp")

    preflight.check(where, "the stack", stack)


CRASHES = {
    "segv": ("*(volatile int *)8 = 1;", "strategy .*SIGSEGV, so it was not timed"),
    "stack": (
        "volatile char big[1 << 16]; big[0] = 1; f(page, n + big[1]); big[2] = 1;",
        "strategy .*SIGSEGV",
    ),
}


@pytest.mark.parametrize("name", CRASHES)
def test_a_crash_is_told_with_the_name(c_strategy: Write, name: str) -> None:
    """In one line, and this process goes on."""
    body, said = CRASHES[name]
    crashing = c_strategy(
        "strategy", f"static void f(struct page *page, int n) {{ {body} }}", ".kernel_init_pages = f"
    )

    with pytest.raises(StrategyError, match=said) as caught:
        check(crashing)
    assert "\n" not in str(caught.value)
    assert caught.value.strategy == "strategy"


def test_a_loop_without_an_end_is_told(c_strategy: Write) -> None:
    """After the deadline, which is 30 s unless told otherwise; the child is gone then."""
    loop = c_strategy(
        "loop", "static void f(struct page *page, int n) { for (;;) barrier(); }", ".kernel_init_pages = f"
    )

    with pytest.raises(StrategyError, match=r"loop did not come back within 0\.5 s.*, so it was not timed"):
        check(loop, deadline_s=0.5)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


class Raising:
    """Raises."""

    @hookimpl
    def clearfw_init_on_alloc(self, pages: object) -> None:
        """Raise."""
        msg = "of all things"
        raise KeyError(msg)


class Allocating:
    """Allocates while it is to clear."""

    @hookimpl
    def clearfw_init_on_alloc(self, pages: object) -> None:
        """Allocate."""
        pages.machine.alloc_pages(0)  # type: ignore[attr-defined]


class Leaving:
    """Ends the process."""

    @hookimpl
    def clearfw_init_on_alloc(self, pages: object) -> None:
        """Leave."""
        os._exit(3)


class Telling:
    """Tells how large its machine is."""

    @hookimpl
    def clearfw_init_on_alloc(self, pages: object) -> None:
        """Tell."""
        raise ValueError(pages.machine.nr_pages)  # type: ignore[attr-defined]


def test_the_machine_is_small() -> None:
    """Where 2 GiB are planned, 64 MiB do; less than that stays what it is."""
    for memory, npages in ((0, 16384), (16 << 20, 4096)):
        with pytest.raises(StrategyError, match=f"telling raised ValueError: {npages} "):
            check(PythonStrategy("telling", Telling(), ""), where=plan(memory=memory))


class Killed:
    """Is killed, as by a host that is out of memory."""

    @hookimpl
    def clearfw_init_on_alloc(self, pages: object) -> None:
        """Be killed."""
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("implementation", "said"),
    [
        (Raising(), "mine raised KeyError: 'of all things'"),
        (Allocating(), "'mine' allocated or freed inside an init point"),
        (Leaving(), "mine ended the process with exit status 3"),
        (Killed(), "mine was ended by SIGKILL, so it was not timed"),
    ],
    ids=["raises", "allocates", "leaves", "killed"],
)
def test_misbehaviour_in_python_is_told(implementation: object, said: str) -> None:
    """With its name, like that in C."""
    with pytest.raises(StrategyError, match=said):
        check(PythonStrategy("mine", implementation, ""))


def test_a_broken_rule_is_told_in_the_cores_words(c_strategy: Write) -> None:
    """kmap_local_page() without kunmap_local(), where a HIGHMEM machine is planned."""
    leaking = c_strategy(
        "leaking",
        "static void f(struct page *page, int n) { clear_page(kmap_local_page(page)); }",
        ".kernel_init_pages = f",
    )

    with pytest.raises(StrategyError, match="'leaking' returned with pages still mapped"):
        check(leaking, where=plan(highmem=1 << 30, backing="thp"))


def test_a_vmalloc_strategy_is_exercised_as_well(c_strategy: Write) -> None:
    """At its own init point."""
    crashing = c_strategy(
        "crashing",
        "static void g(const void *start, unsigned long size) { *(volatile int *)8 = 1; }",
        ".init_vmalloc_pages = g",
    )

    with pytest.raises(StrategyError, match=r"crashing .*SIGSEGV"):
        check(crashing, where=plan(Vmalloc()))
    check(crashing)


def test_the_second_configuration_is_exercised_as_well(c_strategy: Write) -> None:
    """A strategy that crashes on free alone is found by a workload that clears on free."""
    crashing = c_strategy(
        "crashing",
        "static bool fine(struct page *page, int n) { clear_pages(page_address(page), n); return true; }\n"
        "static bool f(struct page *page, int n) { *(volatile int *)8 = 1; return true; }",
        ".init_on_alloc = fine, .init_on_free = f",
    )

    check(crashing)
    with pytest.raises(StrategyError, match=r"crashing .*SIGSEGV"):
        check(crashing, where=plan(Churn()))


def test_what_does_not_compile_is_told_by_the_compiler(c_strategy: Write) -> None:
    """As an error of its own."""
    with pytest.raises(CompileError, match="no_such_function"):
        check(c_strategy("mine", "int f(void) { return no_such_function(); }", ""))


def test_dirt_is_for_the_measurement_to_tell(c_strategy: Write) -> None:
    """It is a finding, and not a crash."""
    check(c_strategy("dirty", "static void f(struct page *page, int n) { }", ".kernel_init_pages = f"))
