"""The pytest plugin: its fixture, its marker, and what it says of a machine that a test damaged."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]


def test_the_fixture_is_a_machine_that_is_closed_afterwards(pytester: pytest.Pytester) -> None:
    """Without a marker it is booted as Machine.boot() does."""
    pytester.makepyfile(
        """
        machines = []

        def test_use(clearfw_machine):
            machines.append(clearfw_machine)
            clearfw_machine.alloc_pages(0).free()

        def test_closed():
            assert [machine.closed for machine in machines] == [True]
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=2)


def test_the_marker_says_how_to_boot(pytester: pytest.Pytester) -> None:
    """Its argument is the command line, stack= the stack; the closest marker holds."""
    pytester.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.clearfw("memory=64M")

        def test_module(clearfw_machine):
            assert clearfw_machine.config.memory == 64 << 20

        @pytest.mark.clearfw("init_on_alloc=1 highmem=16M", stack="per_page")
        def test_function(clearfw_machine):
            assert clearfw_machine.init_on_alloc
            assert clearfw_machine.config.highmem == 16 << 20
            assert clearfw_machine.strategies == ("per_page",)
        """
    )
    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=2)


def test_the_marker_is_listed(pytester: pytest.Pytester) -> None:
    """`pytest --markers` explains it."""
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(
        ["@pytest.mark.clearfw(cmdline, stack=None, leaks=True): boot clearfw_machine so*"]
    )


def test_a_wrong_marker_is_an_error_of_the_test(pytester: pytest.Pytester) -> None:
    """The message is the configuration's own."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.clearfw("init_on_alloc=maybe")
        def test_it(clearfw_machine):
            pass
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E *ConfigError: *init_on_alloc*maybe*"])


def test_damage_is_told(pytester: pytest.Pytester) -> None:
    """A test that leaves a machine damaged does not pass, though its own assertions hold."""
    pytester.makepyfile(
        """
        from clearfw.machine import Machine

        def test_it(clearfw_machine, monkeypatch):
            monkeypatch.setattr(Machine, "what_is_wrong", lambda self: "a page belongs to no block")
        """
    )
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def monkeypatch():  # one that outlives the machine
            with pytest.MonkeyPatch.context() as patch:
                yield patch

        def pytest_collection_modifyitems(items):
            for item in items:
                item.fixturenames.sort(reverse=True)
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the machine is damaged after the test: a page belongs to no block*"])


def test_nothing_heavy_is_imported_before_a_test_asks() -> None:
    """Others' test suites pay next to nothing for the plugin's being installed."""
    heavy = {"numpy", "click", "rich", "clearfw_plugins"}
    look = f"import sys, clearfw.pytest_plugin; print(*{heavy} & set(sys.modules))"

    assert subprocess.check_output([sys.executable, "-c", look], text=True).strip() == ""
