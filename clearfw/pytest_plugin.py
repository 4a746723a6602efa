"""The pytest plugin: a machine as a fixture, configured by a marker. It boots only for tests that use it."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from clearfw.machine import Machine

_MARKER = "clearfw"
_FAILED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(cmdline, stack=None, leaks=True): boot clearfw_machine so, as "
        '"init_on_alloc=1 highmem=16M"; leaks=False: fail where pages are not given back',
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether the test itself failed, for the fixture's end."""
    report = yield
    if call.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture
def clearfw_machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine that is checked and closed after the test; @pytest.mark.clearfw(...) configures it."""
    machine, leaks = _booted(request)
    free = machine.nr_free
    yield machine
    if request.node.stash.get(_FAILED, False):
        # The traceback may hold views of the memory; an error about them must not hide the test's own.
        _close_quietly(machine)
        return
    if not machine.closed:
        wrong = machine.what_is_wrong() or ("" if leaks else _leak(machine, free))
        assert not wrong, f"the machine is damaged after the test: {wrong}"
    machine.close()


def _booted(request: pytest.FixtureRequest) -> tuple[Machine, bool]:
    from clearfw.machine import Machine

    marker = request.node.get_closest_marker(_MARKER)
    named: dict[str, Any] = dict(marker.kwargs) if marker else {}
    cmdline, *others = marker.args if marker and marker.args else (named.pop("cmdline", ""),)
    leaks = named.pop("leaks", True)
    stack = named.pop("stack", None) if not others else others.pop(0)
    return Machine.boot(cmdline, *others, stack=_beside(request.path.parent, stack), **named), leaks


def _beside(directory: Path, stack: object) -> Any:  # noqa: ANN401  whatever boot() takes
    """Return STACK with its relative paths taken from DIRECTORY, the test's, where such a file is."""
    from clearfw.strategies import elements, is_file_name

    if not isinstance(stack, str):
        return stack
    found = [
        directory / one if is_file_name(one) and (directory / one).is_file() else one
        for one in elements(stack)
    ]
    return "+".join(map(str, found))


def _leak(machine: Machine, free: int) -> str:
    gc.collect()
    lost = free - machine.nr_free - machine.counters.bad_pages
    return f"{lost} pages were not given back" if lost else ""


def _close_quietly(machine: Machine) -> None:
    from clearfw.errors import ClearfwError

    try:
        machine.close()
    except ClearfwError:
        return
