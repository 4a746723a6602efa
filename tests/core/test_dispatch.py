"""One rule, native or through pluggy: the same order of asking, the same claims, counters and memory."""

from __future__ import annotations

import ctypes
import itertools
from typing import TYPE_CHECKING, TypeVar

import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearfw.errors import UnclaimedError
from clearfw.hookspecs import InitPoints
from clearfw.machine import Machine
from clearfw.markers import hookimpl
from clearfw.strategies import NativeStrategy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from conftest import Noting

    from clearfw._core import PageRange, VmallocRange

    Boot = Callable[..., Machine]
    CStrategy = Callable[..., NativeStrategy]
    Hook = TypeVar("Hook", bound=Callable[..., object])

DIRT = 0x5A
MARKS: tuple[dict[str, bool], ...] = ({}, {"tryfirst": True}, {"trylast": True})
NR = 4

# Each writes its number into the page after those before it; the last one asked claims.
SIGNS = """
#include <clearfw/strategy.h>
static bool sign(struct page *page, int numpages)
{
	u8 *log = page_address(page);

	log[++log[0]] = %d;
	return log[0] == %d;
}
CLEARFW_STRATEGY(s%d, .init_on_alloc = sign, .init_on_free = sign);
"""


def mark(marks: dict[str, bool]) -> Callable[[Hook], Hook]:
    """Return hookimpl() with MARKS."""
    return hookimpl(tryfirst="tryfirst" in marks, trylast="trylast" in marks)


