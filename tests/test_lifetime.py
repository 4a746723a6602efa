"""The end of a machine: under threads, views, exceptions and forks, and strategies that keep pages."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.commands import finished, program

from clearfw import _core, hookimpl, kernel
from clearfw.config import Config
from clearfw.errors import ConfigError, ForkedError, MachineClosedError, OrderError, PagesInUseError
from clearfw.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from clearfw._core import PageRange


def test_close_waits_for_another_threads_call() -> None:
    """Whatever the moment: never a crash, and the other thread is told that the machine is gone."""
    for _ in range(30):
        machine = Machine.boot("memory=16M backing=thp init_on_alloc=1", stack="batched")
        told: list[BaseException] = []
        began = threading.Event()

        def work(
            machine: Machine = machine,
            told: list[BaseException] = told,
            began: threading.Event = began,
        ) -> None:
            try:
                while True:
                    machine.alloc_pages(10).free()
                    began.set()
            except MachineClosedError as error:
                told.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        began.wait(30)
        machine.close()
        thread.join()

        assert len(told) == 1


class Waits:
    """A strategy that waits inside the init point."""

    name = "waits"

    def __init__(self) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Wait, then clear."""
        self.inside.set()
        self.go_on.wait(30)
        kernel.clear_pages(pages.address or 0, pages.npages)
        return True


def test_close_waits_for_a_python_strategy() -> None:
    """At order 0 too, where the core itself lets no other thread run; what it begins anew is refused."""
    waits = Waits()
    machine = Machine.boot("memory=16M backing=thp init_on_alloc=1", stack=[waits])
    told: list[BaseException] = []

    def work() -> None:
        try:
            machine.alloc_pages()
        except MachineClosedError as error:
            told.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    waits.inside.wait(30)
    threading.Timer(0.05, waits.go_on.set).start()
    machine.close()
    thread.join()

    assert len(told) == 1


def test_an_arena_is_not_closed_under_a_measurement() -> None:
    """Its chunks are what the other thread is clearing."""
    machine = _core.CoreMachine(Config(memory=64 << 20, backing="thp"))
    arena = _core.Arena(machine, 32 << 20)
    started = threading.Event()

    def measure() -> None:
        started.set()
        for _ in range(20):
            arena.roofline(0, "memset", 4096)

    thread = threading.Thread(target=measure)
    thread.start()
    started.wait(30)
    refused = 0
    while thread.is_alive():
        try:
            arena.close()
            break
        except PagesInUseError:
            refused += 1
    thread.join() if refused else None
    arena.close()
    machine.close()


class Keeps:
    """A strategy that keeps what it was asked."""

    name = "keeps"

    def __init__(self) -> None:
        self.kept: list[PageRange] = []

    @hookimpl
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool:
        """Keep, and clear."""
        self.kept.append(pages)
        kernel.clear_pages(pages.address or 0, pages.npages)
        return True


def test_pages_that_a_strategy_kept_are_refused_after_close() -> None:
    """Listed, asked or looked into: an error, and no crash."""
    keeps = Keeps()
    with Machine.boot("memory=16M backing=thp init_on_alloc=1", stack=[keeps]) as machine:
        machine.alloc_pages(2)
        (pages,) = keeps.kept
        begun = iter(pages)
        next(begun)

    asks: list[Callable[[], object]] = [
        lambda: list(pages),
        lambda: next(begun),
        lambda: pages.nbytes,
        lambda: pages.highmem,
        lambda: pages.zone,
        lambda: pages.address,
        lambda: kernel.page_address(pages),
    ]
    for ask in asks:
        with pytest.raises(MachineClosedError):
            ask()
    assert (len(pages), pages.pfn >= 0) == (4, True)
    assert repr(pages)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_does_not_share_the_machine() -> None:
    """Both would hand out the same memory: the child is refused, with the reason, and may boot anew."""
    machine = Machine.boot("memory=16M backing=thp")
    kept = machine.alloc_pages(1)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        told = "no error"
        try:
            try:
                machine.alloc_pages()
            except ForkedError as error:
                told = str(error)
            try:
                kept.free()
            except ForkedError:
                told += "; nor freed"
            machine.close()
            with Machine.boot("memory=16M backing=thp") as own:
                thread = threading.Thread(target=lambda: own.alloc_pages().free())
                thread.start()
                thread.join()
                told += f"; own {own.what_is_wrong()}"
        except BaseException as error:  # noqa: BLE001  the child must end here
            told += repr(error)
        finally:
            os.write(writer, told.encode())
            os._exit(0)
    os.waitpid(pid, 0)

    assert os.read(reader, 1000).decode() == (
        "the machine was booted before this process was forked, and both would hand out the same memory: "
        "boot another in the child; nor freed; own None"
    )
    kept.free()
    assert machine.what_is_wrong() is None
    machine.close()
    os.close(reader)
    os.close(writer)


