"""Preflight: strategies run once in a child process, so that a crash is told in a line."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import attrs

from clearfw.errors import ClearfwError, StrategyError, UnclaimedError
from clearfw.machine import Machine

if TYPE_CHECKING:
    from clearfw.measurement import Plan
    from clearfw.strategies import Strategy

_MEMORY = 64 << 20
_DEADLINE_S = 30.0


def check(plan: Plan) -> None:
    """Raise StrategyError for the first stack of PLAN that crashes, hangs or misbehaves on a small machine."""
    for label, stack in plan.stacks:
        if any(one.source is not None for one in stack):
            _check_stack(plan, label, stack)


def _check_stack(plan: Plan, label: str, stack: tuple[Strategy, ...]) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os._exit(_child(plan, stack, writer))
    os.close(writer)
    status = _wait(pid)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    if status is None:
        msg = f"{label} did not come back from an init point in {_DEADLINE_S:.0f} s: look for a loop without an end"
        raise StrategyError(msg, label)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        msg = f"{label} crashed with {name} when asked to clear, {said or 'in its first init'}: mend it, nothing was timed"
        raise StrategyError(msg, label)
    if os.waitstatus_to_exitcode(status):
        raise StrategyError(said or f"{label} ended the process inside an init point", label)


def _child(plan: Plan, stack: tuple[Strategy, ...], writer: int) -> int:
    """Run every scene's configuration on a small machine; whatever happens, end here."""
    try:
        for scene in plan.workload.scenes(plan.options):
            config = attrs.evolve(scene.config, memory=_MEMORY, highmem=min(scene.config.highmem, _MEMORY // 2))
            with Machine(config, stack) as machine:
                _exercise(machine)
    except UnclaimedError:
        return 0  # the measurement itself says so of that row
    except ClearfwError as error:
        os.write(writer, str(error).encode())
        return 1
    except BaseException as error:  # noqa: BLE001  a strategy in Python may raise anything
        os.write(writer, f"{type(error).__name__}: {error}".encode())
        return 1
    return 0


def _exercise(machine: Machine) -> None:
    for order in (0, 5, 9):
        machine.alloc_pages(order, "GFP_HIGHUSER").free()
    if "vmalloc" in machine.config.vmalloc_init or machine.config.kasan == "hw_tags":
        machine.vmalloc(1 << 20).free()


def _wait(pid: int) -> int | None:
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None