def python_signs(number: int, marks: dict[str, bool]) -> object:
    """Return the same as SIGNS in Python."""

    class Signs:
        name = f"s{number}"

        def sign(self, pages: PageRange) -> bool | None:
            log = (ctypes.c_uint8 * 256).from_address(pages.address or 0)
            log[0] += 1
            log[log[0]] = number
            return log[0] == NR or None

        @mark(marks)
        def clearfw_init_on_alloc(self, pages: PageRange) -> bool | None:
            return self.sign(pages)

        @mark(marks)
        def clearfw_init_on_free(self, pages: PageRange) -> bool | None:
            return self.sign(pages)

    return Signs()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of NR strategies in C that sign."""
    directory = tmp_path_factory.mktemp("signs")
    paths = [directory / f"s{number}.c" for number in range(NR)]
    for number, path in enumerate(paths):
        path.write_text(SIGNS % (number, NR, number))
    return paths


def pluggys_order(marks: list[dict[str, bool]]) -> list[int]:
    """Return the order in which pluggy calls plugins with MARKS, registered from the last to the first."""
    manager, called = pluggy.PluginManager("clearfw"), []
    manager.add_hookspecs(InitPoints)
    for number in reversed(range(len(marks))):

        class Plain:
            @mark(marks[number])
            def clearfw_init_on_alloc(self, pages: int, number: int = number) -> None:
                called.append(number)

        manager.register(Plain())
    manager.hook.clearfw_init_on_alloc(pages=0)
    return called


@given(
    marks=st.lists(st.sampled_from(MARKS), min_size=NR, max_size=NR),
    kinds=st.one_of(
        st.just(["C"] * NR), st.lists(st.sampled_from(["C", "Python"]), min_size=NR, max_size=NR)
    ),
    option=st.sampled_from(["init_on_alloc", "init_on_free"]),
)
def test_strategies_are_asked_in_pluggys_order(
    sources: list[Path], marks: list[dict[str, bool]], kinds: list[str], option: str
) -> None:
    """tryfirst, trylast and registration decide, whether all are native or only some."""
    stack = [
        NativeStrategy(f"s{number}", sources[number], "signs", **marks[number])
        if kind == "C"
        else python_signs(number, marks[number])
        for number, kind in enumerate(kinds)
    ]
    with Machine.boot(f"memory=1M {option}=1", stack=stack) as machine:
        pages = machine.alloc_pages()
        if option == "init_on_free":
            pfn = pages.pfn
            pages.free()
            pages = machine.alloc_pages()
            assert pages.pfn == pfn

        signed = pages.read()[: NR + 1]

    assert list(signed) == [NR, *pluggys_order(marks)]


class PassesOn:
    """In front of all others it makes every point go through pluggy, and changes nothing."""

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> None:
        """Pass on."""

    @hookimpl
    def clearfw_init_on_free(self, pages: PageRange) -> None:
        """Pass on."""

    @hookimpl
    def clearfw_init_on_vmalloc(self, area: VmallocRange) -> None:
        """Pass on."""


class Wraps:
    """A wrapper around the others does so too, and sees what they answered."""

    def __init__(self) -> None:
        self.answers: list[bool | None] = []

    def _around(self) -> Generator[None, bool | None, bool | None]:
        answer = yield
        self.answers.append(answer)
        return answer

    @hookimpl(wrapper=True)
    def clearfw_init_on_alloc(self, pages: PageRange) -> Generator[None, bool | None, bool | None]:
        """Look on."""
        return (yield from self._around())

    @hookimpl(wrapper=True)
    def clearfw_init_on_free(self, pages: PageRange) -> Generator[None, bool | None, bool | None]:
        """Look on."""
        return (yield from self._around())

    @hookimpl(wrapper=True)
    def clearfw_init_on_vmalloc(self, area: VmallocRange) -> Generator[None, bool | None, bool | None]:
        """Look on."""
        return (yield from self._around())


GFP = st.sampled_from(["GFP_KERNEL", "GFP_KERNEL|__GFP_ZERO", "GFP_HIGHUSER", "GFP_HIGHUSER|__GFP_ZERO"])
OPS = st.lists(
    st.one_of(
        st.tuples(st.just("alloc"), st.integers(0, 6), GFP),
        st.tuples(st.just("bulk"), st.integers(1, 20), GFP),
        st.tuples(st.just("vmalloc"), st.integers(1, 20000), GFP),
        st.tuples(st.just("free"), st.integers(0, 9), GFP),
    ),
    min_size=1,
    max_size=15,
)


def play(machine: Machine, ops: list[tuple[str, int, str]]) -> list[object]:
    """Return all that OPS did: pages, contents, claims refused; what was had is dirtied."""
    seen: list[object] = []
    live: list[list[object]] = []
    for op, number, gfp in ops:
        try:
            if op == "alloc":
                live.append([machine.alloc_pages(number, gfp)])
            elif op == "bulk":
                live.append(list(machine.alloc_pages_bulk(number, gfp)))
            elif op == "vmalloc":
                live.append([machine.vmalloc(number, gfp)])
            elif live:
                free(machine, live.pop(number % len(live)))
                continue
        except UnclaimedError as error:
            seen.append((error.pfn, error.npages, error.zone))
            continue
        seen += [look(one) for one in live[-1]] if live else []
    return seen


def look(thing: object) -> object:
    """Return what can be seen of a block or area, and dirty it."""
    if hasattr(thing, "pfns"):
        with memoryview(thing) as view:  # type: ignore[arg-type]
            content = bytes(view)
            view[:] = bytes([DIRT]) * view.nbytes
        return thing.pfns, content
    content = thing.read()  # type: ignore[attr-defined]
    thing.fill(DIRT)  # type: ignore[attr-defined]
    return thing.pfn, content  # type: ignore[attr-defined]


def free(machine: Machine, things: list[object]) -> None:
    """Free a block, an area, or a batch of pages."""
    if len(things) > 1:
        machine.free_pages_bulk(things)  # type: ignore[arg-type]
    else:
        things[0].free()  # type: ignore[attr-defined]


STACKS = ("batched+highmem_fallback+vmalloc_per_page", "per_page+vmalloc_runs", "batched+vmalloc_contiguous")


@given(
    ops=OPS,
    stack=st.sampled_from(STACKS),
    config=st.builds(
        "memory=4M backing=thp primitive=memset {} {} {} vmalloc_init={}".format,
        st.sampled_from(["init_on_alloc=1", "init_on_alloc=1 init_on_free=1", "init_on_free=1", ""]),
        st.sampled_from(["", "highmem=2M", "highmem=2M kmap=priced"]),
        st.sampled_from(["", "kasan=generic", "kasan=sw_tags", "kasan=hw_tags kasan.vmalloc=off"]),
        st.sampled_from(["kernel", "always"]),
    ),
)
def test_native_and_pluggy_dispatch_do_the_same(
    ops: list[tuple[str, int, str]], stack: str, config: str
) -> None:
    """C pointers, behind a Python strategy, inside a wrapper: pages, contents, refusals, counters."""
    played = []
    for extra in (None, PassesOn(), wraps := Wraps()):
        with Machine.boot(config, stack=stack) as machine:
            if extra is not None:
                machine.register(extra)
            seen = play(machine, ops)
            played.append((seen, machine.counters, machine.nr_free, machine.what_is_wrong()))

    native, behind, wrapped = played
    assert behind == native
    assert wrapped == native
    assert native[-1] is None
    assert all(answer in (True, None) for answer in wraps.answers)


@pytest.mark.parametrize("through_pluggy", [False, True])
@pytest.mark.parametrize("option", ["init_on_alloc", "init_on_free"])
def test_a_batch_may_be_claimed_in_parts(
    boot: Boot, c_strategy: CStrategy, option: str, *, through_pluggy: bool
) -> None:
    """What one strategy passes on the next clears: each page once, and every page comes to the caller."""
    some = """
