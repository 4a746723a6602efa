"""StrategyConformance: a test for each check, with evidence where one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearfw import registry
from clearfw.checks import conformance
from clearfw.errors import StrategyError, UnknownStrategyError
from clearfw.testing import StrategyConformance, resolve

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

DIRTY = """
#include <clearfw/strategy.h>

static void f(struct page *page, int numpages)
{
	for (int i = 0; i < numpages - 1; i++)
		clear_highpage_kasan_tagged(page + i);
}

CLEARFW_STRATEGY(dirty, .kernel_init_pages = f);
"""


def write(pytester: pytest.Pytester, strategy: str) -> None:
    """Write a test module for STRATEGY."""
    pytester.makepyfile(
        f"""
        from clearfw.testing import StrategyConformance

        class TestIt(StrategyConformance):
            strategy = {strategy!r}
        """
    )


def test_every_check_is_a_test_of_its_name() -> None:
    """With the check's reason as its docstring."""

    class Subject(StrategyConformance):
        strategy = "per_page"

    for name, check in conformance.checks().items():
        test = getattr(Subject, f"test_{name}")
        assert test.__name__ == f"test_{name}"
        assert test.__doc__ == check.why


def test_a_good_strategy_passes(pytester: pytest.Pytester) -> None:
    """What it does not do is skipped, with the reason."""
    write(pytester, "per_page")

    result = pytester.runpytest_subprocess("-rs")

    skipped = sum(not check.points & {"alloc", "free"} for check in conformance.checks().values())
    result.assert_outcomes(passed=len(conformance.checks()) - skipped, skipped=skipped)
    result.stdout.fnmatch_lines([f"SKIPPED [[]{skipped}[]]*it does not serve vmalloc"])


def test_a_failure_explains_itself(pytester: pytest.Pytester) -> None:
    """It names the configuration, and the command that repeats it."""
    path = pytester.path / "dirty.c"
    path.write_text(DIRTY)
    write(pytester, str(path))

    result = pytester.runpytest_subprocess()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*memory=128M*", f"*clearfw check*{path}*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_strategy_is_found_by_name_path_or_itself(tmp_path: Path) -> None:
    """What cannot be found is an error that says so."""
    path = tmp_path / "dirty.c"
    path.write_text(DIRTY)
    shipped = registry.default().strategies["batched"]

    assert resolve("batched") is shipped
    assert resolve(shipped) is shipped
    assert resolve(path).name == resolve(str(path)).name == "dirty"
    with pytest.raises(UnknownStrategyError, match="unknown strategy 'bached'"):
        resolve("bached")
    with pytest.raises(StrategyError, match="is not a strategy"):
        resolve(object())
