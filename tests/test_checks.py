"""The checks as a list: each is a question with a reason."""

from __future__ import annotations

import inspect
import pkgutil
import re
from typing import TYPE_CHECKING

import pytest

from clearfw import checks, conformance, registry
from clearfw.config import Config

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from clearfw.machine import Machine

CHECKS = conformance.checks()
# Where a reason may come from: a file of the kernel with its version, a patch and its year, our own stacks.
SOURCE = re.compile(r"\((?:[\w/.]+\.[ch](?::\w+)?, 7\.3\b|.*\b20\d\d\b|our stacks\)).*")


@pytest.mark.parametrize("name", CHECKS)
def test_why(name: str) -> None:
    """A check has one sentence of why, with the place it comes from, and a docstring of what it does."""
    why = CHECKS[name].why

    assert why.endswith(".")
    assert SOURCE.search(why)
    assert inspect.getdoc(CHECKS[name].ask)


@pytest.mark.parametrize("name", CHECKS)
def test_points(name: str) -> None:
    """A check is about init points that there are."""
    assert CHECKS[name].points
    assert CHECKS[name].points <= {"alloc", "free", "vmalloc"}


def test_names() -> None:
    """Every check is registered under the name of its function, and no two share one."""
    asked = [one.ask for one in CHECKS.values()]

    assert [ask.__name__ for ask in asked] == list(CHECKS)
    assert len(set(asked)) == len(asked)


def test_every_file_of_checks_is_imported() -> None:
    """A file beside the others registers its checks without being asked for by name."""
    files = {module.name for module in pkgutil.iter_modules(checks.__path__)}

    assert files == {*checks.__all__, "machines"}


def test_every_configuration_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between them the checks boot every KASAN mode, page size and option, with HIGHMEM and without."""
    booted: set[str] = set()

    def boot(subject: conformance.Subject, cmdline: str) -> AbstractContextManager[Machine]:
        booted.add(cmdline)
        return real(subject, cmdline)

    real = conformance.Subject.boot
    monkeypatch.setattr(conformance.Subject, "boot", boot)
    per_page = registry.default().strategies["per_page"]
    for name in ("zero_on_alloc", "zero_on_free", "kasan_generic_quiet", "kasan_tag_reset"):
        CHECKS[name].ask(conformance.Subject(per_page, lambda message: None))

    configs = [Config.parse(cmdline) for cmdline in booted]
    for highmem in (False, True):
        for option in ("init_on_alloc", "init_on_free"):
            walked = [
                (config.page_size, config.kasan)
                for config in configs
                if config.config_highmem == highmem and getattr(config, option)
            ]
            assert {page_size for page_size, _ in walked} == {4096, 16384, 65536}
            assert {kasan for _, kasan in walked} == {"off", "generic", "sw_tags", "hw_tags"}