static bool f(struct page *page, int numpages)
{
	if (page_to_pfn(page) % 3)
		return false;
	clear_pages(page_address(page), numpages);
	return true;
}"""
    thirds = c_strategy("thirds", some, ".init_on_alloc = f, .init_on_free = f")
    machine = boot(f"{option}=1", "per_page")
    machine.register(thirds)
    if through_pluggy:
        machine.register(PassesOn())
    for page in (dirty := machine.alloc_pages_bulk(30)):
        page.fill(DIRT)
    machine.free_pages_bulk(dirty)
    machine.reset_counters()

    pages = machine.alloc_pages_bulk(30)

    assert len({page.pfn for page in pages}) == 30
    assert {page.first_not(0) for page in pages} == {None}
    machine.free_pages_bulk(pages)
    assert machine.counters.cleared_pages == 30
    assert machine.nr_free == machine.nr_pages


def test_a_batch_reaches_a_strategy_that_takes_batches(boot: Boot, c_strategy: CStrategy) -> None:
    """init_bulk gets all pages in one call; if it passes, each page gets a call of its own."""
    bulk = """
static bool one(struct page *page, int numpages)
{
	clear_pages(page_address(page), numpages);
	return true;
}
static bool many(struct page **pages, int nr)
{
	might_sleep(); /* which counts the calls */
	for (int i = 0; nr > 4 && i < nr; i++)
		clear_pages(page_address(pages[i]), 1);
	return nr > 4;
}"""
    machine = boot("init_on_alloc=1", [c_strategy("bulk", bulk, ".init_on_alloc = one, .init_bulk = many")])

    for nr, calls in ((20, 1), (3, 2)):
        pages = machine.alloc_pages_bulk(nr)
        assert {page.first_not(0) for page in pages} == {None}
        assert machine.counters.sleeps == calls
    assert machine.counters.cleared_pages == 23


def test_only_true_is_a_claim(boot: Boot, noting: Noting) -> None:
    """pluggy stops at anything but None: False from Python ends the asking, and claims nothing."""

    class SaysFalse:
        @hookimpl
        def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
            return False

    machine = boot("init_on_alloc=1", [SaysFalse(), noting])

    with pytest.raises(UnclaimedError, match=r"'SaysFalse\+noting' claimed 1 pages"):
        machine.alloc_pages()
    assert noting.asked == []


def test_a_wrapper_has_the_last_word(boot: Boot) -> None:
    """One that takes the claim away makes the allocation fail."""

    class Denies:
        @hookimpl(wrapper=True)
        def clearfw_init_on_alloc(self, pages: PageRange) -> Generator[None, bool | None, None]:
            yield

    machine = boot("init_on_alloc=1", "per_page")
    machine.register(Denies())

    with pytest.raises(UnclaimedError):
        machine.alloc_pages()
    machine.unregister("Denies")
    machine.alloc_pages()


def test_each_point_is_bound_on_its_own(boot: Boot, noting: Noting) -> None:
    """A Python strategy on one init point leaves the others native: only that point calls it."""

    class OnFree:
        clearfw_init_on_free = hookimpl(lambda _, pages: noting.clearfw_init_on_free(pages))

    machine = boot("init_on_alloc=1 init_on_free=0", "per_page")
    machine.register(OnFree())
    pages = machine.alloc_pages()
    pages.free()

    assert noting.asked == []
    assert machine.counters.clear_calls == 1


def test_every_order_of_a_full_stack_can_be_asked_for(boot: Boot, sources: list[Path]) -> None:
    """Strategies of a stack are called in the order in which it is written."""
    machine = boot("init_on_alloc=1", [])
    for order in itertools.permutations(range(NR)):
        machine.set_stack([NativeStrategy(f"s{number}", sources[number], "signs") for number in order])
        pages = machine.alloc_pages()
        assert list(pages.read()[1 : NR + 1]) == list(order)
        pages.fill(0)
        pages.free()
