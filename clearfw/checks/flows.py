"""Cells that go through the allocator: what a caller's flags make of an init point, and who else calls it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from clearfw import _core
from clearfw.checks.emulated import EmulatedMachine
from clearfw.errors import ClearfwError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clearfw.checks.search import Subject
    from clearfw.machine import Machine

# What a caller may add to __GFP_ZERO, and where it may be allocating from.
_GFPS = ("GFP_KERNEL", "GFP_ATOMIC", "GFP_HIGHUSER")
_MODIFIERS = ("", "|__GFP_COMP", "|__GFP_ZEROTAGS", "|__GFP_SKIP_KASAN", "|__GFP_SKIP_ZERO")
_GIGANTIC = 11
_HUGE = 9


def run(subject: Subject, points: Sequence[str]) -> None:
    """Ask through the allocator at POINTS; RAM is not sealed."""
    if "alloc" in points:
        _alloc(subject)
    if "free" in points:
        _free(subject)


def _alloc(subject: Subject) -> None:
    machine = subject.machine
    for gfp in (f"{zone}|__GFP_ZERO{modifier}" for zone in _GFPS for modifier in _MODIFIERS):
        for order in (0, 3):
            _one(subject, "alloc", order, 1 << order, functools.partial(_pair, machine, order, gfp))
    subject.examiner.options(init_on_alloc=True, init_on_free=False)
    _one(
        subject,
        "alloc",
        None,
        33,
        lambda: machine.free_pages_bulk(machine.alloc_pages_bulk(33, "GFP_HIGHUSER")),
    )
    _one(subject, "alloc", 10, 1 << 10, lambda: machine.alloc_pages(10, "GFP_HIGHUSER").free())
    if machine.config.page_size == 4096:  # noqa: PLR2004
        _one(subject, "alloc", _GIGANTIC, 1 << _GIGANTIC, lambda: machine.alloc_contig(_GIGANTIC).free())
        _one(subject, "alloc", _HUGE, 1 << _HUGE, lambda: _grow(machine))
    subject.examiner.options(init_on_alloc=False, init_on_free=False)


def _pair(machine: Machine, order: int, gfp: str) -> None:
    machine.alloc_pages(order, gfp).free()


def _grow(machine: Machine) -> None:
    if isinstance(machine, EmulatedMachine):
        machine.grow_pool(_HUGE, 2)
        return
    pool = _core.HugetlbPool(machine, _HUGE)
    pool.grow(2)
    pool.shrink(2)


def _free(subject: Subject) -> None:
    machine = subject.machine
    for order in (0, 1, 4, 9):
        pages = machine.alloc_pages(order, "GFP_HIGHUSER")
        subject.examiner.options(init_on_alloc=False, init_on_free=True)
        _one(subject, "free", order, 1 << order, pages.free)
        subject.examiner.options(init_on_alloc=False, init_on_free=False)
    both = [*machine.alloc_pages_bulk(17, "GFP_KERNEL"), *machine.alloc_pages_bulk(17, "GFP_HIGHUSER")]
    subject.examiner.options(init_on_alloc=False, init_on_free=True)
    _one(subject, "free", None, len(both), lambda: machine.free_pages_bulk(both))
    subject.examiner.options(init_on_alloc=False, init_on_free=False)


def _one(subject: Subject, point: str, order: int | None, npages: int, call: Callable[[], object]) -> None:
    """Call the allocator as one cell."""
    subject.examiner.begin()
    try:
        call()
    except ClearfwError:
        if subject.examiner.finding is None:
            raise
    subject.count()
    found = subject.examiner.finding
    if found is not None:
        subject.found(dict(found), point, "flow", order, npages)
