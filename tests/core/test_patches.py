"""Functions as they stand in patches from 5.10 to 7.3 compile as they are, and clear."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clearfw import isolation, registry, strategies
from clearfw.config import Config
from clearfw.errors import PreemptionError
from clearfw.size import model_unit
from clearfw.toolchain.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw.machine import Machine
    from clearfw.strategies import NativeStrategy, Strategy

    Boot = Callable[..., Machine]
    Written = Callable[..., NativeStrategy]

PATCHES = Path(__file__).parents[1] / "patches"
WRONG = {"reschedules_v1"}
RIGHT = sorted(path.stem for path in PATCHES.glob("*.c") if path.stem not in WRONG)
GARBAGE = 0x9E
# No kernel has both tags and HIGHMEM.
KERNELS = (
    "kasan=off",
    "highmem=8M",
    "kasan=generic",
    "kasan=generic highmem=8M",
    "kasan=sw_tags",
    "kasan=hw_tags",
)
# No tags of their own: under hw_tags the page allocator would zero what it tags, and ask nobody.
GFPS = ("GFP_KERNEL|__GFP_SKIP_KASAN", "GFP_HIGHUSER|__GFP_SKIP_KASAN")


def patch(name: str) -> NativeStrategy:
    """Return the strategy in tests/patches/NAME.c."""
    found = strategies.from_file(PATCHES / f"{name}.c")
    assert isinstance(found, strategies.NativeStrategy)
    return found


def below(*names: str) -> list[Strategy]:
    """Return the shipped strategies called NAMES."""
    return [registry.default().strategies[name] for name in names]


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_patch_of_its_time_clears(boot: Boot, name: str, kernel: str) -> None:
    """With every KASAN mode, in both zones, blocks, lists and areas; with no report and no warning."""
    shipped = below("per_page", "vmalloc_per_page")
    machine = boot(f"{kernel} vmalloc_init=always init_on_alloc=1", [patch(name), *shipped])

    machine.fill(GARBAGE)
    for order, gfp in itertools.product((0, 1, 3, 9), GFPS):
        pages = machine.alloc_pages(order, gfp)
        assert machine.first_not(0, pages.pfn, pages.npages) is None
    for page in machine.alloc_pages_bulk(5, GFPS[1]):
        assert machine.first_not(0, page.pfn, 1) is None
    area = machine.vmalloc(3 * machine.config.page_size + 5)
    assert all(machine.first_not(0, pfn, 1) is None for pfn in area.pfns)
    counters = machine.counters
    assert (counters.kasan_reports, counters.warnings, counters.sleeps, counters.zero_clears) == (0, 0, 0, 0)
    assert counters.inits


@pytest.mark.parametrize("name", [*RIGHT, *WRONG])
def test_a_patch_has_a_size_in_a_kernel(name: str) -> None:
    """The names have their counterparts where a unit is compiled for its size alone."""
    one = model_unit.member(patch(name))
    unit = model_unit.Unit((one,), model_unit.points([one]))
    native = next(one for one in ARCHITECTURES.values() if one.is_native)

    for config in ("", "kasan=generic"):
        assert model_unit.compile_unit(unit, "inline", native, Config.parse(config))


@pytest.mark.parametrize(("preempt", "sleeps"), [("lazy", 0), ("full", 0), ("voluntary", 1), ("none", 1)])
def test_the_first_version_of_the_batching_patch_sleeps_without_preemption(
    boot: Boot, preempt: str, sleeps: int
) -> None:
    """preempt_model_preemptible() answers as the kernel does that booted with preempt=."""
    machine = boot(f"init_on_alloc=1 preempt={preempt}", [patch("reschedules_v1")])

    machine.alloc_pages(3)

    assert machine.counters.sleeps == sleeps


UNPAIRED = {
    "preempt_disable();": "returned with another preempt count",
    "preempt_enable();": "returned with another preempt count",
    "kmap_atomic(page);": "returned with another preempt count",
    "local_bh_disable();": "returned with another preempt count",
    "pagefault_disable();": "returned with another preempt count",
    "migrate_disable();": "returned with another preempt count",
    "local_irq_disable();": "changed the interrupt state",
    "unsigned long flags; local_irq_save(flags); (void)flags;": "changed the interrupt state",
    "local_irq_disable(); local_irq_enable();": "changed the interrupt state",
}


@pytest.mark.parametrize("code", UNPAIRED)
def test_what_is_disabled_is_enabled_again(boot: Boot, c_strategy: Written, code: str) -> None:
    """The caller goes on in the context that it was in; and it may have had interrupts disabled."""
    body = f"static void f(struct page *page, int n) {{ clear_pages(page_address(page), n); {code} }}"
    machine = boot("init_on_alloc=1", [c_strategy("mine", body, ".kernel_init_pages = f")])

    for _ in range(2):  # the second time, too: nothing is left over from the first
        with pytest.raises(PreemptionError, match=f"'mine' {UNPAIRED[code]}"):
            machine.alloc_pages()


ASKING = """
static unsigned long answer;
static void f(struct page *page, int n)
{
\tclear_pages(page_address(page), n);
\tWARN_ON(QUESTION);
}
"""


def asked(boot: Boot, c_strategy: Written, question: str) -> Machine:
    """Return a machine whose strategy warns where QUESTION is true."""
    body = ASKING.replace("QUESTION", question).replace("static unsigned long answer;\n", "")
    return boot("init_on_alloc=1", [c_strategy("asks", body, ".kernel_init_pages = f")])


def test_in_atomic_is_true_where_the_caller_may_not_sleep(boot: Boot, c_strategy: Written) -> None:
    """In a bulk allocation, under the lock of the per-CPU lists, and without __GFP_DIRECT_RECLAIM."""
    machine = asked(boot, c_strategy, "in_atomic()")

    machine.alloc_pages(0, "GFP_KERNEL")
    assert machine.counters.warnings == 0
    machine.alloc_pages(0, "GFP_ATOMIC")
    assert machine.counters.warnings == 1
    machine.alloc_pages_bulk(4, "GFP_KERNEL")
    assert machine.counters.warnings == 5


@pytest.mark.parametrize(
    "question",
    [
        "({ preempt_disable(); bool no = !in_atomic() || preemptible(); preempt_enable(); no; })",
        "({ void *at = kmap_atomic(page); bool no = !in_atomic(); kunmap_atomic(at); no; })",
        "({ unsigned long f; local_irq_save(f); bool no = !irqs_disabled(); local_irq_restore(f); no; })",
        "in_atomic() || irqs_disabled() || !preemptible()",
        "PageTail(page) || PageCompound(page) || compound_head(page) != page",
        "folio_nr_pages(page_folio(page)) != 1",
        "get_order(SZ_2M) != 9 || ilog2(SZ_64K) != 16 || fls(0) || fls(1) != 1 || fls64(SZ_8G) != 34",
        "clamp(7, 1, 5) != 5 || min3(3, 1, 2) != 1 || max3(3, 1, 2) != 3 || roundup(7, 3) != 9",
        "round_up(5, 4) != 8 || round_down(5, 4) != 4 || GENMASK(3, 1) != 14 || rounddown(7, 3) != 6",
        "roundup_pow_of_two(5) != 8 || rounddown_pow_of_two(5) != 4 || order_base_2(5) != 3",
        "HPAGE_PMD_ORDER != 9 || PMD_SIZE != SZ_2M || MAX_ORDER_NR_PAGES != 1024",
        "page_to_phys(page) >> PAGE_SHIFT != page_to_pfn(page) || PFN_UP(4097UL) != 2",
        "memchr_inv(page_address(page), 0, PAGE_SIZE) || !memchr_inv(page_address(page), 1, 1)",
        "({ u8 *at = page_address(page); memset(at, 1, 9); memzero_page(page, 4, 2); at[3] != 1 || at[4]; })",
    ],
)
def test_a_name_means_what_it_means_there(boot: Boot, c_strategy: Written, question: str) -> None:
    """In process context, of a block of one page of 4 KiB."""
    machine = asked(boot, c_strategy, question)

    machine.alloc_pages()

    assert machine.counters.warnings == 0


def test_a_block_is_no_longer_compound_when_it_is_cleared_for_the_next(
    boot: Boot, c_strategy: Written
) -> None:
    """As in __free_pages_prepare(), which undoes it first; it is one again where the clear failed."""
    body = "static bool f(struct page *page, int n) { return PageCompound(page) || PageTail(page + 1); }"
    machine = boot("init_on_free=1", [c_strategy("looks", body, ".init_on_free = f"), *below("per_page")])

    machine.alloc_pages(3, "GFP_KERNEL|__GFP_COMP").free()

    # Passed on, and so cleared below.
    assert machine.counters.clear_calls == 8


@pytest.mark.parametrize("what", ["BUG_ON(n == 1)", "VM_BUG_ON_PAGE(n == 1, page)", "BUG()"])
def test_a_bug_ends_the_process_with_its_place(boot: Boot, c_strategy: Written, what: str) -> None:
    """A kernel would stop there: what follows may not run."""
    body = f"static void f(struct page *page, int n) {{ {what}; clear_pages(page_address(page), n); }}"
    mine = c_strategy("mine", body, ".kernel_init_pages = f")

    outcome = isolation.run(lambda _: boot("init_on_alloc=1", [mine]).alloc_pages(), 20)

    assert outcome.end.startswith("kernel BUG at mine.c:2: ")


def test_an_instruction_by_name_is_fenced_in_time(boot: Boot, c_strategy: Written) -> None:
    """clear_pages_nt() is complete when it returns, whatever the machine's own primitive is."""
    body = "static void f(struct page *page, int n) { clear_pages_nt(page_address(page), n); }"
    machine = boot("init_on_alloc=1 primitive=generic", [c_strategy("nt", body, ".kernel_init_pages = f")])

    machine.alloc_pages(2)

    native = next(one for one in ARCHITECTURES.values() if one.is_native)
    assert machine.counters.fences == (1 if native.name == "x86_64" else 0)
    assert machine.counters.cleared_pages == 4


def test_clearing_no_pages_is_counted(boot: Boot, c_strategy: Written) -> None:
    """x86 alone takes it for nothing: elsewhere the machine refuses it."""
    calls = "clear_pages(page_address(page), n); clear_pages(page, 0);"
    body = f"static void f(struct page *page, int n) {{ {calls} }}"
    machine = boot("init_on_alloc=1", [c_strategy("zero", body, ".kernel_init_pages = f")])
    native = next(one for one in ARCHITECTURES.values() if one.is_native)
    if native.name != "x86_64":
        pytest.skip("refused at once")

    machine.alloc_pages()

    assert machine.counters.zero_clears == 1
