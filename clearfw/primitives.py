"""Available primitives, and the best one for each block size on this CPU."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import random
from typing import TYPE_CHECKING

import attrs

from clearfw import _core
from clearfw.config import Config
from clearfw.errors import OutputError
from clearfw.files import distrust, private_directory, write_text
from clearfw.host import cpu_identity
from clearfw.registry import default

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from clearfw.strategies import Primitive

_ROUNDS = 9
# Ratios between different instructions repeat to about this much.
_NOISE = 0.05
_ARENA = Config(memory=160 << 20, backing="auto")
_CHUNK_NBYTES = 32 << 20


@attrs.frozen
class Calibration:
    """The best primitive by size of call, as measured once on this CPU.

    Attributes:
        best: names for calls of 1, 2, 4, ... pages of 4 KiB; the last for all larger.
        gbps: the throughput of every primitive at each of those sizes, in 1e9 bytes a second.

    """

    best: tuple[str, ...]
    gbps: dict[str, tuple[float, ...]]


def supported() -> tuple[str, ...]:
    """Return the names of the core's own primitives that this CPU can run."""
    return tuple(one["name"] for one in _core.primitives() if one["supported"] and not one["loaded"])


def load(name: str, offered: Mapping[str, Primitive]) -> str:
    """Return a primitive's own name, and load it if a plugin offers it ("kernel" is another name for one).

    Raises UnknownPrimitiveError, UnsupportedError, and what compiling it raises.
    """
    if name in offered:
        offered[name].load()
    return _core.resolve_primitive(name)


def resolve(name: str) -> str:
    """Return the load() function of an installed primitive."""
    return load(name, default().primitives)


def by_size(name: str, config: Config) -> list[str]:
    """Return the primitive for clears of 1, 2, 4, ... pages of a machine of CONFIG: NAME, or those measured.

    Raises UnknownPrimitiveError, UnsupportedError.
    """
    if name != "best":
        return [resolve(name)]
    best = calibration().best
    # Measured in pages of 4 KiB: a larger page begins further up the table.
    return list(best[min(config.page_shift - 12, len(best) - 1) :])


@functools.cache
def calibration() -> Calibration:
    """Return the measurement of this CPU; measure now (a second or two) if there is none."""
    path = _cache_path()
    saved = _saved(path)
    if saved is None:
        saved = _measure()
        _save(path, saved)
    return saved


def _saved(path: Path) -> Calibration | None:
    """Return what was kept at PATH; None where there is nothing, or something damaged or of another user."""
    try:
        if distrust(path.parent) or distrust(path):
            return None
        saved = json.loads(path.read_text())
        best = tuple(saved["best"])
        gbps = {str(name): tuple(map(float, row)) for name, row in saved["gbps"].items()}
        is_known = set(best) <= set(gbps) <= set(supported())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    sizes = {len(best), *(len(row) for row in gbps.values())}
    return Calibration(best, gbps) if best and is_known and len(sizes) == 1 else None


def _cache_path() -> Path:
    from clearfw.toolchain import compiler

    key = hashlib.sha256(f"{cpu_identity()} {_core.ABI} {' '.join(supported())}".encode()).hexdigest()[:16]
    return compiler.cache_dir() / f"primitives-{key}.json"


def _save(path: Path, measured: Calibration) -> None:
    # Where it cannot be written it is measured again next time: slower, and no less right.
    with contextlib.suppress(OSError, OutputError):
        private_directory(path.parent)
        if not distrust(path.parent):
            write_text(path, json.dumps(attrs.asdict(measured)))


def _measure() -> Calibration:
    import numpy as np

    names = supported()
    gbps = _CHUNK_NBYTES / np.median(_sample(names), axis=0)
    winner = int(np.argmax(gbps[:, -1]))
    # A lead within the noise is none: then the winner of the largest size serves the smaller one too.
    tied = gbps[winner] > gbps.max(axis=0) * (1 - _NOISE)
    best = tuple(names[row] for row in np.where(tied, winner, np.argmax(gbps, axis=0)))
    rows = {name: tuple(row.round(2).tolist()) for name, row in zip(names, gbps, strict=True)}
    return Calibration(best, rows)


def _sample(names: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return nanoseconds by round, name and order; interleaved, so that disturbances hit all alike."""
    import numpy as np

    cells = [(row, order) for row in range(len(names)) for order in range(_core.MAX_ORDER + 1)]
    ns = np.empty((_ROUNDS, len(names), _core.MAX_ORDER + 1))
    machine = _core.CoreMachine(_ARENA)  # bare memory: no strategy, hence no Machine
    machine.populate()
    with _core.Arena(machine, _CHUNK_NBYTES) as arena:
        for turn in range(_ROUNDS):
            random.Random(turn).shuffle(cells)  # noqa: S311
            for place, (row, order) in enumerate(cells):
                ns[turn, row, order] = arena.roofline(place % arena.nchunks, names[row], 4096 << order)
    machine.close()
    return ns
