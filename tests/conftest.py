"""What several test files share: machines that must end up valid, and strategies of both kinds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

from clearfw import kernel
from clearfw.hookspecs import hookimpl
from clearfw.machine import Machine
from clearfw.strategies import NativeStrategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from clearfw._core import PageRange, VmallocRange

# The same examples in every run: a failure on one computer is a failure on all.
hypothesis.settings.register_profile("ci", max_examples=30, deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Keep what the tests compile and measure between runs, and out of the user's own cache."""
    cache = getattr(config, "cache", None)
    if cache is not None:
        os.environ.setdefault("CLEARFW_CACHE_DIR", str(cache.mkdir("clearfw")))


@pytest.fixture
def boot() -> Iterator[Callable[..., Machine]]:
    """Boot machines, of 16 MiB unless told otherwise; at the end each must be valid, and close."""
    machines: list[Machine] = []

    def start(cmdline: str = "", stack: str | list[object] | None = None) -> Machine:
        # A host with a hugetlb pool would give auto that, which has no vmalloc and no HIGHMEM.
        machines.append(Machine.boot(f"memory=16M backing=thp {cmdline}", stack=stack))
        return machines[-1]

    yield start
    for machine in machines:
        if not machine.closed:
            assert machine.what_is_wrong() is None
            machine.close()


@pytest.fixture
def c_strategy(tmp_path: Path) -> Callable[..., NativeStrategy]:
    """Write a strategy in C: its name, its functions, and what it brings at which init point."""

    def write(name: str, functions: str, brings: str, **options: bool) -> NativeStrategy:
        path = tmp_path / f"{name}.c"
        path.write_text(f"#include <clearfw/strategy.h>\n{functions}\nCLEARFW_STRATEGY({name}, {brings});\n")
        return NativeStrategy(name, path, "for a test", **options)

    return write


class Noting:
    """A strategy in Python that clears, and notes what it was asked: init point, pfn or address, pages."""

    name = "noting"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, int]] = []

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Clear, page by page."""
        return self._clear("alloc", pages)

    @hookimpl
    def clearfw_init_on_free(self, pages: PageRange) -> bool:
        """Clear, page by page."""
        return self._clear("free", pages)

    @hookimpl
    def clearfw_init_on_vmalloc(self, area: VmallocRange) -> bool:
        """Clear in one go."""
        self.asked.append(("vmalloc", area.address, area.npages))
        kernel.clear_pages(kernel.kasan_reset_tag(area.address), area.npages)
        return True

    def _clear(self, point: str, pages: PageRange) -> bool:
        self.asked.append((point, pages.pfn, pages.npages))
        for page in pages:
            kernel.clear_highpage_kasan_tagged(page)
        return True


@pytest.fixture
def noting() -> Noting:
    """A strategy in Python that clears and notes what it was asked."""
    return Noting()
