"""Primitives: each clears exactly, and the best is measured once."""

from __future__ import annotations

import ctypes
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clearfw import _core, primitives, registry
from clearfw.config import Config
from clearfw.errors import UnknownPrimitiveError, UnsupportedError
from clearfw.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Boot = Callable[..., Machine]

DIRT = 0x5A
BLOCK_NBYTES = 4 << 20
# The core's own, and one that a plugin brings.
NAMES = [*(one["name"] for one in _core.primitives() if not one["loaded"]), "prefetchw"]


def cleared_pages(machine: Machine, order: int) -> tuple[int, list[int]]:
    """Clear 2^ORDER pages amid garbage: return where they begin and which pages of 16 MiB are wholly zero."""
    blocks = [machine.alloc_pages(10) for _ in range(4)]
    addresses = sorted(block.address or 0 for block in blocks)
    for block in blocks:
        block.fill(DIRT)
    blocks[1].free()
    pages = machine.alloc_pages(order, "GFP_KERNEL|__GFP_ZERO")
    memory = np.ctypeslib.as_array((ctypes.c_uint8 * (4 * BLOCK_NBYTES)).from_address(addresses[0]))
    assert addresses == [addresses[0] + i * BLOCK_NBYTES for i in range(4)]
    zero = memory.reshape(-1, 4096) == 0
    assert (zero.all(axis=1) | (memory.reshape(-1, 4096) == DIRT).all(axis=1)).all()
    pfns = np.flatnonzero(zero.all(axis=1)).tolist()
    for block in (pages, *blocks):
        if not block.is_freed:
            block.free()
    return pages.pfn, pfns


@pytest.mark.parametrize("name", NAMES)
def test_a_primitive_clears_exactly(name: str) -> None:
    """Every byte of the pages, and none beside them, in calls of 1 page to 4 MiB."""
    try:
        machine = Machine.boot(f"memory=16M backing=thp primitive={name}", stack="batched")
    except UnsupportedError as error:
        pytest.skip(str(error))
    with machine:
        for order in range(11):
            first, cleared = cleared_pages(machine, order)
            assert cleared == list(range(first, first + (1 << order)))
        assert set(machine.primitives) == {name}


def test_every_primitive_is_described() -> None:
    """By its own name, once, with its instruction; those every CPU has are among them."""
    found = {one["name"]: one for one in _core.primitives()}

    assert len(found) == len(_core.primitives())
    assert {"memset", "generic"} <= set(primitives.supported()) <= set(found)
    assert all(one["instruction"] for one in found.values())
    assert not found["memset"]["nontemporal"]


def test_the_kernels_primitive_is_one_of_them() -> None:
    """The name "kernel" means the primitive that Linux uses on this CPU."""
    assert primitives.resolve("kernel") in primitives.supported()


def test_an_unknown_primitive_is_named_with_those_that_exist() -> None:
    """And with the one that was meant, where a machine is booted with it too."""
    with pytest.raises(UnknownPrimitiveError, match=r"unknown primitive 'memzet' \(did you mean 'memset'"):
        primitives.resolve("memzet")
    with pytest.raises(UnknownPrimitiveError):
        Machine.boot("memory=16M primitive=memzet")


def test_a_primitive_this_cpu_lacks_is_refused() -> None:
    """With the instruction it needs, and those that can be had."""
    lacking = [one for one in _core.primitives() if not one["supported"] and not one["loaded"]]
    if not lacking:
        pytest.skip("this CPU has them all")

    with pytest.raises(UnsupportedError, match=f"{lacking[0]['name']!r} needs .*lacks: choose one of memset"):
        primitives.resolve(lacking[0]["name"])


def test_a_plugins_primitive_is_loaded_when_it_is_asked_for() -> None:
    """A plugin's primitive is loaded by name; loading it twice has no effect."""
    offered = registry.default().primitives

    for _ in range(2):
        try:
            assert primitives.load("prefetchw", offered) == "prefetchw"
        except UnsupportedError as error:
            pytest.skip(str(error))
    assert [one["name"] for one in _core.primitives() if one["loaded"]].count("prefetchw") == 1


