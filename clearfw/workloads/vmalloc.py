"""Areas of vmalloc memory, cleared again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clearfw import _core
from clearfw.workloads.protocol import GIB, Bench, Latency, Options, Scene, Timing, _config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clearfw.machine import Machine


class VmallocBench:
    """One area, whose init point is called repeatedly; the time does not include the mapping."""

    def __init__(self, machine: Machine, options: Options, *, fragmented: bool) -> None:
        self.cases = (None,)
        # The roofline has a machine of its own, since the memory of this one is taken apart.
        self._roof = _core.CoreMachine(attrs.evolve(machine.config, kasan="off", highmem=0))
        self._roof.populate()
        self._roof_arena = _core.Arena(self._roof, machine.config.memory // 4)
        self._hold = _core.Arena(machine, machine.config.memory // 4)
        if fragmented:
            self._hold.fragment(options.seed)
        else:
            self._hold.close()
        # Each scattered page is a mapping, and vm.max_map_count is 65530 as a rule.
        self._area = machine.vmalloc(min(machine.config.memory // 8, 64 << 20))

    def run(self, case: int | None, turn: int) -> Mapping[int | None, Timing]:  # noqa: ARG002
        """Fill the area with garbage, and time its init point."""
        ns, clean = self._area.reinit()
        return {case: Timing(ns, self._area.nbytes, None if clean else 0)}

    def roofline(self, case: int | None, turn: int, primitive: str) -> Timing:  # noqa: ARG002
        """Zero contiguous memory with the same backing."""
        arena = self._roof_arena
        return Timing(arena.roofline(turn % arena.nchunks, primitive, arena.chunk_bytes), arena.chunk_bytes)

    def latencies(self) -> Mapping[int | None, Latency]:
        """Return none."""
        return {}

    def close(self) -> None:
        """Unmap the area and give the memory back."""
        self._area.free()
        self._hold.close()
        self._roof_arena.close()
        self._roof.close()


class Vmalloc:
    """A vmalloc area of scattered pages, and one of contiguous pages."""

    name = "vmalloc"
    summary = (
        "a vmalloc area, of scattered and of contiguous pages, whose init is left to init_vmalloc_pages()"
    )
    point = "vmalloc"
    supports: frozenset[str] = frozenset()

    def scenes(self, options: Options) -> Sequence[Scene]:
        """Two machines of 512 MiB, booted as the one configuration in which the kernel's init point fires."""
        config = attrs.evolve(
            _config(options, GIB // 2),
            kasan="hw_tags",
            kasan_vmalloc=False,
            # 4 KiB mappings of huge pages are slow now and then for reasons of the host's own.
            backing="base" if options.backing == "auto" else options.backing,
            # Mapping the area is not to ask the init point: the samples do.
            init_on_alloc=False,
            init_on_free=False,
        )
        return [Scene("fragmented", config), Scene("contiguous", config)]

    def open(self, scene: Scene, machine: Machine, options: Options) -> Bench:
        """Return an area of an eighth of the memory, 64 MiB at most."""
        return VmallocBench(machine, options, fragmented=scene.label == "fragmented")