def test_an_assertion_is_not_buried_under_the_end_of_the_machine() -> None:
    """A view that its traceback holds keeps the machine open, which is a note and no error."""
    machine = Machine.boot("memory=16M")

    def fail() -> None:
        with machine:
            view = np.frombuffer(machine.alloc_pages(), np.uint8)
            assert len(view) == 257, "mine"

    with pytest.raises(AssertionError, match="mine") as caught:
        fail()

    assert not machine.closed
    assert ["1 views of the machine's memory are alive" in note for note in caught.value.__notes__] == [True]


@pytest.mark.parametrize("what", ["pages", "area", "mapping"])
def test_nor_under_the_end_of_a_block(what: str, boot: Callable[..., Machine]) -> None:
    """Pages, vmalloc areas and mappings alike."""
    machine = boot("highmem=4M")
    pages = machine.alloc_pages(0, "GFP_KERNEL")
    thing = {"pages": lambda: pages, "area": lambda: machine.vmalloc(4096), "mapping": pages.kmap_local}[
        what
    ]()
    views: list[memoryview] = []

    def fail() -> None:
        with thing:
            views.append(memoryview(thing))
            msg = "mine"
            raise ValueError(msg)

    with pytest.raises(ValueError, match="mine") as caught:
        fail()

    assert "live view" in caught.value.__notes__[0]
    views.pop().release()
    with thing:
        pass


def test_without_an_exception_the_end_of_a_block_still_raises(boot: Callable[..., Machine]) -> None:
    """Nothing else would tell of it."""
    pages = boot().alloc_pages()
    with pytest.raises(PagesInUseError), pages:
        view = memoryview(pages)
    view.release()
    pages.free()


def test_an_arena_of_nothing_is_refused() -> None:
    """And one of more than there is, whatever that overflows."""
    machine = _core.CoreMachine(Config(memory=16 << 20, backing="thp"))
    for chunk in (0, 17 << 20, 2**64 - 1):
        with pytest.raises(ConfigError, match="give 1 to 16777216, the machine's memory"):
            _core.Arena(machine, chunk)
    with _core.Arena(machine, 8 << 20) as arena:
        with pytest.raises(ConfigError, match="calls of 0 bytes"):
            arena.roofline(0, "memset", 0)
        for order in (21, 32, 63):
            with pytest.raises(OrderError):
                arena.run(0, order)
    machine.close()


def test_a_machine_is_booted_once(boot: Callable[..., Machine]) -> None:
    """A second __init__ would leave the first memory behind."""
    machine = boot()

    with pytest.raises(ConfigError, match="booted already"):
        _core.CoreMachine.__init__(machine, Config(memory=16 << 20))


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
@pytest.mark.parametrize("arguments", [["check", "per_page"], ["plugins"]], ids=" ".join)
def test_a_small_stack_is_told(arguments: list[str]) -> None:
    """`ulimit -s 64` is one line, and no crash."""
    small = "import resource; resource.setrlimit(resource.RLIMIT_STACK, (64 << 10, 64 << 10))"
    done = finished(program(*arguments, before=small))

    assert (done.status, done.err) == (
        2,
        "clearfw: the stack is limited to 64K, and clearfw takes 128K: raise it (ulimit -s 8192)\n",
    )
