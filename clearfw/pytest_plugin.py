"""The pytest plugin: a machine as a fixture, configured by a marker. It boots only for tests that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clearfw.machine import Machine

_MARKER = "clearfw"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f'{_MARKER}(cmdline, stack=None): boot clearfw_machine so, as "init_on_alloc=1 highmem=16M"',
    )


@pytest.fixture
def clearfw_machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A machine that is checked and closed after the test; @pytest.mark.clearfw(...) configures it."""
    from clearfw.machine import Machine

    marker = request.node.get_closest_marker(_MARKER)
    with Machine.boot(*(marker.args if marker else ()), **(marker.kwargs if marker else {})) as machine:
        yield machine
        wrong = machine.what_is_wrong()
        assert wrong is None, f"the machine is damaged after the test: {wrong}"
