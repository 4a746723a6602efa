"""The checks as a list, each a question with a reason; and what the core has for them."""

from __future__ import annotations

import itertools
import pkgutil
import re
from typing import TYPE_CHECKING

import pytest

from clearfw._core import FINDINGS
from clearfw.checks import conformance, questions
from clearfw.checks.catalogue import answered_by
from clearfw.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clearfw.strategies import NativeStrategy

CHECKS = conformance.checks()
# Where a reason may come from: a file of the kernel with its version, a patch and its year, our own stacks.
SOURCE = re.compile(r"\((?:[\w/.]+\.[ch](?::\w+)?, 7\.3\b|lib/Kconfig\.debug\b|.*\b20\d\d\b|our stacks\)).*")


@pytest.mark.parametrize("name", CHECKS)
def test_why(name: str) -> None:
    """A check has one sentence of why, with the place it comes from, and one of what it looks at."""
    why = CHECKS[name].why

    assert why.endswith(".")
    assert SOURCE.search(why)
    assert CHECKS[name].asks.endswith(".")


@pytest.mark.parametrize("name", CHECKS)
def test_points(name: str) -> None:
    """A check is about init points that there are."""
    assert CHECKS[name].points
    assert CHECKS[name].points <= {"alloc", "free", "vmalloc"}


def test_names() -> None:
    """Every check is registered under its name, and is asked by the search or by a function of that name."""
    assert [one.name for one in CHECKS.values()] == list(CHECKS)
    assert [one.ask.__name__ for one in CHECKS.values() if one.ask] == [
        name for name, one in CHECKS.items() if one.ask
    ]
    assert all(one.ask or one.found or one.name == "every_line_ran" for one in CHECKS.values())


def test_every_file_of_checks_is_imported() -> None:
    """A file beside the others registers its checks without being asked for by name."""
    files = {module.name for module in pkgutil.iter_modules(questions.__path__)}

    assert files == {*questions.__all__}


@pytest.mark.parametrize("kind", [kind for kind in FINDINGS if kind not in {"nothing", "refused"}])
def test_every_finding_answers_a_check(kind: str) -> None:
    """Whatever the core may find, at whatever init point, however the pages lie: some check says no."""
    for point, hows in (
        ("alloc", ("block", "list", "flow")),
        ("free", ("block", "list", "flow")),
        ("vmalloc", ("area",)),
    ):
        for how, zones, count in itertools.product(hows, ("lowmem", "highmem"), ("order", "count")):
            if (kind, point) == ("sleep", "vmalloc"):  # vmalloc() may sleep: a remark
                continue
            assert answered_by(f"{kind} {point} {how} off {zones} {count}", CHECKS)


@pytest.fixture
def cleared() -> Iterator[Machine]:
    """Boot a machine whose pages hold 0x11, with `per_page`."""
    with Machine.boot("memory=1M backing=base", stack="per_page") as machine:
        machine.fill(0x11)
        yield machine


@pytest.mark.parametrize("point", ["alloc", "free"])
@pytest.mark.parametrize("npages", [0, 1, 5])
def test_an_init_point_can_be_asked_for_any_pages(cleared: Machine, point: str, npages: int) -> None:
    """What a check asks of an init point clears those pages, and no other, allocated or not."""
    cleared.init_pages(point, 8, npages)

    assert cleared.first_not(0, 8, npages) is None
    assert cleared.first_not(0x11, 0, 8) is None
    assert cleared.first_not(0x11, 8 + npages) is None


def test_an_init_point_can_be_asked_for_a_list(cleared: Machine) -> None:
    """A list of pages is cleared, and comes back as the strategy left it."""
    assert cleared.init_bulk("free", [3, 1, 7]) == [3, 1, 7]
    for pfn in range(9):
        assert (cleared.first_not(0, pfn, 1) is None) == (pfn in {1, 3, 7})


def test_pages_there_are_not_are_refused(cleared: Machine) -> None:
    """Neither pages past the end nor a point that has no pages is asked for."""
    with pytest.raises(IndexError, match="pfn 0xff and 2 pages"):
        cleared.init_pages("alloc", 255, 2)
    with pytest.raises(IndexError, match="pfn 0x100"):
        cleared.init_bulk("alloc", [0, 256])
    with pytest.raises(ValueError, match="x not in tuple"):
        cleared.init_pages("vmalloc", 0, 1)


def test_struct_pages_show_what_changes(cleared: Machine) -> None:
    """The copy of mem_map is that of now: an allocation shows in it, and clearing does not."""
    before = cleared.struct_pages()
    cleared.init_pages("alloc", 0, 16)
    unchanged = cleared.struct_pages()
    with cleared.alloc_pages():
        allocated = cleared.struct_pages()

    assert len(before) == 32 * cleared.nr_pages
    assert unchanged == before
    assert allocated != before


def test_a_litmus_of_ordinary_stores_sees_nothing(cleared: Machine) -> None:
    """Two threads pass messages for as long as they are given, and `rep stosb` is never seen late."""
    rounds, late = cleared.litmus("alloc", 1, 20_000_000)

    assert rounds > 0
    assert late is None


def test_a_litmus_sees_what_is_not_cleared(c_strategy: Callable[..., NativeStrategy]) -> None:
    """Pages left dirty are seen in the first round."""
    liar = c_strategy(
        "liar",
        "static bool f(struct page *page, int n) { (void)page; (void)n; return true; }",
        ".init_on_alloc = f",
    )
    with Machine.boot("memory=1M backing=base", stack=[liar]) as machine:
        machine.fill(0x11)

        assert machine.litmus("alloc", 1, 1_000_000_000) == (1, 4088)