# Calibration


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[primitives.Calibration]]:
    """Measuring costs nothing, and is noted; what is kept for the next process the test can find."""
    notes: list[primitives.Calibration] = []

    def measure() -> primitives.Calibration:
        notes.append(
            primitives.Calibration(("memset", "generic"), {"memset": (1.5, 2.0), "generic": (1.0, 3.0)})
        )
        return notes[-1]

    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(primitives, "_measure", measure)
    primitives.calibration.cache_clear()
    yield notes
    primitives.calibration.cache_clear()


def test_a_cpu_is_measured_once(measured: list[primitives.Calibration]) -> None:
    """In this process and, through the cache, in the next."""
    first = primitives.calibration()
    assert primitives.calibration() is first
    primitives.calibration.cache_clear()

    assert primitives.calibration() == first
    assert len(measured) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "[" * 100_000,
        '{"best": 1, "gbps": {}}',
        '{"best": [], "gbps": []}',
        '{"best": [], "gbps": {}}',
        '{"best": ["none"], "gbps": {"none": [1]}}',
        '{"best": [1], "gbps": {"memset": [1]}}',
        '{"best": [[]], "gbps": {"memset": [1]}}',
        '{"best": ["memset"], "gbps": {"memset": [1, 2]}}',
        '{"best": ["memset"], "gbps": {"memset": ["x"]}}',
    ],
)
def test_a_damaged_cache_is_measured_anew(
    measured: list[primitives.Calibration], tmp_path: Path, text: str
) -> None:
    """And written anew."""
    primitives.calibration()
    (path,) = tmp_path.iterdir()
    path.write_text(text)
    primitives.calibration.cache_clear()

    assert primitives.calibration() == measured[0]
    assert len(measured) == 2
    assert json.loads(path.read_text())["best"] == ["memset", "generic"]


def test_a_cache_that_others_may_write_is_not_believed(
    measured: list[primitives.Calibration], tmp_path: Path
) -> None:
    """Whoever wrote it would choose the instruction that clears."""
    primitives.calibration()
    (path,) = tmp_path.iterdir()
    path.chmod(0o666)
    primitives.calibration.cache_clear()

    primitives.calibration()

    assert len(measured) == 2


def test_a_cache_that_cannot_be_written_is_done_without(
    measured: list[primitives.Calibration], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is measured, and the next process measures again."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLEARFW_CACHE_DIR", str(tmp_path / "file" / "directory"))

    assert primitives.calibration() == measured[0]


@pytest.mark.usefixtures("measured")
def test_best_begins_further_up_for_larger_pages() -> None:
    """The table counts pages of 4 KiB: what is best for 16 KiB is where a 16 KiB page begins."""
    best = tuple(f"p{order}" for order in range(11))
    calibration = primitives.Calibration(best, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(primitives, "calibration", lambda: calibration)

        for page_size, first in ((4096, 0), (16384, 2), (65536, 4)):
            assert primitives.by_size("best", Config(page_size=page_size)) == list(best[first:])


def test_a_named_primitive_needs_no_measurement(measured: list[primitives.Calibration]) -> None:
    """It serves every size, under its own name."""
    assert primitives.by_size("memset", Config()) == ["memset"]
    assert primitives.by_size("kernel", Config()) == [primitives.resolve("kernel")]
    assert measured == []


def test_a_machine_takes_the_best_by_size(measured: list[primitives.Calibration]) -> None:
    """From one page up, and the last for all larger."""
    with Machine.boot("memory=16M primitive=best") as machine:
        assert machine.primitives == ["memset", *["generic"] * 19]
    assert len(measured) == 1


def test_what_is_measured_names_the_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    """By size; where others come within 5 percent, the winner of the largest size serves."""
    samples = np.empty((3, 2, _core.MAX_ORDER + 1))
    samples[:, 0], samples[:, 1] = 1000, 900
    samples[:, 0, 0], samples[:, 1, 0] = 500, 900  # one page: the first is far ahead
    samples[:, 0, 1], samples[:, 1, 1] = 880, 900  # two: a lead within the noise
    samples[0] *= 10  # a round that went wrong
    monkeypatch.setattr(primitives, "supported", lambda: ("memset", "generic"))
    monkeypatch.setattr(primitives, "_sample", lambda _names: samples)

    found = primitives._measure()

    assert found.best == ("memset", *["generic"] * 10)
    assert found.gbps["memset"][0] == round((32 << 20) / 500, 2)
