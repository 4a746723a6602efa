"""The server: a machine in a process of its own, asked line by line; here on this architecture."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from clearfw import registry
from clearfw.checks import emulated, server
from clearfw.config import Config
from clearfw.errors import OrderError, RunnerError
from clearfw.toolchain import compiler
from clearfw.toolchain.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Config.parse("memory=4M backing=base init_on_alloc=1")
NATIVE = next((one for one in ARCHITECTURES.values() if one.is_native), None)
pytestmark = pytest.mark.skipif(NATIVE is None, reason="clearfw builds a server for its four architectures")


def start() -> server.Server:
    """Return a booted server with a shipped strategy in it."""
    assert NATIVE is not None
    strategy = registry.default().strategies["per_page"]
    compiled = compiler.compile_c(strategy.source, CONFIG.kernel_options())
    found = server.Server([str(server.build(NATIVE))], compiled, "per_page")
    found.ask("boot", *emulated.words(CONFIG))
    return found


@pytest.fixture
def one() -> Iterator[server.Server]:
    """Give a booted server, and end it."""
    found = start()
    yield found
    found.close()


def test_it_answers_in_words(one: server.Server) -> None:
    """A page is allocated, looked at, and given back."""
    (pfn,) = one.ask("alloc", 0, 0)

    assert one.ask("first_not", 0, pfn, 1) == []
    assert one.ask("free", pfn, 0) == []
    assert one.ask("what_is_wrong") == []


def test_what_the_core_refuses_is_raised_as_here(one: server.Server) -> None:
    """The same exception, with the same facts."""
    with pytest.raises(OrderError, match="order 11"):
        one.ask("alloc", 11, 0)

    assert one.ask("what_is_wrong") == []


def test_each_thread_has_a_cpu_of_its_own(one: server.Server) -> None:
    """A second thread is answered while the first has a stream."""
    (mine,) = one.ask("alloc", 0, 0)
    theirs: list[str] = []
    thread = threading.Thread(target=lambda: theirs.extend(one.ask("alloc", 0, 0)))
    thread.start()
    thread.join()

    assert len(theirs) == 1
    assert theirs != [mine]


def test_the_end_of_its_process_is_told(one: server.Server) -> None:
    """The next request and all later ones report the signal."""
    os.kill(one._process.pid, signal.SIGKILL)

    for _ in range(2):
        with pytest.raises(RunnerError, match="was ended by SIGKILL"):
            one.ask("alloc", 0, 0)


def test_a_closed_server_is_gone() -> None:
    """Its process ends by itself when we hang up."""
    one = start()
    one.close()

    assert one._process.returncode == 0
