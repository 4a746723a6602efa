"""What `clearfw kernel` saved, read back: as much of it as a report shows."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import deep_iterable, ge, gt


@attrs.frozen
class SavedRatio:
    """Time before over time after, and its 95 % interval."""

    ratio: float = attrs.field(validator=gt(0))
    ci95: tuple[float, float] = attrs.field(validator=deep_iterable(gt(0)))


@attrs.frozen
class SavedNs:
    """Nanoseconds a block."""

    median: float = attrs.field(validator=gt(0))
    min: float = attrs.field(validator=gt(0))
    max: float = attrs.field(validator=gt(0))


@attrs.frozen
class SavedShape:
    """A kernel, or its model, at one order."""

    ns: SavedNs
    gbps: float = attrs.field(validator=gt(0))


@attrs.frozen
class SavedOrder:
    """One order: by kernel its times, those of the model, and the ratios of both."""

    order: int = attrs.field(validator=ge(0))
    kernel: dict[str, SavedShape]
    alone_ns: dict[str, float]
    ratio: SavedRatio | None
    noise: SavedRatio | None
    model: dict[str, SavedShape]
    model_ratio: SavedRatio | None
    off: float | None
    tolerance: float


@attrs.frozen
class SavedMemory:
    """What a sample filled, and how much of it lay on huge pages."""

    bytes: int = attrs.field(validator=ge(0))
    huge_bytes: int = attrs.field(validator=ge(0))


@attrs.frozen
class SavedKernel:
    """What a kernel was built of."""

    kernel: str
    version: str
    tree: str
    primitive: str
    files: tuple[str, ...]
    clear_pages: bool

    @property
    def said(self) -> str:
        """In a sentence's words."""
        patched = ", ".join(self.files) or "as it stands"
        return f"{self.version} of {self.tree}, {patched}, {self.primitive}"


@attrs.frozen
class SavedKernelBench:
    """What `clearfw kernel bench` measured."""

    environment: dict[str, Any]
    config: dict[str, Any]
    kernels: tuple[SavedKernel, ...]
    notes: tuple[str, ...]
    memory: SavedMemory
    rounds: int
    interrupted: bool
    dirty: dict[str, int]
    results: tuple[SavedOrder, ...]


@attrs.frozen
class SavedAnswer:
    """What one kernel answered."""

    kernel: str
    name: str
    status: str
    summary: str
    evidence: tuple[str, ...]


@attrs.frozen
class SavedKernelChecks:
    """What `clearfw kernel check` found."""

    kernels: tuple[SavedKernel, ...]
    notes: tuple[str, ...]
    results: tuple[SavedAnswer, ...]
